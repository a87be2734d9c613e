"""Long attestations: how much of them is read, in which order, and what it costs."""

import asyncio
import tracemalloc
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from tests.fakes.registry import ENVELOPE, FakeRegistry, Layer, diff_id
from tests.fakes.replies import after, answering, streaming
from tests.registry.conftest import Connect, contents, evidence, pinned, reasons, tag
from webhook.registry.settings import MIB, Limits

R = TypeVar("R")


def blobs(registry: FakeRegistry) -> list[str]:
    """The blobs asked for, in order."""
    return [path.rpartition("/")[2] for path in registry.paths if "/blobs/" in path]


@pytest.mark.parametrize("carrier", ["tag", "referrer"])
async def test_an_attestation_of_16_mib_is_read_and_one_of_a_byte_more_is_not(
    registry: FakeRegistry, connect: Connect, digest: str, carrier: Any
) -> None:
    registry.put_attestation("team/app", digest, bytes(16 * MIB), carrier=carrier)
    over = registry.put_attestation("team/app", digest, bytes(16 * MIB + 1), carrier=carrier)
    found = await evidence(connect(), registry, digest, attestations=True)
    assert [len(content) for content in contents(found)] == [16 * MIB]
    source = f"{tag(digest, '.att')}, layer 1" if carrier == "tag" else f"referrer {over}, layer 0"
    assert reasons(found) == [(source, "it has 16777217 bytes; expected at most 16777216 of an attestation")]
    assert [one.beyond for one in found.unusable] == [True]
    assert len(blobs(registry)) == 1


async def test_attestations_together_may_have_24_mib(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    for size in (16 * MIB, 8 * MIB + 1):
        registry.put_attestation("team/app", digest, bytes(size))
    found = await evidence(connect(), registry, digest, attestations=True)
    assert [len(content) for content in contents(found)] == [8 * MIB + 1]
    reason = "it has 16777216 bytes, and the others beside the image leave 16777215 of the 25165824 that are read"
    assert reasons(found) == [(f"{tag(digest, '.att')}, layer 0", reason)]
    assert [one.beyond for one in found.unusable] == [True]


async def test_a_bundle_longer_than_a_signature_needs_that_attestations_are_asked_for(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_attestation("team/app", digest, bytes(MIB), carrier="referrer")
    over = registry.put_attestation("team/app", digest, bytes(MIB + 1), carrier="referrer")
    found = await evidence(connect(), registry, digest)
    assert [len(content) for content in contents(found)] == [MIB]
    reason = "it has 1048577 bytes; expected at most 1048576 of a signature, and no attestations are asked for"
    assert reasons(found) == [(f"referrer {over}, layer 0", reason)]


async def test_what_cannot_be_an_attestation_has_the_ceiling_of_a_signature(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(bytes(MIB + 1))])
    found = await evidence(connect(), registry, digest, attestations=True)
    assert contents(found) == []
    reason = "it has 1048577 bytes; expected at most 1048576 of a signature"
    assert reasons(found) == [(f"{tag(digest, '.sig')}, layer 0", reason)]


async def test_sig_10_a_long_document_does_not_crowd_out_what_is_found_after_it(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_attestation("team/app", digest, b"x" * 900)
    registry.put_attestation("team/app", digest, b"y" * 200)
    registry.put_bundle("team/app", digest, b"z" * 150)
    found = await evidence(
        connect(limits=Limits(attested_evidence_bytes=1000, prompt_bytes=100)), registry, digest, attestations=True
    )
    assert contents(found) == [b"y" * 200, b"z" * 150]
    reason = "it has 900 bytes, and the others beside the image leave 650 of the 1000 that are read"
    assert reasons(found) == [(f"{tag(digest, '.att')}, layer 0", reason)]


@pytest.mark.parametrize("attestations", [False, True])
async def test_long_layers_are_fetched_in_the_order_of_their_sizes(
    registry: FakeRegistry, connect: Connect, digest: str, attestations: bool
) -> None:
    texts = ["long" * 300, "long" * 100, "short", "long" * 200]
    registry.put_signature("team/app", digest, [Layer(text.encode(), media_type=ENVELOPE) for text in texts])
    client = connect(limits=Limits(prompt_bytes=100, fetches=1))
    found = await evidence(client, registry, digest, attestations=attestations)
    assert contents(found) == [text.encode() for text in texts]
    assert blobs(registry) == [diff_id(text) for text in sorted(texts, key=len)]


async def test_a_short_layer_is_fetched_before_all_places_have_answered_and_a_long_one_after(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    answered, fetched = asyncio.Event(), asyncio.Event()
    registry.put_signature("team/app", digest, [Layer(b"long" * 100), Layer(b"short")])

    async def short(request: Any) -> Any:
        fetched.set()
        return await streaming(b"short")(request)

    registry.replies[f"/v2/team/app/referrers/{digest}"] = after(answered, answering(404))
    registry.replies[f"/v2/team/app/blobs/{diff_id('short')}"] = short
    searching = asyncio.create_task(evidence(connect(limits=Limits(prompt_bytes=100)), registry, digest))
    await fetched.wait()
    assert blobs(registry) == [diff_id("short")]
    answered.set()
    assert contents(await searching) == [b"long" * 100, b"short"]
    assert blobs(registry) == [diff_id("short"), diff_id("long" * 100)]


async def test_a_long_layer_is_in_memory_once(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    content = bytes(16 * MIB)
    registry.put_attestation("team/app", digest, content)
    registry.replies[f"/v2/team/app/blobs/{registry.put_blob('team/app', content)}"] = streaming(content)
    client = connect()
    await evidence(client, registry, digest)
    tracemalloc.start()
    try:
        found = await evidence(client, registry, digest, attestations=True)
        assert contents(found) == [content]
        assert tracemalloc.get_traced_memory()[1] < 1.25 * len(content)
    finally:
        tracemalloc.stop()


class CountingPool(ThreadPoolExecutor):
    """Counts what it was given to do."""

    given = 0

    def submit(self, function: Callable[..., R], /, *arguments: Any, **named: Any) -> Future[R]:
        self.given += 1
        return super().submit(function, *arguments, **named)


@pytest.mark.parametrize(("size", "threads"), [(MIB, 0), (MIB + 1, 1)])
async def test_the_digest_of_more_than_a_mebibyte_is_found_out_beside_the_event_loop(
    registry: FakeRegistry, connect: Connect, digest: str, size: int, threads: int
) -> None:
    pool = CountingPool()
    asyncio.get_running_loop().set_default_executor(pool)
    registry.put_attestation("team/app", digest, bytes(size))
    found = await connect().evidence(pinned(registry, digest), attestations=True)
    assert [len(content) for content in contents(found)] == [size]
    assert pool.given == threads
