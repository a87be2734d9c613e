"""What a rule makes of attestations that were vouched for: which ones decide, and what they must say."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from tests.signatures.attested import (
    CI,
    IMAGE,
    IN_TOTO_VULNS,
    NOW,
    OPENVEX,
    RELEASE,
    VULN,
    at,
    not_affected,
    openvex,
    scan,
    trivy,
    trivy_vulnerability,
    unsaid,
    vouch,
)
from tests.signatures.forge import required
from webhook.signatures.attestations import (
    PREDICATE_TYPES,
    AttestationRule,
    Judged,
    Vouch,
    deciding,
    judge,
    predicate_types,
)
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.reports import report_times
from webhook.signatures.reports.vulnerabilities import Allowance, Severity, VulnerabilityRule
from webhook.signatures.strict_json import JsonValue

RULE = AttestationRule("vuln", PREDICATE_TYPES["vuln"], required(CI, RELEASE))
CLEAN = replace(RULE, vulnerabilities=VulnerabilityRule(Severity.MEDIUM))
WEEK = replace(RULE, max_age=timedelta(hours=168))
BAD = scan(trivy(trivy_vulnerability()))
GOOD = scan(trivy())


def judged(rule: AttestationRule, *vouches: Vouch, vex: tuple[Vouch, ...] = ()) -> tuple[Judged, ...]:
    result = judge(rule, vouches, IMAGE, NOW, vex)
    assert all(one.vouch is vouch for one, vouch in zip(result, vouches, strict=True))
    return result


def faults(rule: AttestationRule, *vouches: Vouch) -> list[Fault | None]:
    return [None if one.refused is None else one.refused.fault for one in judged(rule, *vouches)]


def refusal(rule: AttestationRule, one: Vouch, vex: tuple[Vouch, ...] = ()) -> RefusedError:
    (result,) = judged(rule, one, vex=vex)
    assert result.refused is not None
    assert result.refused.reason.isascii()
    assert result.until is None
    return result.refused


def test_nothing_is_judged_where_nothing_is_vouched_for() -> None:
    assert judged(RULE) == ()
    assert deciding(()) == ()


def test_without_further_wishes_an_attestation_counts_for_ever() -> None:
    one = vouch(GOOD)
    assert judged(RULE, one) == (Judged(one),)


def test_of_one_authority_the_newest_decides_in_whichever_order_they_were_found() -> None:
    old, new, newest = vouch(GOOD, signed_at=at(1)), vouch(GOOD, signed_at=at(2)), vouch(BAD, signed_at=at(3))
    expected = {id(old): Fault.SUPERSEDED, id(new): Fault.SUPERSEDED, id(newest): Fault.VULNERABLE}
    for order in permutations((old, new, newest)):
        assert faults(CLEAN, *order) == [expected[id(one)] for one in order]
    (reason, *_) = judged(CLEAN, old, newest)
    assert reason.refused is not None
    assert reason.refused.reason == "a newer one by ci of 2026-01-03T12:00:00Z decides"


def test_a_newer_clean_report_makes_up_for_an_older_bad_one() -> None:
    assert faults(CLEAN, vouch(BAD, signed_at=at(1)), vouch(GOOD, signed_at=at(2))) == [Fault.SUPERSEDED, None]


def test_authorities_decide_each_for_itself() -> None:
    bad, good = vouch(BAD, by=CI, signed_at=at(3)), vouch(GOOD, by=RELEASE, signed_at=at(2))
    assert faults(CLEAN, bad, good) == [Fault.VULNERABLE, None]


def test_identities_of_one_authority_do_not_outvote_each_other() -> None:
    """Else the clean report of an older workflow would count beside the newer one of the current workflow."""
    old = replace(vouch(GOOD, signed_at=at(1)), voice="issuer workflow@v1")
    new = replace(vouch(BAD, signed_at=at(2)), voice="issuer workflow@v2")
    assert faults(CLEAN, old, new) == [Fault.SUPERSEDED, Fault.VULNERABLE]


def test_a_report_is_no_younger_than_the_proof_of_its_signature() -> None:
    ahead = vouch(scan(trivy(), finished="2026-01-09T00:00:00Z"), signed_at=at(1))
    bad = vouch(scan(trivy(trivy_vulnerability()), finished="2026-01-02T00:00:00Z"), signed_at=at(2))
    assert faults(CLEAN, ahead, bad) == [Fault.SUPERSEDED, Fault.VULNERABLE]


def test_a_report_that_is_stamped_or_logged_anew_is_no_younger_for_it() -> None:
    """Who can write to a registry can take an old signature to a log or a timestamp authority again."""
    old = vouch(scan(trivy(), finished="2026-01-01T00:00:00Z"), signed_at=at(10))
    new = vouch(scan(trivy(trivy_vulnerability()), finished="2026-01-08T00:00:00Z"), signed_at=at(8))
    assert faults(CLEAN, old, new) == [Fault.SUPERSEDED, Fault.VULNERABLE]
    refused = refusal(WEEK, old)
    assert refused.fault is Fault.TOO_OLD
    assert refused.reason == "made, by its own account, at 2026-01-01T00:00:00Z, 228h ago; accepted for 168h"
    (result,) = judged(WEEK, vouch(scan(trivy(), finished="2026-01-05T00:00:00Z"), signed_at=at(10)))
    assert result.until == at(12, 0)


def test_without_a_proved_time_the_report_says_which_is_newest() -> None:
    old = vouch(scan(trivy(), finished="2026-01-01T00:00:00Z"))
    new = vouch(scan(trivy(trivy_vulnerability()), finished="2026-01-02T00:00:00+01:00"))
    assert faults(CLEAN, old, new) == [Fault.SUPERSEDED, Fault.VULNERABLE]


def test_what_has_no_time_must_pass_beside_the_newest() -> None:
    """Nobody can tell that it is older."""
    clean, dirty = (vouch(scan(report, finished=None)) for report in (trivy(), trivy(trivy_vulnerability())))
    for order in ((dirty, vouch(GOOD)), (dirty, vouch(GOOD, signed_at=at(1)))):
        assert faults(CLEAN, *order) == [Fault.VULNERABLE, Fault.SUPERSEDED]
        assert faults(CLEAN, *order[::-1]) == [Fault.SUPERSEDED, Fault.VULNERABLE]
    assert faults(CLEAN, clean, vouch(BAD)) == [Fault.SUPERSEDED, Fault.VULNERABLE]
    assert faults(CLEAN, clean, vouch(BAD, signed_at=at(1)), vouch(GOOD)) == [None, Fault.SUPERSEDED, None]
    superseded = judged(CLEAN, dirty, vouch(GOOD))[1].refused
    assert superseded is not None
    assert superseded.reason == "another one by ci decides, which has no time"


def test_the_newest_that_has_a_time_is_named_to_those_that_are_older() -> None:
    undated, old, new = vouch(scan(trivy(), finished=None)), vouch(GOOD, signed_at=at(1)), vouch(GOOD, signed_at=at(2))
    reason = judged(CLEAN, undated, old, new)[1].refused
    assert reason is not None
    assert reason.reason == "a newer one by ci of 2026-01-02T12:00:00Z decides"


@pytest.mark.parametrize("signed_at", [None, at(3)])
def test_of_equally_new_ones_all_must_pass(signed_at: datetime | None) -> None:
    good = vouch(scan(trivy(), finished=None), signed_at=signed_at)
    bad = vouch(scan(trivy(trivy_vulnerability()), finished=None), signed_at=signed_at)
    assert faults(CLEAN, good, bad) == [Fault.SUPERSEDED, Fault.VULNERABLE]
    assert faults(CLEAN, good, good) == [None, None]
    superseded = judged(CLEAN, good, bad)[0].refused
    assert superseded is not None
    dated = "another one as new by ci of 2026-01-03T12:00:00Z decides"
    assert superseded.reason == (dated if signed_at else "another one by ci decides, which has no time")


@pytest.mark.parametrize("finished", ["0001-01-01T00:00:00Z", "", "2026-01-09", None])
def test_a_time_that_is_not_set_is_none(finished: str | None) -> None:
    refused = refusal(WEEK, vouch(scan(trivy(), finished=finished)))
    assert refused.fault is Fault.TOO_OLD
    assert refused.reason == "nothing proves when it was signed, nor does it say when it was made; accepted for 168h"


def test_age_counts_from_the_proved_time_where_that_is_earlier() -> None:
    (result,) = judged(WEEK, vouch(scan(trivy(), finished="2026-01-10T00:00:00Z"), signed_at=at(4)))
    assert result.refused is None
    assert result.until == at(11)
    refused = refusal(WEEK, vouch(scan(trivy(), finished="2026-01-10T00:00:00Z"), signed_at=at(3, 11)))
    assert refused.fault is Fault.TOO_OLD
    assert refused.reason == "signed at 2026-01-03T11:00:00Z, 169h ago; accepted for 168h"


def test_age_counts_from_the_reports_own_time_where_none_is_proved() -> None:
    (result,) = judged(WEEK, vouch(scan(trivy(), finished="2026-01-04T12:00:00Z")))
    assert result.until == at(11)
    refused = refusal(
        replace(RULE, max_age=timedelta(minutes=90)), vouch(scan(trivy(), finished="2026-01-10T10:00:00Z"))
    )
    assert refused.reason == "made, by its own account, at 2026-01-10T10:00:00Z, 2h ago; accepted for 90m"


def test_an_attestation_counts_to_the_end_of_its_age() -> None:
    rule = replace(RULE, max_age=timedelta(days=1))
    assert judged(rule, vouch(GOOD, signed_at=at(9)))[0].until == NOW
    assert refusal(rule, vouch(GOOD, signed_at=at(9) - timedelta(seconds=1))).fault is Fault.TOO_OLD


@pytest.mark.parametrize("rule", [RULE, WEEK])
def test_what_will_only_be_made_is_refused(rule: AttestationRule) -> None:
    within = vouch(scan(trivy(), finished=(NOW + timedelta(minutes=5)).isoformat()))
    assert judged(rule, within)[0].refused is None
    refused = refusal(rule, vouch(scan(trivy(), finished="2026-01-10T12:05:01Z")))
    assert refused.fault is Fault.TIME_IN_FUTURE
    assert refused.reason == "made, by its own account, at 2026-01-10T12:05:01Z, which is in the future"
    assert (
        refusal(rule, vouch(GOOD, signed_at=at(11))).reason == "signed at 2026-01-11T12:00:00Z, which is in the future"
    )


def test_a_proof_of_today_does_not_make_up_for_a_report_of_tomorrow() -> None:
    """It would be the newest for ever, once the proof is left out."""
    refused = refusal(RULE, vouch(scan(trivy(), finished="2026-01-11T00:00:00Z"), signed_at=at(1)))
    assert refused.fault is Fault.TIME_IN_FUTURE
    assert refused.reason == "made, by its own account, at 2026-01-11T00:00:00Z, which is in the future"


@dataclass(frozen=True)
class Saying:
    """A condition whose answer is known, and which looks at what it is given."""

    text: str
    answer: str | None
    path: tuple[str, ...] = ()
    value: object = None

    def refusal(self, variables: Mapping[str, JsonValue]) -> str | None:
        assert variables.keys() == {"predicate", "statement", "image"}
        seen: Any = variables
        for name in self.path:
            seen = seen[name]
        return self.answer if seen == self.value or not self.path else f"{self.text} is {seen}"


def test_every_condition_must_hold() -> None:
    holds, fails = Saying("a", None), Saying("b", "condition false: b")
    assert judged(replace(RULE, conditions=(holds, holds)), vouch(GOOD))[0].refused is None
    refused = refusal(replace(RULE, conditions=(holds, fails)), vouch(GOOD))
    assert (refused.fault, refused.reason) == (Fault.CONDITION_FALSE, "condition false: b")


def test_conditions_see_the_predicate_the_statement_and_the_image() -> None:
    conditions = (
        Saying("scanner", None, ("predicate", "scanner", "version"), "0.74.0"),
        Saying("type", None, ("statement", "predicateType"), VULN),
        Saying(
            "image",
            None,
            ("image",),
            {
                "registry": "registry.example.com",
                "repository": "team/app",
                "digest": str(IMAGE.digest),
                "name": "registry.example.com/team/app",
            },
        ),
    )
    assert judged(replace(RULE, conditions=conditions), vouch(GOOD))[0].refused is None


def test_a_report_that_cannot_be_read_is_refused() -> None:
    assert refusal(CLEAN, vouch(scan({}))).fault is Fault.VULNERABLE
    assert refusal(CLEAN, vouch(None)).fault is Fault.VULNERABLE


def test_the_format_goes_by_the_predicate_type() -> None:
    assert judged(CLEAN, vouch(scan([]), IN_TOTO_VULNS))[0].refused is None
    assert refusal(CLEAN, vouch(scan([]), VULN)).fault is Fault.VULNERABLE


def test_vex_documents_clear_findings() -> None:
    vex = (vouch(openvex(not_affected()), OPENVEX),)
    assert refusal(CLEAN, vouch(BAD)).reason.startswith("1 vulnerability above medium: CVE-2026-1 (high, openssl")
    assert judged(CLEAN, vouch(BAD), vex=vex)[0].refused is None


def test_one_authority_does_not_speak_for_another() -> None:
    """Else one of n could clear the reports of all: k of n would be one of n."""
    reports = (vouch(BAD, by=CI), vouch(BAD, by=RELEASE))
    vex = (vouch(openvex(not_affected()), OPENVEX, by=RELEASE),)
    (of_ci, of_release) = judged(CLEAN, *reports, vex=vex)
    assert of_ci.refused is not None
    assert of_ci.refused.fault is Fault.VULNERABLE
    assert of_release.refused is None


def test_one_identity_does_not_speak_for_another_of_its_authority() -> None:
    vex = (replace(vouch(openvex(not_affected()), OPENVEX), voice="issuer somebody else"),)
    assert refusal(CLEAN, vouch(BAD), vex=vex).fault is Fault.VULNERABLE


def test_a_vex_document_without_a_time_is_as_old_as_its_signature() -> None:
    affected = not_affected(status="affected")
    vex = (
        vouch(openvex(not_affected(), timestamp=None), OPENVEX, signed_at=at(5)),
        vouch(openvex(affected, timestamp=None), OPENVEX, signed_at=at(6)),
    )
    assert judged(CLEAN, vouch(BAD), vex=vex[:1])[0].refused is None
    assert refusal(CLEAN, vouch(BAD), vex=vex).fault is Fault.VULNERABLE


def test_what_is_no_vex_document_clears_nothing() -> None:
    assert refusal(CLEAN, vouch(BAD), vex=(unsaid(),)).fault is Fault.VULNERABLE


def test_a_verdict_ends_with_what_ends_first() -> None:
    rule = replace(WEEK, vulnerabilities=VulnerabilityRule(Severity.LOW, allow=(Allowance("CVE-2026-1", at(12)),)))
    assert judged(rule, vouch(BAD, signed_at=at(4)))[0].until == at(11)
    assert judged(rule, vouch(BAD, signed_at=at(9)))[0].until == at(12)
    assert judged(rule, vouch(GOOD, signed_at=at(9)))[0].until == at(16)


def test_a_signature_is_no_attestation() -> None:
    assert refusal(RULE, unsaid()).fault is Fault.OTHER_PREDICATE
    assert refusal(CLEAN, unsaid()).fault is Fault.OTHER_PREDICATE


def test_a_statement_that_can_be_read_in_two_ways_is_refused() -> None:
    refused = refusal(RULE, vouch(statement={"predicate": GOOD, "Predicate": BAD}))
    assert refused.fault is Fault.MALFORMED
    assert refused.reason == "statement: the member predicate in another spelling"


SPDX_3 = {
    "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
    "@graph": [
        {"type": "CreationInfo", "@id": "_:b", "created": "2026-01-03T00:00:00Z", "specVersion": "3.0.1"},
        {"type": "CreationInfo", "@id": "_:a", "created": "2026-01-02T00:00:00Z", "specVersion": "3.0.1"},
        {"type": "CreationInfo", "created": "never"},
        {"type": "software_Package", "created": "2020-01-01T00:00:00Z"},
        "text",
    ],
}
TIMES: dict[str, tuple[str, object]] = {
    "vuln": (VULN, scan(None, finished="2026-01-02T00:00:00Z")),
    "in-toto": (IN_TOTO_VULNS, scan([], finished="2026-01-02T00:00:00Z")),
    "CycloneDX": ("https://cyclonedx.org/bom/v1.6", {"metadata": {"timestamp": "2026-01-02T01:00:00+01:00"}}),
    "SPDX 2": ("https://spdx.dev/Document", {"creationInfo": {"created": "2026-01-02T00:00:00Z"}}),
    "SPDX 3": ("https://spdx.dev/Document/v3", SPDX_3),
    "SLSA 0.2": ("https://slsa.dev/provenance/v0.2", {"metadata": {"buildFinishedOn": "2026-01-02T00:00:00Z"}}),
    "SLSA 1": (
        "https://slsa.dev/provenance/v1",
        {"runDetails": {"builder": {"id": "b"}, "metadata": {"finishedOn": "2026-01-02t00:00:00.000000000z"}}},
    ),
    "OpenVEX": ("https://openvex.dev/ns", {"timestamp": "2026-01-02T00:00:00Z", "last_updated": "soon"}),
    "OpenVEX, updated": (
        "https://openvex.dev/ns/v0.2.0",
        {"timestamp": "2025-01-02T00:00:00Z", "last_updated": "2026-01-02T00:00:00Z"},
    ),
    "custom": ("https://cosign.sigstore.dev/attestation/v1", {"Data": "x", "Timestamp": "2026-01-02T00:00:00Z"}),
}


@pytest.mark.parametrize(("predicate_type", "predicate"), TIMES.values(), ids=TIMES)
def test_each_type_says_in_its_own_place_when_it_was_made(predicate_type: str, predicate: Any) -> None:
    assert report_times.reported(predicate_type, predicate) == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize("predicate_type", [one for one, _ in TIMES.values()] + ["https://example.com/own/v1"])
@pytest.mark.parametrize("predicate", [None, [], "text", {}, {"metadata": []}, {"creationInfo": {"created": 1}}])
def test_elsewhere_there_is_no_time(predicate_type: str, predicate: Any) -> None:
    assert report_times.reported(predicate_type, predicate) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.5Z", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
        ("2023-01-08T18:02:03.647787998-06:00", datetime(2023, 1, 9, 0, 2, 3, 647_787, tzinfo=UTC)),
        ("2026-01-02T03:04:05", None),
        ("2026-01-02 03:04:05Z", None),
        ("2026-01-02T03:04:05Z\n", None),
        ("2026-13-02T03:04:05Z", None),
        ("2026-01-02T03:04:60Z", None),
        ("2026-01-02T03:04:05+25:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("\u0662026-01-02T03:04:05Z", None),
        (1767322800, None),
        (None, None),
    ],
)
def test_times_are_read_as_rfc_3339_writes_them(text: Any, expected: datetime | None) -> None:
    assert report_times.parse(text) == expected


def test_types_stand_for_the_predicate_types_that_tools_write() -> None:
    assert predicate_types("vuln") == {
        "https://cosign.sigstore.dev/attestation/vuln/v1",
        "https://in-toto.io/attestation/vulns/v0.1",
        "https://in-toto.io/attestation/vulns/v0.2",
    }
    assert predicate_types("slsaprovenance") == {"https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"}
    assert {"https://cyclonedx.org/bom", "https://cyclonedx.org/bom/v1.4"} <= predicate_types("cyclonedx")
    assert {"https://spdx.dev/Document", "https://spdx.dev/Document/v2.3"} <= predicate_types("spdx")
    assert {"https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"} <= predicate_types("openvex")


def test_the_uri_of_a_type_stands_for_itself_alone() -> None:
    assert predicate_types("https://cyclonedx.org/bom") == {"https://cyclonedx.org/bom"}


def test_no_named_type_stands_for_a_signature() -> None:
    assert not any("https://sigstore.dev/cosign/sign/v1" in types for types in PREDICATE_TYPES.values())
