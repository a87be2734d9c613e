"""Whether a log of certificates had received a signer's certificate."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.fakes.sigstore import SIGNED_AT, Profile, certificate_log, services
from tests.signatures.issuing import CERTIFICATE_LOG, EVER, FIXTURES, FULCIO, KEY, leaf, log_key, production
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.certificate_transparency import MAX_PROMISES, check
from webhook.signatures.proofs.log_keys import LogKey
from webhook.signatures.validity import Window

SECOND = timedelta(seconds=1)
PROFILE = Profile()
LOG = log_key()
OTHER = certificate_log("ctfe.example.org")
LOGGED = "certificate logged by ctfe.example.com at 2025-06-01T12:00:00Z"
HASH_OF_A_PROMISE = 1 + 32 + 8 + 2
"""Where the hash algorithm stands in a promise without extensions: RFC 6962, 3.2."""

GOOD = FULCIO.promises(KEY, PROFILE, [CERTIFICATE_LOG], SIGNED_AT)[0]
FOREIGN = FULCIO.promises(KEY, PROFILE, [OTHER], SIGNED_AT)[0]
WRONG = FULCIO.promises(KEY, Profile(issuer="https://evil.example"), [CERTIFICATE_LOG], SIGNED_AT)[0]


def with_promises(*promises: bytes) -> Leaf:
    return Leaf.parse(FULCIO.finish(KEY, PROFILE, promises).public_bytes(Encoding.DER))


def logs(*keys: LogKey) -> dict[bytes, LogKey]:
    return {key.id: key for key in keys}


def refusal(found: Leaf, *keys: LogKey) -> str:
    with pytest.raises(RefusedError) as refused:
        check(found, FULCIO.chain, logs(*keys))
    assert refused.value.fault is Fault.CERTIFICATE_NOT_LOGGED
    return refused.value.reason.removeprefix("no good promise by a log of certificates: ")


def test_a_certificate_that_a_known_log_received_is_taken() -> None:
    assert check(with_promises(GOOD), FULCIO.chain, logs(LOG)) == LOGGED


def test_a_real_certificate_was_logged_by_sigstores_own_log() -> None:
    root = production()
    real = Leaf.parse((FIXTURES / "leaf.pem").read_bytes())
    identifier = root.log_id("ctlogs", 1)
    key = root.log_key("ctlogs", 1)
    log = LogKey.of(key, "PKIX_ECDSA_P256_SHA_256", log_id=identifier, window=EVER, name="ctfe.sigstore.dev")
    found = check(real, root.certificates("certificateAuthorities", 1), {identifier: log})
    assert found == "certificate logged by ctfe.sigstore.dev at 2024-03-19T17:26:26Z"


GOOD_AMONG_OTHERS = {
    "after one by an unknown log": (FOREIGN, GOOD),
    "before one by an unknown log": (GOOD, FOREIGN),
    "after a wrong one by the same log": (WRONG, GOOD),
    "the last that is looked at": (*[FOREIGN] * (MAX_PROMISES - 1), GOOD),
}


@pytest.mark.parametrize("promises", GOOD_AMONG_OTHERS.values(), ids=GOOD_AMONG_OTHERS)
def test_one_good_promise_among_others_suffices(promises: tuple[bytes, ...]) -> None:
    assert check(with_promises(*promises), FULCIO.chain, logs(LOG)) == LOGGED


DID_NOT_SIGN = "ctfe.example.com did not sign that it received this certificate"
UNKNOWN = "it is by no log of the trust root"
BAD = {
    "SIG-14 none": ((), "there is none"),
    "SIG-14 by an unknown log": ((FOREIGN,), UNKNOWN),
    "SIG-14 for another certificate": ((WRONG,), DID_NOT_SIGN),
    "SIG-14 of another time": ((GOOD[:33] + (1_748_779_201_000).to_bytes(8, "big") + GOOD[41:],), DID_NOT_SIGN),
    "SIG-14 in the name of the log": ((GOOD[:1] + LOG.id + FOREIGN[33:],), DID_NOT_SIGN),
    "SIG-14 a bit of the signature": ((GOOD[:-1] + bytes([GOOD[-1] ^ 1]),), DID_NOT_SIGN),
    "over another hash": (
        (GOOD[:HASH_OF_A_PROMISE] + b"\x05" + GOOD[HASH_OF_A_PROMISE + 1 :],),
        "that of ctfe.example.com is not over a SHA-256 hash",
    ),
    "SIG-10 beyond the ceiling": (([FOREIGN] * MAX_PROMISES) + [GOOD], UNKNOWN),
}


@pytest.mark.parametrize(("promises", "reason"), BAD.values(), ids=BAD)
def test_a_certificate_without_a_good_promise_is_refused(promises: tuple[bytes, ...], reason: str) -> None:
    assert refusal(with_promises(*promises), LOG) == reason


def test_a_promise_names_the_key_of_the_issuer() -> None:
    stranger = services("example.org").fulcio
    with pytest.raises(RefusedError) as refused:
        check(with_promises(GOOD), stranger.chain, logs(LOG))
    assert refused.value.reason.endswith(DID_NOT_SIGN)


def test_a_promise_outside_the_window_of_the_log_is_refused() -> None:
    """sigstore-python has no such check."""
    over = log_key(window=Window(SIGNED_AT - 2 * SECOND, SIGNED_AT - SECOND))
    window = "2025-06-01T11:59:58Z to 2025-06-01T11:59:59Z"
    reason = f"ctfe.example.com was valid {window}, the promise is of 2025-06-01T12:00:00Z"
    assert refusal(with_promises(GOOD), over) == reason
    assert refusal(with_promises(GOOD), log_key(window=Window(SIGNED_AT + SECOND))).startswith(
        "ctfe.example.com was valid from"
    )
    assert check(with_promises(GOOD), FULCIO.chain, logs(log_key(window=Window(SIGNED_AT, SIGNED_AT)))) == LOGGED


def test_without_logs_no_certificate_is_logged() -> None:
    assert refusal(leaf()) == UNKNOWN


def test_a_log_is_found_by_its_id_and_verified_by_its_key() -> None:
    assert refusal(with_promises(GOOD), replace(log_key(OTHER), id=LOG.id, name=LOG.name)) == DID_NOT_SIGN
