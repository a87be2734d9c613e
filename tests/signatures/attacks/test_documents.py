"""What is signed, and how it is written down: one change each to a good keyless artefact.

Everything is signed, logged and certified as it should be, so that the change alone is what is refused.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes.sigstore import (
    DIGEST,
    OTHER_DIGEST,
    SIGN_PREDICATE,
    SIGNATURE_ANNOTATION,
    Form,
    Log,
    Recipe,
    attestation,
    b64,
    bundled,
    changed,
    dumped,
    sign_statement,
    signature,
    simple_signing,
)
from tests.signatures.attacks.trial import Attack, accepted, judged
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault

PROVENANCE = "https://slsa.dev/provenance/v1"
SUBJECT = sign_statement()["subject"][0]
HEX = DIGEST.removeprefix("sha256:")
SIGNED = dumped(simple_signing())
STATED = dumped(sign_statement())
NAMED = b'"docker-manifest-digest"'


def legacy(**recipe: Any) -> Attachment:
    return signature(form=Form.LEGACY, **recipe)


def payload(*path: str | int, to: object) -> Attachment:
    """A layer in the older format whose payload differs in one value."""
    return legacy(content=dumped(changed(simple_signing(), *path, to=to)))


def stated(*path: str | int, to: object) -> Attachment:
    """A bundle whose statement differs in one value."""
    return signature(content=dumped(changed(sign_statement(), *path, to=to)))


def document(*path: str | int, to: object) -> Attachment:
    """A bundle that differs in one value after everything was signed."""
    return bundled(changed(Recipe().make().bundle(), *path, to=to))


def resigned(found: Attachment, text: str) -> Attachment:
    return replace(found, annotations={**found.annotations, SIGNATURE_ANNOTATION: text})


def raw(old: bytes, new: bytes) -> Attachment:
    """A bundle with other bytes in one place of its document."""
    content = signature().content
    assert old in content
    return bundled(content.replace(old, new, 1))


def retyped() -> Attachment:
    """Signed as `application/json`, and then called an in-toto statement."""
    made = Recipe(payload_type="application/json").make()
    return replace(made, payload_type="application/vnd.in-toto+json").attachment()


GOOD: dict[str, Callable[[], Attachment]] = {
    "bundle": signature,
    "layer": legacy,
    "subject in second place": lambda: stated("subject", to=[{"digest": {"sha1": "a1" * 20}}, SUBJECT]),
    "no predicate, as cosign 3.0 wrote": lambda: stated("predicate", to=...),
    "line ends in the signature, as Go allows": lambda: resigned(
        found := legacy(),
        found.annotations[SIGNATURE_ANNOTATION][:20] + "\r\n" + found.annotations[SIGNATURE_ANNOTATION][20:],
    ),
}

ANOTHER_DIGEST: dict[str, Callable[[], Attachment]] = {
    "SIG-01 bundle of another image": lambda: signature(digest=OTHER_DIGEST),
    "SIG-01 layer of another image": lambda: legacy(digest=OTHER_DIGEST),
    "SIG-21 no subject": lambda: stated("subject", to=[]),
    "SIG-21 only weaker digests": lambda: stated("subject", to=[{"digest": {"sha1": "a1" * 20}}]),
    "SIG-21 only another digest": lambda: stated("subject", to=[{"digest": {"sha512": "a1" * 64}}]),
    "SIG-21 upper case": lambda: stated("subject", 0, "digest", "sha256", to=HEX.upper()),
    "SIG-21 algorithm within the digest": lambda: stated("subject", 0, "digest", "sha256", to=DIGEST),
    "digest without algorithm": lambda: payload("critical", "image", "docker-manifest-digest", to=HEX),
    "digest in upper case": lambda: payload("critical", "image", "docker-manifest-digest", to=DIGEST.upper()),
    "digest with a line end": lambda: payload("critical", "image", "docker-manifest-digest", to=f"{DIGEST}\n"),
}

ANOTHER_PREDICATE: dict[str, Callable[[], Attachment]] = {
    "SIG-20 provenance as a signature": lambda: attestation(PROVENANCE, {}),
    "SIG-20 provenance in the older format": lambda: attestation(PROVENANCE, {}, form=Form.LEGACY),
    "predicate type with a slash": lambda: stated("predicateType", to=f"{SIGN_PREDICATE}/"),
    "predicate type of a later version": lambda: stated("predicateType", to="https://sigstore.dev/cosign/sign/v2"),
    "empty predicate type": lambda: stated("predicateType", to=""),
}

MALFORMED: dict[str, Callable[[], Attachment]] = {
    "SIG-03 no type": lambda: payload("critical", "type", to=...),
    "SIG-03 other type": lambda: payload("critical", "type", to="atomic container signature"),
    "SIG-03 other spelling": lambda: payload("critical", "type", to="Cosign container image signature"),
    "SIG-04 digest twice": lambda: legacy(content=SIGNED.replace(NAMED, b'"docker-manifest-digest":"",' + NAMED)),
    "SIG-04 digest in two spellings": lambda: legacy(
        content=SIGNED.replace(NAMED, b'"Docker-Manifest-Digest":"",' + NAMED)
    ),
    "SIG-04 NaN": lambda: legacy(content=SIGNED.replace(b"null", b'{"a":NaN}')),
    "SIG-04 byte order mark": lambda: legacy(content=b"\xef\xbb\xbf" + SIGNED),
    "SIG-04 bytes behind": lambda: legacy(content=SIGNED + b"{}"),
    "SIG-04 statement with its subject twice": lambda: signature(
        content=STATED.replace(b'"subject"', b'"subject":[],"subject"')
    ),
    "SIG-04 statement with a surrogate": lambda: signature(
        content=STATED.replace(b'"predicate":{}', b'"predicate":"\\ud800"')
    ),
    "SIG-04 envelope twice": lambda: raw(b'"dsseEnvelope"', b'"dsseEnvelope":{},"dsseEnvelope"'),
    "SIG-04 material in two spellings": lambda: raw(
        b'"verificationMaterial"', b'"VerificationMaterial":{},"verificationMaterial"'
    ),
    "SIG-06 junk in base64": lambda: resigned(legacy(), "QUJD!!!!"),
    "SIG-06 no signature": lambda: resigned(legacy(), ""),
    "SIG-06 space in base64": lambda: resigned(legacy(), f" {b64(Recipe().make().signature)}"),
    "SIG-19 other payload type": lambda: signature(payload_type="application/json"),
    "SIG-19 payload type of another spelling": lambda: signature(payload_type="application/vnd.in-toto+JSON"),
    "SIG-19 payload type changed afterwards": lambda: document("dsseEnvelope", "payloadType", to="text/plain"),
    "SIG-19 no signature": lambda: document("dsseEnvelope", "signatures", to=[]),
    "SIG-19 two signatures": lambda: document(
        "dsseEnvelope", "signatures", to=[{"sig": b64(Recipe().make().signature)}, {"sig": "AAAA"}]
    ),
    "SIG-20 payload that is no statement": lambda: signature(content=b"signed"),
    "SIG-21 subject that is null": lambda: stated("subject", to=[None, SUBJECT]),
    "SIG-21 digest that is null": lambda: stated("subject", to=[{"digest": None}, SUBJECT]),
    "SIG-10 more subjects than are read": lambda: stated("subject", to=[SUBJECT, *[{"digest": {}}] * 1024]),
    "SIG-10 more digests than are read": lambda: stated(
        "subject", 0, "digest", to={"sha256": HEX} | {f"sha{number}": "" for number in range(32)}
    ),
    "statement of another version": lambda: stated("_type", to="https://in-toto.io/Statement/v2"),
    "SIG-16 bundle of an older version": lambda: document(
        "mediaType", to="application/vnd.dev.sigstore.bundle+json;version=0.2"
    ),
    "SIG-16 bundle of a later version": lambda: document(
        "mediaType", to="application/vnd.dev.sigstore.bundle.v0.4+json"
    ),
    "SIG-16 layer of an older version": lambda: replace(
        signature(), media_type="application/vnd.dev.sigstore.bundle+json;version=0.2"
    ),
    "SIG-32 chain in a bundle": lambda: document(
        "verificationMaterial", to={"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}
    ),
    "SIG-07 key beside the certificate": lambda: document("verificationMaterial", "publicKey", to={"hint": ""}),
    "nothing to verify with": lambda: document("verificationMaterial", "certificate", to=...),
    "signature of a file beside the envelope": lambda: document("messageSignature", to={"signature": "AAAA"}),
}

MISMATCH: dict[str, Callable[[], Attachment]] = {
    "payload with a space more": lambda: replace(found := legacy(), content=found.content + b" "),
    "payload of the same signer's other signature": lambda: replace(
        legacy(), content=legacy(annotations={"team": "red"}).content
    ),
    "statement with a space more": lambda: document("dsseEnvelope", "payload", to=b64(STATED + b" ")),
    "statement of the same signer's other signature": lambda: document(
        "dsseEnvelope", "payload", to=b64(dumped(sign_statement(annotations={"team": "red"})))
    ),
    "signature of the same signer over something else": lambda: document(
        "dsseEnvelope", "signatures", to=[{"sig": b64(Recipe(digest=OTHER_DIGEST).make().signature)}]
    ),
    "signature over the payload without its type": lambda: signature(message=STATED),
    "signature over the payload with another type": retyped,
    "layer that is signed as an envelope is": lambda: legacy(message=b"DSSEv1 0  %d %s" % (len(SIGNED), SIGNED)),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
def test_good_documents_are_accepted(make: Callable[[], Attachment]) -> None:
    assert accepted(judged(make()))


def cases(fault: Fault, table: dict[str, Callable[[], Attachment]]) -> list[Any]:
    return [pytest.param(fault, make, id=name) for name, make in table.items()]


@pytest.mark.parametrize(
    ("fault", "make"),
    [
        *cases(Fault.OTHER_DIGEST, ANOTHER_DIGEST),
        *cases(Fault.OTHER_PREDICATE, ANOTHER_PREDICATE),
        *cases(Fault.MALFORMED, MALFORMED),
        *cases(Fault.SIGNATURE_MISMATCH, MISMATCH),
    ],
)
def test_changed_documents_are_refused(fault: Fault, make: Callable[[], Attachment]) -> None:
    Attack(make(), fault).check()


def test_a_reference_to_another_repository_is_no_fault() -> None:
    """SIG-02: copied and mirrored images keep the reference of where they were signed."""
    assert accepted(judged(payload("critical", "identity", "docker-reference", to="registry.example.org/copy")))


def test_annotations_that_nobody_asked_for_are_no_fault() -> None:
    assert accepted(judged(signature(annotations={"team": 1}), legacy(annotations={"team": None}, log=Log.PROMISE)))
