"""Certificates: who issued them and when, what they are for, and whether a log had received them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.fakes import sigstore
from tests.fakes.sigstore import (
    AUTHORITIES_START,
    CHAIN_ANNOTATION,
    SIGNED_AT,
    Form,
    Keyless,
    Profile,
    certificate_authority,
    certificate_log,
    services,
    signature,
    trusted_root,
)
from tests.signatures.attacks.trial import Attack, accepted, judged, keyless
from webhook.signatures.evidence import Attachment
from webhook.signatures.faults import Fault
from webhook.signatures.trust import Proofs

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
FULCIO = services().fulcio
ISSUED_AT = Profile().start
STRANGER = services("example.org").fulcio
IMPOSTOR = replace(STRANGER, chain=FULCIO.chain)
"""Another's key that issues in our authority's name."""


def under(authority: sigstore.CertificateAuthority) -> Attachment:
    return signature(services=replace(services(), fulcio=authority))


def with_root_of_ones_own() -> Attachment:
    found = signature(form=Form.LEGACY, services=replace(services(), fulcio=STRANGER))
    assert STRANGER.chain[-1].public_bytes(Encoding.PEM).decode("ascii") in found.annotations[CHAIN_ANNOTATION]
    return found


def self_issued() -> Attachment:
    alone = replace(FULCIO, key=Keyless().private)
    certificate = alone.issue(alone.key, Profile(), [services().certificate_log])
    return signature(signer=Keyless(certificate=certificate.public_bytes(Encoding.DER)))


def while_authority(start: datetime, end: datetime) -> Attack:
    """The issuing certificate is valid from start to end, the root and the trust root's window are without end."""
    changed = replace(services(), fulcio=certificate_authority("fulcio.example.com", start=start, end=end))
    return Attack(signature(services=changed), Fault.CERTIFICATE_UNTRUSTED, root=trusted_root(changed))


def while_window(start: datetime, end: datetime | None) -> Attack:
    return Attack(signature(), Fault.CERTIFICATE_UNTRUSTED, root=trusted_root(fulcio=(start, end)))


def used_at(time: datetime) -> Attack:
    return Attack(signature(logged_at=time), Fault.CERTIFICATE_EXPIRED)


def profiled(profile: Profile) -> Attack:
    return Attack(signature(signer=Keyless(profile)), Fault.CERTIFICATE_USAGE)


def signs_certificates() -> Attachment:
    """Its key usage, a bit string of RFC 5280, 4.2.1.3, has the bits 0 and 5; it is no authority otherwise."""
    usage = {"2.5.29.15": b"\x03\x02\x02\x84"}
    return signature(signer=Keyless(Profile(digital_signature=None, raw_extensions=usage)))


def purpose(*usages: x509.ObjectIdentifier) -> Attack:
    return profiled(Profile(usages=usages))


ATTACKS: dict[str, Callable[[], Attack]] = {
    "SIG-16 another instance's authority": lambda: Attack(under(STRANGER), Fault.CERTIFICATE_UNTRUSTED),
    "another key in the authority's name": lambda: Attack(under(IMPOSTOR), Fault.CERTIFICATE_UNTRUSTED),
    "root of one's own in the chain annotation": lambda: Attack(with_root_of_ones_own(), Fault.CERTIFICATE_UNTRUSTED),
    "issued by itself": lambda: Attack(self_issued(), Fault.CERTIFICATE_UNTRUSTED),
    "SIG-13 authority expired between issue and use": lambda: while_authority(AUTHORITIES_START, SIGNED_AT - SECOND),
    "authority not valid yet": lambda: while_authority(SIGNED_AT + SECOND, sigstore.AUTHORITIES_END),
    "C7 authority's window over": lambda: while_window(AUTHORITIES_START, SIGNED_AT - SECOND),
    "C7 authority's window not begun": lambda: while_window(SIGNED_AT + SECOND, None),
    "SIG-12 used after its end": lambda: used_at(ISSUED_AT + Profile().life + SECOND),
    "SIG-12 used before its start": lambda: used_at(ISSUED_AT - SECOND),
    "no usage": lambda: profiled(Profile(digital_signature=None)),
    "not for signatures": lambda: profiled(Profile(digital_signature=False)),
    "no purpose": purpose,
    "for servers": lambda: purpose(ExtendedKeyUsageOID.SERVER_AUTH),
    "for timestamps": lambda: purpose(ExtendedKeyUsageOID.TIME_STAMPING),
    "for anything": lambda: purpose(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE),
    "for signing certificates too": lambda: Attack(signs_certificates(), Fault.CERTIFICATE_UNTRUSTED),
    "an authority's": lambda: Attack(signature(signer=Keyless(Profile(authority=True))), Fault.CERTIFICATE_UNTRUSTED),
}


@pytest.mark.parametrize("make", ATTACKS.values(), ids=ATTACKS)
def test_certificates_that_do_not_hold_are_refused(make: Callable[[], Attack]) -> None:
    make().check()


CT = services().certificate_log
OTHER_CT = certificate_log("ctfe.example.org")


def holding(*promises: bytes) -> Attachment:
    """A bundle whose certificate holds these promises."""
    certificate = FULCIO.finish(Keyless().private, Profile(), promises)
    return signature(signer=Keyless(certificate=certificate.public_bytes(Encoding.DER)))


def promise(profile: Profile | None = None, log: sigstore.CertificateLog = CT) -> bytes:
    (made,) = FULCIO.promises(Keyless().private, profile or Profile(), [log], ISSUED_AT)
    return made


def of_another() -> bytes:
    return promise(Profile(life=timedelta(days=365)))


def forged() -> bytes:
    """By another key, under the known log's ID: version and ID are the first 33 bytes."""
    return promise()[:33] + promise(log=OTHER_CT)[33:]


def misnamed() -> bytes:
    """By the known log under another's ID, which the signature does not cover."""
    return promise(log=OTHER_CT)[:33] + promise()[33:]


def while_logging(start: datetime, end: datetime | None) -> Attack:
    return Attack(signature(), Fault.CERTIFICATE_NOT_LOGGED, root=trusted_root(certificate_log=(start, end)))


NOT_LOGGED: dict[str, Callable[[], Attachment]] = {
    "no promise": lambda: signature(signer=Keyless(logs=())),
    "by an unknown log": lambda: signature(signer=Keyless(logs=(OTHER_CT,))),
    "about another certificate": lambda: holding(of_another()),
    "by another key under the log's ID": lambda: holding(forged()),
    "by the known log under another ID": lambda: holding(misnamed()),
    "several, none of them good": lambda: holding(of_another(), forged(), misnamed(), promise(log=OTHER_CT)),
    "the good one beyond those that are looked at": lambda: holding(*[promise(log=OTHER_CT)] * 16, promise()),
    "later than it says": lambda: holding(promise()[:33] + bytes(8) + promise()[41:]),
}


@pytest.mark.parametrize("make", NOT_LOGGED.values(), ids=NOT_LOGGED)
def test_certificates_that_no_log_received_are_refused(make: Callable[[], Attachment]) -> None:
    """SIG-14."""
    Attack(make(), Fault.CERTIFICATE_NOT_LOGGED).check()
    assert accepted(judged(make(), by=keyless(Proofs(log=True))))


def test_promises_outside_of_their_logs_window_do_not_count() -> None:
    while_logging(AUTHORITIES_START, ISSUED_AT - SECOND).check()
    while_logging(ISSUED_AT + SECOND, None).check()


def test_one_good_promise_suffices() -> None:
    assert accepted(judged(holding(promise())))
    assert accepted(judged(holding(forged(), promise(log=OTHER_CT), promise())))


def test_windows_that_end_in_the_very_second_hold() -> None:
    window = (ISSUED_AT, SIGNED_AT)
    root = trusted_root(
        fulcio=(SIGNED_AT, SIGNED_AT), certificate_log=(ISSUED_AT, ISSUED_AT), rekor=window, timestamps=window
    )
    assert accepted(judged(signature(), root=root))


def test_an_authority_without_intermediate_is_one_too() -> None:
    single = replace(services(), fulcio=certificate_authority("single.example.com", intermediate=False))
    assert accepted(judged(signature(services=single), root=trusted_root(single)))


def test_the_certificate_may_have_ended_since() -> None:
    """SIG-12."""
    for time in (SIGNED_AT, SIGNED_AT + timedelta(days=3650)):
        assert accepted(judged(signature(), now=time))


@pytest.mark.parametrize("time", [ISSUED_AT, ISSUED_AT + Profile().life])
def test_the_first_and_last_second_of_a_certificate_are_its_own(time: datetime) -> None:
    assert accepted(judged(signature(logged_at=time)))
