"""Who signed: keys where certificates are wanted and the reverse, certificates of others, and keys of no good kind."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.sigstore import (
    CERTIFICATE_ANNOTATION,
    CHAIN_ANNOTATION,
    Artefact,
    Form,
    Key,
    Keyless,
    Log,
    Profile,
    Recipe,
    bundled,
    pre_authentication_encoding,
    private_key,
    services,
    signature,
    uri,
)
from tests.fakes.sigstore.keys import PrivateKey
from tests.signatures.attacks.trial import CI, RELEASE, Attack, accepted, judged
from webhook.signatures.authorities import Authority
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault

KINDS = ("P-256", "P-384", "P-521", "RSA-2048", "Ed25519")
SOMEBODY = Keyless(Profile(names=(uri("https://example.org/somebody"),)))
FULCIO = services().fulcio


def shown(certificate: bytes | None) -> Attachment:
    """A bundle with another certificate than it was signed with."""
    return replace(Recipe().make(), certificate=certificate).attachment()


def of(signer: Keyless) -> bytes:
    certificate = Recipe(signer=signer).certificate()
    assert certificate is not None
    return certificate


def weak(kind: str) -> bytes:
    """A well issued certificate of a key that nobody should accept."""
    key = private_key("weak", kind)
    return FULCIO.issue(key, Profile(), [services().certificate_log]).public_bytes(Encoding.DER)


class Oversized:
    """Stands for a private key; to make a real one takes minutes."""

    def public_key(self) -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(65537, 1 << 16383 | 1).public_key()


def oversized() -> bytes:
    issued = FULCIO.issue(cast("PrivateKey", Oversized()), Profile(), [services().certificate_log])
    return issued.public_bytes(Encoding.DER)


def resigned(sign: Callable[[bytes], bytes], kind: str = "P-256") -> Attachment:
    """A bundle whose signature was made otherwise, over the right message."""
    made = Recipe(signer=Keyless(kind=kind)).make()
    return replace(made, signature=sign(pre_authentication_encoding(made.payload))).attachment()


def with_sha1(message: bytes) -> bytes:
    key = Keyless().private
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(message, ec.ECDSA(SHA1()))  # noqa: S303  what is to be refused


def with_pss(message: bytes) -> bytes:
    key = Keyless(kind="RSA-2048").private
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())


def annotated(change: Callable[[str], str]) -> Attachment:
    """A layer whose certificate annotation is another."""
    found = signature(form=Form.LEGACY)
    text = change(found.annotations[CERTIFICATE_ANNOTATION])
    return replace(found, annotations={**found.annotations, CERTIFICATE_ANNOTATION: text})


AUTHORITY_PEM = FULCIO.chain[0].public_bytes(Encoding.PEM).decode("ascii")
ROOT = FULCIO.chain[-1].public_bytes(Encoding.DER)

ATTACKS: dict[str, Callable[[], tuple[Fault, Attachment, Authority]]] = {
    "keyless under a key": lambda: (Fault.CERTIFICATE_UNEXPECTED, signature(), RELEASE),
    "keyless layer under a key": lambda: (Fault.SIGNATURE_MISMATCH, signature(form=Form.LEGACY), RELEASE),
    "key under an identity": lambda: (Fault.CERTIFICATE_MISSING, signature(signer=Key()), CI),
    "layer by a key under an identity": lambda: (
        Fault.CERTIFICATE_MISSING,
        signature(signer=Key(), form=Form.LEGACY),
        CI,
    ),
    "key of another": lambda: (Fault.SIGNATURE_MISMATCH, signature(signer=Key("eve"), log=Log.NONE), RELEASE),
    "SIG-07 RSA signature under an ECDSA key": lambda: (
        Fault.SIGNATURE_MISMATCH,
        signature(signer=Key(kind="RSA-2048"), log=Log.NONE),
        RELEASE,
    ),
    "somebody's signature with our certificate": lambda: (
        Fault.SIGNATURE_MISMATCH,
        replace(Recipe(signer=SOMEBODY).make(), certificate=of(Keyless())).attachment(),
        CI,
    ),
    "our signature with somebody's certificate": lambda: (Fault.SIGNATURE_MISMATCH, shown(of(SOMEBODY)), CI),
    "SIG-07 certificate of another kind of key": lambda: (
        Fault.SIGNATURE_MISMATCH,
        shown(of(Keyless(kind="RSA-2048"))),
        CI,
    ),
    "SIG-07 ECDSA over SHA-1": lambda: (Fault.SIGNATURE_MISMATCH, resigned(with_sha1), CI),
    "SIG-07 PSS": lambda: (Fault.SIGNATURE_MISMATCH, resigned(with_pss, "RSA-2048"), CI),
    "SIG-07 empty signature": lambda: (Fault.SIGNATURE_MISMATCH, resigned(lambda _: b""), CI),
    "SIG-07 secp256k1": lambda: (Fault.CERTIFICATE_MALFORMED, shown(weak("secp256k1")), CI),
    "SIG-07 RSA of 1024 bits": lambda: (Fault.CERTIFICATE_MALFORMED, shown(weak("RSA-1024")), CI),
    "SIG-32 RSA of 16384 bits": lambda: (Fault.CERTIFICATE_MALFORMED, shown(oversized()), CI),
    "C7 empty certificate annotation": lambda: (Fault.CERTIFICATE_MISSING, annotated(lambda _: ""), CI),
    "SIG-16 root as the certificate": lambda: (Fault.CERTIFICATE_MALFORMED, shown(ROOT), CI),
    "SIG-36 empty certificate": lambda: (Fault.CERTIFICATE_MALFORMED, shown(b""), CI),
    "SIG-36 bytes that are no certificate": lambda: (Fault.CERTIFICATE_MALFORMED, shown(b"\x30\x80" * 20), CI),
    "SIG-36 bytes behind the certificate": lambda: (Fault.CERTIFICATE_MALFORMED, shown(of(Keyless()) + b"\0"), CI),
    "SIG-36 certificate cut off": lambda: (Fault.CERTIFICATE_MALFORMED, shown(of(Keyless())[:-1]), CI),
    "SIG-32 certificate of a megabyte": lambda: (Fault.MALFORMED, shown(b"\x30" * 1_000_000), CI),
    "SIG-32 five hundred certificates": lambda: (Fault.MALFORMED, annotated(lambda text: text * 500), CI),
    "certificate behind an authority's": lambda: (
        Fault.CERTIFICATE_MALFORMED,
        annotated(lambda text: AUTHORITY_PEM + text),
        CI,
    ),
    "text before the certificate": lambda: (
        Fault.CERTIFICATE_MALFORMED,
        annotated(lambda text: f"trust me\n{text}"),
        CI,
    ),
    "certificate in characters that are not ASCII": lambda: (
        Fault.CERTIFICATE_MALFORMED,
        annotated(lambda text: text.replace("A", "\u0391")),
        CI,
    ),
}


@pytest.mark.parametrize("make", ATTACKS.values(), ids=ATTACKS)
def test_signatures_by_others_are_refused(make: Callable[[], tuple[Fault, Attachment, Authority]]) -> None:
    fault, found, by = make()
    Attack(found, fault, by=by).check()


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kind", KINDS)
def test_certificates_of_every_good_kind_of_key_are_accepted(kind: str, form: Form) -> None:
    assert accepted(judged(signature(signer=Keyless(kind=kind), form=form)))


@pytest.mark.parametrize("form", Form)
def test_a_key_is_accepted_where_it_is_wanted(form: Form) -> None:
    assert accepted(judged(signature(signer=Key(), log=Log.NONE, form=form), by=RELEASE))


def test_a_certificate_beside_a_layer_that_a_key_signed_changes_nothing() -> None:
    """Anybody can add an annotation."""
    made: Artefact = replace(Recipe(signer=Key(), log=Log.NONE, form=Form.LEGACY).make(), certificate=of(SOMEBODY))
    assert accepted(judged(made.attachment(), by=RELEASE))


def test_a_layer_without_its_chain_is_as_good() -> None:
    """cosign 3 writes an empty annotation; the authorities' certificates come from the trust root anyway."""
    made = replace(Recipe(form=Form.LEGACY).make(), chain=())
    assert made.annotations()[CHAIN_ANNOTATION] == ""
    assert accepted(judged(made.attachment()))


@pytest.mark.parametrize("hint", ["", "AAAA", "not base64", 7])
def test_a_wrong_hint_changes_nothing(hint: object) -> None:
    """It is not signed, and every writer has its own."""
    bundle = Recipe(signer=Key(), log=Log.NONE).make().bundle()
    bundle["verificationMaterial"]["publicKey"]["hint"] = hint
    assert accepted(judged(bundled(bundle), by=RELEASE))
