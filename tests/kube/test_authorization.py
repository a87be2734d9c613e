"""Rights of users, asked from an API server over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.fakes.clock import FakeClock
from tests.kube.api_server import kubeconfig_for
from webhook.errors import ConfigurationError
from webhook.kube.authorization import KEPT_SECONDS, ClusterAuthorization
from webhook.objects import User

SOON = 20.0
DEV = User(username="dev", uid="7", groups=("devs",), extra={"scopes": ("view", "edit")})


class FakeApiServer:
    """Answers SubjectAccessReviews as kube-apiserver does."""

    def __init__(self) -> None:
        self.status: dict[str, Any] = {"allowed": True}
        self.code = 201
        self.silent = False
        self.asked: list[Any] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(json.loads(await request.read()))
        if self.silent:
            await asyncio.Event().wait()
        document = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {}}
        return web.json_response({**document, "status": self.status}, status=self.code)


@pytest.fixture
def api() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def authorization(api: FakeApiServer, clock: FakeClock, tmp_path: Path) -> AsyncIterator[ClusterAuthorization]:
    application = web.Application()
    application.router.add_post("/apis/authorization.k8s.io/v1/subjectaccessreviews", api.handle)
    async with TestServer(application) as server:
        kubeconfig = kubeconfig_for(str(server.make_url("/")).rstrip("/"), tmp_path)
        found = ClusterAuthorization(clock, kubeconfig)
        await found.connect()
        yield found
        await found.close()


async def test_all_that_tells_a_user_goes_into_the_question(
    authorization: ClusterAuthorization, api: FakeApiServer
) -> None:
    assert await authorization.may_change_policies(DEV, SOON) is True
    (asked,) = api.asked
    assert asked["spec"] == {
        "user": "dev",
        "uid": "7",
        "groups": ["devs"],
        "extra": {"scopes": ["view", "edit"]},
        "resourceAttributes": {"group": "tidewaiter.dev", "resource": "clusterpodpolicies", "verb": "update"},
    }


@pytest.mark.parametrize(
    "status", [{"allowed": False}, {"allowed": True, "denied": True}, {"allowed": False, "reason": "x"}]
)
async def test_anything_but_a_plain_yes_is_no(
    authorization: ClusterAuthorization, api: FakeApiServer, status: dict[str, Any]
) -> None:
    api.status = status
    assert await authorization.may_change_policies(DEV, SOON) is False


async def test_an_answer_is_kept_for_its_user_for_a_moment(
    authorization: ClusterAuthorization, api: FakeApiServer, clock: FakeClock
) -> None:
    assert await authorization.may_change_policies(DEV, SOON) is True
    api.status = {"allowed": False}
    assert await authorization.may_change_policies(DEV, SOON) is True
    assert await authorization.may_change_policies(User(username="dev"), SOON) is False
    clock.advance(KEPT_SECONDS)
    assert await authorization.may_change_policies(DEV, SOON) is False


@pytest.mark.parametrize(("code", "status"), [(403, {}), (500, {}), (201, {})])
async def test_no_usable_answer_is_none_and_is_not_kept(
    authorization: ClusterAuthorization, api: FakeApiServer, code: int, status: dict[str, Any]
) -> None:
    api.code, api.status = code, status
    assert await authorization.may_change_policies(DEV, SOON) is None
    api.code, api.status = 201, {"allowed": True}
    assert await authorization.may_change_policies(DEV, SOON) is True


async def test_an_api_server_that_is_silent_is_waited_for_no_longer_than_there_is_time(
    authorization: ClusterAuthorization, api: FakeApiServer
) -> None:
    api.silent = True
    assert await authorization.may_change_policies(DEV, 0.05) is None


async def test_without_a_cluster_nothing_is_known(clock: FakeClock, tmp_path: Path) -> None:
    nowhere = ClusterAuthorization(clock, tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        await nowhere.connect()
    assert await nowhere.may_change_policies(DEV, SOON) is None
    await nowhere.close()
