"""The client of TUF repositories: The Update Framework's specification 1.0, section 5, "Detailed client workflow".

What may be trusted is python-tuf's to decide (`TrustedMetadataSet`: bytes in, trusted objects out): signatures and
thresholds, versions that may not go back, hashes, ends of validity. Here is the order in which files are asked for, a
ceiling on each, and what was trusted before. python-tuf's own `Updater` would do that too, but in files: this program
has no file system that it may write to, nor the wish to trust one. After a restart, what is older than the embedded
root allows is refused by its end of validity alone, as in any fresh client.

Delegations are not followed: what Sigstore's repositories hold is named in the top-level targets.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

from tuf.api.exceptions import EqualVersionNumberError, RepositoryError
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType, UpdaterConfig

from webhook.policy.trust_roots import TufRepository
from webhook.signatures.candidate import printable
from webhook.trust import built_in
from webhook.trust.errors import UnusableError
from webhook.trust.web import Web

CEILINGS: Final = UpdaterConfig()
"""python-tuf's own: 512,000 bytes of root metadata, 16 KiB, 2 MB and 5 MB of the other roles', 256 new roots."""

TIMESTAMP, SNAPSHOT, TARGETS, TARGET = "timestamp", "snapshot", "targets", "target"
ROLES: Final = ("root", TIMESTAMP, SNAPSHOT, TARGETS)
"""Those that vouch for a target."""

MAX_TARGET_BYTES: Final = 1 << 20
"""Of a trusted_root.json; Sigstore's own has 7 KB."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A target, and until when it is vouched for: the earliest end among the roles whose metadata led to it."""

    content: bytes
    expires: datetime


class Repository:
    """One repository, and the newest of its metadata that was trusted: nothing older is trusted any more.

    `host` is its server's, with the port, for messages. Verification runs in threads. One `fetch` at a time.
    Raises `UnusableError` if the root metadata cannot be used.
    """

    def __init__(self, source: TufRepository, ceilings: UpdaterConfig = CEILINGS) -> None:
        self._ceilings = ceilings
        self.host = urlsplit(source.url).netloc.rpartition("@")[2]
        self._url = f"{source.url.rstrip('/')}/"
        self._target = source.target
        self._root = source.root or built_in.tuf_root()
        self._known: dict[str, bytes] = {}
        try:
            TrustedMetadataSet(self._root, EnvelopeType.METADATA)
        except RepositoryError as error:
            raise UnusableError(f"its root metadata cannot be used: {_reason(error)}") from error

    async def fetch(self, web: Web, now: datetime) -> Fetched:
        """The target as it is now. Raises `UnusableError`, or `NotFoundOutError` where the server cannot be asked."""
        try:
            trusted = await asyncio.to_thread(TrustedMetadataSet, self._root, EnvelopeType.METADATA)
            trusted.reference_time = now
            await self._update_root(trusted, web)
            await self._update_timestamp(trusted, web)
            await self._update_snapshot(trusted, web)
            await self._update_targets(trusted, web)
            content = await self._fetch_target(trusted, web)
        except RepositoryError as error:
            raise UnusableError(_reason(error)) from error
        return Fetched(content, min(trusted[role].expires for role in ROLES))

    async def _update_root(self, trusted: TrustedMetadataSet, web: Web) -> None:
        """Each next root in turn, as far as there is one (5.3)."""
        for _ in range(self._ceilings.max_root_rotations):
            url = f"{self._url}{trusted.root.version + 1}.root.json"
            data = await web.get(url, self._ceilings.root_max_length)
            if data is None:
                break
            await asyncio.to_thread(trusted.update_root, data)
            self._root = data

    async def _update_timestamp(self, trusted: TrustedMetadataSet, web: Web) -> None:
        """The timestamp, not older than the one before (5.4). One of the same version is as good as the one before."""
        await self._recall(TIMESTAMP, trusted.update_timestamp)
        data = await self._get(web, f"{self._url}timestamp.json", self._ceilings.timestamp_max_length)
        try:
            await asyncio.to_thread(trusted.update_timestamp, data)
        except EqualVersionNumberError:
            return
        self._known[TIMESTAMP] = data

    async def _update_snapshot(self, trusted: TrustedMetadataSet, web: Web) -> None:
        """The snapshot that the timestamp names (5.5)."""
        if await self._recall(SNAPSHOT, partial(trusted.update_snapshot, trusted=True)):
            return
        meta = trusted.timestamp.snapshot_meta
        url = self._url_of(trusted, SNAPSHOT, meta.version)
        data = await self._get(web, url, _ceiling(meta.length, self._ceilings.snapshot_max_length))
        await asyncio.to_thread(trusted.update_snapshot, data)
        self._known[SNAPSHOT] = data

    async def _update_targets(self, trusted: TrustedMetadataSet, web: Web) -> None:
        """The top-level targets that the snapshot names (5.6)."""
        if await self._recall(TARGETS, trusted.update_targets):
            return
        meta = trusted.snapshot.meta.get(f"{TARGETS}.json")
        if meta is None:
            raise UnusableError("its snapshot does not name the targets")
        url = self._url_of(trusted, TARGETS, meta.version)
        data = await self._get(web, url, _ceiling(meta.length, self._ceilings.targets_max_length))
        await asyncio.to_thread(trusted.update_targets, data)
        self._known[TARGETS] = data

    async def _fetch_target(self, trusted: TrustedMetadataSet, web: Web) -> bytes:
        """The target itself (5.7), asked for only where it is another one than before."""
        target = trusted.targets.targets.get(self._target)
        if target is None:
            raise UnusableError(f'its targets do not name "{printable(self._target)}"')
        if target.length > MAX_TARGET_BYTES:
            raise UnusableError(f"the target has more than {MAX_TARGET_BYTES} bytes")
        if not await self._recall(TARGET, target.verify_length_and_hashes):
            path = target.get_prefixed_paths()[0] if trusted.root.consistent_snapshot else target.path
            data = await self._get(web, f"{self._url}targets/{quote(path)}", target.length)
            target.verify_length_and_hashes(data)
            self._known[TARGET] = data
        return self._known[TARGET]

    async def _recall(self, role: str, accept: Callable[[bytes], object]) -> bool:
        """Have what was trusted before accepted again; False if there is none, or it is not the current one any more.

        Even then `TrustedMetadataSet` keeps it in mind, and takes nothing that is older.
        """
        data = self._known.get(role)
        if data is None:
            return False
        try:
            await asyncio.to_thread(accept, data)
        except RepositoryError:
            return False
        return True

    def _url_of(self, trusted: TrustedMetadataSet, role: str, version: int) -> str:
        return f"{self._url}{version}.{role}.json" if trusted.root.consistent_snapshot else f"{self._url}{role}.json"

    async def _get(self, web: Web, url: str, ceiling: int) -> bytes:
        data = await web.get(url, ceiling)
        if data is None:
            raise UnusableError(f"there is no {url.removeprefix(self._url)}")
        return data


def _ceiling(length: int | None, most: int) -> int:
    return most if length is None else min(length, most)


def _reason(error: RepositoryError) -> str:
    """What python-tuf says; it may quote what the server wrote."""
    return printable(str(error))
