"""What scans are made of: workloads, policies and registries, without a cluster."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

import msgspec

from tests.admission.conftest import FixedPolicies, book
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry, FakeTrustRoots, digest, key, pem
from webhook.admission.decide import Decider, Options
from webhook.admission.ports import Namespaces
from webhook.admission.verification import Verification
from webhook.audit.results import Audited, Scan
from webhook.audit.scan import Scanner
from webhook.kube.namespaces import KnownNamespaces
from webhook.objects import PodObject
from webhook.pods import Pod, pod

RELEASE = key()
APP = f"ghcr.io/acme/app@{digest('a')}"
TOOL = f"ghcr.io/acme/tool@{digest('b')}"

SIGNED = f"""
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: signed}}
spec:
  mode: MODE
  images:
    allow: ["ghcr.io/acme/*", "quay.io/acme/*"]
    authorities:
    - {{name: release, key: {{pem: {json.dumps(pem(RELEASE))}}}}}
    verify:
    - {{name: ours, images: ["ghcr.io/acme/*", "quay.io/acme/*"], signatures: {{minimum: 1}}}}
"""
HARDENED = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: hardened}
spec:
  mode: MODE
  containers: {readOnlyRootFilesystem: true}
"""


def policy(text: str, mode: str = "Enforce") -> str:
    return text.replace("MODE", mode)


class FakeWorkload(NamedTuple):
    """Fills `webhook.audit.ports.Workload`."""

    kind: str
    namespace: str
    name: str
    pod: Pod | None
    static: bool = False
    api_version: str = "apps/v1"
    uid_of: str = ""

    @property
    def uid(self) -> str:
        return self.uid_of or f"uid-{self.kind}-{self.namespace}-{self.name}"


def a_pod(*images: str, **more: Any) -> Pod:
    """A pod of these images that can write nowhere; `metadata` and all else of its spec are `more`."""
    safe = {"securityContext": {"readOnlyRootFilesystem": True}}
    containers = [{"name": f"c{index}", "image": image, **safe} for index, image in enumerate(images)]
    metadata = more.pop("metadata", {})
    return pod(msgspec.convert({"metadata": metadata, "spec": {"containers": containers, **more}}, PodObject))


def a_writing_pod(*images: str) -> Pod:
    containers = [{"name": f"c{index}", "image": image} for index, image in enumerate(images)]
    return pod(msgspec.convert({"spec": {"containers": containers}}, PodObject))


def deployment(name: str, *pods: Pod | None, namespace: str = "prod") -> list[FakeWorkload]:
    return [FakeWorkload("Deployment", namespace, name, pod) for pod in pods]


class FakeWorkloads:
    """Fills `webhook.audit.ports.Workloads`: these pages, then an error where there is one."""

    def __init__(self, *pages: Sequence[FakeWorkload], error: Exception | None = None) -> None:
        self.listed = list(pages)
        self.error = error
        self.notes: list[str] = []

    async def pages(self) -> AsyncIterator[Sequence[FakeWorkload]]:
        for page in self.listed:
            yield page
        if self.error is not None:
            raise self.error


class Stage:
    """A scanner and everything that it asks."""

    def __init__(self, *policies: str, namespaces: Namespaces | None = None, **options: Any) -> None:
        self.registry = FakeRegistry()
        self.clock = FakeClock()
        self.policies = FixedPolicies(book(*policies))
        self.verification = Verification(self.registry, FakeTrustRoots(), self.clock)
        known = namespaces or KnownNamespaces({})
        self.decider = Decider(self.policies, self.verification, known, Options(**options), clock=self.clock)

    async def scan(self, *pages: Sequence[FakeWorkload], error: Exception | None = None, **settings: Any) -> Scan:
        return await self.scanner(FakeWorkloads(*pages, error=error), **settings).scan()

    def scanner(self, workloads: FakeWorkloads, **settings: Any) -> Scanner:
        return Scanner(workloads, self.decider, clock=self.clock, **settings)

    async def close(self) -> None:
        await self.verification.close()


def codes(audited: Audited) -> list[str]:
    return [finding.code.value for finding in audited.findings]


def found(scan: Scan) -> dict[str, tuple[int, list[str]]]:
    """By subject its pods and the codes of its findings."""
    return {each.subject.title: (each.pods, codes(each)) for each in scan.audited}
