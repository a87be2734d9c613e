"""Who a certificate names, read from its extensions.

1. There is exactly one subject alternative name, printable ASCII.
2. Its kind follows from its text: a URI has "://", an e-mail address has "@" and no "://", and a user name of Fulcio's
   has neither. So a policy that speaks of text cannot take one kind for another.
3. The issuer stands in the extension of Fulcio's that is DER, else in the older one that is not; where both stand they
   are equal.

Sources: Fulcio, docs/oid-info.md and pkg/identity; RFC 5280, 4.2.1.6.
"""

from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.hazmat.asn1 import decode_der

from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.identities import EXTENSIONS, ISSUER, MAX_TEXT_CHARACTERS, SUBJECT, Signer

_ISSUER_DER: Final = "1.3.6.1.4.1.57264.1.8"
_ISSUER_RAW: Final = "1.3.6.1.4.1.57264.1.1"
_USER_NAME: Final = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.7")
_RAW: Final = frozenset(f"1.3.6.1.4.1.57264.1.{number}" for number in range(1, 7))
"""The extensions from before Fulcio 1.0: the text itself, without a DER header."""


def signer_of(certificate: x509.Certificate) -> Signer:
    """Who `certificate` names. Raises `RefusedError`: CERTIFICATE_MALFORMED."""
    try:
        extensions = certificate.extensions
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        raise malformed("the certificate's extensions cannot be read") from None
    values = _fulcio_values(extensions)
    return Signer(
        issuer=_issuer(values),
        subject=_subject(extensions),
        extensions={name: values[number] for name, number in EXTENSIONS.items() if number in values},
    )


def malformed(reason: str) -> RefusedError:
    """The refusal of a certificate that cannot be read as a signer's."""
    return RefusedError(Fault.CERTIFICATE_MALFORMED, reason)


def _fulcio_values(extensions: x509.Extensions) -> Mapping[str, str]:
    """The text of each of Fulcio's extensions by object identifier; others are passed over."""
    known = {_ISSUER_DER, _ISSUER_RAW, *EXTENSIONS.values()}
    return {
        number: _text(number, extension.value.value)
        for extension in extensions
        if isinstance(extension.value, x509.UnrecognizedExtension) and (number := extension.oid.dotted_string) in known
    }


def _text(number: str, value: bytes) -> str:
    if len(value) > MAX_TEXT_CHARACTERS:
        raise malformed(
            f"extension {number} of the certificate has {len(value)} bytes, more than {MAX_TEXT_CHARACTERS}"
        )
    try:
        return value.decode("utf-8") if number in _RAW else decode_der(str, value)
    except ValueError:
        raise malformed(f"extension {number} of the certificate is not text") from None


def _issuer(values: Mapping[str, str]) -> str:
    found = {values[number] for number in (_ISSUER_DER, _ISSUER_RAW) if number in values}
    match sorted(found):
        case []:
            raise malformed("the certificate names no issuer of its identity")
        case [issuer] if ISSUER.fullmatch(issuer):
            return issuer
        case [_]:
            raise malformed("the issuer in the certificate is not printable ASCII")
        case _:
            raise malformed("the certificate names two issuers of its identity")


def _subject(extensions: x509.Extensions) -> str:
    try:
        names = list(extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    if len(names) != 1:
        raise malformed(f"the certificate has {len(names)} subject alternative names, expected one")
    subject = _name(names[0])
    if not SUBJECT.fullmatch(subject):
        raise malformed(
            f"the name in the certificate is not printable ASCII of at most {MAX_TEXT_CHARACTERS} characters"
        )
    return subject


def _name(name: x509.GeneralName) -> str:
    """The text of one subject alternative name whose text shows its kind."""
    match name:
        case x509.UniformResourceIdentifier() if "://" in name.value:
            return name.value
        case x509.RFC822Name() if "@" in name.value and "://" not in name.value:
            return name.value
        case x509.OtherName() if name.type_id == _USER_NAME:
            return _user_name(name.value)
        case _:
            kind = type(name).__name__
            raise malformed(f"the name in the certificate is of type {kind} and does not look like one of a signer")


def _user_name(value: bytes) -> str:
    try:
        text = decode_der(str, value)
    except ValueError:
        raise malformed("the user name in the certificate is not text") from None
    if "@" in text or "://" in text:
        raise malformed("the user name in the certificate looks like an e-mail address or a URI")
    return text
