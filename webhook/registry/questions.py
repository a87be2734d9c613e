"""One question to one registry: in its turn, by the leave of its circuits, within its deadline, twice if that may help.

A place is held for the whole question, with its token, redirects and second try, so that whatever hosts and ports a
registry names, it has so many connections and no more. Half of them are for one repository at most, and repositories
take turns. Waiting for a place says nothing about the registry: neither its deadline nor its circuits know of it.

A second try is for a hiccup, so it follows a connection that failed and a gateway's 502, 503 and 504 (unless it said
when to come back), and there is none for a probe, nor for a mirror, behind which the registry waits. Where a connection
broke before its answer began, aiohttp has asked twice, and that is it. All that we ask changes nothing at the registry.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from webhook.clock import Clock
from webhook.errors import (
    AddressNotAllowedError,
    NotFoundOutError,
    RegistryUnavailableError,
    TooManyVerificationsError,
)
from webhook.fairness import Bulkhead
from webhook.registry import outages
from webhook.registry.authorization import Access, Authorizer
from webhook.registry.circuits import Attempt, Circuits
from webhook.registry.observer import Observer, outcome_of
from webhook.registry.outages import AskedTooOftenError, PassingError, UnreachableError
from webhook.registry.settings import Limits
from webhook.registry.transport import Answer, Request, Transport

Pause = Callable[[float], Awaitable[None]]
"""What waits for so many seconds."""


class Questions:
    """Asks registries, and remembers how they answered."""

    def __init__(
        self,
        transport: Transport,
        authorizer: Authorizer,
        limits: Limits,
        clock: Clock,
        pause: Pause,
        observer: Observer | None = None,
    ) -> None:
        self._transport = transport
        self._authorizer = authorizer
        self._limits = limits
        self._clock = clock
        self._pause = pause
        self._observer = observer
        self._circuits = Circuits(limits, clock.monotonic)
        self._places = Bulkhead(limits.connections, limits.connections_per_registry)

    def open_circuits(self) -> Mapping[str, int]:
        """How many circuits of each registry are open now."""
        return self._circuits.open_now()

    async def ask(self, access: Access, request: Request) -> Answer:
        """The answer, of any status but 401 and 403. Raises `NotFoundOutError`."""
        self._circuits.check(access)
        async with self._place(access):
            attempt = self._circuits.begin(access)
            try:
                answer = await self._in_time(access, request, again=not attempt.is_probe)
            except NotFoundOutError as error:
                self._note_error(attempt, access, error)
                self._tell(access, error)
                raise
            else:
                self._note_answer(attempt, answer)
                self._tell(access, answer)
                return answer
            finally:
                attempt.end()

    @asynccontextmanager
    async def _place(self, access: Access) -> AsyncIterator[None]:
        """Raises `RegistryUnavailableError` where no turn comes: a mirror is then passed over, as a silent one is."""
        seconds = self._seconds(access)
        async with AsyncExitStack() as held:
            place = self._places.place(str(access.endpoint), access.repository, object())
            try:
                async with asyncio.timeout(seconds):
                    await held.enter_async_context(place)
            except (TimeoutError, TooManyVerificationsError):
                raise RegistryUnavailableError(
                    f"{access.whom} has so many questions to answer that this one was not asked"
                ) from None
            yield

    def _seconds(self, access: Access) -> float:
        return self._limits.request_seconds if access.mirror_of is None else self._limits.mirror_seconds

    async def _in_time(self, access: Access, request: Request, *, again: bool) -> Answer:
        async with self._transport.deadline(access.whom, self._seconds(access)):
            if again and access.mirror_of is None:
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

    def _tell(self, access: Access, result: Answer | NotFoundOutError) -> None:
        if self._observer is not None:
            self._observer.registry_asked(access.registry, outcome_of(result))

    def _told(self, retry_after: str) -> float:
        return outages.pause_seconds(retry_after, self._clock.now())
