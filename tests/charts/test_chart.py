"""The chart as a whole, and the Deployment that it makes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from cryptography import x509

from tests.charts import rendering
from tests.charts.rendering import (
    AUDIT,
    CHART,
    CI_VALUES,
    CLUSTER,
    NAMESPACE,
    OPTIONS,
    POLICY,
    RESOURCES,
    ROOT,
    RefusedError,
    Rendering,
    render,
)
from tests.fakes import sigstore
from webhook import checks, objects, pods, policy_files
from webhook.checks.rules import ContainerRules, PodSecurity
from webhook.policy import schema
from webhook.policy.book import Book

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

every_values = pytest.mark.parametrize("values", CI_VALUES, ids=lambda path: path.name)
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (CHART / "README.md").read_text(encoding="utf-8"), re.DOTALL)
BEGIN = "-----BEGIN CERTIFICATE-----"
HOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
STRICT: dict[str, Any] = {
    "run_as_non_root": True,
    "drop_capabilities": ("ALL",),
    "allow_added_capabilities": (),
    "read_only_root_filesystem": True,
    "pod_security": PodSecurity("restricted"),
    "required_limits": ("memory",),
    "required_probes": ("liveness", "readiness", "startup"),
    "deny_latest_tag": True,
    "allowed_image_pull_policies": ("IfNotPresent", "Always"),
    "allowed_host_ports": (),
}
STRICTEST = ContainerRules(**STRICT)
CONFINED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


@every_values
def test_both_helms_render_the_same(values: Path, helm3: Path, helm: Path) -> None:
    assert _sorted(render(helm3, values, tests=True)) == _sorted(render(helm, values, tests=True))


def _sorted(rendered: Rendering) -> list[dict[str, Any]]:
    """The order of kinds that Kubernetes does not know is each helm's own."""
    return sorted(rendered.objects, key=lambda each: (each["kind"], each["metadata"]["name"]))


@every_values
def test_helm_lint_finds_nothing(values: Path, each_helm: Path) -> None:
    assert "0 chart(s) failed" in rendering.run(each_helm, "lint", "--strict", CHART, f"--values={values}")


def test_nothing_in_the_templates_depends_on_time_chance_or_the_cluster() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (CHART / "templates").rglob("*.*"))
    assert not re.search(r"\b(lookup|rand\w+|gen[A-Z]\w+|uuidv4|now|derivePassword|Capabilities)\b", text)


def test_what_installs_without_helm_is_current(each_helm: Path) -> None:
    rendered = render(each_helm, ROOT / "deploy" / "install-values.yaml").text
    assert _lines((ROOT / "deploy" / "install.yaml").read_text(encoding="utf-8")) == _lines(rendered)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line]  # helm 3 and 4 differ in empty ones


@every_values
def test_objects_of_the_namespace_say_so_themselves(values: Path, helm: Path) -> None:
    clusterwide = {"Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", *HOOKS, *RESOURCES}
    for each in render(helm, values).objects:
        assert each["metadata"].get("namespace") == (None if each["kind"] in clusterwide else NAMESPACE)


@every_values
def test_pods_pass_the_strictest_of_our_own_checks(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    enabled = checks.enabled(STRICTEST)
    assert len(enabled) == len(STRICT)
    for part in rendered.parts:
        deployment = msgspec.convert(rendered.the("Deployment", part), objects.WorkloadObject)
        pod = pods.pod(objects.pod_template(deployment), "spec.template.spec")
        assert len(pod.containers) == 1
        assert [violation for check in enabled for violation in check(pod, STRICTEST)] == []


@every_values
def test_pods_are_confined(values: Path, helm: Path) -> None:
    rendered = render(helm, values, tests=True)
    extra = yaml.safe_load(values.read_text(encoding="utf-8")).get("extraVolumes", [])
    for pod in (*(rendered.pod_of(part) for part in rendered.parts), rendered.the("Pod", "test")["spec"]):
        (container,) = pod["containers"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == CONFINED
        assert not pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
        made = [volume for volume in pod.get("volumes", []) if volume not in extra]
        assert {kind for volume in made for kind in volume} <= {"name", "configMap", "secret", "projected"}
        assert pod["enableServiceLinks"] is False  # what Services say in variables could pass for settings


@every_values
def test_replicas_of_both_programs_spread_and_outlive_drains(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    for part in rendered.parts:
        labels = rendered.the("Deployment", part)["spec"]["template"]["metadata"]["labels"]
        spread = rendered.pod_of(part)["topologySpreadConstraints"]
        assert all(each["labelSelector"]["matchLabels"].items() <= labels.items() for each in spread)
        budget = rendered.the("PodDisruptionBudget", part)["spec"]
        assert budget["selector"] == rendered.the("Deployment", part)["spec"]["selector"]
        assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


@pytest.mark.parametrize(("values", "mode", "failure"), [(AUDIT, "audit", "Ignore"), (POLICY, "policy", "Fail")])
def test_the_mode_decides_for_the_program_and_for_its_absence(
    values: Path, mode: str, failure: str, helm: Path
) -> None:
    rendered = render(helm, values)
    assert f"--mode={mode}" in rendered.args
    assert rendered.webhooks["pods.tidewaiter.dev"]["failurePolicy"] == failure


@every_values
def test_the_service_and_the_disruption_budget_find_the_pods(values: Path, helm: Path) -> None:
    rendered = render(helm, values)
    deployment, service = rendered.the("Deployment")["spec"], rendered.the("Service")["spec"]
    selector = deployment["selector"]["matchLabels"]
    assert selector.items() <= deployment["template"]["metadata"]["labels"].items()
    assert service["selector"] == rendered.the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == selector
    ports = {port["name"]: port["containerPort"] for port in rendered.pod["containers"][0]["ports"]}
    assert service["ports"] == [{"name": "https", "port": 443, "targetPort": "https"}]
    bind = next(arg for arg in rendered.args if arg.startswith("--bind="))
    assert bind.endswith(f":{ports['https']}")


def test_it_may_read_namespaces_and_nothing_else(helm: Path) -> None:
    rendered = render(helm, OPTIONS)
    (rule,) = rendered.the("ClusterRole")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
    assert [each["kind"] for each in rendered.objects if "Role" in each["kind"]] == [
        "ClusterRole",
        "ClusterRoleBinding",
    ]


def test_it_may_list_pods_where_it_warms_up(helm: Path) -> None:
    rendered = render(helm, AUDIT, "--set=warm=true")
    _, rule = rendered.the("ClusterRole")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
    assert "--warm" in rendered.args
    assert "--warm" not in render(helm, AUDIT).args


def test_it_may_read_secrets_by_name_only_where_pull_secrets_are_used(helm: Path) -> None:
    rendered = render(helm, AUDIT, "--set=registry.pullSecrets=true")
    _, rule = rendered.the("ClusterRole")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["secrets", "serviceaccounts"], "verbs": ["get"]}
    assert "--pull-secrets" in rendered.args
    assert "--pull-secrets" not in render(helm, AUDIT).args


def test_policies_of_the_cluster_are_watched_and_named_secrets_are_read_by_name(helm: Path) -> None:
    rendered = render(helm, CLUSTER)
    *_, rule = rendered.the("ClusterRole")["rules"]
    kinds = ["clusterpodpolicies", "trustroots"]
    assert rule == {"apiGroups": ["tidewaiter.dev"], "resources": kinds, "verbs": ["list", "watch"]}
    assert rendered.the("Role")["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["cosign-keys"], "verbs": ["get"]}
    ]
    assert f"--secrets-namespace={NAMESPACE}" in rendered.args
    assert not [each for each in rendered.args if each.startswith("--policy")]
    bare = render(helm, CLUSTER, "--set-json=policySecrets=[]")
    assert "Role" not in {each["kind"] for each in bare.of(None)}


def test_policies_of_the_cluster_are_made_once_behind_their_definitions(helm: Path) -> None:
    rendered = render(helm, CLUSTER)
    made = [each for each in rendered.objects if each["kind"] in RESOURCES]
    assert [(each["kind"], each["metadata"]["name"]) for each in made] == [
        ("ClusterPodPolicy", "production"),
        ("TrustRoot", "sigstore"),
    ]
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in made} == {"post-install"}
    values = yaml.safe_load(CLUSTER.read_text(encoding="utf-8"))
    assert [each["spec"] for each in made] == [values["policies"]["production"], values["trustRoots"]["sigstore"]]


def test_definitions_are_those_of_the_program_and_stay_unless_values_say_otherwise(each_helm: Path) -> None:
    def definitions(*arguments: str) -> list[dict[str, Any]]:
        objects = render(each_helm, CLUSTER, *arguments).objects
        return [each for each in objects if each["kind"] == "CustomResourceDefinition"]

    assert [each["spec"] for each in definitions()] == [each["spec"] for each in schema.definitions()]
    assert {each["metadata"]["annotations"]["helm.sh/resource-policy"] for each in definitions()} == {"keep"}
    assert not any("annotations" in each["metadata"] for each in definitions("--set=crds.keep=false"))
    assert definitions("--set=crds.install=false") == []


def test_policies_become_documents_named_by_their_keys(helm: Path) -> None:
    data = render(helm, POLICY).the("ConfigMap")["data"]
    assert sorted(data) == ["development.yaml", "production.yaml", "trust-root_sigstore.yaml"]
    (policy,) = rendering.objects(data["development.yaml"])
    assert policy == {
        "apiVersion": "tidewaiter.dev/v1alpha1",
        "kind": "ClusterPodPolicy",
        "metadata": {"name": "development"},
        "spec": {
            "mode": "Warn",
            "match": {"namespaces": {"include": ["dev-*"]}},
            "images": {"tags": "UnsafeResolved"},
        },
    }


def test_trust_roots_become_documents_beside_the_policies(helm: Path) -> None:
    (document,) = rendering.objects(render(helm, POLICY).the("ConfigMap")["data"]["trust-root_sigstore.yaml"])
    assert document == {
        "apiVersion": "tidewaiter.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": "sigstore"},
        "spec": {"tuf": {"url": "https://tuf-repo-cdn.sigstore.dev"}},
    }


def test_a_trusted_root_file_goes_in_as_it_is(each_helm: Path, tmp_path: Path) -> None:
    content = sigstore.trusted_root()
    data = render(each_helm, AUDIT, f"--set-json=trustRoots.corp.trustedRoot={content.decode()}").the("ConfigMap")[
        "data"
    ]
    source = _book(data, tmp_path).trust_roots["corp"]
    assert json.loads(source.content or b"") == json.loads(content)


def test_public_good_is_refreshed_unless_values_say_otherwise(helm: Path) -> None:
    assert "--no-trust-root-refresh" not in render(helm, AUDIT).args
    assert "--no-trust-root-refresh" in render(helm, OPTIONS).args


@pytest.mark.parametrize("values", [AUDIT, POLICY], ids=lambda path: path.name)
def test_policies_are_without_fault(values: Path, helm: Path, tmp_path: Path) -> None:
    assert _load(render(helm, values).the("ConfigMap")["data"], tmp_path)


@pytest.mark.parametrize("example", EXAMPLES)
def test_values_in_the_readme_can_be_used(example: str, helm: Path, tmp_path: Path) -> None:
    values = tmp_path / "example.yaml"
    values.write_text(example, encoding="utf-8")
    data = render(helm, AUDIT, f"--values={values}").the("ConfigMap")["data"]
    given = yaml.safe_load(example).get("policies", {"starter": {}})
    assert _load(data, tmp_path) == sorted(name for name, spec in given.items() if spec is not None)


def _load(data: dict[str, str], folder: Path) -> list[str]:
    """The names of the policies that `serve` finds in a ConfigMap that is mounted at `folder`."""
    return sorted(policy.name for policy in _book(data, folder).policies)


def _book(data: dict[str, str], folder: Path) -> Book:
    mounted = folder / "policies"
    mounted.mkdir()
    for name, text in data.items():
        (mounted / name).write_text(text, encoding="utf-8")
    return policy_files.load([mounted])


def test_a_digest_goes_before_a_tag(helm: Path) -> None:
    digest = "sha256:" + "0" * 64
    pod = render(helm, AUDIT, "--set=image.tag=1.0.0", f"--set=image.digest={digest}").pod
    assert pod["containers"][0]["image"] == f"registry.example.com/tidewaiter@{digest}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set=image.repository=",), "image.repository is not set"),
        (
            ("--set=tls.mode=existingSecret",),
            "there is no serving certificate: set tls.existingSecret and tls.caBundle",
        ),
        ((f"--set=tls.caBundle={BEGIN}",), "there is no serving certificate: set tls.existingSecret and tls.caBundle"),
        (("--set=tls.key=-----BEGIN PRIVATE KEY-----",), "there is no serving certificate"),
        (
            ("--set=tls.existingSecret=given", "--set=controller.enabled=false"),
            "tls.caBundle is not set: give the certificate of the authority",
        ),
        (
            ("--set=tls.existingSecret=given", "--set=tls.key=-----BEGIN PRIVATE KEY-----"),
            "tls.existingSecret and tls.cert with tls.key are both set",
        ),
        (("--set=controller.enabled=false",), "nobody makes the serving certificate: set controller.enabled"),
        (
            ("--set=tls.mode=inProcess", "--set=tls.existingSecret=given"),
            "tls.mode is inProcess, and a certificate is given",
        ),
        (("--set=tls.mode=certManager", f"--set=tls.caBundle={BEGIN}"), "tls.mode is certManager, and a certificate"),
        (("--set=tls.issuerRef.name=ours",), "tls.issuerRef is set, and tls.mode is not certManager"),
        (("--set=tls.mode=certManager", "--set=tls.issuerRef.kind=ClusterIssuer"), "tls.issuerRef has no name"),
        (
            ("--set=trustBundle.configMap=a", "--set=trustBundle.secret=b"),
            "trustBundle.configMap and trustBundle.secret",
        ),
        (
            ("--set=autoscaling.enabled=true", "--set=autoscaling.maxReplicas=1"),
            "autoscaling.maxReplicas is less than autoscaling.minReplicas",
        ),
        (("--set-json=policies.starter=null",), "policies is empty"),
        (("--set=mode=policy",), "every pod would be denied"),
        (("--set=mode=policy", "--set=policySource=cluster"), "every pod would be denied"),
        (
            (r"--set=workloadKinds.rollouts\.argoproj\.io=spec.template\,spec.template",),
            "workloadKinds of rollouts.argoproj.io: the path spec.template is named twice",
        ),
        (
            (r"--set=workloadKinds.tasks\.tekton\.dev=spec.steps[]\,spec.steps[]",),
            "workloadKinds of tasks.tekton.dev: the path spec.steps is named twice",
        ),
        (
            (r"--set=workloadKinds.tasks\.tekton\.dev=spec.steps[]\,spec.steps",),
            "workloadKinds of tasks.tekton.dev: the path spec.steps is named twice",
        ),
        (
            (r"--set=workloadKinds.tasks\.tekton\.dev=spec.a.b[].c\,spec.a",),
            "workloadKinds of tasks.tekton.dev: the path spec.a is named twice, or another one leads on from its end",
        ),
        (
            ("--set=existingPoliciesConfigMap=ours", "--set=trustRoots.corp.file=corp.json"),
            "existingPoliciesConfigMap and trustRoots are both set",
        ),
        (
            ("--set=webhook.clientCA.configMap=a", "--set=webhook.clientCA.secret=b"),
            "webhook.clientCA.configMap and webhook.clientCA.secret are both set",
        ),
        (("--set=webhook.clientCA.secret=b",), "webhook.clientCA.names is empty"),
        (("--set=webhook.clientCA.names={a}",), "webhook.clientCA.names is set without an authority"),
        (
            ("--set=registry.proxy=http://proxy.example.com", "--set=registry.proxySecret=proxy"),
            "registry.proxy and registry.proxySecret are both set",
        ),
        (("--set=policySecrets={keys}",), "policySecrets is set, and policySource is not cluster"),
        (
            ("--set=policySource=cluster", "--set=existingPoliciesConfigMap=ours"),
            "policySource is cluster and existingPoliciesConfigMap is set",
        ),
        (("--set=registry.noProxy={.corp}",), "registry.noProxy is set without registry.proxy"),
    ],
)
def test_values_that_cannot_work_are_refused_with_what_to_do(
    arguments: tuple[str, ...], told: str, each_helm: Path
) -> None:
    with pytest.raises(RefusedError, match=re.escape(told)):
        render(each_helm, AUDIT, *arguments)


def test_all_that_is_missing_is_told_at_once(helm: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        render(helm, None, "--set=tls.mode=existingSecret")
    assert "image.repository is not set" in str(refused.value)
    assert "there is no serving certificate" in str(refused.value)


def test_policy_mode_needs_an_acting_policy_only_where_the_rest_is_denied(helm: Path) -> None:
    assert "--no-match=allow" in render(helm, AUDIT, "--set=mode=policy", "--set=noMatch=allow").args


@pytest.mark.parametrize("arguments", [["--is-upgrade"], ["--set-json=policies.starter=null"]])
def test_policies_of_the_cluster_may_be_others_than_those_of_the_values(arguments: list[str], each_helm: Path) -> None:
    rendered = render(each_helm, AUDIT, "--set=mode=policy", "--set=policySource=cluster", *arguments)
    assert "--no-match=deny" in rendered.args


def test_paths_of_a_workload_kind_may_begin_alike(helm: Path) -> None:
    paths = "spec.steps[],spec.stepsOf[],spec.steps2[]"
    rendered = render(helm, AUDIT, f'--set-json=workloadKinds={{"tasks.tekton.dev":"{paths}"}}')
    assert f"--workload-kind=tasks.tekton.dev={paths}" in rendered.args


def test_the_certificate_that_the_refusal_tells_to_make_is_for_the_service(helm: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        render(helm, AUDIT, "--set=tls.mode=existingSecret")
    command = re.search(r"openssl (?:.*\\\n)*.*", str(refused.value))
    assert command is not None
    subprocess.run(shlex.split(command[0].replace("\\\n", " ")), cwd=tmp_path, check=True, capture_output=True)
    certificate = x509.load_pem_x509_certificate((tmp_path / "tls.crt").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"tidewaiter.{NAMESPACE}.svc"]
    values = ("--set=tls.existingSecret=made", f"--set-file=tls.caBundle={tmp_path / 'tls.crt'}")
    volume, *_ = render(helm, AUDIT, *values).pod["volumes"]
    assert (volume["name"], volume["secret"]["secretName"]) == ("tls", "made")
    readme = (CHART / "README.md").read_text(encoding="utf-8")
    assert " ".join(command[0].split()) in " ".join(readme.split())
