"""Which pods a Kyverno rule speaks about. What cannot be said makes the rule speak about more of them."""

from collections.abc import Iterator
from typing import Any

from webhook.policy.convert.field import Field
from webhook.policy.convert.identities import wild

_MORE = "the rule speaks about more pods without it"
_KEPT = "the rule speaks about these pods, too"


def match(root: Field, rule: Field) -> dict[str, Any]:
    """`match` of the policy, empty for every pod."""
    included = _included(rule["match"])
    if root["kind"].text() == "Policy":
        included = [root["metadata"]["namespace"].text("default")]
    excluded = list(_excluded(rule["exclude"]))
    for key in ("preconditions", "celPreconditions", "context"):
        if rule[key].there:
            rule[key].lose(_MORE)
    written = {"include": included, "exclude": excluded}
    namespaces = {key: list(dict.fromkeys(value)) for key, value in written.items() if value}
    return {"namespaces": namespaces} if namespaces else {}


def _filters(written: Field) -> Iterator[Field]:
    """`any`, `all`, or the filter itself as older policies have it."""
    if written["any"].there or written["all"].there:
        yield from written["any"].items()
        yield from written["all"].items()
    elif written.there:
        yield written


def _included(written: Field) -> list[str]:
    """Globs of namespaces; none where a filter takes every namespace."""
    found: list[str] = []
    everywhere = False
    if len(list(written["all"].items())) > 1:
        written["all"].lose("one of them is enough here")
    for each in _filters(written):
        resources = each["resources"]
        resources.passes("kinds")
        globs = [one.text().replace("?", "*") for one in resources["namespaces"].items()]
        resources.leftover(_MORE)
        each.passes("any", "all")
        each.leftover(_MORE)
        everywhere = everywhere or not globs
        found += globs
    return [] if everywhere else found


def _excluded(written: Field) -> Iterator[str]:
    """Exact namespaces of filters that exclude by nothing else: of `all`, only where there is one filter."""
    filters = list(_filters(written))
    together = written["all"].there and len(filters) > 1
    for each in filters:
        resources = each["resources"]
        each.passes("any", "all")
        names = list(resources["namespaces"].items())
        resources.passes("kinds")
        kinds = [kind.text() for kind in resources["kinds"].items()]
        other = resources.leftover(_KEPT) or each.leftover(_KEPT)
        if not names and not other:
            each.lose(_KEPT)
        if together or (kinds and "Pod" not in kinds):
            each.lose(_KEPT)
        elif not other:
            yield from (name.text() for name in names if _exact(name))


def _exact(name: Field) -> bool:
    if wild(name.text()):
        name.lose(f"names of excluded namespaces are exact here; {_KEPT}")
        return False
    return True
