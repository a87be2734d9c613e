"""PostgreSQL, for what keeps its state in it: no Go tool, so a machine has it or has not."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.system.processes import running

_SECONDS: Final = 60
_SUPERUSER: Final = "trillian"
_DATABASE: Final = "postgres"  # the one that is there from the start
_SOCKET: Final = ".s.PGSQL.5432"
_INITDB: Final = ("--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8")
_UNSAFE: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")  # nobody needs the data after a crash


class PostgresqlMissing(Exception):  # noqa: N818  it names what is the case, and tests skip on it
    """There is no PostgreSQL on this machine; the message says which program is not there."""


@dataclass(frozen=True, slots=True)
class Database:
    """A running database that listens on a Unix socket alone, which lies in `folder`."""

    folder: Path

    @property
    def uri(self) -> str:
        """As libpq and its peers read it."""
        return f"postgresql:///{_DATABASE}?host={self.folder}&user={_SUPERUSER}"

    def load(self, script: Path) -> None:
        """Run the statements of a file. Raises `CalledProcessError`."""
        psql: list[str | Path] = [
            _program("psql"),
            self.uri,
            "--quiet",
            "--no-psqlrc",
            "--set=ON_ERROR_STOP=1",
            f"--file={script}",
        ]
        subprocess.run(psql, check=True, capture_output=True, timeout=_SECONDS)


@contextmanager
def postgresql(folder: Path) -> Iterator[Database]:
    """A database for the time of the block; its log lies in `folder`.

    Its files lie in a folder of their own: PostgreSQL does not run as root, and other users cannot look into folders
    of root's tests.

    Raises:
        PostgresqlMissing: there is none to run.
    """
    initdb, postgres = _program("initdb"), _program("postgres")
    with tempfile.TemporaryDirectory(prefix="tidewaiter-") as scratch:
        own = Path(scratch)
        as_user = _unprivileged(own)
        data = own / "data"
        init: list[str | Path] = [*as_user, initdb, f"--pgdata={data}", f"--username={_SUPERUSER}", *_INITDB]
        subprocess.run(init, cwd=own, check=True, capture_output=True, timeout=_SECONDS)
        settings = ("listen_addresses=", f"unix_socket_directories={own}", *_UNSAFE)
        command = [*as_user, postgres, "-D", data, *(part for one in settings for part in ("-c", one))]
        with running(command, folder / "postgresql.log", lambda: _listens(own / _SOCKET)):
            yield Database(own)


def why_missing() -> str:
    """Why there is no PostgreSQL to run, "" if there is."""
    try:
        for name in ("initdb", "postgres", "psql"):
            _program(name)
    except PostgresqlMissing as missing:
        return str(missing)
    return ""


def _program(name: str) -> Path:
    """The path of one of its programs; distributions keep most of them away from `PATH`."""
    found = shutil.which(name)
    installed = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not installed:
        raise PostgresqlMissing(f"there is no {name} on this machine; Trillian keeps its log in PostgreSQL")
    return installed[-1]


def _unprivileged(folder: Path) -> list[str | Path]:
    """What stands before a command so that it does not run as root, to whom `folder` then does not belong."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
