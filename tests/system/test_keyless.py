"""Signatures by a real Sigstore: each is accepted by exactly the policies that should accept it.

One policy for each row of the table, and all of them asked about every image at once.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.system import matrix, policies
from tests.system.matrix import Matrix
from tests.system.program import tidewaiter
from tests.system.sigstore import artefacts
from tests.system.sigstore.artefacts import Artefact, Signature
from tests.system.sigstore.people import BRANCH, KEY, MAINTAINER, RELEASE
from tests.system.sigstore.postgresql import why_missing
from tests.system.sigstore.site import Document, Site

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]


@pytest.fixture(scope="module")
def signed(site: Site) -> tuple[Artefact, ...]:
    return artefacts.make(site)


def _by(subject: object, *, log: bool = False, timestamp: bool = False) -> Callable[[Signature], bool]:
    """Whether it is by him, here, beside the image, and comes with these proofs; with some time if it is keyless."""

    def accepted(one: Signature) -> bool:
        usual = one.by == subject and not one.elsewhere and not one.next_door
        proved = (one.way.log or not log) and (one.way.timestamp or not timestamp)
        return usual and bool(proved) and (one.way.dated or not one.keyless)

    return accepted


def _either(*accepted: Callable[[Signature], bool]) -> Callable[[Signature], bool]:
    return lambda one: any(each(one) for each in accepted)


def _none(_: Signature) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Row:
    """A policy: who may vouch, how many must, and which signatures that are.

    `among` is whether one signature is accepted; an image is, if accepted ones are by as many as must vouch.
    """

    authorities: Callable[[Site], list[Document]]
    among: Callable[[Signature], bool]
    minimum: int = 1


LOGGED = {"transparencyLog": "Required"}
UNLOGGED = {"transparencyLog": "NotRequired"}
STAMPED = {"timestamp": "Required"}
PATTERN = {"subject": None, "subjectPattern": r"https://github\.com/acme/[^/]+/\.github/.+@refs/heads/.+"}
PART = {"subject": None, "subjectPattern": "https://github.com/acme/app"}


def _ref(value: str) -> Document:
    return {"extensions": {"sourceRepositoryRef": value}}


def _mail(site: Site, **subject: str) -> Document:
    return {"issuer": site.issuer("email"), **subject}


KEYLESS: dict[str, Row] = {
    "identity": Row(lambda site: [site.identity()], _by(RELEASE, log=True)),
    "log or timestamp": Row(lambda site: [site.identity(**UNLOGGED)], _by(RELEASE)),
    "timestamp": Row(lambda site: [site.identity(**UNLOGGED, **STAMPED)], _by(RELEASE, timestamp=True)),
    "log and timestamp": Row(lambda site: [site.identity(**STAMPED)], _by(RELEASE, log=True, timestamp=True)),
    "other issuer": Row(lambda site: [site.identity(**UNLOGGED, keyless=_mail(site))], _none),
    "other subject": Row(lambda site: [site.identity(keyless={"subject": BRANCH.name})], _by(BRANCH)),
    "pattern": Row(lambda site: [site.identity(keyless=PATTERN)], _either(_by(RELEASE, log=True), _by(BRANCH))),
    "pattern of a part": Row(lambda site: [site.identity(**UNLOGGED, keyless=PART)], _none),
    "extension": Row(lambda site: [site.identity(**UNLOGGED, keyless=_ref("refs/heads/main"))], _by(RELEASE)),
    "other extension": Row(lambda site: [site.identity(**UNLOGGED, keyless=_ref("refs/heads/fix"))], _none),
    "mail": Row(lambda site: [site.identity(keyless=_mail(site, subject=MAINTAINER.name))], _by(MAINTAINER)),
    "next door": Row(lambda site: [site.identity(trustRoot="next-door")], lambda one: one.next_door),
    "public good": Row(lambda site: [site.identity(**UNLOGGED, trustRoot="public-good")], _none),
    "annotation": Row(lambda site: [site.identity(annotations={"team": "red"})], lambda one: one.team == "red"),
    "elsewhere": Row(lambda site: [site.identity(repository=site.signatures)], lambda one: one.elsewhere),
}
KEYS: dict[str, Row] = {
    "key": Row(lambda site: [site.key()], _by(KEY)),
    "key, log": Row(lambda site: [site.key(**LOGGED)], _by(KEY, log=True)),
    "key, timestamp": Row(lambda site: [site.key(**STAMPED)], _by(KEY, timestamp=True)),
    "key, log and timestamp": Row(lambda site: [site.key(**LOGGED, **STAMPED)], _by(KEY, log=True, timestamp=True)),
    "key, log next door": Row(lambda site: [site.key(**LOGGED, trustRoot="next-door")], _none),
    "two of two": Row(lambda site: [site.identity(**UNLOGGED), site.key()], _either(_by(RELEASE), _by(KEY)), 2),
    "one of two": Row(lambda site: [site.identity(**UNLOGGED), site.key()], _either(_by(RELEASE), _by(KEY))),
}
ROWS = {**KEYLESS, **KEYS}


def _policy(row: str) -> str:
    """The name of a row's policy."""
    return row.replace(",", "").replace(" ", "-")


@pytest.fixture(scope="module")
def asked(site: Site, signed: tuple[Artefact, ...], tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """The policies of all rows, asked about all artefacts."""
    rules = {
        _policy(name): policies.image_rules(site.registry.host, *row.authorities(site), minimum=row.minimum)
        for name, row in ROWS.items()
    }
    images = {one.name: one.image for one in signed}
    return matrix.verify(tmp_path_factory.mktemp("policies") / "policies.yaml", site.flags, rules, images)


def _expected(row: Row, signed: tuple[Artefact, ...]) -> set[str]:
    """The images that have accepted signatures by as many as must vouch."""
    signers = {one.name: {each.by for each in one.signatures if row.among(each)} for one in signed}
    return {name for name, by in signers.items() if len(by) >= row.minimum}


@pytest.mark.parametrize("name", ROWS)
def test_exactly_what_a_policy_asks_for_verifies(name: str, signed: tuple[Artefact, ...], asked: Matrix) -> None:
    assert asked.verified(_policy(name)) == _expected(ROWS[name], signed)


def test_the_table_accepts_all_but_strangers_and_what_has_no_time(signed: tuple[Artefact, ...]) -> None:
    accepted = set().union(*(_expected(row, signed) for row in ROWS.values()))
    undated = {"keyless-bundle", "keyless-legacy"}
    assert {one.name for one in signed} - accepted == {"fork", "stranger", "unsigned", *undated}


FAULTS = {
    ("identity", "keyless-bundle-timestamp"): "LOG_ENTRY_MISSING",
    ("identity", "branch"): "SUBJECT_MISMATCH",
    ("identity", "fork"): "SUBJECT_MISMATCH",
    ("identity", "maintainer"): "ISSUER_MISMATCH",
    ("identity", "stranger"): "CERTIFICATE_MISSING",
    ("identity", "key-legacy"): "CERTIFICATE_MISSING",
    ("identity", "next-door"): "CERTIFICATE_UNTRUSTED",
    ("identity", "elsewhere"): None,
    ("identity", "unsigned"): None,
    ("log or timestamp", "keyless-bundle"): "TIME_UNKNOWN",
    ("log or timestamp", "keyless-legacy"): "TIME_UNKNOWN",
    ("log or timestamp", "next-door"): "CERTIFICATE_UNTRUSTED",
    ("timestamp", "keyless-bundle"): "TIMESTAMP_MISSING",
    ("pattern", "fork"): "SUBJECT_MISMATCH",
    ("pattern of a part", "keyless-bundle-timestamp"): "SUBJECT_MISMATCH",
    ("other issuer", "keyless-legacy-timestamp"): "ISSUER_MISMATCH",
    ("other extension", "keyless-legacy-timestamp"): "EXTENSION_MISMATCH",
    ("next door", "keyless-bundle-rekor2-timestamp"): "CERTIFICATE_UNTRUSTED",
    ("public good", "keyless-bundle-rekor2-timestamp"): "CERTIFICATE_UNTRUSTED",
    ("annotation", "keyless-bundle-rekor2-timestamp"): "ANNOTATION_MISMATCH",
    ("elsewhere", "keyless-bundle-rekor2-timestamp"): None,
    ("key", "stranger"): "SIGNATURE_MISMATCH",
    ("key", "keyless-bundle-timestamp"): "CERTIFICATE_UNEXPECTED",
    ("key, log", "key-bundle-timestamp"): "LOG_ENTRY_MISSING",
    ("key, log", "key-legacy"): "LOG_ENTRY_MISSING",
    ("key, timestamp", "key-bundle-rekor2"): "TIMESTAMP_MISSING",
    ("key, log next door", "key-bundle-rekor2"): "LOG_UNKNOWN",
}
"""Why the one signature of an image is not accepted; None where none is found."""


def test_what_is_refused_is_refused_for_its_own_reason(asked: Matrix) -> None:
    found = {(row, image): asked.faults(_policy(row), image) for row, image in FAULTS}
    assert found == {case: {fault} if fault else set() for case, fault in FAULTS.items()}


def test_too_few_of_several_are_named(asked: Matrix) -> None:
    (twice,), (mixed,) = (asked.judgements["two-of-two", image] for image in ("twice", "mixed"))
    assert (twice["code"], twice["signers"]) == ("TOO_FEW_SIGNERS", ["release"])
    assert sorted(mixed["signers"]) == ["key", "release"]


def test_check_denies_what_verify_refuses(asked: Matrix) -> None:
    assert asked.check() == asked.refused()


@pytest.mark.parametrize(
    ("image", "code"), [("keyless-bundle-rekor2-timestamp", 0), ("keyless-bundle-timestamp", 1), ("fork", 1)]
)
def test_flags_say_whose_signature_is_wanted(image: str, code: int, site: Site, asked: Matrix) -> None:
    flags = [f"--trust-root={site.here.trusted_root}", *site.registry.flags]
    identity = [f"--issuer={site.issuer('github-workflow')}", f"--subject={RELEASE.name}"]
    assert tidewaiter("verify", *flags, *identity, asked.images[image]).returncode == code


def test_a_trust_root_that_nobody_knows_is_a_fault_of_the_policy(site: Site, asked: Matrix, tmp_path: Path) -> None:
    rules = policies.image_rules(site.registry.host, site.identity(trustRoot="nowhere"))
    policy = policies.write(tmp_path / "policy.yaml", production={"images": rules})
    done = tidewaiter("verify", *site.flags, "-p", policy, asked.images["mixed"])
    assert done.returncode == 2
    assert 'spec.images.authorities[0].trustRoot: unknown trust root "nowhere"' in done.stderr


@pytest.mark.parametrize("form", ["trustedRoot", "file"])
def test_a_trust_root_beside_the_policies_counts(form: str, site: Site, asked: Matrix, tmp_path: Path) -> None:
    content = site.here.trusted_root.read_text(encoding="utf-8")
    (tmp_path / "root.json").write_text(content, encoding="utf-8")
    spec = {"trustedRoot": json.loads(content)} if form == "trustedRoot" else {"file": "root.json"}
    rules = policies.image_rules(site.registry.host, site.identity(trustRoot="beside"))
    policy = policies.write(tmp_path / "policy.yaml", {"beside": spec}, production={"images": rules})
    done = tidewaiter("verify", *site.registry.flags, "-p", policy, asked.images["keyless-bundle-rekor2-timestamp"])
    assert (done.returncode, done.stderr) == (0, "")


def test_rekor_v1_takes_part(site: Site) -> None:
    if missing := why_missing():
        pytest.skip(f"nothing is logged by Rekor v1: {missing}")
    assert set(site.here.sigstore.logs) == {"1", "2"}


def test_each_log_that_is_there_is_written_to(site: Site, signed: tuple[Artefact, ...]) -> None:
    logs = {one.way.log for artefact in signed for one in artefact.signatures}
    assert logs == {"", *site.here.sigstore.logs}
