"""AdmissionReviews as the API server sends them, for a server without one."""

import json
import uuid
from typing import Any, Final

from tests.system.pods import pod

PATH: Final = "/validate?timeout=10s"
HEADERS: Final = {"Content-Type": "application/json"}


def review(image: str, namespace: str = "prod") -> bytes:
    """A dry run of a pod's creation."""
    request: dict[str, Any] = {
        "uid": str(uuid.uuid4()),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": namespace,
        "operation": "CREATE",
        "userInfo": {"username": "load"},
        "dryRun": True,
        "object": pod("web", image),
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def not_admitted(status: int, body: bytes) -> str:
    """What keeps an answer from being a plain yes; empty when nothing does."""
    if status != 200:
        return f"status {status}: {body!r}"
    return "" if json.loads(body)["response"]["allowed"] else body.decode()
