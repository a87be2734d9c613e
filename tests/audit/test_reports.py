import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.audit.found import ENDED, audited, finding, scan, subject
from webhook.audit.reports import (
    APIS,
    CONTENT,
    LEFT_OUT,
    OPENREPORTS,
    RESULTS,
    WGPOLICY,
    Api,
    Release,
    name,
    outcome,
    report,
    reports,
)
from webhook.audit.results import Audited, Subject
from webhook.codes import Code
from webhook.verdict import ImageResult, Mode, Violation

HERE = Release("tidewaiter", "tidewaiter")
DIGEST = "sha256:" + "a" * 64


def made(found: Audited, api: Api = OPENREPORTS, **changed: Any) -> dict[str, Any]:
    return report(found, scan(found, **changed), HERE, api)


def test_a_report_belongs_to_its_subject_and_is_about_it() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "uid-of-web"}
    found = made(audited(finding()))
    assert found["apiVersion"] == "openreports.io/v1alpha1"
    assert found["kind"] == "Report"
    assert found["metadata"]["namespace"] == "prod"
    assert found["metadata"]["ownerReferences"] == [owner]
    assert found["scope"] == {**owner, "namespace": "prod"}
    assert found["source"] == "tidewaiter"


def test_of_two_subjects_with_one_uid_each_has_a_report_of_its_own() -> None:
    real, forged = Subject("apps/v1", "Deployment", "prod", "web", "u"), Subject("x.y/v1", "Fake", "prod", "z", "u")
    clear, denied = audited(subject=forged), audited(finding(), subject=real)
    names = [
        [each["metadata"]["name"] for each in reports(scan(*both), HERE, OPENREPORTS)]
        for both in (
            (clear, denied),
            (denied, clear),
        )
    ]
    assert names[0] == names[1]
    assert names[0][0] == name(real, HERE)
    assert names[0][1].startswith(f"{names[0][0]}-")


def test_the_older_api_has_the_same_shape_without_a_source_beside_the_results() -> None:
    new, old = made(audited(finding())), made(audited(finding()), WGPOLICY)
    assert (old["apiVersion"], old["kind"]) == ("wgpolicyk8s.io/v1alpha2", "PolicyReport")
    assert new.keys() - old.keys() == {"source"}
    assert old["results"] == new["results"]


@pytest.mark.parametrize("api", APIS)
def test_what_has_no_namespace_has_a_report_of_the_cluster(api: Api) -> None:
    found = made(audited(finding(), subject=subject(namespace="")), api)
    assert found["kind"] == api.cluster_kind
    assert "namespace" not in found["metadata"]
    assert "namespace" not in found["scope"]


def test_a_finding_becomes_a_result_with_what_is_known_of_it() -> None:
    image = ImageResult(path="spec.containers[0].image", container="app", reference="x", digest=DIGEST)
    (result,) = made(audited(finding(entry="ours"), images=(image,)))["results"]
    assert result.pop("properties") == {
        "resultID": result_id(finding(entry="ours")),
        "reason": "NOT_SIGNED",
        "mode": "Enforce",
        "path": "spec.containers[0].image",
        "container": "app",
        "image": "registry.example.com/app:1",
        "digest": DIGEST,
        "entry": "ours",
        "policyGeneration": "g1",
    }
    assert result == {
        "source": "tidewaiter",
        "policy": "production",
        "rule": "NOT_SIGNED",
        "category": "Image signature",
        "severity": "high",
        "result": "fail",
        "scored": True,
        "message": "spec.containers[0].image: no cosign signature or bundle for this digest; fix: cosign sign it",
        "timestamp": {"seconds": int(ENDED.timestamp()), "nanos": 0},
    }


def result_id(found: Violation) -> str:
    (result,) = made(audited(found))["results"]
    identity = result["properties"]["resultID"]
    assert isinstance(identity, str)
    return identity


def test_a_result_keeps_its_identity_whatever_its_message_says_by_now() -> None:
    assert result_id(finding(message="2h ago")) == result_id(finding(message="3h ago"))
    assert result_id(finding(path="spec.containers[1].image")) != result_id(finding())


@pytest.mark.parametrize(
    ("found", "result"),
    [
        (finding(mode=Mode.ENFORCE), "fail"),
        (finding(mode=Mode.AUDIT), "fail"),
        (finding(mode=Mode.WARN), "warn"),
        (finding(Code.REGISTRY_UNAVAILABLE), "error"),
        (finding(Code.REGISTRY_UNAVAILABLE, mode=Mode.WARN), "error"),
        (finding(exemption="for a while"), "skip"),
    ],
)
def test_each_finding_has_the_result_that_the_api_means(found: Violation, result: str) -> None:
    assert outcome(found) == result


def test_a_policy_that_found_nothing_passes_and_one_that_exempts_does_not() -> None:
    skipped = finding(policy="exempting", exemption="x")
    found = made(audited(finding(), exempted=(skipped,), policies=("production", "quiet", "exempting")))
    assert [(each["policy"], each["result"]) for each in found["results"]] == [
        ("production", "fail"),
        ("exempting", "skip"),
        ("quiet", "pass"),
    ]
    assert found["summary"] == {"fail": 1, "error": 0, "warn": 0, "skip": 1, "pass": 1}


def test_the_order_of_findings_changes_nothing() -> None:
    many = [finding(code) for code in Code]
    assert made(audited(*many)) == made(audited(*reversed(many)))


def test_the_worst_results_stand_first() -> None:
    codes = [Code.LIMITS_MISSING, Code.REGISTRY_UNAVAILABLE, Code.POD_SECURITY_PRIVILEGED, Code.NOT_SIGNED]
    found = made(audited(*map(finding, codes)))
    assert [each["rule"] for each in found["results"]] == [
        "POD_SECURITY_PRIVILEGED",
        "NOT_SIGNED",
        "LIMITS_MISSING",
        "REGISTRY_UNAVAILABLE",
    ]


def test_neither_a_later_scan_nor_another_set_of_policies_is_another_content() -> None:
    first, later = made(audited(finding())), made(audited(finding()), ended=ENDED.replace(day=3), generation="g2")
    assert first != later
    assert first["metadata"] == later["metadata"]


def test_another_finding_is_another_content() -> None:
    first, other = made(audited(finding())), made(audited(finding(), finding(Code.LATEST_TAG)))
    assert first["metadata"]["annotations"][CONTENT] != other["metadata"]["annotations"][CONTENT]


def test_the_name_follows_from_subject_and_release_and_is_nobody_elses() -> None:
    names = {name(subject(uid=uid), Release(*release)) for uid in "ab" for release in (("x", "yz"), ("xy", "z"))}
    assert len(names) == 4
    assert "a" not in names


def test_what_is_beyond_the_cap_is_counted() -> None:
    many = [finding(path=f"spec.containers[{number}].image") for number in range(150)]
    found = made(audited(*many, left_out=20))
    assert len(found["results"]) == RESULTS
    assert found["summary"]["fail"] == 150
    assert found["metadata"]["annotations"][LEFT_OUT] == "70"


@given(st.text(max_size=2000))
@example("\U0001f600" * 2000)
@example('"\\' * 1000)
def test_a_report_is_bounded_and_plain_whatever_users_wrote(text: str) -> None:
    fields: dict[str, Any] = dict.fromkeys(
        ("message", "fix", "container", "image", "entry", "policy", "exemption"), text
    )
    many = [finding(path=f"{number}{text}", **fields) for number in range(200)]
    document = json.dumps(made(audited(*many)), ensure_ascii=False)
    assert document.isascii()
    assert document.isprintable()
    assert len(document) < 700_000


@given(st.text(max_size=100))
@example("\u202e\n")
def test_no_label_holds_what_users_wrote(text: str) -> None:
    found = made(audited(finding(policy=text, message=text)), generation=text)
    assert found["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "tidewaiter",
        "app.kubernetes.io/instance": "tidewaiter",
        "tidewaiter.dev/release-namespace": "tidewaiter",
    }


def test_workloads_that_are_denied_come_first_and_unjudged_ones_have_no_report() -> None:
    quiet, denied = audited(name="quiet"), audited(finding(), name="denied")
    found = reports(scan(audited(name="unjudged", policies=()), quiet, denied), HERE, OPENREPORTS)
    assert [each["scope"]["name"] for each in found] == ["denied", "quiet"]


@pytest.mark.parametrize("uid", ["", "A", "../x", "a\n", "a" * 65, "-a", "\u0661"])
def test_a_subject_without_a_usable_uid_has_no_report(uid: str) -> None:
    found = audited(finding(), subject=Subject("apps/v1", "Deployment", "prod", "web", uid))
    assert list(reports(scan(found), HERE, OPENREPORTS)) == []
