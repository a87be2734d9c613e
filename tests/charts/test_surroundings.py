"""What a release brings for those around it: scaling, networks, Prometheus, Grafana, and `helm test`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import trustme
import yaml

from tests.charts.rendering import AUDIT, CHART, NAMESPACE, OPTIONS, POLICY, ROOT, URL, Rendering, notes, render
from tests.server.test_program import Output, config, write_policy
from webhook.server.program import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build a helm

NETWORK, MONITORING, EVERYTHING = (
    CHART / "ci" / f"{name}-values.yaml" for name in ("network", "monitoring", "everything")
)
HARDENED = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: hardened}
spec:
  containers: {readOnlyRootFilesystem: true}
"""
EXAMPLES = ROOT / "deploy" / "examples"
PROBE = CHART / "files" / "reachable.py"


def _kinds(rendered: Rendering) -> set[str]:
    return {each["kind"] for each in rendered.objects}


def test_replicas_are_counted_by_whoever_scales(each_helm: Path) -> None:
    rendered = render(each_helm, NETWORK)
    assert "replicas" not in rendered.the("Deployment")["spec"]
    scaler = rendered.the("HorizontalPodAutoscaler")["spec"]
    assert scaler["scaleTargetRef"]["name"] == rendered.the("Deployment")["metadata"]["name"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)


def test_by_default_there_is_nothing_of_it(helm: Path) -> None:
    made = {"HorizontalPodAutoscaler", "NetworkPolicy", "ServiceMonitor", "PrometheusRule", "Certificate"}
    rendered = render(helm, AUDIT)
    assert not _kinds(rendered) & made
    assert rendered.of("metrics") == []


def test_networks_let_reviews_in_and_metrics_to_whom_values_name(each_helm: Path) -> None:
    rendered = render(each_helm, NETWORK)
    serve, controller = rendered.the("NetworkPolicy")["spec"], rendered.the("NetworkPolicy", "controller")["spec"]
    reviews, metrics = serve["ingress"]
    assert reviews["ports"] == [{"port": "https"}]
    assert reviews["from"][0] == {"ipBlock": {"cidr": "10.0.0.0/28"}}
    assert metrics["ports"] == [{"port": "http"}]
    assert controller["ingress"] == [metrics]
    assert serve["egress"] == controller["egress"]
    assert serve["policyTypes"] == ["Ingress", "Egress"]
    for policy, part in ((serve, None), (controller, "controller")):
        assert policy["podSelector"] == rendered.the("Deployment", part)["spec"]["selector"]


def test_without_addresses_reviews_come_from_anywhere_and_nobody_reads_metrics(helm: Path) -> None:
    rendered = render(helm, AUDIT, "--set=networkPolicy.enabled=true")
    assert rendered.the("NetworkPolicy")["spec"]["ingress"] == [{"ports": [{"port": "https"}]}]
    controller = rendered.the("NetworkPolicy", "controller")["spec"]
    assert (controller["policyTypes"], "ingress" in controller, "egress" in controller) == (["Ingress"], False, False)


def test_the_pod_of_helm_test_is_let_in(helm: Path) -> None:
    rendered = render(helm, NETWORK, tests=True)
    (pod,) = (each["podSelector"] for each in rendered.the("NetworkPolicy")["spec"]["ingress"][0]["from"][1:])
    assert pod["matchLabels"].items() <= rendered.the("Pod", "test")["metadata"]["labels"].items()


def test_prometheus_finds_both_programs(each_helm: Path) -> None:
    rendered = render(each_helm, MONITORING)
    services = [each for each in rendered.of("metrics") if each["kind"] == "Service"]
    monitor = rendered.the("ServiceMonitor", "metrics")
    selectors = [each["spec"]["selector"] for each in services]
    assert selectors == [
        rendered.the("Deployment", part)["spec"]["selector"]["matchLabels"] for part in (None, "controller")
    ]
    for each in services:
        assert monitor["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["endpoints"] == [{"port": "http", "path": "/metrics", "interval": "15s"}]


def test_alerts_and_the_dashboard_are_those_of_the_files(each_helm: Path) -> None:
    rendered = render(each_helm, MONITORING)
    rules = yaml.safe_load((CHART / "files" / "rules.yaml").read_text(encoding="utf-8"))
    assert rendered.the("PrometheusRule", "metrics")["spec"] == rules
    assert rules["groups"]
    board = rendered.the("ConfigMap", "metrics")
    (text,) = board["data"].values()
    assert json.loads(text) == json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert board["metadata"]["annotations"] == {"grafana_folder": "Security"}


def test_alerts_know_how_long_the_api_server_waits(helm: Path) -> None:
    groups = render(helm, MONITORING, "--set=webhook.timeoutSeconds=7").the("PrometheusRule", "metrics")["spec"][
        "groups"
    ]
    expressions = {rule.get("record"): rule["expr"] for group in groups for rule in group["rules"]}
    assert expressions["tidewaiter:webhook_timeout_seconds"] == "vector(7)"


def test_further_objects_are_templates(each_helm: Path) -> None:
    names = [each["metadata"]["name"] for each in render(each_helm, EVERYTHING).objects if each["kind"] == "ConfigMap"]
    assert {"tidewaiter-contact", "tidewaiter-text"} <= set(names)


def test_all_authorities_come_from_one_bundle_for_both_programs(helm: Path) -> None:
    rendered = render(helm, AUDIT, "--set=trustBundle.configMap=roots")
    for part in rendered.parts:
        (container,) = rendered.pod_of(part)["containers"]
        path = "/etc/tidewaiter/trust-bundle/ca-certificates.crt"
        assert container["env"] == [{"name": "SSL_CERT_FILE", "value": path}]


def _test_env(rendered: Rendering) -> dict[str, Any]:
    (container,) = rendered.the("Pod", "test")["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_helm_test_asks_the_service_as_the_api_server_does(each_helm: Path) -> None:
    rendered = render(each_helm, AUDIT, tests=True)
    name = f"tidewaiter.{NAMESPACE}.svc"
    authorities = {"secretKeyRef": {"name": "tidewaiter-tls", "key": "ca.crt"}}
    assert _test_env(rendered) == {"HOST": f"{name}:443", "NAME": name, "AUTHORITIES": authorities}
    assert rendered.the("Pod", "test")["metadata"]["annotations"]["helm.sh/hook"] == "test"
    selector = rendered.the("Service")["spec"]["selector"]
    assert not selector.items() <= rendered.the("Pod", "test")["metadata"]["labels"].items()


def test_helm_test_knows_the_url_given_authorities_and_clients_that_need_a_certificate(helm: Path) -> None:
    assert _test_env(render(helm, URL, tests=True))["NAME"] == "tidewaiter.example.com"
    assert _test_env(render(helm, POLICY, tests=True))["AUTHORITIES"].startswith("-----BEGIN CERTIFICATE-----")
    assert _test_env(render(helm, OPTIONS, tests=True))["CLIENT_CA"] == "yes"


def _asked(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the script of `helm test`, as the chart hands it to Python, does."""
    line = [sys.executable, "-I", "-c", PROBE.read_text(encoding="utf-8")]
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(line, env=env, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


async def test_helm_test_succeeds_where_the_webhook_answers_and_says_why_not_elsewhere(tmp_path: Path) -> None:
    write_policy(tmp_path, HARDENED)
    output = Output()
    async with running(config(tmp_path), output) as service:
        (host, port), _ = service.addresses
        settings = {"HOST": f"{host}:{port}", "NAME": host, "AUTHORITIES": (tmp_path / "tls.crt").read_text()}
        there = await asyncio.to_thread(_asked, tmp_path, **settings)
        elsewhere = await asyncio.to_thread(_asked, tmp_path, **{**settings, "NAME": "elsewhere.example.com"})
        stranger = trustme.CA().cert_pem.bytes().decode()
        untrusted = await asyncio.to_thread(_asked, tmp_path, **{**settings, "AUTHORITIES": stranger})
    gone = await asyncio.to_thread(_asked, tmp_path, **settings)
    assert (there.returncode, there.stderr) == (0, "")
    assert f"it has a certificate for {host}, and answers reviews" in there.stdout
    assert [line for line in output.lines if line["msg"] == "decision" and line["decision"] == "deny"] == []
    for failed in (elsewhere, untrusted, gone):
        assert (failed.returncode, failed.stdout) == (1, "")
        assert failed.stderr.startswith(f"the webhook at {host}:{port} cannot be asked: ")
    assert "certificate verify failed" in elsewhere.stderr
    assert "certificate verify failed" in untrusted.stderr


def test_notes_say_loudly_that_nothing_is_denied_and_what_comes_next(helm: Path) -> None:
    told = notes(helm, AUDIT)
    assert "MODE AUDIT: NOTHING IS DENIED." in told
    assert told.index("tidewaiter audit") < told.index("`mode: policy`") < told.index("then Enforce, one by one")
    assert "helm test tidewaiter -n tidewaiter-system" in told
    assert "NOTHING IS DENIED" not in notes(helm, POLICY)


def test_routes_of_the_example_are_for_alerts_that_there_are() -> None:
    routes = (EXAMPLES / "monitoring" / "alertmanager.yaml").read_text(encoding="utf-8")
    rules = yaml.safe_load((CHART / "files" / "rules.yaml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    named = set(re.findall(r"Tidewaiter[A-Z][A-Za-z]+", routes))
    assert named
    assert named <= alerts
    document = yaml.safe_load(routes)
    receivers = set(re.findall(r"receiver: (\S+)", routes))
    assert receivers == {each["name"] for each in document["receivers"]}


def test_values_of_the_application_can_be_used(each_helm: Path, tmp_path: Path) -> None:
    application = yaml.safe_load((EXAMPLES / "argo-cd" / "application.yaml").read_text(encoding="utf-8"))
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(application["spec"]["source"]["helm"]["valuesObject"]), encoding="utf-8")
    assert render(each_helm, values).parts == [None, "controller"]
