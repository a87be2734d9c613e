"""k of n: distinct keys and identities, each by a signature that satisfies one authority alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from tests.fakes.sigstore import (
    ISSUER,
    OTHER_DIGEST,
    SUBJECT,
    Form,
    Key,
    Keyless,
    Log,
    Profile,
    Recipe,
    attestation,
    bundled,
    dumped,
    sign_statement,
    signature,
    uri,
)
from tests.signatures.attacks.trial import CI, RELEASE, Attack, accepted, judged
from webhook.codes import Code
from webhook.signatures.authorities import Authority, KeyAuthority, KeylessAuthority
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey

NIGHTLY = SUBJECT.replace("release.yml", "nightly.yml")
ORDER = int("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)  # of P-256, SEC 2, 2.4.2

QA = KeyAuthority("qa", PublicKey.from_pem(Key("qa").pem))
AGAIN = KeyAuthority("again", RELEASE.key)
ALSO = KeylessAuthority("also", Identity(ISSUER, subject_pattern=r"https://github\.com/acme/.*"))
"""Whom `CI` and others of the same owner satisfy."""


def by_key(name: str = "release", **recipe: object) -> Attachment:
    return signature(signer=Key(name), log=Log.NONE, **recipe)


def by_identity(subject: str = SUBJECT, **recipe: object) -> Attachment:
    return signature(signer=Keyless(Profile(names=(uri(subject),))), **recipe)


def mirrored() -> Attachment:
    """The same ECDSA signature in its other form: (r, n - s)."""
    made = Recipe(signer=Key(), log=Log.NONE).make()
    r, s = decode_dss_signature(made.signature)
    return replace(made, signature=encode_dss_signature(r, ORDER - s)).attachment()


def renewed() -> Attachment:
    return signature(signer=Keyless(Profile(life=timedelta(minutes=11))))


Case = tuple[tuple[Authority, ...], tuple[Attachment, ...]]

TOO_FEW: dict[str, Callable[[], Case]] = {
    "SIG-08 one key twice": lambda: ((RELEASE, QA), (by_key(), by_key())),
    "SIG-08 one key in both formats": lambda: ((RELEASE, QA), (by_key(), by_key(form=Form.LEGACY))),
    "SIG-08 one signature and its mirror": lambda: ((RELEASE, QA), (by_key(), mirrored())),
    "SIG-08 one key under two names": lambda: ((RELEASE, AGAIN), (by_key(), by_key())),
    "one identity twice": lambda: ((CI, QA), (by_identity(), renewed())),
    "one identity under two names": lambda: ((CI, ALSO), (by_identity(), renewed())),
    "two identities of one authority": lambda: ((ALSO, QA), (by_identity(), by_identity(NIGHTLY))),
    "SIG-09 one of two kinds": lambda: ((CI, RELEASE), (by_identity(),)),
    "a key and a stranger": lambda: ((RELEASE, QA), (by_key(), by_key("eve"))),
    "a signature and an attestation": lambda: (
        (RELEASE, QA),
        (by_key(), attestation("https://example.com/p", {}, signer=Key("qa"), log=Log.NONE)),
    ),
    "a signature and one of another image": lambda: ((RELEASE, QA), (by_key(), by_key("qa", digest=OTHER_DIGEST))),
    "an identity without its log": lambda: ((RELEASE, CI), (by_key(), by_identity(log=Log.NONE))),
}

ENOUGH: dict[str, Callable[[], Case]] = {
    "two keys": lambda: ((RELEASE, QA), (by_key(), by_key("qa"))),
    "two keys in two formats": lambda: ((RELEASE, QA), (by_key(form=Form.LEGACY), by_key("qa"))),
    "a key and an identity": lambda: ((RELEASE, CI), (by_key(), by_identity())),
    "two identities": lambda: ((CI, ALSO), (by_identity(), by_identity(NIGHTLY))),
    "two identities, the narrower authority last": lambda: ((ALSO, CI), (by_identity(), by_identity(NIGHTLY))),
    "two identities, found the other way round": lambda: ((ALSO, CI), (by_identity(NIGHTLY), by_identity())),
    "two of three": lambda: ((RELEASE, QA, CI), (by_key("qa"), by_identity())),
    "among others": lambda: (
        (RELEASE, QA),
        (by_key("eve"), bundled(b"{"), by_key(), by_identity(), by_key("qa")),
    ),
}


@pytest.mark.parametrize("make", TOO_FEW.values(), ids=TOO_FEW)
def test_one_voice_is_never_two(make: Callable[[], Case]) -> None:
    authorities, found = make()
    for order in (found, found[::-1]):
        outcome = judged(*order, by=authorities, minimum=2)
        assert (outcome.verified, outcome.code) == (False, Code.TOO_FEW_SIGNERS), outcome.message
        assert len(outcome.signers) == 1
        assert accepted(judged(*order, by=authorities, minimum=1))


@pytest.mark.parametrize("make", ENOUGH.values(), ids=ENOUGH)
def test_distinct_voices_are_counted(make: Callable[[], Case]) -> None:
    authorities, found = make()
    for order in (found, found[::-1]):
        outcome = judged(*order, by=authorities, minimum=2)
        assert accepted(outcome)
        assert len(set(outcome.signers)) == 2


@pytest.mark.parametrize("minimum", [-1, 0, 3])
def test_a_minimum_that_means_nothing_is_never_fulfilled(minimum: int) -> None:
    outcome = judged(by_key(), by_key("qa"), by=(RELEASE, QA), minimum=minimum)
    assert (outcome.verified, outcome.code) == (False, Code.SIGNER_NOT_ALLOWED)


def test_nobody_is_never_enough() -> None:
    assert judged(by_identity()).verified
    assert not judged(by_identity(), by=(), minimum=0).verified
    assert judged().code is Code.NOT_SIGNED


@pytest.mark.parametrize("form", Form)
def test_bad_ones_do_not_spoil_a_good_one(form: Form) -> None:
    """SIG-09; A4.2: a bundle never hides a layer in the older format."""
    bad = (bundled(b"\xff"), by_key("eve"), by_identity(NIGHTLY), by_identity(digest=OTHER_DIGEST))
    assert accepted(judged(*bad, by_identity(form=form)))
    outcome = judged(*bad)
    assert (outcome.verified, outcome.code) == (False, Code.SIGNER_NOT_ALLOWED)


def test_two_signers_may_share_one_layer() -> None:
    """The layers have one digest, and differ in their annotations alone."""
    first, second = by_key(form=Form.LEGACY), by_key("qa", form=Form.LEGACY)
    assert first.content == second.content
    assert accepted(judged(first, second, by=(RELEASE, QA), minimum=2))


def red(**annotations: object) -> Attachment:
    return by_key(annotations=annotations)


RED = replace(RELEASE, annotations={"team": "red"})
ONE = replace(RELEASE, annotations={"level": "1"})

UNANNOTATED: dict[str, Callable[[], tuple[Authority, Attachment]]] = {
    "none": lambda: (RED, by_key()),
    "another": lambda: (RED, red(team="blue")),
    "name in other spelling": lambda: (RED, red(Team="red")),
    "a list": lambda: (RED, red(team=["red"])),
    "null in the older format": lambda: (RED, by_key(annotations={"team": None}, form=Form.LEGACY)),
    "SIG-39 a number": lambda: (ONE, red(level=1)),
    "SIG-39 true": lambda: (ONE, red(level=True)),
    "SIG-39 a number in the older format": lambda: (ONE, by_key(annotations={"level": 1}, form=Form.LEGACY)),
    "on the layer instead of within what is signed": lambda: (RED, on_the_layer()),
    "another subject's": lambda: (RED, of_another_subject()),
}


def on_the_layer() -> Attachment:
    made = Recipe(signer=Key(), log=Log.NONE, form=Form.LEGACY).make()
    return replace(made, more_annotations={"team": "red"}).attachment()


def of_another_subject() -> Attachment:
    both = sign_statement()
    both["subject"] += sign_statement(OTHER_DIGEST, {"team": "red"})["subject"]
    return by_key(content=dumped(both))


@pytest.mark.parametrize("make", UNANNOTATED.values(), ids=UNANNOTATED)
def test_annotations_that_are_wanted_must_be_signed(make: Callable[[], tuple[Authority, Attachment]]) -> None:
    by, found = make()
    Attack(found, Fault.ANNOTATION_MISMATCH, by=by).check()


@pytest.mark.parametrize("form", Form)
def test_annotations_count_on_the_very_signature_that_verified(form: Form) -> None:
    """SIG-09."""
    good = by_key(annotations={"team": "red", "more": 1}, form=form)
    assert accepted(judged(good, by=RED))
    assert not judged(by_key(form=form), by_key("eve", annotations={"team": "red"}, form=form), by=RED).verified
    both = replace(RELEASE, annotations={"team": "red", "site": "eu"})
    assert not judged(red(team="red"), red(site="eu"), by=both).verified
    assert accepted(judged(red(team="red", site="eu"), by=both))


def test_signatures_count_where_the_authority_keeps_them() -> None:
    elsewhere = replace(RELEASE, repository="registry.example.com/signatures")
    Attack(by_key(), Fault.OTHER_PLACE, by=elsewhere).check()
    moved = replace(by_key(), repository="registry.example.com/signatures")
    assert accepted(judged(moved, by=elsewhere))
    Attack(moved, Fault.OTHER_PLACE, by=RELEASE).check()
    assert accepted(judged(moved, by_key("qa"), by=(elsewhere, QA), minimum=2))


def test_the_good_one_beyond_those_that_are_looked_at_is_not_found() -> None:
    """SIG-11: the smaller ones are looked at first, and nothing that is not looked at counts."""
    small = tuple(bundled(b"{}") for _ in range(512))
    outcome = judged(by_identity(), *small)
    assert (outcome.verified, outcome.code) == (False, Code.SIGNATURE_INVALID)
    assert [trial.fault for trial in outcome.trials].count(Fault.UNUSABLE) == 1
    assert accepted(judged(by_identity(), *small[1:]))
