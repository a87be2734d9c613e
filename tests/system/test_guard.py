"""The guard on a real API server: policies as they are written, and labels of namespaces that policies read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.release import Release
from tests.system.test_cluster_policies import apply, document, install_definitions
from tests.system.values import values

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

ENFORCE = "pod-security.kubernetes.io/enforce"
SPEC = {"containers": {"runAsNonRoot": True}}
PAYMENTS = {"match": {"namespaceSelector": {"matchLabels": {"team": "payments"}}}, **SPEC}
BROKEN = {"containers": {"runAsNonRoto": True}}
TYPO = "spec.containers.runAsNonRoto\n    POLICY_INVALID: unknown field `runAsNonRoto`, did you mean `runAsNonRoot`?"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, helm: Path) -> Iterator[ControlPlane]:
    """Without a Pod Security controller of its own, which would refuse labels that it cannot read."""
    args = ["--disable-admission-plugins=PodSecurity"]
    with ControlPlane(tmp_path_factory.mktemp("cluster"), api_server_args=args, controller_manager=True) as running:
        install_definitions(running, helm)
        apply(running, "old", BROKEN)
        yield running


@pytest.fixture(scope="module")
def release(
    tmp_path_factory: pytest.TempPathFactory, cluster: ControlPlane, helm: Path, ca: trustme.CA
) -> Iterator[Release]:
    folder = tmp_path_factory.mktemp("release")
    settings = values(
        ca,
        folder,
        {},
        {"everywhere": SPEC, "payments": PAYMENTS},
        mode="policy",
        policySource="cluster",
        podSecurityLabels=True,
    )
    with Release(cluster, helm, folder, settings) as running:
        eventually(
            lambda: bool(refused(cluster, "label", "--dry-run=server", "ns/default", "team=x", token=dev(cluster)))
        )
        yield running


def account(cluster: ControlPlane, name: str, verbs: str, resources: str) -> str:
    """A token of a user who may do that, made anew or as it was made before."""
    for args in (
        ("create", "serviceaccount", name),
        ("create", "clusterrole", name, f"--verb={verbs}", f"--resource={resources}"),
        ("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount=default:{name}"),
    ):
        cluster.kubectl(*args, check=False)
    return cluster.kubectl("create", "token", name).stdout.strip()


def dev(cluster: ControlPlane) -> str:
    return account(cluster, "dev", "*", "namespaces")


def lead(cluster: ControlPlane) -> str:
    return account(cluster, "lead", "*", "namespaces,clusterpodpolicies.tidewaiter.dev")


def refused(cluster: ControlPlane, *args: str, token: str | None = None, content: str | None = None) -> str:
    """What kubectl says where it is refused; "" where it is not."""
    done = cluster.kubectl(*args, input=content, token=token, check=False)
    return done.stderr if done.returncode else ""


def make(cluster: ControlPlane, name: str, token: str, **labels: str) -> str:
    metadata = {"name": name, "labels": {key.replace("__", "/"): value for key, value in labels.items()}}
    content = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    return refused(cluster, "create", "-f", "-", token=token, content=content)


def test_a_typo_in_a_policy_is_refused_with_its_path_and_what_was_meant(
    cluster: ControlPlane, release: Release
) -> None:
    words = refused(cluster, "apply", "-f", "-", content=document("typo", BROKEN))
    assert 'admission webhook "policies.guard.tidewaiter.dev" denied the request' in words
    assert TYPO in words
    assert TYPO in refused(cluster, "apply", "-f", "-", content=document("everywhere", BROKEN))
    root = document("root", {"trustedRoot": {"mediaType": "x"}}, "TrustRoot")
    assert "POLICY_INVALID" in refused(cluster, "apply", "-f", "-", content=root)


def test_the_mark_of_helm_excuses_only_what_the_release_makes(cluster: ControlPlane, release: Release) -> None:
    assert TYPO in refused(cluster, "create", "-f", "-", content=marked("other", BROKEN))
    assert TYPO in refused(cluster, "apply", "-f", "-", content=marked("payments", BROKEN))
    root = marked("everywhere", {"trustedRoot": {"mediaType": "x"}}, "TrustRoot")
    assert "POLICY_INVALID" in refused(cluster, "create", "-f", "-", content=root)
    assert not refused(cluster, "delete", "cpp", "payments")
    with release.stopped():
        assert "failed calling webhook" in refused(cluster, "create", "-f", "-", content=marked("other", SPEC))
        assert not refused(cluster, "create", "-f", "-", content=marked("payments", PAYMENTS))


def marked(name: str, spec: dict[str, Any], kind: str = "ClusterPodPolicy") -> str:
    """A document as helm makes it when it installs."""
    content = json.loads(document(name, spec, kind))
    content["metadata"]["annotations"] = {"helm.sh/hook": "post-install"}
    return json.dumps(content)


def test_a_policy_that_was_broken_before_can_be_labelled_mended_and_deleted(
    cluster: ControlPlane, release: Release
) -> None:
    assert not refused(cluster, "label", "cpp", "old", "a=b", "--overwrite")
    assert not refused(cluster, "apply", "-f", "-", content=document("old", {"mode": "Audit", **SPEC}))
    assert not refused(cluster, "delete", "cpp", "old")


def test_a_label_that_a_policy_reads_is_changed_by_whoever_may_change_policies(
    cluster: ControlPlane, release: Release
) -> None:
    assert not make(cluster, "shop", dev(cluster), owner="me")
    words = refused(cluster, "label", "ns", "shop", "team=payments", token=dev(cluster))
    assert 'admission webhook "namespaces.guard.tidewaiter.dev" denied the request' in words
    assert "metadata.labels.team" in words
    assert "the label is read by policy payments" in words
    assert "'system:serviceaccount:default:dev' lacks" in words
    assert not refused(cluster, "label", "ns", "shop", "owner=you", "--overwrite", token=dev(cluster))
    assert not refused(cluster, "annotate", "ns", "shop", "team=payments", token=dev(cluster))
    assert not refused(cluster, "label", "ns", "shop", "team=payments", token=lead(cluster))
    assert "LABEL_GUARDED" in refused(cluster, "label", "ns", "shop", "team-", token=dev(cluster))
    assert not refused(cluster, "label", "ns", "shop", "team-")


def test_a_namespace_is_made_with_such_a_label_by_the_same_people(cluster: ControlPlane, release: Release) -> None:
    assert not make(cluster, "plain", dev(cluster))
    assert "LABEL_GUARDED" in make(cluster, "early", dev(cluster), team="payments")
    assert not make(cluster, "early", lead(cluster), team="payments")


def test_pod_security_labels_are_guarded_and_read(cluster: ControlPlane, release: Release) -> None:
    label = {ENFORCE.replace("/", "__"): "restricted"}
    assert "the label is read by policy PodSecurity" in make(cluster, "hard", dev(cluster), **label)
    assert not make(cluster, "hard", lead(cluster), **label)
    wrong = refused(cluster, "label", "ns", "hard", f"{ENFORCE}=strict", "--overwrite")
    assert "NAMESPACE_LABEL_INVALID: found 'strict', expected one of privileged, baseline, restricted" in wrong


def test_while_nobody_answers_all_goes_on_but_what_is_guarded(cluster: ControlPlane, release: Release) -> None:
    assert not make(cluster, "outage", dev(cluster))
    with release.stopped():
        assert "failed calling webhook" in refused(cluster, "label", "ns", "outage", "any=label")
        assert "failed calling webhook" in make(cluster, "labelled", dev(cluster), any="label")
        assert "failed calling webhook" in refused(cluster, "apply", "-f", "-", content=document("new", SPEC))
        assert not refused(cluster, "annotate", "ns", "outage", "any=annotation")
        assert not make(cluster, "unlabelled", dev(cluster))
        assert not refused(cluster, "delete", "ns", "outage", "--wait=false")
        assert not refused(cluster, "label", "ns", "tidewaiter-system", "any=label"), "its own namespace is left alone"
        assert not refused(cluster, "delete", "cpp", "payments")
        assert not refused(cluster, "delete", "validatingwebhookconfiguration", "tidewaiter-guard")
        assert not refused(cluster, "label", "ns", "unlabelled", "any=label")
        hooks: list[dict[str, Any]] = [each for each in release.rendering.objects if "webhooks" in each]
        cluster.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": hooks}))
