"""How much is looked at, and that what lies beyond is told."""

from typing import Any

import pytest

from tests.fakes.registry import (
    BUNDLE,
    OCI_MANIFEST,
    FakeRegistry,
    Layer,
    descriptor,
)
from tests.fakes.replies import endless
from tests.registry.conftest import Connect, Crowd, contents, evidence, manifest_path, reasons, tag
from webhook.registry.settings import Limits
from webhook.signatures.bundle import SIGNATURE_PREDICATE

LAYERS = [Layer(b"%03d" % number) for number in range(60)]


async def test_sig_10_layers_beyond_the_ceiling_are_not_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, LAYERS)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [layer.content for layer in LAYERS[10:]]
    assert found.attachments[0].source == f"{tag(digest, '.sig')}, layer 10"
    assert reasons(found) == [(tag(digest, ".sig"), "it has 60 layers; the last 50 are looked at")]
    assert [one.beyond for one in found.unusable] == [True]


async def test_sig_10_referrers_beyond_the_ceiling_are_not_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    for number in range(60):
        registry.put_bundle("team/app", digest, b"%d" % number)
    found = await evidence(connect(), registry, digest)
    assert len(found.attachments) == 50
    assert reasons(found) == [("referrers", "there are 60; 50 of them are looked at")]
    assert [one.beyond for one in found.unusable] == [True]


async def test_sig_10_a_list_of_a_hundred_thousand_referrers_is_over_the_ceiling(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"payload")])
    entries = [descriptor(OCI_MANIFEST, f"sha256:{number:064x}", artifactType=BUNDLE) for number in range(100_000)]
    registry.put_fallback_tag("team/app", digest, entries)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"payload"]
    assert reasons(found) == [(tag(digest), f"registry {registry.host} answered with more than 4194304 bytes")]


async def test_of_too_many_referrers_those_that_say_they_are_signatures_and_then_the_newest_are_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_bundle("team/app", digest, b"first", created="2026-01-01T00:00:00Z")
    for day in range(10, 30):
        created = f"2026-02-{day}T00:00:00Z"
        registry.put_attestation("team/app", digest, b"%d" % day, carrier="referrer", created=created)
    registry.put_bundle("team/app", digest, b"silent")
    signature = registry.put_bundle("team/app", digest, b"signature", predicate_type=SIGNATURE_PREDICATE)
    registry.put_fallback_tag("team/app", digest, [descriptor(OCI_MANIFEST, signature, artifactType=BUNDLE)])
    found = await evidence(connect(limits=Limits(referrers=4)), registry, digest)
    assert contents(found) == [b"signature", b"29", b"28", b"27"]
    assert reasons(found) == [("referrers", "there are 23; 4 of them are looked at")]
    assert [one.beyond for one in found.unusable] == [True]


async def test_a_layer_over_the_ceiling_is_not_fetched_and_the_rest_is(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"x" * 101), Layer(b"good")])
    found = await evidence(connect(limits=Limits(layer_bytes=100)), registry, digest)
    assert contents(found) == [b"good"]
    reason = "it has 101 bytes; expected at most 100 of a signature"
    assert reasons(found) == [(f"{tag(digest, '.sig')}, layer 0", reason)]
    assert len([path for path in registry.paths if "/blobs/" in path]) == 1


async def test_all_layers_together_have_a_ceiling(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    registry.put_signature("team/app", digest, [Layer(b"1" * 60), Layer(b"2" * 60), Layer(b"3" * 40)])
    found = await evidence(connect(limits=Limits(evidence_bytes=100)), registry, digest)
    assert [content[:1] for content in contents(found)] == [b"1", b"3"]
    reason = "it has 60 bytes, and the others beside the image leave 40 of the 100 that are read"
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


@pytest.mark.parametrize("limits", [Limits(fetches=3), Limits(fetches=39, connections_per_registry=6)])
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


@pytest.mark.parametrize("carrier", ["tag", "referrer"])
async def test_more_are_looked_at_where_attestations_are_asked_for(
    registry: FakeRegistry, connect: Connect, digest: str, carrier: Any
) -> None:
    limits = Limits(layers=1, referrers=1, attested_items=3)
    for number in range(3):
        registry.put_attestation("team/app", digest, str(number).encode(), carrier=carrier)
    found = await evidence(connect(limits=limits), registry, digest, attestations=True)
    assert (len(found.attachments), found.unusable) == (3, ())
    registry.put_attestation("team/app", digest, b"3", carrier=carrier)
    found = await evidence(connect(limits=limits), registry, digest, attestations=True)
    assert (len(found.attachments), [one.beyond for one in found.unusable]) == (3, [True])
