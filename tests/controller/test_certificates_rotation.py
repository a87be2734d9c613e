"""Each step by itself: from what a Secret holds to what it holds next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from tests.controller.replicas import NAMES, terms
from webhook.controller.certificates.authority import Pair, issue, make_authority
from webhook.controller.certificates.rotation import MAX_TRUSTED, Held, Seen, look_again, serves, step

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = terms()
EVERYWHERE, NOT_YET = Seen(everywhere=True), Seen(everywhere=False)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
STEADY = step(Held(), NOT_YET, NOW, TERMS)


def certificate(pair: Pair | None) -> x509.Certificate:
    assert pair is not None
    return pair.certificate


def issuer_is(held: Held, authority: Pair | None) -> bool:
    try:
        certificate(held.serving).verify_directly_issued_by(certificate(authority))
    except Exception:  # noqa: BLE001 - another's signature, or another's name
        return False
    return True


def authority(held: Held) -> Pair:
    assert held.authority is not None
    return held.authority


LATER = NOW + 250 * DAY
LATER_STEADY = replace(STEADY, serving=issue(authority(STEADY), "tidewaiter", NAMES, LATER - DAY, 30 * DAY))
INTRODUCED = step(LATER_STEADY, EVERYWHERE, LATER, TERMS)
SWITCHED = step(replace(INTRODUCED, trusted_since=LATER), EVERYWHERE, LATER + 60 * SECOND, TERMS)


def test_of_nothing_everything_is_made() -> None:
    assert STEADY.authority is not None
    assert STEADY.trusted == (STEADY.authority.certificate,)
    assert issuer_is(STEADY, STEADY.authority)
    assert (STEADY.coming, STEADY.trusted_since, STEADY.serving_since) == (None, None, None)
    assert serves(STEADY, NOW, TERMS)


def test_what_is_good_stays() -> None:
    assert step(STEADY, NOT_YET, NOW + 19 * DAY, TERMS) == STEADY
    assert look_again(STEADY, TERMS) == NOW + 20 * DAY


def test_a_certificate_is_renewed_at_two_thirds_of_its_life() -> None:
    renewed = step(STEADY, NOT_YET, NOW + 20 * DAY, TERMS)
    assert renewed.serving != STEADY.serving
    assert replace(renewed, serving=None) == replace(STEADY, serving=None)


def test_at_two_thirds_of_its_life_an_authority_gets_a_next_one_that_is_trusted_too() -> None:
    assert INTRODUCED.coming is not None
    assert INTRODUCED.trusted == (*LATER_STEADY.trusted, INTRODUCED.coming.certificate)
    assert (INTRODUCED.serving, INTRODUCED.authority) == (LATER_STEADY.serving, LATER_STEADY.authority)


def test_that_all_configurations_trust_the_next_one_is_noted_and_waited_upon() -> None:
    assert step(INTRODUCED, NOT_YET, LATER, TERMS) == INTRODUCED
    noted = step(INTRODUCED, EVERYWHERE, LATER, TERMS)
    assert noted == replace(INTRODUCED, trusted_since=LATER)
    assert step(noted, EVERYWHERE, LATER + 59 * SECOND, TERMS) == noted
    assert look_again(noted, TERMS) == LATER + 60 * SECOND


@pytest.mark.parametrize("since", [LATER - 61 * SECOND, LATER + DAY])
def test_the_wait_begins_anew_where_one_trusts_it_no_more(since: datetime) -> None:
    noted = replace(INTRODUCED, trusted_since=since)
    assert step(noted, NOT_YET, LATER, TERMS).trusted_since is None


def test_the_wait_begins_anew_where_the_note_is_of_the_future() -> None:
    noted = replace(INTRODUCED, trusted_since=LATER + SECOND)
    assert step(noted, EVERYWHERE, LATER, TERMS).trusted_since == LATER


def test_after_the_overlap_the_next_authority_issues() -> None:
    assert SWITCHED.authority == INTRODUCED.coming
    assert issuer_is(SWITCHED, INTRODUCED.coming)
    assert SWITCHED.trusted == INTRODUCED.trusted
    assert (SWITCHED.coming, SWITCHED.trusted_since) == (None, None)
    assert SWITCHED.serving_since == LATER + 60 * SECOND


def test_after_the_retirement_the_old_authority_is_trusted_no_more() -> None:
    switched = LATER + 60 * SECOND
    assert step(SWITCHED, EVERYWHERE, switched + timedelta(seconds=599), TERMS) == SWITCHED
    assert look_again(SWITCHED, TERMS) == switched + timedelta(minutes=10)
    retired = step(SWITCHED, NOT_YET, switched + timedelta(minutes=10), TERMS)
    assert retired.trusted == (certificate(SWITCHED.authority),)
    assert retired.serving_since is None
    assert retired.serving == SWITCHED.serving


@pytest.mark.parametrize("since", [None, LATER + DAY])
def test_a_retirement_without_a_beginning_begins_now(since: datetime | None) -> None:
    assert step(replace(SWITCHED, serving_since=since), EVERYWHERE, LATER, TERMS).serving_since == LATER


def test_a_note_of_a_retirement_that_is_over_goes() -> None:
    assert step(replace(STEADY, serving_since=NOW), EVERYWHERE, NOW, TERMS) == STEADY


def test_a_certificate_is_renewed_while_an_authority_is_introduced() -> None:
    held = replace(INTRODUCED, serving=issue(authority(INTRODUCED), "tidewaiter", NAMES, LATER, DAY))
    renewed = step(held, NOT_YET, LATER + DAY * 2 / 3, TERMS)
    assert renewed.serving != held.serving
    assert issuer_is(renewed, INTRODUCED.authority)
    assert replace(renewed, serving=None) == replace(held, serving=None)


@pytest.mark.parametrize(
    "defect",
    [
        {"serving": None},
        {"serving": issue(make_authority("tidewaiter", NOW, DAY), "tidewaiter", NAMES, NOW, DAY)},
        {"serving": issue(authority(STEADY), "tidewaiter", NAMES[1:], NOW, DAY)},
        {"serving": issue(authority(STEADY), "tidewaiter", (*NAMES, "old.example.com"), NOW, DAY)},
        {"serving": issue(authority(STEADY), "tidewaiter", NAMES, NOW - 2 * DAY, DAY)},
        {"serving": issue(authority(STEADY), "tidewaiter", NAMES, NOW + DAY, DAY)},
    ],
    ids=["missing", "of a stranger", "a name is missing", "a name is old", "expired", "of the future"],
)
def test_a_certificate_that_cannot_be_used_is_made_anew_by_the_same_authority(defect: dict[str, Pair | None]) -> None:
    healed = step(replace(STEADY, **defect), NOT_YET, NOW, TERMS)  # type: ignore[arg-type]
    assert serves(healed, NOW, TERMS)
    assert replace(healed, serving=None) == replace(STEADY, serving=None)


def test_with_nothing_left_but_the_next_authority_that_one_issues() -> None:
    healed = step(replace(INTRODUCED, serving=None, authority=None), NOT_YET, LATER, TERMS)
    assert healed.authority == INTRODUCED.coming
    assert healed.coming is None
    assert set(healed.trusted) == set(INTRODUCED.trusted)
    assert healed.serving_since == LATER


def test_a_new_authority_stands_beside_those_that_configurations_trust() -> None:
    seen = Seen(everywhere=False, authorities=STEADY.trusted)
    healed = step(Held(), seen, NOW + DAY, TERMS)
    assert healed.trusted == (certificate(healed.authority), *STEADY.trusted)
    assert healed.serving_since == NOW + DAY
    assert step(Held(), seen, NOW + 366 * DAY, TERMS).trusted.count(STEADY.trusted[0]) == 0


def test_of_many_authorities_the_oldest_stay_trusted() -> None:
    many = [make_authority("tidewaiter", NOW + number * SECOND, DAY).certificate for number in range(MAX_TRUSTED + 2)]
    healed = step(Held(trusted=tuple(many[5:])), Seen(everywhere=False, authorities=tuple(many[:6])), NOW, TERMS)
    assert healed.trusted[1:] == tuple(many[: MAX_TRUSTED - 1])


def test_an_expired_authority_is_replaced_with_all_it_issued() -> None:
    healed = step(LATER_STEADY, EVERYWHERE, NOW + 366 * DAY, TERMS)
    assert healed.authority != LATER_STEADY.authority
    assert healed.trusted == (certificate(healed.authority),)


def test_without_the_authoritys_key_a_next_one_comes_as_in_time() -> None:
    held = replace(STEADY, authority=None)
    begun = step(held, EVERYWHERE, NOW, TERMS)
    assert begun.coming is not None
    assert begun.serving == STEADY.serving
    assert begun.trusted == (*STEADY.trusted, begun.coming.certificate)
    assert step(begun, EVERYWHERE, NOW + 21 * DAY, TERMS) == replace(begun, trusted_since=NOW + 21 * DAY)


def test_the_next_authority_is_trusted_again_where_it_was_dropped() -> None:
    held = replace(INTRODUCED, trusted=LATER_STEADY.trusted, trusted_since=LATER)
    assert step(held, EVERYWHERE, LATER, TERMS) == INTRODUCED


def test_a_next_authority_that_has_expired_is_replaced_and_no_more_trusted() -> None:
    old = make_authority("tidewaiter", LATER - 2 * DAY, DAY)
    held = replace(INTRODUCED, coming=old, trusted=(*LATER_STEADY.trusted, old.certificate))
    begun = step(held, EVERYWHERE, LATER, TERMS)
    assert begun.coming not in {None, old}
    assert begun.trusted == (*LATER_STEADY.trusted, certificate(begun.coming))


def test_the_certificate_of_an_earlier_authority_goes_before_that_authority_does() -> None:
    held = replace(INTRODUCED, authority=INTRODUCED.coming, coming=None)
    assert step(held, NOT_YET, LATER, TERMS) == held
    switched = step(held, EVERYWHERE, LATER, TERMS)
    assert issuer_is(switched, INTRODUCED.coming)
    assert (switched.trusted, switched.serving_since) == (held.trusted, LATER)


def test_of_nothing_no_time_is_due() -> None:
    assert look_again(Held(), TERMS) is None
