"""How many distinct voices vouch."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from tests.signatures.forge import SIMPLE_MEDIA_TYPE, signer, simple
from webhook.signatures import cosign
from webhook.signatures.attestations import Vouch
from webhook.signatures.authorities import KeyAuthority
from webhook.signatures.counting import distinct
from webhook.signatures.trust import Proved

CANDIDATE = cosign.parse(simple(signer("release")))
AUTHORITIES = {name: KeyAuthority(name, signer(name).public) for name in ("a", "b", "c", "d")}

assert SIMPLE_MEDIA_TYPE == cosign.MEDIA_TYPE


def vouch(authority: str, voice: str) -> Vouch:
    return Vouch(CANDIDATE, AUTHORITIES[authority], voice, voice, Proved())


def count(*pairs: str) -> int:
    return len(distinct(vouch(pair[0], pair[1]) for pair in pairs))


def test_nobody_is_nobody() -> None:
    assert distinct(()) == ()


def test_one_voice_that_satisfies_two_authorities_is_one() -> None:
    assert count("ax", "bx") == 1


def test_two_voices_of_one_authority_are_one() -> None:
    assert count("ax", "ay") == 1


def test_two_authorities_count_as_two_whichever_voice_was_found_first() -> None:
    for order in permutations(["ax", "ay", "bx"]):
        assert count(*order) == 2
    for order in permutations(["ax", "bx", "by", "cy", "cz"]):
        assert count(*order) == 3


def test_each_authority_is_named_once_with_a_voice_of_its_own() -> None:
    chosen = distinct([vouch("a", "x"), vouch("a", "y"), vouch("b", "x")])
    assert {(one.authority.name, one.voice) for one in chosen} == {("a", "y"), ("b", "x")}


def test_two_authorities_of_one_name_are_two() -> None:
    other = KeyAuthority("a", signer("e").public)
    assert len(distinct([vouch("a", "x"), Vouch(CANDIDATE, other, "y", "y", Proved())])) == 2


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")), max_size=10))
def test_no_other_choice_has_more(pairs: list[tuple[str, str]]) -> None:
    names = sorted({name for name, _ in pairs})
    there = set(pairs)
    best = max(
        sum((name, voice) in there for name, voice in zip(names, order, strict=False))
        for order in permutations("wxyz", len(names))
    )
    assert count(*(name + voice for name, voice in pairs)) == best
