"""Names in messages. A pod's author chooses them freely, so they are made printable ASCII, and bounded.

A policy's names follow a grammar. Up to 63 characters of one are shown, so that it can be copied out of a message.
"""

import json
import re
from collections.abc import Iterable, Sequence

_LONGEST = 63
"""Characters of a name that are shown: that of a CSI driver, and a label's value, are whole."""

_LONGEST_OF_MANY = 32
"""Characters of a name in a pod's list; the longest capability that Linux knows, CHECKPOINT_RESTORE, has 18."""

_LONGEST_KEY = 317
"""Characters of a key that are shown: that of a label, prefix and name, is whole."""

_MOST = 5
"""Names of a pod's list that are shown; a message has to fit beside those of other containers."""

_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]*[A-Za-z0-9_])?", re.ASCII)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def listed(names: Iterable[str]) -> str:
    """A list out of a policy, as YAML writes it: `[NET_RAW, SYS_ADMIN]`."""
    return f"[{', '.join(map(name, names))}]"


def one_of(names: Sequence[str]) -> str:
    """What a policy allows, for the end of "expected": `Always`, or `one of [Always, IfNotPresent]`."""
    return name(names[0]) if len(names) == 1 else f"one of {listed(names)}"


def or_another(names: Sequence[str]) -> str:
    """What is to be said in a fix that sets the first of several names."""
    return "" if len(names) == 1 else " (or another that is allowed)"


def some(names: Iterable[str]) -> str:
    """A list out of a pod: each name once, the first five of them and how many more there are."""
    distinct = list(dict.fromkeys(names))
    texts = [name(each, _LONGEST_OF_MANY) for each in distinct[:_MOST]]
    more = f" and {len(distinct) - _MOST} more" if len(distinct) > _MOST else ""
    return f"[{', '.join(texts)}{more}]"


def name(text: str, longest: int = _LONGEST) -> str:
    """One name: as it is where it is a plain word, else quoted, escaped, and cut off at its end."""
    if len(text) <= longest and _PLAIN.fullmatch(text):
        return text
    quoted = ascii(text[: longest + 1])
    return quoted if len(quoted) <= longest + 2 else f"{quoted[:longest]}..."


def member(path: str, key: str, longest: int = _LONGEST_KEY) -> str:
    """The path of a mapping's member: a key that is no plain word stands in brackets, `metadata.labels["a/b"]`."""
    if _PLAIN_KEY.fullmatch(key):
        return f"{path}.{key}"
    quoted = json.dumps(key[:longest]).replace("\x7f", "\\u007f")  # the one that JSON leaves alone
    return f"{path}[{quoted}]"
