"""What entries of `verify`, and that of base images, ask for, and what names their verification."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.policy.writing import ATTESTED, KEY, OTHER_KEY, VALID, policy, tweaked
from webhook.images import parse
from webhook.policy.allowlist import Pattern
from webhook.policy.base_images import BaseImageRule
from webhook.policy.compile_images import BASE_IMAGES
from webhook.policy.rules import ImageRules, VerifyEntry
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.predicate_types import COSIGN_VULNERABILITIES, VULNERABILITIES
from webhook.signatures.reports.vulnerabilities import Allowance, Severity, VulnerabilityRule
from webhook.signatures.trust import Proofs

DIGEST = f"sha256:{'c' * 64}"
SIGNATURES = "      signatures: {minimum: 2, from: [ci, release]}\n"
ONLY_SIGNED = ATTESTED.replace("      - type: https://slsa.dev/provenance/v1\n", "")
"""In it the authority `release` attests nothing."""

BASE = '    baseImages: {allow: ["registry.example.com/base/**"]}\n'
CI = KeylessAuthority(
    name="ci",
    identity=Identity(
        issuer="https://token.actions.githubusercontent.com",
        subject="https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        extensions={"sourceRepositoryURI": "https://github.com/acme/app"},
    ),
    proofs=Proofs(log=True, certificate_transparency=True),
    trust_root="public-good",
)
PEOPLE = KeylessAuthority(
    name="people",
    identity=Identity(issuer="https://accounts.example.com", subject_pattern=r"[a-z]+@acme\.example"),
    proofs=Proofs(log=True, timestamp=True, certificate_transparency=True),
    trust_root="private",
)
RELEASE = KeyAuthority(
    name="release",
    key=PublicKey.from_pem(KEY),
    proofs=Proofs(log=True),
    trust_root="public-good",
    repository="registry.example.com/signatures",
)


def rules(text: str = ATTESTED) -> ImageRules:
    images = policy(text).images
    assert images is not None
    return images


def entry(text: str = ATTESTED) -> VerifyEntry:
    return rules(text).entries[0]


def base(text: str = ATTESTED) -> VerifyEntry:
    found = rules(text).base_images
    assert found is not None
    return found


def test_an_entry_asks_for_what_is_written() -> None:
    found = entry()
    assert (found.name, found.requirement) == ("our-images", Requirement(2, (CI, RELEASE)))
    assert found.accept_index_signature
    assert found.base_images is None
    vuln, provenance = found.attestations
    assert vuln.conditions[0].text == "predicate.scanner.uri.startsWith('pkg:github/aquasecurity/trivy')"
    assert vuln == AttestationRule(
        name="vuln",
        predicate_types=VULNERABILITIES,
        requirement=Requirement(1, (CI, PEOPLE)),
        max_age=timedelta(days=7),
        conditions=vuln.conditions,
        vulnerabilities=VulnerabilityRule(
            max_severity=Severity.MEDIUM,
            ignore_unfixed=True,
            allow=(Allowance("CVE-2026-1", datetime(2027, 1, 1, tzinfo=UTC)),),
        ),
    )
    assert provenance == AttestationRule(
        name="https://slsa.dev/provenance/v1",
        predicate_types=frozenset({"https://slsa.dev/provenance/v1"}),
        requirement=Requirement(1, (CI, PEOPLE, RELEASE)),
    )


def test_a_condition_is_compiled_and_judges() -> None:
    (condition,) = entry().attestations[0].conditions
    scanner = "pkg:github/aquasecurity/trivy@0.60"
    assert condition.refusal({"predicate": {"scanner": {"uri": scanner}}, "statement": {}, "image": {}}) is None
    assert condition.refusal({"predicate": {"scanner": {"uri": "grype"}}, "statement": {}, "image": {}}) is not None


def test_an_entry_of_attestations_alone_asks_for_no_signatures() -> None:
    assert entry(tweaked(SIGNATURES, "", ATTESTED)).requirement is None


def test_an_entry_of_signatures_alone_asks_for_no_attestations() -> None:
    found = entry(VALID)
    assert (found.attestations, found.base_images, found.accept_index_signature) == ((), None, False)


def test_authorities_are_asked_in_the_order_of_the_policy() -> None:
    text = tweaked("from: [ci, release]", "from: [release, ci]", ATTESTED)
    assert entry(text).requirement == entry().requirement


@pytest.mark.parametrize(
    ("old", "new", "proofs"),
    [
        ("      timestamp: Required\n", "", Proofs(log=True, certificate_transparency=True)),
        (
            "      timestamp: Required\n",
            "      transparencyLog: NotRequired\n",
            Proofs(certificate_transparency=True),
        ),
        (
            "      timestamp: Required\n",
            "      certificateTransparency: NotRequired\n",
            Proofs(log=True),
        ),
        (
            "      timestamp: Required\n",
            "      transparencyLog: NotRequired\n      timestamp: Required\n",
            Proofs(timestamp=True, certificate_transparency=True),
        ),
    ],
)
def test_keyless_comes_with_a_log_and_a_logged_certificate_unless_the_policy_says_otherwise(
    old: str, new: str, proofs: Proofs
) -> None:
    asked = entry(tweaked(old, new, ATTESTED)).attestations[0].requirement.authorities
    assert asked[1].proofs == proofs


@pytest.mark.parametrize(
    ("demands", "proofs"),
    [
        ("", Proofs()),
        ("      transparencyLog: NotRequired\n      certificateTransparency: NotRequired\n", Proofs()),
        ("      timestamp: Required\n", Proofs(timestamp=True)),
        ("      transparencyLog: Required\n      timestamp: Required\n", Proofs(log=True, timestamp=True)),
    ],
)
def test_a_key_comes_alone_unless_the_policy_says_otherwise(demands: str, proofs: Proofs) -> None:
    text = tweaked("      transparencyLog: Required\n    verify:", f"{demands}    verify:", ATTESTED)
    assert base(text).authorities[2].proofs == proofs


def test_a_trust_root_that_is_not_named_is_public_good() -> None:
    assert base(tweaked("      trustRoot: private\n", "", ATTESTED)).trust_roots == ("public-good",)


def test_an_entry_names_the_trust_roots_that_its_authorities_need() -> None:
    assert entry().trust_roots == ("private", "public-good")
    assert entry(VALID).trust_roots == ()
    text = tweaked("transparencyLog: Required\n    verify:", "trustRoot: private\n    verify:", ATTESTED)
    text = tweaked("from: [ci, release]", "from: [release]", text).replace("minimum: 2", "minimum: 1")
    text = tweaked("      - type: https://slsa.dev/provenance/v1\n", "", text)
    assert entry(tweaked("from: [ci, people]", "from: [ci]", text)).trust_roots == ("public-good",)


def test_an_entry_names_each_of_its_authorities_once() -> None:
    assert entry().authorities == (CI, RELEASE, PEOPLE)


@pytest.mark.parametrize(
    ("written", "repository"),
    [
        ("registry.example.com/signatures", "registry.example.com/signatures"),
        ("registry.example.com:443/a/b/c", "registry.example.com/a/b/c"),
        ("registry.internal:5000/signatures", "registry.internal:5000/signatures"),
        ("docker.io/library/signatures", "docker.io/library/signatures"),
    ],
)
def test_a_repository_is_spelt_as_references_are(written: str, repository: str) -> None:
    text = tweaked("repository: registry.example.com/signatures", f"repository: {written}", ATTESTED)
    assert base(text).authorities[2].repository == repository


def test_base_images_are_an_entry_about_every_image() -> None:
    found = base()
    assert found == VerifyEntry(
        name=BASE_IMAGES,
        key=found.key,
        requirement=None,
        base_images=BaseImageRule((Pattern.parse("registry.example.com/base/**"),), (CI, PEOPLE, RELEASE)),
    )
    assert found.speaks_about(parse("quay.io/x/y"))
    assert found.trust_roots == ("private", "public-good")


def test_whoever_is_judged_is_asked_for_its_base_image_too() -> None:
    judgement = rules().judge(parse(f"registry.example.com/app@{DIGEST}"))
    assert [one.name for one in judgement.entries] == ["our-images", "baseImages"]


def test_base_images_make_no_image_one_that_an_entry_speaks_about() -> None:
    text = tweaked('images: ["registry.example.com/**"]', 'images: ["registry.example.com/app"]', ATTESTED)
    judgement = rules(text).judge(parse(f"registry.example.com/other@{DIGEST}"))
    assert (judgement.violations[0].code, judgement.entries) == ("IMAGE_UNMATCHED", ())
    assert "(entries: our-images)" in judgement.violations[0].message


def test_base_images_are_asked_for_where_no_entry_speaks_about_an_image_that_may_run() -> None:
    text = tweaked('images: ["registry.example.com/**"]', 'images: ["registry.example.com/app"]', ATTESTED)
    text = tweaked(BASE, f"{BASE}    unmatched: Allow\n", text)
    judgement = rules(text).judge(parse("registry.example.com/other:1"), pinning=True)
    assert (judgement.violations, [one.name for one in judgement.entries]) == ((), ["baseImages"])
    assert judgement.resolve


def test_what_the_allowlist_refuses_is_not_asked_for_its_base_image() -> None:
    judgement = rules().judge(parse(f"quay.io/app@{DIGEST}"))
    assert (judgement.entries, judgement.fetch) == ((), False)


OTHER_PEM = OTHER_KEY.replace("\n", "\\n")
SAME = [
    ("name: our-images", "name: others"),
    ('images: ["registry.example.com/**"]', 'images: ["registry.example.com/*"]'),
    ("from: [ci, release]", "from: [release, ci]"),
    ("reason: not reachable", "reason: mended"),
    ("2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"),
    ("maxAge: 168h", "maxAge: 167h60m"),
    (BASE, ""),
    ("      repository: registry.example.com/signatures\n", "      repository: registry.example.com:443/signatures\n"),
    ("      trustRoot: public-good\n", ""),
    ("      transparencyLog: Required\n      timestamp: NotRequired\n", ""),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_key_of_an_entry_stays_where_its_verification_means_the_same(old: str, new: str) -> None:
    assert entry(tweaked(old, new, ATTESTED)).key == entry().key


OTHER = [
    (SIGNATURES, ""),
    ("{minimum: 2, from: [ci, release]}", "{minimum: 1, from: [ci, release]}"),
    ("from: [ci, release]", "from: [ci, release, people]"),
    ("acceptIndexSignature: true", "acceptIndexSignature: false"),
    ("      - type: https://slsa.dev/provenance/v1\n", ""),
    ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2"),
    ("- type: vuln", f"- type: {COSIGN_VULNERABILITIES}"),
    ("from: [ci, people]", "from: [ci]"),
    ("        minimum: 1\n", "        minimum: 2\n"),
    ("maxAge: 168h", "maxAge: 24h"),
    ("        maxAge: 168h\n", ""),
    ("startsWith('pkg:github/aquasecurity/trivy')", "startsWith('pkg:github/anchore/grype')"),
    ("maxSeverity: medium", "maxSeverity: high"),
    ("ignoreUnfixed: true", "ignoreUnfixed: false"),
    ("id: CVE-2026-1", "id: CVE-2026-2"),
    ("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"),
    ("issuer: https://accounts.example.com", "issuer: https://others.example.com"),
    ("subjectPattern: '[a-z]+@acme\\.example'", "subject: 'me@acme.example'"),
    ("release.yml@refs/heads/main", "release.yml@refs/heads/other"),
    ("sourceRepositoryURI: https://github.com/acme/app", "sourceRepositoryURI: https://github.com/acme/other"),
    ("        extensions: {sourceRepositoryURI: https://github.com/acme/app}\n", ""),
    ("trustRoot: private", "trustRoot: public-good"),
    ("      timestamp: Required\n", ""),
    ("certificateTransparency: Required", "certificateTransparency: NotRequired"),
    ("      transparencyLog: Required\n    verify", "    verify"),
    ("repository: registry.example.com/signatures", "repository: registry.example.com/others"),
    ("key: {file: release.pub}", "key: {file: night.pub}"),
    ("key: {file: release.pub}", f'key: {{pem: "{OTHER_PEM}"}}'),
]


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_the_key_of_an_entry_changes_with_all_that_its_verification_depends_on(old: str, new: str) -> None:
    assert entry(tweaked(old, new, ATTESTED)).key != entry().key


def test_the_key_of_an_entry_changes_with_the_annotations_that_signatures_must_carry() -> None:
    annotated = tweaked("key: {file: release.pub}", "key: {file: release.pub}\n      annotations: {a: b}", ONLY_SIGNED)
    other = annotated.replace("{a: b}", "{a: c}")
    assert len({entry(ONLY_SIGNED).key, entry(annotated).key, entry(other).key}) == 3


def test_the_name_of_an_authority_is_part_of_a_verification_because_messages_have_it() -> None:
    assert entry(ATTESTED.replace("people", "folks")).key != entry().key


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["registry.example.com/base/**"]', '["registry.example.com/base/*"]'),
        ('["registry.example.com/base/**"]', '["registry.example.com/base/**", "ghcr.io/base/*"]'),
        ("trustRoot: private", "trustRoot: public-good"),
        ("key: {file: release.pub}", "key: {file: night.pub}"),
    ],
)
def test_the_key_of_base_images_changes_with_their_patterns_and_with_all_authorities(old: str, new: str) -> None:
    assert base(tweaked(old, new, ATTESTED)).key != base().key
    assert base().key != entry().key


def test_who_must_give_annotations_proves_no_base_image_since_provenance_carries_none() -> None:
    found = base(
        tweaked("key: {file: release.pub}", "key: {file: release.pub}\n      annotations: {a: b}", ONLY_SIGNED)
    )
    assert found.base_images == BaseImageRule((Pattern.parse("registry.example.com/base/**"),), (CI, PEOPLE))
    assert base(ONLY_SIGNED).base_images == BaseImageRule(
        (Pattern.parse("registry.example.com/base/**"),), (CI, PEOPLE, RELEASE)
    )


def test_the_key_of_base_images_does_not_change_with_entries() -> None:
    assert base(tweaked("maxAge: 168h", "maxAge: 24h", ATTESTED)).key == base().key
