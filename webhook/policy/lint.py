"""What is legal in a policy, and weaker than its author may think, or without effect.

One function for each such thing, listed once in `RULES`, and exemptions beside, which end. Nothing here keeps a policy
from being used.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from webhook.policy.allowlist import Pattern
from webhook.policy.book import OnError
from webhook.policy.collection import Written
from webhook.policy.documents import Fault
from webhook.policy.lint_authorities import weak_authorities
from webhook.policy.lint_containers import weak_containers
from webhook.policy.lint_exemptions import weak_exemptions
from webhook.policy.matching import Glob
from webhook.policy.model import Spec
from webhook.policy.model_images import Images
from webhook.policy.part import Finding
from webhook.policy.rules import Tags, Unmatched
from webhook.verdict import Mode

ANYONE_MAY_PUSH = frozenset({"docker.io", "gcr.io", "ghcr.io", "public.ecr.aws", "quay.io", "registry.gitlab.com"})
"""Registries in which the first segment of the path is an account that anybody can open."""

ANYONE_MAY_OPEN = ("amazonaws.com", "azurecr.io")
"""Domains of clouds in which each customer's registry has a host name of its own."""


class Notice(Fault):
    """Something weak in a policy, placed like a fault."""


def lint(policies: Iterable[Written], now: datetime) -> tuple[Notice, ...]:
    """All that is to be said about these policies at a time, in the order of their lines."""
    return tuple(notice for written in policies for notice in _notices(written, now))


def _notices(written: Written, now: datetime) -> list[Notice]:
    spec = written.model.spec
    findings = [finding for rule in RULES for finding in rule(spec)] + list(weak_exemptions(spec, now))
    faults = (written.document.fault(path, message) for path, message in findings)
    return sorted((Notice(f.source, f.line, f.path, f.message) for f in faults), key=lambda notice: notice.line)


def _fails_open(spec: Spec) -> Iterator[Finding]:
    verified = spec.images is not None and (spec.images.verify or spec.images.base_images)
    if spec.mode is Mode.ENFORCE and spec.on_error is not OnError.DENY and verified:
        yield ("spec", "onError"), "images run unverified while their registry cannot be asked; Deny refuses them"


def _includes_everything(spec: Spec) -> Iterator[Finding]:
    namespaces = spec.match.namespaces if spec.match else None
    for index, glob in enumerate((namespaces.include if namespaces else None) or ()):
        if not glob.strip("*"):
            path = ("spec", "match", "namespaces", "include", index)
            yield path, "matches every namespace; leave include out to say so"


def _excludes_nothing(spec: Spec) -> Iterator[Finding]:
    namespaces = spec.match.namespaces if spec.match else None
    if namespaces is None or namespaces.include is None:
        return
    included = [Glob.of(text) for text in namespaces.include]
    for index, name in enumerate(namespaces.exclude or ()):
        if not any(glob.matches(name) for glob in included):
            yield ("spec", "match", "namespaces", "exclude", index), "has no effect: include does not match it"


def _asks_nothing(spec: Spec) -> Iterator[Finding]:
    asked = spec.containers.model_dump(exclude_defaults=True) if spec.containers else {"containers": None}
    if not asked:
        yield ("spec", "containers"), "asks for nothing: no rule is true"


def _any_registry(images: Images) -> Iterator[Finding]:
    if images.allow is None:
        yield (), "has no allow: images of any registry may run"


def _anyone(images: Images) -> Iterator[Finding]:
    for index, pattern in enumerate(map(Pattern.parse, images.allow or ())):
        any_account = not pattern.segments or pattern.segments[0] == "*"
        if pattern.registry in ANYONE_MAY_PUSH and any_account:
            yield ("allow", index), f"takes images of every account of {pattern.registry}"
        if pattern.any_label and pattern.registry.endswith(ANYONE_MAY_OPEN):
            yield ("allow", index), "takes images of every customer of this cloud, not of your account alone"


def _tags_move(images: Images) -> Iterator[Finding]:
    if images.tags is Tags.UNSAFE_RESOLVED:
        yield ("tags",), "kubelet may pull another image than the one that was judged; Pinned is safe"


def _unverified(images: Images) -> Iterator[Finding]:
    if images.verify and images.unmatched is Unmatched.ALLOW:
        yield ("unmatched",), "images that no entry of verify speaks about run unverified"
    if not images.verify and images.unmatched is Unmatched.DENY:
        yield ("unmatched",), "refuses every image: there is no entry of verify"


def _unused_authorities(images: Images) -> Iterator[Finding]:
    """Where base images are asked for, any authority may prove them that need not give annotations."""
    known = [authority.name for authority in images.authorities or ()]
    accepted = {one.name for one in images.authorities or () if images.base_images is not None and not one.annotations}
    for entry in images.verify or ():
        demands = (*([entry.signatures] if entry.signatures else ()), *(entry.attestations or ()))
        accepted.update(name for demand in demands for name in demand.from_ or known)
    for index, name in enumerate(known):
        if name not in accepted:
            yield ("authorities", index), "has no effect: no entry of verify accepts it"


def _mute_about_bases(images: Images) -> Iterator[Finding]:
    for index, authority in enumerate(images.authorities or ()):
        if images.base_images is not None and authority.annotations:
            message = "provenance carries none, so that this authority proves nothing for baseImages"
            yield ("authorities", index, "annotations"), message


def _never_allowed(images: Images) -> Iterator[Finding]:
    allow = tuple(map(Pattern.parse, images.allow or ()))
    for path, text in _restricted(images):
        if allow and not any(overlap(Pattern.parse(text), pattern) for pattern in allow):
            yield path, "has no effect: allow takes no image that it matches"


def _restricted(images: Images) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Patterns that mean something only for images that `allow` takes."""
    yield from ((("deny", index), text) for index, text in enumerate(images.deny or ()))
    for index, entry in enumerate(images.verify or ()):
        yield from ((("verify", index, "images", at), text) for at, text in enumerate(entry.images))


def overlap(one: Pattern, other: Pattern) -> bool:
    """Whether there is an image that both patterns match."""
    if not _registries_overlap(one, other):
        return False
    least, most = sorted((one, other), key=lambda pattern: len(pattern.segments))
    surplus = len(most.segments) - len(least.segments)
    if not least.deep and (surplus or most.deep):
        return False
    if least.deep and not most.deep and not surplus:
        return False
    return all(a == b or "*" in {a, b} for a, b in zip(least.segments, most.segments, strict=False))


def _registries_overlap(one: Pattern, other: Pattern) -> bool:
    if one.any_label == other.any_label:
        return one.registry == other.registry
    literal, any_label = (other, one) if one.any_label else (one, other)
    return literal.registry.partition(".")[2] == any_label.registry


def _of_images(rule: Callable[[Images], Iterator[Finding]]) -> Callable[[Spec], Iterator[Finding]]:
    def rule_of_spec(spec: Spec) -> Iterator[Finding]:
        if spec.images is not None:
            for path, message in rule(spec.images):
                yield ("spec", "images", *path), message

    return rule_of_spec


RULES: tuple[Callable[[Spec], Iterator[Finding]], ...] = (
    _fails_open,
    _includes_everything,
    _excludes_nothing,
    _asks_nothing,
    weak_containers,
    *map(
        _of_images,
        (
            _any_registry,
            _anyone,
            _tags_move,
            _unverified,
            _unused_authorities,
            _mute_about_bases,
            _never_allowed,
            weak_authorities,
        ),
    ),
)
