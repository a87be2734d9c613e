"""What an image is made of, as far as its registry says it: its platforms and their layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhook.images import Digest

BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
"""Annotations of a manifest (image-spec `annotations.md`). Whoever built the image wrote them: claims, not proofs."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One image manifest. `layers` are the `rootfs.diff_ids` of its config, first layer first, as `sha256:<hex>`."""

    digest: Digest
    layers: tuple[str, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """All platforms of an image: one of a manifest, those of an index. Never empty."""

    platforms: tuple[Platform, ...]
