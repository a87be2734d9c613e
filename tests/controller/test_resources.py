"""Kopf, as it is set up: what it may write, and when it is started again."""

import asyncio
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from webhook.controller import resources
from webhook.controller.resources import POLICIES, TRUST_ROOTS, ResourceEvents
from webhook.errors import ClusterError
from webhook.kube.credentials import Credentials

FOLDER = Path(__file__).parents[2]
NOWHERE = Credentials("http://127.0.0.1:9", None, None, None, "Bearer", "hidden-token", insecure=False)


@pytest.mark.parametrize("entry", ["webhook.cli", "webhook.server.program"])
def test_nobody_but_the_controller_loads_kopf(entry: str) -> None:
    code = f"import sys, {entry}; print([n for n in sys.modules if n.startswith(('kopf', 'webhook.controller'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER)
    assert done.stdout.strip() == "[]"


def test_the_controller_loads_kopf_only_when_it_watches() -> None:
    code = "import sys, webhook.controller.program; print('kopf' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER)
    assert done.stdout.strip() == "False"


def test_kopf_is_told_to_write_nothing() -> None:
    made = resources.settings(importlib.import_module("kopf"))
    assert not made.posting.enabled
    assert made.scanning.disabled
    assert made.persistence.finalizer == "tidewaiter.dev/on-no-object"
    assert made.process.ultimate_exiting_timeout is None


def test_credentials_do_not_tell_their_token() -> None:
    assert "hidden" not in f"{NOWHERE} {NOWHERE!r}"


class Asked:
    """Answers what kinds are served, and counts how often."""

    def __init__(self, *plurals: str, error: Exception | None = None) -> None:
        self.times = 0
        self.again = asyncio.Event()
        self._plurals = frozenset(plurals)
        self._error = error

    async def __call__(self) -> frozenset[str]:
        self.times += 1
        if self.times == 2:
            self.again.set()
        if self._error is not None:
            raise self._error
        return self._plurals


async def no_credentials() -> Credentials:
    raise OSError


async def watched(served: Asked) -> None:
    """Watch until it is asked again what there is."""
    events = ResourceEvents(served, no_credentials, lambda: None, tries=lambda _failures: 0.0)
    running = asyncio.create_task(events.run())
    await asyncio.wait_for(served.again.wait(), 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_kinds_that_are_not_there_are_asked_for_again() -> None:
    await watched(Asked(POLICIES.plural))
    await watched(Asked(error=ClusterError("away")))


async def test_kopf_that_ends_is_started_again() -> None:
    """It ends where nobody can log in."""
    await watched(Asked(POLICIES.plural, TRUST_ROOTS.plural))
