"""What a tag names now, and what the index there lists."""

import pytest

from tests.fakes.registry import OCI_INDEX, OCI_MANIFEST, FakeRegistry, descriptor, index
from tests.fakes.replies import answering
from tests.registry.conftest import Connect
from webhook import images
from webhook.errors import ImageNotFoundError, NotFoundOutError, RegistryResponseError, RegistryUnavailableError
from webhook.images import PinnedImage
from webhook.registry.client import RegistryClient

GONE = "sha256:" + "a" * 64


async def listed(client: RegistryClient, registry: FakeRegistry, rest: str) -> tuple[str, set[str]]:
    """The digest that a tag names, and those that are listed there."""
    image, digests = await client.listed(images.parse(f"{registry.host}/{rest}"))
    assert isinstance(image, PinnedImage)
    assert image.name == f"{registry.host}/{rest.partition(':')[0]}"
    return str(image.digest), {str(digest) for digest in digests}


async def refusal(client: RegistryClient, registry: FakeRegistry, rest: str) -> NotFoundOutError:
    with pytest.raises(NotFoundOutError) as raised:
        await listed(client, registry, rest)
    assert str(raised.value).isascii()
    return raised.value


@pytest.mark.parametrize("docker", [False, True])
async def test_an_index_lists_its_children_whatever_they_are(
    registry: FakeRegistry, connect: Connect, digest: str, docker: bool
) -> None:
    inner = registry.put_index("team/app", {"linux/amd64": registry.put_image("team/app", content="inner")})
    outer = registry.put_index(
        "team/app",
        {"linux/amd64": digest, "unknown/unknown": inner},
        tag="1",
        others=[descriptor("x/y", GONE)],
        docker=docker,
    )
    assert await listed(connect(), registry, "team/app:1") == (outer, {digest, inner, GONE})
    assert registry.paths == ["/v2/team/app/manifests/1"]


@pytest.mark.parametrize("docker", [False, True])
async def test_a_manifest_lists_nothing(registry: FakeRegistry, connect: Connect, docker: bool) -> None:
    digest = registry.put_image("team/app", tag="1", docker=docker)
    assert await listed(connect(), registry, "team/app:1") == (digest, set())


async def test_the_tag_is_asked_for_whatever_digest_stands_beside_it(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    index = registry.put_index("team/app", {"linux/amd64": digest}, tag="1")
    assert await listed(connect(), registry, f"team/app:1@{digest}") == (index, {digest})
    assert await listed(connect(), registry, f"team/app:1@{GONE}") == (index, {digest})


async def test_a_tag_that_is_not_there_is_said_to_be_missing(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    error = await refusal(connect(), registry, f"team/app:1@{digest}")
    assert type(error) is ImageNotFoundError
    assert str(error) == f"registry {registry.host} has no {registry.host}/team/app:1"


async def test_a_reference_without_a_tag_is_not_asked_about(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    error = await refusal(connect(), registry, f"team/app@{digest}")
    assert type(error) is ImageNotFoundError
    assert str(error) == f"{registry.host}/team/app@{digest} has no tag"
    assert registry.asked == []


async def test_sig_10_an_index_may_list_1000_manifests(registry: FakeRegistry, connect: Connect) -> None:
    entries = [descriptor(OCI_MANIFEST, f"sha256:{number:064x}") for number in range(1001)]
    registry.put_manifest("team/app", index(entries[1:]), OCI_INDEX, "1")
    assert len((await listed(connect(), registry, "team/app:1"))[1]) == 1000
    registry.put_manifest("team/app", index(entries), OCI_INDEX, "1")
    error = await refusal(connect(), registry, "team/app:1")
    assert type(error) is RegistryResponseError
    assert str(error) == "the manifest cannot be read: manifests has 1001 items, more than the 1000 that are read"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (descriptor(OCI_MANIFEST, "sha512:" + "a" * 128), "it names a digest that is not one of sha256"),
        ({"digest": GONE}, "the manifest cannot be read: a descriptor has not the fields of one"),
        (descriptor(OCI_MANIFEST, GONE, -1), "the manifest cannot be read: a descriptor has not the fields of one"),
        (
            descriptor(OCI_MANIFEST, GONE, Digest=GONE),
            "the manifest cannot be read: the member digest in another spelling",
        ),
    ],
)
async def test_an_entry_that_names_nothing_is_refused(
    registry: FakeRegistry, connect: Connect, entry: dict[str, object], reason: str
) -> None:
    registry.put_manifest("team/app", index([entry]), OCI_INDEX, "1")
    error = await refusal(connect(), registry, "team/app:1")
    assert type(error) is RegistryResponseError
    assert str(error) == reason


async def test_an_entry_that_is_no_object_is_refused(registry: FakeRegistry, connect: Connect) -> None:
    content = index([]).replace(b'"manifests": []', b'"manifests": [7]')
    registry.put_manifest("team/app", content, OCI_INDEX, "1")
    error = await refusal(connect(), registry, "team/app:1")
    assert str(error) == "the manifest cannot be read: an entry of the index is not an object"


async def test_reg_06_the_digest_is_that_of_what_was_answered(
    registry: FakeRegistry, connect: Connect, digest: str
) -> None:
    content = registry.repositories["team/app"].manifests[digest].content
    headers = {"Content-Type": OCI_MANIFEST, "Docker-Content-Digest": GONE}
    registry.replies["/v2/team/app/manifests/1"] = answering(200, content, headers)
    error = await refusal(connect(), registry, "team/app:1")
    assert type(error) is RegistryResponseError
    assert str(error) == f"registry {registry.host} answered with another digest than its content has"


async def test_an_outage_is_told_as_such(registry: FakeRegistry, connect: Connect) -> None:
    registry.replies["/v2/team/app/manifests/1"] = answering(503)
    assert isinstance(await refusal(connect(), registry, "team/app:1"), RegistryUnavailableError)
