"""A trust root fetched anew: one attempt, what the log says of it, and when the next one is due."""

import asyncio
import logging
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from webhook.clock import Clock
from webhook.errors import NotFoundOutError
from webhook.trust import schedule
from webhook.trust.errors import UnusableError
from webhook.trust.held import Held
from webhook.trust.web import Web

if TYPE_CHECKING:
    from webhook.trust.tuf import Repository

_log = logging.getLogger(__name__)
_random = SystemRandom()

SPREAD: Final = (0.9, 1.1)
"""Of pauses, so that replicas that start together do not go on asking together."""


async def renew(held: Held, repository: "Repository", web: Web, clock: Clock, seconds: float) -> bool:
    """Fetch it within `seconds`; whether that succeeded. If not, what was there stays, and the log says why."""
    before = held.usable(clock)
    fault = await _attempt(held, repository, web, clock, seconds)
    if fault:
        held.failures += 1
        pause = schedule.after_failure(held.failures, usable=before is not None)
        _log.warning("trust root %s not fetched from %s: %s; %s", held.name, repository.host, fault, _left(held, clock))
    else:
        held.failures = 0
        pause = schedule.after_success(held.life(clock))
        after = held.usable(clock)
        if after is not None and (before is None or before.fingerprint != after.fingerprint):
            _log.info("trust root %s fetched from %s: %s", held.name, repository.host, after.fingerprint)
            held.tell_faults()
    held.due = clock.monotonic() + pause * _random.uniform(*SPREAD)
    return not fault


async def _attempt(held: Held, repository: "Repository", web: Web, clock: Clock, seconds: float) -> str:
    """Why it failed, nothing if it did not."""
    try:
        async with asyncio.timeout(seconds):
            await held.fetch(repository, web, clock)
    except TimeoutError:
        return f"it took more than {seconds:g} s"
    except (NotFoundOutError, UnusableError) as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a server's bytes do, the next attempt must come
        return f"failed ({type(error).__name__})"
    return ""


def _left(held: Held, clock: Clock) -> str:
    """What there is without it."""
    if held.root is None:
        return "there is none"
    if held.root.expires is None:
        return "the one before stays"
    verb = "holds until" if held.usable(clock) else "is over since"
    return f"the one before {verb} {held.root.expires:%Y-%m-%dT%H:%M:%SZ}"
