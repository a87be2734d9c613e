"""Certificates that look after themselves: made, renewed and mended in a real cluster, while pods are asked for."""

import base64
import json
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system import policies
from tests.system.controlplane import ControlPlane
from tests.system.keeping import Told, account, apply_as_helm, exists, got, keeping, mounted, webhooks
from tests.system.load import Load
from tests.system.pods import HARDENED, pod
from tests.system.polling import eventually
from tests.system.program import Server, serving
from webhook.controller.certificates import bundles
from webhook.controller.certificates.rotation import Terms
from webhook.controller.certificates.settings import (
    MUTATING,
    VALIDATING,
    CertificateSettings,
    Reference,
    serving_names,
)
from webhook.errors import ClusterError
from webhook.kube.cluster import Cluster, Kind

pytestmark = [pytest.mark.system, pytest.mark.timeout(240, func_only=True)]

NAMESPACE = "certificates"
SECRET = "tidewaiter-tls"
NAME = "tidewaiter-certificates"
NAMES = serving_names("tidewaiter", NAMESPACE, ["127.0.0.1"])
DEPLOYMENT = Kind("apps", "v1", "Deployment", "deployments")
CONFIGURATIONS = (Reference(VALIDATING, NAME), Reference(MUTATING, NAME))
SETTINGS = CertificateSettings(
    "tidewaiter", NAMESPACE, SECRET, NAMES, CONFIGURATIONS, owner=Reference(DEPLOYMENT, "controller"), period_seconds=1
)
OWNER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "controller", "namespace": NAMESPACE},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "controller"}},
        "template": {
            "metadata": {"labels": {"app": "controller"}},
            "spec": {"containers": [{"name": "controller", "image": "registry.example.com/tidewaiter"}]},
        },
    },
}


class Release:
    """The program, its webhook, and the Secret that it mounts."""

    def __init__(self, cluster: ControlPlane, keeper: Path, server: Server, url: str) -> None:
        self.cluster = cluster
        self.keeper = keeper
        self.server = server
        self.url = url

    def install(self, hooks: tuple[str, ...] = ("pods.tidewaiter.dev",)) -> None:
        apply_as_helm(self.cluster, webhooks("ValidatingWebhookConfiguration", NAME, self.url, NAMESPACE, hooks))

    def bundles(self) -> list[str]:
        """The caBundle of each webhook."""
        hooks = got(self.cluster, "validatingwebhookconfiguration", NAME)["webhooks"]
        return [hook["clientConfig"].get("caBundle", "") for hook in hooks]

    def data(self) -> dict[str, str]:
        """What the Secret holds."""
        found: dict[str, str] = got(self.cluster, "secret", SECRET, "-n", NAMESPACE)["data"]
        return found

    def ask(self, **further: Any) -> str:
        """What the API server says of a pod that is good or not: nothing where it takes it."""
        document = json.dumps(pod("asked", "registry.example.com/web", **further))
        done = self.cluster.kubectl(
            "create", "--dry-run=server", "-n", NAMESPACE, "-f", "-", input=document, check=False
        )
        return done.stderr

    def trusts(self) -> bool:
        """Whether a new connection to the program is accepted by what the API server is told to trust now."""
        before = self.bundles()
        contexts = [ssl.create_default_context(cadata=base64.b64decode(each).decode()) for each in before]
        return all(_accepts(context, self.server.port) for context in contexts)


def _accepts(context: ssl.SSLContext, port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as plain:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
    except ssl.SSLCertVerificationError:
        return False
    return True


@pytest.fixture(scope="module")
def release(cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Certificates are made by a keeper that ends then: each test starts its own."""
    cluster.make_namespace(NAMESPACE)
    cluster.kubectl("apply", "-f", "-", input=json.dumps(OWNER))
    folder = tmp_path_factory.mktemp("certificates")
    keeper = account(cluster, SETTINGS, folder)
    policy = policies.write(folder / "policy.yaml", hardened={"containers": policies.HARDENED})
    with ExitStack() as running:
        with keeping(keeper, SETTINGS):
            eventually(lambda: exists(cluster, "secret", SECRET, "-n", NAMESPACE))
        tls = running.enter_context(mounted(cluster, NAMESPACE, SECRET, folder))
        flags = [f"--policy={policy}", f"--tls-cert={tls / 'tls.crt'}", f"--tls-key={tls / 'tls.key'}"]
        server = running.enter_context(serving(folder, [*flags, "--drain-seconds=0"]))
        running.callback(cluster.kubectl, "delete", "validatingwebhookconfiguration", NAME, "--ignore-not-found")
        yield Release(cluster, keeper, server, f"https://127.0.0.1:{server.port}/validate")


@pytest.fixture
def installed(release: Release) -> Release:
    release.install()
    return release


def _load(cluster: ControlPlane) -> Load:
    """Dry runs of a good pod's creation, asked of the API server."""
    body = json.dumps(pod("dry", "registry.example.com/web", security=HARDENED)).encode()
    headers = {"Authorization": f"Bearer {cluster.admin_token}", "Content-Type": "application/json"}
    return Load(
        lambda: int(cluster.server.rpartition(":")[2]),
        ssl.create_default_context(cafile=cluster.ca),
        f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All",
        headers,
        lambda _number: body,
        lambda status, answer: "" if status == 201 else answer.decode(),
        per_second=40,
    )


def test_the_secret_is_made_and_the_webhook_is_trusted_and_answers(installed: Release, cluster: ControlPlane) -> None:
    with keeping(installed.keeper, SETTINGS) as told:
        eventually(lambda: all(installed.bundles()))
    assert installed.bundles() == [installed.data()["ca.crt"]]
    assert eventually(lambda: not installed.ask(security=HARDENED))
    assert "denied the request" in installed.ask()
    assert told.failures == told.broken == []
    secret = got(cluster, "secret", SECRET, "-n", NAMESPACE)
    owner = got(cluster, "deployment", "controller", "-n", NAMESPACE)
    assert secret["type"] == "kubernetes.io/tls"
    assert [each["uid"] for each in secret["metadata"]["ownerReferences"]] == [owner["metadata"]["uid"]]
    fields = got(cluster, "validatingwebhookconfiguration", NAME)["metadata"]["managedFields"]
    assert [each["manager"] for each in fields] == ["helm"]


def test_an_upgrade_by_helm_leaves_the_trust_and_meets_no_conflict(installed: Release, cluster: ControlPlane) -> None:
    with keeping(installed.keeper, SETTINGS):
        (trusted,) = eventually(installed.bundles)
        installed.install(("pods.tidewaiter.dev", "workloads.tidewaiter.dev"))
        assert installed.bundles() == [trusted, ""]
        eventually(lambda: installed.bundles() == [trusted, trusted])
        installed.install()
        assert installed.bundles() == [trusted]


def test_a_spoiled_bundle_is_mended_and_told(installed: Release, cluster: ControlPlane) -> None:
    with keeping(installed.keeper, SETTINGS) as told:
        eventually(lambda: installed.bundles() == [installed.data()["ca.crt"]])
        patch = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": installed.data()["tls.crt"]}]
        cluster.kubectl("patch", "validatingwebhookconfiguration", NAME, "--type=json", "-p", json.dumps(patch))
        eventually(lambda: told.broken)
        eventually(lambda: installed.bundles() == [installed.data()["ca.crt"]])
    assert told.broken == [NAME]
    assert eventually(lambda: not installed.ask(security=HARDENED))


def test_a_deleted_secret_is_made_anew_while_pods_are_created(installed: Release, cluster: ControlPlane) -> None:
    with keeping(installed.keeper, SETTINGS) as told:
        eventually(lambda: not installed.ask(security=HARDENED))
        before = installed.data()
        with _load(cluster) as load:
            eventually(lambda: load.answered > 20)
            cluster.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)
            eventually(lambda: exists(cluster, "secret", SECRET, "-n", NAMESPACE))
            assert installed.data()["tls.crt"] != before["tls.crt"]
            reloads = "tidewaiter_certificate_reload_total"
            eventually(lambda: installed.server.metric(reloads, result="success") > 0)
            answered = load.answered
            eventually(lambda: load.answered > answered + 60)
            assert installed.trusts()
    assert load.failures == told.failures == []


def test_certificates_and_authorities_change_while_pods_are_created(installed: Release, cluster: ControlPlane) -> None:
    terms = Terms(
        "tidewaiter",
        NAMES,
        authority_life=timedelta(seconds=60),
        serving_life=timedelta(seconds=30),
        overlap=timedelta(seconds=6),
        retirement=timedelta(seconds=12),
    )
    cluster.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)
    with keeping(installed.keeper, replace(SETTINGS, terms=terms)) as told:
        eventually(lambda: not installed.ask(security=HARDENED) and installed.trusts())
        seen: set[tuple[int, str]] = set()
        with _load(cluster) as load:
            eventually(lambda: _two_authorities_later(installed, told, seen), 150)
        assert load.failures == told.failures == told.broken == []
    assert load.answered > 1000
    assert told.renewals.count("serving") >= 4


def _two_authorities_later(release: Release, told: Told, seen: set[tuple[int, str]]) -> bool:
    """Whether two more have come and their forerunners gone; at each look a new connection is accepted."""
    assert release.trusts()
    trusted = release.bundles()[0]
    seen.add((base64.b64decode(trusted).count(b"BEGIN"), trusted))
    return told.renewals.count("ca") >= 3 and len([count for count, _ in seen if count == 1]) >= 3


def test_a_deleted_configuration_stays_deleted(release: Release, cluster: ControlPlane) -> None:
    release.install()
    with keeping(release.keeper, SETTINGS) as told:
        eventually(lambda: all(release.bundles()))
        cluster.kubectl("delete", "validatingwebhookconfiguration", NAME)
        cluster.kubectl("delete", "secret", SECRET, "-n", NAMESPACE)
        eventually(lambda: "serving" in told.renewals)
    assert not exists(cluster, "validatingwebhookconfiguration", NAME)
    assert told.failures == []


@asynccontextmanager
async def _looked(keeper: Path) -> AsyncIterator[tuple[Cluster, bundles.Configuration]]:
    """A configuration as a keeper saw it, which is about to write to it."""
    port = Cluster(keeper)
    try:
        (seen,) = await bundles.look(port, CONFIGURATIONS)
        yield port, seen
    finally:
        await port.close()


async def test_a_configuration_that_is_deleted_just_before_it_is_written_stays_deleted(
    release: Release, cluster: ControlPlane
) -> None:
    release.install()
    async with _looked(release.keeper) as (port, seen):
        cluster.kubectl("delete", "validatingwebhookconfiguration", NAME)
        with pytest.raises(ClusterError) as error:
            await bundles.write(port, seen, base64.b64decode(release.data()["ca.crt"]) * 2)
    assert error.value.status == 409
    assert not exists(cluster, "validatingwebhookconfiguration", NAME)


async def test_a_configuration_that_changes_just_before_it_is_written_is_not_written(
    release: Release, cluster: ControlPlane
) -> None:
    release.install()
    async with _looked(release.keeper) as (port, seen):
        cluster.kubectl("label", "validatingwebhookconfiguration", NAME, "changed=yes")
        with pytest.raises(ClusterError) as error:
            await bundles.write(port, seen, base64.b64decode(release.data()["ca.crt"]) * 2)
    assert error.value.status == 409
