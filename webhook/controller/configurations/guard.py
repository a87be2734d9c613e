"""Looks at the webhook configurations again and again: says what drifted, and mends it where that is wanted.

Three things are never done. A configuration that is not there is never made: deleting it is how an administrator gets
out of an emergency. One whose stamp is another than that of our files is never mended: an upgrade may be on its way to
us, since a mounted ConfigMap lags behind by minutes. And a version that was not compared is never written over.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final

from webhook.admission.report import plain
from webhook.clock import Clock
from webhook.controller.configurations import announcement, mending, wanted
from webhook.controller.configurations.announcement import Announcement
from webhook.controller.configurations.drift import Difference, differences, stamp_difference
from webhook.controller.configurations.events import Events
from webhook.controller.configurations.observer import Failure, Observer
from webhook.controller.configurations.settings import ConfigurationSettings
from webhook.controller.configurations.webhooks import KINDS, Configuration, parse
from webhook.controller.ports import Cluster
from webhook.errors import ClusterError, ConfigurationError
from webhook.kube.cluster import Object

_MEANWHILE: Final = frozenset({404, 409})
"""It went, or changed, between being read and being written."""

_LOOKS_UNTIL_GONE: Final = 2
"""At one look it may be about to be replaced."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seen:
    """Of one configuration, until now."""

    differences: tuple[Difference, ...] = ()
    looks_without: int = 0
    other_stamp_since: float | None = None


@dataclass(slots=True)
class _Said:
    """The last failures that were logged, so that each is logged once."""

    lines: set[str] = field(default_factory=set)
    now: set[str] = field(default_factory=set)


class ConfigurationGuard:
    """A part of the controller."""

    def __init__(self, cluster: Cluster, settings: ConfigurationSettings, clock: Clock, observer: Observer) -> None:
        self._cluster = cluster
        self._settings = settings
        self._clock = clock
        self._observer = observer
        self._events = Events(cluster, settings, clock)
        self._seen: dict[str, _Seen] = {}
        self._said = _Said()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - an unforeseen fault must not be the last thing that is looked at
                self._observer.failed(Failure.INTERNAL)
                _log.error("looking at webhook configurations failed (%s)", type(error).__name__, exc_info=error)
            await asyncio.sleep(self._settings.interval)

    async def look(self) -> None:
        """Look once at each configuration."""
        self._said.now = set()
        try:
            rendered = await asyncio.to_thread(wanted.read, self._settings.folder)
        except ConfigurationError as error:
            self._fail(Failure.WANTED, f"the rendered webhook configurations cannot be used: {error}")
        else:
            self._forget({each.title for each in rendered})
            for each in rendered:
                await self._look_at(each, self._seen.setdefault(each.title, _Seen()))
        self._said.lines = self._said.now

    def _forget(self, rendered: set[str]) -> None:
        """Those that an upgrade took away are neither drifted nor missed."""
        for title in self._seen.keys() - rendered:
            del self._seen[title]
            self._observer.drifted(title, frozenset())
            self._observer.gone(title, False)  # noqa: FBT003 - a gauge's value

    async def _look_at(self, rendered: Configuration, seen: _Seen) -> None:
        try:
            found = await self._cluster.get(KINDS[rendered.kind], rendered.metadata.name)
            if found is None:
                await self._missed(rendered, seen)
            else:
                await self._compare(rendered, found, parse(found), seen)
        except (ClusterError, ConfigurationError) as error:
            self._fail(Failure.READ, f"{rendered.title} cannot be read: {error}")

    async def _missed(self, rendered: Configuration, seen: _Seen) -> None:
        seen.looks_without += 1
        if seen.looks_without != _LOOKS_UNTIL_GONE:
            return
        seen.differences, seen.other_stamp_since = (), None
        self._observer.drifted(rendered.title, frozenset())
        self._observer.gone(rendered.title, True)  # noqa: FBT003 - a gauge's value
        await self._announce(announcement.gone(rendered), rendered)

    async def _compare(self, rendered: Configuration, found: Object, there: Configuration, seen: _Seen) -> None:
        if seen.looks_without >= _LOOKS_UNTIL_GONE:
            _log.info("%s is there again", rendered.title)
        seen.looks_without = 0
        self._observer.gone(rendered.title, False)  # noqa: FBT003 - a gauge's value
        differing = differences(rendered, there)
        if there.stamp == rendered.stamp:
            seen.other_stamp_since = None
            await self._tell(rendered, differing, seen)
            if self._settings.mend:
                await self._mend(rendered, found, differing)
        elif self._is_out_of_patience(seen):
            await self._tell(rendered, (stamp_difference(rendered, there), *differing), seen)

    def _is_out_of_patience(self, seen: _Seen) -> bool:
        """From the first look at another stamp on, whichever it is since then."""
        now = self._clock.monotonic()
        if seen.other_stamp_since is None:
            seen.other_stamp_since = now
        return now - seen.other_stamp_since >= self._settings.patience

    async def _tell(self, rendered: Configuration, differing: tuple[Difference, ...], seen: _Seen) -> None:
        """What differs: to the observer each time, to people when it changed."""
        self._observer.drifted(rendered.title, frozenset(each.field for each in differing))
        before, seen.differences = seen.differences, differing
        if differing and differing != before:
            await self._announce(announcement.drifted(rendered, differing), rendered)
        elif before and not differing:
            _log.info("%s is as it was rendered again", rendered.title)

    async def _mend(self, rendered: Configuration, found: Object, differing: tuple[Difference, ...]) -> None:
        kind = KINDS[rendered.kind]
        try:
            if differing:
                new = mending.mended(found, rendered, differing)
                found = await self._cluster.replace(kind, new, manager=mending.MANAGER)
                self._observer.mended(rendered.title)
                _log.warning("%s was mended", rendered.title)
            if (new_owners := mending.given_back(found)) is not None:
                await self._cluster.replace(kind, new_owners, manager=mending.MANAGER)
        except ClusterError as error:
            if error.status not in _MEANWHILE:  # the next look sees what became of it
                self._fail(Failure.MEND, f"{rendered.title} cannot be mended: {error}")

    async def _announce(self, said: Announcement, rendered: Configuration) -> None:
        _log.error("%s", said.note)
        try:
            await self._events.write(said, rendered)
        except ClusterError as error:
            self._fail(Failure.EVENT, f"an Event could not be written: {error}")

    def _fail(self, reason: Failure, line: str) -> None:
        """Count each failure, and log it when it is new."""
        self._observer.failed(reason)
        self._said.now.add(line)
        if line not in self._said.lines:
            _log.error("%s", plain(line))
