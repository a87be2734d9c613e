"""What tests of every place of an image share: who asks, and reviews that no API server would send."""

import copy
import json
import ssl
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.release import Install, Release

PODS: Final = "pods.tidewaiter.dev"
DRIVER: Final = "secrets.example.com"
"""The only CSI driver that pods may have."""
_SECONDS: Final = 20


class Ignoring(Release):
    """A release whose webhook is registered with `failurePolicy: Ignore`, and judges all the same."""

    def _apply(self, objects: Sequence[dict[str, Any]]) -> None:
        super()._apply([_ignoring(each) for each in objects])


def _ignoring(found: dict[str, Any]) -> dict[str, Any]:
    if found["kind"] != "ValidatingWebhookConfiguration":
        return found
    found = copy.deepcopy(found)
    for webhook in found["webhooks"]:
        if webhook["name"] == PODS:
            webhook["failurePolicy"] = "Ignore"
    return found


class Place:
    """One namespace whose pods one policy judges, and a release that does."""

    def __init__(self, cluster: ControlPlane, release: Release, namespace: str) -> None:
        self.cluster = cluster
        self.release = release
        self.namespace = namespace

    def create(self, document: dict[str, Any], *options: str) -> str:
        """What kubectl says on standard error when it creates the object."""
        return self._kubectl("create", "-f", "-", *options, document=document)

    def try_out(self, document: dict[str, Any], *options: str) -> str:
        """The same, with nothing left of it."""
        return self.create(document, "--dry-run=server", *options)

    def patch(self, resource: str, name: str, change: dict[str, Any], *options: str) -> str:
        """What kubectl says on standard error when it patches the object."""
        return self._kubectl("patch", resource, name, f"--patch={json.dumps(change)}", *options)

    def _kubectl(self, *command: str, document: dict[str, Any] | None = None) -> str:
        written = None if document is None else json.dumps(document)
        done = self.cluster.kubectl(*command, "-n", self.namespace, input=written, check=False)
        warned = all(line.startswith("Warning: ") for line in done.stderr.splitlines())
        assert warned is (done.returncode == 0), done.stderr
        return done.stderr

    def apart(self, namespace: str) -> "Place":
        """Another namespace, judged by the same release."""
        return Place(self.cluster, self.release, namespace)

    def lookups(self) -> float:
        """How many requests registries have had."""
        return self.release.server.metric("tidewaiter_registry_requests_total")

    def forged(self, found: Any, old: Any = None, **request: Any) -> dict[str, Any]:
        """The answer to a review that nobody but the server itself has seen."""
        review = {
            "uid": str(uuid.uuid4()),
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": self.namespace,
            "name": "forged",
            "operation": "CREATE",
            "userInfo": {"username": "mallory", "groups": ["system:authenticated"]},
            "object": found,
            "oldObject": old,
            **request,
        }
        answer: dict[str, Any] = self._ask(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": review}
        )["response"]
        assert answer["uid"] == review["uid"]
        return answer

    def _ask(self, review: dict[str, Any]) -> Any:
        context = ssl.create_default_context(cadata=self.release.values["tls"]["caBundle"])
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.release.port}/validate?timeout=10s",
            json.dumps(review).encode(),
            {"Content-Type": "application/json"},
        )
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
        with urllib.request.build_opener(*handlers).open(request, timeout=_SECONDS) as answer:
            return json.load(answer)


under_both_failure_policies = pytest.mark.parametrize(
    "place", [Release, Ignoring], ids=["Fail", "Ignore"], indirect=True, scope="module"
)
"""A verdict must not hang on what happens without one."""


@contextmanager
def judged(
    cluster: ControlPlane, install: Install, make: type[Release], rules: dict[str, Any], old: Mapping[str, Any]
) -> Iterator[Place]:
    """A namespace whose pods need signatures, and one more, `-hardened`; `old` are its pods from before, by name."""
    namespace = f"places-{make.__name__.lower()}-{uuid.uuid4().hex[:6]}"
    cluster.make_namespace(namespace, {"places": "signed"})
    cluster.make_namespace(f"{namespace}-hardened", {"places": "hardened"})
    for document in old.values():
        cluster.kubectl("create", "-n", namespace, "-f", "-", input=json.dumps(document))
    written = {
        "signed": {"match": _selector("signed"), "images": rules, "containers": {"allowedCSIDrivers": [DRIVER]}},
        "hardened": {"match": _selector("hardened"), "containers": policies.HARDENED},
    }
    with install(written, make=make, mode="policy") as release:
        yield Place(cluster, release, namespace)
        cluster.kubectl("delete", "deployments", "--all", "-n", namespace)  # else they try again for ever


def _selector(places: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"places": places}}}


def workload(kind: str, group: str, name: str, template: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A workload of a pod template that has no labels by itself."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, **template}
    version = f"{group}/v1" if group else "v1"
    spec = {"selector": {"matchLabels": labels}, "template": template, **spec}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}


def codes(answer: dict[str, Any]) -> set[str]:
    """The codes of a denial."""
    assert not answer["allowed"]
    return {cause["reason"] for cause in answer["status"]["details"]["causes"]}
