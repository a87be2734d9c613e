"""What differs between the webhooks that are wanted and those that are there, and how grave it is.

Compared is what they mean: defaults are filled in, and the order of rules, of conditions, and of the names in them says
nothing. `caBundle` is left out: certificates change, and are somebody else's affair.
"""

import json
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from webhook.controller.configurations.webhooks import STAMP, Configuration, Rule, Selector, Webhook, written


class Field(StrEnum):
    """What can differ: a field of a webhook by its name in the API, or one of three things about the whole."""

    WEBHOOK_MISSING = "webhookMissing"
    WEBHOOK_EXTRA = "webhookExtra"
    STAMP = "stamp"
    FAILURE_POLICY = "failurePolicy"
    RULES = "rules"
    NAMESPACE_SELECTOR = "namespaceSelector"
    OBJECT_SELECTOR = "objectSelector"
    MATCH_CONDITIONS = "matchConditions"
    MATCH_POLICY = "matchPolicy"
    CLIENT_CONFIG = "clientConfig"
    TIMEOUT_SECONDS = "timeoutSeconds"
    ADMISSION_REVIEW_VERSIONS = "admissionReviewVersions"
    SIDE_EFFECTS = "sideEffects"
    REINVOCATION_POLICY = "reinvocationPolicy"


class Gravity(StrEnum):
    """What a difference means for pods. In doubt it is the graver one."""

    LOOSER = "pods may pass unjudged"
    OTHER = "works otherwise than rendered"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one webhook. `found` and `wanted` are JSON, empty where there is nothing."""

    field: Field
    path: str
    found: str
    wanted: str
    gravity: Gravity

    def __str__(self) -> str:
        """`webhooks[pods.tidewaiter.dev].failurePolicy: found "Ignore", wanted "Fail": pods may pass unjudged`."""
        return f"{self.path}: found {self.found or 'none'}, wanted {self.wanted or 'none'}: {self.gravity}"


def differences(wanted: Configuration, found: Configuration) -> tuple[Difference, ...]:
    """All that differs in their webhooks, the graver first."""
    return tuple(sorted(_webhooks(wanted, found), key=lambda each: each.gravity is Gravity.OTHER))


def stamp_difference(wanted: Configuration, found: Configuration) -> Difference:
    """That they come from two renderings; what else differs may then be meant so."""
    return Difference(
        Field.STAMP, f"metadata.annotations[{STAMP}]", _text(found.stamp), _text(wanted.stamp), Gravity.LOOSER
    )


def _webhooks(wanted: Configuration, found: Configuration) -> Iterator[Difference]:
    there = {each.name: each for each in found.webhooks}
    for each in wanted.webhooks:
        other = there.pop(each.name, None)
        path = f"webhooks[{each.name}]"
        if other is None:
            yield Difference(Field.WEBHOOK_MISSING, path, "", _text(written(each)), Gravity.LOOSER)
        else:
            yield from _fields(path, each, other)
    for name, extra in there.items():
        text = _text(written(extra))
        yield Difference(Field.WEBHOOK_EXTRA, f"webhooks[{name}]", text, "", Gravity.OTHER)


def _fields(path: str, wanted: Webhook, found: Webhook) -> Iterator[Difference]:
    texts = _texts(found), _texts(wanted)
    for each in _COMPARED:
        if each.meaning(found) != each.meaning(wanted):
            gravity = Gravity.LOOSER if each.loosens(found, wanted) else Gravity.OTHER
            key = each.field.value
            yield Difference(each.field, f"{path}.{key}", texts[0].get(key, ""), texts[1].get(key, ""), gravity)


def _texts(webhook: Webhook) -> dict[str, str]:
    """Each field as JSON, without certificates."""
    document = written(webhook)
    document["clientConfig"].pop("caBundle", None)
    return {key: _text(value) for key, value in document.items()}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _rules(webhook: Webhook) -> Hashable:
    return frozenset(_rule(each) for each in webhook.rules)


def _rule(rule: Rule) -> tuple[frozenset[str], ...]:
    parts = rule.operations, rule.api_groups, rule.api_versions, rule.resources, (rule.scope,)
    return tuple(map(frozenset, parts))


def _narrower(found: Webhook, wanted: Webhook) -> bool:
    """Whether some wanted rule lies in none of those that are there."""
    there = [_rule(each) for each in found.rules]
    return not all(any(_within(_rule(each), other) for other in there) for each in wanted.rules)


def _within(rule: tuple[frozenset[str], ...], other: tuple[frozenset[str], ...]) -> bool:
    return all(part <= wider or _all_of(part, wider) for part, wider in zip(rule, other, strict=True))


def _all_of(part: frozenset[str], wider: frozenset[str]) -> bool:
    """Whether a wildcard takes all of it: of resources `*` takes no subresource (RuleWithOperations)."""
    return "*" in wider and not any("/" in each for each in part - wider)


def _selection(selector: Selector) -> frozenset[Hashable]:
    """All that must hold of the labels."""
    expressions = {(each.key, each.operator, frozenset(each.values)) for each in selector.match_expressions}
    return frozenset({*selector.match_labels.items(), *expressions})


def _conditions(webhook: Webhook) -> frozenset[Hashable]:
    """All that must hold of a request."""
    return frozenset((each.name, each.expression) for each in webhook.match_conditions)


def _fails_open(found: Webhook, _: Webhook) -> bool:
    return found.failure_policy != "Fail"


@dataclass(frozen=True, slots=True)
class _Compared:
    """A field, what of it is compared, and whether what was found in place of the wanted lets pods pass."""

    field: Field
    meaning: Callable[[Webhook], Hashable]
    loosens: Callable[[Webhook, Webhook], bool]


_COMPARED: Final = (
    _Compared(Field.FAILURE_POLICY, lambda each: each.failure_policy, _fails_open),
    _Compared(Field.RULES, _rules, _narrower),
    _Compared(
        Field.NAMESPACE_SELECTOR,
        lambda each: _selection(each.namespace_selector),
        lambda found, wanted: not _selection(found.namespace_selector) <= _selection(wanted.namespace_selector),
    ),
    _Compared(
        Field.OBJECT_SELECTOR,
        lambda each: _selection(each.object_selector),
        lambda found, wanted: not _selection(found.object_selector) <= _selection(wanted.object_selector),
    ),
    _Compared(Field.MATCH_CONDITIONS, _conditions, lambda found, wanted: not _conditions(found) <= _conditions(wanted)),
    _Compared(Field.MATCH_POLICY, lambda each: each.match_policy, lambda found, _: found.match_policy != "Equivalent"),
    _Compared(
        Field.CLIENT_CONFIG,
        lambda each: (each.client_config.url, each.client_config.service),
        lambda _found, _wanted: True,
    ),
    _Compared(
        Field.TIMEOUT_SECONDS,
        lambda each: each.timeout_seconds,
        lambda found, wanted: _fails_open(found, wanted) and found.timeout_seconds < wanted.timeout_seconds,
    ),
    _Compared(Field.ADMISSION_REVIEW_VERSIONS, lambda each: each.admission_review_versions, _fails_open),
    _Compared(Field.SIDE_EFFECTS, lambda each: each.side_effects, lambda _found, _wanted: False),
    _Compared(
        Field.REINVOCATION_POLICY, lambda each: each.reinvocation_policy or "Never", lambda _found, _wanted: False
    ),
)
