"""What the status of a policy or trust root says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.audit.results import Audited, Scan, Subject
from webhook.codes import Code
from webhook.controller.status import MESSAGE_BYTES, message, statuses, written
from webhook.policy.documents import Fault
from webhook.policy.resources import Compiler
from webhook.verdict import Mode, Violation

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
GOOD: dict[str, Any] = {"containers": {"runAsNonRoot": True}}
TYPO: dict[str, Any] = {"containers": {"runAsNonRoto": True}}


def resource(spec: Any, generation: int = 1, **more: Any) -> dict[str, Any]:
    metadata = {"name": "x", "uid": "1", "generation": generation, "creationTimestamp": "2026-03-01T10:00:00Z"}
    return {"apiVersion": "tidewaiter.dev/v1alpha1", "metadata": metadata, "spec": spec, **more}


def of(each: dict[str, Any], scan: Scan | None = None, now: datetime = NOW, cap: Mode = Mode.ENFORCE) -> dict[str, Any]:
    """The status of the one policy `p`."""
    policies = {"p": each}
    made = statuses(Compiler().compiled(policies, {}, {}), policies, {}, scan, now, cap)
    return made["ClusterPodPolicy", "p"]


def condition(status: dict[str, Any]) -> dict[str, Any]:
    (only,) = status["conditions"]
    return dict(only)


def test_a_policy_that_is_used_says_so() -> None:
    assert of(resource(GOOD, 7)) == {
        "observedGeneration": 7,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "InUse",
                "message": "in use: what breaks it is denied",
                "observedGeneration": 7,
                "lastTransitionTime": "2026-03-01T12:00:00Z",
            }
        ],
    }


@pytest.mark.parametrize(
    ("mode", "cap", "begin"),
    [
        ("Enforce", Mode.ENFORCE, "cannot be used, so each pod that it matches is denied: "),
        ("Warn", Mode.ENFORCE, "cannot be used, so each pod that it matches is admitted with a warning: "),
        ("Audit", Mode.ENFORCE, "cannot be used, which is recorded for each pod that it matches: "),
        ("Enforce", Mode.AUDIT, "cannot be used, which is recorded for each pod that it matches: "),
        ("Enfroce", Mode.ENFORCE, "cannot be used, so each pod that it matches is denied: "),
    ],
)
def test_an_unusable_one_says_what_it_does_and_why(mode: str, cap: Mode, begin: str) -> None:
    found = condition(of(resource({**TYPO, "mode": mode}), cap=cap))
    assert (found["status"], found["reason"]) == ("False", "Unusable")
    assert found["message"].startswith(begin)
    assert "runAsNonRoto" in found["message"]


def test_the_time_changes_with_the_status_alone() -> None:
    first = of(resource(GOOD))
    same = of(resource(GOOD, 2, status=first), now=LATER)
    assert condition(same)["lastTransitionTime"] == "2026-03-01T12:00:00Z"
    assert same["observedGeneration"] == 2
    other = of(resource(TYPO, 3, status=same), now=LATER)
    assert condition(other)["lastTransitionTime"] == "2026-03-01T13:00:00Z"


def test_what_is_written_is_what_is_wanted_again() -> None:
    first = of(resource(GOOD))
    assert written(resource(GOOD, status={**first, "somebody": "else"})) == of(resource(GOOD, status=first), now=LATER)


@pytest.mark.parametrize(
    "status", [None, [], "x", {"conditions": "x"}, {"conditions": [1, {"type": "Ready"}]}, {"audit": 1}]
)
def test_a_status_that_somebody_spoiled_is_made_anew(status: Any) -> None:
    assert of(resource(GOOD, status=status)) == of(resource(GOOD))


def test_a_trust_root_has_a_status_and_its_policies_name_it() -> None:
    roots = {"corp": resource({"trustedRoot": {"mediaType": "none"}})}
    found = statuses(Compiler().compiled({}, roots, {}), {}, roots, None, NOW)["TrustRoot", "corp"]
    assert condition(found)["message"].startswith("cannot be used, so policies that name it cannot be either: ")
    assert "audit" not in found


faults = st.builds(Fault, st.just("x"), st.just(0), st.text(max_size=300), st.text(max_size=2000))


@given(st.lists(faults, min_size=1, max_size=40).map(tuple))
def test_a_message_is_short_plain_and_tells_how_many_faults_there_are(found: tuple[Fault, ...]) -> None:
    text = message("broken", found)
    assert text.startswith("broken: ")
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= MESSAGE_BYTES


def test_faults_are_told_while_there_is_room() -> None:
    three = tuple(Fault("x", 0, f"spec.{n}", "wrong") for n in range(3))
    assert message("broken", three) == "broken: spec.0: wrong; spec.1: wrong; spec.2: wrong"
    many = tuple(Fault("x", 0, "", "a" * 90) for _ in range(50))
    text = message("broken", many)
    assert text.endswith(f"; and {50 - text.count('a' * 90)} more")


def finding(policy: str, code: Code = Code.RUN_AS_NON_ROOT, mode: Mode = Mode.AUDIT) -> Violation:
    return Violation(code=code, path="spec", message="m", policy=policy, mode=mode)


def audited(pods: int, *findings: Violation, policies: tuple[str, ...] = ("p",)) -> Audited:
    subject = Subject("apps/v1", "Deployment", "prod", f"d{pods}", "1")
    return Audited(subject=subject, pods=pods, findings=findings, policies=policies)


def scan(*every: Audited, began: datetime = NOW) -> Scan:
    return Scan(began=began, ended=began + timedelta(seconds=9), audited=every)


def test_pods_of_the_last_scan_are_counted_by_policy() -> None:
    found = of(
        resource(GOOD),
        scan(
            audited(1),
            audited(2, finding("p"), finding("p"), finding("q"), policies=("p", "q")),
            audited(4, finding("p", Code.REGISTRY_UNAVAILABLE)),
            audited(8, finding("q"), policies=("q",)),
            audited(16, finding("q"), policies=("p", "q")),
        ),
    )
    assert found["audit"] == {"scannedAt": "2026-03-01T12:00:09Z", "pods": 23, "violating": 2, "wouldDeny": 6}


def test_a_policy_that_matches_nothing_has_counts_of_nothing() -> None:
    assert of(resource(GOOD), scan())["audit"]["pods"] == 0


def test_without_a_scan_the_counts_of_the_one_before_stay() -> None:
    before = of(resource(GOOD), scan(audited(3)))
    assert of(resource(GOOD, status=before))["audit"] == before["audit"]


def test_a_scan_says_nothing_of_policies_that_are_younger() -> None:
    assert "audit" not in of(resource(GOOD), scan(audited(3), began=NOW - timedelta(hours=3)))
