"""Whether an authority of a trust root issued a certificate, judged at the time when it was used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.fakes.sigstore import AUTHORITIES_START, SIGNED_AT, Profile, certificate_authority, services
from tests.fakes.sigstore.certificate_authority import CertificateAuthority as Issuing
from tests.fakes.sigstore.certificate_authority import dated, issuing, name
from tests.fakes.sigstore.keys import private_key
from tests.fakes.sigstore.leaf_profiles import key_usage
from tests.signatures.issuing import EVER, FIXTURES, FULCIO, KEY, authority, leaf, production
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.certificate_chains import CertificateAuthority, check_issuer, check_usage, issuers
from webhook.signatures.validity import Window

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
UNTRUSTED = "certificate not issued by an authority of the trust root that was valid at 2025-06-01T12:00:00Z"
ROOT_KEY = private_key("root of a test", "P-384")


def issued(by: Issuing, profile: Profile | None = None) -> Leaf:
    """A leaf by an authority of the test's own."""
    return Leaf.parse(by.issue(KEY, profile or Profile()).public_bytes(Encoding.DER))


def refusal(found: Leaf, *authorities: CertificateAuthority, time: datetime = SIGNED_AT) -> tuple[Fault, str]:
    with pytest.raises(RefusedError) as refused:
        issuers(found, time, authorities)
    return refused.value.fault, refused.value.reason


def single(builder: x509.CertificateBuilder) -> Issuing:
    """An authority whose root issues the leaves."""
    return Issuing("test", ROOT_KEY, (builder.sign(ROOT_KEY, SHA256()),))


def root(subject: x509.Name, end: datetime = SIGNED_AT + HOUR) -> x509.CertificateBuilder:
    """The root of an authority."""
    return dated(issuing(subject, subject, ROOT_KEY, ROOT_KEY, path_length=0), SIGNED_AT - 2 * HOUR, end)


def bare_root(*extensions: x509.ExtensionType) -> x509.CertificateBuilder:
    """A root that says nothing but that it is one, and `extensions`."""
    mine = name("test", "root")
    builder = x509.CertificateBuilder(mine, mine, ROOT_KEY.public_key(), 1)
    builder = dated(builder, SIGNED_AT - HOUR, SIGNED_AT + HOUR)
    for extension in (x509.BasicConstraints(ca=True, path_length=0), *extensions):
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder


def test_the_chain_goes_from_the_issuer_to_the_root() -> None:
    assert issuers(leaf(), SIGNED_AT, (authority(),)) == FULCIO.chain


def test_a_real_certificate_of_fulcio_is_by_sigstores_own_authority() -> None:
    real = Leaf.parse((FIXTURES / "leaf.pem").read_bytes())
    time = datetime(2024, 3, 19, 17, 26, 30, tzinfo=UTC)
    older = CertificateAuthority(production().certificates("certificateAuthorities", 0), EVER)
    current = CertificateAuthority(production().certificates("certificateAuthorities", 1), EVER)
    assert issuers(real, time, (older, current)) == current.certificates
    check_usage(real)
    assert refusal(real, older, time=time)[0] is Fault.CERTIFICATE_UNTRUSTED
    assert refusal(real, current, time=time + HOUR) == (
        Fault.CERTIFICATE_EXPIRED,
        "certificate valid 2024-03-19T17:26:26Z to 2024-03-19T17:36:26Z, used at 2024-03-19T18:26:30Z",
    )


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA-2048", "Ed25519"])
def test_leaves_with_every_kind_of_key_are_trusted(kind: str) -> None:
    assert issuers(leaf(private_key("signer", kind)), SIGNED_AT, (authority(),)) == FULCIO.chain


def test_any_authority_of_the_trust_root_will_do() -> None:
    other = authority(services("example.org").fulcio)
    assert issuers(leaf(), SIGNED_AT, (other, authority())) == FULCIO.chain


SINGLE_ROOTS = {
    "one that signs leaves": certificate_authority("single.example.com", intermediate=False),
    "without a common name": single(root(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ephemeral")]))),
    "without key usage, as openssl makes it": single(bare_root()),
    "for any purpose": single(bare_root(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]))),
}


@pytest.mark.parametrize("by", SINGLE_ROOTS.values(), ids=SINGLE_ROOTS)
def test_an_authority_may_be_a_root_alone(by: Issuing) -> None:
    assert issuers(issued(by), SIGNED_AT, (authority(by),)) == by.chain


OTHER_ROOTS = {
    "SIG-13 expired an hour before": single(root(name("test", "root"), SIGNED_AT - HOUR)),
    "not for certificates": single(
        bare_root(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            )
        )
    ),
    "for the web only": single(bare_root(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]))),
}


def test_only_the_dates_of_those_roots_are_wrong() -> None:
    by = OTHER_ROOTS["SIG-13 expired an hour before"]
    earlier = Profile(start=SIGNED_AT - HOUR - timedelta(minutes=2))
    assert issuers(issued(by, earlier), SIGNED_AT - HOUR - SECOND, (authority(by),)) == by.chain


@pytest.mark.parametrize("by", OTHER_ROOTS.values(), ids=OTHER_ROOTS)
def test_a_leaf_by_a_root_that_may_not_issue_it_is_refused(by: Issuing) -> None:
    assert refusal(issued(by), authority(by)) == (Fault.CERTIFICATE_UNTRUSTED, UNTRUSTED)


def test_an_issuing_certificate_that_had_expired_is_refused() -> None:
    """SIG-13: the leaf itself is valid for longer."""
    by = certificate_authority("ended.example.com", end=SIGNED_AT - SECOND)
    assert refusal(issued(by), authority(by)) == (Fault.CERTIFICATE_UNTRUSTED, UNTRUSTED)
    assert issuers(issued(by), SIGNED_AT - SECOND, (authority(by),)) == by.chain


@pytest.mark.parametrize(
    "window",
    [Window(AUTHORITIES_START, SIGNED_AT - SECOND), Window(SIGNED_AT + SECOND)],
    ids=["over", "to come"],
)
def test_an_authority_outside_its_window_is_refused(window: Window) -> None:
    assert refusal(leaf(), authority(window=window)) == (Fault.CERTIFICATE_UNTRUSTED, UNTRUSTED)


def test_both_ends_of_an_authoritys_window_belong_to_it() -> None:
    assert issuers(leaf(), SIGNED_AT, (authority(window=Window(SIGNED_AT, SIGNED_AT)),)) == FULCIO.chain


def test_a_certificate_by_nobody_that_is_trusted_is_refused() -> None:
    stranger = services("example.org").fulcio
    assert refusal(issued(stranger), authority()) == (Fault.CERTIFICATE_UNTRUSTED, UNTRUSTED)
    assert refusal(leaf()) == (Fault.CERTIFICATE_UNTRUSTED, UNTRUSTED)


def test_an_authority_of_the_same_name_with_another_key_is_not_the_same() -> None:
    impostor = replace(FULCIO, key=private_key("impostor", "P-384"))
    assert refusal(issued(impostor), authority())[0] is Fault.CERTIFICATE_UNTRUSTED


def test_a_certificate_that_signs_itself_is_refused_even_as_an_authority() -> None:
    subject = name("test", "self")
    builder = dated(x509.CertificateBuilder(subject, subject, ROOT_KEY.public_key(), 1), SIGNED_AT - HOUR, SIGNED_AT)
    names = x509.SubjectAlternativeName([x509.RFC822Name("eve@example.com")])
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ROOT_KEY.public_key())
    builder = builder.add_extension(names, critical=False).add_extension(authority_key, critical=False)
    by = single(
        builder.add_extension(
            x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1"), b"x"), critical=False
        )
    )
    itself = Leaf.parse(by.chain[0].public_bytes(Encoding.DER))
    assert refusal(itself, authority(by))[0] is Fault.CERTIFICATE_UNTRUSTED


@pytest.mark.parametrize("moment", [Profile().start, SIGNED_AT, Profile().start + Profile().life])
def test_a_certificate_is_valid_from_its_first_second_to_its_last(moment: datetime) -> None:
    assert issuers(leaf(), moment, (authority(),)) == FULCIO.chain


@pytest.mark.parametrize("time", [Profile().start - SECOND, Profile().start + Profile().life + SECOND])
def test_a_certificate_that_was_used_before_or_after_is_refused(time: datetime) -> None:
    """SIG-12."""
    fault, reason = refusal(leaf(), authority(), time=time)
    assert fault is Fault.CERTIFICATE_EXPIRED
    assert (
        reason == f"certificate valid 2025-06-01T11:59:00Z to 2025-06-01T12:09:00Z, used at {time:%Y-%m-%dT%H:%M:%SZ}"
    )


def test_an_authority_without_certificates_is_none() -> None:
    with pytest.raises(ValueError, match=r"^a certificate authority has at least one certificate$"):
        CertificateAuthority((), EVER)


def test_a_certificate_for_signing_code_is_taken() -> None:
    check_usage(leaf())
    check_usage(leaf(usages=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CODE_SIGNING)))


USAGES = {
    "no key usage": (leaf(digital_signature=None), "certificate not for digital signatures"),
    "another key usage": (leaf(digital_signature=False), "certificate not for digital signatures"),
    "no purpose": (leaf(usages=()), "certificate not for signing code"),
    "another purpose": (leaf(usages=(ExtendedKeyUsageOID.CLIENT_AUTH,)), "certificate not for signing code"),
    "any purpose": (leaf(usages=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), "certificate not for signing code"),
    "an authority": (leaf(authority=True), "certificate of an authority, not of a signer"),
}


@pytest.mark.parametrize(("found", "reason"), USAGES.values(), ids=USAGES)
def test_a_certificate_for_anything_else_is_refused(found: Leaf, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_usage(found)
    assert (refused.value.fault, refused.value.reason) == (Fault.CERTIFICATE_USAGE, reason)


AUTHORITIES: dict[str, tuple[x509.ExtensionType, ...]] = {
    "by its key usage": (key_usage(digital_signature=True, signs_certificates=True),),
    "by its constraints": (key_usage(digital_signature=True), x509.BasicConstraints(ca=True, path_length=None)),
}


@pytest.mark.parametrize("extensions", AUTHORITIES.values(), ids=AUTHORITIES)
def test_whatever_makes_a_certificate_one_of_an_authority_is_enough(extensions: tuple[x509.ExtensionType, ...]) -> None:
    with pytest.raises(RefusedError) as refused:
        check_usage(saying(*extensions))
    assert refused.value.reason == "certificate of an authority, not of a signer"
    no_authority = x509.BasicConstraints(ca=False, path_length=None)
    check_usage(saying(key_usage(digital_signature=True), no_authority))


def saying(*extensions: x509.ExtensionType) -> Leaf:
    """A leaf for signing code that says this besides."""
    mine = name("test", "leaf")
    builder = dated(x509.CertificateBuilder(mine, mine, ROOT_KEY.public_key(), 1), SIGNED_AT - HOUR, SIGNED_AT)
    for extension in (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), *extensions):
        builder = builder.add_extension(extension, critical=False)
    return replace(leaf(), certificate=builder.sign(ROOT_KEY, SHA256()))


def test_who_signed_a_certificate_is_told_at_once_whenever_that_was() -> None:
    other = authority(services("example.org").fulcio)
    check_issuer(leaf(), (other, authority(window=Window(SIGNED_AT + HOUR))))
    check_issuer(
        issued(OTHER_ROOTS["SIG-13 expired an hour before"]), (authority(OTHER_ROOTS["SIG-13 expired an hour before"]),)
    )
    impostor = replace(FULCIO, key=private_key("impostor", "P-384"))
    for found, authorities in ((issued(impostor), (authority(),)), (leaf(), (other,)), (leaf(), ())):
        with pytest.raises(RefusedError) as refused:
            check_issuer(found, authorities)
        assert refused.value.fault is Fault.CERTIFICATE_UNTRUSTED
        assert refused.value.reason == "certificate not issued by an authority of the trust root"


def test_an_authority_offered_as_a_leaf_is_refused() -> None:
    """Its chain too: one more lock on the same door."""
    assert refusal(leaf(authority=True), authority())[0] is Fault.CERTIFICATE_UNTRUSTED
