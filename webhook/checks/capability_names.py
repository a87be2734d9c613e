"""Capability names in messages: a pod's author chooses them freely, so they are made ASCII, and bounded."""

import re
from collections.abc import Iterable

_LONGEST = 32
"""Characters of a name that are shown; the longest that Linux knows, CHECKPOINT_RESTORE, has 18."""

_MOST = 5
"""Names of a pod's list that are shown; a message has to fit beside those of other containers."""

_PLAIN = re.compile(rf"[A-Za-z0-9_]{{1,{_LONGEST}}}", re.ASCII)


def listed(names: Iterable[str]) -> str:
    """A list out of a policy, as YAML writes it: `[NET_RAW, SYS_ADMIN]`."""
    return f"[{', '.join(map(_shown, names))}]"


def some(names: Iterable[str]) -> str:
    """A list out of a pod: each name once, the first five of them and how many more there are."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) <= _MOST:
        return listed(distinct)
    return f"[{', '.join(map(_shown, distinct[:_MOST]))} and {len(distinct) - _MOST} more]"


def _shown(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    quoted = ascii(name[: _LONGEST + 1])
    return quoted if len(quoted) <= _LONGEST + 2 else f"{quoted[:_LONGEST]}..."
