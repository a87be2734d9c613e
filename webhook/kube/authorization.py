"""Whether a user may change policies, asked from the API server: by a SubjectAccessReview, which changes nothing."""

import logging
from pathlib import Path

import msgspec

from webhook.cache import Cache
from webhook.clock import Clock
from webhook.errors import AuthorizationUnknownError, ConfigurationError, NotFoundOutError
from webhook.kube.connection import Connection
from webhook.objects import User

_log = logging.getLogger(__name__)

KEPT_SECONDS = 5.0
"""How long a right that is given or taken may go unseen."""

LOOKUP_SECONDS = 5.0
MAX_USERS = 1_000


class ClusterAuthorization:
    """Fills `webhook.admission.ports.Authorization`. An answer is kept for a few seconds, and asked for once."""

    def __init__(self, clock: Clock, kubeconfig: Path | None = None) -> None:
        self._connection = Connection(kubeconfig)
        self._answers: Cache[bytes, bool] = Cache(
            maxsize=MAX_USERS, lifetime=lambda _: KEPT_SECONDS, clock=clock.monotonic
        )

    async def may_change_policies(self, user: User, wait: float) -> bool | None:
        """Whether the user may update ClusterPodPolicies; None where the API server cannot be asked in time."""
        try:
            return await self._answers.get(
                msgspec.json.encode(user), lambda: self._ask(user), min(wait, LOOKUP_SECONDS)
            )
        except NotFoundOutError as error:
            _log.warning("rights of a user are not known: %s", error)
            return None

    async def connect(self) -> None:
        """Load the client and its credentials. Raises `ConfigurationError` where there are none."""
        try:
            await self._connection.authorization()
        except Exception as error:  # whatever the client raises, there is nobody to ask
            raise ConfigurationError(
                f"the guard asks what users may do, and there is no cluster to ask ({type(error).__name__})"
            ) from error

    async def _ask(self, user: User) -> bool:
        spec = {
            "user": user.username,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra.items()},
            "resourceAttributes": {"group": "tidewaiter.dev", "resource": "clusterpodpolicies", "verb": "update"},
        }
        try:
            api = await self._connection.authorization()
            answer = await api.create_subject_access_review({"spec": spec}, _request_timeout=LOOKUP_SECONDS)
            allowed = answer.status.allowed is True and answer.status.denied is not True
        except Exception as error:  # whatever the client raises, the right is not known
            raise AuthorizationUnknownError(f"the API server gave no answer ({type(error).__name__})") from error
        return allowed

    async def close(self) -> None:
        """Close the connection."""
        await self._answers.close()
        await self._connection.close()
