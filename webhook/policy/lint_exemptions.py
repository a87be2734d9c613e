"""Exemptions that are wider or longer than their authors may think, about to end, or without effect."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from webhook.codes import Code
from webhook.policy.allowlist import Pattern
from webhook.policy.exemptions import ANNOUNCED
from webhook.policy.matching import Glob
from webhook.policy.model import Exemption, Match, Spec
from webhook.policy.part import Finding

LONGEST = timedelta(days=366)
"""What is accepted for longer than that, nobody looks at again."""

OF_IMAGES = frozenset(
    {
        Code.ATTESTATION_MISSING,
        Code.ATTESTATION_TOO_OLD,
        Code.BASE_IMAGE_NOT_ALLOWED,
        Code.CONDITION_FALSE,
        Code.DIGEST_DENIED,
        Code.IMAGE_UNMATCHED,
        Code.NOT_SIGNED,
        Code.REGISTRY_NOT_ALLOWED,
        Code.SIGNATURE_INVALID,
        Code.SIGNER_NOT_ALLOWED,
        Code.TAG_NOT_PINNED,
        Code.TOO_FEW_SIGNERS,
        Code.VULNERABLE,
    }
)
"""Codes that rules about images make. All others that can be exempt are those of rules about the pod's fields."""


def weak_exemptions(spec: Spec, now: datetime) -> Iterator[Finding]:
    """What is to be said about the exemptions of a policy."""
    for index, exemption in enumerate(spec.exemptions or ()):
        for path, message in _weaknesses(exemption, spec, now):
            yield ("spec", "exemptions", index, *path), message


def _weaknesses(exemption: Exemption, spec: Spec, now: datetime) -> Iterator[Finding]:
    yield from _end(exemption.expires, now)
    for index, code in enumerate(exemption.codes):
        section = "images" if code in OF_IMAGES else "containers"
        if getattr(spec, section) is None:
            yield ("codes", index), f"has no effect: the policy has no {section}"
    for index, pattern in enumerate(map(Pattern.parse, exemption.images)):
        if not pattern.segments or pattern.segments[0] == "*":
            yield ("images", index), f"takes images of every project of {pattern.registry}, not of one alone"
    for index, name in enumerate(exemption.namespaces):
        if not _matched(name, spec.match):
            yield ("namespaces", index), "has no effect: the policy does not match it"


def _end(expires: datetime, now: datetime) -> Iterator[Finding]:
    if expires <= now:
        yield ("expires",), "has passed: the exemption has no effect"
    elif expires - ANNOUNCED <= now:
        yield ("expires",), f"is near: from {expires.isoformat()} on the findings count again"
    elif expires - LONGEST > now:
        yield ("expires",), "is more than a year away; what is nearer is looked at again"


def _matched(namespace: str, match: Match | None) -> bool:
    """Whether a policy speaks about a namespace of this name, as far as names go."""
    names = match.namespaces if match else None
    if names is None:
        return True
    included = names.include is None or any(Glob.of(text).matches(namespace) for text in names.include)
    return included and namespace not in (names.exclude or ())
