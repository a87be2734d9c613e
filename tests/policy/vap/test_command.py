"""`tidewaiter policy vap`."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from tests.kube.test_static_policies import FakeCluster, kubeconfig
from tests.policy.writing import FILES, VALID, of_match
from webhook.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        if name.endswith(".pub"):
            (tmp_path / name).write_text(content)
    (tmp_path / "valid.yaml").write_text(VALID)
    empty = of_match("empty").replace("runAsNonRoot: true", "podSecurity: {level: privileged}")
    (tmp_path / "empty.yaml").write_text(empty)
    return tmp_path


LEFT = [
    "policy empty is left out: nothing of it can be judged without the webhook",
    "policy production, left to the webhook: images.verify, entry our-images: signatures cannot be verified",
    "policy production, left to the webhook: images.denyDigests: only an image named by digest is compared",
]


def test_it_prints_yaml_and_says_twice_what_is_left_to_the_webhook(folder: Path) -> None:
    done = CliRunner().invoke(main, ["policy", "vap", "-p", str(folder)])
    assert done.exit_code == 0
    assert done.stderr.splitlines() == LEFT
    assert [each for each in done.stdout.splitlines() if each.startswith("# policy")] == [f"# {line}" for line in LEFT]
    made, binding = yaml.safe_load_all(done.stdout)
    assert binding["spec"] == {"policyName": made["metadata"]["name"], "validationActions": ["Deny"]}
    [names, *_] = made["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert names["values"] == ["kube-system", "prod-sandbox"]


def test_it_prints_json_for_other_namespaces_and_modes(folder: Path) -> None:
    further = ["-o", "json", "--exempt-namespace", "a", "--mode", "audit"]
    done = CliRunner().invoke(main, ["policy", "vap", "-p", str(folder), *further])
    made, binding = json.loads(done.stdout)["items"]
    assert binding["spec"]["validationActions"] == ["Audit"]
    [names, *_] = made["spec"]["matchConstraints"]["namespaceSelector"]["matchExpressions"]
    assert names["values"] == ["a", "prod-sandbox"]


@pytest.mark.parametrize("flags", [["--apply"], ["--owner", "tidewaiter"]])
def test_who_applies_says_as_whose(folder: Path, flags: list[str]) -> None:
    done = CliRunner().invoke(main, ["policy", "vap", "-p", str(folder), *flags])
    assert (done.exit_code, done.stderr) == (2, "--apply and --owner need each other\n")


async def test_it_applies_to_a_cluster_and_says_what_it_did(folder: Path, tmp_path: Path) -> None:
    cluster = FakeCluster()
    async with kubeconfig(cluster, tmp_path) as config:
        arguments = ["policy", "vap", "-p", str(folder), "--apply", "--owner", "release", f"--kubeconfig={config}"]
        done = await asyncio.to_thread(CliRunner().invoke, main, arguments)
        refused = await asyncio.to_thread(CliRunner().invoke, main, [*arguments, "--owner", "nobody"])
    assert done.stdout.splitlines() == [
        "ValidatingAdmissionPolicy release-production applied",
        "ValidatingAdmissionPolicyBinding release-production applied",
    ]
    assert refused.exit_code == 3
    assert refused.stderr.splitlines()[-1].startswith("Error: there is no ValidatingWebhookConfiguration nobody")


def test_faults_of_policies_are_told(folder: Path) -> None:
    (folder / "broken.yaml").write_text(of_match("broken").replace("runAsNonRoot", "runAsNonRot"))
    done = CliRunner().invoke(main, ["policy", "vap", "-p", str(folder)])
    assert done.exit_code != 0
    assert done.stdout == ""
