from datetime import timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from tests.audit.found import ENDED, audited, finding, scan, subject
from webhook.audit.events import EVENTS, Known, Tally, known, repeated, told
from webhook.audit.reports import Release
from webhook.audit.results import Audited, Scan, Subject
from webhook.codes import Code
from webhook.verdict import Mode

HERE = Release("tidewaiter", "tidewaiter")
POLICIES = {"production": "uid-of-production"}
DENIED = finding()
LATER = finding(mode=Mode.AUDIT)
EMPTY = Known({}, {})


def events_of(found: Scan, before: Known | None = EMPTY, reason: str = "PolicyViolated") -> list[dict[str, Any]]:
    return [each for each in told(found, before, POLICIES, HERE).events if each["reason"] == reason]


def test_a_workload_that_newly_violates_a_policy_has_an_event_that_names_both() -> None:
    (event,) = events_of(scan(audited(DENIED)))
    assert event["metadata"]["namespace"] == "prod"
    assert event["regarding"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "namespace": "prod",
        "name": "web",
        "uid": "uid-of-web",
    }
    assert event["related"] == {
        "apiVersion": "tidewaiter.dev/v1alpha1",
        "kind": "ClusterPodPolicy",
        "name": "production",
        "uid": "uid-of-production",
    }
    assert event["type"] == "Warning"
    assert event["note"] == (
        "its pods would be denied by policy production if created now: "
        "spec.containers[0].image: NOT_SIGNED: no cosign signature or bundle for this digest"
    )
    assert event["eventTime"] == "2026-01-02T03:05:06.000000Z"


def test_what_is_denied_only_once_a_policy_enforces_is_no_warning() -> None:
    (event,) = events_of(scan(audited(LATER)))
    assert event["type"] == "Normal"
    assert "would be denied by policy production once the policy enforces" in event["note"]


def test_the_worst_of_several_new_findings_is_told_and_the_others_are_counted() -> None:
    (event,) = events_of(scan(audited(finding(Code.LATEST_TAG, Mode.AUDIT), DENIED)))
    assert "NOT_SIGNED" in event["note"]
    assert event["note"].endswith("(and 1 more)")


def test_what_was_known_before_is_not_told_again() -> None:
    before = known(scan(audited(DENIED)))
    assert events_of(scan(audited(DENIED)), before) == []
    (event,) = events_of(scan(audited(DENIED, finding(Code.LATEST_TAG))), before)
    assert "LATEST_TAG" in event["note"]


def test_what_was_mended_and_comes_back_is_told_again() -> None:
    mended = known(scan(audited()), known(scan(audited(DENIED))))
    assert len(events_of(scan(audited(DENIED)), mended)) == 1


def test_the_first_scan_of_a_controller_calls_no_workload_new() -> None:
    assert events_of(scan(audited(DENIED)), None) == []


def test_neither_warnings_nor_what_could_not_be_found_out_violate_anything() -> None:
    assert events_of(scan(audited(finding(mode=Mode.WARN), finding(Code.REGISTRY_UNAVAILABLE)))) == []


def test_a_scan_with_a_fault_forgets_nothing() -> None:
    before = known(scan(audited(DENIED)))
    assert events_of(scan(audited(DENIED)), known(scan(fault="x"), before)) == []
    assert len(events_of(scan(audited(DENIED)), known(scan(), before))) == 1


def test_a_scan_with_a_fault_forgets_nothing_of_what_it_lists_either() -> None:
    before = known(scan(audited(DENIED)))
    assert events_of(scan(audited(DENIED)), known(scan(audited(), fault="x"), before)) == []


def test_who_names_an_owner_by_anothers_uid_makes_nothing_of_it_known() -> None:
    forged = audited(DENIED, subject=Subject("x.example/v1", "Fake", "elsewhere", "z", audited().subject.uid))
    assert len(events_of(scan(audited(DENIED)), known(scan(forged)))) == 1


def test_many_new_workloads_have_a_bounded_number_of_events_and_the_policy_counts_them_all() -> None:
    many = [audited(DENIED, name=f"web-{number}") for number in range(EVENTS + 30)]
    found = told(scan(*many), EMPTY, POLICIES, HERE)
    (on_policy,) = (each for each in found.events if each["reason"] == "PolicyAudited")
    assert len(found.events) == EVENTS + 1
    assert found.left_out == 30
    assert on_policy["note"].endswith(
        "; new: Deployment/prod/web-0, Deployment/prod/web-1, Deployment/prod/web-2, Deployment/prod/web-3, "
        "Deployment/prod/web-4 and 75 more"
    )


def test_workloads_that_are_denied_now_have_their_events_before_the_others() -> None:
    many = [*(audited(LATER, name=f"later-{number}") for number in range(EVENTS)), audited(DENIED)]
    assert events_of(scan(*many))[0]["regarding"]["name"] == "web"


def test_a_policy_has_an_event_when_its_counts_change() -> None:
    first = scan(audited(DENIED), audited(LATER, name="b"), audited(finding(Code.REGISTRY_UNAVAILABLE), name="c"))
    (event,) = events_of(first, None, "PolicyAudited")
    assert event["regarding"] == {
        "apiVersion": "tidewaiter.dev/v1alpha1",
        "kind": "ClusterPodPolicy",
        "name": "production",
        "uid": "uid-of-production",
    }
    assert event["metadata"]["namespace"] == "default"
    assert event["type"] == "Warning"
    assert event["note"] == (
        "of 3 workloads, 1 would be denied if created now, 1 once the policy enforces; 1 could not be checked"
    )
    assert events_of(first, known(first), "PolicyAudited") == []


def test_a_policy_of_a_file_has_no_event() -> None:
    assert told(scan(audited(DENIED)), None, {}, HERE).events == ()


def test_a_workload_counts_once_for_each_policy_by_the_worst() -> None:
    both = audited(DENIED, LATER, finding(policy="other", mode=Mode.AUDIT), policies=("production", "other", "quiet"))
    assert known(scan(both)).tallies == {
        "production": Tally(judged=1, denied=1),
        "other": Tally(judged=1, later=1),
        "quiet": Tally(judged=1),
    }


def test_the_same_event_of_the_same_hour_has_the_same_name() -> None:
    later = scan(audited(DENIED), ended=ENDED + timedelta(minutes=50))
    next_hour = scan(audited(DENIED), ended=ENDED + timedelta(minutes=60))
    names = [events_of(each)[0]["metadata"]["name"] for each in (scan(audited(DENIED)), later, next_hour)]
    assert names[0] == names[1] != names[2]


def test_a_repetition_changes_nothing_but_the_series() -> None:
    (event,) = events_of(scan(audited(DENIED)))
    twice = repeated(event, ENDED)
    assert twice == {**event, "series": {"count": 2, "lastObservedTime": "2026-01-02T03:05:06.000000Z"}}
    assert repeated(twice, ENDED)["series"]["count"] == 3


@given(st.text(max_size=1500))
@example("\U0001f600" * 400)
@example("a\r\n\x1b[31m\u202e\ud800")
def test_a_note_is_one_printable_line_within_the_limits_of_the_api(text: str) -> None:
    found = Audited(subject=subject(text), findings=(finding(path=text, message=text),), policies=("production",))
    for event in told(scan(found), EMPTY, POLICIES, HERE).events:
        assert event["note"].isascii()
        assert event["note"].isprintable()
        assert len(event["note"].encode()) <= 1024
        assert len(event["reason"]) <= 128
        assert len(event["reportingInstance"]) <= 128
