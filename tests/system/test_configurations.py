"""What the controller does about webhook configurations, on a real API server, with the rights that the chart gives it.

Helm 3 writes objects by patches of its own, Helm 4 by server-side apply: what was mended must be in the way of neither.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio

from tests.charts.rendering import NAMESPACE
from tests.system.controlplane import ControlPlane
from tests.system.helm import CONTROLLER, HelmRelease
from tests.system.tools import tool
from webhook.clock import SystemClock
from webhook.controller.certificates.keeper import CertificateKeeper
from webhook.controller.certificates.settings import MUTATING, VALIDATING, CertificateSettings, Reference
from webhook.controller.configurations.drift import Field
from webhook.controller.configurations.guard import ConfigurationGuard
from webhook.controller.configurations.mending import MANAGER
from webhook.controller.configurations.observer import Failure
from webhook.controller.configurations.settings import ConfigurationSettings
from webhook.controller.configurations.webhooks import KINDS
from webhook.errors import ClusterError
from webhook.kube.cluster import Cluster, Kind, Object

pytestmark = [pytest.mark.system, pytest.mark.timeout(180, func_only=True)]

PODS, GUARD, PIN = (
    ("validatingwebhookconfiguration", "tidewaiter"),
    ("validatingwebhookconfiguration", "tidewaiter-guard"),
    ("mutatingwebhookconfiguration", "tidewaiter"),
)
TITLES: Final = (
    "ValidatingWebhookConfiguration/tidewaiter",
    "ValidatingWebhookConfiguration/tidewaiter-guard",
    "MutatingWebhookConfiguration/tidewaiter",
)
VALUES: Final = {
    "mode": "policy",
    "image": {"repository": "registry.example.com/tidewaiter"},
    "policies": {
        "starter": None,
        "signed": {
            "match": {"namespaceSelector": {"matchLabels": {"tier": "signed"}}},
            "images": {"allow": ["registry.example.com/**"]},
        },
    },
    "controller": {"mendConfigurations": True},
}


class Told:
    """Fills the observer's port."""

    def __init__(self) -> None:
        self.drift: dict[str, frozenset[Field]] = {}
        self.is_gone: dict[str, bool] = {}
        self.mends: list[str] = []
        self.failures: list[Failure] = []

    def drifted(self, configuration: str, fields: frozenset[Field]) -> None:
        self.drift[configuration] = fields

    def gone(self, configuration: str, is_gone: bool) -> None:
        self.is_gone[configuration] = is_gone

    def mended(self, configuration: str) -> None:
        self.mends.append(configuration)

    def failed(self, reason: Failure) -> None:
        self.failures.append(reason)


class ToldOfCertificates:
    """Fills the port of the keeper of certificates."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def certificate_expires(self, kind: str, timestamp: float) -> None: ...

    def renewed(self, kind: str) -> None: ...

    def broken_trust(self, configuration: str) -> None: ...

    def failed(self, reason: str) -> None:
        self.failures.append(reason)


class DeletedBeforeWritten(Cluster):
    """Somebody deletes what is replaced, right before it is."""

    def __init__(self, kubeconfig: Path, plane: ControlPlane) -> None:
        super().__init__(kubeconfig)
        self._plane = plane

    async def replace(self, kind: Kind, written: Mapping[str, Any], *, manager: str) -> Object:
        self._plane.kubectl("delete", kind.kind, written["metadata"]["name"])
        return await super().replace(kind, written, manager=manager)


class Site:
    """A release, and a guard with the rights of its controller."""

    def __init__(self, release: HelmRelease, cluster: Cluster, *, mend: bool = True) -> None:
        self.release = release
        self.plane = release.cluster
        self.cluster = cluster
        self.told = Told()
        settings = ConfigurationSettings(
            release.configurations, NAMESPACE, "tidewaiter", CONTROLLER, "controller-0", mend=mend
        )
        self.guard = ConfigurationGuard(cluster, settings, SystemClock(), self.told)

    async def look(self) -> None:
        await self.guard.look()

    async def look_until(self, done: Callable[[], bool]) -> None:
        """The API server takes a moment to learn of rights."""
        async with asyncio.timeout(20):
            while not done():
                await self.look()
                await asyncio.sleep(0.1)

    def patch(self, which: tuple[str, str], *operations: tuple[str, str, Any]) -> None:
        keys = ("op", "path", "value")
        patch = json.dumps([dict(zip(keys, each, strict=True)) for each in operations])
        self.plane.kubectl("patch", *which, "--type=json", "--patch", patch)

    def webhooks(self, which: tuple[str, str]) -> list[dict[str, Any]]:
        return list(self.release.read(*which).get("webhooks", ()))

    def managers(self, which: tuple[str, str]) -> set[str]:
        return {each["manager"] for each in self.release.read(*which)["metadata"]["managedFields"]}

    def versions(self) -> list[str]:
        return [self.release.read(*each)["metadata"]["resourceVersion"] for each in (PODS, GUARD, PIN)]

    def events(self) -> list[dict[str, Any]]:
        done = self.plane.kubectl("get", "events.v1.events.k8s.io", "-n", NAMESPACE, "-o", "json")
        return [each for each in json.loads(done.stdout)["items"] if each["reason"].startswith("Configuration")]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("cluster")) as running:
        running.make_namespace(NAMESPACE)
        yield running


@pytest.fixture(params=["helm3", "helm4"])
def release(request: pytest.FixtureRequest, plane: ControlPlane, tmp_path: Path) -> Iterator[HelmRelease]:
    made = HelmRelease(plane, tool(request.param), tmp_path, VALUES)
    made.install()
    try:
        yield made
    finally:
        made.helm("uninstall")
        plane.kubectl("delete", "events.v1.events.k8s.io", "-n", NAMESPACE, "--all")


ONCE = pytest.mark.parametrize("release", ["helm4"], indirect=True)
"""Where it does not matter which helm."""


@pytest_asyncio.fixture
async def site(release: HelmRelease) -> AsyncIterator[Site]:
    cluster = Cluster(release.controllers_kubeconfig())
    yield Site(release, cluster)
    await cluster.close()


async def test_what_the_chart_renders_is_no_drift_once_the_api_server_has_filled_in_defaults(site: Site) -> None:
    before = site.versions()
    await site.look()
    assert site.told.drift == dict.fromkeys(TITLES, frozenset())
    assert site.told.is_gone == dict.fromkeys(TITLES, False)
    assert (site.versions(), site.events(), site.told.failures) == (before, [], [])


async def test_what_drifted_is_announced_and_mended_and_helm_goes_on_as_if_nothing_had_been(site: Site) -> None:
    before = {each: site.webhooks(each) for each in (PODS, GUARD, PIN)}
    drift(site)
    await site.look()
    assert site.told.drift == {
        TITLES[0]: {
            *(Field.FAILURE_POLICY, Field.RULES, Field.NAMESPACE_SELECTOR, Field.MATCH_CONDITIONS),
            *(Field.WEBHOOK_MISSING, Field.WEBHOOK_EXTRA),
        },
        TITLES[1]: {Field.MATCH_CONDITIONS, Field.TIMEOUT_SECONDS},
        TITLES[2]: {Field.CLIENT_CONFIG, Field.OBJECT_SELECTOR, Field.REINVOCATION_POLICY},
    }
    assert {each: site.webhooks(each) for each in before} == before
    assert (sorted(site.told.mends), site.told.failures) == (sorted(TITLES), [])
    assert [site.managers(each) for each in before] == [{"helm"}] * 3

    site.release.upgrade("--set=mode=audit,pinning=false")
    await site.look()
    await site.look()  # the files are those of before still
    assert [each["failurePolicy"] for each in site.webhooks(PODS)] == ["Ignore", "Ignore"]
    site.release.sync()
    await site.look()
    assert site.told.drift == dict.fromkeys(TITLES, frozenset())
    assert site.told.is_gone == dict.fromkeys(TITLES, False)

    site.release.rollback()
    await site.look()
    assert {each: site.webhooks(each) for each in before} == before
    site.release.sync()
    await site.look()
    assert site.told.drift == dict.fromkeys(TITLES, frozenset())
    assert (sorted(site.told.mends), site.told.failures) == (sorted(TITLES), [])


def drift(site: Site) -> None:
    """Everything that somebody could do, in all three."""
    more = {**site.webhooks(PIN)[0], "name": "more.example.com"}
    more.pop("reinvocationPolicy")
    never = {"name": "never", "expression": "false"}
    site.patch(
        PODS,
        ("replace", "/webhooks/0/failurePolicy", "Ignore"),
        ("replace", "/webhooks/0/rules", []),
        ("replace", "/webhooks/0/namespaceSelector", {"matchLabels": {"judge": "me"}}),
        ("add", "/webhooks/0/matchConditions", [never]),
        ("replace", "/webhooks/1", more),
    )
    site.patch(
        GUARD,
        ("replace", "/webhooks/0/matchConditions/0/expression", "false"),
        ("replace", "/webhooks/0/timeoutSeconds", 1),
    )
    site.patch(
        PIN,
        ("replace", "/webhooks/0/clientConfig", {"url": "https://127.0.0.1:9/pin"}),
        ("replace", "/webhooks/0/objectSelector", {"matchLabels": {"pin": "me"}}),
        ("replace", "/webhooks/0/reinvocationPolicy", "Never"),
    )


@ONCE
async def test_the_same_drift_again_is_counted_in_its_event(site: Site) -> None:
    for _ in range(3):
        site.patch(PODS, ("replace", "/webhooks/0/failurePolicy", "Ignore"))
        await site.look()
        await site.look()
    (event,) = site.events()
    assert event["series"]["count"] == 3
    assert event["regarding"]["uid"] == site.release.read("deployment", CONTROLLER)["metadata"]["uid"]
    assert site.told.failures == []


@ONCE
async def test_the_events_of_a_drift_are_shown_with_the_deployment(site: Site) -> None:
    site.patch(PODS, ("replace", "/webhooks/0/failurePolicy", "Ignore"))
    await site.look()
    described = site.plane.kubectl("describe", "deployment", CONTROLLER, "-n", NAMESPACE).stdout
    assert 'webhooks[pods.tidewaiter.dev].failurePolicy: found "Ignore", wanted "Fail"' in described


async def test_certificates_stay_what_they_are_and_their_owners(site: Site) -> None:
    bundle = {"name": "pods.tidewaiter.dev", "clientConfig": {"caBundle": "Q0E="}}
    applied = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "tidewaiter"},
        "webhooks": [bundle],
    }
    args = ("apply", "--server-side", "--field-manager=tidewaiter-ca", "-f", "-")
    site.plane.kubectl(*args, input=json.dumps(applied))
    site.patch(PODS, ("replace", "/webhooks/0/failurePolicy", "Ignore"))
    await site.look()
    site.release.upgrade("--set=workloads=ignore")
    (webhook,) = site.webhooks(PODS)
    assert (webhook["failurePolicy"], webhook["clientConfig"]["caBundle"]) == ("Fail", "Q0E=")
    assert site.managers(PODS) == {"helm", "tidewaiter-ca"}


async def test_both_that_write_to_configurations_are_in_nobodys_way(site: Site) -> None:
    told = ToldOfCertificates()
    keeper = CertificateKeeper(site.cluster, certificates(), SystemClock(), told)
    await keeper.look()
    (bundle,) = {each["clientConfig"]["caBundle"] for each in site.webhooks(PODS)}
    site.patch(
        PODS,
        ("replace", "/webhooks/0/clientConfig", {"url": "https://127.0.0.1:9/yes", "caBundle": "Q0E="}),
        ("remove", "/webhooks/1", None),
    )
    await site.look()
    await keeper.look()
    assert [each["clientConfig"]["caBundle"] for each in site.webhooks(PODS)] == [bundle] * 2
    assert site.told.drift[TITLES[0]] == {Field.CLIENT_CONFIG, Field.WEBHOOK_MISSING}
    site.release.upgrade("--set=webhook.timeoutSeconds=5")
    site.release.sync()
    await site.look()
    await keeper.look()
    assert [(each["clientConfig"]["caBundle"], each["timeoutSeconds"]) for each in site.webhooks(PODS)] == [
        (bundle, 5)
    ] * 2
    site.release.rollback()
    assert {each["clientConfig"]["caBundle"] for each in site.webhooks(PODS)} == {bundle}
    assert (site.told.failures, told.failures) == ([], [])


def certificates() -> CertificateSettings:
    return CertificateSettings(
        "tidewaiter",
        NAMESPACE,
        "tidewaiter-tls",
        (f"tidewaiter.{NAMESPACE}.svc",),
        (
            Reference(VALIDATING, "tidewaiter"),
            Reference(VALIDATING, "tidewaiter-guard"),
            Reference(MUTATING, "tidewaiter"),
        ),
    )


async def test_a_deleted_configuration_stays_deleted_until_helm_makes_it(site: Site) -> None:
    await site.look()
    site.plane.kubectl("delete", *PODS)
    for _ in range(3):
        await site.look()
    assert site.told.is_gone == {TITLES[0]: True, TITLES[1]: False, TITLES[2]: False}
    assert [each["reason"] for each in site.events()] == ["ConfigurationGone"]
    assert site.webhooks(PODS) == []
    site.release.upgrade()
    site.release.sync()
    await site.look()
    assert site.told.is_gone == dict.fromkeys(TITLES, False)
    assert site.told.drift == dict.fromkeys(TITLES, frozenset())


@ONCE
async def test_what_is_deleted_while_it_is_mended_stays_deleted(site: Site) -> None:
    racing = Site(site.release, DeletedBeforeWritten(site.release.controllers_kubeconfig(), site.plane))
    site.patch(PODS, ("replace", "/webhooks/0/failurePolicy", "Ignore"))
    await racing.look()
    await racing.cluster.close()
    assert (site.webhooks(PODS), racing.told.mends, racing.told.failures) == ([], [], [])
    site.release.upgrade()


FOREIGN: Final[dict[str, tuple[Kind, Object]]] = {
    "a pod": (Kind("", "v1", "Pod", "pods"), {"metadata": {"name": "mine", "namespace": "default"}}),
    "a namespace": (Kind("", "v1", "Namespace", "namespaces"), {"metadata": {"name": "default"}}),
    "another configuration": (KINDS["ValidatingWebhookConfiguration"], {"metadata": {"name": "somebody-elses"}}),
    "another mutating configuration": (KINDS["MutatingWebhookConfiguration"], {"metadata": {"name": "somebody-elses"}}),
    "a Secret elsewhere": (Kind("", "v1", "Secret", "secrets"), {"metadata": {"name": "mine", "namespace": "default"}}),
    "a Deployment": (
        Kind("apps", "v1", "Deployment", "deployments"),
        {"metadata": {"name": CONTROLLER, "namespace": NAMESPACE}},
    ),
    "a role": (
        Kind("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles"),
        {"metadata": {"name": CONTROLLER}},
    ),
    "a policy": (
        Kind("tidewaiter.dev", "v1alpha1", "ClusterPodPolicy", "clusterpodpolicies"),
        {"metadata": {"name": "own"}},
    ),
}


async def status(write: Awaitable[object]) -> int:
    """Of the API server's refusal, 0 where it did as it was told."""
    try:
        await write
    except ClusterError as error:
        return error.status
    return 0


@ONCE
async def test_its_rights_end_at_its_own_objects(site: Site) -> None:
    refused = {}
    for what, (kind, foreign) in FOREIGN.items():
        written = {"apiVersion": kind.api_version, "kind": kind.kind, **foreign}
        name, namespace = foreign["metadata"]["name"], foreign["metadata"].get("namespace", "")
        refused[what] = [
            await status(site.cluster.create(kind, written)),
            await status(site.cluster.replace(kind, written, manager=MANAGER)),
            await status(site.cluster.apply(kind, written, manager=MANAGER)),
            await status(site.cluster.delete(kind, name, namespace)),
        ]
    assert refused == dict.fromkeys(FOREIGN, [403] * 4)


@ONCE
async def test_its_own_configurations_it_can_neither_make_nor_delete(site: Site) -> None:
    own = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "tidewaiter"}}
    for kind in KINDS.values():
        assert await status(site.cluster.create(kind, {**own, "kind": kind.kind})) == 403
        assert await status(site.cluster.delete(kind, "tidewaiter")) == 403


@ONCE
async def test_where_it_is_not_to_mend_it_announces_all_the_same(site: Site) -> None:
    watching = Site(site.release, site.cluster, mend=False)
    site.patch(PODS, ("replace", "/webhooks/0/failurePolicy", "Ignore"))
    before = site.versions()
    await watching.look()
    assert watching.told.drift[TITLES[0]] == {Field.FAILURE_POLICY}
    assert (watching.told.failures, watching.told.mends, site.versions()) == ([], [], before)
    assert len(site.events()) == 1


@ONCE
async def test_without_its_rights_it_counts_failures_and_goes_on_once_it_has_them(site: Site) -> None:
    await site.look()
    binding = site.plane.kubectl("get", "clusterrolebinding", CONTROLLER, "-o", "json").stdout
    site.plane.kubectl("delete", "clusterrolebinding", CONTROLLER)
    await site.look_until(lambda: Failure.READ in site.told.failures)
    assert set(site.told.failures) == {Failure.READ}
    assert site.told.is_gone == dict.fromkeys(TITLES, False)
    site.patch(PODS, ("replace", "/webhooks/0/failurePolicy", "Ignore"))
    site.plane.kubectl("create", "-f", "-", input=binding)
    await site.look_until(lambda: TITLES[0] in site.told.mends)
    assert site.webhooks(PODS)[0]["failurePolicy"] == "Fail"
