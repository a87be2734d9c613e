"""Every way to ask for an image, in a real API server: LOC-… are the places of the threat model, from LOC-12 on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system import policies
from tests.system.audit_log import AuditLog
from tests.system.controlplane import ControlPlane
from tests.system.places import Place, codes, judged, under_both_failure_policies, workload
from tests.system.pods import HARDENED, pod
from tests.system.polling import eventually
from tests.system.release import Install
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True), under_both_failure_policies]

NODE = "system:node:"
MIRROR = {"kubernetes.io/config.mirror": "5f3c", "kubernetes.io/config.source": "file"}
CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller"


@pytest.fixture(scope="module")
def place(
    request: pytest.FixtureRequest,
    cluster: ControlPlane,
    install: Install,
    workshop: Workshop,
    ggcr: Registry,
    images: dict[str, str],
) -> Iterator[Place]:
    """A namespace with a pod that nobody judged; the release came later."""
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    old = {"old": pod("old", images["unsigned"])}
    with judged(cluster, install, request.param, rules, old) as found:
        yield found


@pytest.fixture(scope="module")
def nodes(cluster: ControlPlane) -> None:
    """Kubelets may do what they may: a cluster with the authorizer Node has no such binding."""
    done = cluster.kubectl(
        "create", "clusterrolebinding", "nodes", "--clusterrole=system:node", "--group=system:nodes", check=False
    )
    assert not done.returncode or "already exists" in done.stderr


def test_loc_12_pods_with_forged_owners(place: Place, images: dict[str, str]) -> None:
    template = {"spec": {"containers": [{"name": "web", "image": images["signed"]}]}}
    assert place.create(workload("Deployment", "apps", "approved", template)) == ""
    found = place.cluster.kubectl("get", "deployment", "approved", "-n", place.namespace, "-o", "json")
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "approved", "controller": True}
    forged = pod("adopted", images["unsigned"])
    forged["metadata"]["ownerReferences"] = [{**owner, "uid": json.loads(found.stdout)["metadata"]["uid"]}]
    assert "web: NOT_SIGNED" in place.try_out(forged)


TEMPLATES = {
    "ReplicationController": ("", "spec.template.spec"),
    "Deployment": ("apps", "spec.template.spec"),
    "ReplicaSet": ("apps", "spec.template.spec"),
    "StatefulSet": ("apps", "spec.template.spec"),
    "DaemonSet": ("apps", "spec.template.spec"),
    "Job": ("batch", "spec.template.spec"),
    "CronJob": ("batch", "spec.jobTemplate.spec.template.spec"),
    "PodTemplate": ("", "template.spec"),
}


def _holder(kind: str, image: str) -> dict[str, Any]:
    never = {"restartPolicy": "Never"} if kind in {"Job", "CronJob"} else {}
    template = {"spec": {"containers": [{"name": "web", "image": image}], **never}}
    found = workload(kind, TEMPLATES[kind][0], "holder", template)
    match kind:
        case "ReplicationController":
            found["spec"]["selector"] = found["spec"]["selector"]["matchLabels"]
        case "StatefulSet":
            found["spec"]["serviceName"] = "holder"
        case "Job":
            del found["spec"]["selector"]
        case "CronJob":
            found["spec"] = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}}
        case "PodTemplate":
            found["template"] = found.pop("spec")["template"]
    return found


@pytest.mark.parametrize("kind", TEMPLATES)
def test_loc_13_templates_of_workloads(kind: str, place: Place, images: dict[str, str]) -> None:
    told = place.try_out(_holder(kind, images["unsigned"]))
    assert told.startswith(f"Warning: [signed] {TEMPLATES[kind][1]}.containers[0].image: NOT_SIGNED: ")
    assert place.try_out(_holder(kind, images["signed"])) == ""


def test_loc_13_a_controller_without_a_template(place: Place) -> None:
    found = {"apiVersion": "v1", "kind": "ReplicationController", "spec": {"template": None}}
    asked = {"group": "", "version": "v1", "resource": "replicationcontrollers"}
    answer = place.forged(found, resource=asked)
    assert (answer["allowed"], answer.get("warnings")) == (True, None)


def test_loc_14_pods_that_controllers_make(place: Place, images: dict[str, str]) -> None:
    assert "web: NOT_SIGNED" in place.try_out(pod("made", images["unsigned"]), f"--as={CONTROLLER}")
    assert place.try_out(pod("made", images["signed"]), f"--as={CONTROLLER}") == ""


def _mirror(name: str, node: str, image: str) -> dict[str, Any]:
    """What kubelet on the node shows of a file of its own."""
    found = pod(name, image, nodeName=node)
    found["metadata"] |= {"annotations": MIRROR}
    return found


def _as(user: str, group: str) -> tuple[str, str]:
    return f"--as={user}", f"--as-group={group}"


@pytest.mark.usefixtures("nodes")
def test_loc_15_static_pods_that_their_node_shows(place: Place, images: dict[str, str], audit_log: AuditLog) -> None:
    found = _mirror("static-one", "one", images["unsigned"])
    assert place.create(found, *_as(f"{NODE}one", "system:nodes")) == ""
    (line,) = eventually(lambda: place.release.server.decisions(name="static-one", namespace=place.namespace))
    assert (line["decision"], line["would_deny"]) == ("allow", True)
    (annotations,) = eventually(lambda: audit_log.annotations(place.namespace, "static-one"))
    assert annotations["would-deny"].startswith("[signed] spec.containers[0].image: NOT_SIGNED: ")


@pytest.mark.parametrize(
    ("user", "group"),
    [
        ("mallory", "system:masters"),
        (f"{NODE}other", "system:nodes"),
        (f"{NODE}one", "system:masters"),
        ("one", "system:nodes"),
    ],
    ids=["anybody", "another node", "no node", "no name of a node"],
)
@pytest.mark.usefixtures("nodes")
def test_loc_15_static_pods_that_somebody_else_shows(
    user: str, group: str, place: Place, images: dict[str, str]
) -> None:
    assert "web: NOT_SIGNED" in place.try_out(_mirror("static", "one", images["unsigned"]), *_as(user, group))


@pytest.mark.usefixtures("nodes")
def test_loc_15_other_pods_that_a_node_makes(place: Place, images: dict[str, str]) -> None:
    node = _as(f"{NODE}one", "system:nodes")
    assert "web: NOT_SIGNED" in place.try_out(pod("own", images["unsigned"], nodeName="one"), *node)
    homeless = _mirror("homeless", "", images["unsigned"])
    assert "must set spec.nodeName" in place.try_out(homeless, *_as(NODE, "system:nodes"))
    whose = {"userInfo": {"username": NODE, "groups": ["system:nodes"]}}
    assert codes(place.forged(homeless, **whose)) == {"NOT_SIGNED"}


def test_loc_16_pods_without_a_name(place: Place, images: dict[str, str]) -> None:
    def nameless(image: str) -> dict[str, Any]:
        return {**pod("", image), "metadata": {"generateName": "nameless-"}}

    for _ in range(2):
        assert "web: NOT_SIGNED" in place.create(nameless(images["unsigned"]))
        assert place.create(nameless(images["signed"])) == ""
    answers = [place.forged(nameless(images["unsigned"]), name="", uid="the-same") for _ in range(2)]
    assert answers[0] == answers[1]
    assert codes(answers[0]) == {"NOT_SIGNED"}


def test_loc_17_pods_of_windows(place: Place, images: dict[str, str]) -> None:
    hardened = place.apart(f"{place.namespace}-hardened")
    windows = {"os": {"name": "windows"}}
    assert hardened.try_out(pod("w", images["unsigned"], security={"runAsNonRoot": True}, **windows)) == ""
    assert "web: RUN_AS_NON_ROOT\n" in hardened.try_out(pod("w", images["unsigned"], **windows)).replace(" (", "\n")
    selected = pod("w", images["unsigned"], nodeSelector={"kubernetes.io/os": "windows"})
    assert "READ_ONLY_ROOT_FILESYSTEM" in hardened.try_out(selected)
    misspelt = pod("w", images["unsigned"], security={"runAsNonRoot": True}, os={"name": "Windows"})
    assert codes(hardened.forged(misspelt)) == {"CAPABILITIES_NOT_DROPPED", "READ_ONLY_ROOT_FILESYSTEM"}
    assert hardened.forged(pod("w", images["unsigned"], security=HARDENED))["allowed"]


def test_loc_18_pods_whose_namespace_is_gone(place: Place, images: dict[str, str]) -> None:
    gone = place.apart(f"{place.namespace}-gone")
    place.cluster.make_namespace(gone.namespace, {"places": "signed"})
    found = pod("left", images["signed"])
    found["metadata"]["finalizers"] = ["example.com/hold"]
    assert gone.create(found) == ""
    _drop(place.cluster, gone.namespace)
    change = {"spec": {"containers": [{"name": "web", "image": images["foreign"]}]}}
    assert "failed to lookup namespace" in gone.patch("pod", "left", change)  # by PodSecurity, before we are asked
    bad, gone = pod("left", images["unsigned"]), place.apart("gone")  # labels are kept for some seconds
    assert codes(gone.forged(bad)) == {"NAMESPACE_UNKNOWN"}
    labelled = {**bad, "metadata": {"name": "left", "labels": {"owner": "me"}}}
    assert gone.forged(labelled, bad, operation="UPDATE")["allowed"]


def _drop(cluster: ControlPlane, namespace: str) -> None:
    """Take the namespace away from under its pods."""
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
    found = cluster.kubectl("get", "namespace", namespace, "-o", "json").stdout
    emptied = {**json.loads(found), "spec": {"finalizers": []}}
    path = f"/api/v1/namespaces/{namespace}/finalize"
    cluster.kubectl("replace", "--raw", path, "-f", "-", input=json.dumps(emptied))
    command = ("get", "namespace", namespace, "--ignore-not-found", "-o", "name")
    eventually(lambda: not cluster.kubectl(*command).stdout)


def test_loc_19_pods_without_containers(place: Place) -> None:
    empty = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "empty"}, "spec": {"containers": []}}
    assert "spec.containers: Required value" in place.try_out(empty)
    assert codes(place.forged(empty)) == {"OBJECT_INVALID"}
    assert codes(place.forged({**empty, "spec": None})) == {"OBJECT_INVALID"}
    assert codes(place.forged(None)) == {"OBJECT_INVALID"}


def test_loc_20_what_is_not_judged(place: Place, images: dict[str, str]) -> None:
    exempt = place.apart("kube-system")
    assert exempt.try_out(pod("exempt", images["unsigned"])) == ""
    found = place.cluster.kubectl(
        "get", "pod", "old", "-n", place.namespace, "-o", "jsonpath={.spec.containers[0].image}"
    )
    assert found.stdout == images["unsigned"]
    assert not place.release.server.decisions(namespace="kube-system")
