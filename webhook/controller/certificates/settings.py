"""What the keeper of the certificates is told, and whom it tells what happens."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from webhook.controller.certificates.rotation import Terms
from webhook.errors import ConfigurationError
from webhook.kube.cluster import Kind

SECRET = Kind("", "v1", "Secret", "secrets")
VALIDATING = Kind(
    "admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"
)
MUTATING = Kind("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations")

Failure = Literal["cluster", "secret", "defect"]
"""Why certificates are not kept: the API server; a given Secret without an authority, or one of somebody else in the
place of ours; something nobody thought of."""

_DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Reference:
    """An object by its kind and name: a webhook configuration, or one that owns the Secret."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Whose certificates are kept, and where.

    Attributes:
        release: the release's name, which is on everything that is made.
        namespace: the release's, in which the Secret and its owner lie.
        secret: the Secret's name.
        names: what the certificate is for, see `serving_names`.
        configurations: the webhook configurations that are to trust it.
        mode: `self`: made here; `given`: somebody else makes the Secret, and of it only `ca.crt` is used.
        owner: with whom the Secret is deleted.
        terms: lives and waiting times; absent, the usual ones.
        period_seconds: between two looks.
    """

    release: str
    namespace: str
    secret: str
    names: tuple[str, ...]
    configurations: tuple[Reference, ...]
    mode: Literal["self", "given"] = "self"
    owner: Reference | None = None
    terms: Terms | None = None
    period_seconds: float = 15.0

    def agreed(self) -> Terms:
        """The terms."""
        return self.terms or Terms(self.release, self.names)


class Observer(Protocol):
    """Is told what metrics and Events are made of."""

    def certificate_expires(self, kind: Literal["ca", "serving"], timestamp: float) -> None:
        """When the present one ends, in seconds since 1970; told at every look."""
        ...

    def renewed(self, kind: Literal["ca", "serving"]) -> None:
        """A new one has been written: an authority, or a server's certificate."""
        ...

    def failed(self, reason: Failure) -> None:
        """A look came to nothing."""
        ...

    def broken_trust(self, configuration: str) -> None:
        """Somebody else had written a caBundle to a configuration; it has been taken back."""
        ...


def serving_names(service: str, namespace: str, extra: Iterable[str] = ()) -> tuple[str, ...]:
    """What the API server may call the Service, and further names or addresses, such as the host of `webhook.url`.

    The API server calls a Service by `<service>.<namespace>.svc` (admissionregistration.k8s.io/v1, ServiceReference).
    Raises `ConfigurationError` where one is neither a DNS name nor an IP address.
    """
    own = f"{service}.{namespace}"
    names = (f"{own}.svc", own, f"{own}.svc.cluster.local", *extra)
    return tuple(dict.fromkeys(_name(each) for each in names))


def _name(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        if not name.isascii() or not _DNS_NAME.fullmatch(name.lower()):
            raise ConfigurationError(f"{name!r} is neither a DNS name nor an IP address") from None
        return name.lower()
