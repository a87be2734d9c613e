"""Credential providers as a keychain: programs are run when somebody asks, their answers kept as long as they say."""

import asyncio
from collections.abc import Callable, Hashable, Sequence

from cachetools import TLRUCache

from webhook.errors import CredentialsUnavailableError
from webhook.images import ImageReference, PinnedImage
from webhook.registry.credential_providers import answers, execution
from webhook.registry.credential_providers.answers import Answer, AnswerError
from webhook.registry.credential_providers.configuration import Provider
from webhook.registry.credential_providers.execution import ExecutionError
from webhook.registry.keychain import Credentials

PROVIDER_SECONDS = 30.0
"""For one answer, waiting for room included: kubelet's 60 s are all that a verification has."""

MAX_PROCESSES = 4
"""Of one provider at once. When one of them has an answer for a whole registry, those that wait need not run."""

MAX_ANSWERS = 1024
"""That are kept of one provider, each of a few KiB."""

_Image = ImageReference | PinnedImage


class CredentialProviders:
    """Fills `Keychain`. All providers that are for an image are asked, and one that fails is an error.

    So it is no reason to ask the registry anonymously, nor with another provider's credentials.
    """

    def __init__(
        self, providers: Sequence[Provider], clock: Callable[[], float], seconds: float = PROVIDER_SECONDS
    ) -> None:
        self._asked = tuple(_AskedProvider(provider, clock, seconds) for provider in providers)

    async def credentials(self, image: _Image) -> Credentials | None:
        """The credentials of the key that fits best, among all answers. Raises `CredentialsUnavailableError`."""
        found = await asyncio.gather(*(asked.answer(image) for asked in self._asked if asked.is_for(image)))
        return answers.choose(found, image)

    async def close(self) -> None:
        """End the programs that still run."""
        await asyncio.gather(*(asked.close() for asked in self._asked))


class _AskedProvider:
    """One provider, its answers that may still be used, and the questions under way, one at a time for a repository."""

    def __init__(self, provider: Provider, clock: Callable[[], float], seconds: float) -> None:
        def expires(_key: Hashable, answer: Answer, now: float) -> float:
            return now + (provider.default_seconds if answer.seconds is None else answer.seconds)

        self._provider = provider
        self._seconds = seconds
        self._rooms = asyncio.Semaphore(MAX_PROCESSES)
        self._answers: TLRUCache[Hashable, Answer] = TLRUCache(maxsize=MAX_ANSWERS, ttu=expires, timer=clock)
        self._flights: dict[str, asyncio.Task[Answer]] = {}

    def is_for(self, image: _Image) -> bool:
        return any(pattern.matches(image) for pattern in self._provider.patterns)

    async def answer(self, image: _Image) -> Answer:
        """Belongs to nobody's request: who stops waiting does not end it for others."""
        kept = self._kept(image)
        if kept is not None:
            return kept
        flight = self._flights.get(image.name) or self._start(image)
        await asyncio.wait({flight})
        return flight.result()

    def _kept(self, image: _Image) -> Answer | None:
        keys = (_key(scope, image) for scope in ("Image", "Registry", "Global"))
        return next((answer for answer in map(self._answers.get, keys) if answer is not None), None)

    def _start(self, image: _Image) -> asyncio.Task[Answer]:
        flight = asyncio.create_task(self._fly(image))
        self._flights[image.name] = flight
        flight.add_done_callback(lambda done: self._land(image.name, done))
        return flight

    def _land(self, name: str, flight: asyncio.Task[Answer]) -> None:
        self._flights.pop(name, None)
        if not flight.cancelled():
            flight.exception()  # whoever waited has seen it

    async def _fly(self, image: _Image) -> Answer:
        try:
            async with asyncio.timeout(self._seconds), self._rooms:
                return self._kept(image) or await self._run(image)
        except TimeoutError:
            reason = f"did not answer within {self._seconds:g} s"
        except (AnswerError, ExecutionError) as error:
            reason = str(error)
        raise CredentialsUnavailableError(
            f"credential provider {self._provider.name}, asked for registry {image.registry}, {reason}"
        )

    async def _run(self, image: _Image) -> Answer:
        provider = self._provider
        output = await execution.run(provider.program, provider.arguments, provider.environment, answers.request(image))
        answer = answers.read(output)
        self._answers[_key(answer.scope, image)] = answer
        return answer

    async def close(self) -> None:
        flights = tuple(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)


def _key(scope: str, image: _Image) -> Hashable:
    return scope, {"Image": image.name, "Registry": image.registry, "Global": ""}[scope]
