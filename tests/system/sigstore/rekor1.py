"""Rekor v1 as it is run in production: Trillian's log server and log signer beside it, their tree in PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.system.processes import free_port, running
from tests.system.program import get
from tests.system.sigstore.postgresql import postgresql
from tests.system.sigstore.services import Service
from tests.system.tools import source, tool


@contextmanager
def rekor1(folder: Path) -> Iterator[Service]:
    """Rekor v1, without its search index. Logs lie in `folder`, an existing one.

    Its metrics want port 2112 and go without; the timestamp server does not, and must be started before.

    Raises:
        PostgresqlMissing: there is no PostgreSQL to run.
    """
    schema = source("trillian-log-server", "github.com/google/trillian") / "storage/postgresql/schema/storage.sql"
    with postgresql(folder) as database:
        database.load(schema)
        with _trillian(folder, database.uri) as port, _rekor(folder, port) as service:
            yield service


@contextmanager
def _trillian(folder: Path, database: str) -> Iterator[int]:
    """Log server and log signer; the port of the server's RPCs. They would take their time to end: 5 s and 10 s."""
    ports = [free_port() for _ in range(4)]
    common = ("--logtostderr", "--storage_system=postgresql", f"--postgresql_uri={database}", "--quota_system=noop")
    server: list[str | Path] = [tool("trillian-log-server"), *common, *_endpoints(*ports[:2])]
    signer: list[str | Path] = [tool("trillian-log-signer"), *common, *_endpoints(*ports[2:])]
    alone = ("--force_master", "--sequencer_interval=50ms")
    with (
        running(server, folder / "trillian-log-server.log", lambda: _healthy(ports[1]), patience=0),
        running([*signer, *alone], folder / "trillian-log-signer.log", lambda: _healthy(ports[3]), patience=0),
    ):
        yield ports[0]


def _endpoints(rpc: int, http: int) -> tuple[str, str]:
    return f"--rpc_endpoint=127.0.0.1:{rpc}", f"--http_endpoint=127.0.0.1:{http}"


def _healthy(port: int) -> bool:
    return get(f"http://127.0.0.1:{port}/healthz")[0] == 200


@contextmanager
def _rekor(folder: Path, trillian: int) -> Iterator[Service]:
    port = free_port()
    command: list[str | Path] = [
        tool("rekor1"),
        "serve",
        *("--trillian_log_server.address=127.0.0.1", f"--trillian_log_server.port={trillian}"),
        *("--rekor_server.address=127.0.0.1", f"--port={port}", "--rekor_server.hostname=127.0.0.1"),
        "--rekor_server.signer=memory",
        "--enable_retrieve_api=false",
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "rekor1.log", lambda: get(f"{url}/api/v1/log")[0] == 200):
        key = folder / "rekor1.pub"
        key.write_text(get(f"{url}/api/v1/log/publicKey")[1], encoding="ascii")
        yield Service(url, key)
