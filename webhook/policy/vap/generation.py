"""Policies into ValidatingAdmissionPolicies: what of them holds even while no webhook answers the API server.

A generated policy never denies a pod that the webhook admits, but for what `unsaid.ALWAYS` says of costs. It is about
pods as the API server stores them, after defaults and mutation, and after its own validation. Needs Kubernetes 1.31.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from webhook.codes import Code
from webhook.policy.book import Policy
from webhook.policy.vap import match
from webhook.policy.vap.container_rules import rules_of_containers
from webhook.policy.vap.expressions import quoted
from webhook.policy.vap.image_rules import rules_of_images
from webhook.policy.vap.rule import Rule
from webhook.policy.vap.unsaid import unsaid
from webhook.policy.vap.variables import in_namespaces, needed
from webhook.verdict import Mode

API_VERSION = "admissionregistration.k8s.io/v1"
POLICY = "ValidatingAdmissionPolicy"
BINDING = "ValidatingAdmissionPolicyBinding"
MANAGED_BY = "app.kubernetes.io/managed-by"
LABELS = {
    MANAGED_BY: "tidewaiter",
    "app.kubernetes.io/name": "tidewaiter",
    "app.kubernetes.io/component": "static-policy",
}
PREFIX = "tidewaiter"

_LONGEST_NAME = 253
_HASHED = 16
_LONGEST_MESSAGE = 1024  # a list out of a policy may be long; the API server takes 5 KiB, with the places
_ACTIONS = {Mode.ENFORCE: ["Deny"], Mode.WARN: ["Warn", "Audit"], Mode.AUDIT: ["Audit"]}


@dataclass(frozen=True, slots=True)
class Generated:
    """What became of one policy: its objects, none where it has nothing static, and what they do not say."""

    policy: str
    objects: tuple[dict[str, Any], ...]
    unsaid: tuple[str, ...]


def generate(
    policies: Iterable[Policy], exempt: Iterable[str] = (), cap: Mode = Mode.ENFORCE, prefix: str = PREFIX
) -> list[Generated]:
    """The objects of each policy, whose names begin with `prefix`.

    Pods in `exempt` namespaces are left alone; no mode is stronger than `cap`.
    """
    namespaces = frozenset(exempt)
    return [_generated(policy, namespaces, cap, prefix) for policy in policies]


def _generated(policy: Policy, exempt: frozenset[str], cap: Mode, prefix: str) -> Generated:
    rules = [*_rules(policy)]
    name = object_name(policy.name, prefix)
    objects = (_policy(policy, name, rules, exempt), _binding(policy, name, cap)) if rules else ()
    return Generated(policy.name, objects, tuple(unsaid(policy)))


def _rules(policy: Policy) -> Iterator[Rule]:
    if policy.images is not None:
        yield from rules_of_images(policy.images)
    yield from rules_of_containers(policy.rules)


def _policy(policy: Policy, own_name: str, rules: list[Rule], exempt: frozenset[str]) -> dict[str, Any]:
    found = {f"found{index}_{rule.code.lower()}": rule for index, rule in enumerate(rules)}
    places = {name: rule.places() for name, rule in found.items()}
    variables = [*needed(places.values()), *places.items()]
    return {
        **_head(POLICY, own_name),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": match.constraints(policy.match, exempt),
            "matchConditions": match.conditions(policy.match),
            "variables": [{"name": name, "expression": expression} for name, expression in variables],
            "validations": [_validation(name, rule, _exempted(policy, rule.code)) for name, rule in found.items()],
        },
    }


def _exempted(policy: Policy, code: Code) -> frozenset[str]:
    """The namespaces in which some image, at some time, may break the rule."""
    return frozenset[str]().union(*(each.namespaces for each in policy.exemptions if code in each.codes))


def _validation(name: str, rule: Rule, exempted: frozenset[str]) -> dict[str, str]:
    nothing = f"variables.{name}.size() == 0"
    message = f"{rule.code}: expected {rule.expected}"[:_LONGEST_MESSAGE]
    return {
        "expression": f"{in_namespaces(exempted)} || {nothing}" if exempted else nothing,
        "message": message,
        "messageExpression": f"{quoted(f'{message}; found otherwise: ')} + variables.{name}.join(', ')",
        "reason": "Forbidden",
    }


def _binding(policy: Policy, own_name: str, cap: Mode) -> dict[str, Any]:
    actions = _ACTIONS[policy.mode.capped(cap)]
    spec = {"policyName": own_name, "validationActions": [*actions]}
    return {**_head(BINDING, own_name), "spec": spec}


def _head(kind: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "labels": dict(LABELS)},
    }


def object_name(policy: str, prefix: str = PREFIX) -> str:
    """The name of the objects of a policy; one too long ends in a hash, so that no two are alike."""
    name = f"{prefix}-{policy}"
    if len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(policy.encode()).hexdigest()[:_HASHED]
    return f"{name[: _LONGEST_NAME - _HASHED - 1].rstrip('.-')}-{digest}"
