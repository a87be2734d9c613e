"""Who is asked first about a registry's images, and what only the registry may say."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.fakes.registry import BUNDLE, BasicAuth, FakeRegistry, Layer, basic
from tests.fakes.replies import answering, stalling
from tests.registry.conftest import Connect, FixedKeychain, at_once, contents, evidence, failure, pinned, resolve
from webhook import images
from webhook.codes import Code
from webhook.errors import ImageNotFoundError, RegistryRateLimitedError, RegistryResponseError, RegistryUnavailableError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import Credentials
from webhook.registry.settings import Limits, Mirror, RegistrySettings

PATH = "/v2/app/manifests/1"
REPORT = "application/vnd.example.report+json"


@pytest.fixture
async def mirror() -> AsyncIterator[FakeRegistry]:
    async with FakeRegistry() as mirror:
        yield mirror


def mirrored(registry: FakeRegistry, *mirrors: FakeRegistry, path: str = "") -> dict[str, Any]:
    return {
        "insecure_hosts": frozenset(each.host for each in (registry, *mirrors)),
        "mirrors": {registry.host: tuple(Mirror(each.host, path) for each in mirrors)},
    }


async def test_a_mirror_that_has_the_image_is_the_only_one_asked(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect
) -> None:
    digest = mirror.put_image("app", tag="1")
    client = connect(**mirrored(registry, mirror))
    found = await client.resolve(images.parse(f"{registry.host}/app:1"))
    assert found == images.parse(f"{registry.host}/app@{digest}").pinned()
    assert (mirror.paths, registry.paths) == ([PATH], [])


async def test_a_mirror_may_keep_images_below_a_path(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect
) -> None:
    digest = mirror.put_image("cache/hub/app", tag="1")
    client = connect(**mirrored(registry, mirror, path="cache/hub"))
    assert await resolve(client, registry.host) == digest


async def test_what_no_mirror_has_the_registry_is_asked_for(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect
) -> None:
    async with FakeRegistry() as second:
        client = connect(**mirrored(registry, mirror, second))
        assert type(await failure(client, registry.host)) is ImageNotFoundError
        assert (mirror.paths, second.paths, registry.paths) == ([PATH], [PATH], [PATH])
        digest = registry.put_image("app", tag="1")
        assert await resolve(client, registry.host) == digest


async def test_a_mirror_that_is_silent_is_passed_over_and_soon_not_asked(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect
) -> None:
    digest = registry.put_image("app", tag="1")
    mirror.replies[PATH] = stalling(mirror.released)
    client = connect(**mirrored(registry, mirror), limits=Limits(mirror_seconds=0.05, failures=2))
    for _ in range(4):
        assert await resolve(client, registry.host) == digest
    assert (len(mirror.asked), len(registry.asked)) == (2, 4)


@pytest.mark.parametrize("status", [500, 503])
async def test_a_mirror_that_fails_is_passed_over_at_once(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, status: int
) -> None:
    digest = registry.put_image("app", tag="1")
    mirror.replies[PATH] = answering(status)
    assert await resolve(connect(**mirrored(registry, mirror)), registry.host) == digest
    assert mirror.paths == [PATH]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Code.CREDENTIALS_MISSING),
        (403, Code.CREDENTIALS_MISSING),
        (429, Code.REGISTRY_RATE_LIMITED),
        (400, Code.REGISTRY_RESPONSE_INVALID),
    ],
)
async def test_any_other_answer_of_a_mirror_is_told_and_nobody_else_asked(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, status: int, code: Code
) -> None:
    registry.put_image("app", tag="1")
    mirror.replies[PATH] = answering(status)
    error = await failure(connect(**mirrored(registry, mirror)), registry.host)
    assert error.code is code
    assert f"mirror {mirror.host} of registry {registry.host} " in str(error)
    assert registry.asked == []


async def test_a_mirror_cannot_pass_off_other_content(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, digest: str
) -> None:
    path = f"/v2/team/app/manifests/{digest}"
    mirror.replies[path] = answering(200, b"{}", {"Content-Type": "application/vnd.oci.image.manifest.v1+json"})
    with pytest.raises(RegistryResponseError, match="answered with other content than the digest names"):
        await connect(**mirrored(registry, mirror)).contents(pinned(registry, digest))
    assert registry.asked == []


@pytest.mark.parametrize("referrers_api", [True, False])
async def test_signatures_that_no_mirror_knows_are_found_at_the_registry(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, digest: str, referrers_api: bool
) -> None:
    mirror.put_image("team/app")
    mirror.referrers_api = referrers_api
    registry.put_bundle("team/app", digest, b"bundle")
    found = await evidence(connect(**mirrored(registry, mirror)), registry, digest)
    assert contents(found) == [b"bundle"]
    assert found.complete


@pytest.mark.parametrize("page_size", [None, 1])
@pytest.mark.parametrize("typed", [True, False])
@pytest.mark.parametrize("with_api", [{"mirror", "registry"}, {"mirror"}, {"registry"}, set()])
async def test_a_mirror_that_lists_nothing_that_may_vouch_does_not_hide_what_the_registry_knows(
    registry: FakeRegistry,
    mirror: FakeRegistry,
    connect: Connect,
    digest: str,
    page_size: int | None,
    typed: bool,
    with_api: set[str],
) -> None:
    """Lists come by API or by fallback tag; without filter; with types of artifacts or, as GHCR has it, without."""
    mirror.put_image("team/app")
    layer = Layer(b"report", media_type=REPORT)
    reports = [mirror.put_referrer("team/app", digest, [layer], REPORT, {"n": str(number)}) for number in range(2)]
    mirror.put_fallback_tag("team/app", digest, [mirror.entry("team/app", report) for report in reports])
    bundle = registry.put_bundle("team/app", digest, b"bundle")
    if "registry" not in with_api:
        registry.put_fallback_tag("team/app", digest, [registry.entry("team/app", bundle, artifactType=BUNDLE)])
    mirror.filters = False
    mirror.page_size, mirror.artifact_types = page_size, typed
    mirror.referrers_api, registry.referrers_api = "mirror" in with_api, "registry" in with_api
    found = await evidence(connect(**mirrored(registry, mirror)), registry, digest)
    assert contents(found) == [b"bundle"]
    assert found.complete


async def test_a_mirrors_tag_without_layers_does_not_hide_the_registrys_signatures(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, digest: str
) -> None:
    mirror.put_image("team/app")
    mirror.put_signature("team/app", digest, [])
    registry.put_signature("team/app", digest, [Layer(b"payload")])
    client = connect(**mirrored(registry, mirror))
    assert contents(await evidence(client, registry, digest)) == [b"payload"]
    await registry.stop()
    found = await evidence(client, registry, digest)
    assert (found.attachments, found.complete) == ((), False)


async def test_signatures_that_a_mirror_has_are_all_that_is_seen_and_the_registry_is_not_asked_for_more(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, digest: str
) -> None:
    mirror.put_image("team/app")
    for place, content in ((mirror, b"of the mirror"), (registry, b"of the registry")):
        place.put_signature("team/app", digest, [Layer(content)])
    found = await evidence(connect(**mirrored(registry, mirror)), registry, digest)
    assert contents(found) == [b"of the mirror"]
    assert not any(path.endswith(".sig") for path in registry.paths)


async def test_signatures_that_a_mirror_has_are_read_there_page_by_page(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, digest: str
) -> None:
    for number in range(3):
        mirror.put_bundle("team/app", digest, f"bundle {number}".encode())
    mirror.page_size = 1
    found = await evidence(connect(**mirrored(registry, mirror)), registry, digest)
    assert sorted(contents(found)) == [b"bundle 0", b"bundle 1", b"bundle 2"]
    assert not any("blobs" in path for path in registry.paths)


async def test_a_mirror_is_shown_its_own_credentials_and_the_registry_its_own(
    registry: FakeRegistry, mirror: FakeRegistry
) -> None:
    class ByHost(FixedKeychain):
        async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
            await super().credentials(image)
            return Credentials("for", image.registry)

    registry.auth, mirror.auth = BasicAuth("for", registry.host), BasicAuth("for", mirror.host)
    digest = registry.put_image("app", tag="1")
    keychain = ByHost()
    settings = RegistrySettings(**mirrored(registry, mirror, path="cache"))
    async with RegistryClient(settings, keychain, pause=at_once) as client:
        assert await resolve(client, registry.host) == digest
    assert sorted(keychain.asked) == sorted([f"{registry.host}/app:1", f"{mirror.host}/cache/app:1"])
    for place in (registry, mirror):
        assert {asked.authorization for asked in place.asked} == {None, basic("for", place.host)}


async def test_without_registry_and_mirror_nothing_is_found_and_nothing_succeeds(
    registry: FakeRegistry, mirror: FakeRegistry, connect: Connect, digest: str
) -> None:
    mirror.put_image("team/app")
    client = connect(**mirrored(registry, mirror))
    await registry.stop()
    found = await evidence(client, registry, digest)
    assert not found.complete
    assert {each.code for each in found.unanswered} == {Code.REGISTRY_UNAVAILABLE}
    with pytest.raises(RegistryUnavailableError):
        await client.resolve(images.parse(f"{registry.host}/other:1"))
    mirror.replies["/v2/other/manifests/1"] = answering(429)
    with pytest.raises(RegistryRateLimitedError):
        await client.resolve(images.parse(f"{registry.host}/other:1"))


async def test_a_mirror_without_credentials_is_not_shown_those_of_the_registry(
    registry: FakeRegistry, mirror: FakeRegistry
) -> None:
    class OfRegistry(FixedKeychain):
        async def credentials(self, image: ImageReference | PinnedImage) -> Credentials | None:
            return Credentials("for", "registry") if image.registry == registry.host else None

    registry.auth = mirror.auth = BasicAuth("for", "registry")
    registry.put_image("app", tag="1")
    settings = RegistrySettings(**mirrored(registry, mirror))
    async with RegistryClient(settings, OfRegistry(), pause=at_once) as client:
        await failure(client, registry.host)
    assert {asked.authorization for asked in mirror.asked} == {None}
