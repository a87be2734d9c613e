"""The API server's own audit log, where annotations of admission webhooks end up."""

import json
from pathlib import Path
from typing import Any

_RULES = [{"level": "Metadata", "resources": [{"group": "", "resources": ["pods", "pods/*"]}]}, {"level": "None"}]
_POLICY = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": _RULES}


class AuditLog:
    """What the API server writes about pods; policy and log lie in `folder`, an existing one."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "audit.log"
        policy = folder / "audit-policy.json"
        policy.write_text(json.dumps(_POLICY), encoding="utf-8")
        self.api_server_args = (f"--audit-policy-file={policy}", f"--audit-log-path={self._log}")

    def annotations(self, namespace: str, name: str) -> list[dict[str, str]]:
        """What each request about a pod was annotated with, under the name of our webhook, without that name."""
        events = (json.loads(line) for line in self._log.read_bytes().split(b"\n")[:-1])
        about = (event for event in events if _object(event) == (namespace, name))
        return [_ours(event.get("annotations", {})) for event in about]


def _object(event: dict[str, Any]) -> tuple[str, str]:
    reference = event.get("objectRef", {})
    return reference.get("namespace", ""), reference.get("name", "")


def _ours(annotations: dict[str, str]) -> dict[str, str]:
    prefix = "pods.tidewaiter.dev/"
    return {key.removeprefix(prefix): value for key, value in annotations.items() if key.startswith(prefix)}
