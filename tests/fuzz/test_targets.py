"""No bytes from outside do more than to be refused: each parser's contract, tried by changes of what it takes."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import run
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import SECONDS, TARGETS, Target, TooSlow

every_target = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
"""What cryptography says of a changed serial number that is negative."""


@every_target
def test_each_parser_takes_what_the_changes_begin_with(target: Target) -> None:
    assert True in [target.check(seed) for seed in target.seeds]


@every_target
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_near_to_it_is_taken_or_refused_as_documented(target: Target, data: st.DataObject) -> None:
    target.check(data.draw(mutated(target.seeds)))


@every_target
@settings(max_examples=50, deadline=None)
@given(data=st.binary(max_size=200))
def test_so_is_everything_else(target: Target, data: bytes) -> None:
    target.check(data)


def test_every_target_is_one_for_the_fuzzer_that_follows_coverage() -> None:
    assert [target.name for target in TARGETS] == list(run.NAMES)


def test_an_input_that_takes_long_is_a_finding() -> None:
    def slow(_data: bytes) -> bool:
        end = time.thread_time() + SECONDS + 0.1
        while time.thread_time() < end:
            pass
        return False

    with pytest.raises(TooSlow, match="3 bytes took"):
        Target("slow", slow, ()).check(b"abc")
