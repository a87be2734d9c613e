"""A real API server asks about pods, and kubectl shows what it was told."""

from collections.abc import Iterator

import pytest

from tests.system import policies
from tests.system.audit_log import AuditLog
from tests.system.controlplane import ControlPlane
from tests.system.pods import HARDENED, pod, text
from tests.system.polling import eventually
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

REFUSED = 'Error from server (Forbidden): {}admission webhook "pods.tidewaiter.dev" denied the request: {}'


@pytest.fixture(scope="module")
def release(install: Install, workshop: Workshop, ggcr: Registry, private: Registry) -> Iterator[Release]:
    authority = policies.authority("release", workshop.pem("release"))
    rules = policies.image_rules(ggcr.host, authority)
    hosts = [f"{registry.host}/team/**" for registry in (ggcr, private)]
    both = {**rules, "allow": hosts, "verify": [{**rules["verify"][0], "images": hosts}]}
    written = {
        "signed": policies.for_tier("signed", images=both),
        "hardened": policies.for_tier("hardened", containers=policies.HARDENED),
        "advised": policies.for_tier("advised", mode="Warn", images=rules),
        "floor": policies.for_tier("watched", containers={"allowAddedCapabilities": ["NET_BIND_SERVICE"]}),
        "trial": policies.for_tier("watched", mode="Audit", images=rules),
    }
    with install(written, mode="policy") as running:
        yield running


@pytest.fixture(autouse=True)
def _installed(release: Release) -> None:
    """Every test is about this release."""


@pytest.mark.parametrize("image", ["signed", "private"])
def test_a_signed_image_is_admitted(image: str, cluster: ControlPlane, images: dict[str, str]) -> None:
    done = cluster.kubectl("run", image, "-n", "signed", f"--image={images[image]}")
    assert (done.stdout, done.stderr) == (f"pod/{image} created\n", "")


FINDINGS = {
    "unsigned": "NOT_SIGNED",
    "foreign": "SIGNER_NOT_ALLOWED",
    "elsewhere": "REGISTRY_NOT_ALLOWED",
    "private-unsigned": "NOT_SIGNED",
}


@pytest.mark.parametrize(("image", "code"), FINDINGS.items())
def test_any_other_image_is_denied_with_a_line_that_stands_alone(
    image: str, code: str, cluster: ControlPlane, images: dict[str, str]
) -> None:
    done = cluster.kubectl("run", image, "-n", "signed", f"--image={images[image]}", check=False)
    first, *details, last = done.stderr.splitlines()
    assert done.returncode == 1
    assert first.startswith(REFUSED.format("", f'1 of 1 images denied by policy "signed": {image}: {code} ('))
    assert details[0] == f'  spec.containers[0] "{image}"  {images[image]}'
    assert details[1].startswith(f"    {code}: ")
    assert details[2].startswith("    fix: ")
    assert last.startswith("request: ")


def test_the_denial_names_the_request_that_the_log_has(
    cluster: ControlPlane, images: dict[str, str], release: Release
) -> None:
    done = cluster.kubectl("run", "logged", "-n", "signed", f"--image={images['unsigned']}", check=False)
    uid = done.stderr.splitlines()[-1].removeprefix("request: ")
    (line,) = eventually(lambda: release.server.decisions(request_uid=uid))
    seen = {name: line[name] for name in ("decision", "mode", "namespace", "kind", "name", "user", "policies")}
    assert seen == {
        "decision": "deny",
        "mode": "policy",
        "namespace": "signed",
        "kind": "Pod",
        "name": "logged",
        "user": "admin",
        "policies": ["signed"],
    }


def test_a_tag_is_denied_where_digests_are_wanted(cluster: ControlPlane, images: dict[str, str]) -> None:
    tag = f"{images['signed'].partition('@')[0]}:1"
    done = cluster.kubectl("run", "tag", "-n", "signed", f"--image={tag}", check=False)
    assert "tag: TAG_NOT_PINNED" in done.stderr.splitlines()[0]


@pytest.mark.parametrize("command", [("apply",), ("create", "--dry-run=server"), ("apply", "--dry-run=server")])
def test_a_manifest_is_denied_as_well(command: tuple[str, ...], cluster: ControlPlane, images: dict[str, str]) -> None:
    manifest = text(pod("manifest", images["unsigned"]))
    done = cluster.kubectl(*command, "-n", "signed", "-f", "-", input=manifest, check=False)
    start = REFUSED.format('error when creating "STDIN": ', '1 of 1 images denied by policy "signed": web: NOT_SIGNED')
    assert done.stderr.startswith(start)
    manifest = text(pod("manifest", images["signed"]))
    done = cluster.kubectl(*command, "-n", "signed", "-f", "-", input=manifest)
    assert done.stdout.startswith("pod/manifest created")
    cluster.kubectl("delete", "pod", "manifest", "-n", "signed", "--ignore-not-found", "--wait=false")


def test_a_pod_that_is_not_hardened_is_told_everything_at_once(cluster: ControlPlane, images: dict[str, str]) -> None:
    done = cluster.kubectl("run", "root", "-n", "hardened", f"--image={images['unsigned']}", check=False)
    codes = "RUN_AS_NON_ROOT + CAPABILITIES_NOT_DROPPED + READ_ONLY_ROOT_FILESYSTEM"
    assert done.stderr.startswith(REFUSED.format("", f'1 of 1 containers denied by policy "hardened": root: {codes}\n'))
    hardened = text(pod("hardened", images["unsigned"], security=HARDENED))
    cluster.kubectl("create", "-n", "hardened", "-f", "-", input=hardened)


def test_a_namespace_of_no_policy_takes_no_pods(cluster: ControlPlane, images: dict[str, str]) -> None:
    done = cluster.kubectl("run", "stray", "-n", "default", f"--image={images['signed']}", check=False)
    message = "denied: spec: NO_POLICY_MATCHES (no Enforce or Warn policy matches namespace default)"
    assert done.stderr.startswith(REFUSED.format("", message))


@pytest.mark.parametrize(
    ("spec", "place"),
    [
        ({"initContainers": [{"name": "init"}]}, 'spec.initContainers[0] "init"'),
        ({"initContainers": [{"name": "init", "restartPolicy": "Always"}]}, 'spec.initContainers[0] "init"'),
        ({"volumes": [{"name": "data"}]}, "spec.volumes[0].image.reference"),
    ],
    ids=["init container", "sidecar", "image volume"],
)
def test_an_unsigned_image_is_found_wherever_it_hides(
    spec: dict[str, list[dict[str, object]]], place: str, cluster: ControlPlane, images: dict[str, str]
) -> None:
    def manifest(image: str) -> str:
        volumes = [{**each, "image": {"reference": image}} for each in spec.get("volumes", ())]
        containers = [{**each, "image": image} for each in spec.get("initContainers", ())]
        return text(pod("hidden", images["signed"], volumes=volumes, initContainers=containers))

    command = ("create", "--dry-run=server", "-n", "signed", "-f", "-")
    done = cluster.kubectl(*command, input=manifest(images["unsigned"]), check=False)
    assert done.returncode == 1
    assert f"  {place}  {images['unsigned']}\n    NOT_SIGNED: " in done.stderr
    cluster.kubectl(*command, input=manifest(images["signed"]))


def test_warn_tells_the_user_and_admits(cluster: ControlPlane, images: dict[str, str]) -> None:
    done = cluster.kubectl("run", "advised", "-n", "advised", f"--image={images['unsigned']}")
    assert done.stdout == "pod/advised created\n"
    assert done.stderr.startswith("Warning: [advised] spec.containers[0].image: NOT_SIGNED: ")
    assert done.stderr.count("Warning: ") == 1


def test_audit_tells_the_user_nothing_and_records_it(
    cluster: ControlPlane, images: dict[str, str], release: Release, audit_log: AuditLog
) -> None:
    counted = {"policy": "trial", "code": "NOT_SIGNED", "mode": "Audit"}
    before = release.server.metric("tidewaiter_violations_total", **counted)
    done = cluster.kubectl("run", "watched", "-n", "watched", f"--image={images['unsigned']}")
    assert (done.stdout, done.stderr) == ("pod/watched created\n", "")
    assert release.server.metric("tidewaiter_violations_total", **counted) == before + 1
    (line,) = eventually(lambda: release.server.decisions(namespace="watched", name="watched"))
    assert (line["decision"], line["would_deny"]) == ("allow", True)
    (annotations,) = eventually(lambda: audit_log.annotations("watched", "watched"))
    assert annotations["would-deny"].startswith("[trial] spec.containers[0].image: NOT_SIGNED: ")


def test_annotations_reach_the_audit_log(
    cluster: ControlPlane, images: dict[str, str], release: Release, audit_log: AuditLog
) -> None:
    for name in ("unsigned", "signed"):
        cluster.kubectl("run", f"noted-{name}", "-n", "signed", f"--image={images[name]}", check=False)
    (denied,) = eventually(lambda: audit_log.annotations("signed", "noted-unsigned"))
    (line,) = eventually(lambda: release.server.decisions(name="noted-unsigned"))
    assert denied == {
        "decision": "deny",
        "policies": "signed",
        "policy-generation": line["generation"],
        "reasons": "spec.containers[0].image: NOT_SIGNED",
    }
    (admitted,) = eventually(lambda: audit_log.annotations("signed", "noted-signed"))
    assert (admitted["decision"], admitted["images-verified"]) == ("allow", images["signed"])


def test_a_padded_pod_is_judged_like_any_other(cluster: ControlPlane, images: dict[str, str]) -> None:
    def manifest(name: str) -> str:
        padded = pod(f"padded-{name}", images[name])
        padded["spec"]["containers"][0]["env"] = [{"name": f"V{i}", "value": "x" * 4096} for i in range(300)]
        return text(padded)

    done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=manifest("unsigned"), check=False)
    assert '1 of 1 images denied by policy "signed": web: NOT_SIGNED' in done.stderr
    cluster.kubectl("create", "-n", "signed", "-f", "-", input=manifest("signed"))
    cluster.kubectl("label", "pod", "padded-signed", "-n", "signed", "old-and-new=3MiB")


@pytest.mark.parametrize(("tail", "shown"), [("\n", "\\n"), ("\t", "\\t"), ("\x1b[2J", "\\x1b"), ("\u212a", "\\u212a")])
def test_what_is_no_image_is_denied_and_shown_as_ascii(
    tail: str, shown: str, cluster: ControlPlane, images: dict[str, str]
) -> None:
    inside = images["signed"].replace("@", f"{tail}@")
    manifest = text(pod("odd", inside))
    done = cluster.kubectl("create", "-n", "signed", "-f", "-", input=manifest, check=False)
    assert '1 of 1 images denied by policy "signed": web: REFERENCE_INVALID' in done.stderr
    assert shown in done.stderr
    assert tail not in done.stderr.splitlines()[0]
    done = cluster.kubectl("create", "--dry-run=server", "-n", "advised", "-f", "-", input=manifest)
    assert done.stderr.startswith("Warning: [advised] spec.containers[0].image: REFERENCE_INVALID: ")
