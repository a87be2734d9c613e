"""Leaf certificates of signers."""

import re
import warnings
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from webhook.signatures.candidate import printable
from webhook.signatures.identities import Signer
from webhook.signatures.keys import KeyFaultError, PublicKey
from webhook.signatures.signers import malformed, signer_of

MAX_CERTIFICATE_BYTES: Final = 32 * 1024
"""Of what a candidate gives as its certificate. Fulcio's take 1 to 2 KB, a chain of ten in PEM about 20."""

_PEM_BLOCK: Final = re.compile(
    rb"\s*-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*?(?:\n|\Z)"
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A signer's certificate, nothing of it verified: only a trust root's proof makes `signer` more than a claim."""

    certificate: x509.Certificate
    signer: Signer
    key: PublicKey

    @classmethod
    def parse(cls, encoded: bytes) -> "Leaf":
        """The certificate of a candidate: DER, or PEM whose first block it is. Raises `RefusedError`."""
        if len(encoded) > MAX_CERTIFICATE_BYTES:
            raise malformed(
                f"a certificate of {len(encoded)} bytes, more than the {MAX_CERTIFICATE_BYTES} that are read"
            )
        try:
            certificate = _load(encoded)
            key = PublicKey.of(certificate.public_key())
        except KeyFaultError as fault:
            raise malformed(f"the certificate's key: {fault}") from None
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion):
            raise malformed("not a certificate that can be read") from None
        return cls(certificate=certificate, signer=signer_of(certificate), key=key)

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)


def issuer_of(certificate: x509.Certificate) -> str:
    """The name of whoever a certificate says it is by, as one bounded line of printable ASCII."""
    try:
        with warnings.catch_warnings():  # of names that are longer than X.520 has them; at worst they stay unheard
            warnings.simplefilter("ignore", UserWarning)
            return printable(certificate.issuer.rfc4514_string())
    except (ValueError, TypeError):
        return "a name that cannot be read"


def _load(encoded: bytes) -> x509.Certificate:
    if not encoded.lstrip().startswith(b"-----"):
        return x509.load_der_x509_certificate(encoded)
    block = _PEM_BLOCK.match(encoded)
    if block is None:
        raise malformed("not a PEM text that begins with a certificate")
    return x509.load_pem_x509_certificate(block.group())
