"""One trust root as it is held: read from its source, and perhaps fetched anew from a repository."""

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from webhook.clock import Clock
from webhook.policy.trust_roots import TrustRootSource
from webhook.signatures.authorities import PUBLIC_GOOD
from webhook.signatures.trust import TrustRoot
from webhook.trust.errors import UnusableError
from webhook.trust.web import Web

if TYPE_CHECKING:
    from webhook.signatures.proofs.trust_root import TrustRoot as ParsedRoot
    from webhook.trust.tuf import Repository

BUILT_IN: Final = TrustRootSource(PUBLIC_GOOD, None, None)
"""Stands for the copy that sigstore-python brings, which is read only where it is needed."""

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False, kw_only=True)
class Held:
    """What a source gave last; `fault` says why it gave nothing.

    With a `repository` it is fetched anew when it is `due`, by the monotonic clock. What is `lasting` was there from
    the beginning and has no end, nor has what is fetched in its place: no older copy would be better.
    """

    source: TrustRootSource
    root: "ParsedRoot | None" = None
    content: bytes = b""
    lasting: bool = False
    fault: str = ""
    repository: "Repository | None" = None
    vouched_until: datetime | None = None
    due: float = 0.0
    failures: int = 0

    def __str__(self) -> str:
        """For the log: which it is, and where it comes from."""
        origin = "built in" if self.source == BUILT_IN else self.host or "given"
        which = self.root.fingerprint if self.root else self.fault or "to be fetched"
        return f"{self.name} ({origin}): {which}"

    @property
    def name(self) -> str:
        """Its name."""
        return self.source.name

    @property
    def host(self) -> str:
        """Where it is fetched from, nothing if it is not."""
        return self.repository.host if self.repository else ""

    def usable(self, clock: Clock) -> TrustRoot | None:
        """The root, if there is one and its time is not over."""
        root = self.root
        return None if root is None or (root.expires is not None and root.expires <= clock.now()) else root

    def life(self, clock: Clock) -> float:
        """Seconds for which what was fetched last is still vouched for."""
        return 0.0 if self.vouched_until is None else (self.vouched_until - clock.now()).total_seconds()

    def tell_faults(self) -> None:
        """Have the log say what is wrong with it."""
        if self.fault:
            _log.error("trust root %s cannot be used: %s", self.name, self.fault)
        for each in self.root.passed_over if self.root else ():
            _log.warning("trust root %s: %s", self.name, each)

    async def fetch(self, repository: "Repository", web: Web, clock: Clock) -> None:
        """Ask its repository, and hold what that has. Raises `UnusableError` and `NotFoundOutError`."""
        fetched = await repository.fetch(web, clock.now())
        root = self.root
        if root is None or fetched.content != self.content:
            root = await asyncio.to_thread(_parsed, fetched.content)
        self.root = replace(root, expires=None if self.lasting else fetched.expires)
        self.content, self.vouched_until = fetched.content, fetched.expires


def load(source: TrustRootSource, *, refresh_public_good: bool) -> Held:
    """What a source holds; a repository that it names is not asked. For a thread."""
    held = Held(source=source)
    try:
        if source == BUILT_IN:
            source = _public_good(refreshed=refresh_public_good)
        if source.content is not None:
            held.root, held.content, held.lasting = _parsed(source.content), source.content, True
        if source.tuf is not None:
            from webhook.trust.tuf import Repository  # noqa: PLC0415 - python-tuf is for those who need it

            held.repository = Repository(source.tuf)
    except UnusableError as error:
        held.fault = str(error)
    return held


def _public_good(*, refreshed: bool) -> TrustRootSource:
    from webhook.trust.built_in import public_good  # noqa: PLC0415 - sigstore-python is for those who need it

    return public_good(refreshed=refreshed)


def _parsed(content: bytes) -> "ParsedRoot":
    from webhook.signatures.proofs import trust_root  # noqa: PLC0415 - this alone takes 0.3 s and 30 MiB

    try:
        return trust_root.TrustRoot.parse(content)
    except trust_root.TrustRootError as error:
        raise UnusableError(str(error)) from error
