"""What adapters raise when a question could not be answered; each class knows its finding code.

"No" is a value, never one of these. `webhook.admission.image_findings` is the one place that turns them into findings,
and messages are written for the pod's developer: no secrets, no text that a registry sent.
"""

from typing import ClassVar

from webhook.codes import Code


class TidewaiterError(Exception):
    """Base of all errors that cross a module's border on purpose."""


class ConfigurationError(TidewaiterError):
    """Flags, environment, policies or files that the program was started with cannot be used. Exit code 2."""


class ClusterError(TidewaiterError):
    """The API server refused something, or could not be asked; `status` is its answer's, 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotFoundOutError(TidewaiterError):
    """A question about an image got no usable answer. `code` says which finding it becomes."""

    code: ClassVar[Code]


class RegistryUnavailableError(NotFoundOutError):
    """Transport failure or 5xx: no connection, a broken one, a bad certificate."""

    code = Code.REGISTRY_UNAVAILABLE


class RegistryRateLimitedError(NotFoundOutError):
    """429."""

    code = Code.REGISTRY_RATE_LIMITED


class RegistryResponseError(NotFoundOutError):
    """An answer that is malformed, over a ceiling, or other content than its digest names."""

    code = Code.REGISTRY_RESPONSE_INVALID


class BeyondCeilingError(RegistryResponseError):
    """Something that lies there, and is not looked at because there is too much of it."""


class AddressNotAllowedError(NotFoundOutError):
    """The host has an address that may not be dialled; whoever named the image chose the host."""

    code = Code.ADDRESS_NOT_ALLOWED


class CredentialsMissingError(NotFoundOutError):
    """401 or 403 to an anonymous caller."""

    code = Code.CREDENTIALS_MISSING


class CredentialsRefusedError(NotFoundOutError):
    """401 or 403 although credentials were sent."""

    code = Code.CREDENTIALS_REFUSED


class CredentialsUnavailableError(NotFoundOutError):
    """Where credentials should come from there was no usable answer, so that nobody was asked, not even anonymously."""

    code = Code.CREDENTIALS_UNAVAILABLE


class ImageNotFoundError(NotFoundOutError):
    """404 for the image itself."""

    code = Code.IMAGE_NOT_FOUND


class InternalError(NotFoundOutError):
    """A failure of ours that nobody foresaw."""

    code = Code.INTERNAL_ERROR


class TooManyVerificationsError(NotFoundOutError):
    """A ceiling of ours: so much is under way that nothing new is begun."""

    code = Code.TOO_MANY_VERIFICATIONS


class NamespaceUnknownError(NotFoundOutError):
    """The API server gave no labels for a namespace."""

    code = Code.NAMESPACE_UNKNOWN


class AuthorizationUnknownError(NotFoundOutError):
    """The API server did not say what a user may do."""

    code = Code.AUTHORIZATION_UNKNOWN


class VerificationTimedOutError(NotFoundOutError):
    """The time of this request is over; the work behind it goes on."""

    code = Code.VERIFICATION_TIMED_OUT
