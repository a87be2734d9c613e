"""Attestations beside an image: where they lie, and that they are looked for only where they are asked for."""

import pytest

from tests.fakes.registry import (
    BUNDLE,
    ENVELOPE,
    OCI_INDEX,
    SIMPLE_SIGNING,
    FakeRegistry,
    Layer,
    index,
)
from tests.fakes.replies import answering
from tests.registry.conftest import Connect, contents, evidence, manifest_path, reasons, tag
from webhook.codes import Code
from webhook.registry.discovery import COSIGN_SIGNATURE, IN_TOTO
from webhook.signatures.evidence import Attachment, Evidence


async def test_the_attestation_tag_has_one_attachment_for_each_layer(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_attestation("team/app", digest, b"one", annotations={"by": "a"}, predicate_type="x")
    registry.put_attestation("team/app", digest, b"two", predicate_type="y")
    source, signature = tag(digest, ".att"), "dev.cosignproject.cosign/signature"
    assert await evidence(connect(), registry, digest, attestations=True) == Evidence(
        (
            Attachment(f"{source}, layer 0", ENVELOPE, b"one", {signature: "", "predicateType": "x", "by": "a"}),
            Attachment(f"{source}, layer 1", ENVELOPE, b"two", {signature: "", "predicateType": "y"}),
        )
    )


async def test_the_attestation_tag_is_not_asked_for_unless_attestations_are(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_attestation("team/app", digest, b"envelope")
    assert await evidence(connect(), registry, digest) == Evidence()
    assert manifest_path(tag(digest, ".att")) not in registry.paths


async def test_a_bundle_may_be_an_attestation_so_it_is_there_whatever_is_asked_for(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    referrer = registry.put_attestation("team/app", digest, b"bundle", carrier="referrer")
    expected = Evidence((Attachment(f"referrer {referrer}, layer 0", BUNDLE, b"bundle", {}),))
    for attestations in (False, True):
        assert await evidence(connect(), registry, digest, attestations=attestations) == expected


async def test_sig_23_no_carrier_hides_another(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    registry.put_attestation("team/app", digest, b"bundle", carrier="referrer")
    registry.put_attestation("team/app", digest, b"envelope")
    registry.put_signature("team/app", digest, [Layer(b"signature")])
    found = await evidence(connect(), registry, digest, attestations=True)
    assert [(each.media_type, each.content) for each in found.attachments] == [
        (SIMPLE_SIGNING, b"signature"),
        (ENVELOPE, b"envelope"),
        (BUNDLE, b"bundle"),
    ]


@pytest.mark.parametrize("filters", [True, False])
async def test_envelopes_as_referrers_may_have_several_layers(
    registry: FakeRegistry, connect: Connect, digest: str, filters: bool
) -> None:
    registry.filters = filters
    envelopes = [Layer(b"one", {"a": "b"}, ENVELOPE), Layer(b"two", media_type=ENVELOPE)]
    registry.put_referrer("team/app", digest, envelopes, IN_TOTO)
    assert contents(await evidence(connect(), registry, digest)) == []
    assert contents(await evidence(connect(), registry, digest, attestations=True)) == [b"one", b"two"]


async def test_the_api_is_asked_for_all_kinds_of_attestations(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    await evidence(connect(), registry, digest, attestations=True)
    asked = [asked.query["artifactType"] for asked in registry.asked if "/referrers/" in asked.path]
    assert asked[0] == BUNDLE
    assert sorted(asked[1:]) == sorted([COSIGN_SIGNATURE, IN_TOTO])


async def test_an_attestation_tag_that_does_not_answer_is_told_and_the_rest_is_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_attestation("team/app", digest, b"bundle", carrier="referrer")
    registry.replies[manifest_path(tag(digest, ".att"))] = answering(503)
    found = await evidence(connect(), registry, digest, attestations=True)
    assert contents(found) == [b"bundle"]
    assert [(each.source, each.code) for each in found.unanswered] == [(tag(digest, ".att"), Code.REGISTRY_UNAVAILABLE)]


async def test_an_attestation_tag_that_is_no_manifest_is_told_and_the_rest_is_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"signature")])
    registry.put_manifest("team/app", index([]), OCI_INDEX, f"{digest.replace(':', '-')}.att")
    found = await evidence(connect(), registry, digest, attestations=True)
    assert contents(found) == [b"signature"]
    assert reasons(found) == [(tag(digest, ".att"), "an index lies where a manifest is expected")]


async def test_an_attestation_that_is_not_what_its_digest_names_is_not_evidence(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_attestation("team/app", digest, b"forged")
    registry.replies[f"/v2/team/app/blobs/{registry.put_blob('team/app', b'forged')}"] = answering(200, b"FORGED")
    found = await evidence(connect(), registry, digest, attestations=True)
    assert contents(found) == []
    reason = f"registry {registry.host} answered with other content than the digest names"
    assert reasons(found) == [(f"{tag(digest, '.att')}, layer 0", reason)]


async def test_what_vouches_for_an_image_may_lie_in_a_repository_where_the_image_is_not(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    """As cosign writes it with COSIGN_REPOSITORY, for both formats."""
    elsewhere = "team/signatures"
    registry.put_signature(elsewhere, digest, [Layer(b"signature")])
    registry.put_attestation(elsewhere, digest, b"envelope")
    registry.put_attestation(elsewhere, digest, b"bundle", carrier="referrer")
    assert digest not in registry.repositories[elsewhere].manifests
    found = await evidence(connect(), registry, digest, attestations=True, repository=elsewhere)
    assert contents(found) == [b"signature", b"envelope", b"bundle"]
    assert (found.unusable, found.unanswered) == ((), ())
    assert all(path.startswith(f"/v2/{elsewhere}/") for path in registry.paths)


async def test_bundles_elsewhere_are_listed_by_the_fallback_tag_too(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.referrers_api = False
    referrer = registry.put_bundle("team/signatures", digest, b"bundle")
    entry = registry.entry("team/signatures", referrer, artifactType=BUNDLE)
    registry.put_fallback_tag("team/signatures", digest, [entry])
    found = await evidence(connect(), registry, digest, attestations=False, repository="team/signatures")
    assert contents(found) == [b"bundle"]
