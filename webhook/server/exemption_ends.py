"""The ends of exemptions, said before anybody is surprised by them: always in a metric, in the log for the last 7 days.

An exemption that has ended is said as well for as long as its policy has it, since it does nothing. Of very many, each
look names some, and the metric has those that end first.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from heapq import nsmallest

from webhook.admission.ports import Policies
from webhook.admission.report import plain
from webhook.clock import Clock
from webhook.policy.book import Book
from webhook.policy.exemptions import ANNOUNCED, Exemption
from webhook.server.metrics import Metrics

_log = logging.getLogger(__name__)

LOOK_SECONDS = 600.0
"""How late the log may be."""

REPEATED = timedelta(days=1)
REASON_CHARACTERS = 100
"""What a label shows of a reason."""

MAX_LINES = 20
"""Of one look; those that are left out are named by the looks after it."""

MAX_SERIES = 100
"""Of the metric. Each is a line of every scrape."""

_NEVER = datetime.min.replace(tzinfo=UTC)


_Named = tuple[str, Exemption]
"""The name of a policy, and an exemption of it."""


class ExemptionEnds:
    """Says at most once a day of each exemption that it ends, or has ended. Belongs on the event loop."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._said: dict[_Named, datetime] = {}

    async def watch(self, policies: Policies, interval: float = LOOK_SECONDS) -> None:
        """Look every `interval` seconds, for ever."""
        while True:
            await asyncio.sleep(interval)
            self.look(policies.current())

    def look(self, book: Book) -> None:
        """Say what there is to be said about these policies now."""
        exemptions = [(policy.name, exemption) for policy in book.policies for exemption in policy.exemptions]
        now = self._clock.now()
        self._metrics.exemptions(_first_ends(exemptions, now))
        self._said = {key: self._said[key] for key in exemptions if key in self._said}
        due = [key for key in dict.fromkeys(exemptions) if key[1].expires - ANNOUNCED <= now and self._is_due(key, now)]
        for key in nsmallest(MAX_LINES, due, key=lambda key: (self._said.get(key, _NEVER), key[1].expires)):
            self._said[key] = now
            _log.warning("policy %s: %s", key[0], _ending(key[1], now))
        if len(due) > MAX_LINES:
            _log.warning("and %d more exemptions that end within a week or have ended", len(due) - MAX_LINES)

    def _is_due(self, key: _Named, now: datetime) -> bool:
        return key not in self._said or self._said[key] + REPEATED <= now


def _first_ends(exemptions: Iterable[_Named], now: datetime) -> dict[tuple[str, str], float]:
    """By policy and reason the first end; of too many those that come next, and before those that have passed."""
    ends: dict[tuple[str, str], datetime] = {}
    for policy, exemption in exemptions:
        label = policy, exemption.reason[:REASON_CHARACTERS]
        ends[label] = min(exemption.expires, ends.get(label, exemption.expires))
    first = nsmallest(MAX_SERIES, ends.items(), key=lambda end: (end[1] <= now, end[1]))
    return {(policy, plain(reason)): end.timestamp() for (policy, reason), end in first}


def _ending(exemption: Exemption, now: datetime) -> str:
    """One line, whatever somebody wrote as the reason."""
    what = f"the exemption of {', '.join(sorted(exemption.codes))} in {', '.join(sorted(exemption.namespaces))}"
    end = exemption.expires.isoformat()
    ends = f"ends at {end}" if now < exemption.expires else f"has ended at {end} and has no effect"
    return plain(f"{what} ({exemption.reason}) {ends}")
