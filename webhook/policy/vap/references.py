"""Image references in CEL: the grammar and the normal form of `webhook.images`, in three steps.

CEL has no names for values within an expression, so each step makes a map of what the next one reads.
"""

from collections.abc import Iterable

from webhook.images import DOCKER_HUB, MAX_LENGTH
from webhook.policy.allowlist import Pattern
from webhook.policy.vap.expressions import literal, quoted, whole

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = rf"{_LABEL}(?:[.]{_LABEL})*"
_BELOW_65536 = "[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_REGISTRY = rf"(?:{_HOST}|[[][0-9a-f:]{{2,39}}[]])(?::(?:{_BELOW_65536}))?"
_SEGMENT = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAIL = rf"{_SEGMENT}(?:/{_SEGMENT})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"

_NAMED = "^(?:[^/]*[.:A-Z][^/]*|localhost)/"
_QUALIFIED = f"^{_REGISTRY}/{_TAIL}$"
_UNQUALIFIED = f"^{_TAIL}$"
_LOCAL_IMAGE_ID = "^(?:[0-9a-f]{64}|sha(?:256|384|512):.*)$"
_EVIDENCE_TAG = ":sha256-[0-9a-f]{64}(?:[.][a-z]+)?(?:@|$)"
_DOCKER_HUB_WITH_PORT = "^(?:index[.])?docker[.]io:"

SPLIT = (
    f"variables.images.map(i, {{'place': dyn(i.place), 'text': dyn(i.text.size() > {MAX_LENGTH} ? '' : i.text)}})"
    f".map(i, {{'place': i.place, 'text': i.text, 'named': dyn(i.text.matches({quoted(_NAMED)}))}})"
    ".map(i, {'place': i.place, 'text': i.text, 'named': i.named,"
    f" 'host': dyn(i.named ? i.text.split('/')[0] : {quoted(DOCKER_HUB)}),"
    " 'rest': dyn(i.named ? i.text.substring(i.text.indexOf('/') + 1) : i.text)})"
)
"""Where a reference names its registry, and what comes after it."""

_READABLE = (
    f"(i.named ? i.text.matches({quoted(_QUALIFIED)}) && !i.text.matches({quoted(_DOCKER_HUB_WITH_PORT)})"
    " && (i.host.startsWith('[') ? isIP(i.host.substring(1, i.host.indexOf(']')))"
    " && ip.isCanonical(i.host.substring(1, i.host.indexOf(']'))) : i.host.split(':')[0].size() <= 253)"
    f" : i.text.matches({quoted(_UNQUALIFIED)}) && !i.text.matches({quoted(_LOCAL_IMAGE_ID)}))"
    f" && !i.text.matches({quoted(_EVIDENCE_TAG)})"
)
_WITHOUT_443 = "i.host.substring(0, i.host.size() - 4)"

NORMAL = (
    f"variables.split.map(i, {{'place': i.place, 'named': i.named, 'readable': dyn({_READABLE}),"
    f" 'host': dyn(i.host == 'index.docker.io' ? 'docker.io' : i.host.endsWith(':443') &&"
    f" ({_WITHOUT_443}.matches('[.:]') || {_WITHOUT_443} == 'localhost') ? {_WITHOUT_443} : i.host),"
    " 'path': dyn(i.rest.split('@')[0].split(':')[0]),"
    " 'tag': dyn(i.rest.split('@')[0].contains(':') ? i.rest.split('@')[0].split(':')[1]"
    " : i.rest.contains('@') ? '' : 'latest'),"
    " 'digest': dyn(i.rest.contains('@') ? i.rest.split('@')[1] : '')})"
    ".map(i, {'place': i.place, 'named': i.named, 'readable': i.readable, 'host': i.host, 'tag': i.tag,"
    " 'digest': i.digest,"
    f" 'path': dyn(i.host == {quoted(DOCKER_HUB)} && !i.path.contains('/') ? 'library/' + i.path : i.path)}})"
)
"""The parts in their normal form. Of one that is not readable they mean nothing."""

REFERENCES = (
    "variables.normal.map(i, {'place': i.place, 'named': i.named, 'tag': i.tag, 'digest': i.digest,"
    " 'readable': dyn(i.readable && i.path.size() <= 255), 'name': dyn(i.host + '/' + i.path)})"
)
"""What rules about images read."""


def matched(patterns: Iterable[Pattern]) -> str:
    """Whether an image `i` is within one of the patterns."""
    alternatives = [_pattern(pattern) for pattern in patterns]
    return f"i.name.matches({quoted(whole(alternatives))})" if alternatives else "false"


def _pattern(pattern: Pattern) -> str:
    registry = f"[^.]*[.]{literal(pattern.registry)}" if pattern.any_label else literal(pattern.registry)
    segments = ["[^/]+" if segment == "*" else literal(segment) for segment in pattern.segments]
    return "/".join([registry, *segments, *([".+"] if pattern.deep else [])])
