"""How much is looked at, and that what lies beyond is told."""

import asyncio

import pytest
from aiohttp import web

from tests.fakes.registry import (
    BUNDLE,
    OCI_MANIFEST,
    FakeRegistry,
    Layer,
    descriptor,
)
from tests.fakes.replies import endless
from tests.registry.conftest import Connect, contents, evidence, manifest_path, reasons, tag
from webhook.cli.demo.registry import Handler
from webhook.registry.settings import Limits

LAYERS = [Layer(b"%03d" % number) for number in range(60)]


async def test_sig_10_layers_beyond_the_ceiling_are_not_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, LAYERS)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [layer.content for layer in LAYERS[:50]]
    assert reasons(found) == [(tag(digest, ".sig"), "it has 60 layers; the first 50 are looked at")]


async def test_sig_10_referrers_beyond_the_ceiling_are_not_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    for number in range(60):
        registry.put_bundle("team/app", digest, b"%d" % number)
    found = await evidence(connect(), registry, digest)
    assert len(found.attachments) == 50
    assert reasons(found) == [("referrers", "there are 60; the first 50 are looked at")]


async def test_sig_10_a_list_of_a_hundred_thousand_referrers_is_over_the_ceiling(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"payload")])
    entries = [descriptor(OCI_MANIFEST, f"sha256:{number:064x}", artifactType=BUNDLE) for number in range(100_000)]
    registry.put_fallback_tag("team/app", digest, entries)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"payload"]
    assert reasons(found) == [(tag(digest), f"registry {registry.host} answered with more than 4194304 bytes")]


async def test_a_layer_over_the_ceiling_is_not_fetched_and_the_rest_is(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"x" * 101), Layer(b"good")])
    found = await evidence(connect(limits=Limits(layer_bytes=100)), registry, digest)
    assert contents(found) == [b"good"]
    reason = "it has 101 bytes; expected at most 100, and 4194304 for all signatures together"
    assert reasons(found) == [(f"{tag(digest, '.sig')}, layer 0", reason)]
    assert len([path for path in registry.paths if "/blobs/" in path]) == 1


async def test_all_layers_together_have_a_ceiling(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    registry.put_signature("team/app", digest, [Layer(b"1" * 60), Layer(b"2" * 60), Layer(b"3" * 40)])
    found = await evidence(connect(limits=Limits(evidence_bytes=100)), registry, digest)
    assert [content[:1] for content in contents(found)] == [b"1", b"3"]
    reason = "it has 60 bytes; expected at most 1048576, and 100 for all signatures together"
    assert reasons(found) == [(f"{tag(digest, '.sig')}, layer 1", reason)]


async def test_reg_07_a_layer_longer_than_it_was_said_to_be_is_cut_off(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"payload"), Layer(b"good")])
    blob = registry.put_blob("team/app", b"payload")
    registry.replies[f"/v2/team/app/blobs/{blob}"] = endless()
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"good"]
    assert reasons(found) == [
        (f"{tag(digest, '.sig')}, layer 0", f"registry {registry.host} answered with more than 7 bytes")
    ]


class Crowd:
    """Answers only when three requests wait for it, and counts how many there were at most."""

    def __init__(self) -> None:
        self.most = 0
        self._under_way = 0
        self._full = asyncio.Barrier(3)

    def answering(self, content: bytes) -> Handler:
        async def answer(_request: web.Request) -> web.StreamResponse:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            await self._full.wait()
            self._under_way -= 1
            return web.Response(body=content, headers={"Content-Type": OCI_MANIFEST})

        return answer


@pytest.mark.parametrize("limits", [Limits(fetches=3), Limits(fetches=39, connections_per_registry=3)])
async def test_a_few_layers_are_fetched_at_once(
    registry: FakeRegistry, connect: Connect, digest: str, limits: Limits
) -> None:
    crowd = Crowd()
    registry.put_signature("team/app", digest, LAYERS[:39])
    for content in (layer.content for layer in LAYERS[:39]):
        path = f"/v2/team/app/blobs/{registry.put_blob('team/app', content)}"
        registry.replies[path] = crowd.answering(content)
    found = await evidence(connect(limits=limits), registry, digest)
    assert (len(found.attachments), crowd.most) == (39, 3)


async def test_a_few_referrers_are_fetched_at_once(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    crowd = Crowd()
    for layer in LAYERS[:39]:
        referrer = registry.put_bundle("team/app", digest, layer.content)
        content = registry.repositories["team/app"].manifests[referrer].content
        registry.replies[manifest_path(referrer)] = crowd.answering(content)
    found = await evidence(connect(limits=Limits(fetches=3)), registry, digest)
    assert (len(found.attachments), crowd.most) == (39, 3)
