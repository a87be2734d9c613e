"""Pods to be asked for."""

import json
from typing import Any

HARDENED: dict[str, Any] = {
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
"""The securityContext that the policies of `tests.system.policies.HARDENED` want."""


def pod(name: str, image: str, *, security: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod with one container `web`, and whatever else its spec has."""
    container: dict[str, Any] = {"name": "web", "image": image}
    if security is not None:
        container["securityContext"] = security
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [container], **spec},
    }


def text(document: dict[str, Any]) -> str:
    """As kubectl reads it."""
    return json.dumps(document)
