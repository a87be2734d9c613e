import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.clock import FakeClock
from webhook.errors import ConfigurationError
from webhook.kube.namespaces import ClusterNamespaces, KnownNamespaces

SOON = 20.0


class FakeApiServer:
    """Answers for namespaces as kube-apiserver does."""

    def __init__(self) -> None:
        self.labels: dict[str, dict[str, str] | None] = {}
        self.status = 200
        self.silent = False
        self.bare = False
        self.asked: list[str] = []
        self.authorization: str | None = None

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(name)
        self.authorization = request.headers.get("Authorization")
        if self.silent:
            await asyncio.Event().wait()
        if self.bare:
            return web.json_response({"apiVersion": "v1", "kind": "Namespace"})
        if self.status != 200 or name not in self.labels:
            return web.json_response({"kind": "Status", "code": 404}, status=self.status if self.status != 200 else 404)
        metadata = {"name": name, "labels": self.labels[name]}
        return web.json_response({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})


@pytest.fixture
def api() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def namespaces(api: FakeApiServer, clock: FakeClock, tmp_path: Path) -> AsyncIterator[ClusterNamespaces]:
    application = web.Application()
    application.router.add_get("/api/v1/namespaces/{name}", api.handle)
    async with TestServer(application) as server:
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "c",
                    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                    "clusters": [{"name": "c", "cluster": {"server": str(server.make_url("/")).rstrip("/")}}],
                    "users": [{"name": "u", "user": {"token": "t-1"}}],
                }
            )
        )
        namespaces = ClusterNamespaces(clock, kubeconfig)
        await namespaces.connect()
        yield namespaces
        await namespaces.close()


async def test_labels_are_asked_for_once_and_again_after_a_while(
    namespaces: ClusterNamespaces, api: FakeApiServer, clock: FakeClock
) -> None:
    api.labels["prod"] = {"team": "payments"}
    assert await namespaces.labels("prod", SOON) == {"team": "payments"}
    assert await namespaces.labels("prod", SOON) == {"team": "payments"}
    assert api.asked == ["prod"]
    assert api.authorization == "Bearer t-1"
    api.labels["prod"] = {"team": "search"}
    clock.advance(5.1)
    assert await namespaces.labels("prod", SOON) == {"team": "search"}
    assert api.asked == ["prod", "prod"]


async def test_a_namespace_without_labels_is_known(namespaces: ClusterNamespaces, api: FakeApiServer) -> None:
    api.labels["bare"] = None
    assert await namespaces.labels("bare", SOON) == {}
    assert await namespaces.labels("bare", SOON) == {}
    assert api.asked == ["bare"]


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_labels_that_cannot_be_had_are_not_known_and_asked_for_again(
    namespaces: ClusterNamespaces, api: FakeApiServer, status: int
) -> None:
    api.status = status
    assert await namespaces.labels("gone", SOON) is None
    api.status = 200
    api.labels["gone"] = {"back": "yes"}
    assert await namespaces.labels("gone", SOON) == {"back": "yes"}


async def test_without_a_cluster_there_is_nobody_to_ask(tmp_path: Path) -> None:
    namespaces = ClusterNamespaces(FakeClock(), tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        await namespaces.connect()
    assert await namespaces.labels("prod", SOON) is None
    await namespaces.close()


async def test_outside_of_a_cluster_without_a_kubeconfig_there_is_nobody_to_ask() -> None:
    namespaces = ClusterNamespaces(FakeClock())
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        await namespaces.connect()
    await namespaces.close()


async def test_labels_that_were_given_are_known_and_others_are_not() -> None:
    known = KnownNamespaces({"prod": {"team": "payments"}})
    assert await known.labels("prod", SOON) == {"team": "payments"}
    assert await known.labels("dev", SOON) is None


async def test_an_api_server_that_is_silent_costs_no_more_than_the_time_there_is(
    namespaces: ClusterNamespaces, api: FakeApiServer
) -> None:
    api.silent = True
    started = asyncio.get_running_loop().time()
    assert await namespaces.labels("prod", 0.1) is None
    assert asyncio.get_running_loop().time() - started < 1.5
    assert await namespaces.labels("prod", 60.0) is None
    assert asyncio.get_running_loop().time() - started < 15.0


async def test_an_answer_without_metadata_is_none(namespaces: ClusterNamespaces, api: FakeApiServer) -> None:
    api.bare = True
    assert await namespaces.labels("prod", SOON) is None


@pytest.mark.parametrize("name", ["", "..", "a/b", "Prod", "n" * 64, "prod\n"])
async def test_what_is_no_name_of_a_namespace_is_not_asked_for(
    namespaces: ClusterNamespaces, api: FakeApiServer, name: str
) -> None:
    assert await namespaces.labels(name, SOON) is None
    assert api.asked == []
