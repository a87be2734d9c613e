"""The pull secrets of pods, read from the API server: an opt-in, since it needs the right to read Secrets.

They are those that kubelet would use for the pod: the Secrets that its `imagePullSecrets` name in its own namespace, or
where there is none, those that its ServiceAccount names (the ServiceAccount admission plugin fills them in). A Secret
that is missing, of another type or without content is passed over (kubelet's `getPullSecretsForPod` and
`credentialprovider/secrets`). What cannot be read or is malformed is an error, and the answer to it tells nobody which
one or why: the pod's author may not be allowed to see that. The log says it, with the Secret's name and the kind of
fault, and nothing of what the Secret holds: the keys of a docker configuration are secret too.
"""

import asyncio
import base64
import binascii
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from webhook import images
from webhook.cache import Cache
from webhook.clock import Clock
from webhook.errors import ConfigurationError, CredentialsUnavailableError
from webhook.kube.connection import Connection

_log = logging.getLogger(__name__)

KEPT_SECONDS = 30.0
"""How long a changed or deleted Secret may go unseen."""

MISSING_SECONDS = 2.0
"""The same where one was missing: it is often made together with the pod."""

LOOKUP_SECONDS = 5.0
"""For one request to the API server."""

FLIGHT_SECONDS = 30.0
"""For all requests of one pod, and for loading the client where nobody has yet."""

MAX_SECRETS = 16
"""That a pod names: each costs a request to the API server. Real pods name up to three."""

MAX_BYTES = 64 * 1024
"""Of all Secrets of a pod together: 200 registries at 300 bytes each."""

MAX_KEYRINGS = 1000
"""That are kept, one for each namespace and list of names: 64 MiB at the very most, 1 MiB in usual clusters."""

_NAMES_IN_LOG = 3
_LABEL = "[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*", re.ASCII)
_KEYS = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}
_LEGACY = ".dockercfg"

K = TypeVar("K")


class _UnusableError(Exception):
    """The Secrets that a pod names cannot be used. The message is for the log, and shows nothing of them."""


@dataclass(frozen=True, slots=True)
class DockerSecret:
    """The docker configuration in a Secret; `legacy` where it has the form of a `.dockercfg`."""

    content: bytes = field(repr=False)
    legacy: bool


@dataclass(frozen=True, slots=True)
class _Kept(Generic[K]):
    """What a pod has; None where it has nothing. `whole`: no Secret that is named was missing."""

    keyring: K | None
    whole: bool


class ClusterPullSecrets(Generic[K]):
    """Fills `webhook.admission.ports.PullSecrets`.

    `make` makes a keyring of Secrets, None where they hold nothing. It raises ValueError where one is malformed, whose
    text goes nowhere.
    """

    def __init__(
        self, clock: Clock, make: Callable[[tuple[DockerSecret, ...]], K | None], kubeconfig: Path | None = None
    ) -> None:
        self._make = make
        self._connection = Connection(kubeconfig)
        self._kept: Cache[tuple[str, tuple[str, ...], str], _Kept[K]] = Cache(
            maxsize=MAX_KEYRINGS,
            lifetime=lambda kept: KEPT_SECONDS if kept.whole else MISSING_SECONDS,
            clock=clock.monotonic,
            flight_seconds=FLIGHT_SECONDS,
        )

    async def keyring(self, namespace: str, secrets: tuple[str, ...], service_account: str, wait: float) -> K | None:
        """The pull secrets of a pod, by the names in its spec; without names its service account's count.

        None where it has none. Raises `NotFoundOutError` where one cannot be read, or not within `wait` seconds.
        """
        named = tuple(map(_possible, secrets[: MAX_SECRETS + 1]))
        key = (namespace, named, "" if named else _possible(service_account or "default"))
        kept = await self._kept.get(key, lambda: self._read(*key), wait, namespace)
        return kept.keyring

    async def connect(self) -> None:
        """Load the client and its credentials. Raises `ConfigurationError` where there are none."""
        try:
            await self._connection.core()
        except Exception as error:  # whatever the client raises, there is nobody to ask
            raise ConfigurationError(
                f"pull secrets are to be read, and there is no cluster to ask ({type(error).__name__})"
            ) from error

    async def close(self) -> None:
        """Close the connection."""
        await self._kept.close()
        await self._connection.close()

    async def _read(self, namespace: str, secrets: tuple[str, ...], service_account: str) -> _Kept[K]:
        try:
            names = secrets or await self._of_account(namespace, service_account)
            found = await self._found(namespace, names)
            keyring = self._made({name: secret for name, secret in found.items() if secret and secret.content})
            return _Kept(keyring, whole=None not in found.values())
        except _UnusableError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - whatever the client raises; its text may show a Secret
            status = getattr(error, "status", None)
            reason = f"the API server gave no answer ({type(error).__name__}{f' {status}' if status else ''})"
        named = ", ".join(map(images.excerpt, secrets[:_NAMES_IN_LOG] or (service_account,)))
        _log.warning("pull secrets in namespace %s (%s) cannot be used: %s", namespace, named, reason)
        raise CredentialsUnavailableError("the pod's pull secrets cannot be used; tidewaiter's log says why")

    def _made(self, secrets: Mapping[str, DockerSecret]) -> K | None:
        """Raises `_UnusableError`."""
        size = sum(len(secret.content) for secret in secrets.values())
        if size > MAX_BYTES:
            raise _UnusableError(f"they have {size} bytes together; expected at most {MAX_BYTES}")
        try:
            return self._make(tuple(secrets.values()))
        except ValueError:
            unusable = "; ".join(
                f"{name} {fault}" for name, secret in secrets.items() if (fault := self._fault(secret))
            )
            raise _UnusableError(unusable) from None

    def _fault(self, secret: DockerSecret) -> str:
        """What is wrong with one Secret, "" where nothing is."""
        try:
            self._make((secret,))
        except ValueError:
            return "is not a docker configuration" if _is_json(secret.content) else "is not JSON in UTF-8"
        return ""

    async def _of_account(self, namespace: str, name: str) -> tuple[str, ...]:
        api = await self._connection.core()
        account = await _existing(api.read_namespaced_service_account, name, namespace)
        return () if account is None else tuple(_possible(each.name or "") for each in account.image_pull_secrets or ())

    async def _found(self, namespace: str, names: tuple[str, ...]) -> dict[str, DockerSecret | None]:
        """What each Secret holds, by its name; None where it is missing. Raises `_UnusableError`."""
        if len(names) > MAX_SECRETS:
            raise _UnusableError(f"there are more than {MAX_SECRETS} of them")
        distinct = dict.fromkeys(name for name in names if name)
        if not distinct:
            return {}
        api = await self._connection.core()
        found = await asyncio.gather(*(_existing(api.read_namespaced_secret, name, namespace) for name in distinct))
        return {name: each and _content(name, each) for name, each in zip(distinct, found, strict=True)}


def _possible(name: str) -> str:
    """The name, or "" for one that no object can have: it is neither kept nor put into a URL."""
    return name if _NAME.fullmatch(name) else ""


async def _existing(read: Callable[..., Any], name: str, namespace: str) -> Any:
    """What has the name, None where nothing has."""
    if not name:
        return None
    if not _NAME.fullmatch(namespace):
        raise _UnusableError("it is no name of a namespace")
    try:
        return await read(name, namespace, _request_timeout=LOOKUP_SECONDS)
    except Exception as error:
        if getattr(error, "status", None) == 404:
            return None
        raise


def _content(name: str, secret: Any) -> DockerSecret:
    """Empty where the Secret is of another type. Raises `_UnusableError`."""
    key = _KEYS.get(secret.type or "", "")
    try:
        return DockerSecret(base64.b64decode((secret.data or {}).get(key, ""), validate=True), key == _LEGACY)
    except binascii.Error:
        raise _UnusableError(f"{name} has data that is not base64") from None


def _is_json(content: bytes) -> bool:
    try:
        msgspec.json.decode(content.decode("utf-8"), type=msgspec.Raw)
    except (ValueError, RecursionError):
        return False
    return True
