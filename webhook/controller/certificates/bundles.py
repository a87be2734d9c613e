"""The caBundles of webhook configurations: read, and written without ever making a configuration.

`webhooks[].clientConfig.caBundle` (admissionregistration.k8s.io/v1, WebhookClientConfig) is PEM in base64, by which the
API server verifies the webhook's certificate. Whoever deleted a configuration wants to be rid of it, and server-side
apply would make it anew: what is applied bears the uid, by which the API server refuses it where the configuration is
gone, and the resourceVersion, by which it refuses it where the configuration has changed.

The ownership that server-side apply leaves behind is given up at once. Kept, it would keep each webhook in the list,
with a name and a caBundle and nothing else, when the release stops having that webhook, and so make the upgrade of
whoever installs by server-side apply invalid.
"""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from webhook.controller.certificates.authority import read_certificates
from webhook.controller.certificates.settings import Reference
from webhook.controller.ports import Cluster
from webhook.errors import ClusterError
from webhook.kube.cluster import Object

MANAGER = "tidewaiter-ca"

_CONFLICT = 409


@dataclass(frozen=True, slots=True)
class Configuration:
    """A webhook configuration that is there."""

    reference: Reference
    document: Object

    @property
    def bundles(self) -> list[bytes]:
        """The caBundle of each of its webhooks, empty where there is none."""
        return [_bundle(each) for each in self._webhooks()]

    @property
    def owned(self) -> bool:
        """Whether the API server notes fields as ours."""
        return any(map(_ours, self._managed()))

    def disowned(self) -> Object:
        """The same without such a note; the last one stays, since with none the API server would begin anew."""
        kept = [each for each in self._managed() if not _ours(each)] or self._managed()
        return {**self.document, "metadata": {**self.document["metadata"], "managedFields": kept}}

    def trusts(self, bundle: bytes) -> bool:
        """Whether each of its webhooks has this very caBundle."""
        return all(each == bundle for each in self.bundles)

    def applied(self, bundle: bytes) -> Object:
        """What is applied so that it has: nothing else of it, for this very version of it."""
        metadata = self.document["metadata"]
        encoded = base64.b64encode(bundle).decode("ascii")
        webhooks = [{"name": each["name"], "clientConfig": {"caBundle": encoded}} for each in self._webhooks()]
        kind = self.reference.kind
        names = {name: metadata[name] for name in ("name", "uid", "resourceVersion")}
        return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": names, "webhooks": webhooks}

    def _managed(self) -> list[dict[str, Any]]:
        return self.document["metadata"].get("managedFields") or []

    def _webhooks(self) -> list[dict[str, Any]]:
        return self.document.get("webhooks") or []


async def look(cluster: Cluster, references: Sequence[Reference]) -> list[Configuration]:
    """Those that are there. Raises `ClusterError`."""
    found = [(each, await cluster.get(each.kind, each.name)) for each in references]
    return [Configuration(reference, document) for reference, document in found if document is not None]


def own_authorities(configurations: Sequence[Configuration], name: x509.Name) -> tuple[x509.Certificate, ...]:
    """Authorities of this name that any of them trusts."""
    return tuple(dict.fromkeys(each for each in _authorities(configurations) if each.subject == name))


async def write(cluster: Cluster, configuration: Configuration, bundle: bytes) -> bool:
    """Have a configuration trust it and own nothing of it; whether somebody else had written the field.

    Raises `ClusterError`, of status 409 where it is another by now, or gone.
    """
    taken = False
    if not configuration.trusts(bundle):
        configuration, taken = await _apply(cluster, configuration, bundle)
    if configuration.owned:
        await cluster.replace(configuration.reference.kind, configuration.disowned(), manager=MANAGER)
    return taken


async def _apply(cluster: Cluster, configuration: Configuration, bundle: bytes) -> tuple[Configuration, bool]:
    """A conflict of fields is resolved by force. With one of versions that fails again."""
    reference, applied = configuration.reference, configuration.applied(bundle)
    try:
        document = await cluster.apply(reference.kind, applied, manager=MANAGER)
    except ClusterError as error:
        if error.status != _CONFLICT:
            raise
        return Configuration(reference, await cluster.apply(reference.kind, applied, manager=MANAGER, force=True)), True
    return Configuration(reference, document), False


def _authorities(configurations: Sequence[Configuration]) -> Iterator[x509.Certificate]:
    for configuration in configurations:
        for bundle in configuration.bundles:
            yield from read_certificates(bundle)


def _ours(managed: dict[str, Any]) -> bool:
    return managed.get("manager") == MANAGER


def _bundle(webhook: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(webhook["clientConfig"].get("caBundle") or "", validate=True)
    except (binascii.Error, ValueError):
        return b""
