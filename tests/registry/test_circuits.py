"""When a registry is left alone, by the rules alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from webhook.errors import RegistryRateLimitedError, RegistryUnavailableError
from webhook.registry.authorization import Access
from webhook.registry.circuits import Circuits
from webhook.registry.endpoint import Endpoint
from webhook.registry.keychain import Credentials
from webhook.registry.settings import Limits

HOST = Endpoint("https", "registry.example.com", 443)
APP = Access("registry.example.com", HOST, "team/app")
OTHER = Access("registry.example.com", HOST, "team/other")
STRANGER = Access("registry.example.com", HOST, "team/app", Credentials("stranger", "pw"))
ELSEWHERE = Access("ghcr.io", Endpoint("https", "ghcr.io", 443), "team/app")
LIMITS = Limits(failures=3, open_seconds=1.0, longest_open_seconds=4.0, probes=2, troubled=8)


class Bench:
    """Circuits with a clock that stands still."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.clock = FakeClock()
        self.circuits = Circuits(limits, self.clock.monotonic)

    def fail(self, access: Access, times: int = 1) -> None:
        for _ in range(times):
            attempt = self.circuits.begin(access)
            attempt.failed()
            attempt.end()

    def miss(self, access: Access, times: int = 1) -> None:
        for _ in range(times):
            attempt = self.circuits.begin(access)
            attempt.unreachable()
            attempt.end()

    def answer(self, access: Access) -> None:
        attempt = self.circuits.begin(access)
        attempt.answered()
        attempt.end()

    def is_open(self, access: Access) -> bool:
        try:
            self.circuits.begin(access).end()
        except RegistryUnavailableError:
            return True
        return False


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_as_many_failures_in_a_row_open_a_circuit_and_no_fewer(bench: Bench) -> None:
    bench.fail(APP, 2)
    assert not bench.is_open(APP)
    bench.fail(APP)
    with pytest.raises(
        RegistryUnavailableError,
        match=r"^registry registry\.example\.com failed several times in a row, and is left alone for a moment$",
    ):
        bench.circuits.begin(APP)


def test_an_answer_in_between_begins_the_count_anew(bench: Bench) -> None:
    bench.fail(APP, 2)
    bench.answer(APP)
    bench.fail(APP, 2)
    assert not bench.is_open(APP)


def test_a_repository_that_fails_costs_nobody_else_anything(bench: Bench) -> None:
    bench.fail(APP, 3)
    assert [bench.is_open(access) for access in (APP, OTHER, STRANGER, ELSEWHERE)] == [True, False, False, False]


def test_a_registry_that_cannot_be_reached_is_so_for_all_its_repositories_and_callers(bench: Bench) -> None:
    for access in (APP, OTHER, STRANGER):
        bench.miss(access)
    assert [bench.is_open(access) for access in (APP, OTHER, STRANGER, ELSEWHERE)] == [True, True, True, False]


def test_after_its_time_a_few_questions_are_let_through_and_the_others_still_fail(bench: Bench) -> None:
    bench.fail(APP, 3)
    bench.clock.advance(0.99)
    assert bench.is_open(APP)
    bench.clock.advance(0.01)
    probes = [bench.circuits.begin(APP) for _ in range(2)]
    assert [probe.is_probe for probe in probes] == [True, True]
    assert bench.is_open(APP)
    probes[0].answered()
    probes[0].end()
    later = [bench.circuits.begin(APP) for _ in range(3)]
    assert [attempt.is_probe for attempt in later] == [False] * 3
    probes[1].end()


def test_probes_that_fail_together_open_a_circuit_once(bench: Bench) -> None:
    bench.fail(APP, 3)
    bench.clock.advance(1.0)
    for probe in [bench.circuits.begin(APP) for _ in range(2)]:
        probe.failed()
        probe.end()
    bench.clock.advance(1.99)
    assert bench.is_open(APP)
    bench.clock.advance(0.01)
    assert bench.circuits.begin(APP).is_probe


def test_a_probe_that_ends_late_gives_no_place_to_more_than_there_are(bench: Bench) -> None:
    bench.fail(APP, 3)
    bench.clock.advance(1.0)
    late = bench.circuits.begin(APP)
    bench.answer(APP)
    bench.fail(APP, 3)
    late.end()
    bench.clock.advance(1.0)
    probes = [bench.circuits.begin(APP) for _ in range(2)]
    assert all(probe.is_probe for probe in probes)
    assert bench.is_open(APP)


def test_each_probe_that_fails_doubles_the_time_up_to_its_ceiling(bench: Bench) -> None:
    bench.fail(APP, 3)
    for seconds in (1.0, 2.0, 4.0, 4.0):
        bench.clock.advance(seconds - 0.01)
        assert bench.is_open(APP)
        bench.clock.advance(0.01)
        bench.fail(APP)
    bench.clock.advance(4.0)
    bench.answer(APP)
    bench.fail(APP, 3)
    bench.clock.advance(1.0)
    assert bench.circuits.begin(APP).is_probe


def test_a_probe_that_was_given_up_says_nothing_and_the_next_question_is_one_too(bench: Bench) -> None:
    bench.fail(APP, 3)
    bench.clock.advance(1.0)
    for _ in range(5):
        probe = bench.circuits.begin(APP)
        assert probe.is_probe
        probe.end()


def test_a_probe_of_a_registry_that_finds_it_silent_leaves_the_next_one_to_try(bench: Bench) -> None:
    bench.miss(APP, 3)
    bench.clock.advance(1.0)
    bench.fail(APP)
    assert bench.circuits.begin(OTHER).is_probe


def test_what_fails_late_while_a_circuit_is_open_does_not_keep_it_open(bench: Bench) -> None:
    late = [bench.circuits.begin(APP) for _ in range(4)]
    for attempt in late[:3]:
        attempt.failed()
        attempt.end()
    bench.clock.advance(0.9)
    late[3].failed()
    late[3].end()
    bench.clock.advance(0.1)
    assert bench.circuits.begin(APP).is_probe


def test_an_answer_that_comes_late_closes_a_circuit(bench: Bench) -> None:
    late = bench.circuits.begin(APP)
    bench.fail(APP, 3)
    late.answered()
    late.end()
    assert not bench.is_open(APP)


def test_a_rate_limit_holds_back_its_repository_for_its_caller_and_for_its_time(bench: Bench) -> None:
    bench.circuits.begin(APP).limited(30.0)
    with pytest.raises(
        RegistryRateLimitedError,
        match=r"^registry registry\.example\.com answered that it was asked too often \(429\), and is left alone$",
    ):
        bench.circuits.begin(APP)
    for access in (OTHER, STRANGER, ELSEWHERE):
        bench.circuits.begin(access)
    bench.clock.advance(30.0)
    bench.circuits.begin(APP)


def test_a_rate_limit_is_an_answer_and_opens_no_circuit(bench: Bench) -> None:
    bench.fail(APP, 2)
    for _ in range(5):
        bench.circuits.begin(APP).limited(1.0)
        bench.clock.advance(1.0)
    bench.fail(APP, 2)
    assert not bench.is_open(APP)


def test_a_rate_limit_of_one_repository_leaves_what_is_told_of_its_registry(bench: Bench) -> None:
    bench.miss(OTHER, 2)
    bench.circuits.begin(APP).limited(30.0)
    bench.miss(OTHER)
    assert not bench.is_open(OTHER), "who answers with 429 can be reached"
    bench.miss(OTHER, 2)
    assert bench.is_open(OTHER)


def test_a_probe_that_is_told_to_come_later_closes_the_circuit_and_is_held_back(bench: Bench) -> None:
    bench.fail(APP, 3)
    bench.clock.advance(1.0)
    probe = bench.circuits.begin(APP)
    probe.limited(30.0)
    probe.end()
    with pytest.raises(RegistryRateLimitedError):
        bench.circuits.begin(APP)
    bench.clock.advance(30.0)
    assert not bench.circuits.begin(APP).is_probe


def test_open_circuits_are_counted_by_registry_for_as_long_as_they_are_open(bench: Bench) -> None:
    bench.fail(APP, 2)
    assert bench.circuits.open_now() == {}
    bench.fail(APP)
    bench.fail(OTHER, 3)
    bench.miss(ELSEWHERE, 3)
    assert bench.circuits.open_now() == {"registry.example.com": 2, "ghcr.io": 1}
    bench.clock.advance(0.99)
    assert sum(bench.circuits.open_now().values()) == 3
    bench.clock.advance(0.01)
    assert bench.circuits.open_now() == {}
    bench.fail(APP)
    assert bench.circuits.open_now() == {"registry.example.com": 1}


def test_looking_whether_one_may_ask_takes_no_probes_place(bench: Bench) -> None:
    bench.fail(APP, 3)
    bench.clock.advance(1.0)
    for _ in range(5):
        assert bench.circuits.check(APP) == {APP}
    assert bench.circuits.begin(APP).is_probe


def test_a_shorter_rate_limit_that_comes_late_does_not_lift_a_longer_one(bench: Bench) -> None:
    older = bench.circuits.begin(APP)
    bench.circuits.begin(APP).limited(30.0)
    older.limited(0.0)
    with pytest.raises(RegistryRateLimitedError):
        bench.circuits.begin(APP)


def test_an_answer_to_an_older_question_does_not_lift_a_rate_limit(bench: Bench) -> None:
    older = bench.circuits.begin(APP)
    bench.circuits.begin(APP).limited(30.0)
    older.answered()
    with pytest.raises(RegistryRateLimitedError):
        bench.circuits.begin(APP)


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=60))
def test_however_many_repositories_are_named_a_bounded_number_is_remembered(named: list[tuple[int, bool]]) -> None:
    bench = Bench()
    for number, limited in named:
        access = Access("registry.example.com", HOST, f"team/{number}")
        if limited:
            bench.circuits.hold(access, 60.0)
        else:
            bench.circuits.fail(access, access.registry, probing=False)
    assert len(bench.circuits) <= 2 * LIMITS.troubled


def test_nothing_is_remembered_of_those_who_answer(bench: Bench) -> None:
    for number in range(100):
        bench.answer(Access("registry.example.com", HOST, f"team/{number}"))
    assert len(bench.circuits) == 0
