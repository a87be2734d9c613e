"""What lies beside an image: every place and every shape."""

import pytest

from tests.fakes.registry import (
    BUNDLE,
    OCI_INDEX,
    OCI_MANIFEST,
    SIMPLE_SIGNING,
    FakeRegistry,
    Layer,
    descriptor,
    index,
)
from tests.fakes.replies import answering
from tests.registry.conftest import Connect, contents, evidence, manifest_path, tag
from webhook.registry.discovery import COSIGN_SIGNATURE
from webhook.signatures.evidence import Attachment, Evidence

OTHER = "sha256:" + "f" * 64


async def test_an_image_beside_which_nothing_lies_has_empty_evidence(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    for api in (True, False):
        registry.referrers_api = api
        assert await evidence(connect(), registry, digest) == Evidence()


async def test_an_images_manifest_is_not_asked_for(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    await evidence(connect(), registry, digest)
    assert manifest_path(digest) not in registry.paths


async def test_the_signature_tag_has_one_attachment_for_each_layer(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"one", {"a": "b"}), Layer(b"two")])
    source = tag(digest, ".sig")
    assert await evidence(connect(), registry, digest) == Evidence(
        (
            Attachment(f"{source}, layer 0", SIMPLE_SIGNING, b"one", {"a": "b"}),
            Attachment(f"{source}, layer 1", SIMPLE_SIGNING, b"two", {}),
        )
    )


async def test_layers_of_one_content_are_fetched_once_and_stay_apart(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"one", {"by": "a"}), Layer(b"one", {"by": "b"})])
    found = await evidence(connect(), registry, digest)
    assert [attachment.annotations for attachment in found.attachments] == [{"by": "a"}, {"by": "b"}]
    assert len([path for path in registry.paths if "/blobs/" in path]) == 1


@pytest.mark.parametrize("filters", [True, False])
@pytest.mark.parametrize("artifact_types", [True, False])
async def test_referrers_of_the_api_are_found_whether_it_filters_or_not(
    registry: FakeRegistry, connect: Connect, digest: str, filters: bool, artifact_types: bool
) -> None:
    registry.filters, registry.artifact_types = filters, artifact_types
    referrer = registry.put_bundle("team/app", digest, b"bundle")
    registry.put_referrer("team/app", digest, [Layer(b"sbom")], "application/spdx+json")
    registry.put_bundle("team/app", OTHER, b"of another image")
    found = await evidence(connect(), registry, digest)
    assert found == Evidence((Attachment(f"referrer {referrer}, layer 0", BUNDLE, b"bundle", {}),))


async def test_the_api_is_asked_for_bundles_first(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    await evidence(connect(), registry, digest)
    asked = [asked.query for asked in registry.asked if "/referrers/" in asked.path]
    assert asked == [{"artifactType": BUNDLE}, {"artifactType": COSIGN_SIGNATURE}]


async def test_a_registry_that_does_not_filter_is_asked_once(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.filters = False
    await evidence(connect(), registry, digest)
    assert len([path for path in registry.paths if "/referrers/" in path]) == 1


@pytest.mark.parametrize("filters", [True, False])
async def test_cosigns_own_signatures_as_referrers_may_have_several_layers(
    registry: FakeRegistry, connect: Connect, digest: str, filters: bool
) -> None:
    registry.filters = filters
    registry.put_referrer("team/app", digest, [Layer(b"one"), Layer(b"two")], COSIGN_SIGNATURE)
    assert contents(await evidence(connect(), registry, digest)) == [b"one", b"two"]


async def test_without_the_api_the_fallback_tag_lists_referrers(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.referrers_api = False
    referrer = registry.put_bundle("team/app", digest, b"bundle")
    sbom = registry.put_referrer("team/app", digest, [Layer(b"sbom")], "application/spdx+json")
    entries = [
        descriptor(OCI_MANIFEST, sbom, artifactType="application/spdx+json"),
        descriptor(OCI_MANIFEST, referrer, artifactType=BUNDLE),
    ]
    registry.put_fallback_tag("team/app", digest, entries)
    assert contents(await evidence(connect(), registry, digest)) == [b"bundle"]
    assert manifest_path(sbom) not in registry.paths


@pytest.mark.parametrize("status", [400, 404, 405, 406])
async def test_a_registry_older_than_the_api_has_no_referrers(
    registry: FakeRegistry, connect: Connect, digest: str, status: int
) -> None:
    registry.replies[f"/v2/team/app/referrers/{digest}"] = answering(status)
    registry.put_signature("team/app", digest, [Layer(b"payload")])
    found = await evidence(connect(), registry, digest)
    assert (contents(found), found.unusable, found.complete) == ([b"payload"], (), True)


async def test_api_and_fallback_tag_are_merged(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    both = registry.put_bundle("team/app", digest, b"in both")
    listed = registry.put_referrer("team/app", digest, [Layer(b"in the tag alone")], COSIGN_SIGNATURE)
    registry.replies[f"/v2/team/app/referrers/{digest}"] = answering(
        200, index([descriptor(OCI_MANIFEST, both, artifactType=BUNDLE)]), {"Content-Type": OCI_INDEX}
    )
    entries = [descriptor(OCI_MANIFEST, each, artifactType="") for each in (both, listed)]
    registry.put_fallback_tag("team/app", digest, entries)
    assert contents(await evidence(connect(), registry, digest)) == [b"in both", b"in the tag alone"]
    assert registry.paths.count(manifest_path(both)) == 1


async def test_sig_23_no_place_hides_another(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    registry.put_signature("team/app", digest, [Layer(b"legacy")])
    registry.put_bundle("team/app", digest, b"bundle")
    assert contents(await evidence(connect(), registry, digest)) == [b"legacy", b"bundle"]


async def test_an_entry_of_another_type_hides_no_entry_of_the_same_digest(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    referrer = registry.put_bundle("team/app", digest, b"bundle")
    registry.put_fallback_tag(
        "team/app", digest, [descriptor(OCI_MANIFEST, referrer, artifactType="application/spdx+json")]
    )
    assert contents(await evidence(connect(), registry, digest)) == [b"bundle"]
