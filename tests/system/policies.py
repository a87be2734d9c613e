"""The policies of the system tests, as documents."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any


def authority(name: str, pem: str, **annotations: str) -> dict[str, Any]:
    """Somebody who may vouch with a key, and the annotations that his signatures must carry."""
    return {"name": name, "key": {"pem": pem}, **({"annotations": annotations} if annotations else {})}


def image_rules(registry: str, *authorities: dict[str, Any], minimum: int = 1, **further: Any) -> dict[str, Any]:
    """Everything from below `team/` of one registry, signed by some of the authorities."""
    images = [f"{registry}/team/**"]
    verify = {"name": "ours", "images": images, "signatures": {"minimum": minimum}}
    return {"allow": images, "authorities": list(authorities), "verify": [verify], **further}


def pod(name: str, image: str) -> dict[str, Any]:
    """A pod of one container."""
    spec = {"containers": [{"name": "app", "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "prod"}, "spec": spec}


HARDENED: dict[str, Any] = {"runAsNonRoot": True, "dropCapabilities": ["ALL"], "readOnlyRootFilesystem": True}
"""Rules about containers that no pod meets by default."""


def for_tier(tier: str, **spec: Any) -> dict[str, Any]:
    """The `spec` of a policy for namespaces that have a label `tier`."""
    return {"match": {"namespaceSelector": {"matchLabels": {"tier": tier}}}, **spec}


def write(file: Path, trust_roots: Mapping[str, Any] = MappingProxyType({}), /, **specs: dict[str, Any]) -> Path:
    """Write policies by name, and trust roots beside them, into one file (a JSON document is YAML too)."""
    documents = [
        *(_document("TrustRoot", name, spec) for name, spec in trust_roots.items()),
        *(_document("ClusterPodPolicy", name, spec) for name, spec in specs.items()),
    ]
    file.write_text("\n---\n".join(map(json.dumps, documents)), encoding="utf-8")
    return file


def _document(kind: str, name: str, spec: Any) -> dict[str, Any]:
    return {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
