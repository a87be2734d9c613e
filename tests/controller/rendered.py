"""Webhook configurations as a chart renders them, and what an API server makes of one."""

import copy
from typing import Any

STAMP = "tidewaiter.dev/rendered"
NEWER = "f" * 64


def validating() -> dict[str, Any]:
    """With every field that a validating webhook may have."""
    pods, workloads = _webhook("pods.tidewaiter.dev"), _webhook("workloads.tidewaiter.dev")
    return _configuration("ValidatingWebhookConfiguration", [pods, {**workloads, "failurePolicy": "Ignore"}])


def mutating() -> dict[str, Any]:
    pin = _webhook("pin.tidewaiter.dev")
    return _configuration("MutatingWebhookConfiguration", [{**pin, "reinvocationPolicy": "IfNeeded"}])


def terse() -> dict[str, Any]:
    """With those fields only that the API demands."""
    kept = ("name", "clientConfig", "sideEffects", "admissionReviewVersions", "rules")
    webhook = {key: value for key, value in _webhook("pods.tidewaiter.dev").items() if key in kept}
    webhook["clientConfig"]["service"].pop("port")
    for rule in webhook["rules"]:
        rule.pop("scope", None)
    return _configuration("ValidatingWebhookConfiguration", [webhook])


def live(rendered: dict[str, Any]) -> dict[str, Any]:
    """As it is in the cluster: with certificates, and with what the API server and Helm add to `metadata`."""
    made = copy.deepcopy(rendered)
    made["metadata"] |= {"generation": 1, "labels": {"app.kubernetes.io/managed-by": "Helm", "somebody": "else"}}
    made["metadata"]["annotations"]["meta.helm.sh/release-name"] = "tidewaiter"
    made["metadata"]["managedFields"] = [{"manager": "helm", "operation": "Apply", "fieldsV1": copy.deepcopy(_STAMPED)}]
    for each in made["webhooks"]:
        each["clientConfig"]["caBundle"] = "Q0E="
    return made


_STAMPED: dict[str, Any] = {"f:metadata": {"f:annotations": {f"f:{STAMP}": {}}}}


def _configuration(kind: str, webhooks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "tidewaiter", "annotations": {STAMP: "0" * 64}},
        "webhooks": webhooks,
    }


def _webhook(name: str) -> dict[str, Any]:
    service = {"namespace": "tidewaiter-system", "name": "tidewaiter", "path": "/validate", "port": 443}
    expression = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "tidewaiter"]}
    return {
        "name": name,
        "clientConfig": {"service": service},
        "failurePolicy": "Fail",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 10,
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"tier": "signed"}, "matchExpressions": [expression]},
        "objectSelector": {},
        "matchConditions": [{"name": "some", "expression": "true"}],
        "rules": [
            {
                "operations": ["CREATE", "UPDATE"],
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "resources": ["pods", "pods/ephemeralcontainers"],
                "scope": "Namespaced",
            },
            {"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]},
        ],
    }
