"""Who a certificate names: the one name whose kind its text shows, the issuer, and Fulcio's extensions."""

import pytest
from cryptography import x509

from tests.fakes.sigstore import ISSUER, SUBJECT, Profile, email, other_name, uri
from tests.fakes.sigstore import der as asn1
from tests.signatures.issuing import FIXTURES, der, leaf, malformed
from webhook.signatures.certificates import Leaf
from webhook.signatures.identities import EXTENSIONS, MAX_TEXT_CHARACTERS

REAL = (FIXTURES / "leaf.pem").read_bytes()
ARC = "1.3.6.1.4.1.57264.1"


def test_a_real_certificate_of_fulcio_is_read() -> None:
    read = Leaf.parse(REAL)
    repository = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    workflow = f"{repository}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
    commit = "c7b3dfb335f051e1c86bda4c716fac97df62ad81"
    assert read.signer.issuer == "https://token.actions.githubusercontent.com"
    assert read.signer.subject == workflow
    assert read.signer.extensions == {
        "githubWorkflowTrigger": "workflow_dispatch",
        "githubWorkflowSHA": commit,
        "githubWorkflowName": "Extremely dangerous OIDC beacon",
        "githubWorkflowRepository": "sigstore-conformance/extremely-dangerous-public-oidc-beacon",
        "githubWorkflowRef": "refs/heads/main",
        "buildSignerURI": workflow,
        "buildSignerDigest": commit,
        "runnerEnvironment": "github-hosted",
        "sourceRepositoryURI": repository,
        "sourceRepositoryDigest": commit,
        "sourceRepositoryRef": "refs/heads/main",
        "sourceRepositoryIdentifier": "632596897",
        "sourceRepositoryOwnerURI": "https://github.com/sigstore-conformance",
        "sourceRepositoryOwnerIdentifier": "131804563",
        "buildConfigURI": workflow,
        "buildConfigDigest": commit,
        "buildTrigger": "workflow_dispatch",
        "runInvocationURI": f"{repository}/actions/runs/8347481628/attempts/1",
        "sourceRepositoryVisibilityAtSigning": "public",
    }
    assert list(read.signer.extensions) == list(EXTENSIONS)


NAMES = {
    "URI": (uri(SUBJECT), SUBJECT),
    "SPIFFE": (uri("spiffe://example.com/ns/prod/sa/ci"), "spiffe://example.com/ns/prod/sa/ci"),
    "e-mail address": (email("jo@example.com"), "jo@example.com"),
    "user name": (other_name("jo!example.com"), "jo!example.com"),
    "user name with a space": (other_name("jo doe"), "jo doe"),
    "as long as can be": (email("a" * (MAX_TEXT_CHARACTERS - 2) + "@b"), "a" * (MAX_TEXT_CHARACTERS - 2) + "@b"),
}


@pytest.mark.parametrize(("name", "subject"), NAMES.values(), ids=NAMES)
def test_the_name_of_a_signer_is_read(name: x509.GeneralName, subject: str) -> None:
    assert leaf(names=(name,)).signer.subject == subject


UNLIKE = "the name in the certificate is of type {} and does not look like one of a signer"
LOOKS_LIKE = "the user name in the certificate looks like an e-mail address or a URI"
NOT_PRINTABLE = "the name in the certificate is not printable ASCII of at most 2048 characters"
USER_NAME = x509.ObjectIdentifier(f"{ARC}.7")
OTHER_NAMES: dict[str, tuple[tuple[x509.GeneralName, ...], str]] = {
    "SIG-30 no name": ((), "the certificate has 0 subject alternative names, expected one"),
    "SIG-30 two names": (
        (uri(SUBJECT), email("eve@example.com")),
        "the certificate has 2 subject alternative names, expected one",
    ),
    "SIG-30 one name twice": (
        (uri(SUBJECT), uri(SUBJECT)),
        "the certificate has 2 subject alternative names, expected one",
    ),
    "SIG-30 an address as a URI": ((uri("jo@example.com"),), UNLIKE.format("UniformResourceIdentifier")),
    "SIG-30 a mailto as a URI": ((uri("mailto:jo@example.com"),), UNLIKE.format("UniformResourceIdentifier")),
    "SIG-30 a URI as an address": ((email(SUBJECT),), UNLIKE.format("RFC822Name")),
    "SIG-30 a user name as an address": ((email("jo"),), UNLIKE.format("RFC822Name")),
    "SIG-30 an address as a user name": ((other_name("jo@example.com"),), LOOKS_LIKE),
    "SIG-30 a URI as a user name": ((other_name(SUBJECT),), LOOKS_LIKE),
    "SIG-30 a DNS name": ((x509.DNSName("example.com"),), UNLIKE.format("DNSName")),
    "SIG-30 another kind of other name": (
        (x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), asn1.utf8_string("jo")),),
        UNLIKE.format("OtherName"),
    ),
    "a user name that is no UTF-8": (
        (x509.OtherName(USER_NAME, b"\x0c\x01\xff"),),
        "the user name in the certificate is not text",
    ),
    "a user name of another type": (
        (x509.OtherName(USER_NAME, b"\x16\x01a"),),
        "the user name in the certificate is not text",
    ),
    "a newline at the end": ((email("jo@example.com\n"),), NOT_PRINTABLE),
    "a null": ((uri("https://example.com/\0"),), NOT_PRINTABLE),
    "not ASCII": ((other_name("j\u00f6"),), NOT_PRINTABLE),
    "an empty user name": ((other_name(""),), NOT_PRINTABLE),
    "too long": ((email("a" * MAX_TEXT_CHARACTERS + "@b"),), NOT_PRINTABLE),
}


@pytest.mark.parametrize(("names", "reason"), OTHER_NAMES.values(), ids=OTHER_NAMES)
def test_a_name_whose_kind_is_not_what_it_looks_like_is_refused(
    names: tuple[x509.GeneralName, ...], reason: str
) -> None:
    assert malformed(der(Profile(names=names))) == reason


ISSUERS = {
    "both": (ISSUER, ISSUER),
    "the one in DER": (ISSUER, ""),
    "the older one": ("", ISSUER),
}


@pytest.mark.parametrize(("issuer", "bare"), ISSUERS.values(), ids=ISSUERS)
def test_the_issuer_stands_in_either_extension(issuer: str, bare: str) -> None:
    assert leaf(issuer=issuer, bare_issuer=bare).signer.issuer == ISSUER


OTHER_ISSUERS = {
    "SIG-29 none": (Profile(issuer=""), "the certificate names no issuer of its identity"),
    "SIG-29 two": (Profile(bare_issuer=f"{ISSUER}/"), "the certificate names two issuers of its identity"),
    "with a space": (Profile(issuer=f"{ISSUER} x"), "the issuer in the certificate is not printable ASCII"),
    "with a newline": (Profile(issuer=f"{ISSUER}\n"), "the issuer in the certificate is not printable ASCII"),
    "not ASCII": (Profile(issuer="https://\u0430.example"), "the issuer in the certificate is not printable ASCII"),
    "empty": (
        Profile(issuer="", raw_extensions={f"{ARC}.8": asn1.utf8_string("")}),
        "the issuer in the certificate is not printable ASCII",
    ),
}


@pytest.mark.parametrize(("profile", "reason"), OTHER_ISSUERS.values(), ids=OTHER_ISSUERS)
def test_a_certificate_without_one_issuer_is_refused(profile: Profile, reason: str) -> None:
    assert malformed(der(profile)) == reason


def test_an_extension_is_any_text() -> None:
    read = leaf(extensions={"sourceRepositoryRef": "refs/heads/\u65e5\u672c", "githubWorkflowName": "\U0001f680 ship"})
    assert read.signer.extensions == {
        "sourceRepositoryRef": "refs/heads/\u65e5\u672c",
        "githubWorkflowName": "\U0001f680 ship",
    }


def test_extensions_that_no_policy_can_name_are_passed_over() -> None:
    read = leaf(raw_extensions={f"{ARC}.23": b"\xff", "1.2.3.4": b"\xff"})
    assert read.signer.extensions == {}


EXTENSIONS_WITHOUT_TEXT = {
    "DER of another type": (f"{ARC}.20", asn1.integer(1), f"extension {ARC}.20 of the certificate is not text"),
    "DER with more behind it": (
        f"{ARC}.20",
        asn1.utf8_string("a") + b"b",
        f"extension {ARC}.20 of the certificate is not text",
    ),
    "no DER": (f"{ARC}.20", b"push", f"extension {ARC}.20 of the certificate is not text"),
    "DER without UTF-8": (f"{ARC}.20", b"\x0c\x01\xff", f"extension {ARC}.20 of the certificate is not text"),
    "older one without UTF-8": (f"{ARC}.2", b"\xff", f"extension {ARC}.2 of the certificate is not text"),
    "too long": (
        f"{ARC}.20",
        asn1.utf8_string("a" * 2048),
        f"extension {ARC}.20 of the certificate has 2052 bytes, more than 2048",
    ),
    "unreadable key usage": ("2.5.29.15", b"\x30", "the certificate's extensions cannot be read"),
    "unreadable constraints": ("2.5.29.19", b"junk", "the certificate's extensions cannot be read"),
    "an x400 address": (
        "2.5.29.17",
        asn1.sequence(asn1.context(3, asn1.utf8_string("jo"))),
        "the certificate's extensions cannot be read",
    ),
}


@pytest.mark.parametrize(("oid", "value", "reason"), EXTENSIONS_WITHOUT_TEXT.values(), ids=EXTENSIONS_WITHOUT_TEXT)
def test_an_extension_that_cannot_be_read_is_refused(oid: str, value: bytes, reason: str) -> None:
    """SIG-36."""
    profile = Profile(names=(), digital_signature=None, raw_extensions={oid: value})
    assert malformed(der(profile)) == reason


def test_an_extension_that_is_there_twice_is_refused() -> None:
    marker, twin = f"{ARC}.21", f"{ARC}.22"
    encoded = der(Profile(raw_extensions={marker: asn1.utf8_string("a"), twin: asn1.utf8_string("b")}))
    assert malformed(encoded.replace(asn1.oid(twin), asn1.oid(marker))) == "the certificate's extensions cannot be read"
