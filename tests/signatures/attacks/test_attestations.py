"""Attestations in both formats, under a rule that wants provenance by our identity."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.fakes.sigstore import (
    DIGEST,
    OTHER_DIGEST,
    SIGN_PREDICATE,
    SIGNATURE_ANNOTATION,
    Artefact,
    Form,
    Key,
    Keyless,
    Log,
    Profile,
    Recipe,
    attestation,
    attestation_statement,
    b64,
    bundled,
    changed,
    dumped,
    services,
    signature,
    uri,
)
from tests.signatures.attacks.trial import (
    CI,
    LOGGED_RELEASE,
    PROVENANCE,
    RELEASE,
    SAID,
    attested,
    judged,
    keyless,
)
from webhook.codes import Code
from webhook.signatures.authorities import Authority
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault
from webhook.signatures.trust import Proofs

STATEMENT: Final = attestation_statement(DIGEST, PROVENANCE, SAID)
STAMPED: Final = keyless(Proofs(timestamp=True, certificate_transparency=True))
FORM = pytest.mark.parametrize("form", Form)


def recipe(**more: Any) -> Recipe:
    return Recipe(**{"predicate_type": PROVENANCE, "predicate": SAID, **more})


def provenance(**more: Any) -> Attachment:
    return recipe(**more).make().attachment()


def layer(**more: Any) -> Artefact:
    return recipe(form=Form.LEGACY, log=Log.PROMISE, **more).make()


def enveloped(*path: str | int, to: object) -> Attachment:
    """A layer whose envelope differs in one value after everything was signed."""
    made = layer()
    return replace(made.attachment(), content=dumped(changed(made.envelope(), *path, to=to)))


def stated(form: Form, *path: str | int, to: object) -> Attachment:
    return provenance(content=dumped(changed(STATEMENT, *path, to=to)), form=form)


GOOD: dict[str, tuple[Callable[[], Attachment], Authority]] = {
    "bundle": (provenance, CI),
    "bundle with Rekor 2": (lambda: provenance(log=Log.V2, timestamp=True), CI),
    "bundle with intoto 0.0.2": (lambda: provenance(kind="intoto/0.0.2"), CI),
    "bundle by a key": (lambda: provenance(signer=Key(), log=Log.NONE), RELEASE),
    "layer": (lambda: layer().attachment(), CI),
    "layer with intoto 0.0.1": (lambda: layer(kind="intoto/0.0.1").attachment(), CI),
    "layer with intoto 0.0.2": (lambda: layer(kind="intoto/0.0.2").attachment(), CI),
    "layer with a timestamp over its signature": (lambda: layer(timestamp=True).attachment(), STAMPED),
    "layer with a timestamp over its envelope": (lambda: layer(timestamp=True, stamped=whole).attachment(), STAMPED),
    "layer by a key": (lambda: layer(signer=Key()).attachment(), LOGGED_RELEASE),
    "layer by a key, intoto 0.0.1": (lambda: layer(signer=Key(), kind="intoto/0.0.1").attachment(), LOGGED_RELEASE),
    "subject in second place": (
        lambda: stated(Form.BUNDLE, "subject", to=[{"digest": {"sha1": ""}}, *STATEMENT["subject"]]),
        CI,
    ),
}


def whole(made: Artefact) -> bytes:
    """The envelope, as cosign 2 had it stamped."""
    return dumped(made.envelope())


@pytest.mark.parametrize(("make", "by"), GOOD.values(), ids=GOOD)
def test_good_attestations_are_accepted_and_are_no_signatures(make: Callable[[], Attachment], by: Authority) -> None:
    outcome = attested(make(), by=by)
    assert outcome.verified, outcome.message
    as_signature = judged(make(), by=by)
    assert (as_signature.verified, as_signature.code) == (False, Code.NOT_SIGNED)
    assert [trial.fault for trial in as_signature.trials] == [Fault.OTHER_PREDICATE]


Attack = tuple[Fault, Attachment, Authority]

SOMEBODY = Keyless(Profile(names=(uri("https://example.org/somebody"),)))

ATTACKS: dict[str, Callable[[], Attack]] = {
    "SIG-20 signature as an attestation": lambda: (Fault.OTHER_PREDICATE, signature(), CI),
    "SIG-20 signature in the older format": lambda: (Fault.OTHER_PREDICATE, signature(form=Form.LEGACY), CI),
    "SIG-20 another type": lambda: (Fault.OTHER_PREDICATE, attestation("https://spdx.dev/Document", {}), CI),
    "type with a slash": lambda: (Fault.OTHER_PREDICATE, attestation(f"{PROVENANCE}/", {}), CI),
    "annotation that tells another type than the statement": lambda: (
        Fault.OTHER_PREDICATE,
        replace(layer(predicate_type="https://spdx.dev/Document"), predicate_type=PROVENANCE).attachment(),
        CI,
    ),
    "SIG-22 by somebody": lambda: (Fault.SUBJECT_MISMATCH, provenance(signer=SOMEBODY), CI),
    "SIG-22 by nobody": lambda: (Fault.MALFORMED, enveloped("signatures", to=[]), CI),
    "SIG-22 by a key where an identity is wanted": lambda: (
        Fault.CERTIFICATE_MISSING,
        layer(signer=Key()).attachment(),
        CI,
    ),
    "by an identity where a key is wanted": lambda: (Fault.CERTIFICATE_UNEXPECTED, provenance(), RELEASE),
    "layer by an identity where a key is wanted": lambda: (Fault.SIGNATURE_MISMATCH, layer().attachment(), RELEASE),
    "two signatures": lambda: (Fault.MALFORMED, enveloped("signatures", to=[{"sig": "AAAA"}, {"sig": "AAAA"}]), CI),
    "another signature": lambda: (
        Fault.SIGNATURE_MISMATCH,
        enveloped("signatures", to=[{"sig": b64(layer(predicate={}).signature)}]),
        CI,
    ),
    "another payload": lambda: (
        Fault.SIGNATURE_MISMATCH,
        enveloped("payload", to=b64(dumped(changed(STATEMENT, "predicate", to={})))),
        CI,
    ),
    "SIG-19 another payload type": lambda: (Fault.MALFORMED, enveloped("payloadType", to="application/json"), CI),
    "signature in the annotation, not in the envelope": lambda: (Fault.MALFORMED, in_annotation(), CI),
    "envelope that was logged with other bytes": lambda: (Fault.LOG_ENTRY_MISMATCH, reformatted("intoto/0.0.1"), CI),
    "entry of another attestation": lambda: (Fault.LOG_ENTRY_MISMATCH, with_entry_of(layer(predicate={})), CI),
    "entry of another attestation, intoto 0.0.1": lambda: (
        Fault.LOG_ENTRY_MISMATCH,
        with_entry_of(layer(predicate={}, kind="intoto/0.0.1")),
        CI,
    ),
    "entry of somebody's certificate, intoto 0.0.1": lambda: (Fault.LOG_ENTRY_MISMATCH, logged_for_somebody(), CI),
    "SIG-18 no entry": lambda: (Fault.LOG_ENTRY_MISSING, provenance(form=Form.LEGACY, log=Log.NONE), CI),
    "no timestamp": lambda: (Fault.TIMESTAMP_MISSING, layer().attachment(), STAMPED),
    "timestamp over the payload": lambda: (
        Fault.TIMESTAMP_INVALID,
        layer(timestamp=True, stamped=lambda made: made.payload).attachment(),
        STAMPED,
    ),
    "timestamp over the envelope in a bundle": lambda: (
        Fault.TIMESTAMP_INVALID,
        provenance(timestamp=True, stamped=whole),
        STAMPED,
    ),
    "another instance": lambda: (Fault.CERTIFICATE_UNTRUSTED, provenance(services=services("example.org")), CI),
}


def in_annotation() -> Attachment:
    made = layer()
    found = replace(made.attachment(), content=dumped(changed(made.envelope(), "signatures", to=[])))
    return replace(found, annotations={**found.annotations, SIGNATURE_ANNOTATION: b64(made.signature)})


def reformatted(kind: str) -> Attachment:
    made = layer(kind=kind)
    return replace(made.attachment(), content=json.dumps(made.envelope(), indent=1).encode())


def with_entry_of(other: Artefact) -> Attachment:
    return replace(layer(), entry=other.entry).attachment()


def logged_for_somebody() -> Attachment:
    theirs = recipe(signer=SOMEBODY, form=Form.LEGACY, kind="intoto/0.0.1").make().entry
    assert theirs is not None
    told = json.loads(base64.b64decode(theirs["canonicalizedBody"]))["spec"]["publicKey"]
    return layer(kind="intoto/0.0.1", logged=lambda body: changed(body, "spec", "publicKey", to=told)).attachment()


@pytest.mark.parametrize("make", ATTACKS.values(), ids=ATTACKS)
def test_attestations_that_prove_nothing_are_refused(make: Callable[[], Attack]) -> None:
    fault, found, by = make()
    outcome = attested(found, by=by)
    assert [(trial.accepted, trial.fault) for trial in outcome.trials] == [(False, fault)], outcome.trials[0].reason
    assert (outcome.verified, outcome.code) == (False, Code.ATTESTATION_MISSING)


STATEMENTS: dict[str, tuple[Fault, tuple[str | int, ...], object]] = {
    "SIG-21 of another image": (
        Fault.OTHER_DIGEST,
        ("subject", 0, "digest", "sha256"),
        OTHER_DIGEST.removeprefix("sha256:"),
    ),
    "SIG-21 in upper case": (Fault.OTHER_DIGEST, ("subject", 0, "digest", "sha256"), "A1" * 32),
    "SIG-21 weaker digest": (Fault.OTHER_DIGEST, ("subject", 0, "digest"), {"sha1": "a1" * 20}),
    "SIG-21 subject that is null": (Fault.MALFORMED, ("subject", 0), None),
    "no subject": (Fault.OTHER_DIGEST, ("subject",), ...),
    "no type of predicate": (Fault.MALFORMED, ("predicateType",), ...),
    "statement of another version": (Fault.MALFORMED, ("_type",), "https://in-toto.io/Statement/v0.2"),
}


@FORM
@pytest.mark.parametrize(("fault", "path", "to"), STATEMENTS.values(), ids=STATEMENTS)
def test_statements_about_something_else_are_refused(
    form: Form, fault: Fault, path: tuple[str | int, ...], to: object
) -> None:
    outcome = attested(stated(form, *path, to=to))
    assert [trial.fault for trial in outcome.trials] == [fault], outcome.trials[0].reason
    assert (outcome.verified, outcome.code) == (False, Code.ATTESTATION_MISSING)


@FORM
def test_an_envelope_in_other_bytes_is_the_same_where_no_log_has_its_hash(form: Form) -> None:
    """What is signed is the payload and its type; spaces around it, and members that nobody reads, are not."""
    assert attested(reformatted("dsse/0.0.1")).verified
    document = recipe().make().bundle() | {"unknown": form.name}
    assert attested(bundled(document)).verified


@FORM
def test_a_signature_attests_nothing_even_where_its_own_type_is_wanted(form: Form) -> None:
    outcome = attested(signature(form=form), predicate_type=SIGN_PREDICATE)
    assert (outcome.verified, outcome.code) == (False, Code.ATTESTATION_MISSING)
    assert [trial.fault for trial in outcome.trials] == [Fault.OTHER_PREDICATE]


def test_nothing_found_attests_nothing() -> None:
    assert attested().code is Code.ATTESTATION_MISSING
    assert attested(replace(provenance(), media_type="application/json")).code is Code.ATTESTATION_MISSING


def test_a_layer_of_attestations_is_no_signature_even_if_it_says_so() -> None:
    made = recipe(predicate_type=SIGN_PREDICATE, predicate={}, form=Form.LEGACY, log=Log.PROMISE).make().attachment()
    outcome = judged(made, by=CI)
    assert (outcome.code, [trial.fault for trial in outcome.trials]) == (Code.NOT_SIGNED, [Fault.OTHER_PREDICATE])
