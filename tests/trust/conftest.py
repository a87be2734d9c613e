"""A repository behind a server, a registry with a signed image, and a client in memory."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes import sigstore
from tests.fakes.documents import BUNDLE, Layer
from tests.fakes.registry import FakeRegistry
from tests.fakes.tuf import FakeTuf
from tests.trust.repository import Client
from tests.trust.scenario import OURS, TARGET
from tests.trust.serving import TufServer, tuf_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TufServer]:
    async with tuf_server(tmp_path) as server:
        yield server


@pytest.fixture
async def registry() -> AsyncIterator[FakeRegistry]:
    """A registry with a keyless signature of an image."""
    async with FakeRegistry() as registry:
        bundle = sigstore.signature().content
        registry.put_referrer("app", sigstore.DIGEST, [Layer(bundle, media_type=BUNDLE)])
        yield registry


@pytest.fixture
def tuf() -> FakeTuf:
    return FakeTuf(datetime.now(UTC), {TARGET: OURS})


@pytest.fixture
def client() -> Client:
    return Client()
