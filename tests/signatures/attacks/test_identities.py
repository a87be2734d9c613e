"""Identities: who a certificate names, against whom a policy wants."""

from collections.abc import Callable

import pytest
from cryptography import x509

from tests.fakes.sigstore import ISSUER, SUBJECT, Keyless, Profile, der, email, other_name, signature, uri
from tests.signatures.attacks.trial import Attack, accepted, judged, keyless
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault
from webhook.signatures.identities import Identity, IdentityError

REPOSITORY = "https://github.com/acme/app"
PATTERN = r"https://github\.com/acme/[^/]+/\.github/workflows/release\.yml@refs/heads/main"
EMAIL = Identity(ISSUER, "release@example.com")


def by(profile: Profile) -> Attachment:
    return signature(signer=Keyless(profile))


def named(*names: x509.GeneralName) -> Attachment:
    return by(Profile(names=names))


def written(tag: int, text: str) -> Attachment:
    """By a certificate with one name of any text: 0x81 an e-mail address, 0x82 a DNS name, 0x86 a URI."""
    return by(Profile(names=(), raw_extensions={"2.5.29.17": der.sequence(der.tlv(tag, text.encode()))}))


def attack(found: Attachment, fault: Fault, identity: Identity | None = None) -> Attack:
    return Attack(found, fault, by=keyless(identity=identity or Identity(ISSUER, SUBJECT)))


def pattern(text: str) -> Attack:
    return attack(named(uri(text)), Fault.SUBJECT_MISMATCH, Identity(ISSUER, subject_pattern=PATTERN))


def extension(**extensions: str) -> Attack:
    wanted = Identity(ISSUER, SUBJECT, extensions={"sourceRepositoryURI": REPOSITORY})
    return attack(by(Profile(extensions=extensions)), Fault.EXTENSION_MISMATCH, wanted)


ATTACKS: dict[str, Callable[[], Attack]] = {
    "SIG-29 other issuer": lambda: attack(by(Profile(issuer="https://example.org")), Fault.ISSUER_MISMATCH),
    "SIG-29 issuer with a slash": lambda: attack(by(Profile(issuer=f"{ISSUER}/")), Fault.ISSUER_MISMATCH),
    "issuer in other spelling": lambda: attack(by(Profile(issuer=ISSUER.upper())), Fault.ISSUER_MISMATCH),
    "SIG-29 two issuers": lambda: attack(
        by(Profile(issuer="https://example.org", bare_issuer=ISSUER)), Fault.CERTIFICATE_MALFORMED
    ),
    "SIG-29 two issuers, the other way round": lambda: attack(
        by(Profile(issuer=ISSUER, bare_issuer="https://example.org")), Fault.CERTIFICATE_MALFORMED
    ),
    "no issuer": lambda: attack(by(Profile(issuer="")), Fault.CERTIFICATE_MALFORMED),
    "SIG-36 issuer that is no text": lambda: attack(
        by(Profile(issuer="", raw_extensions={"1.3.6.1.4.1.57264.1.8": b"\x0c\x02\xff\xff"})),
        Fault.CERTIFICATE_MALFORMED,
    ),
    "SIG-36 issuer with a length of its own": lambda: attack(
        by(Profile(issuer="", raw_extensions={"1.3.6.1.4.1.57264.1.8": b"\x0c\x7f" + ISSUER.encode()})),
        Fault.CERTIFICATE_MALFORMED,
    ),
    "other subject": lambda: attack(named(uri(SUBJECT.replace("acme", "evil"))), Fault.SUBJECT_MISMATCH),
    "subject with a slash": lambda: attack(named(uri(f"{SUBJECT}/")), Fault.SUBJECT_MISMATCH),
    "SIG-30 two subjects": lambda: attack(named(uri(SUBJECT), uri("https://example.org")), Fault.CERTIFICATE_MALFORMED),
    "SIG-30 the same subject twice": lambda: attack(named(uri(SUBJECT), uri(SUBJECT)), Fault.CERTIFICATE_MALFORMED),
    "SIG-30 subject beside a DNS name": lambda: attack(
        named(x509.DNSName("example.org"), uri(SUBJECT)), Fault.CERTIFICATE_MALFORMED
    ),
    "SIG-36 no subject": lambda: attack(named(), Fault.CERTIFICATE_MALFORMED),
    "subject as the common name": lambda: attack(
        by(Profile(names=(), common_name="release")), Fault.CERTIFICATE_MALFORMED
    ),
    "SIG-30 URI as an address": lambda: attack(written(0x81, SUBJECT), Fault.CERTIFICATE_MALFORMED),
    "SIG-30 URI as a user name": lambda: attack(named(other_name(SUBJECT)), Fault.CERTIFICATE_MALFORMED),
    "SIG-30 URI as a DNS name": lambda: attack(written(0x82, SUBJECT), Fault.CERTIFICATE_MALFORMED),
    "subject with a line end": lambda: attack(written(0x86, f"{SUBJECT}\n"), Fault.CERTIFICATE_MALFORMED),
    "subject with a zero byte": lambda: attack(written(0x86, f"{SUBJECT}\0"), Fault.CERTIFICATE_MALFORMED),
    "subject longer than is read": lambda: attack(written(0x86, SUBJECT + "x" * 2048), Fault.CERTIFICATE_MALFORMED),
    "SIG-30 address as a URI": lambda: attack(named(uri("release@example.com")), Fault.CERTIFICATE_MALFORMED, EMAIL),
    "SIG-30 address as a user name": lambda: attack(
        named(other_name("release@example.com")), Fault.CERTIFICATE_MALFORMED, EMAIL
    ),
    "name of an unknown type": lambda: attack(
        named(x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a")), Fault.CERTIFICATE_MALFORMED
    ),
    "address of another host": lambda: attack(
        named(email("release@example.com.evil.org")), Fault.SUBJECT_MISMATCH, EMAIL
    ),
    "SIG-27 pattern in the middle": lambda: pattern(f"https://evil.example/x?u={SUBJECT}"),
    "SIG-27 pattern at the beginning": lambda: pattern(f"{SUBJECT}-evil"),
    "SIG-27 owner with a longer name": lambda: pattern(SUBJECT.replace("acme/", "acme-evil/")),
    "SIG-27 two refs": lambda: pattern(SUBJECT.replace("@", "@evil.yml@")),
    "SIG-27 another branch": lambda: pattern(SUBJECT.replace("/main", "/attacker-branch")),
    "SIG-27 another workflow": lambda: pattern(SUBJECT.replace("release.yml", "releaseXyml")),
    "SIG-27 one more path segment": lambda: pattern(SUBJECT.replace("/app/", "/app/x/")),
    "SIG-31 called from another repository": lambda: extension(sourceRepositoryURI="https://github.com/evil/app"),
    "SIG-31 repository with a suffix": lambda: extension(sourceRepositoryURI=f"{REPOSITORY}.git"),
    "SIG-31 extension missing": extension,
    "SIG-31 the value under another name": lambda: extension(sourceRepositoryOwnerURI=REPOSITORY),
    "SIG-31 extension as bare text": lambda: attack(
        by(Profile(raw_extensions={"1.3.6.1.4.1.57264.1.12": REPOSITORY.encode()})),
        Fault.CERTIFICATE_MALFORMED,
        Identity(ISSUER, SUBJECT, extensions={"sourceRepositoryURI": REPOSITORY}),
    ),
}


@pytest.mark.parametrize("make", ATTACKS.values(), ids=ATTACKS)
def test_other_identities_are_refused(make: Callable[[], Attack]) -> None:
    make().check()


GOOD: dict[str, tuple[Profile, Identity]] = {
    "URI": (Profile(), Identity(ISSUER, SUBJECT)),
    "pattern": (Profile(), Identity(ISSUER, subject_pattern=PATTERN)),
    "address": (Profile(names=(email("release@example.com"),)), EMAIL),
    "user name": (Profile(names=(other_name("robot!ci.example.com"),)), Identity(ISSUER, "robot!ci.example.com")),
    "issuer only as DER": (Profile(bare_issuer=""), Identity(ISSUER, SUBJECT)),
    "issuer only as bare text": (
        Profile(issuer="", bare_issuer=ISSUER),
        Identity(ISSUER, SUBJECT),
    ),
    "extensions of both kinds": (
        Profile(extensions={"sourceRepositoryURI": REPOSITORY, "githubWorkflowTrigger": "push"}),
        Identity(ISSUER, SUBJECT, extensions={"sourceRepositoryURI": REPOSITORY, "githubWorkflowTrigger": "push"}),
    ),
    "extensions that nobody asked for": (Profile(extensions={"buildTrigger": "push"}), Identity(ISSUER, SUBJECT)),
}


@pytest.mark.parametrize(("profile", "identity"), GOOD.values(), ids=GOOD)
def test_the_identity_that_is_wanted_is_accepted(profile: Profile, identity: Identity) -> None:
    assert accepted(judged(by(profile), by=keyless(identity=identity)))


@pytest.mark.parametrize(
    "made",
    [
        lambda: Identity(ISSUER),
        lambda: Identity("", SUBJECT),
        lambda: Identity(ISSUER, "", ""),
        lambda: Identity(ISSUER, SUBJECT, ".*"),
        lambda: Identity(ISSUER, subject_pattern="("),
        lambda: Identity(ISSUER, SUBJECT, extensions={"unknown": "x"}),
    ],
)
def test_an_identity_that_would_match_anybody_cannot_be_made(made: Callable[[], Identity]) -> None:
    """SIG-28."""
    with pytest.raises(IdentityError):
        made()
