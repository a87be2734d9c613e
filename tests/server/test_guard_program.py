"""The guard and Pod Security labels, in the whole program; the API server is a fake."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from tests.admission.test_guard import a_review, namespace
from tests.admission.test_reviewer import a_pod, container, review
from tests.kube.api_server import kubeconfig_for
from tests.server.test_program import POLICY, Output, client, config, write_policy
from webhook.config import ServeConfig
from webhook.errors import ConfigurationError
from webhook.server.program import running
from webhook.server.run import Service
from webhook.verdict import Mode

SELECTING = (POLICY % "Warn") + "  match: {namespaceSelector: {matchLabels: {team: a}}}\n"
ENFORCE = "pod-security.kubernetes.io/enforce"


async def no(_request: web.Request) -> web.Response:
    return web.json_response({"kind": "SubjectAccessReview", "spec": {}, "status": {"allowed": False}}, status=201)


async def restricted(_request: web.Request) -> web.Response:
    return web.json_response({"kind": "Namespace", "metadata": {"name": "prod", "labels": {ENFORCE: "restricted"}}})


@pytest.fixture
async def server() -> AsyncIterator[BaseTestServer]:
    application = web.Application()
    application.router.add_post("/apis/authorization.k8s.io/v1/subjectaccessreviews", no)
    application.router.add_get("/api/v1/namespaces/{name}", restricted)
    async with TestServer(application) as found:
        yield found


def settings(folder: Path, server: BaseTestServer, **engine: Any) -> ServeConfig:
    kubeconfig = kubeconfig_for(str(server.make_url("/")).rstrip("/"), folder)
    return msgspec.structs.replace(config(folder, **engine), guard=True, kubeconfig=kubeconfig)


async def ask(session: aiohttp.ClientSession, service: Service, path: str, body: bytes) -> tuple[int, Any]:
    (host, port), _ = service.addresses
    headers = {"Content-Type": "application/json"}
    async with session.post(f"https://{host}:{port}{path}", data=body, headers=headers) as answer:
        text = await answer.text()
        return answer.status, json.loads(text)["response"] if answer.status == 200 else text


async def test_the_guard_answers_by_the_policies_in_force_and_the_rights_of_the_user(
    tmp_path: Path, server: BaseTestServer
) -> None:
    write_policy(tmp_path, SELECTING)
    body = a_review("namespaces", namespace(team="a"), namespace())
    async with running(settings(tmp_path, server), Output()) as service, client(tmp_path) as session:
        status, response = await ask(session, service, "/guard", body)
    assert (status, response["allowed"]) == (200, False)
    assert "LABEL_GUARDED" in response["status"]["message"]


async def test_labels_of_namespaces_ask_for_pod_security(tmp_path: Path, server: BaseTestServer) -> None:
    write_policy(tmp_path, POLICY % "Audit")
    made = {"no_match": None, "pod_security_labels": True}
    body = review(a_pod(container()))
    async with running(settings(tmp_path, server, **made), Output()) as service, client(tmp_path) as session:
        _, response = await ask(session, service, "/validate", body)
    assert response["allowed"] is False
    assert 'denied by policy "PodSecurity restricted:latest"' in response["status"]["message"]


async def test_there_is_no_guard_where_nothing_is_denied(tmp_path: Path, server: BaseTestServer) -> None:
    write_policy(tmp_path, POLICY % "Enforce")
    body = a_review("namespaces", namespace(team="a"), namespace())
    made = settings(tmp_path, server, cap=Mode.AUDIT)
    async with running(made, Output()) as service, client(tmp_path) as session:
        assert await ask(session, service, "/guard", body) == (404, "not found\n")


@pytest.mark.parametrize("wanted", ["guard", "labels"])
async def test_it_does_not_start_where_a_cluster_is_needed_that_is_not_there(tmp_path: Path, wanted: str) -> None:
    write_policy(tmp_path, POLICY % "Enforce")
    made = config(tmp_path, pod_security_labels=wanted == "labels")
    made = msgspec.structs.replace(made, guard=wanted == "guard", kubeconfig=tmp_path / "missing")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        async with running(made, Output()):
            pass
