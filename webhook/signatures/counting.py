"""How many distinct voices vouch: k of n needs k authorities, each by a key or an identity of its own."""

from collections.abc import Iterable

from webhook.signatures.attestations import Vouch


def distinct(vouches: Iterable[Vouch]) -> tuple[Vouch, ...]:
    """One vouch for each pair of the largest matching between authorities and voices.

    One identity may satisfy the patterns of two authorities, and then is one voice; two authorities count as two
    where two voices can be told apart, whichever of them was found first. (Kuhn's algorithm; n is a handful.)
    """
    by_authority: dict[int, dict[str, Vouch]] = {}
    for vouch in vouches:
        by_authority.setdefault(id(vouch.authority), {}).setdefault(vouch.voice, vouch)
    taken: dict[str, int] = {}
    for authority in by_authority:
        _place(authority, by_authority, taken, set())
    return tuple(by_authority[authority][voice] for voice, authority in taken.items())


def _place(authority: int, by_authority: dict[int, dict[str, Vouch]], taken: dict[str, int], seen: set[str]) -> bool:
    """Give the authority a voice of its own, moving others to another voice where they have one."""
    for voice in by_authority[authority]:
        if voice in seen:
            continue
        seen.add(voice)
        if voice not in taken or _place(taken[voice], by_authority, taken, seen):
            taken[voice] = authority
            return True
    return False
