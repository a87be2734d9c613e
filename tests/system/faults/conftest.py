from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from tests.system.faults.registry import TroubledRegistry
from tests.system.faults.replicas import Start, replicas


@pytest.fixture
def start(tmp_path: Path, ca: trustme.CA) -> Iterator[Start]:
    with replicas(tmp_path, ca) as start:
        yield start


@pytest.fixture
async def registry() -> AsyncIterator[TroubledRegistry]:
    async with TroubledRegistry() as registry:
        yield registry


@pytest.fixture
async def other() -> AsyncIterator[TroubledRegistry]:
    """A registry that nothing is wrong with."""
    async with TroubledRegistry() as registry:
        yield registry
