"""The object that is to be written where a configuration drifted, and whose its fields are afterwards.

A field that was mended belongs to us, and a server-side apply with another value, as Helm 4's upgrade is, would
conflict. So it is given to the field manager that owns the stamp: whoever applies what the chart renders.
"""

import copy
from collections.abc import Collection, Mapping
from typing import Any, Final

from webhook.controller.configurations.drift import Difference, Field
from webhook.controller.configurations.webhooks import STAMP, Configuration, written
from webhook.kube.cluster import Object

MANAGER: Final = "tidewaiter-controller"


def mended(found: Object, wanted: Configuration, differences: Collection[Difference]) -> Object:
    """`found` with its webhooks as they are wanted; fields that do not differ, and certificates, stay as they are."""
    new = copy.deepcopy(found)
    there = {each["name"]: each for each in new.get("webhooks") or ()}
    certificates = next((each["clientConfig"].get("caBundle") for each in there.values()), None)
    new["webhooks"] = [
        _mended(there.get(each.name), written(each), certificates, _keys(each.name, differences))
        for each in wanted.webhooks
    ]
    return new


def given_back(found: Object) -> Object | None:
    """`found` with what we own of it given to the owner of the stamp, or to nobody; None where we own nothing.

    Writing it changes the ownership and nothing else.
    """
    entries = found["metadata"].get("managedFields") or []
    ours = [each for each in entries if _is_ours(each)]
    if not ours:
        return None
    new = copy.deepcopy(found)
    others = [copy.deepcopy(each) for each in entries if not _is_ours(each)]
    owner = next((each for each in others if _owns_stamp(each)), None)
    if owner is not None:
        for each in ours:
            owner["fieldsV1"] = _both(owner["fieldsV1"], _without_certificates(each["fieldsV1"]))
    # An empty list would tell the API server to keep the entries there are, one empty entry to forget them.
    new["metadata"]["managedFields"] = others or [{}]
    return new


def _keys(name: str, differences: Collection[Difference]) -> set[str]:
    """The fields of a webhook that differ."""
    return {each.field.value for each in differences if each.path == f"webhooks[{name}].{each.field.value}"}


def _mended(
    there: Mapping[str, Any] | None, wanted: dict[str, Any], certificates: str | None, keys: Collection[str]
) -> dict[str, Any]:
    if there is None:  # its siblings call the same server, so that it works at once
        return _called_with(wanted, certificates)
    kept = {key: value for key, value in there.items() if key not in keys}
    changed = {key: value for key, value in wanted.items() if key in keys}
    if Field.CLIENT_CONFIG.value in keys:
        return _called_with({**kept, **changed}, there["clientConfig"].get("caBundle"))
    return {**kept, **changed}


def _called_with(webhook: dict[str, Any], certificates: str | None) -> dict[str, Any]:
    if certificates is None:
        return webhook
    return {**webhook, "clientConfig": {**webhook["clientConfig"], "caBundle": certificates}}


def _is_ours(entry: Mapping[str, Any]) -> bool:
    return entry.get("manager") == MANAGER and not entry.get("subresource")


def _owns_stamp(entry: Mapping[str, Any]) -> bool:
    annotations = entry.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {})
    return f"f:{STAMP}" in annotations


def _both(fields: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """The union of two sets of fields, written as the API server writes them."""
    return {key: _both(fields.get(key, {}), others.get(key, {})) for key in {**fields, **others}}


def _without_certificates(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _without_certificates(inner) for key, inner in fields.items() if key != "f:caBundle"}
