"""What an image is made of: whose layers are read, and how much is."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.fakes.documents import image_config
from tests.fakes.registry import OCI_INDEX, OCI_MANIFEST, FakeRegistry, descriptor, diff_id, index, manifest
from tests.registry.conftest import Connect, Crowd, manifest_path, pinned, put_made_of, refused_contents
from webhook.images import Digest
from webhook.registry.settings import Limits
from webhook.signatures.contents import BASE_DIGEST, BASE_NAME, Contents, Platform

BASE = {BASE_NAME: "docker.io/library/debian:13", BASE_DIGEST: "sha256:" + "b" * 64}


def platform(digest: str, layers: Sequence[str], **more: Any) -> Platform:
    return Platform(Digest.parse(digest), tuple(diff_id(text) for text in layers), **more)


@pytest.mark.parametrize("docker", [False, True])
async def test_a_manifest_is_one_platform_with_the_layers_of_its_config(
    registry: FakeRegistry, connect: Connect, docker: bool
) -> None:
    digest = registry.put_image("team/app", layers=["base", "app"], docker=docker)
    assert await connect().contents(pinned(registry, digest)) == Contents((platform(digest, ["base", "app"]),))
    assert len(registry.asked) == 2


@pytest.mark.parametrize("docker", [False, True])
async def test_an_index_has_the_platforms_that_it_lists(registry: FakeRegistry, connect: Connect, docker: bool) -> None:
    amd, arm = (registry.put_image("team/app", layers=["base", name], docker=docker) for name in ("amd", "arm"))
    listed = registry.put_index("team/app", {"linux/amd64": amd, "linux/arm64": arm}, docker=docker)
    assert await connect().contents(pinned(registry, listed)) == Contents(
        (platform(amd, ["base", "amd"]), platform(arm, ["base", "arm"]))
    )


async def test_what_is_listed_for_no_platform_is_no_image_and_is_not_asked_for(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    provenance = registry.put_manifest("team/app", manifest("x", []), OCI_MANIFEST)
    listed = registry.put_index("team/app", {"linux/amd64": digest, "unknown/unknown": provenance})
    assert await connect().contents(pinned(registry, listed)) == Contents((platform(digest, ["an image"]),))
    assert manifest_path(provenance) not in registry.paths


@pytest.mark.parametrize(
    "platform",
    [
        {"os": "unknown", "architecture": "amd64"},
        {"os": "linux", "architecture": "unknown"},
        {"os": "Unknown", "architecture": "unknown"},
        {"os": "unknown"},
        {},
        None,
    ],
)
async def test_whatever_a_node_might_run_is_looked_into(
    registry: FakeRegistry, connect: Connect, digest: str, platform: dict[str, str] | None
) -> None:
    hidden = registry.put_image("team/app", layers=["hidden"])
    other = registry.entry("team/app", hidden, platform=platform)
    listed = registry.put_index("team/app", {"linux/amd64": digest}, others=[other])
    found = await connect().contents(pinned(registry, listed))
    assert [str(each.digest) for each in found.platforms] == [digest, hidden]


@pytest.mark.parametrize(
    "platform",
    [
        '{"os":"unknown","architecture":"unknown","OS":"linux","Architecture":"amd64"}',
        '{"os":"unknown","architecture":"unknown","o\\u017f":"linux"}',
        '{"os":"linux","os":"unknown","architecture":"unknown"}',
    ],
)
async def test_an_entry_that_two_readers_take_for_two_platforms_is_refused(
    registry: FakeRegistry, connect: Connect, digest: str, platform: str
) -> None:
    listed = registry.put_index("team/app", {"linux/amd64": digest, "unknown/unknown": digest})
    content = registry.repositories["team/app"].manifests[listed].content.decode()
    twisted = content.replace('{"os": "unknown", "architecture": "unknown"}', platform)
    assert twisted != content
    listed = registry.put_manifest("team/app", twisted.encode(), OCI_INDEX)
    assert (await refused_contents(connect(), registry, listed)).startswith("the manifest cannot be read: ")


async def test_an_image_that_is_listed_twice_is_one_platform(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    listed = registry.put_index("team/app", {"linux/arm": digest, "linux/arm64": digest})
    assert len((await connect().contents(pinned(registry, listed))).platforms) == 1
    assert registry.paths.count(manifest_path(digest)) == 1


async def test_sig_25_an_index_within_an_index_is_refused_by_name(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    inner = registry.put_index("team/app", {"linux/amd64": digest})
    outer = registry.put_index("team/app", {"linux/amd64": inner})
    reason = f"the index lists another index, {inner}, which is not looked into"
    assert await refused_contents(connect(), registry, outer) == reason
    assert registry.paths == [manifest_path(outer)]
    lying = registry.put_manifest("team/app", index([descriptor(OCI_MANIFEST, inner)]), OCI_INDEX)
    reason = f"the index lists {inner}: it is another index, which is not looked into"
    assert await refused_contents(connect(), registry, lying) == reason


async def test_an_entry_that_is_not_said_to_be_an_image_is_refused(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    """One runtime passes over it, and another takes it for the image of its platform."""
    entry = descriptor("application/vnd.example", digest, platform={"os": "linux", "architecture": "amd64"})
    listed = registry.put_index("team/app", {"linux/arm64": digest}, others=[entry])
    reason = f"the index lists {digest}, whose media type is not that of an image"
    assert await refused_contents(connect(), registry, listed) == reason


async def test_sig_25_an_index_may_list_32_images(registry: FakeRegistry, connect: Connect) -> None:
    images = {f"linux/{number}": registry.put_image("team/app", content=str(number)) for number in range(33)}
    over = registry.put_index("team/app", images)
    assert await refused_contents(connect(), registry, over) == "the index lists 33 images; expected 1 to 32"
    del images["linux/0"]
    found = await connect().contents(pinned(registry, registry.put_index("team/app", images)))
    assert [each.layers for each in found.platforms] == [(diff_id(str(number)),) for number in range(1, 33)]


async def test_an_index_without_an_image_says_nothing(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    for images in ({}, {"unknown/unknown": digest}):
        listed = registry.put_index("team/app", images)
        assert await refused_contents(connect(), registry, listed) == "the index lists 0 images; expected 1 to 32"


async def test_the_base_is_claimed_by_the_manifest_or_else_by_the_index(
    registry: FakeRegistry, connect: Connect
) -> None:
    silent = registry.put_image("team/app", layers=["a"], annotations={"other": "x"})
    claiming = registry.put_image("team/app", layers=["b"], annotations={BASE_NAME: "own"})
    listed = registry.put_index("team/app", {"linux/amd64": silent, "linux/arm64": claiming}, annotations=BASE)
    found = await connect().contents(pinned(registry, listed))
    assert [each.annotations for each in found.platforms] == [BASE, {BASE_NAME: "own"}]
    alone = await connect().contents(pinned(registry, claiming))
    assert alone.platforms[0].annotations == {BASE_NAME: "own"}


async def test_no_other_annotation_is_kept_nor_one_longer_than_a_reference(
    registry: FakeRegistry, connect: Connect
) -> None:
    annotations = {"x": "y", BASE_NAME: "x" * 1025, BASE_DIGEST: "sha256:" + "b" * 64}
    digest = registry.put_image("team/app", annotations=annotations)
    found = await connect().contents(pinned(registry, digest))
    assert found.platforms[0].annotations == {BASE_DIGEST: "sha256:" + "b" * 64}


async def test_a_config_of_4_mib_is_read_and_one_of_a_byte_more_is_not_asked_for(
    registry: FakeRegistry, connect: Connect
) -> None:
    missing = 4 * 1024 * 1024 - len(image_config(["base"], comment=""))
    digest = put_made_of(registry, image_config(["base"], comment="x" * missing))
    assert await connect().contents(pinned(registry, digest)) == Contents((platform(digest, ["base"]),))
    registry.asked.clear()
    digest = put_made_of(registry, image_config(["base"], comment="x" * (missing + 1)))
    assert (
        await refused_contents(connect(), registry, digest) == "the config has 4194305 bytes; expected at most 4194304"
    )
    assert registry.paths == [manifest_path(digest)]


async def test_an_image_may_have_1000_layers(registry: FakeRegistry, connect: Connect) -> None:
    digest = put_made_of(registry, image_config(["base"] * 1000), 1000)
    found = await connect().contents(pinned(registry, digest))
    assert found.platforms[0].layers == (diff_id("base"),) * 1000
    digest = put_made_of(registry, image_config(["base"] * 1000), 1001)
    reason = "the manifest cannot be read: layers has 1001 items, more than the 1000 that are read"
    assert await refused_contents(connect(), registry, digest) == reason


async def test_a_few_platforms_are_fetched_at_once(registry: FakeRegistry, connect: Connect) -> None:
    crowd = Crowd()
    images = {f"linux/{number}": registry.put_image("team/app", content=str(number)) for number in range(9)}
    for digest in images.values():
        content = registry.repositories["team/app"].manifests[digest].content
        registry.replies[manifest_path(digest)] = crowd.answering(content)
    listed = registry.put_index("team/app", images)
    found = await connect(limits=Limits(fetches=3)).contents(pinned(registry, listed))
    assert (len(found.platforms), crowd.most) == (9, 3)
