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
            raise ConfigurationError(f"--trust-root {name}={path}: trust root {name} is given twice")
        try:
            sources[name] = TrustRootSource(name, _content(path), None, str(path))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigurationError(f"--trust-root {name}={path}: {reason}") from error
    return sources


def _content(path: Path) -> bytes:
    """Raises OSError, and ValueError where it is too large."""
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES} bytes, which no trust root has")
    return content
