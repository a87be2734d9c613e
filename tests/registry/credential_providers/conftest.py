"""Programs as cloud providers ship them, written as small scripts."""

import json
from pathlib import Path
from typing import Any

import pytest

from webhook.registry.credential_providers import patterns
from webhook.registry.credential_providers.configuration import PROTOCOL, Provider

CANARY = "hunter2-canary"
"""A password, and whatever else may be secret in what a program says."""


def response(auth: dict[str, Any] | None, scope: str = "Registry", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": PROTOCOL,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": scope,
        "auth": auth,
        **more,
    }


def login(username: str = "AWS", password: str = CANARY) -> dict[str, str]:
    return {"username": username, "password": password}


class Programs:
    """A folder of programs; each notes that it ran, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, body: str) -> Path:
        """A program of these lines of shell."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def answering(self, name: str, answer: dict[str, Any] | str) -> Path:
        """One that notes each question in `<name>.asked`, a file for each, and answers."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        (self.folder / f"{name}.answer").write_text(text)
        (self.folder / f"{name}.asked").mkdir(exist_ok=True)
        return self.write(name, 'cat > "$0.asked/$(date +%s.%N).$$"; cat "$0.answer"')

    def asked(self, name: str) -> list[dict[str, Any]]:
        """Its questions, the oldest first."""
        return [json.loads(note.read_text()) for note in sorted((self.folder / f"{name}.asked").iterdir())]

    def provider(self, name: str, *matching: str, seconds: float = 0, **more: Any) -> Provider:
        return Provider(
            name=name,
            program=self.folder / name,
            patterns=tuple(map(patterns.parse, matching or ("*.*",))),
            default_seconds=seconds,
            **more,
        )


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)
