"""Which images may come from where: patterns over registry and repository, decided before any socket is opened.

A pattern is a fully qualified name in normal form (`docker.io/library/nginx`), in which

- a path segment `*` stands for exactly one segment,
- a last path segment `**` stands for one or more segments,
- a leading `*.` of the host stands for exactly one label.

Everything else is literal, ports included. Names are compared segment by segment, so that nothing crosses a `/` or a
`.`, and nothing is a prefix of something longer. A pattern that could never match, or would match more than it seems
to, is a fault at load time whose message shows what to write instead.
"""

from dataclasses import dataclass
from typing import Final

from webhook.images import (
    DOCKER_HUB,
    MAX_LENGTH,
    ImageReference,
    ImageReferenceError,
    PinnedImage,
    excerpt,
    is_registry,
    parse_registry,
    repository_fault,
)

_SHOWN_PATTERNS: Final = 3
_WILDCARDS: Final = {"*", "**"}


class PatternError(ValueError):
    """A text that is no pattern. The message, one line of ASCII, says what is wrong and what to write instead."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, compiled. `text` is as it was written; `registry` lacks the `*.` that `any_label` stands for."""

    text: str
    registry: str
    any_label: bool
    segments: tuple[str, ...]
    deep: bool

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """The pattern that a text writes. Raises `PatternError`."""
        _check_text(text)
        host, _, path = text.partition("/")
        registry = _registry(text, host, path)
        segments = _segments(text, host, path)
        deep = segments[-1] == "**"
        return cls(text, registry, host.startswith("*."), segments[:-1] if deep else segments, deep)

    def matches(self, image: ImageReference | PinnedImage) -> bool:
        """Whether it stands for the image's name; tag and digest play no part."""
        return self._matches_registry(image.registry) and self._matches_path(image.repository.split("/"))

    @property
    def literal_registry(self) -> str | None:
        """The one registry that it names, in normal form; None if it stands for several."""
        return None if self.any_label else self.registry

    @property
    def one_name(self) -> str:
        """The name of the one image that it stands for, in normal form; "" if it may stand for several."""
        if self.any_label or self.deep or "*" in self.segments:
            return ""
        return "/".join((self.registry, *self.segments))

    def _matches_registry(self, registry: str) -> bool:
        return (registry.partition(".")[2] if self.any_label else registry) == self.registry

    def _matches_path(self, path: list[str]) -> bool:
        surplus = len(path) - len(self.segments)
        if surplus < 1 if self.deep else surplus != 0:
            return False
        return all(own in {"*", other} for own, other in zip(self.segments, path, strict=False))


@dataclass(frozen=True, slots=True)
class Allowlist:
    """`images.allow` and `images.deny` of a policy. `allow` None takes any registry, an empty `allow` none."""

    allow: tuple[Pattern, ...] | None
    deny: tuple[Pattern, ...] = ()

    def refusal(self, image: ImageReference | PinnedImage) -> str | None:
        """Why the image is refused, in one line of ASCII that says what is allowed; None if it is allowed."""
        for pattern in self.deny:
            if pattern.matches(image):
                return f"{image.name} is denied by {_shown(pattern.text)} of images.deny"
        if self.allow is None or any(pattern.matches(image) for pattern in self.allow):
            return None
        return f"{image.name} is not allowed; allowed here: {self._allowed()}"

    def _allowed(self) -> str:
        patterns = self.allow or ()
        shown = ", ".join(_shown(pattern.text) for pattern in patterns[:_SHOWN_PATTERNS])
        more = len(patterns) - _SHOWN_PATTERNS
        return f"{shown} and {more} more" if more > 0 else shown or "no image"


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def _fault(text: str, what: str, instead: str) -> PatternError:
    return PatternError(f"pattern {excerpt(text)} {what}; write {instead}")


def _check_text(text: str) -> None:
    """What can be said before the text is taken apart. Credentials are not quoted."""
    if not 0 < len(text) <= MAX_LENGTH:
        raise PatternError(
            f"pattern has {len(text)} characters; write 1 to {MAX_LENGTH}, such as registry.example.com/**"
        )
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise PatternError(f"pattern {excerpt(text)} is not printable ASCII without spaces; write it so")
    if "://" in text:
        raise PatternError(f"pattern has a scheme; write {excerpt(text.rpartition('://')[2].rpartition('@')[2])}")
    name, at, rest = text.partition("@")
    if at and "/" not in name:
        raise PatternError(f"pattern has credentials; write {excerpt(rest)}")
    if at:
        raise _fault(text, "has a digest", f"{excerpt(name)}, and digests into images.denyDigests")
    if "/" not in text:
        raise _fault(text, "is not a registry and a path", _qualified(text))


def _qualified(text: str) -> str:
    """What somebody may have meant who wrote no `/`."""
    if text in _WILDCARDS:
        return "one pattern registry/** for each registry, or leave images.allow out to allow all of them"
    return excerpt(f"{text}/**" if is_registry(text) else f"{DOCKER_HUB}/library/{text}")


def _registry(text: str, host: str, path: str) -> str:
    """The registry, without a leading `*.`, in the spelling that references carry."""
    literal = host.removeprefix("*.")
    if "*" in literal:
        raise _fault(text, "has a '*' in its host that is not a leading '*.'", "'*.example.com' or each host by itself")
    if literal != host and "." not in literal:
        raise _fault(
            text, f"would match every domain of {literal}", f"two labels or more after '*.', as in '*.a.{literal}'"
        )
    if not is_registry(literal):
        raise _fault(text, "names no registry", excerpt(f"{DOCKER_HUB}/{text.lstrip('/')}"))
    if text != text.lower():
        raise _fault(text, "has upper case", excerpt(text.lower()))
    try:
        registry = parse_registry(literal)
    except ImageReferenceError as error:
        raise PatternError(f"pattern {excerpt(text)}: {error}") from error
    if registry not in {literal, literal.removesuffix(":443")}:
        raise _fault(text, f"names {registry} by an alias", excerpt(f"{registry}/{path}"))
    return registry


def _segments(text: str, host: str, path: str) -> tuple[str, ...]:
    """The path's segments; `**` can only be the last one."""
    segments = path.split("/")
    if ":" in path:
        raise _fault(text, "has a tag", excerpt(f"{host}/{path.partition(':')[0]}"))
    if "" in segments:
        named = [segment for segment in segments if segment] + ["**"] * (segments[-1] == "")
        raise _fault(text, "has an empty path segment", excerpt("/".join([host, *named])))
    if "**" in segments[:-1]:
        inner = ["*" if segment == "**" else segment for segment in segments[:-1]]
        raise _fault(text, "has '**' before its last segment", excerpt("/".join([host, *inner, segments[-1]])))
    for index, segment in enumerate(segments):
        if "*" in segment and segment not in _WILDCARDS:
            raise _fault(text, "has a '*' that is not a whole segment", excerpt(_whole(host, segments, index)))
    if fault := repository_fault("/".join("any" if segment in _WILDCARDS else segment for segment in segments)):
        raise PatternError(f"pattern {excerpt(text)}: {fault}")
    if host == DOCKER_HUB and len(segments) == 1 and path != "**":
        raise _fault(text, "lacks the namespace that Docker Hub's repositories have", excerpt(f"{host}/library/{path}"))
    return tuple(segments)


def _whole(host: str, segments: list[str], index: int) -> str:
    """A pattern that says with whole segments what a `*` inside of one seems to say: `acme*` becomes `acme/*`."""
    literal, _, rest = segments[index].partition("*")
    last = index == len(segments) - 1
    wildcard = "**" if last and rest == "*" else "*"
    own = [literal, wildcard] if last and not repository_fault(literal) else [wildcard]
    return "/".join([host, *segments[:index], *own, *segments[index + 1 :]])
