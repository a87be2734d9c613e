"""What is found and is not evidence, and that it leaves the rest."""

from collections.abc import Sequence

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
    manifest,
)
from tests.fakes.replies import answering
from tests.registry.conftest import Connect, contents, evidence, manifest_path, reasons, tag

OTHER = "sha256:" + "f" * 64


NOT_JSON = "the manifest is not the JSON document that its type says"
OTHER_CONTENT = "registry {} answered with other content than the digest names"


async def test_sig_05_a_layer_that_is_not_what_its_digest_names_is_not_evidence(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_signature("team/app", digest, [Layer(b"forged"), Layer(b"good")])
    blob = registry.put_blob("team/app", b"forged")
    registry.replies[f"/v2/team/app/blobs/{blob}"] = answering(200, b"FORGED")
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"good"]
    assert reasons(found) == [(f"{tag(digest, '.sig')}, layer 0", OTHER_CONTENT.format(registry.host))]


async def test_reg_06_a_referrer_that_is_not_what_its_digest_names_is_not_evidence(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    referrer = registry.put_bundle("team/app", digest, b"bundle")
    body = registry.repositories["team/app"].manifests[referrer].content + b" "
    registry.replies[manifest_path(referrer)] = answering(200, body, {"Content-Type": OCI_MANIFEST})
    found = await evidence(connect(), registry, digest)
    assert contents(found) == []
    assert reasons(found) == [(f"referrer {referrer}", OTHER_CONTENT.format(registry.host))]


async def test_sig_24_a_referrer_of_another_image_is_not_evidence(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.referrers_api = False
    foreign = registry.put_bundle("team/app", OTHER, b"bundle")
    orphan = registry.put_manifest("team/app", manifest(OTHER, [], artifactType=BUNDLE), OCI_MANIFEST)
    entries = [descriptor(OCI_MANIFEST, each, artifactType=BUNDLE) for each in (foreign, orphan)]
    registry.put_fallback_tag("team/app", digest, entries)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == []
    assert reasons(found) == [(f"referrer {each}", "its subject is another digest") for each in (foreign, orphan)]


@pytest.mark.parametrize("layers", [[], [Layer(b"one"), Layer(b"two")]])
async def test_a_bundle_has_exactly_one_layer(
    registry: FakeRegistry, connect: Connect, digest: str, layers: Sequence[Layer]
) -> None:
    referrer = registry.put_referrer("team/app", digest, layers)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == []
    assert reasons(found) == [(f"referrer {referrer}", f"it has {len(layers)} layers; expected one bundle")]


async def test_what_is_listed_and_not_there_is_said_to_be_so(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_fallback_tag("team/app", digest, [descriptor(OCI_MANIFEST, OTHER, artifactType=BUNDLE)])
    content = manifest(OTHER, [descriptor(SIMPLE_SIGNING, OTHER)])
    registry.put_manifest("team/app", content, OCI_MANIFEST, f"{digest.replace(':', '-')}.sig")
    assert reasons(await evidence(connect(), registry, digest)) == [
        (f"{tag(digest, '.sig')}, layer 0", "it is listed, and the registry has no such blob"),
        (f"referrer {OTHER}", "it is listed, and the registry has no such manifest"),
    ]


async def test_a_digest_of_another_algorithm_is_not_followed(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    sha512 = "sha512:" + "a" * 128
    registry.put_fallback_tag("team/app", digest, [descriptor(OCI_MANIFEST, sha512, artifactType=BUNDLE)])
    content = manifest(OTHER, [descriptor(SIMPLE_SIGNING, "\u001b[31m")])
    registry.put_manifest("team/app", content, OCI_MANIFEST, f"{digest.replace(':', '-')}.sig")
    assert reasons(await evidence(connect(), registry, digest)) == [
        (f"{tag(digest, '.sig')}, layer 0", "its digest is not one of sha256"),
        ("referrer 0", "its digest is not one of sha256"),
    ]


@pytest.mark.parametrize(
    ("content", "media_type", "reason"),
    [
        (b"{}", OCI_MANIFEST, "the manifest has not the fields of its type, or those of another type too"),
        (b"<html>", OCI_MANIFEST, NOT_JSON),
        (index([]), OCI_INDEX, "an index lies where a manifest is expected"),
        (b"<html>", "text/html", "the manifest is of a type that is neither OCI's nor Docker's"),
    ],
)
async def test_a_signature_tag_that_is_no_manifest_leaves_the_rest(
    registry: FakeRegistry, connect: Connect, digest: str, content: bytes, media_type: str, reason: str
) -> None:
    registry.put_bundle("team/app", digest, b"bundle")
    registry.put_manifest("team/app", content, media_type, f"{digest.replace(':', '-')}.sig")
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"bundle"]
    assert reasons(found) == [(tag(digest, ".sig"), reason)]


async def test_sig_24_a_fallback_tag_that_names_an_image_is_a_fault_and_no_evidence(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    registry.put_image("team/app", tag=digest.replace(":", "-"), content="another")
    registry.put_signature("team/app", digest, [Layer(b"payload")])
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"payload"]
    assert reasons(found) == [(tag(digest), "a manifest lies where an index is expected")]


async def test_reg_16_a_captive_portal_answers_nothing(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    for path in (manifest_path(tag(digest, ".sig")), manifest_path(tag(digest)), f"/v2/team/app/referrers/{digest}"):
        registry.replies[path] = answering(200, b"<html>log in</html>", {"Content-Type": "text/html"})
    found = await evidence(connect(), registry, digest)
    assert (found.attachments, found.unanswered) == ((), ())
    assert [source for source, _ in reasons(found)] == [tag(digest, ".sig"), "referrers API", tag(digest)]


async def test_every_message_is_plain_text_of_our_own(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    """OUT-01, OUT-09: what a registry writes reaches no message."""
    evil = "\u001b[31mEVIL\u202e"
    layer = descriptor(evil, evil, annotations={evil: evil})
    registry.put_manifest(
        "team/app", manifest(evil, [layer], artifactType=evil), OCI_MANIFEST, f"{digest.replace(':', '-')}.sig"
    )
    registry.put_fallback_tag("team/app", digest, [descriptor(evil, evil), descriptor(OCI_MANIFEST, OTHER)])
    registry.replies[f"/v2/team/app/referrers/{digest}"] = answering(
        500, b"EVIL", {"WWW-Authenticate": "EVIL", "Retry-After": "EVIL"}
    )
    found = await evidence(connect(), registry, digest)
    texts = [*sum(reasons(found), ()), *(text for each in found.unanswered for text in (each.source, each.reason))]
    assert len(texts) == 8
    assert all(text.isascii() and text.isprintable() and "EVIL" not in text for text in texts)
