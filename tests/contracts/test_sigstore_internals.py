"""sigstore-python's private packing of what a certificate log signs: RFC 6962, 3.2.

A release that changes it must fail here, and not in a cluster.
"""

import inspect
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.certificate_transparency import LogEntryType, SignedCertificateTimestamp
from sigstore._internal.sct import _pack_digitally_signed
from sigstore._utils import KeyID

from tests.signatures.issuing import production

FIXTURES: Final = Path(__file__).parent.parent / "fixtures" / "sigstore"
LEAF: Final = x509.load_pem_x509_certificate((FIXTURES / "leaf.pem").read_bytes())
ISSUER_KEY_HASH: Final = bytes(range(32))


def promise() -> SignedCertificateTimestamp:
    found = LEAF.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value[0]
    assert isinstance(found, SignedCertificateTimestamp)
    return found


def test_the_pinned_release_is_the_one_that_is_installed() -> None:
    assert version("sigstore") == "4.5.1"


def test_the_packing_takes_a_promise_a_certificate_and_its_issuers_key() -> None:
    assert list(inspect.signature(_pack_digitally_signed).parameters) == ["sct", "cert", "issuer_key_id"]


def test_the_packing_is_that_of_rfc_6962() -> None:
    tbs = LEAF.tbs_precertificate_bytes
    expected = b"".join(
        (
            b"\x00",  # v1
            b"\x00",  # certificate_timestamp
            (1710869186470).to_bytes(8, "big"),  # milliseconds
            b"\x00\x01",  # precert_entry
            ISSUER_KEY_HASH,
            len(tbs).to_bytes(3, "big"),
            tbs,
            b"\x00\x00",  # no extensions
        )
    )
    assert promise().entry_type is LogEntryType.PRE_CERTIFICATE
    assert _pack_digitally_signed(promise(), LEAF, KeyID(ISSUER_KEY_HASH)) == expected


def test_a_real_log_signed_what_is_packed() -> None:
    root = production()
    issuer = root.certificates("certificateAuthorities", 1)[0]
    signed = _pack_digitally_signed(promise(), LEAF, KeyID(root.key_hash(issuer)))
    key = load_der_public_key(root.log_key("ctlogs", 1))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(promise().signature, signed, ec.ECDSA(SHA256()))
