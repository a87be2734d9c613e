"""One question to one registry: by the leave of its circuits, within its deadline, twice where that may help.

A second try is for a hiccup, so it follows a connection that failed and a gateway's 502, 503 and 504 (unless it said
when to come back), and there is none for a probe, nor for a mirror, behind which the registry waits. Where a connection
broke before its answer began, aiohttp has asked twice, and that is it. All that we ask changes nothing at the registry.
"""

import random
from collections.abc import Awaitable, Callable

from webhook.clock import Clock
from webhook.errors import AddressNotAllowedError, NotFoundOutError, RegistryUnavailableError
from webhook.registry import outages
from webhook.registry.authorization import Access, Authorizer
from webhook.registry.circuits import Attempt, Circuits
from webhook.registry.outages import AskedTooOftenError, PassingError, UnreachableError
from webhook.registry.settings import Limits
from webhook.registry.transport import Answer, Request, Transport

Pause = Callable[[float], Awaitable[None]]
"""What waits for so many seconds."""


class Questions:
    """Asks registries, and remembers how they answered."""

    def __init__(
        self, transport: Transport, authorizer: Authorizer, limits: Limits, clock: Clock, pause: Pause
    ) -> None:
        self._transport = transport
        self._authorizer = authorizer
        self._limits = limits
        self._clock = clock
        self._pause = pause
        self._circuits = Circuits(limits, clock.monotonic)

    async def ask(self, access: Access, request: Request) -> Answer:
        """The answer, of any status but 401 and 403. Raises `NotFoundOutError`."""
        attempt = self._circuits.begin(access)
        try:
            answer = await self._in_time(access, request, again=not attempt.is_probe)
        except NotFoundOutError as error:
            self._note_error(attempt, access, error)
            raise
        else:
            self._note_answer(attempt, answer)
            return answer
        finally:
            attempt.end()

    async def _in_time(self, access: Access, request: Request, *, again: bool) -> Answer:
        is_mirror = access.mirror_of is not None
        seconds = self._limits.mirror_seconds if is_mirror else self._limits.request_seconds
        async with self._transport.deadline(access.whom, seconds):
            if again and not is_mirror:
                try:
                    answer = await self._authorizer.get(access, request)
                except PassingError:
                    pass
                else:
                    if not outages.is_passing(answer.status, answer.headers):
                        return answer
                await self._pause(self._limits.retry_seconds * random.uniform(0.5, 1.0))  # noqa: S311  no secret
            return await self._authorizer.get(access, request)

    def _note_answer(self, attempt: Attempt, answer: Answer) -> None:
        if answer.status == 429:
            attempt.limited(self._told(answer.headers.get("Retry-After", "")))
        elif answer.status >= 500:
            attempt.failed()
        else:
            attempt.answered()

    def _note_error(self, attempt: Attempt, access: Access, error: NotFoundOutError) -> None:
        match error:
            case UnreachableError() if error.origin == access.endpoint:
                attempt.unreachable()
            case RegistryUnavailableError():
                attempt.failed()
            case AskedTooOftenError():
                attempt.limited(self._told(error.retry_after))
            case AddressNotAllowedError():
                pass  # it was not asked
            case _:  # what it answered could not be used
                attempt.answered()

    def _told(self, retry_after: str) -> float:
        return outages.pause_seconds(retry_after, self._clock.now())
