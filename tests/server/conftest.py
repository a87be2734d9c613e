"""Everything runs on asyncio's own event loop and on uvloop, which the program uses."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
import uvloop

from tests.server.serving import Pki


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def pki(authority: trustme.CA, tmp_path: Path) -> Pki:
    pki = Pki(authority, tmp_path)
    pki.write(authority.issue_cert("localhost", common_name="first"))
    return pki
