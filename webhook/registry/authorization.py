"""From a registry's 401 to an answer: challenge, token, second try. Nothing is tried a third time."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from webhook.errors import (
    CredentialsMissingError,
    CredentialsRefusedError,
    NotFoundOutError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.registry import challenge, endpoint, outages, tokens
from webhook.registry.challenge import ChallengeError
from webhook.registry.endpoint import Endpoint
from webhook.registry.keychain import Credentials
from webhook.registry.outages import AskedTooOftenError, PassingError
from webhook.registry.settings import RegistrySettings
from webhook.registry.tokens import Grant, Grants, TokenError
from webhook.registry.transport import Answer, Request, Transport


@dataclass(frozen=True, slots=True)
class Access:
    """One repository as one caller sees it. Grants are kept for it as a whole, so that none serves another caller.

    `mirror_of` is the registry whose mirror this one is, if it is one.
    """

    registry: str
    endpoint: Endpoint
    repository: str
    credentials: Credentials | None = field(default=None, repr=False)
    mirror_of: str | None = None

    @property
    def whom(self) -> str:
        """The registry as messages call it."""
        if self.mirror_of is None:
            return f"registry {self.registry}"
        return f"mirror {self.registry} of registry {self.mirror_of}"


class Authorizer:
    """Asks registries, with a grant where they want one."""

    def __init__(self, transport: Transport, settings: RegistrySettings, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._insecure_hosts: Collection[str] = settings.insecure_hosts
        self._token_bytes = settings.limits.token_bytes
        self._grants = Grants(clock)

    async def get(self, access: Access, request: Request) -> Answer:
        """The answer to a request, of any status but 401 and 403.

        Raises `CredentialsMissingError`, `CredentialsRefusedError`, and what the transport raises.
        """
        grant = self._grants.get(access)
        answer = await self._ask(request, grant)
        if answer.status == 401 and _is_from(access.endpoint, answer):
            answer = await self._ask(request, await self._grant(access, grant, answer))
        if answer.status not in {401, 403}:
            return answer
        if not _is_from(access.endpoint, answer):
            raise RegistryResponseError(f"{access.whom} redirects to a host that answered with {answer.status}")
        raise denied(access, answer.status)

    async def _ask(self, request: Request, grant: Grant | None) -> Answer:
        return await self._transport.ask(replace(request, authorization=grant.authorization if grant else None))

    async def _grant(self, access: Access, refused: Grant | None, answer: Answer) -> Grant:
        """A grant in place of the refused one: that which somebody else got in the meantime, or a new one."""
        async with self._grants.lock(access):
            kept = self._grants.get(access)
            if kept is not None and kept is not refused:
                return kept
            try:
                grant = await self._new_grant(access, answer)
            except (ChallengeError, TokenError) as error:
                raise RegistryResponseError(f"{access.whom} cannot be asked: {error}") from None
            self._grants.put(access, grant)
            return grant

    async def _new_grant(self, access: Access, answer: Answer) -> Grant:
        fields = answer.headers.getall("WWW-Authenticate", [])
        if not fields:
            raise denied(access, answer.status)
        chosen = challenge.choose(challenge.parse(fields))
        if chosen.scheme == "bearer":
            return await self._token(access, challenge.token_service(chosen, access.endpoint, self._insecure_hosts))
        if access.credentials is None:
            raise denied(access, answer.status)
        if access.credentials.identity_token:
            raise ChallengeError("it wants a password, and there is only an identity token for it")
        return tokens.basic(access.credentials)

    async def _token(self, access: Access, service: challenge.TokenService) -> Grant:
        wanted = tokens.request(service, access.repository, access.credentials)
        answer = await self._transport.send(
            Request(
                wanted.url,
                f"the token service of {access.whom}",
                self._token_bytes,
                accept="application/json",
                authorization=wanted.authorization,
                form=wanted.form,
            )
        )
        # RFC 6749 5.2: a refresh token that is no longer good is answered with 400.
        if answer.status in {401, 403} or (answer.status == 400 and wanted.form is not None):
            raise denied(access, answer.status)
        if answer.status != 200:
            raise failure(f"the token service of {access.whom}", answer)
        return tokens.read(answer.body)


def denied(access: Access, status: int) -> NotFoundOutError:
    """The error for an answer that access is not granted."""
    if access.credentials is None:
        return CredentialsMissingError(f"{access.whom} wants credentials, and there are none for it ({status})")
    return CredentialsRefusedError(f"{access.whom} refused the credentials there are for it ({status})")


def failure(whom: str, answer: Answer) -> NotFoundOutError:
    """The error for an answer whose status answers no question."""
    if answer.status == 429:
        told = answer.headers.get("Retry-After", "")
        return AskedTooOftenError(f"{whom} answered that it was asked too often (429)", told)
    if outages.is_passing(answer.status, answer.headers):
        return PassingError(f"{whom} answered with status {answer.status}")
    if answer.status >= 500:
        return RegistryUnavailableError(f"{whom} answered with status {answer.status}")
    return RegistryResponseError(f"{whom} answered with status {answer.status}")


def _is_from(origin: Endpoint, answer: Answer) -> bool:
    return endpoint.of_url(answer.url) == origin
