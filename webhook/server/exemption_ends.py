"""The ends of exemptions, said before anybody is surprised by them: always in a metric, in the log for the last 7 days.

An exemption that has ended is said as well for as long as its policy has it, since it does nothing.
"""

import asyncio
import logging
from datetime import datetime, timedelta

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


class ExemptionEnds:
    """Says once a day of each exemption that it ends, or has ended. Belongs on the event loop."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._said: dict[tuple[str, Exemption], datetime] = {}

    async def watch(self, policies: Policies, interval: float = LOOK_SECONDS) -> None:
        """Look every `interval` seconds, for ever."""
        while True:
            await asyncio.sleep(interval)
            self.look(policies.current())

    def look(self, book: Book) -> None:
        """Say what there is to be said about these policies now."""
        exemptions = [(policy.name, exemption) for policy in book.policies for exemption in policy.exemptions]
        ends: dict[tuple[str, str], float] = {}
        for policy, exemption in exemptions:
            label = policy, plain(exemption.reason[:REASON_CHARACTERS])
            timestamp = exemption.expires.timestamp()
            ends[label] = min(timestamp, ends.get(label, timestamp))
        self._metrics.exemptions(ends)
        now = self._clock.now()
        self._said = {key: self._said[key] for key in exemptions if key in self._said}
        for key in exemptions:
            if key[1].expires - ANNOUNCED <= now and (key not in self._said or self._said[key] + REPEATED <= now):
                self._said[key] = now
                _log.warning("policy %s: %s", key[0], _ending(key[1], now))


def _ending(exemption: Exemption, now: datetime) -> str:
    """One line, whatever somebody wrote as the reason."""
    what = f"the exemption of {', '.join(sorted(exemption.codes))} in {', '.join(sorted(exemption.namespaces))}"
    end = exemption.expires.isoformat()
    ends = f"ends at {end}" if now < exemption.expires else f"has ended at {end} and has no effect"
    return plain(f"{what} ({exemption.reason}) {ends}")
