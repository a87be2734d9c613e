"""Places that could not be looked at, and that the others are."""

import pytest

from tests.fakes.registry import (
    BUNDLE,
    OCI_INDEX,
    OCI_MANIFEST,
    BasicAuth,
    FakeRegistry,
    Layer,
    descriptor,
    index,
)
from tests.fakes.replies import answering, stalling
from tests.registry.conftest import Connect, contents, evidence, manifest_path, tag
from webhook.codes import Code
from webhook.errors import RegistryRateLimitedError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.client import RegistryClient
from webhook.registry.settings import Limits, RegistrySettings
from webhook.signatures.evidence import Evidence, Unanswered


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Code.CREDENTIALS_MISSING),
        (403, Code.CREDENTIALS_MISSING),
        (429, Code.REGISTRY_RATE_LIMITED),
        (500, Code.REGISTRY_UNAVAILABLE),
        (503, Code.REGISTRY_UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("place", ["signature tag", "fallback tag", "api"])
async def test_reg_17_a_place_that_does_not_answer_is_told_and_the_others_are_looked_at(
    registry: FakeRegistry, connect: Connect, digest: str, status: int, code: Code, place: str
) -> None:
    source, path = {
        "signature tag": (tag(digest, ".sig"), manifest_path(tag(digest, ".sig"))),
        "fallback tag": (tag(digest), manifest_path(tag(digest))),
        "api": ("referrers API", f"/v2/team/app/referrers/{digest}"),
    }[place]
    registry.put_signature("team/app", digest, [Layer(b"legacy")])
    registry.put_bundle("team/app", digest, b"bundle")
    registry.replies[path] = answering(status, headers={"Retry-After": "0"})
    found = await evidence(connect(), registry, digest)
    expected = {"signature tag": [b"bundle"], "api": [b"legacy"]}.get(place, [b"legacy", b"bundle"])
    assert contents(found) == expected
    assert [(each.source, each.code) for each in found.unanswered] == [(source, code)]
    assert not found.complete


async def test_a_referrer_or_layer_that_does_not_answer_is_told(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    stuck = registry.put_bundle("team/app", digest, b"stuck")
    registry.put_signature("team/app", digest, [Layer(b"gone"), Layer(b"good")])
    registry.replies[manifest_path(stuck)] = stalling(registry.released)
    registry.replies[f"/v2/team/app/blobs/{registry.put_blob('team/app', b'gone')}"] = answering(503)
    found = await evidence(connect(limits=Limits(request_seconds=1.5)), registry, digest)
    assert contents(found) == [b"good"]
    assert found.unanswered == (
        Unanswered(
            f"{tag(digest, '.sig')}, layer 0",
            Code.REGISTRY_UNAVAILABLE,
            f"registry {registry.host} answered with status 503",
        ),
        Unanswered(
            f"referrer {stuck}", Code.REGISTRY_UNAVAILABLE, f"registry {registry.host} did not answer within 1.5 s"
        ),
    )


async def test_a_registry_that_is_down_answers_nowhere(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    await registry.stop()
    found = await evidence(connect(), registry, digest)
    assert (found.attachments, found.unusable) == ((), ())
    reason = f"the connection to registry {registry.host} failed (ECONNREFUSED)"
    assert found.unanswered == tuple(
        Unanswered(source, Code.REGISTRY_UNAVAILABLE, reason)
        for source in (tag(digest, ".sig"), "referrers API", tag(digest))
    )


async def test_an_outage_after_the_first_page_keeps_the_first_page(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    referrer = registry.put_bundle("team/app", digest, b"bundle")
    page = index([descriptor(OCI_MANIFEST, referrer, artifactType=BUNDLE)])
    headers = {"Content-Type": OCI_INDEX, "Link": "</next>; rel=next"}
    registry.replies[f"/v2/team/app/referrers/{digest}"] = answering(200, page, headers)
    registry.replies["/next"] = answering(503)
    found = await evidence(connect(), registry, digest)
    assert contents(found) == [b"bundle"]
    assert [each.source for each in found.unanswered] == ["referrers API"]


async def test_a_wrong_password_is_told_as_such(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    registry.auth = BasicAuth("me", "pw")
    assert {each.code for each in (await evidence(connect(), registry, digest)).unanswered} == {
        Code.CREDENTIALS_MISSING
    }


async def test_credentials_that_cannot_be_had_are_a_place_that_could_not_be_looked_at(
    registry: FakeRegistry, digest: str
) -> None:
    class Failing:
        async def credentials(self, image: ImageReference | PinnedImage) -> None:
            raise RegistryRateLimitedError("the token service is busy")

    async with RegistryClient(RegistrySettings(), Failing()) as client:
        found = await evidence(client, registry, digest)
    assert found == Evidence(
        unanswered=(Unanswered("credentials", Code.REGISTRY_RATE_LIMITED, "the token service is busy"),)
    )
    assert registry.asked == []
