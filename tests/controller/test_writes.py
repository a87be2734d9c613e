"""What the controller writes: its own objects and those of its release, and nobody else's, whatever happens."""

import copy
import re
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.controller import rendered
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster, Write
from webhook.audit.results import Audited, Scan, Subject
from webhook.codes import Code
from webhook.controller.certificates.keeper import CertificateKeeper
from webhook.controller.certificates.settings import MUTATING, SECRET, VALIDATING, CertificateSettings, Reference
from webhook.controller.configurations.drift import Field
from webhook.controller.configurations.events import DEPLOYMENTS
from webhook.controller.configurations.guard import ConfigurationGuard
from webhook.controller.configurations.settings import ConfigurationSettings
from webhook.controller.lease import LEASE, LeaseLock
from webhook.controller.policies import PolicyStatuses
from webhook.controller.reporting import Reporting, ReportingSettings
from webhook.controller.resources import POLICIES, TRUST_ROOTS
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object
from webhook.policy.resources import Compiler
from webhook.verdict import Violation

ROOT: Final = Path(__file__).parents[2] / "webhook"
NAMESPACE, NAME = "tidewaiter-system", "tidewaiter"
POD = Kind("", "v1", "Pod", "pods")
NAMESPACES = Kind("", "v1", "Namespace", "namespaces")
REPLICA_SET = Kind("apps", "v1", "ReplicaSet", "replicasets")
REPORT = Kind("openreports.io", "v1alpha1", "Report", "reports")
CLUSTER_REPORT = Kind("openreports.io", "v1alpha1", "ClusterReport", "clusterreports")
EVENT = Kind("events.k8s.io", "v1", "Event", "events")

OWN: Final = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(POST|PUT) /api/v1/namespaces/{NAMESPACE}/secrets/{NAME}-tls",
        rf"(POST|PUT) /apis/coordination\.k8s\.io/v1/namespaces/{NAMESPACE}/leases/{NAME}-controller",
        rf"(PUT|PATCH) /apis/admissionregistration\.k8s\.io/v1/[a-z]+webhookconfigurations/{NAME}(-guard)?",
        r"PATCH /apis/tidewaiter\.dev/v1alpha1/(clusterpodpolicies|trustroots)/[^/]+/status",
        r"(POST|PUT|DELETE) /apis/openreports\.io/v1alpha1/namespaces/[^/]+/reports/tidewaiter-[0-9a-f]{8}-[^/]+",
        r"(POST|PUT) /apis/events\.k8s\.io/v1/namespaces/[^/]+/events/tidewaiter-[0-9a-f]{32}",
        rf"(POST|PUT) /apis/events\.k8s\.io/v1/namespaces/{NAMESPACE}/events/{NAME}-controller\.[0-9a-f]{{16}}",
    )
)
"""Objects by their names, which follow from the release's. Never made or deleted: configurations and policies."""


def ours(write: Write) -> bool:
    return any(each.fullmatch(f"{write.method} {write.path}") for each in OWN)


class Told:
    """Fills the observers' ports."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def certificate_expires(self, kind: str, timestamp: float) -> None: ...

    def renewed(self, kind: str) -> None: ...

    def broken_trust(self, configuration: str) -> None: ...

    def drifted(self, configuration: str, fields: frozenset[Field]) -> None: ...

    def gone(self, configuration: str, is_gone: bool) -> None: ...

    def mended(self, configuration: str) -> None: ...

    def policies_seen(self, policies: int, unusable: int) -> None: ...

    def status_written(self, result: str) -> None: ...

    def failed(self, reason: str) -> None:
        self.failures.append(reason)


class NoSecrets:
    """Fills the port."""

    async def read(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes | str]:
        return dict.fromkeys(wanted, "there is none")


async def at_once(_: float) -> None:
    """No pause."""


class World:
    """A cluster full of other people's objects, and every part of the controller at work in it."""

    def __init__(self, folder: Path) -> None:
        self.cluster = FakeCluster([REPORT, CLUSTER_REPORT])
        self.clock = FakeClock()
        self.told = Told()
        self.modules: set[Path] = set()
        self.cluster.before.append(self._note)
        self._foreign()
        self._own(folder)
        settings = ConfigurationSettings(folder, NAMESPACE, NAME, f"{NAME}-controller", "controller-0", mend=True)
        self.guard = ConfigurationGuard(self.cluster, settings, self.clock, self.told)
        self.keeper = CertificateKeeper(
            self.cluster,
            CertificateSettings(
                NAME,
                NAMESPACE,
                f"{NAME}-tls",
                (f"{NAME}.{NAMESPACE}.svc",),
                (Reference(VALIDATING, NAME), Reference(MUTATING, NAME)),
                owner=Reference(DEPLOYMENTS, f"{NAME}-controller"),
            ),
            self.clock,
            self.told,
        )
        self.statuses = PolicyStatuses(
            self.cluster, NoSecrets(), Compiler(), self.clock, self.told, seconds=(0.0, 60.0, 0.0)
        )
        self.reporting = Reporting(
            self.cluster, ReportingSettings(NAMESPACE, NAME), self.clock, observer=None, pause=at_once
        )

    def _note(self, method: str, _: str) -> None:
        """The modules that a write goes through."""
        if method != "GET":
            self.modules |= {Path(frame.f_code.co_filename) for frame, _ in traceback.walk_stack(None)}

    def _foreign(self) -> None:
        """What is named, labelled or placed as ours are, and is not ours."""
        labels = {"app.kubernetes.io/managed-by": "tidewaiter", "app.kubernetes.io/instance": NAME}
        for kind, name, namespace in (
            (POD, "web-1", "prod"),
            (POD, "tidewaiter-1", NAMESPACE),
            (NAMESPACES, "prod", ""),
            (NAMESPACES, NAMESPACE, ""),
            (DEPLOYMENTS, "web", "prod"),
            (DEPLOYMENTS, f"{NAME}-controller", NAMESPACE),
            (REPLICA_SET, "web-5d4f", "prod"),
            (SECRET, f"{NAME}-tls", "prod"),
            (SECRET, "registry-credentials", NAMESPACE),
            (LEASE, f"{NAME}-controller", "prod"),
            (LEASE, "somebody-elses", NAMESPACE),
            (REPORT, "uid-web", "prod"),
            (REPORT, "tidewaiter-00000000-uid-web", "prod"),
            (CLUSTER_REPORT, "somebody-elses", ""),
            (EVENT, "tidewaiter-somebody-elses", "prod"),
        ):
            metadata = {"name": name, "labels": labels, **({"namespace": namespace} if namespace else {})}
            self.cluster.put(kind, {"metadata": metadata})
        for kind in (VALIDATING, MUTATING):
            webhooks = [{"name": "a.example.com", "failurePolicy": "Ignore", "clientConfig": {}}]
            self.cluster.put(kind, {"metadata": {"name": "tidewaiter-2", "labels": labels}, "webhooks": webhooks})
        self.foreign = copy.deepcopy(self.cluster.objects)

    def _own(self, folder: Path) -> None:
        documents = rendered.validating(), rendered.mutating()
        (folder / "rendered.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        self.cluster.put(VALIDATING, rendered.live(documents[0]))
        self.cluster.put(MUTATING, rendered.live(documents[1]))
        self.cluster.put(POLICIES, {"metadata": {"name": "good"}, "spec": {"containers": {"runAsNonRoot": True}}})
        self.cluster.put(POLICIES, {"metadata": {"name": "bad"}, "spec": {"containers": {"runAsNonRoto": True}}})
        self.cluster.put(TRUST_ROOTS, {"metadata": {"name": "root"}, "spec": {}})

    async def certificates(self) -> None:
        """Made, lost, renewed, and another's taken back."""
        await self.keeper.look()
        self.cluster.remove(SECRET, f"{NAME}-tls", NAMESPACE)
        await self.keeper.look()
        self.cluster.objects[VALIDATING.path("", NAME)]["webhooks"][0]["clientConfig"]["caBundle"] = "b3RoZXI="
        self.cluster.conflicts.add(VALIDATING.path("", NAME))
        await self.keeper.look()
        for _ in range(30):
            self.clock.advance(20 * 86_400)
            await self.keeper.look()

    async def configurations(self) -> None:
        """Drifted, mended, drifted once more, and deleted."""
        for _ in range(2):
            found = self.cluster.objects[VALIDATING.path("", NAME)]
            found["webhooks"][0] |= {"failurePolicy": "Ignore", "rules": []}
            self.cluster.put(VALIDATING, found)
            await self.guard.look()
            await self.guard.look()
        self.cluster.remove(MUTATING, NAME)
        for _ in range(3):
            await self.guard.look()

    async def policies(self) -> None:
        """Told what they are, before and after a scan."""
        await self.statuses.settle()
        await self.statuses.publish(scan("web"))
        await self.statuses.settle()

    async def reports(self) -> None:
        """Made, changed, and of less."""
        for found in (scan("web", "api"), scan("web", "api", code=Code.TAG_NOT_PINNED), scan("api")):
            await self.reporting.publish(found)

    async def lease(self) -> None:
        """Taken, renewed and given up."""
        lock = LeaseLock(
            self.cluster, NAMESPACE, f"{NAME}-controller", "controller-0", self.clock, duration=15, deadline=10
        )
        for _ in range(2):
            record = await lock.get(lock.name, lock.namespace)
            await lock.update(lock.name, lock.namespace, record)
        await lock.release()


PARTS: Final = ("certificates", "configurations", "policies", "reports", "lease")


def scan(*names: str, code: Code = Code.RUN_AS_NON_ROOT) -> Scan:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    finding = Violation(code=code, path="spec", message="is not as it should be", policy="good")
    audited = (
        Audited(
            subject=Subject("apps/v1", "Deployment", "prod", name, f"uid-{name}"),
            findings=(finding,),
            policies=("good",),
        )
        for name in names
    )
    return Scan(began=moment, ended=moment, pods=len(names), audited=tuple(audited))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("part", PARTS)
async def test_each_part_writes_and_nothing_but_what_is_ours(world: World, part: str) -> None:
    await getattr(world, part)()
    assert world.cluster.writes
    assert [f"{each.method} {each.path}" for each in world.cluster.writes if not ours(each)] == []
    assert {path: world.cluster.objects.get(path) for path in world.foreign} == world.foreign


async def test_all_parts_together_leave_everybody_elses_objects_as_they_are(world: World) -> None:
    for part in PARTS:
        await getattr(world, part)()
    assert {path: world.cluster.objects.get(path) for path in world.foreign} == world.foreign
    assert world.told.failures == []


async def test_every_module_that_can_write_has_written_here(world: World) -> None:
    for part in PARTS:
        await getattr(world, part)()
    writing = re.compile(r"cluster\.(create|replace|apply|delete)\b")
    modules = {path for path in ROOT.rglob("*.py") if writing.search(path.read_text(encoding="utf-8"))}
    assert len(modules) > len(PARTS)
    assert modules - world.modules == set()


async def test_whatever_is_made_bears_the_releases_name(world: World) -> None:
    for part in ("certificates", "configurations", "reports"):
        await getattr(world, part)()
    made = [each.body for each in world.cluster.writes if each.method == "POST" and each.body]
    labels = [(each["metadata"].get("labels") or {}) for each in made]
    keys = ("app.kubernetes.io/managed-by", "app.kubernetes.io/instance")
    assert {tuple(each.get(key) for key in keys) for each in labels} == {("tidewaiter", NAME)}


async def test_what_is_deleted_is_deleted_as_it_was_seen(world: World) -> None:
    deleted: list[Object] = []
    world.cluster.before.append(
        lambda method, path: deleted.append(world.cluster.objects[path]) if method == "DELETE" else None
    )
    await world.reports()
    assert [each["scope"]["name"] for each in deleted] == ["web"]


@pytest.mark.parametrize("part", PARTS)
async def test_a_cluster_that_forbids_everything_is_written_to_no_more_than_is_ours(world: World, part: str) -> None:
    asked: list[Write] = []

    def forbid(method: str, path: str) -> None:
        if method != "GET":
            asked.append(Write(method, path, "", None))
            raise ClusterError("the API server answered 403: forbidden", 403)

    world.cluster.before.append(forbid)
    try:
        await getattr(world, part)()
    except (ClusterError, KeyError):  # the Secret that is to be lost was never made
        assert part in {"certificates", "lease"}
    assert [f"{each.method} {each.path}" for each in asked if not ours(each)] == []
    assert world.cluster.writes == []
    assert asked


def test_the_list_of_what_is_ours_holds_nothing_of_a_neighbours() -> None:
    configurations = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    refused: tuple[tuple[str, str], ...] = (
        ("POST", f"{configurations}/tidewaiter"),
        ("DELETE", f"{configurations}/tidewaiter"),
        ("PUT", f"{configurations}/tidewaiter-2"),
        ("PUT", "/apis/tidewaiter.dev/v1alpha1/clusterpodpolicies/good"),
        ("PATCH", "/api/v1/namespaces/prod/pods/web-1"),
        ("PUT", "/api/v1/namespaces/prod/secrets/tidewaiter-tls"),
        ("DELETE", "/apis/openreports.io/v1alpha1/namespaces/prod/reports/uid-web"),
    )
    assert [each for each in refused if ours(Write(*each, "", None))] == []
