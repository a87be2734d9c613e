"""Trust roots that flags name."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from webhook.errors import ConfigurationError
from webhook.policy.trust_roots import TrustRootSource

MAX_BYTES: Final = 1 << 20
"""Of a trusted_root.json; Sigstore's own has 7 KB."""


def read(files: Sequence[tuple[str, Path]]) -> dict[str, TrustRootSource]:
    """The sources that are trusted_root.json files, by name. Raises `ConfigurationError`."""
    sources: dict[str, TrustRootSource] = {}
    for name, path in files:
        if name in sources:
            raise ConfigurationError(f"trust root {name} is given twice")
        sources[name] = TrustRootSource(name, _content(path), None)
    return sources


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{path}: more than {MAX_BYTES} bytes, which no trust root has")
    return content
