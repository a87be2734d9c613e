"""Policies that stand for what cannot be used: each denies, by its mode, what it speaks about, and says why.

Of a policy with a fault as much is read as can be: a mode that cannot be is Enforce, a match that cannot be is every
pod.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.pods import Pod
from webhook.policy.book import Book, Policy
from webhook.policy.compile import compiled_match
from webhook.policy.content import content_hash
from webhook.policy.documents import Document, Fault
from webhook.policy.matching import Match
from webhook.policy.model import KIND
from webhook.policy.model import Match as WrittenMatch
from webhook.verdict import Mode, Violation

UNREAD = "unread-policies"
"""What findings call the policy that stands for all of them."""

_EVERYTHING = Match()
_LONGEST_FAULT = 300


def unusable_policy(document: Document, name: str, fault: Fault) -> Policy:
    """What a policy with a fault does: `name` is its own, `fault` what is told of it."""
    spec = document.value.get("spec")
    told = f"{fault.path}: {fault.message}" if fault.path else fault.message
    message = f"the policy cannot be used: {told[:_LONGEST_FAULT]}"
    fix = f"ask the cluster's administrators to mend {KIND} {name}"
    return _denying(name, _mode(spec), _match(spec), message, fix)


def unread(why: str) -> Book:
    """The book for when it is not known what policies say: everything is denied."""
    fix = "ask the cluster's administrators whether tidewaiter may read its policies; its log has the reason"
    return Book((_denying(UNREAD, Mode.ENFORCE, _EVERYTHING, why, fix),))


def is_usable(policy: Policy) -> bool:
    """Whether a policy is none of those that this module makes."""
    return not any(isinstance(check, _Denial) for check in policy.checks)


class _Denial:
    """A check that every pod fails, those too of which only images are known."""

    def __init__(self, message: str, fix: str) -> None:
        self._message = message
        self._fix = fix

    def __call__(self, pod: Pod, _rules: ContainerRules) -> Iterator[Violation]:
        yield Violation(code=Code.POLICY_UNUSABLE, path=pod.path, message=self._message, fix=self._fix)


def _denying(name: str, mode: Mode, match: Match, message: str, fix: str) -> Policy:
    content = content_hash((name, mode, match, message))
    return Policy(name=name, mode=mode, match=match, checks=(_Denial(message, fix),), content=content)


def _mode(spec: Any) -> Mode:
    mode = spec.get("mode") if isinstance(spec, dict) else None
    if not isinstance(mode, str):  # an enumeration shows what it is not in its error, however deep that is nested
        return Mode.ENFORCE
    try:
        return Mode(mode)
    except ValueError:
        return Mode.ENFORCE


def _match(spec: Any) -> Match:
    if not isinstance(spec, dict) or "match" not in spec:
        return _EVERYTHING
    try:
        return compiled_match(WrittenMatch.model_validate(spec["match"]))
    except ValidationError:
        return _EVERYTHING
