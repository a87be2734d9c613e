"""Simple signing: one valid signature, then one change each; verdict and whole reason are compared."""

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.hashes import SHA512

from tests.signatures.forge import (
    DIGEST,
    OTHER_DIGEST,
    SIGNATURE_ANNOTATION,
    WITHOUT_ROOTS,
    b64,
    changed,
    dumped,
    evidence,
    non_canonical,
    payload,
    required,
    signer,
    simple,
)
from webhook.codes import Code
from webhook.signatures import cosign
from webhook.signatures.evidence import Attachment
from webhook.signatures.verify import Outcome, verify

RELEASE = signer("release")
RAW = dumped(payload())
SIGNED = b64(RELEASE.sign(RAW))

NOT_OURS = "not signed by this ECDSA P-256 key"
SIG = f"annotation {SIGNATURE_ANNOTATION}"
TYPE_EXPECTED = '"cosign container image signature"'
DIGEST_TWICE = f'{{"docker-manifest-digest":"{OTHER_DIGEST}","docker-manifest-digest"'.encode()


def judged(attachment: Attachment, **annotations: str) -> Outcome:
    return verify(evidence(attachment), DIGEST, required(RELEASE.authority(**annotations)), WITHOUT_ROOTS)


def claimed(*path: str | int, to: object) -> Attachment:
    """A layer whose payload differs in one value, well signed."""
    return simple(RELEASE, dumped(changed(payload(), *path, to=to)))


def annotated(text: str) -> Attachment:
    """A good layer with another signature annotation."""
    return simple(RELEASE, annotations={SIGNATURE_ANNOTATION: text})


def padded_signature(sign: Callable[[], bytes]) -> str:
    """A signature whose base64 ends in padding; the length of ECDSA's varies with chance."""
    while True:
        text = b64(sign())
        if text.endswith("="):
            return text


INVALID: dict[str, tuple[Attachment, str]] = {
    "SIG-01 payload of another digest": (
        simple(RELEASE, dumped(payload(OTHER_DIGEST))),
        f'signs "{OTHER_DIGEST}", not this digest',
    ),
    "SIG-03 type missing": (
        claimed("critical", "type", to=...),
        "payload: type is absent or null, not a string",
    ),
    "SIG-03 type of containers/image": (
        claimed("critical", "type", to="atomic container signature"),
        f'payload: critical.type is "atomic container signature", not {TYPE_EXPECTED}',
    ),
    "SIG-03 type in a list": (
        claimed("critical", "type", to=["cosign container image signature"]),
        "payload: type is an array, not a string",
    ),
    "SIG-04 digest twice": (
        simple(
            RELEASE,
            RAW.replace(b'{"docker-manifest-digest"', DIGEST_TWICE),
        ),
        "payload: a key stands twice in one object",
    ),
    "SIG-04 digest in another case": (
        simple(RELEASE, RAW.replace(b"docker-manifest-digest", b"Docker-Manifest-Digest")),
        "payload: the member docker-manifest-digest in another spelling",
    ),
    "SIG-04 digest in two cases": (
        claimed("critical", "image", "Docker-Manifest-Digest", to=str(OTHER_DIGEST)),
        "payload: the member docker-manifest-digest in another spelling",
    ),
    "SIG-04 NaN": (claimed("optional", to={"a": float("nan")}), "payload: NaN is not JSON"),
    "SIG-04 byte order mark": (
        simple(RELEASE, b"\xef\xbb\xbf" + RAW),
        "payload: not JSON: Expecting value at character 0",
    ),
    "SIG-04 trailing bytes": (
        simple(RELEASE, RAW + b"{}"),
        f"payload: not JSON: Extra data at character {len(RAW)}",
    ),
    "SIG-06 junk in the base64": (annotated("QUJD!!!!"), f"{SIG} is not base64"),
    "SIG-06 spaces in the base64": (annotated("QUJD QUJD"), f"{SIG} is not base64"),
    "SIG-06 alphabet of URLs": (annotated("-_-_"), f"{SIG} is not base64"),
    "SIG-06 no padding": (annotated("QUI"), f"{SIG} is not base64"),
    "SIG-06 padding within": (annotated("QUI=QUI="), f"{SIG} is not base64"),
    "SIG-06 not ASCII": (annotated("QUJD\u00b2"), f"{SIG} is not base64"),
    "SIG-06 stray bits": (
        annotated(non_canonical(padded_signature(lambda: RELEASE.sign(RAW)))),
        f"{SIG} is not canonical base64",
    ),
    "no signature": (
        Attachment("tag", "application/vnd.dev.cosign.simplesigning.v1+json", RAW),
        f"no signature in the annotation {SIGNATURE_ANNOTATION}",
    ),
    "empty signature": (annotated(""), f"no signature in the annotation {SIGNATURE_ANNOTATION}"),
    "endless signature": (
        annotated("QUJD" * 2049),
        f"{SIG} has 8196 characters, more than the 8192 that are read",
    ),
    "SIG-10 endless payload": (
        simple(RELEASE, RAW + b" " * (1 << 20)),
        f"payload: {len(RAW) + (1 << 20)} bytes are more than the 1048576 that are read",
    ),
    "SIG-32 many certificates": (
        simple(RELEASE, annotations={"dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----\n" * 11}),
        "more than 10 certificates",
    ),
    "digest in upper case": (
        claimed("critical", "image", "docker-manifest-digest", to=f"sha256:{DIGEST.hex.upper()}"),
        f'signs "sha256:{DIGEST.hex.upper()}", not this digest',
    ),
    "digest without its algorithm": (
        claimed("critical", "image", "docker-manifest-digest", to=DIGEST.hex),
        f'signs "{DIGEST.hex}", not this digest',
    ),
    "digest shortened": (
        claimed("critical", "image", "docker-manifest-digest", to=str(DIGEST)[:-1]),
        f'signs "{str(DIGEST)[:-1]}", not this digest',
    ),
    "PY-02 digest with a newline": (
        claimed("critical", "image", "docker-manifest-digest", to=f"{DIGEST}\n"),
        f'signs "{DIGEST}\\n", not this digest',
    ),
    "digest is a number": (
        claimed("critical", "image", "docker-manifest-digest", to=1),
        "payload: docker-manifest-digest is a number, not a string",
    ),
    "no digest": (
        claimed("critical", "image", to={}),
        "payload: docker-manifest-digest is absent or null, not a string",
    ),
    "no image": (claimed("critical", "image", to=...), "payload: image is absent or null, not an object"),
    "no critical": (claimed("critical", to=...), "payload: critical is absent or null, not an object"),
    "payload is a list": (simple(RELEASE, b"[]"), "payload: not a JSON object"),
    "payload is empty": (simple(RELEASE, b""), "payload: not JSON: Expecting value at character 0"),
    "optional is a list": (claimed("optional", to=[]), "payload: optional is an array, not an object"),
    "digest of SHA-512": (
        claimed("critical", "image", "docker-manifest-digest", to="sha512:" + "ab" * 64),
        'signs "sha512:' + ("ab" * 64)[:93] + '...", not this digest',
    ),
}

MISMATCHED: dict[str, tuple[Attachment, str]] = {
    "signature by another key": (simple(signer("stranger")), NOT_OURS),
    "SIG-05 signed in another serialisation": (
        simple(RELEASE, json.dumps(payload()).encode(), {SIGNATURE_ANNOTATION: b64(RELEASE.sign(RAW))}),
        NOT_OURS,
    ),
    "SIG-07 signed over another hash": (
        simple(RELEASE, annotations={SIGNATURE_ANNOTATION: b64(RELEASE.sign(RAW, SHA512()))}),
        NOT_OURS,
    ),
    "signature of another payload by the same key": (
        simple(RELEASE, annotations={SIGNATURE_ANNOTATION: b64(RELEASE.sign(dumped(payload(OTHER_DIGEST))))}),
        NOT_OURS,
    ),
}

ACCEPTED: dict[str, Attachment] = {
    "signature": simple(RELEASE),
    "SIG-02 reference of another repository": claimed(
        "critical", "identity", "docker-reference", to="elsewhere.example/copy"
    ),
    "line ends in the signature": annotated(f"{SIGNED[:40]}\n{SIGNED[40:80]}\r\n{SIGNED[80:]}\n"),
    "optional absent": claimed("optional", to=...),
    "annotations that nobody asked for": claimed("optional", to={"team": "red", "n": 1}),
    "certificate and log beside it": simple(
        RELEASE,
        annotations={
            "dev.sigstore.cosign/certificate": "not even \u00e9 certificate",
            "dev.sigstore.cosign/bundle": "{",
            "dev.sigstore.cosign/rfc3161timestamp": "{",
        },
    ),
    "spaces around the payload": simple(RELEASE, b"\n" + json.dumps(payload(), indent=2).encode() + b"\n"),
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


def test_a_layer_of_an_att_tag_is_not_a_signature_whatever_it_says() -> None:
    """SIG-20: the annotation and the payload of a good signature under the media type of attestations."""
    good = simple(RELEASE)
    outcome = judged(Attachment("tag", "application/vnd.dsse.envelope.v1+json", good.content, good.annotations))
    assert [trial.reason for trial in outcome.trials] == ["envelope: payloadType is absent or null, not a string"]
    assert outcome.code is Code.SIGNATURE_INVALID


def test_annotations_of_the_layer_do_not_count() -> None:
    assert judged(simple(RELEASE, annotations={"team": "red"}), team="red").code is Code.SIGNER_NOT_ALLOWED


def test_certificate_log_entry_and_timestamp_are_kept_as_they_stand() -> None:
    annotations = {
        "dev.sigstore.cosign/certificate": "-----BEGIN CERTIFICATE-----",
        "dev.sigstore.cosign/bundle": "{log",
        "dev.sigstore.cosign/rfc3161timestamp": "{time",
    }
    full = cosign.parse(simple(RELEASE, annotations=annotations))
    assert (full.certificate, full.log_entries, full.timestamps) == (
        b"-----BEGIN CERTIFICATE-----",
        ("{log",),
        ("{time",),
    )
    empty = cosign.parse(simple(RELEASE, annotations=dict.fromkeys(annotations, "")))
    assert (empty.certificate, empty.log_entries, empty.timestamps) == (None, (), ())
