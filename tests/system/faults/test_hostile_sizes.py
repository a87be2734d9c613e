"""F-19 and F-20: what is huge is held to the memory that the chart gives, and holds up nobody else."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest
import trustme

from tests.fakes.documents import OCI_MANIFEST
from tests.fakes.images import key, signature
from tests.fakes.registry import Layer
from tests.fakes.replies import answering
from tests.system.faults.clients import Client, client, not_admitted
from tests.system.faults.registry import TroubledRegistry
from tests.system.faults.replicas import Start, memory_limit, most_memory, trusting
from tests.system.pods import pod
from tests.system.program import Server, get
from tests.system.reviews import review

pytestmark = [pytest.mark.system, pytest.mark.timeout(90, func_only=True)]

MIB: Final = 2**20
PROBE_SECONDS: Final = 5
"""`timeoutSeconds` of the liveness probe in the chart."""

LONGEST_SECONDS: Final = 30
"""What a webhook may be given by an API server, and what these crowds need where others work on the same cores."""

UNKNOWN: Final = "registry.invalid/team/app"


@asynccontextmanager
async def business(server: Server, api_server: Client, known: str) -> AsyncIterator[list[str]]:
    """Probes and reviews of a known image, again and again for the time of a block; what failed of them."""
    ending = asyncio.Event()
    failures: list[str] = []

    async def go_on() -> None:
        while not ending.is_set():
            status, _ = await asyncio.to_thread(get, f"http://127.0.0.1:{server.health_port}/livez")
            answers = await api_server.ask_all([review(known)] * 4)
            failures.extend([] if status == 200 else [f"livez: {status}"])
            failures.extend(str(each) for each in not_admitted(answers))

    going_on = asyncio.create_task(go_on())
    try:
        yield failures
    finally:
        ending.set()
        await going_on


def _repeated(before: bytes, unit: bytes, after: bytes) -> bytes:
    """A document of nearly 4 MiB that repeats a unit."""
    times = (4 * MIB - len(before) - len(after)) // (len(unit) + 1)
    return before + b",".join([unit] * times) + after


MANIFESTS: Final = {
    "layers": _repeated(b'{"schemaVersion":2,"layers":[', b"{}", b"]}"),
    "values": _repeated(b'{"schemaVersion":2,"layers":[],"x":[', b"0", b"]}"),
    "depth": b'{"schemaVersion":2,"layers":' + b"[" * (4 * MIB - 100),
    "text": b'{"schemaVersion":2,"layers":[],"x":"' + b"x" * (4 * MIB - 100) + b'"}',
    "names": b'{"schemaVersion":2,"layers":[],' + b",".join(b'"%06x":{}' % number for number in range(340_000)) + b"}",
}


@pytest.mark.parametrize("much", MANIFESTS)
async def test_f_19_fifty_hostile_manifests_of_four_mebibytes_at_once_keep_to_the_memory_limit(
    start: Start, registry: TroubledRegistry, other: TroubledRegistry, ca: trustme.CA, much: str
) -> None:
    server, known = start(registry.host, other.host), other.image("known")
    images = [registry.image(f"hostile-{number}", signed=False) for number in range(50)]
    content = MANIFESTS[much]
    assert 3 * MIB < len(content) <= 4 * MIB
    for image in images:
        registry.replies[_signatures(image)] = answering(200, content, {"Content-Type": OCI_MANIFEST})
    async with client(server, trusting(ca), 50) as crowd, client(server, trusting(ca)) as api_server:
        assert (await api_server.ask(review(known))).allowed
        async with business(server, api_server, known) as failures:
            answers = await crowd.ask_all(map(review, images), LONGEST_SECONDS)
    assert failures == []
    assert {each.code for each in answers} <= {"SIGNATURE_INVALID", "VERIFICATION_TIMED_OUT"}
    assert most_memory(server) < memory_limit()


def _signatures(image: str) -> str:
    """The path of the manifest in which signatures of an image lie in cosign's older format."""
    name, _, digest = image.partition("@")
    return f"/v2/{name.partition('/')[2]}/manifests/{digest.replace(':', '-')}.sig"


def _long(size: int) -> dict[str, Any]:
    return {**pod("web", UNKNOWN), "x": "x" * size}


def _crowded(size: int) -> dict[str, Any]:
    container = {"name": "app", "image": UNKNOWN, "env": []}
    return {**pod("web", UNKNOWN), "spec": {"containers": [container] * (size // len(json.dumps(container)))}}


def _listing(size: int) -> dict[str, Any]:
    return {**pod("web", UNKNOWN), "x": [{}] * (size // len("{}, "))}


@pytest.mark.parametrize("make", [_long, _crowded, _listing])
async def test_f_19_a_hundred_reviews_of_ten_mebibytes_at_once_keep_to_the_memory_limit(
    start: Start, other: TroubledRegistry, ca: trustme.CA, make: Callable[[int], dict[str, Any]]
) -> None:
    """There is room for a few; to the others the API server is asked to come again. Another one goes on."""
    server, known = start(other.host), other.image("known")
    request = json.loads(review(UNKNOWN))
    request["request"]["object"] = make(10 * MIB)
    body = json.dumps(request).encode()
    async with (
        client(server, trusting(ca), 100) as crowd,
        client(server, trusting(ca), address="127.0.0.2") as api_server,
    ):
        assert (await api_server.ask(review(known))).allowed
        async with business(server, api_server, known) as failures:
            answers = await crowd.ask_all([body] * 100, LONGEST_SECONDS)
    assert failures == []
    assert {each.status for each in answers} == {200, 503}
    assert all(each.denied for each in answers if each.status == 200)
    assert {each.retry_after for each in answers if each.status == 503} == {"1"}
    assert most_memory(server) < memory_limit()


async def test_f_20_very_many_signatures_that_do_not_hold_keep_nobody_waiting(
    start: Start, registry: TroubledRegistry, other: TroubledRegistry, ca: trustme.CA
) -> None:
    server, known = start(registry.host, other.host), other.image("known")
    images = [registry.image(f"forged-{number}", signed=False) for number in range(50)]
    for image in images:
        name, _, digest = image.partition("@")
        registry.put_signature(name.partition("/")[2], digest, [_by_a_stranger(image) for _ in range(50)])
    async with client(server, trusting(ca), 50) as crowd, client(server, trusting(ca)) as api_server:
        assert (await api_server.ask(review(known))).allowed
        async with business(server, api_server, known) as failures:
            answers = await crowd.ask_all(map(review, images), LONGEST_SECONDS)
    assert failures == []
    assert {each.code for each in answers} == {"SIGNER_NOT_ALLOWED"}
    assert server.metric("tidewaiter_event_loop_lag_seconds") < PROBE_SECONDS


def _by_a_stranger(image: str) -> Layer:
    found = signature(key(), image)
    return Layer(found.content, found.annotations)
