import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tests.fakes.images import key, pem
from webhook.cli import main
from webhook.cli.demo import scenario
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import Images


class Shop:
    """A registry on loopback in a thread of its own, with the demonstration's images, and the key that signed them."""

    def __init__(self) -> None:
        self.key: EllipticCurvePrivateKey = key()
        self.stranger: EllipticCurvePrivateKey = key()
        self.registry = DemoRegistry()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._run(self.registry.start())
        self.images: Images = scenario.push_images(self.registry, self.key, self.stranger)

    @property
    def host(self) -> str:
        return self.registry.host

    def stop(self) -> None:
        self._run(self.registry.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.stop()


@pytest.fixture
def policies(shop: Shop, tmp_path: Path) -> str:
    """The demonstration's policies, in a file."""
    path = tmp_path / "policies.yaml"
    path.write_text(scenario.policies(shop.host, shop.key))
    return str(path)


@pytest.fixture
def key_file(shop: Shop, tmp_path: Path) -> str:
    path = tmp_path / "release.pub"
    path.write_text(pem(shop.key))
    return str(path)


def run(*arguments: str, stdin: str | None = None, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, env=env)


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found
