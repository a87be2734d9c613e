"""The policies of the cluster as the controller sees them: listed when something changed, compiled, and told of.

Whatever fails is tried again; what the API server has is always listed afresh, and never what was believed of it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from webhook.audit.results import Scan
from webhook.clock import Clock
from webhook.controller import status_writing
from webhook.controller.ports import Cluster
from webhook.controller.resources import POLICIES, TRUST_ROOTS
from webhook.controller.status import Status, statuses, written
from webhook.controller.status_writing import Due, StatusWriting
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object
from webhook.kube.watching import MAX_OBJECTS, Tries, UnreadError, backoff
from webhook.policy.book import Book
from webhook.policy.resources import Compiled, Compiler, Resources, secret_names
from webhook.policy.resources import Secrets as SecretContents
from webhook.policy.unusable import unread
from webhook.verdict import Mode

SETTLE_SECONDS = 0.3
"""What changes within this time is looked at together."""

AGAIN_SECONDS = 60.0
"""How long a changed Secret, or an event that was missed, may go unseen."""

WRITE_SECONDS = 0.1
"""Between writes, so that ten thousand policies are no burden to the API server."""

_NOT_FOUND = 404

_log = logging.getLogger(__name__)


class Secrets(Protocol):
    """Where keys come from that policies name; filled by `webhook.kube.key_secrets.KeySecrets`."""

    async def read(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes | str]:
        """What the Secrets have under the keys, by both names: the content, or why there is none. Never raises."""
        ...


class Observer(status_writing.Observer, Protocol):
    """Is told of resources too, for metrics."""

    def policies_seen(self, policies: int, unusable: int) -> None:
        """How many resources there are, and how many of them cannot be used."""
        ...


class PolicyStatuses:
    """Keeps the status of policies and trust roots true, for as long as `run` runs.

    Fills `webhook.admission.ports.Policies` beside that: the background audit judges by the same book. `on_change` is
    told of each new one. `seconds` are those between looks, in which nothing was said to have changed, and between
    writes.
    """

    def __init__(
        self,
        cluster: Cluster,
        secrets: Secrets,
        compiler: Compiler,
        clock: Clock,
        observer: Observer,
        *,
        cap: Mode = Mode.ENFORCE,
        tries: Tries = backoff,
        seconds: tuple[float, float, float] = (SETTLE_SECONDS, AGAIN_SECONDS, WRITE_SECONDS),
    ) -> None:
        self._cluster = cluster
        self._secrets = secrets
        self._compiler = compiler
        self._clock = clock
        self._observer = observer
        self._cap = cap
        self.on_change: Callable[[Compiled], None] = lambda _compiled: None
        self._tries = tries
        self._settle, self._again, pause = seconds
        self._writing = StatusWriting(cluster, clock, observer, pause)
        self._changed = asyncio.Event()
        self._known: dict[tuple[Kind, str], Object] = {}
        self._book = unread("policies were not read")
        self._scan: Scan | None = None

    def current(self) -> Book:
        """The policies as they were listed last; until then, one that denies everything."""
        return self._book

    def look(self) -> None:
        """Say that something changed."""
        self._changed.set()

    async def publish(self, scan: Scan) -> None:
        """Have a scan's counts written. One that did not see everything is not counted by."""
        if not scan.fault:
            self._scan = scan
            self._changed.set()

    async def run(self) -> None:
        """Look and write, for ever."""
        failures = 0
        while True:
            try:
                done = await self.settle()
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not be the last look
                done = False
                reason = error if isinstance(error, ClusterError | UnreadError) else type(error).__name__
                if not failures:
                    _log.warning("policies could not be looked at: %s", reason)
            failures = 0 if done else failures + 1
            await self._wait(self._tries(failures) if failures else self._again)

    async def settle(self) -> bool:
        """List, compile, and write what is not as it should be; False where something was refused and must be again.

        What there was no time for is written after the next look, which comes at once.

        Raises `ClusterError` where the resources cannot be listed.
        """
        self._changed.clear()
        policies, trust_roots = await self._listed(POLICIES), await self._listed(TRUST_ROOTS)
        secrets = await self._secrets.read(name for each in policies.values() for name in secret_names(each))
        specs = self._kept(POLICIES, policies), self._kept(TRUST_ROOTS, trust_roots)
        self._known = {
            (kind, n): o for kind, each in zip((POLICIES, TRUST_ROOTS), specs, strict=True) for n, o in each.items()
        }
        compiled = await asyncio.to_thread(self._compiled, *specs, secrets)
        before, self._book = self._book, compiled.book
        if compiled.book.generation != before.generation:
            self.on_change(compiled)
        due, unusable = await asyncio.to_thread(self._due, compiled, policies, trust_roots)
        self._observer.policies_seen(len(policies) + len(trust_roots), unusable)
        done = await self._writing.write(due)
        if done and self._writing.left:
            self._changed.set()
        return done

    def _compiled(self, policies: Resources, trust_roots: Resources, secrets: SecretContents) -> Compiled:
        """Off the loop, with all that takes time: the Lease is renewed meanwhile."""
        compiled = self._compiler.compiled(policies, trust_roots, secrets)
        _ = compiled.book.generation
        return compiled

    def _due(
        self, compiled: Compiled, policies: dict[str, Object], trust_roots: dict[str, Object]
    ) -> tuple[list[Due], int]:
        """The statuses that are not as they should be, and how many resources are unusable; off the loop too."""
        wanted = statuses(compiled, policies, trust_roots, self._scan, self._clock.now(), self._cap)
        every = [
            Due(kind, resource, wanted[kind.kind, name])
            for kind, found in ((POLICIES, policies), (TRUST_ROOTS, trust_roots))
            for name, resource in found.items()
        ]
        unusable = sum(_unusable(each.status) for each in every)
        return [each for each in every if each.status != written(each.resource)], unusable

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
                await asyncio.sleep(self._settle)

    async def _listed(self, kind: Kind) -> dict[str, Object]:
        """By name. A kind that is not there has none."""
        found: dict[str, Object] = {}
        try:
            async for page in self._cluster.pages(kind):
                found |= {each["metadata"]["name"]: each for each in page}
                if len(found) > MAX_OBJECTS:
                    raise UnreadError(f"there are more than {MAX_OBJECTS} {kind.plural}")
        except ClusterError as error:
            if error.status != _NOT_FOUND:
                raise
        return found

    def _kept(self, kind: Kind, listed: Mapping[str, Object]) -> dict[str, Object]:
        """The same, with the objects of last time where the spec is that one: the compiler knows them again."""
        kept: dict[str, Object] = {}
        for name, resource in listed.items():
            before = self._known.get((kind, name))
            kept[name] = before if before is not None and _spec_of(before) == _spec_of(resource) else resource
        return kept


def _spec_of(resource: Mapping[str, Any]) -> tuple[Any, Any]:
    """The same as long as the spec is."""
    metadata = resource["metadata"]
    return metadata.get("uid"), metadata.get("generation")


def _unusable(status: Status) -> bool:
    return bool(status["conditions"][0]["status"] == "False")
