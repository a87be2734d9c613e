"""The policies of the cluster: ClusterPodPolicies and TrustRoots, watched by each replica for itself.

Until both kinds were listed, and again when nothing was heard for too long, the set says that everything is denied. In
between, what was known last holds, however often the API server is away.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from webhook.clock import Clock
from webhook.errors import ConfigurationError
from webhook.kube.connection import Connection
from webhook.kube.key_secrets import KeySecrets
from webhook.kube.watching import NEVER, Tries, Watched, backoff
from webhook.policy.book import Book
from webhook.policy.resources import Compiled, Compiler, secret_names
from webhook.policy.unusable import unread

SECRETS_SECONDS = 60.0
"""How long a changed Secret may go unseen, as kubelet lets a mounted one."""

NOT_READ = "policies were not read"

_log = logging.getLogger(__name__)


class ClusterPolicies:
    """Fills `webhook.admission.ports.Policies`.

    `trust_roots` are names that policies may use beside those of TrustRoots. `namespace` is where the Secrets lie whose
    keys policies name; None: they may name none. After `max_staleness` seconds without a word of the API server what it
    said before counts no more.
    """

    def __init__(
        self,
        clock: Clock,
        kubeconfig: Path | None = None,
        *,
        trust_roots: Collection[str] = (),
        namespace: str | None = None,
        max_staleness: float = 3600.0,
        secrets_seconds: float = SECRETS_SECONDS,
        tries: Tries = backoff,
    ) -> None:
        self._clock = clock
        self._connection = Connection(kubeconfig)
        self._max_staleness = max_staleness
        self._secrets_seconds = secrets_seconds
        self._tries = tries
        self._changed = asyncio.Event()
        self._watched = tuple(
            Watched(self._connection, plural, clock, self._changed.set, tries)
            for plural in ("clusterpodpolicies", "trustroots")
        )
        self._secrets = KeySecrets(self._connection, namespace, clock, max_staleness)
        self._compiler = Compiler(trust_roots)
        self._compiled: Compiled | None = None
        self._never = self._stale = unread(f"{NOT_READ}, or could not be understood")
        self._stale_since = ""

    def current(self) -> Book:
        """The policies in force."""
        if self._compiled is None:
            return self._never
        return self._compiled.book if self.age <= self._max_staleness else self._outdated()

    @property
    def age(self) -> float:
        """Seconds since the API server was heard about both kinds, endless before it was."""
        policies, trust_roots = self._watched
        return self._clock.monotonic() - min(policies.heard, trust_roots.heard)

    def unready(self, generation: str) -> str | None:
        """Why reviews cannot be answered by the policies of this generation; None where they can."""
        if generation != self._never.generation:
            return None
        faults = [each.fault for each in self._watched if each.heard == NEVER]
        return f"{NOT_READ}: {faults[0]}" if faults else "policies are about to come into force"

    def _outdated(self) -> Book:
        since = self._clock.now() - timedelta(seconds=self.age)
        text = f"{since:%Y-%m-%dT%H:%MZ}"
        if text != self._stale_since:
            self._stale_since, self._stale = text, unread(f"policies could not be read since {text}")
            _log.error("policies could not be read since %s, everything is denied", text)
        return self._stale

    async def connect(self) -> None:
        """Load the client and its credentials. Raises `ConfigurationError` where there are none."""
        try:
            await self._connection.core()
        except Exception as error:  # whatever the client raises, there is nobody to ask
            raise ConfigurationError(
                f"no --policy is given, and there is no cluster to read policies from ({type(error).__name__})"
            ) from error

    @asynccontextmanager
    async def watching(self, on_change: Callable[[Compiled], None]) -> AsyncIterator[None]:
        """Kept up to date inside; `on_change` is told of each set that comes into force."""
        tasks = [asyncio.create_task(each.follow()) for each in self._watched]
        tasks.append(asyncio.create_task(self._follow(on_change)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._connection.close()

    async def _follow(self, on_change: Callable[[Compiled], None]) -> None:
        """Compile what changed, for ever. A failure that nobody foresaw must not leave old policies in force."""
        failures = 0
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tries(failures) if failures else self._secrets_seconds):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self._renew(on_change)
            except Exception:  # noqa: BLE001 - whatever it is, it must not be the last thing that is done
                failures += 1
                self._compiled = None
                _log.exception("policies could not be compiled, everything is denied")
            else:
                failures = 0

    async def _renew(self, on_change: Callable[[Compiled], None]) -> None:
        if any(each.heard == NEVER for each in self._watched):
            return
        compiled = await self._compile()
        if self._compiled is None or _differ(compiled, self._compiled):
            self._compiled = compiled
            on_change(compiled)

    async def _compile(self) -> Compiled:
        policies, trust_roots = (dict(each.objects) for each in self._watched)
        secrets = await self._secrets.read(name for each in policies.values() for name in secret_names(each))
        return await asyncio.to_thread(self._compiler.compiled, policies, trust_roots, secrets)


def _differ(one: Compiled, other: Compiled) -> bool:
    return one.book.generation != other.book.generation or one.faults != other.faults
