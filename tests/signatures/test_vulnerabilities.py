"""What vulnerability reports say, in each format, and what a rule accepts of it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signatures.attested import (
    IN_TOTO_VULNS,
    NOW,
    OPENSSL,
    VULN,
    grype,
    grype_match,
    scan,
    trivy,
    trivy_vulnerability,
)
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.reports import scanners, vulnerabilities
from webhook.signatures.reports.scanners import MAX_FINDINGS
from webhook.signatures.reports.vulnerabilities import Allowance, Finding, Severity, VulnerabilityRule

MEDIUM = VulnerabilityRule(Severity.MEDIUM)
UNREADABLE = "the vulnerability report cannot be read: "


def found(result: object, predicate_type: str = VULN) -> tuple[Finding, ...]:
    return scanners.read(predicate_type, scan(result))


def unreadable(predicate: object, predicate_type: str = VULN) -> str:
    with pytest.raises(RefusedError) as caught:
        scanners.read(predicate_type, predicate)  # type: ignore[arg-type]  # any document
    assert caught.value.fault is Fault.VULNERABLE
    assert caught.value.reason.startswith(UNREADABLE)
    return caught.value.reason.removeprefix(UNREADABLE)


def until(rule: VulnerabilityRule, *findings: Finding) -> datetime | None:
    return vulnerabilities.accepted_until(rule, findings, lambda _: False, NOW)


def refusal(rule: VulnerabilityRule, *findings: Finding) -> str:
    with pytest.raises(RefusedError) as caught:
        until(rule, *findings)
    assert caught.value.fault is Fault.VULNERABLE
    return caught.value.reason


def test_a_trivy_report_is_read() -> None:
    (finding,) = found(trivy(trivy_vulnerability()))
    assert finding == Finding(
        id="CVE-2026-1",
        severity=Severity.HIGH,
        stated=True,
        package="openssl",
        version="3.0.1-1",
        fixed="3.0.2-1",
        purl=OPENSSL,
    )


def test_a_clean_trivy_report_has_results_without_vulnerabilities() -> None:
    assert found(trivy()) == ()


@pytest.mark.parametrize(
    ("members", "fixed"),
    [
        ({"FixedVersion": None, "Status": "affected"}, ""),
        ({"FixedVersion": None, "Status": "will_not_fix"}, ""),
        ({"FixedVersion": None, "Status": None}, ""),
        ({"FixedVersion": "", "Status": "affected"}, ""),
        ({"FixedVersion": None, "Status": "fixed"}, None),
        ({"FixedVersion": "", "Status": "fixed"}, None),
        ({"FixedVersion": None, "Status": "Fixed"}, None),
        ({"FixedVersion": "", "Status": " FIXED "}, None),
        ({"FixedVersion": "", "Status": 3}, None),
        ({"FixedVersion": 3}, None),
    ],
)
def test_trivy_says_what_has_no_fixed_version(members: dict[str, Any], fixed: str | None) -> None:
    (finding,) = found(trivy(trivy_vulnerability(**members)))
    assert finding.fixed == fixed


def test_older_trivy_reports_have_no_package_urls() -> None:
    (finding,) = found(trivy(trivy_vulnerability(PkgIdentifier=None, PkgName=None, InstalledVersion=7)))
    assert (finding.purl, finding.package, finding.version) == ("", "", "")


def test_a_trivy_report_with_vulnerabilities_needs_no_classes() -> None:
    report = trivy(trivy_vulnerability())
    for result in report["Results"]:
        del result["Class"]
    assert len(found(report)) == 1


TRIVY_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "another schema": ({"SchemaVersion": 3}, 'a Trivy report of SchemaVersion "3", where 2 is read'),
    "no schema": ({"SchemaVersion": None}, "scanner.result is in no format that is read here (Trivy, Grype, in-toto)"),
    "no results": ({"Results": None}, "the Trivy report has no Results of packages: nothing was scanned for"),
    "empty results": ({"Results": []}, "the Trivy report has no Results of packages: nothing was scanned for"),
    "secrets alone": (
        {"Results": [{"Target": "/key.pem", "Class": "secret", "Secrets": []}]},
        "the Trivy report has no Results of packages",
    ),
    "results in another spelling": ({"results": []}, "the member Results in another spelling"),
    "results that are none": ({"Results": {}}, "Results is an object, not an array"),
    "a result that is none": ({"Results": ["os-pkgs"]}, "one of Results is not an object"),
    "vulnerabilities in another spelling": (
        {"Results": [{"Class": "os-pkgs", "vulnerabilities": []}]},
        "the member Vulnerabilities in another spelling",
    ),
    "vulnerabilities that are none": (
        {"Results": [{"Class": "os-pkgs", "Vulnerabilities": "none"}]},
        "Vulnerabilities is a string, not an array",
    ),
    "a vulnerability that is none": (
        {"Results": [{"Class": "os-pkgs", "Vulnerabilities": ["CVE-2026-1"]}]},
        "one of Vulnerabilities is not an object",
    ),
    "a vulnerability without a name": (
        {"Results": [{"Class": "os-pkgs", "Vulnerabilities": [{"Severity": "LOW"}]}]},
        "a finding has no VulnerabilityID",
    ),
    "a fix in another spelling": (
        {"Results": [{"Class": "os-pkgs", "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "fixedVersion": "2"}]}]},
        "the member FixedVersion in another spelling",
    ),
    "a status in another spelling": (
        {"Results": [{"Class": "os-pkgs", "Vulnerabilities": [{"VulnerabilityID": "CVE-1", "status": "fixed"}]}]},
        "the member Status in another spelling",
    ),
    "two formats at once": ({"matches": []}, "scanner.result is in no format that is read here"),
}


@pytest.mark.parametrize(("change", "reason"), TRIVY_FAULTS.values(), ids=TRIVY_FAULTS)
def test_a_trivy_report_with_a_fault_is_never_clean(change: dict[str, Any], reason: str) -> None:
    assert unreadable(scan(trivy() | change)).startswith(reason)


def test_a_grype_report_is_read() -> None:
    (finding,) = found(grype(grype_match()))
    assert finding == Finding(
        id="GHSA-aaaa-bbbb-cccc",
        severity=Severity.HIGH,
        stated=True,
        package="golang.org/x/net",
        version="v0.16.0",
        fixed="0.17.0",
        aliases=("CVE-2026-2",),
        purl="pkg:golang/golang.org/x/net@v0.16.0",
    )


def test_a_clean_grype_report_has_empty_matches() -> None:
    assert found(grype()) == ()


@pytest.mark.parametrize(
    ("fix", "fixed"),
    [
        ({"versions": ["1.1.1x", "3.0.2"], "state": "fixed"}, "1.1.1x, 3.0.2"),
        ({"versions": [], "state": "not-fixed"}, ""),
        ({"versions": [], "state": "wont-fix"}, ""),
        ({"versions": [], "state": "unknown"}, ""),
        ({"versions": [], "state": "fixed"}, None),
        ({"versions": [], "state": "Fixed"}, None),
        ({"versions": None, "state": ""}, None),
        ({"versions": [1], "state": "not-fixed"}, None),
        ({"state": "not-fixed"}, None),
        ([], None),
        (None, None),
    ],
)
def test_grype_says_what_has_no_fixed_version(fix: object, fixed: str | None) -> None:
    match = grype_match()
    match["vulnerability"]["fix"] = fix
    (finding,) = found(grype(match))
    assert finding.fixed == fixed


GRYPE_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no matches": ({"matches": None}, "scanner.result is in no format that is read here"),
    "matches that are none": ({"matches": 0}, "matches is a number, not an array"),
    "matches of somebody else": ({"descriptor": {"name": "other"}}, "scanner.result has matches like a Grype report"),
    "no descriptor": ({"descriptor": None}, "scanner.result has matches like a Grype report"),
    "a match that is none": ({"matches": [None]}, "one of matches is not an object"),
    "a match of nothing": ({"matches": [{}]}, "vulnerability is absent or null, not an object"),
    "a match without a name": ({"matches": [{"vulnerability": {"severity": "Low"}}]}, "a finding has no id"),
    "related ones that are none": (
        {"matches": [grype_match(relatedVulnerabilities="CVE-2026-2")]},
        "relatedVulnerabilities is a string, not an array",
    ),
    "a related one that is none": (
        {"matches": [grype_match(relatedVulnerabilities=["CVE-2026-2"])]},
        "one of relatedVulnerabilities is not an object",
    ),
    "an artifact that is none": ({"matches": [grype_match(artifact="openssl")]}, "artifact is a string, not an object"),
}


@pytest.mark.parametrize(("change", "reason"), GRYPE_FAULTS.values(), ids=GRYPE_FAULTS)
def test_a_grype_report_with_a_fault_is_never_clean(change: dict[str, Any], reason: str) -> None:
    assert unreadable(scan(grype() | change)).startswith(reason)


def test_an_in_toto_report_is_read_as_both_of_its_versions_write_it() -> None:
    severity = [{"method": "nvd", "score": "medium"}, {"method": "cvss_score", "score": "5.2"}]
    first = {"vulnerability": {"id": "CVE-2026-1", "severity": severity}}
    second = {"id": "CVE-2026-2", "severity": severity}
    assert found([first, second], IN_TOTO_VULNS) == (
        Finding("CVE-2026-1", Severity.MEDIUM),
        Finding("CVE-2026-2", Severity.MEDIUM),
    )


def test_a_clean_in_toto_report_has_an_empty_result() -> None:
    assert found([], IN_TOTO_VULNS) == ()


def test_an_empty_list_is_clean_in_the_format_that_says_so_alone() -> None:
    assert unreadable(scan([])) == "scanner.result is not an object"


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        ([{"method": "cvss_score", "score": "9.0"}], Severity.CRITICAL),
        ([{"method": "CVSSv3", "score": "10.0"}], Severity.CRITICAL),
        ([{"method": "cvss", "score": 8.9}], Severity.HIGH),
        ([{"method": "nvd", "score": "7"}], Severity.HIGH),
        ([{"method": "nvd", "score": 6}], Severity.MEDIUM),
        ([{"method": "cvss", "score": "4.0"}], Severity.MEDIUM),
        ([{"method": "cvss", "score": "3.9"}], Severity.LOW),
        ([{"method": "cvss", "score": "0.1"}], Severity.LOW),
        ([{"method": "vendor", "score": "Negligible"}], Severity.NEGLIGIBLE),
        ({"method": "vendor", "score": "low"}, Severity.LOW),
        ([{"method": "vendor", "score": "low"}, {"method": "cvss", "score": "8.1"}], Severity.HIGH),
        ([{"method": "vendor", "score": "unknown"}, {"method": "cvss", "score": "8.1"}], Severity.HIGH),
        ([{"method": "epss", "score": "0.9"}, {"method": "vendor", "score": "low"}], Severity.LOW),
    ],
)
def test_severities_come_from_words_and_from_cvss_scores(severity: object, expected: Severity) -> None:
    assert found([{"id": "CVE-2026-1", "severity": severity}], IN_TOTO_VULNS) == (Finding("CVE-2026-1", expected),)


@pytest.mark.parametrize(
    "severity",
    [
        None,
        [],
        "low",
        [{}],
        ["low"],
        [{"method": "epss", "score": "0.9"}],
        [{"method": 3, "score": "3.0"}],
        [{"method": "cvss", "score": "0.0"}],
        [{"method": "cvss", "score": "11"}],
        [{"method": "cvss", "score": "-1"}],
        [{"method": "cvss", "score": "3.0 "}],
        [{"method": "cvss", "score": "\u0663.0"}],
        [{"method": "cvss", "score": "CVSS:3.1/AV:N"}],
        [{"method": "cvss", "score": True}],
        [{"method": "cvss"}],
    ],
)
def test_a_severity_that_nobody_states_is_critical(severity: object) -> None:
    (finding,) = found([{"id": "CVE-2026-1", "severity": severity}], IN_TOTO_VULNS)
    assert finding == Finding("CVE-2026-1", Severity.CRITICAL, stated=False)


@pytest.mark.parametrize("severity", [None, "", "UNKNOWN", "unknown", "Serious", "LOW ", 1, ["LOW"]])
def test_an_odd_severity_of_a_scanner_is_critical(severity: Any) -> None:
    (of_trivy,) = found(trivy(trivy_vulnerability(severity=severity)))
    (of_grype,) = found(grype(grype_match(severity=severity)))
    assert {of_trivy.severity, of_grype.severity} == {Severity.CRITICAL}
    assert not of_trivy.stated
    assert not of_grype.stated


@pytest.mark.parametrize(
    ("predicate", "reason"),
    [
        (None, "the predicate is not an object"),
        ([], "the predicate is not an object"),
        ({}, "scanner is absent or null, not an object"),
        ({"scanner": []}, "scanner is an array, not an object"),
        ({"Scanner": {}}, "the member scanner in another spelling"),
        (scan(None), "scanner.result is not an object"),
        (scan("clean"), "scanner.result is not an object"),
        (scan({}), "scanner.result is in no format that is read here (Trivy, Grype, in-toto)"),
        (scan({"version": "2.1.0", "runs": []}), "scanner.result is in no format that is read here"),
        (grype(), "scanner is absent or null, not an object"),
    ],
)
def test_what_is_no_report_is_never_a_clean_one(predicate: object, reason: str) -> None:
    assert unreadable(predicate).startswith(reason)
    assert unreadable(predicate, IN_TOTO_VULNS).startswith(reason)


@pytest.mark.parametrize("item", [{}, {"id": ""}, {"id": 1}, {"vulnerability": []}, None, "CVE-2026-1"])
def test_an_item_of_an_in_toto_report_that_cannot_be_read_refuses_all_of_it(item: object) -> None:
    unreadable(scan([{"id": "CVE-2026-1", "severity": []}, item]), IN_TOTO_VULNS)


def test_findings_have_a_ceiling() -> None:
    item = {"VulnerabilityID": "CVE-2026-1", "Severity": "LOW"}
    half = {"Class": "os-pkgs", "Vulnerabilities": [item] * (MAX_FINDINGS // 2 + 1)}
    assert unreadable(scan({"SchemaVersion": 2, "Results": [half, half]})) == f"more than {MAX_FINDINGS} findings"
    assert "more than" in unreadable(scan(grype() | {"matches": [None] * (MAX_FINDINGS + 1)}))
    assert "more than" in unreadable(scan([{}] * (MAX_FINDINGS + 1)), IN_TOTO_VULNS)


def test_as_many_findings_as_are_read_can_be_judged() -> None:
    report = scan(trivy(*[trivy_vulnerability()] * MAX_FINDINGS))
    findings = scanners.read(VULN, report)
    with pytest.raises(RefusedError):
        vulnerabilities.accepted_until(MEDIUM, findings, lambda _: False, NOW)
    assert len(findings) == MAX_FINDINGS


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    ["SchemaVersion", "Results", "Vulnerabilities", "VulnerabilityID", "Severity", "matches", "vulnerability", "id"]
) | st.sampled_from(
    ["severity", "fix", "versions", "descriptor", "name", "grype", "Class", "scanner", "result", "method", "score"]
)
NEAR = st.recursive(
    st.none() | st.booleans() | st.sampled_from([2, "2", "os-pkgs", "grype", "cvss", "7.1", "LOW"]) | JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=24,
)


@given(NEAR, st.sampled_from([VULN, IN_TOTO_VULNS, "other"]))
def test_no_document_gets_out_of_the_reader_but_as_a_refusal(document: Any, predicate_type: str) -> None:
    for predicate in (document, scan(document), {"scanner": document}):
        try:
            findings = scanners.read(predicate_type, predicate)
            refused = None
        except RefusedError as error:
            findings, refused = (), error
        assert all(finding.id for finding in findings)
        assert refused is None or refused.fault is Fault.VULNERABLE
        assert refused is None or (refused.reason.isascii() and refused.reason.isprintable())


def test_what_is_not_above_the_limit_is_accepted() -> None:
    assert until(MEDIUM) is None
    assert (
        until(MEDIUM, *(Finding("CVE-1", one) for one in (Severity.NEGLIGIBLE, Severity.LOW, Severity.MEDIUM))) is None
    )
    assert until(VulnerabilityRule(Severity.CRITICAL), Finding("CVE-1", Severity.CRITICAL, stated=False)) is None


@pytest.mark.parametrize("severity", list(Severity))
def test_each_severity_is_refused_below_the_limit_that_accepts_it(severity: Severity) -> None:
    order = list(Severity)
    for limit in order:
        accepted = order.index(severity) <= order.index(limit)
        if accepted:
            assert until(VulnerabilityRule(limit), Finding("CVE-1", severity)) is None
        else:
            assert "CVE-1" in refusal(VulnerabilityRule(limit), Finding("CVE-1", severity))


def test_what_has_no_fixed_version_is_accepted_where_the_rule_says_so() -> None:
    unfixed = Finding("CVE-1", Severity.CRITICAL, fixed="")
    assert "CVE-1" in refusal(MEDIUM, unfixed)
    assert until(VulnerabilityRule(Severity.MEDIUM, ignore_unfixed=True), unfixed) is None


@pytest.mark.parametrize("fixed", ["1.2", None])
def test_what_has_one_or_may_have_one_is_not(fixed: str | None) -> None:
    finding = Finding("CVE-1", Severity.CRITICAL, fixed=fixed)
    assert "CVE-1" in refusal(VulnerabilityRule(Severity.MEDIUM, ignore_unfixed=True), finding)


SOON = datetime(2026, 2, 1, tzinfo=UTC)
LATER = datetime(2026, 3, 1, tzinfo=UTC)


def allowing(*allowances: tuple[str, datetime]) -> VulnerabilityRule:
    return VulnerabilityRule(Severity.MEDIUM, allow=tuple(Allowance(name, end) for name, end in allowances))


def test_what_is_allowed_is_accepted_until_the_first_allowance_that_is_needed_ends() -> None:
    rule = allowing(("CVE-1", LATER), ("CVE-2", SOON), ("CVE-3", NOW.replace(day=11)))
    findings = [Finding("CVE-1", Severity.HIGH), Finding("CVE-2", Severity.CRITICAL), Finding("CVE-3", Severity.LOW)]
    assert until(rule, *findings) == SOON
    assert until(rule, findings[0]) == LATER


def test_an_allowance_ends() -> None:
    assert "CVE-1" in refusal(allowing(("CVE-1", NOW)), Finding("CVE-1", Severity.HIGH))


@pytest.mark.parametrize("first_is_later", [False, True])
def test_of_several_allowances_of_one_vulnerability_the_last_to_end_counts(first_is_later: bool) -> None:
    ends = (LATER, SOON) if first_is_later else (SOON, LATER)
    assert until(allowing(*(("CVE-1", end) for end in ends)), Finding("CVE-1", Severity.HIGH)) == LATER


def test_an_advisory_is_allowed_by_its_own_name_or_by_all_that_it_stands_for() -> None:
    advisory = Finding("ELSA-2026-7", Severity.HIGH, aliases=("CVE-1", "CVE-2"))
    assert until(allowing(("ELSA-2026-7", LATER)), advisory) == LATER
    assert until(allowing(("CVE-1", LATER), ("CVE-2", SOON)), advisory) == SOON
    assert "ELSA-2026-7" in refusal(allowing(("CVE-1", LATER)), advisory)


def test_what_does_not_concern_the_image_needs_no_allowance() -> None:
    rule = allowing(("CVE-1", SOON))
    assert vulnerabilities.accepted_until(rule, [Finding("CVE-1", Severity.HIGH)], lambda _: True, NOW) is None


def test_a_refusal_names_the_worst_findings_first() -> None:
    findings = [
        Finding("CVE-2026-3", Severity.HIGH, package="zlib", version="1.3"),
        Finding("CVE-2026-2", Severity.CRITICAL, stated=False, package="curl", version="8.0", fixed=""),
        Finding("CVE-2026-1", Severity.CRITICAL, package="openssl", version="3.0.1", fixed="3.0.2"),
    ]
    assert refusal(MEDIUM, *findings) == (
        "3 vulnerabilities above medium: CVE-2026-1 (critical, openssl 3.0.1, fixed in 3.0.2),"
        " CVE-2026-2 (severity unknown, curl 8.0), CVE-2026-3 (high, zlib 1.3)"
    )


def test_a_refusal_of_one_says_so() -> None:
    assert refusal(MEDIUM, Finding("CVE-1", Severity.HIGH)) == "1 vulnerability above medium: CVE-1 (high)"


def test_a_refusal_of_many_says_how_many_more_there_are() -> None:
    findings = [Finding(f"CVE-2026-{n}", Severity.HIGH, package="libsomething", version="1.2.3") for n in range(1000)]
    reason = refusal(MEDIUM, *findings)
    assert reason.startswith("1000 vulnerabilities above medium: CVE-2026-0 (high, libsomething 1.2.3), CVE-2026-1 (")
    assert reason.endswith(") and 997 more")
    assert len(reason) <= vulnerabilities.MAX_REASON


def test_short_names_do_not_make_a_list_without_end() -> None:
    reason = refusal(MEDIUM, *(Finding(f"A{n}", Severity.HIGH) for n in range(9)))
    assert reason.endswith("A4 (high) and 4 more")


@given(st.text(min_size=1, max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_a_refusal_is_a_short_line_of_printable_ascii(name: str, package: str, fixed: str) -> None:
    finding = Finding(name, Severity.HIGH, package=package, version=package, fixed=fixed)
    reason = refusal(MEDIUM, finding, finding)
    assert reason.isascii()
    assert reason.isprintable()
    assert len(reason) <= 260
