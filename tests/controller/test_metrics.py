"""What the controller's parts tell, as metrics."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from webhook.audit.results import Audited, Scan, Subject
from webhook.codes import Code
from webhook.controller.audit_metrics import MAX_POLICIES
from webhook.controller.certificates.settings import Observer as CertificateObserver
from webhook.controller.configurations.drift import Field
from webhook.controller.configurations.observer import Observer as ConfigurationObserver
from webhook.controller.metrics import Metrics
from webhook.controller.part_metrics import MAX_REASONS
from webhook.controller.policies import Observer as PolicyObserver
from webhook.controller.reporting import ReportingObserver
from webhook.verdict import Mode, Violation

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
HOOK = "ValidatingWebhookConfiguration/tidewaiter"
FIELDS = sorted(Field)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1")


def lines(metrics: Metrics, name: str) -> dict[str, float]:
    """The samples of a metric, by their labels."""
    found = (line.rpartition(" ") for line in metrics.text().decode().splitlines() if line.startswith(name))
    return {key.removeprefix(name): float(value) for key, _, value in found}


def finding(policy: str, mode: Mode) -> Violation:
    return Violation(code=Code.NOT_SIGNED, path="spec", message="m", policy=policy, mode=mode)


def workload(name: str, *findings: Violation, policies: tuple[str, ...] = ()) -> Audited:
    return Audited(subject=Subject("apps/v1", "Deployment", "shop", name, name), findings=findings, policies=policies)


def scan(*audited: Audited, **more: object) -> Scan:
    made = Scan(began=BEGAN, ended=BEGAN + timedelta(seconds=90), pods=7, audited=audited)
    return msgspec.structs.replace(made, **more)


def test_it_fills_the_observers_of_the_parts(metrics: Metrics) -> None:
    certificates: CertificateObserver = metrics.certificates
    configurations: ConfigurationObserver = metrics.configurations
    reporting: ReportingObserver = metrics.reporting
    policies: PolicyObserver = metrics
    told = (certificates.renewed, configurations.drifted, reporting.reports_written, policies.policies_seen)
    assert len(set(told)) == 4


def test_certificates_are_shown_by_kind_and_failures_by_reason(metrics: Metrics) -> None:
    metrics.certificates.certificate_expires("ca", 2e9)
    metrics.certificates.certificate_expires("serving", 1.9e9)
    metrics.certificates.renewed("serving")
    metrics.certificates.failed("status")
    metrics.certificates.broken_trust(HOOK)
    assert lines(metrics, "tidewaiter_certificate_expiry_timestamp_seconds") == {
        '{kind="ca"}': 2e9,
        '{kind="serving"}': 1.9e9,
    }
    assert lines(metrics, "tidewaiter_certificate_renewals_total") == {'{kind="serving"}': 1}
    assert lines(metrics, "tidewaiter_certificate_failures_total") == {'{reason="status"}': 1}
    assert lines(metrics, "tidewaiter_configuration_trust_broken_total") == {f'{{configuration="{HOOK}"}}': 1}


def test_a_field_is_counted_when_it_drifts_and_not_while_it_stays_so(metrics: Metrics) -> None:
    first, second = FIELDS[:2]
    for fields in ({first}, {first}, {first, second}, {second}):
        metrics.configurations.drifted(HOOK, fields)
    labels = {field: f'{{configuration="{HOOK}",field="{field}"}}' for field in (first, second)}
    assert lines(metrics, "tidewaiter_configuration_drift{") == {
        labels[first].removeprefix("{"): 0,
        labels[second].removeprefix("{"): 1,
    }
    assert lines(metrics, "tidewaiter_configuration_drifts_total") == {labels[first]: 1, labels[second]: 1}
    metrics.configurations.drifted(HOOK, set())
    metrics.configurations.drifted(HOOK, {second})
    assert lines(metrics, "tidewaiter_configuration_drifts_total")[labels[second]] == 2


def test_a_configuration_is_gone_until_it_is_back(metrics: Metrics) -> None:
    metrics.configurations.gone(HOOK, True)
    assert lines(metrics, "tidewaiter_configuration_gone") == {f'{{configuration="{HOOK}"}}': 1}
    metrics.configurations.gone(HOOK, False)
    metrics.configurations.mended(HOOK)
    metrics.configurations.failed("status")
    assert lines(metrics, "tidewaiter_configuration_gone") == {f'{{configuration="{HOOK}"}}': 0}
    assert lines(metrics, "tidewaiter_configuration_mended_total") == {f'{{configuration="{HOOK}"}}': 1}
    assert lines(metrics, "tidewaiter_configuration_failures_total") == {'{reason="status"}': 1}


def test_reports_and_events_are_counted(metrics: Metrics) -> None:
    metrics.reporting.reports_written(3)
    metrics.reporting.reports_dropped("size")
    metrics.reporting.events_dropped(2)
    assert lines(metrics, "tidewaiter_reports_written_total") == {"": 3}
    assert lines(metrics, "tidewaiter_reports_dropped_total") == {'{reason="size"}': 1}
    assert lines(metrics, "tidewaiter_events_dropped_total") == {"": 2}


def test_reasons_beyond_a_number_are_shown_as_others(metrics: Metrics) -> None:
    for number in range(MAX_REASONS + 5):
        metrics.reporting.reports_dropped(f"reason-{number}")
    metrics.reporting.reports_dropped("reason-0")
    shown = lines(metrics, "tidewaiter_reports_dropped_total")
    assert len(shown) == MAX_REASONS + 1
    assert shown['{reason="other"}'] == 5
    assert shown['{reason="reason-0"}'] == 2


def test_whether_the_replica_works_is_shown(metrics: Metrics) -> None:
    assert lines(metrics, "tidewaiter_leader") == {"": 0}
    metrics.leads(leading=True)
    assert lines(metrics, "tidewaiter_leader") == {"": 1}


def test_resources_status_and_log_are_counted(metrics: Metrics) -> None:
    metrics.policies_seen(5, 2)
    metrics.status_written("failure")
    metrics.log_lines_dropped(4)
    assert lines(metrics, "tidewaiter_controller_resources") == {'{state="usable"}': 3, '{state="unusable"}': 2}
    writes = lines(metrics, "tidewaiter_controller_status_writes_total")
    assert writes == {'{result="success"}': 0, '{result="failure"}': 1}
    assert lines(metrics, "tidewaiter_log_lines_dropped_total") == {"": 4}


def test_a_scan_counts_workloads_by_policy_and_each_once(metrics: Metrics) -> None:
    deny, audit = finding("signed", Mode.ENFORCE), finding("small", Mode.AUDIT)
    metrics.scanned(
        scan(
            workload("a", deny, deny, audit, policies=("signed", "small")),
            workload("b", audit, policies=("signed", "small")),
            workload("c", policies=("signed",)),
        )
    )
    assert lines(metrics, "tidewaiter_audit_pods") == {"": 7}
    assert lines(metrics, "tidewaiter_audit_workloads") == {"": 3}
    assert lines(metrics, "tidewaiter_audit_scan_seconds") == {"": 90}
    assert lines(metrics, "tidewaiter_audit_scan_timestamp_seconds") == {"": BEGAN.timestamp() + 90}
    assert lines(metrics, "tidewaiter_audit_denied") == {'{policy="signed"}': 1, '{policy="small"}': 0}
    assert lines(metrics, "tidewaiter_audit_findings") == {
        '{mode="Enforce",policy="signed"}': 1,
        '{mode="Audit",policy="small"}': 2,
    }


def test_a_policy_that_is_gone_is_shown_no_more(metrics: Metrics) -> None:
    metrics.scanned(scan(workload("a", finding("old", Mode.ENFORCE))))
    metrics.scanned(scan(workload("a", policies=("new",))))
    assert lines(metrics, "tidewaiter_audit_denied") == {'{policy="new"}': 0}
    assert lines(metrics, "tidewaiter_audit_findings") == {}


def test_a_scan_with_a_fault_is_counted_and_changes_nothing_else(metrics: Metrics) -> None:
    metrics.scanned(scan(workload("a", finding("p", Mode.ENFORCE))))
    metrics.scanned(scan(pods=1, fault="pods could not be listed"))
    assert lines(metrics, "tidewaiter_audit_denied") == {'{policy="p"}': 1}
    assert lines(metrics, "tidewaiter_audit_pods") == {"": 7}
    assert lines(metrics, "tidewaiter_audit_scans_total") == {'{result="success"}': 1, '{result="failure"}': 1}


def test_policies_beyond_a_number_are_shown_together(metrics: Metrics) -> None:
    names = [f"policy-{number:03}" for number in range(MAX_POLICIES + 3)]
    metrics.scanned(scan(*(workload(name, finding(name, Mode.ENFORCE)) for name in names)))
    shown = lines(metrics, "tidewaiter_audit_denied")
    assert len(shown) == MAX_POLICIES + 1
    assert shown['{policy="other"}'] == 3
