"""When something was signed: who may say so, and what must have been valid then."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.sigstore import (
    AUTHORITIES_START,
    NOW,
    SIGNED_AT,
    Form,
    Key,
    Log,
    Recipe,
    changed,
    promised,
    proved,
    services,
    signature,
    trusted_root,
)
from tests.signatures.attacks.trial import (
    CI,
    IDENTITY,
    LOGGED_RELEASE,
    RELEASE,
    Attack,
    accepted,
    circumstances,
    judged,
    keyless,
)
from webhook.codes import Code
from webhook.images import Digest
from webhook.signatures.authorities import KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.faults import Fault
from webhook.signatures.trust import Circumstances, Proofs
from webhook.signatures.verify import verify

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
BEFORE = SIGNED_AT - SECOND
AFTER = SIGNED_AT + SECOND
V2: dict[str, Any] = {"log": Log.V2, "timestamp": True}
LEGACY: dict[str, Any] = {"form": Form.LEGACY, "log": Log.PROMISE}

NO_LOG = keyless(Proofs(certificate_transparency=True))
STAMPED = keyless(Proofs(timestamp=True, certificate_transparency=True))


def unpromised(**recipe: Any) -> Attachment:
    """A bundle whose log entry has its proof, and a time that nobody signed."""
    made = Recipe(**recipe).make()
    return replace(made, entry=proved(made.entry or {})).attachment()


def claiming_time() -> Attachment:
    """An entry of Rekor 2 that says when it came."""
    made = Recipe(log=Log.V2).make()
    entry = changed(made.entry or {}, "integratedTime", to=str(int(SIGNED_AT.timestamp())))
    return replace(made, entry=entry).attachment()


TIMELESS: dict[str, Callable[[], Attack]] = {
    "SIG-12 time of an entry without a promise": lambda: Attack(unpromised(), Fault.TIME_UNKNOWN),
    "SIG-17 Rekor 2 alone": lambda: Attack(signature(log=Log.V2), Fault.TIME_UNKNOWN),
    "SIG-17 Rekor 2 that says when": lambda: Attack(claiming_time(), Fault.TIME_UNKNOWN),
    "SIG-37 nothing at all, where no log is required": lambda: Attack(
        signature(log=Log.NONE), Fault.TIME_UNKNOWN, by=NO_LOG
    ),
    "SIG-37 nothing at all beside a layer": lambda: Attack(
        signature(form=Form.LEGACY, log=Log.NONE), Fault.TIME_UNKNOWN, by=NO_LOG
    ),
    "log that is not required and not known": lambda: Attack(
        signature(services=replace(services(), rekor=services("example.org").rekor)), Fault.LOG_UNKNOWN, by=NO_LOG
    ),
    "timestamp that is not required and over something else": lambda: Attack(
        signature(log=Log.V2, timestamp=True, stamped=lambda _: b"else"), Fault.TIMESTAMP_INVALID
    ),
}


@pytest.mark.parametrize("make", TIMELESS.values(), ids=TIMELESS)
def test_certificates_without_a_time_that_can_be_trusted_are_refused(make: Callable[[], Attack]) -> None:
    make().check()


FUTURE: dict[str, Callable[[], Attack]] = {
    "log's time": lambda: Attack(signature(), Fault.TIME_IN_FUTURE, now=BEFORE),
    "log's time of a layer": lambda: Attack(signature(**LEGACY), Fault.TIME_IN_FUTURE, now=BEFORE),
    "timestamp": lambda: Attack(signature(**V2), Fault.TIME_IN_FUTURE, now=BEFORE),
    "timestamp beside a log's good time": lambda: Attack(
        signature(timestamp=True, stamped_at=AFTER), Fault.TIME_IN_FUTURE, now=SIGNED_AT
    ),
    "log's time of a key": lambda: Attack(signature(signer=Key()), Fault.TIME_IN_FUTURE, by=LOGGED_RELEASE, now=BEFORE),
}


@pytest.mark.parametrize("make", FUTURE.values(), ids=FUTURE)
def test_times_in_the_future_are_refused(make: Callable[[], Attack]) -> None:
    """SIG-12."""
    make().check()


def test_the_very_second_is_not_the_future() -> None:
    assert accepted(judged(signature(), now=SIGNED_AT))


def over(**recipe: Any) -> Callable[..., Attack]:
    """An attack whose trust root's windows are to be given."""
    return lambda **windows: Attack(signature(**recipe), Fault.LOG_OUTSIDE_VALIDITY, root=trusted_root(**windows))


@pytest.mark.parametrize(("recipe", "log"), [({}, "rekor"), (LEGACY, "rekor"), (V2, "rekor_v2")])
def test_entries_outside_of_their_logs_window_are_refused(recipe: dict[str, Any], log: str) -> None:
    """C7: sigstore-python accepts these."""
    over(**recipe)(**{log: (AUTHORITIES_START, BEFORE)}).check()
    over(**recipe)(**{log: (AFTER, None)}).check()
    assert accepted(judged(signature(**recipe), root=trusted_root(**{log: (SIGNED_AT, SIGNED_AT)})))
    other = {"rekor": "rekor_v2", "rekor_v2": "rekor"}[log]
    assert accepted(judged(signature(**recipe), root=trusted_root(**{other: (AFTER, None)})))


EVERY_TIME: dict[str, Callable[[], Attack]] = {
    "timestamp before the certificate": lambda: stamped_at(SIGNED_AT - HOUR),
    "timestamp behind the certificate": lambda: stamped_at(SIGNED_AT + HOUR),
    "log behind the certificate": lambda: Attack(
        signature(timestamp=True, logged_at=SIGNED_AT + HOUR), Fault.CERTIFICATE_EXPIRED
    ),
}


def stamped_at(time: datetime) -> Attack:
    return Attack(signature(timestamp=True, stamped_at=time), Fault.CERTIFICATE_EXPIRED)


@pytest.mark.parametrize("make", EVERY_TIME.values(), ids=EVERY_TIME)
def test_a_certificate_holds_at_every_time_that_is_proved(make: Callable[[], Attack]) -> None:
    make().check()


ENOUGH: dict[str, Callable[[], Attachment]] = {
    "promise and proof": signature,
    "promise of a layer": lambda: signature(**LEGACY),
    "promise and timestamp": lambda: signature(timestamp=True),
    "SIG-17 Rekor 2 and timestamp": lambda: signature(**V2),
    "proof alone and timestamp": lambda: unpromised(timestamp=True),
    "layer with promise and timestamp": lambda: signature(timestamp=True, **LEGACY),
}


@pytest.mark.parametrize("make", ENOUGH.values(), ids=ENOUGH)
def test_a_log_and_one_proved_time_are_enough(make: Callable[[], Attachment]) -> None:
    assert accepted(judged(make()))
    assert accepted(judged(make(), by=NO_LOG))


@pytest.mark.parametrize("form", Form)
def test_a_timestamp_alone_is_enough_where_no_log_is_required(form: Form) -> None:
    found = signature(form=form, log=Log.NONE, timestamp=True)
    assert accepted(judged(found, by=NO_LOG))
    assert accepted(judged(found, by=STAMPED))
    Attack(found, Fault.LOG_ENTRY_MISSING).check()


def test_a_log_that_is_not_required_may_be_wrong_beside_a_timestamp() -> None:
    stranger = replace(services(), rekor=services("example.org").rekor)
    assert accepted(judged(signature(services=stranger, timestamp=True), by=NO_LOG))


@pytest.mark.parametrize("recipe", [{}, LEGACY, {"log": Log.V2}])
def test_a_logged_key_needs_no_time(recipe: dict[str, Any]) -> None:
    assert accepted(judged(signature(signer=Key(), **recipe), by=LOGGED_RELEASE))


@pytest.mark.parametrize("form", Form)
def test_a_key_whose_log_is_required_is_refused_without_it(form: Form) -> None:
    """SIG-18."""
    found = signature(signer=Key(), form=form, log=Log.NONE)
    Attack(found, Fault.LOG_ENTRY_MISSING, by=LOGGED_RELEASE).check()
    assert accepted(judged(found, by=RELEASE))


def test_a_promise_alone_does_not_do_in_a_bundle() -> None:
    made = Recipe(signer=Key()).make()
    found = replace(made, entry=promised(made.entry or {})).attachment()
    Attack(found, Fault.LOG_PROOF_INVALID, by=LOGGED_RELEASE).check()


def test_without_the_trust_root_nothing_keyless_is_judged() -> None:
    for by in (CI, LOGGED_RELEASE):
        found = signature() if by is CI else signature(signer=Key())
        outcome = verify(
            Evidence((found,)), Digest.parse(f"sha256:{'a1' * 32}"), Requirement(1, (by,)), Circumstances(NOW)
        )
        assert (outcome.verified, outcome.code) == (False, Code.TRUST_ROOT_UNAVAILABLE)
        assert [trial.fault for trial in outcome.trials] == [Fault.TRUST_ROOT_UNAVAILABLE]


def test_a_trust_root_is_judged_by_under_its_own_name_alone() -> None:
    private = KeyAuthority("release", RELEASE.key, proofs=Proofs(log=True), trust_root="private")
    Attack(signature(signer=Key()), Fault.TRUST_ROOT_UNAVAILABLE, by=private).check()
    roots = Circumstances(NOW, {"private": circumstances().trust["public-good"]})
    found = Evidence((signature(signer=Key()),))
    assert verify(found, Digest.parse(f"sha256:{'a1' * 32}"), Requirement(1, (private,)), roots).verified


def test_every_authority_asks_for_its_own_proofs() -> None:
    """What was found out for one of them does not do for another that wants more."""
    strict = KeylessAuthority("strict", IDENTITY, proofs=Proofs(log=True, timestamp=True))
    private = KeylessAuthority("private", IDENTITY, trust_root="private")
    for order in ((CI, strict, private), (private, strict, CI)):
        outcome = judged(signature(), by=order)
        assert {trial.authority: trial.fault for trial in outcome.trials} == {
            "ci": None,
            "strict": Fault.TIMESTAMP_MISSING,
            "private": Fault.TRUST_ROOT_UNAVAILABLE,
        }
        assert outcome.signers == ("ci",)
