import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.sigstore import (
    NOW,
    SIGNED_AT,
    Artefact,
    Form,
    Key,
    Keyless,
    Log,
    Profile,
    Recipe,
    proved,
    services,
    timestamp_authority,
    trusted_root,
)
from tests.fakes.sigstore.times import AUTHORITIES_START
from tests.signatures.proving import attesting, read, signer_of, with_entry
from webhook.signatures.candidate import Candidate
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.proofs.trust_root import TrustRoot
from webhook.signatures.trust import Proofs, Proved, ProvedTime, TimeSource
from webhook.signatures.trust import TrustRoot as Port

ROOT = TrustRoot.parse(trusted_root())
SECOND = timedelta(seconds=1)
STRANGERS = services("example.org")

NONE = Proofs()
LOGGED = Proofs(log=True)
STAMPED = Proofs(timestamp=True)
KEYLESS = Proofs(log=True, certificate_transparency=True)
ALL = Proofs(log=True, timestamp=True, certificate_transparency=True)

BY_LOG = ProvedTime(SIGNED_AT, TimeSource.LOG)
BY_STAMP = ProvedTime(SIGNED_AT, TimeSource.TIMESTAMP)
V1_ENTRY = "log entry 1003 of rekor.example.com at 2025-06-01T12:00:00Z"
V2_ENTRY = "log entry 3 of log2025.rekor.example.com"
STAMP = "timestamp of 2025-06-01T12:00:00Z"
LISTED = "certificate logged by ctfe.example.com at 2025-06-01T11:59:00Z"


def judge(
    made: Artefact,
    wanted: Proofs = KEYLESS,
    *,
    root: Port = ROOT,
    now: datetime = NOW,
    candidate: Candidate | None = None,
) -> Proved:
    return root.prove(candidate or read(made.attachment()), signer_of(made), wanted, now)


def refusal(made: Artefact, wanted: Proofs = KEYLESS, **other: Any) -> tuple[Fault, str]:
    with pytest.raises(RefusedError) as caught:
        judge(made, wanted, **other)
    assert caught.value.reason.isascii()
    return caught.value.fault, caught.value.reason


def stamp(made: Artefact, time: datetime = SIGNED_AT, host: str = "timestamp.example.com") -> bytes:
    return timestamp_authority(host).stamp(made.signature, time)


GOOD: dict[str, tuple[Recipe, Proofs, Proved]] = {
    "Rekor 1": (Recipe(), KEYLESS, Proved((BY_LOG,), (V1_ENTRY, LISTED))),
    "Rekor 1 and a timestamp": (
        Recipe(timestamp=True),
        ALL,
        Proved((BY_LOG, BY_STAMP), (V1_ENTRY, STAMP, LISTED)),
    ),
    "Rekor 2 and a timestamp": (
        Recipe(log=Log.V2, timestamp=True),
        ALL,
        Proved((BY_STAMP,), (V2_ENTRY, STAMP, LISTED)),
    ),
    "a timestamp alone": (Recipe(log=Log.NONE, timestamp=True), STAMPED, Proved((BY_STAMP,), (STAMP,))),
    "the older format": (Recipe(form=Form.LEGACY), KEYLESS, Proved((BY_LOG,), (V1_ENTRY, LISTED))),
    "the older format and a timestamp": (
        Recipe(form=Form.LEGACY, timestamp=True),
        ALL,
        Proved((BY_LOG, BY_STAMP), (V1_ENTRY, STAMP, LISTED)),
    ),
    "an attestation in the older format": (
        attesting(form=Form.LEGACY, timestamp=True),
        ALL,
        Proved((BY_LOG, BY_STAMP), (V1_ENTRY, STAMP, LISTED)),
    ),
    "a key in Rekor 1": (Recipe(signer=Key()), LOGGED, Proved((BY_LOG,), (V1_ENTRY,))),
    "a key in Rekor 2": (Recipe(signer=Key(), log=Log.V2), LOGGED, Proved((), (V2_ENTRY,))),
    "a key in the older format": (Recipe(signer=Key(), form=Form.LEGACY), LOGGED, Proved((BY_LOG,), (V1_ENTRY,))),
    "a key with a timestamp": (
        Recipe(signer=Key(), log=Log.NONE, timestamp=True),
        STAMPED,
        Proved((BY_STAMP,), (STAMP,)),
    ),
    "a key with nothing": (Recipe(signer=Key(), log=Log.NONE), NONE, Proved()),
}


@pytest.mark.parametrize(("recipe", "wanted", "expected"), GOOD.values(), ids=GOOD)
def test_what_comes_with_a_signature_is_proved(recipe: Recipe, wanted: Proofs, expected: Proved) -> None:
    assert judge(recipe.make(), wanted) == expected


@pytest.mark.parametrize("kind", ["P-384", "P-521", "RSA-2048", "Ed25519"])
@pytest.mark.parametrize("log", [Log.V1, Log.V2])
def test_signers_may_have_every_kind_of_key(kind: str, log: Log) -> None:
    made = Recipe(signer=Keyless(kind=kind), log=log, timestamp=True).make()
    assert judge(made, ALL).signed_at == SIGNED_AT


NO_LOG = (Fault.LOG_ENTRY_MISSING, "no entry of a transparency log came with it")
NO_STAMP = (Fault.TIMESTAMP_MISSING, "no timestamp came with it")
NO_TIME = (Fault.TIME_UNKNOWN, "nothing that can be trusted says when the certificate was used")


@pytest.mark.parametrize("signer", [Keyless(), Key()])
def test_what_is_wanted_must_be_there(signer: Keyless | Key) -> None:
    assert refusal(Recipe(signer=signer, log=Log.NONE, timestamp=True).make(), LOGGED) == NO_LOG
    assert refusal(Recipe(signer=signer).make(), STAMPED) == NO_STAMP


def test_a_certificate_needs_a_time_though_nothing_is_wanted() -> None:
    assert refusal(Recipe(log=Log.NONE).make(), NONE) == NO_TIME


def test_rekor_2_alone_says_no_time() -> None:
    assert refusal(Recipe(log=Log.V2).make()) == NO_TIME


def test_a_proof_alone_says_no_time() -> None:
    """Nobody signed the integrated time that stands beside it."""
    made = Recipe().make()
    assert made.entry is not None
    assert refusal(made, candidate=with_entry(made, proved(made.entry))) == NO_TIME
    key = Recipe(signer=Key()).make()
    assert key.entry is not None
    unsigned = with_entry(key, proved(key.entry))
    assert judge(key, LOGGED, candidate=unsigned) == Proved((), ("log entry 3 of rekor.example.com",))


def test_what_is_not_wanted_and_fails_is_left_out() -> None:
    """A log that nobody knows, an entry about another signature, two entries, a timestamp by a stranger."""
    made = Recipe(timestamp=True).make()
    foreign = Recipe(services=STRANGERS, timestamp=True).make()
    other = Recipe().make()
    candidate = read(made.attachment())
    only_stamped = Proved((BY_STAMP,), (STAMP,))
    for entry in (foreign.entry, other.entry):
        assert judge(replace(made, entry=entry), STAMPED) == only_stamped
    twice = replace(candidate, log_entries=candidate.log_entries * 2)
    assert judge(made, STAMPED, candidate=twice) == only_stamped
    stranger = replace(made, timestamps=(stamp(made, host="timestamp.example.org"),))
    assert judge(stranger, KEYLESS) == Proved((BY_LOG,), (V1_ENTRY, LISTED))
    garbage = replace(candidate, log_entries=(1,), timestamps=(1,))
    key = Recipe(signer=Key()).make()
    assert judge(key, NONE, candidate=replace(garbage, certificate=None)) == Proved()


ANOTHER_SIGNATURE = (Fault.LOG_ENTRY_MISMATCH, "the log entry is about another signature")


def test_what_is_wanted_and_fails_refuses() -> None:
    made = Recipe(timestamp=True).make()
    candidate = read(made.attachment())
    assert refusal(replace(made, entry=Recipe().make().entry)) == ANOTHER_SIGNATURE
    two = (Fault.LOG_ENTRY_MALFORMED, "log entry: 2 entries, where one is expected")
    assert refusal(made, candidate=replace(candidate, log_entries=candidate.log_entries * 2)) == two
    fault, reason = refusal(replace(made, timestamps=(stamp(made, host="timestamp.example.org"),)), ALL)
    assert fault is Fault.TIMESTAMP_INVALID
    assert reason.startswith("timestamp not by an authority of the trust root: ")


def test_where_no_time_is_left_the_reason_is_what_should_have_given_one() -> None:
    made = Recipe(log=Log.V2, timestamp=True, stamped=lambda _: b"another").make()
    over_another = (Fault.TIMESTAMP_INVALID, "timestamp over another signature")
    assert refusal(made) == over_another
    without_log = replace(made, entry=Recipe().make().entry)
    assert refusal(without_log, NONE) == over_another
    logged_as_another = replace(Recipe().make(), entry=Recipe().make().entry)
    assert refusal(logged_as_another, NONE) == ANOTHER_SIGNATURE


TIMESTAMP_FAULTS: dict[str, tuple[tuple[Any, ...], str]] = {
    "no object": ((1,), "timestamp: not an object"),
    "no member": (({},), "timestamp: signedTimestamp is absent or null, not a string"),
    "no base64": (({"signedTimestamp": "!"},), "timestamp: signedTimestamp is not base64"),
    "too long": (
        ({"signedTimestamp": "A" * 45_060},),
        "timestamp: signedTimestamp has 45060 characters, more than the 45056 that are read",
    ),
    "not DER": (({"signedTimestamp": "AAAA"},), "not a timestamp response that can be read"),
    "an annotation that is no JSON": (("{",), "timestamp: not JSON: Expecting property name enclosed in double quotes"),
    "an annotation that is no object": (("[]",), "timestamp: not an object"),
    "an annotation of a bundle's": (
        ('{"signedTimestamp": ""}',),
        "timestamp: SignedRFC3161Timestamp is absent or null, not a string",
    ),
    "an annotation that is no text": (("\ud800",), "timestamp: not UTF-8"),
}


@pytest.mark.parametrize(("timestamps", "reason"), TIMESTAMP_FAULTS.values(), ids=TIMESTAMP_FAULTS)
def test_a_timestamp_that_is_none_is_invalid(timestamps: tuple[Any, ...], reason: str) -> None:
    made = Recipe().make()
    candidate = replace(read(made.attachment()), timestamps=timestamps)
    fault, found = refusal(made, ALL, candidate=candidate)
    assert (fault, found[: len(reason)]) == (Fault.TIMESTAMP_INVALID, reason)


def test_line_ends_in_a_timestamp_are_forgiven() -> None:
    made = Recipe(timestamp=True).make()
    candidate = read(made.attachment())
    text = json.loads(json.dumps(candidate.timestamps[0]))["signedTimestamp"]
    wrapped: Any = {"signedTimestamp": f"{text[:64]}\r\n{text[64:]}\n"}
    assert judge(made, STAMPED, candidate=replace(candidate, timestamps=(wrapped,))).times == (BY_LOG, BY_STAMP)


def test_a_timestamp_that_stands_twice_is_invalid() -> None:
    made = Recipe(timestamp=True).make()
    twice = replace(made, timestamps=made.timestamps * 2)
    assert refusal(twice, STAMPED) == (Fault.TIMESTAMP_INVALID, "the same timestamp twice")
    assert judge(twice, KEYLESS) == Proved((BY_LOG,), (V1_ENTRY, LISTED))


def test_one_good_timestamp_is_enough_and_all_good_ones_count() -> None:
    made = Recipe(log=Log.NONE).make()
    foreign, first, second = stamp(made, host="timestamp.example.org"), stamp(made), stamp(made, SIGNED_AT + SECOND)
    found = judge(replace(made, timestamps=(foreign, second, first)), STAMPED)
    assert [one.time for one in found.times] == [SIGNED_AT + SECOND, SIGNED_AT]
    assert found.signed_at == SIGNED_AT


def over_envelope(made: Artefact) -> bytes:
    return made.attachment().content


def over_payload(made: Artefact) -> bytes:
    return made.payload


def test_an_attestation_in_the_older_format_may_have_its_whole_envelope_stamped() -> None:
    """As cosign 2 did; cosign 3 stamps the signature."""
    made = attesting(form=Form.LEGACY, timestamp=True, stamped=over_envelope).make()
    assert judge(made, STAMPED).times == (BY_LOG, BY_STAMP)


@pytest.mark.parametrize(
    "recipe",
    [
        attesting(form=Form.LEGACY, timestamp=True, stamped=over_payload),
        attesting(timestamp=True, stamped=over_envelope),
        Recipe(form=Form.LEGACY, timestamp=True, stamped=over_payload),
    ],
)
def test_a_timestamp_over_anything_else_is_invalid(recipe: Recipe) -> None:
    assert refusal(recipe.make(), STAMPED) == (Fault.TIMESTAMP_INVALID, "timestamp over another signature")


USED_LATE = (
    Fault.CERTIFICATE_EXPIRED,
    "certificate valid 2025-06-01T11:59:00Z to 2025-06-01T12:09:00Z, used at 2025-06-01T12:09:01Z",
)


def test_a_certificate_is_valid_at_every_time_that_is_proved() -> None:
    late = SIGNED_AT + timedelta(minutes=9) + SECOND
    assert refusal(Recipe(logged_at=late).make()) == USED_LATE
    assert refusal(Recipe(log=Log.V2, timestamp=True, stamped_at=late).make()) == USED_LATE
    assert refusal(Recipe(timestamp=True, stamped_at=late).make()) == USED_LATE
    judge(Recipe(logged_at=late - SECOND, timestamp=True).make())


WINDOWS: dict[str, tuple[Recipe, Fault]] = {
    "rekor": (Recipe(), Fault.LOG_OUTSIDE_VALIDITY),
    "rekor_v2": (Recipe(log=Log.V2, timestamp=True), Fault.LOG_OUTSIDE_VALIDITY),
    "timestamps": (Recipe(log=Log.V2, timestamp=True), Fault.TIMESTAMP_INVALID),
    "fulcio": (Recipe(), Fault.CERTIFICATE_UNTRUSTED),
    "certificate_log": (Recipe(signer=Keyless(logged_at=SIGNED_AT)), Fault.CERTIFICATE_NOT_LOGGED),
}


@pytest.mark.parametrize(("part", "recipe", "fault"), [(part, *rest) for part, rest in WINDOWS.items()], ids=WINDOWS)
def test_each_part_of_a_root_counts_in_its_window_alone(part: str, recipe: Recipe, fault: Fault) -> None:
    made = recipe.make()
    for window in ((AUTHORITIES_START, SIGNED_AT), (SIGNED_AT, None)):
        judge(made, root=TrustRoot.parse(trusted_root(**{part: window})))
    for window in ((AUTHORITIES_START, SIGNED_AT - SECOND), (SIGNED_AT + SECOND, None)):
        assert refusal(made, root=TrustRoot.parse(trusted_root(**{part: window})))[0] is fault


def test_a_time_that_lies_in_the_future_is_refused() -> None:
    early = SIGNED_AT - SECOND
    by_log = (Fault.TIME_IN_FUTURE, "the transparency log says 2025-06-01T12:00:00Z, which lies in the future")
    by_stamp = (Fault.TIME_IN_FUTURE, "the timestamp says 2025-06-01T12:00:00Z, which lies in the future")
    for signer in (Keyless(), Key()):
        assert refusal(Recipe(signer=signer).make(), LOGGED, now=early) == by_log
        assert refusal(Recipe(signer=signer, log=Log.NONE, timestamp=True).make(), STAMPED, now=early) == by_stamp
        judge(Recipe(signer=signer, timestamp=True).make(), LOGGED, now=SIGNED_AT)


UNTRUSTED: dict[str, tuple[Callable[[], Artefact], Fault]] = {
    "a certificate of strangers": (
        lambda: Recipe(services=replace(services(), fulcio=STRANGERS.fulcio)).make(),
        Fault.CERTIFICATE_UNTRUSTED,
    ),
    "a certificate log of strangers": (
        lambda: Recipe(services=replace(services(), certificate_log=STRANGERS.certificate_log)).make(),
        Fault.CERTIFICATE_NOT_LOGGED,
    ),
    "no certificate log": (lambda: Recipe(signer=Keyless(logs=())).make(), Fault.CERTIFICATE_NOT_LOGGED),
    "a certificate for something else": (
        lambda: Recipe(signer=Keyless(Profile(usages=()))).make(),
        Fault.CERTIFICATE_USAGE,
    ),
    "a log of strangers": (
        lambda: Recipe(services=replace(services(), rekor=STRANGERS.rekor)).make(),
        Fault.LOG_UNKNOWN,
    ),
}


@pytest.mark.parametrize(("make", "fault"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_what_the_root_does_not_vouch_for_is_refused(make: Callable[[], Artefact], fault: Fault) -> None:
    assert refusal(make())[0] is fault


def test_a_certificate_that_anybody_could_make_is_refused_before_anything_that_costs_time() -> None:
    """Its log entry and its timestamp are not looked at; what is wanted and did not come is told first."""
    forged = Recipe(services=STRANGERS, timestamp=True).make()
    untrusted = (Fault.CERTIFICATE_UNTRUSTED, "certificate not issued by an authority of the trust root")
    candidate = replace(read(forged.attachment()), timestamps=({"signedTimestamp": "AAAA"},))
    for wanted in (NONE, LOGGED, KEYLESS, ALL):
        assert refusal(forged, wanted) == untrusted
        assert refusal(forged, wanted, candidate=candidate) == untrusted
    assert refusal(Recipe(services=STRANGERS, log=Log.NONE).make()) == NO_LOG


def test_a_key_in_a_log_that_is_over_needs_a_time() -> None:
    over = TrustRoot.parse(trusted_root(rekor_v2=(AUTHORITIES_START, SIGNED_AT + SECOND)))
    made = Recipe(signer=Key(), log=Log.V2).make()
    assert refusal(made, LOGGED, root=over)[0] is Fault.LOG_OUTSIDE_VALIDITY
    assert judge(made, LOGGED, root=over, now=SIGNED_AT) == Proved((), (V2_ENTRY,))
    stamped = Recipe(signer=Key(), log=Log.V2, timestamp=True).make()
    assert judge(stamped, LOGGED, root=over).signed_at == SIGNED_AT


def test_a_certificate_log_is_asked_where_it_is_wanted() -> None:
    made = Recipe(signer=Keyless(logs=())).make()
    assert judge(made, LOGGED) == Proved((BY_LOG,), (V1_ENTRY,))


def test_a_root_without_logs_proves_by_timestamps() -> None:
    """As GitHub's own instance."""
    document = json.loads(trusted_root())
    root = TrustRoot.parse(json.dumps(document | {"tlogs": [], "ctlogs": []}).encode())
    made = Recipe(log=Log.NONE, timestamp=True, signer=Keyless(logs=())).make()
    assert judge(made, STAMPED, root=root) == Proved((BY_STAMP,), (STAMP,))
    assert refusal(Recipe().make(), root=root)[0] is Fault.LOG_UNKNOWN
