"""A TUF repository in memory, signed with keys of its own, that a test may turn in any direction.

    tuf = FakeTuf(clock.now(), {"trusted_root.json": b"…"})
    tuf.publish({"trusted_root.json": b"newer"})        # new targets, snapshot and timestamp
    tuf.rotate("timestamp")                             # a new root, by which another key signs this role
    tuf.files["timestamp.json"] = before["timestamp.json"]

`root` is the first root, by which a client knows it. `versions` are the latest by role, `lives` how long what is signed
next will hold. `files` are what its server hands out, by path; a test may keep,
replace and remove them. `FakeWeb` hands them to a client without any server.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from securesystemslib.signer._crypto_signer import CryptoSigner
from tuf.api._payload import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Metadata

from webhook.errors import RegistryResponseError, RegistryUnavailableError

LIVES = {"root": 365, "targets": 100, "snapshot": 30, "timestamp": 7}
"""Days that each role's metadata holds."""


class FakeTuf:
    """See the module."""

    def __init__(self, now: datetime, targets: Mapping[str, bytes], *, consistent: bool = True) -> None:
        self.now = now
        self.files: dict[str, bytes] = {}
        self.lives = {role: timedelta(days=days) for role, days in LIVES.items()}
        self.signers = {role: CryptoSigner.generate_ed25519() for role in LIVES}
        self._consistent = consistent
        self.versions = dict.fromkeys(LIVES, 0)
        self._former: CryptoSigner | None = None
        self._sign_root()
        self.root = self.files["1.root.json"]
        self.publish(targets)

    def end(self, role: str) -> datetime:
        """When metadata that is signed now ends."""
        return (self.now + self.lives[role]).replace(microsecond=0)

    def rotate(self, role: str) -> None:
        """A new root, signed by the old and the new one's key, in which `role` has another key."""
        self._former = self.signers["root"]
        self.signers[role] = CryptoSigner.generate_ed25519()
        self._sign_root()

    def publish(self, targets: Mapping[str, bytes], *, listed: Mapping[str, bytes] | None = None) -> None:
        """New targets, and all that vouches for them. `listed` are what the metadata speaks of instead of them."""
        entries = {path: TargetFile.from_data(path, data) for path, data in (listed or targets).items()}
        for path, data in targets.items():
            self.files[f"targets/{path}"] = data
            if self._consistent and path in entries:
                self.files[f"targets/{entries[path].get_prefixed_paths()[0]}"] = data
        self.sign_targets(Targets(expires=self.end("targets"), targets=entries))

    def sign_targets(self, targets: Targets) -> None:
        """Have these targets published."""
        data = self._sign("targets", targets)
        meta = {"targets.json": MetaFile.from_data(targets.version, data, ["sha256"])}
        self.sign_snapshot(Snapshot(expires=self.end("snapshot"), meta=meta))

    def sign_snapshot(self, snapshot: Snapshot) -> None:
        """Have this snapshot published."""
        data = self._sign("snapshot", snapshot)
        meta = MetaFile.from_data(snapshot.version, data, ["sha256"])
        self.sign_timestamp(Timestamp(expires=self.end("timestamp"), snapshot_meta=meta))

    def sign_timestamp(self, timestamp: Timestamp) -> None:
        """Have this timestamp published."""
        self._sign("timestamp", timestamp)

    def sign_again(self) -> None:
        """A new timestamp of the same snapshot: what a repository does each day."""
        self.sign_timestamp(Timestamp(expires=self.end("timestamp"), snapshot_meta=self._snapshot_meta()))

    def _snapshot_meta(self) -> MetaFile:
        timestamp: Metadata[Any] = Metadata.from_bytes(self.files["timestamp.json"])
        meta: MetaFile = timestamp.signed.snapshot_meta
        return meta

    def _sign_root(self) -> None:
        root = Root(expires=self.end("root"), consistent_snapshot=self._consistent)
        for role, signer in self.signers.items():
            root.add_key(signer.public_key, role)
        self._sign("root", root)

    def _sign(self, role: str, signed: Any) -> bytes:
        self.versions[role] = signed.version = self.versions[role] + 1
        metadata: Metadata[Any] = Metadata(signed)
        metadata.sign(self.signers[role])
        if role == "root" and self._former is not None:
            metadata.sign(self._former, append=True)
        data = metadata.to_bytes()
        if role == "root" or (role != "timestamp" and self._consistent):
            self.files[f"{signed.version}.{role}.json"] = data
        else:
            self.files[f"{role}.json"] = data
        return data


class FakeWeb:
    """Fills `webhook.trust.web.Web` with the files of repositories by their URL, and knows nothing else.

    `asked` are the paths below such a URL; `error` is raised in place of an answer, the connection breaks
    after so many answers, and `gate` holds up all of them.
    """

    def __init__(self, repositories: Mapping[str, FakeTuf]) -> None:
        self._repositories = repositories
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.breaks_after: int | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, url: str, ceiling: int) -> bytes | None:
        [(base, tuf)] = [each for each in self._repositories.items() if url.startswith(f"{each[0]}/")]
        path = url.removeprefix(f"{base}/")
        self.asked.append(path)
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if self.breaks_after is not None and len(self.asked) > self.breaks_after:
            raise RegistryUnavailableError("the connection broke")
        data = tuf.files.get(path)
        if data is not None and len(data) > ceiling:
            raise RegistryResponseError(f"tuf.example.com answered with more than {ceiling} bytes")
        return data
