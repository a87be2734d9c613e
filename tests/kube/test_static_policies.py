"""Policies put into a cluster: as whose, and what becomes of those that are there."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.kube.api_server import kubeconfig_for
from webhook.kube.static_policies import INSTANCE, NotAppliedError, StaticPolicies

ROOT = "/apis/admissionregistration.k8s.io/v1/"
OWNER = f"{ROOT}validatingwebhookconfigurations/release"
POLICIES, BINDINGS = f"{ROOT}validatingadmissionpolicies", f"{ROOT}validatingadmissionpolicybindings"
LABELS = {"app.kubernetes.io/managed-by": "tidewaiter"}


class FakeCluster:
    """Objects by path, with server-side apply as far as a single manager sees it."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {OWNER: {"metadata": {"name": "release", "uid": "u-1"}}}
        self.failing: set[str] = set()
        self.calls: list[str] = []

    def put(self, plural: str, name: str, instance: str | None = "release") -> None:
        labels = {"labels": {**LABELS, INSTANCE: instance}} if instance else {}
        self.objects[f"{plural}/{name}"] = {"metadata": {"name": name, **labels}}

    def written(self) -> list[str]:
        return [each for each in self.calls if not each.startswith("GET")]

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path
        self.calls.append(f"{request.method} {path.removeprefix(ROOT)}")
        if path in self.failing:
            return web.json_response({"kind": "Status", "code": 403}, status=403)
        if path in {POLICIES, BINDINGS}:
            selector = dict(each.split("=") for each in request.query["labelSelector"].split(","))
            return web.json_response({"items": self._selected(path, selector)})
        if request.method == "PATCH":
            assert request.content_type == "application/apply-patch+yaml"
            assert (request.query["fieldManager"], request.query["force"]) == ("tidewaiter", "true")
            self.objects[path] = json.loads(await request.read())
        elif path not in self.objects:
            return web.json_response({"kind": "Status", "code": 404}, status=404)
        found = self.objects[path]
        if request.method == "DELETE":
            del self.objects[path]
        return web.json_response(found)

    def _selected(self, plural: str, selector: dict[str, str]) -> list[dict[str, Any]]:
        found = [each for path, each in self.objects.items() if path.startswith(f"{plural}/")]
        return [each for each in found if selector.items() <= each["metadata"].get("labels", {}).items()]


@asynccontextmanager
async def kubeconfig(cluster: FakeCluster, folder: Path) -> AsyncIterator[Path]:
    """Leads to the cluster."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", cluster.handle)
    async with TestServer(application) as server:
        yield kubeconfig_for(str(server.make_url("/")).rstrip("/"), folder)


@asynccontextmanager
async def serving(cluster: FakeCluster, folder: Path) -> AsyncIterator[StaticPolicies]:
    async with kubeconfig(cluster, folder) as config:
        yield StaticPolicies("release", config)


def made(name: str) -> list[dict[str, Any]]:
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    return [{"kind": kind, "metadata": {"name": name, "labels": LABELS}, "spec": {}} for kind in kinds]


async def test_policies_are_owned_by_the_webhook_configuration(tmp_path: Path) -> None:
    cluster = FakeCluster()
    async with serving(cluster, tmp_path) as policies:
        done = await policies.replace(made("a"))
    assert done == ["ValidatingAdmissionPolicy a applied", "ValidatingAdmissionPolicyBinding a applied"]
    metadata = cluster.objects[f"{POLICIES}/a"]["metadata"]
    assert metadata["labels"] == {**LABELS, INSTANCE: "release"}
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "name": "release",
            "uid": "u-1",
        }
    ]


async def test_those_of_the_release_that_are_not_wanted_any_more_are_deleted_bindings_first(tmp_path: Path) -> None:
    cluster = FakeCluster()
    for plural in (POLICIES, BINDINGS):
        cluster.put(plural, "a")
        cluster.put(plural, "old")
        cluster.put(plural, "others", "another")
        cluster.put(plural, "unlabelled", None)
    async with serving(cluster, tmp_path) as policies:
        await policies.replace(made("a"))
    assert cluster.written() == [
        "PATCH validatingadmissionpolicies/a",
        "PATCH validatingadmissionpolicybindings/a",
        "DELETE validatingadmissionpolicybindings/old",
        "DELETE validatingadmissionpolicies/old",
    ]


@pytest.mark.parametrize("instance", ["another", None])
async def test_nothing_is_written_over_what_is_not_of_the_release(tmp_path: Path, instance: str | None) -> None:
    cluster = FakeCluster()
    cluster.put(POLICIES, "a", instance)
    async with serving(cluster, tmp_path) as policies:
        with pytest.raises(NotAppliedError, match="nothing was applied: a is there already, and not of release"):
            await policies.replace(made("a"))
    assert cluster.written() == []


async def test_nothing_is_applied_where_the_webhook_was_taken_away(tmp_path: Path) -> None:
    cluster = FakeCluster()
    del cluster.objects[OWNER]
    async with serving(cluster, tmp_path) as policies:
        with pytest.raises(NotAppliedError, match="there is no ValidatingWebhookConfiguration release"):
            await policies.replace(made("a"))
    assert cluster.written() == []


@pytest.mark.parametrize("path", [OWNER, f"{POLICIES}/a", BINDINGS])
async def test_a_refusal_of_the_api_server_is_told(tmp_path: Path, path: str) -> None:
    cluster = FakeCluster()
    cluster.failing.add(path)
    async with serving(cluster, tmp_path) as policies:
        with pytest.raises(NotAppliedError, match=r"policies were not applied \(ForbiddenException: Forbidden\)"):
            await policies.replace(made("a"))
