import platform

import msgspec
import pytest

from tests.server.serving import RECORD, Pki, serving
from tests.server.wire import connected, post
from webhook.codes import Code
from webhook.server.metrics import Metrics
from webhook.verdict import Mode, Violation

REQUESTS = "tidewaiter_admission_requests_total"


def lines(metrics: Metrics) -> list[str]:
    return metrics.text().decode().splitlines()


def test_a_decision_is_counted_by_what_it_was_about() -> None:
    metrics = Metrics("1")
    for record in (RECORD, RECORD, msgspec.structs.replace(RECORD, dry_run=True)):
        metrics.decided(record, 0.003)
    labels = 'decision="allow",dry_run="false",mode="policy",operation="CREATE",resource_kind="Pod"'
    assert f"{REQUESTS}{{{labels}}} 2.0" in lines(metrics)
    assert f"{REQUESTS}{{{labels.replace('false', 'true')}}} 1.0" in lines(metrics)


def test_the_time_of_a_decision_falls_into_a_bucket() -> None:
    metrics = Metrics("1")
    metrics.decided(RECORD, 0.003)
    text = lines(metrics)
    assert 'tidewaiter_admission_duration_seconds_bucket{decision="allow",le="0.0025"} 0.0' in text
    assert 'tidewaiter_admission_duration_seconds_bucket{decision="allow",le="0.005"} 1.0' in text
    assert 'tidewaiter_admission_duration_seconds_count{decision="allow"} 1.0' in text


def test_findings_are_counted_by_policy_code_and_mode() -> None:
    metrics = Metrics("1")
    found = Violation(code=Code.NOT_SIGNED, path="spec", message="m", policy="production", mode=Mode.WARN)
    metrics.decided(msgspec.structs.replace(RECORD, violations=(found, found)), 0.1)
    assert 'tidewaiter_violations_total{code="NOT_SIGNED",mode="Warn",policy="production"} 2.0' in lines(metrics)


def test_exempt_findings_are_counted_by_policy_and_code_and_are_no_violations() -> None:
    metrics = Metrics("1")
    found = Violation(code=Code.NOT_SIGNED, path="spec", message="m", policy="production", exemption="OPS-17")
    metrics.decided(msgspec.structs.replace(RECORD, exempted=(found, found)), 0.1)
    assert 'tidewaiter_exempted_findings_total{code="NOT_SIGNED",policy="production"} 2.0' in lines(metrics)
    assert not any(line.startswith("tidewaiter_violations_total{") for line in lines(metrics))


@pytest.mark.parametrize("field", ["operation", "kind", "decision", "mode"])
def test_what_a_request_makes_up_becomes_no_label(field: str) -> None:
    metrics = Metrics("1")
    for number in range(100):
        metrics.decided(msgspec.structs.replace(RECORD, **{field: f"made-up-{number}"}), 0.1)
    text = "\n".join(lines(metrics))
    label = "resource_kind" if field == "kind" else field
    assert "made-up" not in text
    assert f'{label}="other"' in text
    assert text.count(f"{REQUESTS}{{") == 1


def test_names_of_objects_users_and_images_are_not_in_the_metrics() -> None:
    metrics = Metrics("1")
    metrics.decided(msgspec.structs.replace(RECORD, user="u5er", name="n4me", namespace="n4mespace"), 0.1)
    assert not any(word in metrics.text() for word in (b"u5er", b"n4me", b"n4mespace"))


def test_loading_policies_sets_their_number_in_each_mode() -> None:
    metrics = Metrics("1")
    metrics.policies_loaded({Mode.ENFORCE: 2, Mode.AUDIT: 1}, 1700000000.0)
    text = lines(metrics)
    assert 'tidewaiter_policies{mode="Enforce",ready="true"} 2.0' in text
    assert 'tidewaiter_policies{mode="Warn",ready="true"} 0.0' in text
    assert 'tidewaiter_policies{mode="Audit",ready="true"} 1.0' in text
    assert 'tidewaiter_policy_reload_total{result="success"} 1.0' in text
    assert "tidewaiter_policies_last_reload_successful 1.0" in text
    assert "tidewaiter_policies_last_reload_success_timestamp_seconds 1.7e+09" in text


def test_policies_with_a_fault_are_counted_apart() -> None:
    metrics = Metrics("1")
    metrics.policies_loaded({Mode.ENFORCE: 3}, 1700000000.0, {Mode.ENFORCE: 1})
    text = lines(metrics)
    assert 'tidewaiter_policies{mode="Enforce",ready="true"} 2.0' in text
    assert 'tidewaiter_policies{mode="Enforce",ready="false"} 1.0' in text
    assert 'tidewaiter_policies{mode="Warn",ready="false"} 0.0' in text


def test_the_age_of_what_is_known_of_policies_is_that_of_the_moment() -> None:
    metrics, ages = Metrics("1"), [1.0, 2.0]
    metrics.policies_watched(lambda: ages[0])
    assert "tidewaiter_policies_sync_age_seconds 1.0" in lines(metrics)
    del ages[0]
    assert "tidewaiter_policies_sync_age_seconds 2.0" in lines(metrics)


def test_policies_that_cannot_be_used_leave_the_number_as_it_was() -> None:
    metrics = Metrics("1")
    metrics.policies_loaded({Mode.ENFORCE: 2}, 1700000000.0)
    metrics.policies_failed()
    text = lines(metrics)
    assert 'tidewaiter_policies{mode="Enforce",ready="true"} 2.0' in text
    assert 'tidewaiter_policy_reload_total{result="failure"} 1.0' in text
    assert "tidewaiter_policies_last_reload_successful 0.0" in text


def test_lost_log_lines_are_counted() -> None:
    metrics = Metrics("1")
    metrics.log_lines_dropped(3)
    assert "tidewaiter_log_lines_dropped_total 3.0" in lines(metrics)


def test_the_process_is_measured_too() -> None:
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines(Metrics("1")))


def test_reviews_that_policies_would_deny_once_they_enforce_are_counted() -> None:
    metrics = Metrics("1")
    metrics.decided(RECORD, 0.1)
    metrics.decided(msgspec.structs.replace(RECORD, would_deny=True), 0.1)
    assert "tidewaiter_admission_would_deny_total 1.0" in lines(metrics)


def test_the_version_is_shown_with_python_s() -> None:
    build = f'tidewaiter_build_info{{python="{platform.python_version()}",version="1.2"}} 1.0'
    assert build in lines(Metrics("1.2"))


def test_two_servers_in_one_process_do_not_share_numbers() -> None:
    first, second = Metrics("1"), Metrics("2")
    first.decided(RECORD, 0.1)
    assert f"{REQUESTS}{{" in first.text().decode()
    assert f"{REQUESTS}{{" not in second.text().decode()


async def test_a_review_over_https_is_counted_and_timed(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        for _ in range(3):
            await wire.ask(post())
        assert running.counted('tidewaiter_admission_duration_seconds_count{decision="allow"}') == 3
