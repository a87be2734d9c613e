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
from webhook.controller.ports import Cluster
from webhook.controller.resources import POLICIES, TRUST_ROOTS
from webhook.controller.status import Status, statuses, written
from webhook.errors import ClusterError
from webhook.kube.cluster import Kind, Object
from webhook.kube.watching import MAX_OBJECTS, Tries, UnreadError, backoff
from webhook.policy.book import Book
from webhook.policy.resources import Compiled, Compiler, secret_names
from webhook.policy.unusable import unread
from webhook.verdict import Mode

MANAGER = "tidewaiter-controller"

SETTLE_SECONDS = 0.3
"""What changes within this time is looked at together."""

AGAIN_SECONDS = 60.0
"""How long a changed Secret, or an event that was missed, may go unseen."""

WRITE_SECONDS = 0.1
"""Between writes, so that ten thousand policies are no burden to the API server."""

_NOT_FOUND, _CONFLICT = 404, 409

_log = logging.getLogger(__name__)


class Secrets(Protocol):
    """Where keys come from that policies name; filled by `webhook.kube.key_secrets.KeySecrets`."""

    async def read(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], bytes | str]:
        """What the Secrets have under the keys, by both names: the content, or why there is none. Never raises."""
        ...


class Observer(Protocol):
    """Is told what becomes of statuses, for metrics."""

    def policies_seen(self, policies: int, unusable: int) -> None:
        """How many resources there are, and how many of them cannot be used."""
        ...

    def status_written(self, result: str) -> None:
        """A status was written: "success", or "failure"."""
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
        self._settle, self._again, self._pause = seconds
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

        Raises `ClusterError` where the resources cannot be listed.
        """
        self._changed.clear()
        policies, trust_roots = await self._listed(POLICIES), await self._listed(TRUST_ROOTS)
        secrets = await self._secrets.read(name for each in policies.values() for name in secret_names(each))
        specs = self._kept(POLICIES, policies), self._kept(TRUST_ROOTS, trust_roots)
        self._known = {
            (kind, n): o for kind, each in zip((POLICIES, TRUST_ROOTS), specs, strict=True) for n, o in each.items()
        }
        compiled = await asyncio.to_thread(self._compiler.compiled, *specs, secrets)
        before, self._book = self._book, compiled.book
        if compiled.book.generation != before.generation:
            self.on_change(compiled)
        wanted = statuses(compiled, policies, trust_roots, self._scan, self._clock.now(), self._cap)
        self._observer.policies_seen(len(wanted), sum(_unusable(each) for each in wanted.values()))
        done = True
        for kind, found in ((POLICIES, policies), (TRUST_ROOTS, trust_roots)):
            for name, resource in found.items():
                status = wanted[kind.kind, name]
                if status != written(resource):
                    done = await self._write(kind, resource, status) and done
                    await asyncio.sleep(self._pause)
        return done

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

    async def _write(self, kind: Kind, resource: Object, status: Status) -> bool:
        """Whether it is done: a resource that is gone by now needs no status."""
        metadata = {key: resource["metadata"][key] for key in ("name", "uid")}
        document = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "status": status}
        try:
            await self._cluster.apply(kind, document, manager=MANAGER, subresource="status", force=True)
        except ClusterError as error:
            if error.status == _NOT_FOUND:
                return True
            self._observer.status_written("failure")
            if error.status != _CONFLICT:
                _log.warning("the status of %s %s could not be written: %s", kind.kind, metadata["name"], error)
            return False
        self._observer.status_written("success")
        return True


def _spec_of(resource: Mapping[str, Any]) -> tuple[Any, Any]:
    """The same as long as the spec is."""
    metadata = resource["metadata"]
    return metadata.get("uid"), metadata.get("generation")


def _unusable(status: Status) -> bool:
    return bool(status["conditions"][0]["status"] == "False")
