import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Shop, document, run
from webhook.cli.check import FAIL_ON
from webhook.cli.demo import scenario


def a_pod(image: str, namespace: str = "production", **tweaks: object) -> dict[str, Any]:
    pod = copy.deepcopy(scenario.GOOD_POD)
    pod["metadata"]["namespace"] = namespace
    pod["spec"]["containers"][0]["image"] = image
    pod["spec"]["containers"][0]["securityContext"].update(tweaks)
    return pod


def a_deployment(image: str) -> dict[str, Any]:
    template = {"spec": a_pod(image)["spec"]}
    metadata = {"name": "api", "namespace": "production"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


def write(folder: Path, *manifests: dict[str, Any], name: str = "manifests.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(manifests))
    return str(path)


def test_a_signed_pod_is_admitted(shop: Shop, policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, a_pod(shop.images.bundle))
    result = run("check", "-p", policies, "-f", file, "--insecure-registry", shop.host, "-o", "json")
    assert result.exit_code == 0, result.output
    assert document(result) == {
        "results": [
            {
                "resource": "Pod/production/shop",
                "source": f"{file}:1",
                "allowed": True,
                "policies": ["hardened", "signed-in-production"],
                "violations": [],
                "exempted": [],
                "images": [
                    {
                        "reference": shop.images.bundle,
                        "digest": shop.images.bundle.partition("@")[2],
                        "verified": True,
                        "signers": ["release"],
                    }
                ],
            }
        ],
        "summary": {"allowed": 1, "denied": 0, "errors": 0},
    }


def test_a_denied_pod_says_why(shop: Shop, policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, a_pod(shop.images.unsigned))
    result = run("check", "-p", policies, "-f", file, "--insecure-registry", shop.host, "-o", "json")
    assert result.exit_code == 1
    assert document(result)["results"][0]["violations"] == [
        {
            "code": "NOT_SIGNED",
            "path": "spec.containers[0].image",
            "container": "app",
            "message": "no cosign signature or bundle for this digest",
            "fix": f"cosign sign --key KEY {shop.images.unsigned} (accepted signers: release)",
            "policy": "signed-in-production",
            "mode": "Enforce",
        }
    ]
    table = run("check", "-p", policies, "-f", file, "--insecure-registry", shop.host)
    assert table.exit_code == 1
    assert "NOT_SIGNED: no cosign signature or bundle for this digest (policy signed-in-production)" in table.stdout
    assert "0 allowed, 1 denied, 0 errors" in table.stdout


def test_an_exempt_finding_is_shown_and_counts_nowhere(shop: Shop, policies: str, tmp_path: Path) -> None:
    exemption = {
        "reason": "OPS-17 \u202e",
        "expires": "9999-01-01T00:00:00Z",
        "codes": ["NOT_SIGNED"],
        "images": [shop.images.unsigned.partition("@")[0]],
        "namespaces": ["production"],
    }
    written = list(yaml.safe_load_all(Path(policies).read_text()))
    for each in written:
        if each["metadata"]["name"] == "signed-in-production":
            each["spec"]["exemptions"] = [exemption]
    file = write(tmp_path, a_pod(shop.images.unsigned))
    common = ("check", "-p", write(tmp_path, *written, name="exempting.yaml"), "-f", file)
    result = run(*common, "--insecure-registry", shop.host, "--fail-on", "audit", "-o", "json")
    assert result.exit_code == 0, result.output
    [found] = document(result)["results"]
    assert (found["allowed"], found["violations"]) == (True, [])
    assert found["exempted"] == [
        {
            "code": "NOT_SIGNED",
            "path": "spec.containers[0].image",
            "container": "app",
            "message": "no cosign signature or bundle for this digest",
            "fix": f"cosign sign --key KEY {shop.images.unsigned} (accepted signers: release)",
            "policy": "signed-in-production",
            "mode": "Enforce",
            "reason": "OPS-17 \u202e",
        }
    ]
    table = run(*common, "--insecure-registry", shop.host)
    line = "  exempt: spec.containers[0].image: NOT_SIGNED (policy signed-in-production: OPS-17 \\u202e)"
    assert line in table.stdout.splitlines()
    assert f"Pod/production/shop ({file}:1)" in table.stdout
    assert "1 allowed, 0 denied, 0 errors" in table.stdout


def test_yaml_says_the_same_as_json(policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, a_pod("nginx"), a_deployment("nginx"))
    as_json = run("check", "-p", policies, "-f", file, "-o", "json")
    as_yaml = run("check", "-p", policies, "-f", file, "-o", "yaml")
    assert yaml.safe_load(as_yaml.stdout) == document(as_json)
    assert [each["resource"] for each in document(as_json)["results"]] == [
        "Pod/production/shop",
        "Deployment/production/api",
    ]


def test_findings_of_a_template_have_its_path(policies: str, tmp_path: Path) -> None:
    result = run("check", "-p", policies, "-f", write(tmp_path, a_deployment("nginx")), "-o", "json")
    [violation] = document(result)["results"][0]["violations"]
    assert violation["path"] == "spec.template.spec.containers[0].image"


def test_a_tag_is_judged_as_if_it_were_pinned(shop: Shop, policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, a_pod(f"{shop.host}/shop/web:1.0"))
    common = ("check", "-p", policies, "-f", file, "--insecure-registry", shop.host)
    assert run(*common).exit_code == 0
    strict = run(*common, "--no-pin", "-o", "json")
    assert strict.exit_code == 1
    assert [each["code"] for each in document(strict)["results"][0]["violations"]] == ["TAG_NOT_PINNED"]


def test_what_could_not_be_found_out_is_exit_code_3(policies: str, shop: Shop, tmp_path: Path) -> None:
    silent = tmp_path / "silent.yaml"
    silent.write_text(scenario.policies("127.0.0.1:9", shop.key))
    file = write(tmp_path, a_pod("127.0.0.1:9/shop/web@sha256:" + "a" * 64))
    result = run("check", "-p", str(silent), "-f", file, "--insecure-registry", "127.0.0.1:9", "-o", "json")
    assert result.exit_code == 3
    assert document(result)["summary"] == {"allowed": 0, "denied": 0, "errors": 1}
    both = write(tmp_path, a_pod("127.0.0.1:9/shop/web@sha256:" + "a" * 64), a_pod("nginx"), name="both.yaml")
    mixed = run("check", "-p", str(silent), "-f", both, "--insecure-registry", "127.0.0.1:9")
    assert mixed.exit_code == 1


def test_an_address_on_loopback_is_not_dialled_without_a_flag(shop: Shop, policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, a_pod(shop.images.bundle))
    before = shop.registry.requests
    result = run("check", "-p", policies, "-f", file, "-o", "json")
    assert result.exit_code == 3
    assert [each["code"] for each in document(result)["results"][0]["violations"]] == ["ADDRESS_NOT_ALLOWED"]
    assert shop.registry.requests == before


@pytest.mark.parametrize(("fail_on", "code"), [("deny", 0), ("warn", 0), ("audit", 1)])
def test_an_audit_finding_fails_only_where_asked_for(policies: str, tmp_path: Path, fail_on: str, code: int) -> None:
    file = write(tmp_path, a_pod("nginx", namespace="staging"))
    assert run("check", "-p", policies, "-f", file, "--fail-on", fail_on).exit_code == code


def test_a_folder_and_standard_input_are_read(policies: str, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    (folder / "deep").mkdir(parents=True)
    write(folder, a_pod("nginx"), name="a.yaml")
    (folder / "deep" / "b.json").write_text(json.dumps(a_pod("busybox")))
    (folder / "notes.txt").write_text("not a manifest")
    result = run("check", "-p", policies, "-f", str(folder), "-o", "json")
    assert [each["source"] for each in document(result)["results"]] == [
        f"{folder}/a.yaml:1",
        f"{folder}/deep/b.json:1",
    ]
    piped = run("check", "-p", policies, "-f", "-", "-o", "json", stdin=yaml.safe_dump(a_pod("nginx")))
    assert document(piped)["results"][0]["source"] == "<stdin>:1"


def test_the_namespace_flag_speaks_for_manifests_that_name_none(policies: str, tmp_path: Path) -> None:
    pod = a_pod("nginx")
    del pod["metadata"]["namespace"]
    file = write(tmp_path, pod)
    default = document(run("check", "-p", policies, "-f", file, "-o", "json"))["results"][0]
    assert (default["resource"], default["policies"]) == ("Pod/default/shop", ["hardened"])
    named = document(run("check", "-p", policies, "-f", file, "-n", "production", "-o", "json"))["results"][0]
    assert (named["resource"], named["policies"]) == (
        "Pod/production/shop",
        ["hardened", "signed-in-production"],
    )


SELECTING = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: payments}
spec:
  match: {namespaceSelector: {matchLabels: {team: payments}}}
  images: {allow: ["registry.example.com/**"]}
"""


def test_labels_come_from_namespace_documents_and_flags(tmp_path: Path) -> None:
    policy = tmp_path / "selecting.yaml"
    policy.write_text(SELECTING)
    pod = write(tmp_path, a_pod("nginx"))
    common = ("check", "-p", str(policy), "--no-match", "allow", "-o", "json")
    unknown = run(*common, "-f", pod)
    assert unknown.exit_code == 3
    assert document(unknown)["results"][0]["violations"][0]["code"] == "NAMESPACE_UNKNOWN"
    assert run(*common, "-f", pod, "--namespace-label", "production:team=payments").exit_code == 1
    assert run(*common, "-f", pod, "--namespace-label", "production:team=search").exit_code == 0
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "production", "labels": {"team": "payments"}},
    }
    both = write(tmp_path, namespace, a_pod("nginx"), name="both.yaml")
    assert run(*common, "-f", both).exit_code == 1
    assert run(*common, "-f", both, "--namespace-label", "production:team=search").exit_code == 0


def test_an_object_that_is_no_such_kind_is_denied(policies: str, tmp_path: Path) -> None:
    pod = a_pod("nginx")
    pod["spec"]["containers"][0]["securityContext"]["runAsNonRoot"] = "yes"
    empty = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "empty"}, "spec": {"containers": []}}
    result = run("check", "-p", policies, "-f", write(tmp_path, pod, empty), "-o", "json")
    assert result.exit_code == 1
    found = [each["violations"][0] for each in document(result)["results"]]
    assert [each["code"] for each in found] == ["OBJECT_INVALID", "OBJECT_INVALID"]
    assert "Expected `bool | null`, got `str`" in found[0]["message"]
    assert found[1]["message"] == "has no containers in spec"


def test_what_carries_no_pod_is_passed_over(policies: str, tmp_path: Path) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}
    odd = {"apiVersion": "v1", "kind": "Namespace", "metadata": "odd"}
    result = run("check", "-p", policies, "-f", write(tmp_path, service, odd), "-o", "json")
    assert result.exit_code == 0
    assert document(result) == {"results": [], "summary": {"allowed": 0, "denied": 0, "errors": 0}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [", "manifests.yaml:2: is not YAML", id="no YAML"),
        pytest.param("", "no manifests in ", id="empty"),
        pytest.param("kind: Pod\nkind: Pod\n", "kind", id="duplicate key"),
    ],
)
def test_manifests_that_cannot_be_read_are_exit_code_2(policies: str, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "manifests.yaml"
    path.write_text(text)
    result = run("check", "-p", policies, "-f", str(path))
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_a_file_that_is_not_there_is_exit_code_2(policies: str, tmp_path: Path) -> None:
    result = run("check", "-p", policies, "-f", str(tmp_path / "missing.yaml"))
    assert result.exit_code == 2
    assert "missing.yaml: No such file or directory" in result.stderr


def test_policies_with_faults_are_exit_code_2_with_every_fault(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(SELECTING.replace("spec:", "spec:\n  moed: Audit") + "---\nkind: Pod\n")
    result = run("check", "-p", str(path), "-f", str(path))
    assert result.exit_code == 2
    assert "did you mean `mode`" in result.stderr
    assert len(result.stderr.splitlines()) >= 2


def test_a_flag_may_come_from_the_environment(policies: str, tmp_path: Path) -> None:
    file = write(tmp_path, a_pod("nginx", namespace="staging"))
    env = {"TIDEWAITER_POLICY": policies, "TIDEWAITER_FAIL_ON": "audit", "TIDEWAITER_OUTPUT": "json"}
    result = run("check", "-f", file, env=env)
    assert result.exit_code == 1
    assert document(result)["summary"]["allowed"] == 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--insecure-registry", "http://x"), "expected HOST[:PORT] of a registry, found 'http://x': "),
        (("--registry-ca", "x"), "expected HOST=FILE, found 'x'"),
        (("--allow-address", "10.0.0.0/33"), "expected an address range such as 10.0.0.0/8, found '10.0.0.0/33'"),
        (("--namespace-label", "a=b"), "expected NAMESPACE:KEY=VALUE, found 'a=b'"),
    ],
)
def test_flags_that_cannot_be_read_are_exit_code_2(
    policies: str, tmp_path: Path, flags: tuple[str, ...], message: str
) -> None:
    result = run("check", "-p", policies, "-f", write(tmp_path, a_pod("nginx")), *flags)
    assert result.exit_code == 2
    assert result.stderr.startswith(message)


def test_of_warnings_too_one_may_be_made_to_fail(tmp_path: Path) -> None:
    policy = tmp_path / "warn.yaml"
    policy.write_text(
        SELECTING.replace("  match: {namespaceSelector: {matchLabels: {team: payments}}}", "  mode: Warn")
    )
    file = write(tmp_path, a_pod("nginx"))
    assert [run("check", "-p", str(policy), "-f", file, "--fail-on", fail_on).exit_code for fail_on in FAIL_ON] == [
        0,
        1,
        1,
    ]


def test_a_pod_denied_for_a_reason_and_a_doubt_is_denied(shop: Shop, tmp_path: Path) -> None:
    policy = tmp_path / "silent.yaml"
    policy.write_text(scenario.policies("127.0.0.1:9", shop.key))
    file = write(tmp_path, a_pod("127.0.0.1:9/shop/web@sha256:" + "a" * 64, runAsNonRoot=False))
    assert run("check", "-p", str(policy), "-f", file, "--insecure-registry", "127.0.0.1:9").exit_code == 1


def test_a_policy_may_select_by_the_label_that_every_namespace_has(tmp_path: Path) -> None:
    policy = tmp_path / "selecting.yaml"
    policy.write_text(SELECTING.replace("team: payments", "kubernetes.io/metadata.name: production"))
    file = write(tmp_path, a_pod("nginx"))
    common = ("check", "-p", str(policy), "-f", file, "--no-match", "allow")
    assert run(*common, "--namespace-label", "production:a=b").exit_code == 1


def test_pods_in_a_list_of_pods_are_judged(policies: str, tmp_path: Path) -> None:
    pod = a_pod("nginx")
    del pod["apiVersion"], pod["kind"]
    file = write(tmp_path, {"apiVersion": "v1", "kind": "PodList", "items": [pod]})
    assert run("check", "-p", policies, "-f", file).exit_code == 1
    hidden = write(tmp_path, {**a_deployment("nginx"), "items": [pod]}, name="hidden.yaml")
    assert run("check", "-p", policies, "-f", hidden).exit_code == 2


def test_a_workload_without_a_template_is_admitted_as_the_server_does(policies: str, tmp_path: Path) -> None:
    empty = {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "x"}, "spec": {}}
    assert run("check", "-p", policies, "-f", write(tmp_path, empty)).exit_code == 0


def test_a_folder_that_is_named_like_a_manifest_is_no_manifest(policies: str, tmp_path: Path) -> None:
    (tmp_path / "manifests" / "odd.yaml").mkdir(parents=True)
    write(tmp_path / "manifests" / "odd.yaml", a_pod("nginx"))
    assert run("check", "-p", policies, "-f", str(tmp_path / "manifests")).exit_code == 1
