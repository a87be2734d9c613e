"""The fake against others' verifiers: sigstore-python, rfc3161-client, cryptography, the schemas of Rekor's entries.

What nobody but the product reads (the older format's annotations, in-toto entries, keys, leaves that are not P-256) is
held against what of it others read.
"""

import base64
import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rekor_types
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.certificate_transparency import LogEntryType
from rfc3161_client import VerificationError as TimestampError
from rfc3161_client import VerifierBuilder, decode_timestamp_response
from sigstore.errors import VerificationError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier
from sigstore.verify.policy import AllOf, Identity, OIDCIssuerV2
from sigstore_models.rekor.v2.entry import Entry

from tests.fakes import sigstore
from tests.fakes.sigstore import ISSUER, SIGNED_AT, SUBJECT, Form, Key, Keyless, Layer, Log, Profile, Recipe

POLICY = AllOf([Identity(identity=SUBJECT, issuer=ISSUER), OIDCIssuerV2(ISSUER)])
PROVENANCE = "https://slsa.dev/provenance/v1"
KINDS = ("P-256", "P-384", "P-521", "RSA-2048", "Ed25519")


def verifier(folder: Path, trusted_root: bytes) -> Verifier:
    file = folder / "trusted_root.json"
    file.write_bytes(trusted_root)
    return Verifier(trusted_root=TrustedRoot.from_file(str(file)))


@pytest.fixture
def sigstore_python(tmp_path: Path) -> Verifier:
    return verifier(tmp_path, sigstore.trusted_root())


def leaf(recipe: Recipe) -> x509.Certificate:
    der = recipe.certificate()
    assert der is not None
    return x509.load_der_x509_certificate(der)


PROVED: dict[str, dict[str, Any]] = {
    "Rekor 1": {},
    "Rekor 1 and a timestamp": {"timestamp": True},
    "Rekor 2 and a timestamp": {"log": Log.V2, "timestamp": True},
}


@pytest.mark.parametrize("proofs", PROVED.values(), ids=PROVED)
def test_sigstore_python_verifies_a_signature(sigstore_python: Verifier, proofs: dict[str, Any]) -> None:
    bundle = Bundle.from_json(sigstore.signature(**proofs).content)
    payload_type, payload = sigstore_python.verify_dsse(bundle, POLICY)
    assert payload_type == "application/vnd.in-toto+json"
    assert json.loads(payload) == sigstore.sign_statement()


@pytest.mark.parametrize("proofs", PROVED.values(), ids=PROVED)
def test_sigstore_python_verifies_an_attestation(sigstore_python: Verifier, proofs: dict[str, Any]) -> None:
    bundle = Bundle.from_json(sigstore.attestation(PROVENANCE, {"runDetails": {}}, **proofs).content)
    assert json.loads(sigstore_python.verify_dsse(bundle, POLICY)[1])["predicate"] == {"runDetails": {}}


def test_sigstore_python_refuses_another_instance(sigstore_python: Verifier) -> None:
    bundle = Bundle.from_json(sigstore.signature(services=sigstore.services("example.org")).content)
    with pytest.raises(VerificationError):
        sigstore_python.verify_dsse(bundle, POLICY)


def test_an_authority_without_an_intermediate_is_one_too(tmp_path: Path) -> None:
    single = sigstore.certificate_authority("single.example.com", intermediate=False)
    services = replace(sigstore.services(), fulcio=single)
    bundle = Bundle.from_json(sigstore.signature(services=services).content)
    verifier(tmp_path, sigstore.trusted_root(services)).verify_dsse(bundle, POLICY)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_sigstore_python_finds_every_entry_of_a_tree(tmp_path: Path, size: int) -> None:
    others = tuple(b"%d" % number for number in range(size - 1))
    for index in range(size):
        log = replace(sigstore.rekor_v1("rekor.example.com"), before=others[:index], after=others[index:])
        services = replace(sigstore.services(), rekor=log)
        bundle = Bundle.from_json(sigstore.signature(services=services).content)
        verifier(tmp_path, sigstore.trusted_root(services)).verify_dsse(bundle, POLICY)


def test_sigstore_python_verifies_what_a_layer_in_the_older_format_was_logged_as(sigstore_python: Verifier) -> None:
    """A hashedrekord entry with promise and proof; the annotation holds the promise of the same entry."""
    made = Recipe(form=Form.LEGACY).make()
    digest = hashlib.sha256(made.payload).digest()
    document = replace(made, layer=Layer.BUNDLE).bundle()
    del document["dsseEnvelope"]
    document["messageSignature"] = {
        "messageDigest": {"algorithm": "SHA2_256", "digest": sigstore.b64(digest)},
        "signature": sigstore.b64(made.signature),
    }
    sigstore_python.verify_artifact(made.payload, Bundle.from_json(sigstore.dumped(document)), POLICY)

    assert made.entry is not None
    annotation = json.loads(made.annotations()[sigstore.LOG_ANNOTATION])
    assert annotation["SignedEntryTimestamp"] == made.entry["inclusionPromise"]["signedEntryTimestamp"]
    assert annotation["Payload"] == {
        "body": made.entry["canonicalizedBody"],
        "integratedTime": int(SIGNED_AT.timestamp()),
        "logIndex": 1003,
        "logID": sigstore.services().rekor.id.hex(),
    }


@pytest.mark.parametrize("embed", [False, True])
@pytest.mark.parametrize("kind", ["P-256", "P-384"])
def test_rfc3161_client_verifies_timestamps(kind: str, embed: bool) -> None:
    authority = sigstore.timestamp_authority("timestamp.example.com", kind)
    response = decode_timestamp_response(authority.stamp(b"message", SIGNED_AT, embed=embed))
    assert response.tst_info.gen_time == SIGNED_AT
    signer, root = authority.chain
    client = VerifierBuilder().tsa_certificate(signer).add_root_certificate(root).build()
    assert client.verify_message(response, b"message")
    with pytest.raises(TimestampError, match="Mismatch between messages"):
        client.verify_message(response, b"another message")


def test_rfc3161_client_refuses_a_timestamp_by_another_authority() -> None:
    stranger = sigstore.timestamp_authority("timestamp.example.org")
    signer, root = sigstore.services().timestamps.chain
    client = VerifierBuilder().tsa_certificate(signer).add_root_certificate(root).build()
    with pytest.raises(TimestampError):
        client.verify_message(decode_timestamp_response(stranger.stamp(b"message", SIGNED_AT)), b"message")


@pytest.mark.parametrize("kind", KINDS)
def test_leaves_of_every_kind_are_issued_by_the_authority(kind: str) -> None:
    fulcio = sigstore.services().fulcio
    found = leaf(Recipe(signer=Keyless(kind=kind)))
    found.verify_directly_issued_by(fulcio.chain[0])
    fulcio.chain[0].verify_directly_issued_by(fulcio.chain[1])
    assert found.not_valid_after_utc - found.not_valid_before_utc == timedelta(minutes=10)
    assert isinstance(found.public_key(), type(Keyless(kind=kind).private.public_key()))


def test_a_leaf_holds_as_many_promises_as_there_are_logs() -> None:
    own, other = sigstore.services().certificate_log, sigstore.certificate_log("ctfe.example.org")
    found = leaf(Recipe(signer=Keyless(logs=(own, other)))).extensions
    promises = list(found.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)
    assert len({one.log_id for one in promises}) == 2
    assert all(one.entry_type is LogEntryType.PRE_CERTIFICATE for one in promises)
    assert {one.timestamp for one in promises} == {Profile().start.replace(tzinfo=None)}
    assert [one for one in leaf(Recipe(signer=Keyless(logs=()))).extensions if "11129" in one.oid.dotted_string] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (sigstore.uri(SUBJECT), x509.UniformResourceIdentifier),
        (sigstore.email("eve@example.com"), x509.RFC822Name),
        (sigstore.other_name("eve!example.com"), x509.OtherName),
    ],
)
def test_a_leaf_names_whomever_its_profile_does(name: x509.GeneralName, kind: type[x509.GeneralName]) -> None:
    extensions = leaf(Recipe(signer=Keyless(Profile(names=(name,))))).extensions
    (found,) = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert isinstance(found, kind)


@pytest.mark.parametrize("kind", ["intoto/0.0.1", "intoto/0.0.2"])
def test_in_toto_entries_follow_the_schema_of_rekor(kind: str) -> None:
    made = Recipe(form=Form.LEGACY, predicate_type=PROVENANCE, predicate={}, kind=kind).make()
    assert made.entry is not None
    body = base64.b64decode(made.entry["canonicalizedBody"])
    assert rekor_types.Intoto.model_validate_json(body).kind == "intoto"
    assert made.entry["kindVersion"] == {"kind": "intoto", "version": kind.removeprefix("intoto/")}


@pytest.mark.parametrize("kind", KINDS)
def test_entries_of_rekor_2_name_keys_by_what_they_are(kind: str) -> None:
    made = Recipe(signer=Key(kind=kind), log=Log.V2).make()
    assert made.entry is not None
    entry = Entry.from_json(base64.b64decode(made.entry["canonicalizedBody"]))
    record = entry.spec.hashed_rekord_v002
    assert record is not None
    assert record.signature.verifier.public_key is not None
    assert load_der_public_key(record.signature.verifier.public_key.raw_bytes) == Key(kind=kind).private.public_key()


def test_keys_are_made_once() -> None:
    assert Key("release").private is Key("release").private
    assert isinstance(Key("release").private.public_key(), EllipticCurvePublicKey)
    assert Key("release").pem != Key("ci").pem
