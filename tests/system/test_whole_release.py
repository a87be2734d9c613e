"""The whole release, as helm installs it by its defaults: both programs, and what they are to a cluster together."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts.rendering import NAMESPACE
from tests.system.audit_log import AuditLog
from tests.system.controlplane import ControlPlane
from tests.system.helm import CONTROLLER
from tests.system.pods import HARDENED, pod, text
from tests.system.polling import eventually
from tests.system.program import tidewaiter
from tests.system.report_definitions import openreports
from tests.system.tools import tool
from tests.system.whole import NAME, SECRET, WholeRelease

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

IMAGE: Final = "registry.invalid/app@sha256:" + "0" * 64
CONFIGURATIONS: Final = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
OF_THE_CLUSTER: Final = f"clusterroles,clusterrolebindings,{CONFIGURATIONS},customresourcedefinitions"
OF_THE_NAMESPACE: Final = (
    "deployments,replicasets,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,"
    "poddisruptionbudgets,jobs,leases"
)
STRICT: Final = {"containers": {"runAsNonRoot": True}}
POLICY: Final = ("--set=mode=policy", f"--set-json=policies.strict={json.dumps(STRICT)}")
WATCHED: Final = {"mode": "Audit", "containers": {"readOnlyRootFilesystem": True}}
IN_CLUSTER: Final = {
    "mode": "policy",
    "policySource": "cluster",
    "policies": {"starter": None},
    "controller": {"extraArgs": ["--audit-seconds=5"]},
    "extraArgs": ["--drain-seconds=0"],
}
NON_ROOT: Final = {"runAsNonRoot": True}


@pytest.fixture(scope="module")
def api_audit(tmp_path_factory: pytest.TempPathFactory) -> AuditLog:
    return AuditLog(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, api_audit: AuditLog) -> Iterator[ControlPlane]:
    folder = tmp_path_factory.mktemp("cluster")
    with ControlPlane(folder, api_server_args=api_audit.api_server_args, controller_manager=True) as running:
        running.make_namespace(NAMESPACE, {"pod-security.kubernetes.io/enforce": "restricted"})
        running.kubectl("create", "-f", "-", input=yaml.safe_dump_all(openreports()))
        yield running


def ours(cluster: ControlPlane) -> set[str]:
    """What there is of ours, as `kind/name`."""
    listed = (
        cluster.kubectl("get", OF_THE_CLUSTER, "-o", "name").stdout,
        cluster.kubectl("get", OF_THE_NAMESPACE, "-n", NAMESPACE, "-o", "name").stdout,
    )
    return {each for each in "".join(listed).split() if "tidewaiter" in each or "sh.helm" in each}


def denial(cluster: ControlPlane, name: str, **further: Any) -> str:
    """What kubectl says of a pod, which is created where it is admitted."""
    document = text(pod(name, IMAGE, **further))
    return cluster.kubectl("create", "-n", "default", "-f", "-", input=document, check=False).stderr


def bundle(cluster: ControlPlane) -> str:
    """The authority that the webhook for pods is to trust."""
    found = json.loads(cluster.kubectl("get", "validatingwebhookconfiguration", NAME, "-o", "json").stdout)
    trusted: str = found["webhooks"][0]["clientConfig"].get("caBundle", "")
    return trusted


@pytest.mark.parametrize(
    ("helm", "values"),
    [("helm4", {}), ("helm3", {"replicaCount": 1, "controller": {"replicaCount": 1}})],
    ids=["helm4", "helm3-with-one-replica"],
)
def test_a_release_by_its_defaults_lives_and_leaves_nothing(
    cluster: ControlPlane, helm: str, values: dict[str, Any], tmp_path: Path
) -> None:
    with WholeRelease(cluster, tool(helm), tmp_path, values) as release:
        assert len(release.servers) == len(release.controllers) == values.get("replicaCount", 2)
        secret = json.loads(cluster.kubectl("get", "secret", SECRET, "-n", NAMESPACE, "-o", "json").stdout)
        eventually(lambda: bundle(cluster) == secret["data"]["ca.crt"])
        assert denial(cluster, f"tolerated-{helm}") == ""
        (line,) = eventually(lambda: decisions(release, f"tolerated-{helm}"))
        assert (line["mode"], line["decision"], line["would_deny"]) == ("audit", "allow", True)
        assert "READ_ONLY_ROOT_FILESYSTEM" in {each["code"] for each in line["violations"]}
        audit = {"decision": "allow", "mode": "audit", "resource_kind": "Pod"}
        assert sum(each.metric("tidewaiter_admission_requests_total", **audit) for each in release.servers) >= 1

        release.upgrade(*POLICY)
        assert "RUN_AS_NON_ROOT" in eventually(lambda: denial(cluster, f"refused-{helm}"))
        assert denial(cluster, f"good-{helm}", security=HARDENED) == ""

        release.rollback()
        eventually(lambda: not denial(cluster, f"tolerated-again-{helm}"))

        release.uninstall()
        eventually(lambda: not ours(cluster), 40)
        assert "raceback" not in release.logged()


def decisions(release: WholeRelease, name: str) -> list[dict[str, Any]]:
    """What any replica has logged about a pod."""
    return [each for server in release.servers for each in server.decisions(name=name)]


@pytest.fixture(scope="module")
def release(cluster: ControlPlane, helm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeRelease]:
    """One whose policies are resources, and which audits as soon as it can."""
    with WholeRelease(cluster, helm, tmp_path_factory.mktemp("release"), IN_CLUSTER) as running:
        yield running
    kept = cluster.kubectl("get", "customresourcedefinitions", "-o", "name").stdout
    assert "clusterpodpolicies.tidewaiter.dev" in kept


def apply(cluster: ControlPlane, name: str, spec: dict[str, Any]) -> str:
    """Write a policy; what kubectl complains of."""
    document = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "ClusterPodPolicy", "metadata": {"name": name}}
    return cluster.kubectl("apply", "-f", "-", input=json.dumps({**document, "spec": spec}), check=False).stderr


def told(cluster: ControlPlane, expected: str, **further: Any) -> None:
    """What is said of a pod contains that, in the end; nothing is said of one that is admitted."""

    def probe() -> bool:
        document = text(pod("asked", IMAGE, **further))
        done = cluster.kubectl("create", "--dry-run=server", "-n", "default", "-f", "-", input=document, check=False)
        return expected in done.stderr if expected else not done.stderr

    eventually(probe)


def generation(api_audit: AuditLog, name: str) -> str:
    """Of the policies by which a pod was judged, as the API server has it on record."""
    (noted,) = eventually(lambda: [each for each in api_audit.annotations("default", name) if each])
    return noted["policy-generation"]


def in_force(release: WholeRelease) -> set[str]:
    """The last generation that each replica took up."""
    every = ([line["msg"] for line in server.lines()] for server in release.servers)
    return {[each for each in lines if each.startswith("policies in force")][-1].split()[-1] for lines in every}


def ready(cluster: ControlPlane, name: str, value: str) -> str:
    """The message of the policy's condition, once it has that value for what the policy is now."""
    cluster.kubectl("wait", f"--for=condition=Ready={value}", f"cpp/{name}", "--timeout=30s")
    found = json.loads(cluster.kubectl("get", "cpp", name, "-o", "json").stdout)
    (condition,) = found["status"]["conditions"]
    assert condition["observedGeneration"] == found["metadata"]["generation"]
    return str(condition["message"])


def test_verdict_and_status_follow_a_policy(cluster: ControlPlane, release: WholeRelease, api_audit: AuditLog) -> None:
    told(cluster, "NO_POLICY_MATCHES", security=HARDENED)
    eventually(lambda: not apply(cluster, "strict", STRICT))  # the guard is trusted by now
    ready(cluster, "strict", "True")
    told(cluster, "", security=HARDENED)
    told(cluster, "RUN_AS_NON_ROOT")
    assert denial(cluster, "first", security=HARDENED) == ""
    first = generation(api_audit, "first")
    assert in_force(release) == {first}

    assert "POLICY_INVALID" in apply(cluster, "strict", {"containers": {"runAsNonRoto": True}})
    key = {"name": "release", "key": {"secretRef": {"name": "nobody-may-read", "key": "cosign.pub"}}}
    verify = {"name": "all", "images": ["registry.invalid/**"], "signatures": {}}
    broken = {**STRICT, "images": {"authorities": [key], "verify": [verify]}}
    assert apply(cluster, "strict", broken) == ""
    assert "secretRef: cannot be read" in ready(cluster, "strict", "False")
    told(cluster, "POLICY_UNUSABLE", security=HARDENED)

    assert apply(cluster, "strict", {"containers": {**STRICT["containers"], "dropCapabilities": ["ALL"]}}) == ""
    ready(cluster, "strict", "True")
    told(cluster, "", security=HARDENED)
    told(cluster, "CAPABILITIES_NOT_DROPPED", security=NON_ROOT)
    assert denial(cluster, "second", security=HARDENED) == ""
    assert in_force(release) == {generation(api_audit, "second")} != {first}

    cluster.kubectl("delete", "cpp", "strict")
    told(cluster, "NO_POLICY_MATCHES", security=HARDENED)


def test_what_runs_is_audited_and_everybody_says_the_same(cluster: ControlPlane, release: WholeRelease) -> None:
    for name, spec in (("strict", STRICT), ("watched", WATCHED)):
        eventually(lambda name=name, spec=spec: not apply(cluster, name, spec))  # type: ignore[misc]
    cluster.make_namespace("audited")
    told(cluster, "", security=NON_ROOT)
    leader = release.leader()
    eventually(
        lambda: 'scans_total{result="success"} 0.0' not in leader.get("/metrics")[1], 60
    )  # the first tells no news
    for name, security in (("bad", NON_ROOT), ("worse", NON_ROOT), ("good", HARDENED)):
        cluster.kubectl("create", "-n", "audited", "-f", "-", input=deployment(name, security))
    eventually(lambda: len(cluster.kubectl("get", "pods", "-n", "audited", "-o", "name").stdout.split()) == 6)
    results = {"bad": {"fail", "pass"}, "worse": {"fail", "pass"}, "good": {"pass"}}
    eventually(lambda: reported(cluster) == results, 60)
    assert eventually(lambda: noted(cluster)) == {"bad", "worse"}

    document = audited(release)
    own = {each["resource"]: each["would_be_denied"] for each in document["results"] if "/audited/" in each["resource"]}
    assert own == {f"Deployment/audited/{name}": "fail" in found for name, found in results.items()}
    findings = {(mode, name): found_by(document, name) for mode, name in (("Enforce", "strict"), ("Audit", "watched"))}
    columns = "custom-columns=:metadata.name,:status.audit.wouldDeny,:status.audit.pods"
    counts = [[name, str(sum(pods)), str(document["pods"])] for (_, name), pods in findings.items()]
    eventually(lambda: rows(cluster, "--no-headers", "-o", columns) == counts)
    header, *_ = rows(cluster)
    assert header[:5] == ["NAME", "MODE", "READY", "WOULD", "DENY"]
    metrics = leader.get("/metrics")[1].splitlines()
    assert f"tidewaiter_audit_pods {document['pods']}.0" in metrics
    for (mode, name), pods in findings.items():
        counted = f'tidewaiter_audit_findings{{mode="{mode}",policy="{name}"}} {len(pods)}.0'
        assert counted in metrics or not pods


def found_by(document: Any, policy: str) -> list[int]:
    """How many pods each workload has that a policy has a finding about."""
    found = (each for each in document["results"] if policy in {one["policy"] for one in each["violations"]})
    return [each["pods"] for each in found]


def rows(cluster: ControlPlane, *args: str) -> list[list[str]]:
    """The table of policies."""
    return [line.split() for line in cluster.kubectl("get", "cpp", *args).stdout.splitlines()]


def reported(cluster: ControlPlane) -> dict[str, set[str]]:
    """The results of each report, by whose it is."""
    found = json.loads(cluster.kubectl("get", "reports.openreports.io", "-n", "audited", "-o", "json").stdout)
    return {each["scope"]["name"]: {result["result"] for result in each["results"]} for each in found["items"]}


def noted(cluster: ControlPlane) -> set[str]:
    """What our Events are about."""
    found = json.loads(cluster.kubectl("get", "events.v1.events.k8s.io", "-n", "audited", "-o", "json").stdout)
    ours = (each for each in found["items"] if each["reportingController"].startswith("tidewaiter"))
    return {each["regarding"]["name"] for each in ours}


def audited(release: WholeRelease) -> Any:
    """What the command finds, with what the controller may read."""
    exempt = [f"--exempt-namespace={each}" for each in (NAMESPACE, "kube-system")]
    done = tidewaiter("audit", f"--kubeconfig={release.kubeconfig(CONTROLLER)}", *exempt, "-o", "json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["fault"]) == (1 if document["summary"]["denied"]["pods"] else 0, "")
    return document


def deployment(name: str, security: dict[str, Any]) -> str:
    """Of two pods."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name, IMAGE, security=security)["spec"]}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec})
