"""Patterns of images of other tools into ours, such that every image which matches there matches here."""

import re
from dataclasses import dataclass
from enum import Enum

from webhook.images import DOCKER_HUB, is_registry
from webhook.policy.allowlist import Pattern, PatternError

NOWHERE = "registry.invalid/**"
"""No image has this name (RFC 2606): it stands where an administrator has to name registries."""

_ALIASES = {"index.docker.io": DOCKER_HUB, "registry-1.docker.io": DOCKER_HUB}
_TAG = re.compile(r"[:@][^/]*\Z")


class Star(Enum):
    """What `*` stands for."""

    WITHIN_SEGMENT = "any characters but /; ** for any at all"
    ANYTHING = "any characters at all"


@dataclass(frozen=True, slots=True)
class Covering:
    """A pattern of ours that takes all images of a foreign one; `wider` if it takes further ones too."""

    text: str
    wider: bool


def covering(foreign: str, star: Star) -> Covering | None:
    """The narrowest pattern of ours that is sure to take every image of `foreign`; None if none does."""
    host, path, assumed = _named(foreign)
    if "*" in host or "?" in host or not path:
        return None
    segments, wider = _within(path) if star is Star.WITHIN_SEGMENT else _prefix(path)
    if host == DOCKER_HUB and len(segments) == 1 and segments != ["**"]:
        segments.insert(0, "library")
    try:
        text = Pattern.parse("/".join((host, *segments))).text
    except PatternError:
        return None
    return Covering(text, wider=wider or assumed)


def _named(foreign: str) -> tuple[str, str, bool]:
    """Host and path; Docker Hub where no host is written, which is then assumed."""
    host, slash, path = foreign.partition("/")
    if slash and ("*" in host or "?" in host):
        return host, path, False
    if slash and is_registry(host):
        return _ALIASES.get(host, host), path, False
    if not slash and set("*?") & set(foreign):
        return "*", "", False  # `name:*` takes images of a registry at name:443, too
    return DOCKER_HUB, foreign, True


def _within(path: str) -> tuple[list[str], bool]:
    """`*` does not cross `/`: a segment with one in it becomes `*`, and from a `**` on all is `**`."""
    made: list[str] = []
    segments = path.split("/")
    wider = False
    for index, segment in enumerate(segments):
        name, last = _TAG.sub("", segment), index == len(segments) - 1
        if "**" in name:
            return [*made, "**"], wider or name != "**" or not last
        plain = "*" if "*" in name or "?" in name else name
        wider = wider or plain != name or (last and _names_tag(segment[len(name) :]))
        made.append(plain)
    return made, wider


def _prefix(path: str) -> tuple[list[str], bool]:
    """`*` crosses everything: what is sure is the folder that the literal beginning names."""
    literal = re.split(r"[*?]", path, maxsplit=1)[0]
    name, tag = _TAG.sub("", path), _TAG.search(path)
    if "*" not in name and "?" not in name:
        return name.split("/"), tag is not None and _names_tag(tag[0])
    folder = literal.rpartition("/")[0]
    all_below = f"{folder}/*".removeprefix("/")
    wider = name not in {all_below, f"{all_below}*"}
    return [*(folder.split("/") if folder else ()), "**"], wider or (tag is not None and _names_tag(tag[0]))


def _names_tag(text: str) -> bool:
    """Whether the end of a reference asks for some tags or digests, rather than for any."""
    return text not in {"", ":*", ":**", "@*", "@**"}
