"""Attestations by a real Sigstore: each fulfils exactly the rules that it should."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system import matrix
from tests.system.matrix import Matrix
from tests.system.polling import eventually
from tests.system.sigstore import statements
from tests.system.sigstore.people import BRANCH
from tests.system.sigstore.predicates import REVIEW
from tests.system.sigstore.site import Document, Site
from tests.system.sigstore.statements import HIGH, OTHERS, REPORTS, WAYS

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(scope="module")
def images(site: Site) -> dict[str, str]:
    return statements.make(site)


def _rule(kind: str = "vuln", **further: Any) -> Document:
    return {"type": kind, **further}


def _asks(site: Site, rule: Document, *authorities: Document) -> Document:
    """The `images` rules of a policy that wants one attestation of all images."""
    images = [f"{site.registry.host}/team/**"]
    by = list(authorities) or [site.identity(transparencyLog="NotRequired")]
    return {"allow": images, "authorities": by, "verify": [{"name": "ours", "images": images, "attestations": [rule]}]}


def _at_most(severity: str, **further: Any) -> Document:
    return _rule(vulnerabilities={"maxSeverity": severity, **further})


def _allowing(identifier: str, end: datetime) -> Document:
    return _at_most("medium", allow=[{"id": identifier, "expires": end.isoformat(), "reason": "not reachable"}])


def _policies(site: Site) -> dict[str, Document]:
    now = datetime.now(UTC)
    unlogged = site.identity(transparencyLog="NotRequired")
    rules: dict[str, tuple[Document, ...]] = {
        "report": (_rule(),),
        "report-logged": (_rule(), site.identity()),
        "report-timestamped": (_rule(), site.identity(transparencyLog="NotRequired", timestamp="Required")),
        "report-by-key": (_rule(), site.key()),
        "report-by-key-logged": (_rule(), site.key(transparencyLog="Required")),
        "report-by-branch": (_rule(), site.identity(keyless={"subject": BRANCH.name})),
        "report-next-door": (_rule(), site.identity(trustRoot="next-door")),
        "report-elsewhere": (_rule(), site.identity(repository=site.signatures)),
        "report-by-two": (_rule(minimum=2), unlogged, site.key()),
        "report-recent": (_rule(maxAge="1h"), unlogged, site.key()),
        "report-by-trivy": (_rule(conditions=["predicate.scanner.uri.startsWith('pkg:github/aquasecurity/trivy')"]),),
        "report-by-grype": (_rule(conditions=["predicate.scanner.uri.startsWith('pkg:github/anchore/grype')"]),),
        "report-on-this": (_rule(conditions=["image.digest.endsWith(statement.subject[0].digest.sha256)"]),),
        "report-wrong-condition": (_rule(conditions=["predicate.scanner.vendor == 'acme'"]),),
        "at-most-low": (_at_most("low"),),
        "at-most-medium": (_at_most("medium"),),
        "at-most-high": (_at_most("high"),),
        "at-most-medium-fixed": (_at_most("medium", ignoreUnfixed=True),),
        "allowed": (_allowing(HIGH.id, now + timedelta(days=1)),),
        "allowed-once": (_allowing(HIGH.id, now - timedelta(days=1)),),
        "cyclonedx": (_rule("cyclonedx"),),
        "spdx": (_rule("spdx"),),
        "slsaprovenance": (_rule("slsaprovenance"),),
        "openvex": (_rule("openvex"),),
        "review": (_rule(REVIEW),),
        "approved": (_rule(REVIEW, conditions=["predicate.approved", "size(predicate.reviewers) >= 2"]),),
        "custom": (_rule("https://cosign.sigstore.dev/attestation/v1"),),
    }
    return {name: _asks(site, *each) for name, each in rules.items()}


@pytest.fixture(scope="module")
def asked(site: Site, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    folder = tmp_path_factory.mktemp("policies")
    return matrix.verify(folder / "policies.yaml", site.flags, _policies(site), images)


def _ways(site: Site, by: str, *, log: bool = False, timestamp: bool = False) -> set[str]:
    """Images of reports in ways that have these proofs."""
    return {
        f"{by}-{way}"
        for way in WAYS
        if way in site.here.ways and (way.log or not log) and (way.timestamp or not timestamp)
    }


BY_RELEASE = set(REPORTS) - {"branch", "old", "elsewhere"}
BY_KEY = {"two-reporters", "old"}
HARMLESS = {"clean", "low", "mended", "two-reporters", "old-logged", "not-affected"}


def _expected(site: Site) -> dict[str, set[str]]:
    keyless = _ways(site, "keyless")
    release = keyless | BY_RELEASE
    return {
        "report": release,
        "report-logged": _ways(site, "keyless", log=True) | BY_RELEASE,
        "report-timestamped": _ways(site, "keyless", timestamp=True) | BY_RELEASE,
        "report-by-key": _ways(site, "key") | BY_KEY,
        "report-by-key-logged": _ways(site, "key", log=True),
        "report-by-branch": {"branch"},
        "report-next-door": set(),
        "report-elsewhere": {"elsewhere"},
        "report-by-two": {"two-reporters"},
        "report-recent": (release - {"old-logged"}) | _ways(site, "key"),
        "report-by-trivy": release,
        "report-by-grype": set(),
        "report-on-this": release,
        "report-wrong-condition": set(),
        "at-most-low": keyless | HARMLESS,
        "at-most-medium": keyless | HARMLESS,
        "at-most-high": release - {"unknown"},
        "at-most-medium-fixed": keyless | HARMLESS | {"unfixed"},
        "allowed": keyless | HARMLESS | {"high", "affected", "other-product", "foreign-vex", "worsened"},
        "allowed-once": keyless | HARMLESS,
        "cyclonedx": {"cyclonedx"},
        "spdx": {"spdxjson"},
        "slsaprovenance": {"slsaprovenance", "slsaprovenance1"},
        "openvex": {"openvex", "not-affected", "affected", "other-product"},
        "review": {"review", "rejected"},
        "approved": {"review"},
        "custom": {"custom"},
    }


def test_exactly_what_a_policy_asks_for_is_attested(site: Site, asked: Matrix) -> None:
    differences = {name: asked.verified(name) ^ images for name, images in _expected(site).items()}
    assert {name: images for name, images in differences.items() if images} == {}


CODES = {
    ("report", "nothing"): "ATTESTATION_MISSING",
    ("report", "cyclonedx"): "ATTESTATION_MISSING",
    ("report", "branch"): "ATTESTATION_MISSING",
    ("report-next-door", "clean"): "ATTESTATION_MISSING",
    ("report-by-two", "clean"): "ATTESTATION_MISSING",
    ("report-recent", "old"): "ATTESTATION_TOO_OLD",
    ("report-recent", "old-logged"): "ATTESTATION_TOO_OLD",
    ("report-by-grype", "clean"): "CONDITION_FALSE",
    ("report-wrong-condition", "clean"): "CONDITION_FALSE",
    ("approved", "rejected"): "CONDITION_FALSE",
    ("at-most-medium", "high"): "VULNERABLE",
    ("at-most-high", "unknown"): "VULNERABLE",
    ("at-most-medium", "worsened"): "VULNERABLE",
    ("at-most-medium", "foreign-vex"): "VULNERABLE",
    ("allowed-once", "high"): "VULNERABLE",
}
"""What is found of images that a policy refuses."""


def test_what_is_refused_is_refused_by_its_own_code(asked: Matrix) -> None:
    assert {case: asked.codes(*case) for case in CODES} == {case: [code] for case, code in CODES.items()}


def test_what_is_attested_is_no_signature(site: Site, images: dict[str, str], tmp_path: Path) -> None:
    signed = {
        "allow": [f"{site.registry.host}/team/**"],
        "authorities": [site.identity(transparencyLog="NotRequired"), site.key()],
        "verify": [{"name": "ours", "images": [f"{site.registry.host}/team/**"], "signatures": {}}],
    }
    answer = matrix.verify(tmp_path / "policy.yaml", site.flags, {"signed": signed}, images)
    assert answer.verified("signed") == set()
    assert {tuple(answer.codes("signed", name)) for name in images} == {("NOT_SIGNED",)}


def test_check_denies_what_verify_refuses(asked: Matrix) -> None:
    assert asked.check() == asked.refused()


def test_a_report_ages(site: Site, images: dict[str, str], tmp_path: Path) -> None:
    """What is accepted as not older than an hour is too old for a second, a second after it was signed."""
    rules = {"fresh": _asks(site, _rule(maxAge="1s"))}

    def too_old() -> bool:
        asked = {name: images[name] for name in ("clean", "nothing")}
        answer = matrix.verify(tmp_path / "policy.yaml", site.flags, rules, asked)
        return answer.codes("fresh", "clean") == ["ATTESTATION_TOO_OLD"]

    assert eventually(too_old)


def test_every_other_type_is_asked_for(site: Site) -> None:
    attested = set().union(*_expected(site).values())
    assert set(OTHERS) - attested == {"nothing"}
