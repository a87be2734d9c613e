"""Scans as values, for those who show them."""

from datetime import UTC, datetime
from typing import Any

from webhook.audit.results import Audited, Scan, Subject
from webhook.codes import Code
from webhook.verdict import Mode, Violation

BEGAN = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ENDED = datetime(2026, 1, 2, 3, 5, 6, tzinfo=UTC)


def subject(name: str = "web", namespace: str = "prod", uid: str = "") -> Subject:
    return Subject("apps/v1", "Deployment", namespace, name, uid or f"uid-of-{name}")


def finding(code: Code = Code.NOT_SIGNED, mode: Mode = Mode.ENFORCE, **changed: Any) -> Violation:
    told: dict[str, Any] = {
        "path": "spec.containers[0].image",
        "message": "no cosign signature or bundle for this digest",
        "fix": "cosign sign it",
        "container": "app",
        "image": "registry.example.com/app:1",
        "policy": "production",
    }
    return Violation(code=code, mode=mode, **{**told, **changed})


def audited(*findings: Violation, name: str = "web", **changed: Any) -> Audited:
    """A subject with findings; those of Audit mode deny once their policy enforces."""
    told: dict[str, Any] = {
        "subject": subject(name),
        "would_deny": tuple(each for each in findings if each.mode is Mode.AUDIT),
        "policies": ("production",),
    }
    return Audited(findings=findings, **{**told, **changed})


def scan(*found: Audited, **changed: Any) -> Scan:
    told = {"began": BEGAN, "ended": ENDED, "generation": "g1", "pods": sum(each.pods for each in found)}
    return Scan(audited=found, **{**told, **changed})
