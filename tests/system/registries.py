"""Real registries on loopback: go-containerregistry's in-memory one, and distribution in its three guises.

Neither serves the OCI Referrers API; cosign falls back to the `sha256-…` tag with both.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.system.processes import accepts, free_port, running
from tests.system.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.token_service import TokenService

USER: Final = "puller"
PASSWORD: Final = "let-me-pull"
# The only kind of entry that distribution reads is bcrypt, which the standard library cannot make.
_HTPASSWD: Final = f"{USER}:$2b$04$udHwTLvc8gKK.5hbGIOjTuT9C3vluJy8vEQoedGkhblb5ArskbAsS\n"


@contextmanager
def ggcr_registry(folder: Path) -> Iterator[str]:
    """go-containerregistry's `registry`, plain http, anonymous, in memory; yields `127.0.0.1:PORT`. Log in `folder`."""
    port = free_port()
    with running([tool("registry"), "-port", str(port)], folder / f"registry-{port}.log", lambda: accepts(port)):
        yield f"127.0.0.1:{port}"


@contextmanager
def distribution(
    folder: Path,
    *,
    basic_auth: bool = False,
    tls: tuple[Path, Path] | None = None,
    tokens: TokenService | None = None,
) -> Iterator[str]:
    """distribution's registry; yields `127.0.0.1:PORT`. Content, configuration and log lie in `folder`.

    Args:
        folder: an existing folder of its own.
        basic_auth: every request must carry `USER` and `PASSWORD`.
        tokens: every request must carry a token of this service.
        tls: paths of the certificate chain and its key; without it the registry speaks plain http.
    """
    port = free_port()
    config = folder / f"distribution-{port}.json"
    config.write_text(
        json.dumps(_configuration(folder, port, basic_auth=basic_auth, tls=tls, tokens=tokens)), encoding="utf-8"
    )
    env = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}  # its default sends traces to a collector
    command: list[str | Path] = [tool("distribution"), "serve", config]
    with running(command, folder / f"distribution-{port}.log", lambda: accepts(port), env=env):
        yield f"127.0.0.1:{port}"


def _configuration(
    folder: Path, port: int, *, basic_auth: bool, tls: tuple[Path, Path] | None, tokens: TokenService | None
) -> dict[str, object]:
    """distribution's configuration 0.1 (a JSON document is YAML too)."""
    http: dict[str, object] = {"addr": f"127.0.0.1:{port}", "secret": "one replica signs its own upload state"}
    if tls:
        http["tls"] = {"certificate": str(tls[0]), "key": str(tls[1])}
    configuration: dict[str, object] = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / f"content-{port}")}, "delete": {"enabled": True}},
        "http": http,
    }
    if basic_auth:
        htpasswd = folder / f"htpasswd-{port}"
        htpasswd.write_text(_HTPASSWD, encoding="utf-8")
        configuration["auth"] = {"htpasswd": {"realm": "distribution", "path": str(htpasswd)}}
    if tokens:
        configuration["auth"] = tokens.configuration(folder)
    return configuration
