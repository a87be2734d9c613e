"""Which images a credential provider, or one of its credentials, is for: kubelet's `matchImages`.

Rules: kubelet's `pkg/credentialprovider/keyring.go`, `URLsMatch`. The host has as many labels as the pattern, and each
label matches the pattern's, in which `*` stands for any part of one label; the port is the same; the path begins with
the pattern's, letter by letter. Two narrowings: what a URL would drop silently (a scheme, a user, a query) is refused,
and `:443` is dropped as references drop it.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from webhook import images
from webhook.images import ImageReference, PinnedImage

_PATTERN = re.compile(r"(\[[0-9a-f:]+\]|[A-Za-z0-9._*-]+)(?::([0-9]{1,5}))?(/[!-~]*)?", re.ASCII)
_NO_PATH = re.compile(r"[?#%\\@]", re.ASCII)


@dataclass(frozen=True, slots=True)
class ImagePattern:
    """`host[:port][/path]`. `path` is empty or begins with '/'."""

    labels: tuple[str, ...]
    port: str
    path: str

    def matches(self, image: ImageReference | PinnedImage) -> bool:
        """Whether the image, its registry and repository, is one of those meant."""
        labels, port = _host(image.registry)
        return (
            port == self.port
            and len(labels) == len(self.labels)
            and f"/{image.repository}".startswith(self.path)
            and all(map(fnmatchcase, labels, self.labels))
        )


def parse(text: str) -> ImagePattern:
    """The pattern that a text writes. Raises ValueError, without what is written."""
    parts = _PATTERN.fullmatch(text)
    if parts is None or _NO_PATH.search(parts[3] or ""):
        raise ValueError("expected host[:port][/path], where * stands for a part of the host within two dots")
    host, port, path = parts[1], parts[2] or "", parts[3] or ""
    return ImagePattern(_labels(host), "" if port == "443" and images.is_registry(host) else port, path)


def _host(registry: str) -> tuple[tuple[str, ...], str]:
    """The labels and the port of a registry."""
    colon = registry.find(":", registry.find("]") + 1)
    return (_labels(registry), "") if colon < 0 else (_labels(registry[:colon]), registry[colon + 1 :])


def _labels(host: str) -> tuple[str, ...]:
    """An IPv6 address in brackets is one label; the brackets are no set of characters."""
    return (host.strip("[]"),) if host.startswith("[") else tuple(host.split("."))
