"""Images that are described at length: a few at once, and nobody with short ones waits for them."""

import asyncio
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import web

from tests.fakes.documents import image_config
from tests.fakes.registry import OCI_MANIFEST, FakeRegistry
from tests.fakes.replies import answering, in_turn
from tests.registry.conftest import Connect, pinned, put_made_of
from webhook import images
from webhook.errors import ImageNotFoundError, RegistryResponseError
from webhook.registry import composition
from webhook.registry.long_documents import AT_ONCE, AT_ONCE_OF_ONE
from webhook.registry.settings import Limits

SHORT = Limits().short_bytes


class Refusing(ThreadPoolExecutor):
    """Takes no work."""

    def submit(self, *_arguments: Any, **_named: Any) -> Future[Any]:
        raise AssertionError("asyncio's own pool is for nobody's documents")


def config_of(size: int) -> bytes:
    return image_config(["base"], comment="x" * (size - len(image_config(["base"], comment=""))))


@pytest.mark.parametrize("size", [SHORT, SHORT + 1, 1024 * 1024])
async def test_a_config_is_asked_for_once_and_read_beside_the_event_loop_where_it_is_long(
    registry: FakeRegistry, connect: Connect, size: int
) -> None:
    asyncio.get_running_loop().set_default_executor(Refusing())
    digest = put_made_of(registry, config_of(size))
    found = await connect().contents(pinned(registry, digest))
    assert [platform.digest for platform in found.platforms] == [pinned(registry, digest).digest]
    assert [path.split("/")[-2] for path in registry.paths] == ["manifests", "blobs"]


@pytest.mark.parametrize(("more", "asked"), [(0, 1), (1, 2)])
async def test_an_index_is_asked_for_as_if_it_were_short(
    registry: FakeRegistry, connect: Connect, more: int, asked: int
) -> None:
    asyncio.get_running_loop().set_default_executor(Refusing())
    image = registry.put_image("team/app")
    bare = registry.put_index("team/app", {"linux/amd64": image}, annotations={"x": ""})
    missing = SHORT + more - len(registry.repositories["team/app"].manifests[bare].content)
    index = registry.put_index("team/app", {"linux/amd64": image}, annotations={"x": "x" * missing}, tag="1")
    found, listed = await connect().listed(images.parse(f"{registry.host}/team/app:1"))
    assert (str(found.digest), {str(each) for each in listed}) == (index, {image})
    assert registry.paths == ["/v2/team/app/manifests/1"] * asked


class LongAnswers:
    """Documents that are long, and whose whole never comes; keeps where it was asked for."""

    def __init__(self) -> None:
        self.whole: list[tuple[str, str]] = []
        self._seen: set[tuple[str, str]] = set()
        self._changed = asyncio.Condition()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        place = (request.host, request.path)
        if place not in self._seen:
            self._seen.add(place)
            return web.Response(body=b" " * (SHORT + 1), headers={"Content-Type": OCI_MANIFEST})
        async with self._changed:
            self.whole.append(place)
            self._changed.notify_all()
        return await asyncio.Future()

    async def has(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.whole) >= count)


async def test_long_documents_are_asked_for_a_few_at_a_time_and_fewer_of_one_registry_and_repository(
    connect: Connect,
) -> None:
    answers = LongAnswers()
    registries = [FakeRegistry() for _ in range(3)]
    names = ("a:1", "a:2", "b:1", "b:2", "c:1")
    digests = []
    for registry in registries:
        await registry.start()
        for name in names:
            registry.replies[f"/v2/{name.replace(':', '/manifests/')}"] = answers.answer
        digests.append(registry.put_image("short", tag="1"))
    client = connect(insecure_hosts=frozenset(registry.host for registry in registries))

    async def look(registry: FakeRegistry, name: str) -> str:
        return str((await client.listed(images.parse(f"{registry.host}/{name}")))[0].digest)

    looking = [asyncio.create_task(look(registry, name)) for registry in registries for name in names]
    await answers.has(AT_ONCE)
    for _ in range(5):
        assert [await look(registry, "short:1") for registry in registries] == digests, "who is short does not wait"
    assert len(answers.whole) == AT_ONCE
    assert max(Counter(host for host, _ in answers.whole).values()) == AT_ONCE_OF_ONE
    assert max(Counter((host, path.split("/")[2]) for host, path in answers.whole).values()) == 1
    for task in looking:
        task.cancel()
    await asyncio.gather(*looking, return_exceptions=True)
    for registry in registries:
        await registry.stop()


@pytest.mark.parametrize("mark", [b",", b"[", b"{"])
@pytest.mark.parametrize("place", [0, 100_000, 4_000_000])
def test_values_are_counted_wherever_they_stand(mark: bytes, place: int) -> None:
    content = b" " * place + mark * Limits().document_values
    composition.check_values(content, Limits())
    with pytest.raises(RegistryResponseError, match="may have more than 50000 JSON values"):
        composition.check_values(content + mark, Limits())


async def test_a_document_with_too_many_values_is_refused_before_it_waits_for_a_reader(
    registry: FakeRegistry, connect: Connect
) -> None:
    client = connect()
    await client.close()
    readable = put_made_of(registry, config_of(SHORT + 1))
    with pytest.raises(RuntimeError, match="cannot schedule"):
        await client.contents(pinned(registry, readable))
    config = image_config(["base"], comment="[" * 60_000, further="x" * SHORT)
    for digest in (
        put_made_of(registry, config),
        registry.put_manifest("team/app", b"[" * (SHORT + 1), OCI_MANIFEST),
    ):
        with pytest.raises(RegistryResponseError, match="may have more than 50000 JSON values"):
            await client.contents(pinned(registry, digest))


async def test_what_is_gone_when_it_is_asked_for_as_a_whole_is_not_found(
    registry: FakeRegistry, connect: Connect
) -> None:
    long = answering(200, b" " * (SHORT + 1), {"Content-Type": OCI_MANIFEST})
    registry.replies["/v2/team/app/manifests/1"] = in_turn(long, answering(404))
    with pytest.raises(ImageNotFoundError):
        await connect().listed(images.parse(f"{registry.host}/team/app:1"))
