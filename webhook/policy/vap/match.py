"""Which requests a policy speaks about: resources, namespaces by label and by name, and globs as conditions."""

from collections.abc import Iterable, Sequence
from typing import Any

from webhook.policy.matching import Glob, Match
from webhook.policy.vap.expressions import literal, quoted, whole

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server itself gives each namespace."""

_MIRROR = "kubernetes.io/config.mirror"
_NODE = "system:node:"


def constraints(match: Match, exempt: Iterable[str]) -> dict[str, Any]:
    """`matchConstraints`: the requests that the chart registers its webhook for, in the policy's namespaces."""
    return {
        "resourceRules": [
            _rule(["CREATE", "UPDATE"], "pods"),
            _rule(["UPDATE"], "pods/ephemeralcontainers"),
        ],
        "namespaceSelector": {"matchExpressions": _requirements(match, frozenset(exempt) | match.exclude)},
    }


def _rule(operations: list[str], resource: str) -> dict[str, Any]:
    return {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": operations,
        "resources": [resource],
        "scope": "Namespaced",
    }


def _requirements(match: Match, excluded: frozenset[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if excluded:
        found.append({"key": NAMESPACE_NAME, "operator": "NotIn", "values": sorted(excluded)})
    if match.include and not _globs(match.include):
        names = sorted(glob.pieces[0] for glob in match.include)
        found.append({"key": NAMESPACE_NAME, "operator": "In", "values": names})
    for each in match.selector or ():
        values = {"values": sorted(each.values)} if each.values else {}
        found.append({"key": each.key, "operator": each.operator.value, **values})
    return found


def conditions(match: Match) -> list[dict[str, str]]:
    """`matchConditions`: namespaces by globs, and no mirror pod that its node shows."""
    found = [{"name": "not-a-mirror-pod", "expression": f"!({_MIRROR_POD})"}]
    if _globs(match.include):
        expression = f"request.namespace.matches({quoted(whole(map(_regex, match.include)))})"
        found.append({"name": "namespaces", "expression": expression})
    return found


def _globs(include: Sequence[Glob]) -> bool:
    return any(len(glob.pieces) > 1 for glob in include)


def _regex(glob: Glob) -> str:
    return ".*".join(map(literal, glob.pieces))


_MIRROR_POD = (
    "request.operation == 'CREATE' && 'system:nodes' in request.userInfo.groups"
    f" && {quoted(_MIRROR)} in dyn(object.metadata).?annotations.orValue({{}})"
    f" && request.userInfo.username == {quoted(_NODE)} + dyn(object.spec).?nodeName.orValue('')"
)
