"""Bundles: one valid signature, then one change each; verdict and whole reason are compared."""

import pytest

from tests.signatures.forge import (
    BUNDLE_MEDIA_TYPE,
    DIGEST,
    OTHER_DIGEST,
    WITHOUT_ROOTS,
    b64,
    bundle,
    bundled,
    changed,
    dumped,
    encoding,
    evidence,
    non_canonical,
    required,
    signer,
    stated,
    statement,
)
from webhook.codes import Code
from webhook.signatures import bundle as bundle_format
from webhook.signatures.candidate import Form
from webhook.signatures.evidence import Attachment
from webhook.signatures.verify import Outcome, verify

RELEASE = signer("release")
NOT_OURS = "not signed by this ECDSA P-256 key"
SUBJECT = statement()["subject"][0]
SIGNED_ELSEWHERE = f'signs "{OTHER_DIGEST}", not this digest'
PADDED = dumped(statement()) + b" " * ((4 - len(dumped(statement())) % 3) % 3)  # its base64 ends in "=="
NON_ASCII = dumped(statement()).replace(b'"predicate":{}', '"predicate":{"by":"\u00e9\u4e16"}'.encode())


def judged(attachment: Attachment, **annotations: str) -> Outcome:
    return verify(evidence(attachment), DIGEST, required(RELEASE.authority(**annotations)), WITHOUT_ROOTS)


def enveloped(*path: str | int, to: object) -> Attachment:
    """A bundle that differs in one value."""
    return bundled(changed(bundle(RELEASE), *path, to=to))


def declared(*path: str | int, to: object) -> Attachment:
    """A bundle whose statement differs in one value, well signed."""
    return stated(RELEASE, changed(statement(), *path, to=to))


INVALID: dict[str, tuple[Attachment, str]] = {
    "SIG-16 bundle v0.2": (
        enveloped("mediaType", to="application/vnd.dev.sigstore.bundle+json;version=0.2"),
        f'bundle: mediaType is "application/vnd.dev.sigstore.bundle+json;version=0.2", not "{BUNDLE_MEDIA_TYPE}"',
    ),
    "SIG-16 other spelling of v0.3": (
        enveloped("mediaType", to="application/vnd.dev.sigstore.bundle+json;version=0.3"),
        f'bundle: mediaType is "application/vnd.dev.sigstore.bundle+json;version=0.3", not "{BUNDLE_MEDIA_TYPE}"',
    ),
    "SIG-16 unknown version": (
        enveloped("mediaType", to="application/vnd.dev.sigstore.bundle.v0.4+json"),
        f'bundle: mediaType is "application/vnd.dev.sigstore.bundle.v0.4+json", not "{BUNDLE_MEDIA_TYPE}"',
    ),
    "SIG-16 layer of another version": (
        bundled(bundle(RELEASE), "application/vnd.dev.sigstore.bundle+json;version=0.3"),
        f'a bundle of media type "application/vnd.dev.sigstore.bundle+json;version=0.3", not "{BUNDLE_MEDIA_TYPE}"',
    ),
    "no media type": (enveloped("mediaType", to=...), "bundle: mediaType is absent or null, not a string"),
    "no verification material": (
        enveloped("verificationMaterial", to=...),
        "bundle: verificationMaterial is absent or null, not an object",
    ),
    "empty verification material": (
        enveloped("verificationMaterial", to={}),
        "bundle: one of publicKey, certificate, x509CertificateChain must be there, found none",
    ),
    "SIG-07 key and certificate": (
        enveloped("verificationMaterial", "certificate", to={"rawBytes": "AAAA"}),
        "bundle: one of publicKey, certificate, x509CertificateChain must be there, found publicKey and certificate",
    ),
    "SIG-32 certificate chain": (
        enveloped("verificationMaterial", to={"x509CertificateChain": {"certificates": []}}),
        "bundle: x509CertificateChain, where version 0.3 carries a single certificate",
    ),
    "SIG-32 endless certificate": (
        enveloped("verificationMaterial", to={"certificate": {"rawBytes": "A" * 32772}}),
        "bundle: rawBytes has 32772 characters, more than the 32768 that are read",
    ),
    "certificate that is no base64": (
        enveloped("verificationMaterial", to={"certificate": {"rawBytes": "!"}}),
        "bundle: rawBytes is not base64",
    ),
    "public key that is no object": (
        enveloped("verificationMaterial", "publicKey", to="key"),
        "bundle: publicKey is a string, not an object",
    ),
    "signature of a file": (
        bundled(
            changed(bundle(RELEASE), "dsseEnvelope", to=...)
            | {"messageSignature": {"messageDigest": {"algorithm": "SHA2_256", "digest": ""}, "signature": "AAAA"}}
        ),
        "bundle: messageSignature, which signs a file; an image's signature is a dsseEnvelope",
    ),
    "both contents": (
        enveloped("messageSignature", to={}),
        "bundle: messageSignature, which signs a file; an image's signature is a dsseEnvelope",
    ),
    "no content": (enveloped("dsseEnvelope", to=...), "bundle: dsseEnvelope is absent or null, not an object"),
    "SIG-19 other payload type": (
        bundled(bundle(RELEASE, payload_type="application/json")),
        'bundle: payloadType is "application/json", not "application/vnd.in-toto+json"',
    ),
    "SIG-19 payload type in upper case": (
        bundled(bundle(RELEASE, payload_type="application/vnd.in-toto+JSON")),
        'bundle: payloadType is "application/vnd.in-toto+JSON", not "application/vnd.in-toto+json"',
    ),
    "SIG-19 no signature": (
        enveloped("dsseEnvelope", "signatures", to=[]),
        "bundle: 0 signatures in the envelope, not one",
    ),
    "SIG-19 two signatures": (
        enveloped("dsseEnvelope", "signatures", to=bundle(RELEASE)["dsseEnvelope"]["signatures"] * 2),
        "bundle: 2 signatures in the envelope, not one",
    ),
    "SIG-10 many signatures": (
        enveloped("dsseEnvelope", "signatures", to=[{}] * 33),
        "bundle: signatures has 33 items, more than the 32 that are read",
    ),
    "signature is no object": (
        enveloped("dsseEnvelope", "signatures", to=["AAAA"]),
        "bundle: a signature is not an object",
    ),
    "signature is no string": (
        enveloped("dsseEnvelope", "signatures", to=[{"sig": None}]),
        "bundle: sig is absent or null, not a string",
    ),
    "signature with a newline": (
        enveloped("dsseEnvelope", "signatures", to=[{"sig": "QUJD\n"}]),
        "bundle: sig is not base64",
    ),
    "payload that is no base64": (enveloped("dsseEnvelope", "payload", to="{}"), "bundle: payload is not base64"),
    "payload with stray bits": (
        bundled(
            changed(
                bundle(RELEASE, PADDED),
                "dsseEnvelope",
                "payload",
                to=non_canonical(b64(PADDED)),
            )
        ),
        "bundle: payload is not canonical base64",
    ),
    "SIG-10 many log entries": (
        enveloped("verificationMaterial", "tlogEntries", to=[{}] * 1_000),
        "bundle: tlogEntries has 1000 items, more than the 32 that are read",
    ),
    "SIG-10 many timestamps": (
        enveloped("verificationMaterial", "timestampVerificationData", to={"rfc3161Timestamps": [{}] * 9}),
        "bundle: rfc3161Timestamps has 9 items, more than the 8 that are read",
    ),
    "SIG-04 content twice": (
        bundled(dumped(bundle(RELEASE)).replace(b'"dsseEnvelope"', b'"dsseEnvelope":{},"dsseEnvelope"')),
        "bundle: a key stands twice in one object",
    ),
    "SIG-04 statement with a key twice": (
        stated(RELEASE, dumped(statement()).replace(b'"subject"', b'"subject":[],"subject"')),
        "statement: a key stands twice in one object",
    ),
    "SIG-20 payload that is no JSON": (
        stated(RELEASE, b"unparsable"),
        "statement: not JSON: Expecting value at character 0",
    ),
    "SIG-20 no predicate type": (
        declared("predicateType", to=...),
        "statement: predicateType is absent or null, not a string",
    ),
    "other statement type": (
        declared("_type", to="https://in-toto.io/Statement/v2"),
        'statement: _type is "https://in-toto.io/Statement/v2", not an in-toto statement v0.1 or v1',
    ),
    "SIG-21 no subject of ours": (stated(RELEASE, statement(OTHER_DIGEST)), SIGNED_ELSEWHERE),
    "SIG-21 subject of SHA-512 alone": (
        declared("subject", 0, "digest", to={"sha512": "ab" * 64, "sha1": "ab" * 20}),
        "signs no SHA-256 digest, not this digest",
    ),
    "SIG-21 our digest under another name": (
        declared("subject", 0, "digest", to={"sha512": DIGEST.hex}),
        "signs no SHA-256 digest, not this digest",
    ),
    "SIG-21 digest in upper case": (
        declared("subject", 0, "digest", to={"sha256": DIGEST.hex.upper()}),
        f'signs "sha256:{DIGEST.hex.upper()}", not this digest',
    ),
    "SIG-21 null among the subjects": (
        declared("subject", to=[None, SUBJECT]),
        "statement: a subject is not an object",
    ),
    "SIG-21 null as a digest": (
        declared("subject", to=[{"digest": None}]),
        "statement: digest is absent or null, not an object",
    ),
    "SIG-21 no subjects": (declared("subject", to=[]), "signs no SHA-256 digest, not this digest"),
    "SIG-21 subjects absent": (declared("subject", to=...), "signs no SHA-256 digest, not this digest"),
    "digest is a list": (
        declared("subject", 0, "digest", to={"sha256": [DIGEST.hex]}),
        "statement: sha256 is an array, not a string",
    ),
    "annotations are a list": (
        declared("subject", 0, "annotations", to=[]),
        "statement: annotations is an array, not an object",
    ),
    "SIG-10 many subjects": (
        declared("subject", to=[SUBJECT] * 1025),
        "statement: subject has 1025 items, more than the 1024 that are read",
    ),
    "SIG-10 many digests": (
        declared("subject", 0, "digest", to={f"h{number}": "" for number in range(32)} | {"sha256": DIGEST.hex}),
        "statement: 33 digests of one subject, more than the 32 that are read",
    ),
    "SIG-10 endless bundle": (
        bundled(dumped(bundle(RELEASE)) + b" " * (16 << 20)),
        f"bundle: {len(dumped(bundle(RELEASE))) + (16 << 20)} bytes are more than the 16777216 that are read",
    ),
}


MISMATCHED: dict[str, tuple[Attachment, str]] = {
    "bundle by another key": (bundled(bundle(signer("stranger"))), NOT_OURS),
    "bundle signed without its encoding": (
        enveloped("dsseEnvelope", "signatures", to=[{"sig": b64(RELEASE.sign(dumped(statement())))}]),
        NOT_OURS,
    ),
    "SIG-19 bundle signed for another payload type": (
        enveloped(
            "dsseEnvelope", "signatures", to=[{"sig": b64(RELEASE.sign(encoding(dumped(statement()), "text/plain")))}]
        ),
        NOT_OURS,
    ),
    "SIG-07 certificate where a key is accepted": (
        enveloped("verificationMaterial", to={"certificate": {"rawBytes": "AAAA"}}),
        "signed with a certificate (keyless), where a key is accepted",
    ),
}

ATTESTATIONS: dict[str, tuple[Attachment, str]] = {
    "SIG-20 provenance": (
        declared("predicateType", to="https://slsa.dev/provenance/v1"),
        'an attestation of type "https://slsa.dev/provenance/v1", not a signature',
    ),
    "SIG-20 nearly the type of signatures": (
        declared("predicateType", to="https://sigstore.dev/cosign/sign/v1/"),
        'an attestation of type "https://sigstore.dev/cosign/sign/v1/", not a signature',
    ),
    "SIG-20 empty predicate type": (declared("predicateType", to=""), 'an attestation of type "", not a signature'),
    "SIG-22 predicate type with control characters": (
        declared("predicateType", to="in-toto\r\n\u202e" + "x" * 200),
        'an attestation of type "in-toto\\r\\n\\u202e' + "x" * 90 + '...", not a signature',
    ),
}

ACCEPTED: dict[str, Attachment] = {
    "bundle": bundled(bundle(RELEASE)),
    "statement v0.1": declared("_type", to="https://in-toto.io/Statement/v0.1"),
    "SIG-21 match in second place": declared("subject", to=[{"digest": {"sha256": OTHER_DIGEST.hex}}, SUBJECT]),
    "SIG-21 match behind a subject without SHA-256": declared("subject", to=[{"digest": {"sha1": "00"}}, SUBJECT]),
    "subject with a name": declared("subject", 0, "name", to="registry.example.com/app"),
    "1024 subjects": declared("subject", to=[*([{"digest": {"sha256": OTHER_DIGEST.hex}}] * 1023), SUBJECT]),
    "no predicate": declared("predicate", to=...),
    "SIG-19 payload whose characters take several bytes": stated(RELEASE, NON_ASCII),
    "wrong hint": enveloped("verificationMaterial", "publicKey", "hint", to="bm8="),
    "no hint": enveloped("verificationMaterial", "publicKey", to={}),
    "field that is not known": enveloped("future", to=[1]),
    "log entry beside it": enveloped("verificationMaterial", "tlogEntries", to=[{"logIndex": "1"}]),
    "key id in the envelope": enveloped("dsseEnvelope", "signatures", 0, "keyid", to="somebody"),
    "null for what is absent": enveloped("verificationMaterial", "tlogEntries", to=None),
}


@pytest.mark.parametrize("attachment", ACCEPTED.values(), ids=ACCEPTED)
def test_what_does_not_matter_does_not_refuse(attachment: Attachment) -> None:
    outcome = judged(attachment)
    assert (outcome.verified, outcome.code, outcome.message) == (True, None, "signed by release")
    assert [(trial.authority, trial.accepted, trial.reason) for trial in outcome.trials] == [
        ("release", True, "verified")
    ]


@pytest.mark.parametrize(("attachment", "reason"), INVALID.values(), ids=INVALID)
def test_what_is_no_well_formed_signature_of_the_digest_is_invalid(attachment: Attachment, reason: str) -> None:
    outcome = judged(attachment)
    assert [(trial.authority, trial.accepted, trial.reason) for trial in outcome.trials] == [("", False, reason)]
    assert (outcome.verified, outcome.code, outcome.signers) == (False, Code.SIGNATURE_INVALID, ())
    assert outcome.message == f"found 1, of which none is a well-formed signature of this digest: {reason}"


@pytest.mark.parametrize(("attachment", "reason"), MISMATCHED.values(), ids=MISMATCHED)
def test_what_is_not_by_the_key_is_no_allowed_signer(attachment: Attachment, reason: str) -> None:
    outcome = judged(attachment)
    assert [(trial.authority, trial.accepted, trial.reason) for trial in outcome.trials] == [("release", False, reason)]
    assert (outcome.verified, outcome.code, outcome.signers) == (False, Code.SIGNER_NOT_ALLOWED, ())


@pytest.mark.parametrize(("attachment", "reason"), ATTESTATIONS.values(), ids=ATTESTATIONS)
def test_an_attestation_by_the_right_key_is_not_a_signature(attachment: Attachment, reason: str) -> None:
    outcome = judged(attachment)
    assert [(trial.authority, trial.accepted, trial.reason) for trial in outcome.trials] == [("", False, reason)]
    assert (outcome.verified, outcome.code) == (False, Code.NOT_SIGNED)
    assert outcome.message == "no cosign signature or bundle for this digest; attestations (1 found) are not signatures"


def test_the_length_in_the_encoding_counts_bytes_and_not_characters() -> None:
    text = NON_ASCII.decode()
    counted_wrong = f"DSSEv1 28 application/vnd.in-toto+json {len(text)} {text}".encode()
    forged = changed(
        bundle(RELEASE, NON_ASCII), "dsseEnvelope", "signatures", to=[{"sig": b64(RELEASE.sign(counted_wrong))}]
    )
    assert judged(bundled(forged)).code is Code.SIGNER_NOT_ALLOWED


def test_annotations_of_another_subject_do_not_count() -> None:
    """SIG-09."""
    other = {"digest": {"sha256": OTHER_DIGEST.hex}, "annotations": {"team": "red"}}
    assert judged(declared("subject", to=[other, SUBJECT]), team="red").code is Code.SIGNER_NOT_ALLOWED
    both = [SUBJECT, {**SUBJECT, "annotations": {"team": "red"}}]
    assert judged(declared("subject", to=both), team="red").verified


def test_certificate_log_entries_and_timestamps_are_kept_as_they_stand() -> None:
    document = changed(
        bundle(RELEASE),
        "verificationMaterial",
        to={
            "certificate": {"rawBytes": b64(b"DER")},
            "tlogEntries": [{"logIndex": "1"}],
            "timestampVerificationData": {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]},
        },
    )
    found = bundle_format.parse(bundled(document))
    assert (found.form, found.predicate_type, found.keyless) == (
        Form.BUNDLE,
        "https://sigstore.dev/cosign/sign/v1",
        True,
    )
    assert found.certificate == b"DER"
    assert found.log_entries == ({"logIndex": "1"},)
    assert found.timestamps == ({"signedTimestamp": "AAAA"},)
    assert found.payload == dumped(statement())
    assert found.message == encoding(dumped(statement()))
