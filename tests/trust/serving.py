"""TUF repositories behind a real server on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fakes.network import Authority
from tests.fakes.registry import FakeRegistry
from tests.fakes.replies import answering
from tests.fakes.tuf import FakeTuf
from webhook.config import RegistryConfig, network

LOOPBACK = network("127.0.0.0/8")


class TufServer(FakeRegistry):
    """Hands out the files of repositories at `/NAME/`; `replies` stand in front of them, as for any registry."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.authority = Authority()
        self.ca_file = folder / "tuf-ca.crt"
        self.ca_file.write_bytes(self.authority.pem)

    def url(self, name: str = "tuf") -> str:
        return f"{self.origin}/{name}"

    def hand_out(self, tuf: FakeTuf, name: str = "tuf") -> None:
        """The files as they are now, and nothing that was handed out before."""
        for path in [path for path in self.replies if path.startswith(f"/{name}/")]:
            del self.replies[path]
        self.replies |= {f"/{name}/{path}": answering(200, data) for path, data in tuf.files.items()}

    @property
    def trusted(self) -> RegistryConfig:
        """Flags with which it may be asked."""
        return RegistryConfig(ca_files=((self.host, self.ca_file),), allow_addresses=(LOOPBACK,))

    @property
    def flags(self) -> tuple[str, ...]:
        """The same on a command line."""
        return ("--registry-ca", f"{self.host}={self.ca_file}", "--allow-address", str(LOOPBACK))


@asynccontextmanager
async def tuf_server(folder: Path) -> AsyncIterator[TufServer]:
    """A server that speaks TLS with a certificate of an authority of its own."""
    server = TufServer(folder)
    await server.start(server.authority.context("127.0.0.1"))
    try:
        yield server
    finally:
        await server.stop()
