"""Images about whose layers nothing can be said, and that nothing is passed over."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.documents import DOCKER_MANIFEST, image_config
from tests.fakes.registry import OCI_INDEX, OCI_MANIFEST, FakeRegistry, Layer, descriptor, diff_id, index, manifest
from tests.fakes.replies import answering, endless, stalling
from tests.registry.conftest import (
    Connect,
    contents_failure,
    manifest_path,
    pinned,
    put_made_of,
    refused_contents,
)
from webhook.errors import (
    CredentialsMissingError,
    ImageNotFoundError,
    RegistryRateLimitedError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.registry.settings import Limits


async def test_an_artifact_is_no_image(registry: FakeRegistry, connect: Connect) -> None:
    digest = registry.put_referrer("team/app", "sha256:" + "a" * 64, [Layer(b"{}")])
    assert await refused_contents(connect(), registry, digest) == "the config is not that of an image: it has no rootfs"


@pytest.mark.parametrize(
    ("rootfs", "reason"),
    [
        ({"type": "layers", "diff_ids": []}, "the config lists no layers, so that nothing can run in the image"),
        ({"type": "layers", "diff_ids": None}, "the config lists no layers, so that nothing can run in the image"),
        ({"type": "layers"}, "the config lists no layers, so that nothing can run in the image"),
        (
            {"type": "layers", "diff_ids": [diff_id("a"), diff_id("b")]},
            "the config lists 2 layers, the manifest 1; expected as many",
        ),
        ({"type": "layers", "diff_ids": ["sha512:" + "a" * 128]}, "it names a digest that is not one of sha256"),
        ({"type": "layers", "diff_ids": ["SHA256:" + "A" * 64]}, "it names a digest that is not one of sha256"),
        ({"type": "layers", "diff_ids": [7]}, "it names a digest that is not one of sha256"),
        ({"type": "layers", "diff_ids": [None]}, "it names a digest that is not one of sha256"),
        ({"type": "layers", "diff_ids": "x"}, "the config cannot be read: diff_ids is a string, not an array"),
        (
            {"type": "layers", "diff_ids": [diff_id("a")] * 1001},
            "the config cannot be read: diff_ids has 1001 items, more than the 1000 that are read",
        ),
        (
            {"type": "layers", "diff_ids": [diff_id("a")], "Diff_IDs": [diff_id("b")]},
            "the config cannot be read: the member diff_ids in another spelling",
        ),
        ({"type": "other", "diff_ids": [diff_id("a")]}, "the config's rootfs is not made of layers"),
        ({"diff_ids": [diff_id("a")]}, "the config cannot be read: type is absent or null, not a string"),
        ("x", "the config cannot be read: rootfs is a string, not an object"),
        (None, "the config is not that of an image: it has no rootfs"),
    ],
)
async def test_a_config_that_does_not_name_the_layers_is_refused(
    registry: FakeRegistry, connect: Connect, rootfs: Any, reason: str
) -> None:
    digest = put_made_of(registry, image_config([], rootfs=rootfs))
    assert await refused_contents(connect(), registry, digest) == reason


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (b"", "not JSON: Expecting value at character 0"),
        (b"[]", "not a JSON object"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"rootfs":{"type":"layers","diff_ids":[]},"rootfs":{}}', "a key stands twice in one object"),
        (b'{"rootfs":{"type":"layers","diff_ids":[]},"RootFS":{}}', "the member rootfs in another spelling"),
        (b'{"rootfs":{"type":"layers","diff_ids":[]},"rootf\xc5\xbf":{}}', "the member rootfs in another spelling"),
        (b'{"rootfs":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper than 64"),
        (b'{"rootfs":{},"x":NaN}', "NaN is not JSON"),
    ],
)
async def test_reg_16_a_config_that_can_be_read_in_two_ways_is_refused(
    registry: FakeRegistry, connect: Connect, config: bytes, reason: str
) -> None:
    assert (
        await refused_contents(connect(), registry, put_made_of(registry, config))
        == f"the config cannot be read: {reason}"
    )


async def test_a_config_that_would_cost_much_to_read_is_not_read(registry: FakeRegistry, connect: Connect) -> None:
    empty = b",".join([b"[]"] * 1_390_000)
    digest = put_made_of(registry, image_config(["base"]).replace(b'"/app"', empty))
    assert (
        await refused_contents(connect(), registry, digest)
        == "a document may have more than 50000 JSON values, and is not read"
    )


async def test_reg_06_content_is_what_its_digest_names(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    other = f"registry {registry.host} answered with other content than the digest names"
    listed = registry.put_index("team/app", {"linux/amd64": digest})
    config = f"/v2/team/app/blobs/{registry.put_blob('team/app', image_config(['an image']))}"
    registry.replies[config] = answering(200, image_config(["another"])[: len(image_config(["an image"]))])
    assert await refused_contents(connect(), registry, digest) == other
    registry.replies[manifest_path(digest)] = answering(200, manifest("x", []), {"Content-Type": OCI_MANIFEST})
    assert await refused_contents(connect(), registry, listed) == f"the index lists {digest}: {other}"
    registry.replies[manifest_path(listed)] = answering(200, index([]), {"Content-Type": OCI_INDEX})
    assert await refused_contents(connect(), registry, listed) == other


async def test_reg_07_a_config_longer_than_it_was_said_to_be_is_cut_off(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    config = image_config(["an image"])
    registry.replies[f"/v2/team/app/blobs/{registry.put_blob('team/app', config)}"] = endless()
    reason = f"registry {registry.host} answered with more than {len(config)} bytes"
    assert await refused_contents(connect(), registry, digest) == reason


async def test_sig_26_a_child_that_is_two_things_is_refused(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    content = json.loads(registry.repositories["team/app"].manifests[digest].content)
    both = registry.put_manifest("team/app", json.dumps({**content, "manifest\u017f": []}).encode(), OCI_MANIFEST)
    reason = "the manifest has not the fields of its type, or those of another type too"
    assert await refused_contents(connect(), registry, both) == reason
    listed = registry.put_index("team/app", {"linux/amd64": both})
    assert await refused_contents(connect(), registry, listed) == f"the index lists {both}: {reason}"


async def test_sig_26_docker_schema_1_is_refused(registry: FakeRegistry, connect: Connect) -> None:
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    digest = registry.put_manifest("team/app", b'{"schemaVersion":1,"fsLayers":[]}', kind)
    reason = "the manifest is one of Docker's schema 1, which has no reliable digest"
    assert await refused_contents(connect(), registry, digest) == reason


async def test_a_missing_image_is_said_to_be_missing(registry: FakeRegistry, connect: Connect) -> None:
    digest = "sha256:" + "a" * 64
    error = await contents_failure(connect(), registry, digest)
    assert type(error) is ImageNotFoundError
    assert str(error) == f"registry {registry.host} has no image {registry.host}/team/app@{digest}"


async def test_a_missing_part_of_an_image_is_no_missing_image(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    gone = "sha256:" + "a" * 64
    others = [descriptor(DOCKER_MANIFEST, gone)]
    listed = registry.put_index("team/app", {"linux/amd64": digest}, others=others)
    reason = f"the index lists {gone}: the registry has no such manifest"
    assert await refused_contents(connect(), registry, listed) == reason
    hollow = registry.put_manifest("team/app", manifest(gone, []), OCI_MANIFEST)
    assert await refused_contents(connect(), registry, hollow) == "the registry has no such config"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, CredentialsMissingError),
        (429, RegistryRateLimitedError),
        (503, RegistryUnavailableError),
        (418, RegistryResponseError),
    ],
)
@pytest.mark.parametrize("part", ["index", "manifest", "config"])
async def test_reg_17_a_part_that_does_not_answer_leaves_the_image_unknown(
    registry: FakeRegistry, connect: Connect, digest: str, status: int, expected: type[Exception], part: str
) -> None:
    listed = registry.put_index("team/app", {"linux/amd64": digest})
    config = registry.put_blob("team/app", image_config(["an image"]))
    paths = {
        "index": manifest_path(listed),
        "manifest": manifest_path(digest),
        "config": f"/v2/team/app/blobs/{config}",
    }
    registry.replies[paths[part]] = answering(status)
    assert isinstance(await contents_failure(connect(), registry, listed), expected)


async def test_each_question_has_its_deadline(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    config = registry.put_blob("team/app", image_config(["an image"]))
    registry.replies[f"/v2/team/app/blobs/{config}"] = stalling(registry.released)
    error = await contents_failure(connect(limits=Limits(request_seconds=0.2)), registry, digest)
    assert isinstance(error, RegistryUnavailableError)
    assert str(error) == f"registry {registry.host} did not answer within 0.2 s"


async def test_the_first_part_that_fails_ends_the_wait_for_the_others(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    gone = "sha256:" + "a" * 64
    listed = registry.put_index("team/app", {"linux/amd64": digest}, others=[descriptor(OCI_MANIFEST, gone)])
    registry.replies[manifest_path(digest)] = stalling(registry.released)
    reason = f"the index lists {gone}: the registry has no such manifest"
    assert await refused_contents(connect(limits=Limits(request_seconds=100)), registry, listed) == reason


async def test_a_caller_that_gives_up_ends_all_of_it(registry: FakeRegistry, connect: Connect, digest: str) -> None:
    reached = asyncio.Event()

    async def wait(request: Any) -> Any:
        reached.set()
        return await stalling(registry.released)(request)

    listed = registry.put_index("team/app", {"linux/amd64": digest})
    registry.replies[manifest_path(digest)] = wait
    asking = asyncio.create_task(connect().contents(pinned(registry, listed)))
    await reached.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("make", [lambda text: text, lambda text: text.upper()])
async def test_what_a_registry_writes_reaches_no_message(
    registry: FakeRegistry, connect: Connect, make: Callable[[str], str]
) -> None:
    evil = make("\u001b[31mEvil\u202e")
    for document in (
        index([{"mediaType": evil, "digest": evil, "size": 1, "platform": {"os": evil}}]),
        index([{"mediaType": evil, "digest": "sha256:" + "a" * 64, "size": 1}]),
        index([{"mediaType": OCI_MANIFEST, "digest": evil, "size": 1, evil: evil}]),
    ):
        digest = registry.put_manifest("team/app", document, OCI_INDEX)
        assert "evil" not in (await refused_contents(connect(), registry, digest)).lower()
    digest = put_made_of(registry, image_config([], rootfs={"type": evil, "diff_ids": [evil]}))
    assert "evil" not in (await refused_contents(connect(), registry, digest)).lower()
