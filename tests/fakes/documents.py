"""What lies in registries, as JSON: manifests, indexes and configs."""

import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer to be stored; its descriptor gets the annotations."""

    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)
    media_type: str = SIMPLE_SIGNING


def descriptor(media_type: str, digest: str, size: int = 100, **more: Any) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def platform(text: str) -> dict[str, str]:
    """The platform of an entry of an index, from `os/architecture`."""
    system, _, architecture = text.partition("/")
    return {"os": system, "architecture": architecture}


def manifest(config: str | Mapping[str, Any], layers: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    """An OCI manifest; a config is given by its descriptor, or as the digest of an empty one."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(EMPTY_CONFIG, config, 2) if isinstance(config, str) else config,
        "layers": list(layers),
        **more,
    }
    return json.dumps(document).encode()


def index(entries: Sequence[Mapping[str, Any]], **more: Any) -> bytes:
    """An OCI index."""
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries), **more}).encode()


def image_config(layers: Sequence[str], **more: Any) -> bytes:
    """The config of an image with layers of these texts."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["/app"]},
        "rootfs": {"type": "layers", "diff_ids": [diff_id(text) for text in layers]},
        "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "COPY"} for _ in layers],
        **more,
    }
    return json.dumps(document).encode()


def diff_id(text: str) -> str:
    """What a config calls the layer of a text: the digest of what it is before compression."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def compressed(text: str) -> bytes:
    """A layer of a text as it is stored."""
    return gzip.compress(text.encode(), mtime=0)
