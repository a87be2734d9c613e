"""Labels of namespaces, asked from the API server when a policy selects by them."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from webhook.cache import Cache, Counted
from webhook.clock import Clock
from webhook.errors import ConfigurationError, NamespaceUnknownError, NotFoundOutError
from webhook.kube.connection import Connection

_log = logging.getLogger(__name__)

LABELS_SECONDS = 5.0
"""How long a changed label may go unseen."""

LOOKUP_SECONDS = 2.0
"""How long a review waits for the labels of its namespace."""

CONNECT_SECONDS = 20.0
"""Loading the client takes a second of CPU, which a busy container may have to wait for."""

MAX_NAMESPACES = 10_000
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class KnownNamespaces:
    """Labels that were given, for the command line: from Namespace documents and flags."""

    def __init__(self, labels: Mapping[str, Mapping[str, str]]) -> None:
        self._labels = labels

    async def labels(self, namespace: str, wait: float) -> Mapping[str, str] | None:  # noqa: ARG002 - known at once
        """The labels that were given for the namespace; None where nothing was said of it."""
        return self._labels.get(namespace)


class ClusterNamespaces:
    """Labels as the API server has them, kept for a few seconds, asked once however many reviews want them.

    The connection is made when the first policy needs it (`connect`).
    """

    def __init__(self, clock: Clock, kubeconfig: Path | None = None) -> None:
        self._connection = Connection(kubeconfig)
        self._labels: Cache[str, Mapping[str, str]] = Cache(
            maxsize=MAX_NAMESPACES,
            lifetime=lambda _: LABELS_SECONDS,
            clock=clock.monotonic,
            flight_seconds=CONNECT_SECONDS + LOOKUP_SECONDS,
        )

    @property
    def kept(self) -> Counted:
        """The labels that are remembered."""
        return self._labels

    async def labels(self, namespace: str, wait: float) -> Mapping[str, str] | None:
        """The namespace's labels; None when the API server has no such namespace or cannot be asked in time."""
        try:
            return await self._labels.get(namespace, lambda: self._read(namespace), min(wait, LOOKUP_SECONDS))
        except NotFoundOutError as error:
            _log.warning("labels of a namespace are not known: %s", error)
            return None

    async def connect(self) -> None:
        """Load the client and its credentials. Raises `ConfigurationError` where there are none."""
        try:
            await self._connection.core()
        except Exception as error:  # whatever the client raises, there is nobody to ask
            raise ConfigurationError(
                f"labels of namespaces are needed, and there is no cluster to ask ({type(error).__name__})"
            ) from error

    async def _read(self, namespace: str) -> Mapping[str, str]:
        if not _NAMESPACE.fullmatch(namespace):
            raise NamespaceUnknownError("it is no name of a namespace")
        try:
            api = await self._connection.core()
            answer = await api.read_namespace(namespace, _request_timeout=LOOKUP_SECONDS)
            return dict(answer.metadata.labels or {})
        except Exception as error:  # whatever the client raises, the labels are not known
            raise NamespaceUnknownError(f"the API server gave no labels ({type(error).__name__})") from error

    async def close(self) -> None:
        """Close the connection."""
        await self._labels.close()
        await self._connection.close()
