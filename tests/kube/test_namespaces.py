import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.clock import FakeClock
from webhook.errors import ConfigurationError
from webhook.kube.namespaces import ClusterNamespaces, KnownNamespaces


class FakeApiServer:
    """Answers for namespaces as kube-apiserver does."""

    def __init__(self) -> None:
        self.labels: dict[str, dict[str, str] | None] = {}
        self.status = 200
        self.asked: list[str] = []
        self.authorization: str | None = None

    async def handle(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(name)
        self.authorization = request.headers.get("Authorization")
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
    assert await namespaces.labels("prod") == {"team": "payments"}
    assert await namespaces.labels("prod") == {"team": "payments"}
    assert api.asked == ["prod"]
    assert api.authorization == "Bearer t-1"
    api.labels["prod"] = {"team": "search"}
    clock.advance(5.1)
    assert await namespaces.labels("prod") == {"team": "search"}
    assert api.asked == ["prod", "prod"]


async def test_a_namespace_without_labels_is_known(namespaces: ClusterNamespaces, api: FakeApiServer) -> None:
    api.labels["bare"] = None
    assert await namespaces.labels("bare") == {}
    assert await namespaces.labels("bare") == {}
    assert api.asked == ["bare"]


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_labels_that_cannot_be_had_are_not_known_and_asked_for_again(
    namespaces: ClusterNamespaces, api: FakeApiServer, status: int
) -> None:
    api.status = status
    assert await namespaces.labels("gone") is None
    api.status = 200
    api.labels["gone"] = {"back": "yes"}
    assert await namespaces.labels("gone") == {"back": "yes"}


async def test_without_a_cluster_there_is_nobody_to_ask(tmp_path: Path) -> None:
    namespaces = ClusterNamespaces(FakeClock(), tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        await namespaces.connect()
    assert await namespaces.labels("prod") is None
    await namespaces.close()


async def test_outside_of_a_cluster_without_a_kubeconfig_there_is_nobody_to_ask() -> None:
    namespaces = ClusterNamespaces(FakeClock())
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        await namespaces.connect()
    await namespaces.close()


async def test_labels_that_were_given_are_known_and_others_are_not() -> None:
    known = KnownNamespaces({"prod": {"team": "payments"}})
    assert await known.labels("prod") == {"team": "payments"}
    assert await known.labels("dev") is None
