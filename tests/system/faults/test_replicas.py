"""F-08, F-11, F-12, F-30: replicas are replaced, killed and gone while pods are created through the API server."""

import asyncio
import base64
import json
import signal
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import trustme

from tests.system.controlplane import ControlPlane
from tests.system.faults.registry import TroubledRegistry
from tests.system.faults.replicas import Start, until
from tests.system.faults.service import Service, service
from tests.system.load import Load
from tests.system.pods import pod, text
from tests.system.program import Server

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

NAMESPACE, OWN = "rolled", "tidewaiter-own"
PER_SECOND = 200
NAME = "replicas.tidewaiter.dev"
FLAGS = ("--drain-seconds=5",)


@pytest.fixture
def front(cluster: ControlPlane, ca: trustme.CA) -> Iterator[Service]:
    """A Service that the API server asks about the pods of one namespace; it must be answered."""
    for namespace in (NAMESPACE, OWN):
        if cluster.kubectl("get", "namespace", namespace, check=False).returncode:
            cluster.make_namespace(namespace)
    with service() as running, registered(cluster, running, ca):
        yield running


@contextmanager
def registered(cluster: ControlPlane, front: Service, ca: trustme.CA) -> Iterator[None]:
    url = f"https://127.0.0.1:{front.port}/validate"
    webhook = {
        "name": NAME,
        "clientConfig": {"url": url, "caBundle": base64.b64encode(ca.cert_pem.bytes()).decode()},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
    }
    kind = "ValidatingWebhookConfiguration"
    written = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": NAME}}
    cluster.kubectl("apply", "-f", "-", input=text({**written, "webhooks": [webhook]}))
    try:
        yield
    finally:
        cluster.kubectl("delete", kind, NAME)


def creations(cluster: ControlPlane, image: str, per_second: float = PER_SECOND) -> Load:
    """Dry runs of pods' creation, asked of the API server."""
    body = json.dumps(pod("dry", image)).encode()
    return Load(
        lambda: int(cluster.server.rpartition(":")[2]),
        ssl.create_default_context(cafile=cluster.ca),
        f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All",
        {"Authorization": f"Bearer {cluster.admin_token}", "Content-Type": "application/json"},
        lambda _number: body,
        lambda status, answer: "" if status == 201 else answer.decode(),
        per_second=per_second,
        per_connection=1000,
    )


def create(cluster: ControlPlane, image: str, namespace: str = NAMESPACE) -> str:
    """What kubectl says of a dry run of a pod's creation; nothing where it is admitted."""
    written = text({**pod("one", image), "metadata": {"name": "one", "namespace": namespace}})
    return cluster.kubectl("create", "--dry-run=server", "-f", "-", input=written, check=False).stderr


async def judging(cluster: ControlPlane, image: str, replicas: Sequence[Server]) -> None:
    """Wait until the API server asks one of the replicas, which takes it a moment after a change."""

    def asked() -> bool:
        create(cluster, image)
        return any(each.metric("tidewaiter_admission_requests_total") for each in replicas)

    await until(asked)


def end(front: Service, replica: Server) -> None:
    """What an eviction, or a rolling update, does to a pod: it is told to end, and has its time for that."""
    replica.process.send_signal(signal.SIGTERM)
    assert replica.process.wait(60) == 0
    assert front.lost(replica)


def surge(front: Service, start: Callable[[], Server], old: Server) -> Server:
    """As a rolling update with maxUnavailable 0 does: the new one first."""
    new = start()
    front.add(new)
    end(front, old)
    return new


def drain(front: Service, start: Callable[[], Server], old: Server) -> Server:
    """As the drain of a node does that a PodDisruptionBudget of maxUnavailable 1 lets evict one at a time."""
    end(front, old)
    new = start()
    front.add(new)
    return new


async def replaced(
    cluster: ControlPlane,
    front: Service,
    registry: TroubledRegistry,
    start: Start,
    replace: Callable[[Service, Callable[[], Server], Server], Server],
) -> None:
    """Replace both replicas under load; no creation may fail."""
    image = registry.image("rolled")
    replicas = [start(registry.host, flags=FLAGS) for _ in range(2)]
    for each in replicas:
        front.add(each)
    await judging(cluster, image, replicas)
    with creations(cluster, image) as load:
        await until(lambda: load.answered > PER_SECOND)
        for each in replicas:
            await asyncio.to_thread(replace, front, lambda: start(registry.host, flags=FLAGS), each)
        answered = load.answered
        await until(lambda: load.answered > answered + PER_SECOND)
    assert load.failures == []


async def test_f_08_a_rolling_update_fails_no_creation(
    cluster: ControlPlane, front: Service, registry: TroubledRegistry, start: Start
) -> None:
    await replaced(cluster, front, registry, start, surge)


async def test_f_30_nodes_drained_one_by_one_fail_no_creation(
    cluster: ControlPlane, front: Service, registry: TroubledRegistry, start: Start
) -> None:
    await replaced(cluster, front, registry, start, drain)


async def test_f_11_of_three_replicas_one_is_killed_and_those_that_it_had_fail_and_no_others(
    cluster: ControlPlane, front: Service, registry: TroubledRegistry, start: Start
) -> None:
    image = registry.image("killed")
    replicas = [start(registry.host, flags=FLAGS) for _ in range(3)]
    for each in replicas:
        front.add(each)
    await judging(cluster, image, replicas)
    with creations(cluster, image) as load:
        await until(lambda: load.answered > PER_SECOND)
        replicas[0].process.kill()
        await until(lambda: front.lost(replicas[0]))
        failed, answered = list(load.failures), load.answered
        await until(lambda: load.answered > answered + 2 * PER_SECOND)
    assert load.failures[: len(failed)] == failed
    in_flight = 8  # the load's clients
    assert len(load.failures) <= in_flight + len(failed)
    assert all("failed calling webhook" in each for each in load.failures)
    assert len(load.failures) < answered


async def test_f_12_with_all_replicas_gone_nothing_is_admitted_unjudged_and_nobody_has_to_help(
    cluster: ControlPlane, front: Service, registry: TroubledRegistry, start: Start
) -> None:
    image = registry.image("gone")
    replicas = [start(registry.host, flags=FLAGS) for _ in range(2)]
    for each in replicas:
        front.add(each)
    await judging(cluster, image, replicas)
    for each in replicas:
        each.process.kill()
    await until(lambda: all(front.lost(each) for each in replicas))
    assert "failed calling webhook" in create(cluster, image)
    assert create(cluster, image, OWN) == ""  # the namespace of its own replicas, which nobody is asked about
    front.add(start(registry.host, flags=FLAGS))
    await until(lambda: create(cluster, image) == "")
