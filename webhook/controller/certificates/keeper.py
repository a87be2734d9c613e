"""Keeps the Secret and the caBundles as they should be: looks, takes one step, and looks again.

The Secret is the one place of truth, and written with its resourceVersion: of two keepers one learns that it was late.
Configurations are read before the Secret and written with their own resourceVersion, so that what a keeper writes to
one was never older than what the configuration said already.
"""

import asyncio
import logging
from typing import Literal

from cryptography import x509

from webhook.admission.report import plain
from webhook.clock import Clock
from webhook.controller.certificates import bundles, secret
from webhook.controller.certificates.authority import Pair, authority_name, pem_of, read_certificates
from webhook.controller.certificates.bundles import Configuration
from webhook.controller.certificates.rotation import Held, Seen, look_again, step
from webhook.controller.certificates.settings import SECRET, CertificateSettings, Failure, Observer
from webhook.controller.ports import Cluster
from webhook.errors import ClusterError
from webhook.kube.cluster import Object

_log = logging.getLogger(__name__)

MANAGER = "tidewaiter-controller"
ATTEMPTS = 3
"""At a step, when others write at the same time."""

LEAST_SECONDS = 1.0
"""Between two looks."""

_CONFLICT = 409
_QUOTING = {400, 422}
"""Answers whose messages may quote what was sent."""


class CertificateKeeper:
    """A part of the controller; while it runs, no other should for the same release."""

    def __init__(self, cluster: Cluster, settings: CertificateSettings, clock: Clock, observer: Observer) -> None:
        self._cluster = cluster
        self._settings = settings
        self._terms = settings.agreed()
        self._clock = clock
        self._observer = observer
        self._told = ""

    async def run(self) -> None:
        """For ever. Logs and counts failures itself."""
        while True:
            seconds = await self.look()
            await asyncio.sleep(seconds)

    async def look(self) -> float:
        """Do what is to be done now; in how many seconds to look again."""
        try:
            due = await self._attempts()
        except ClusterError as error:
            self._failed("cluster", _told(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not be the last look
            self._failed("defect", type(error).__name__)
            _log.exception("certificates are not kept")
        else:
            return min(self._settings.period_seconds, max(LEAST_SECONDS, due))
        return self._settings.period_seconds

    async def _attempts(self) -> float:
        act = self._make if self._settings.mode == "self" else self._pass_on
        for _ in range(ATTEMPTS - 1):
            try:
                return await act()
            except ClusterError as error:
                if error.status != _CONFLICT:
                    raise
        return await act()

    async def _make(self) -> float:
        configurations = await bundles.look(self._cluster, self._settings.configurations)
        before = await self._secret()
        held = secret.read(before)
        if not secret.is_ours(before, held, self._settings):
            self._failed("secret", f"the Secret {self._settings.secret} is somebody else's, and is left as it is")
            return self._settings.period_seconds
        new = step(held, _seen(held, configurations, self._settings.release), self._clock.now(), self._terms)
        if new.serving != held.serving:  # trusted first, since replicas may take it up at any moment
            await self._trust(configurations, pem_of(new.trusted))
            await self._store(held, new, before)
        else:
            await self._store(held, new, before)
            await self._trust(configurations, pem_of(new.trusted))
        self._told = ""
        self._expires("ca", new.authority or new.coming)
        self._expires("serving", new.serving)
        due = look_again(new, self._terms)
        return (due - self._clock.now()).total_seconds() if due else self._settings.period_seconds

    async def _pass_on(self) -> float:
        """Somebody else makes the Secret."""
        configurations = await bundles.look(self._cluster, self._settings.configurations)
        found = await self._secret()
        trusted = secret.authorities(found)
        if not trusted:
            self._failed("secret", f"the Secret {self._settings.secret} is missing, or its ca.crt holds no certificate")
            return self._settings.period_seconds
        await self._trust(configurations, trusted)
        self._told = ""
        self._expires("ca", max(read_certificates(trusted), key=lambda each: each.not_valid_after_utc))
        self._expires("serving", secret.serving(found))
        return self._settings.period_seconds

    async def _secret(self) -> Object | None:
        return await self._cluster.get(SECRET, self._settings.secret, self._settings.namespace)

    async def _store(self, held: Held, new: Held, before: Object | None) -> None:
        """Write the Secret where it is to hold something else, or is not yet its owner's."""
        owner = await self._owner(before)
        if new == held and owner is None:
            return
        written = secret.written(new, before, self._settings, owner)
        if before is None:
            await self._cluster.create(SECRET, written)
        else:
            await self._cluster.replace(SECRET, written, manager=MANAGER)
        self._tell_renewed(held, new)

    async def _owner(self, before: Object | None) -> Object | None:
        """The object that the Secret is to go with, where that is to be written still."""
        wanted = self._settings.owner
        references = (before or {"metadata": {}})["metadata"].get("ownerReferences") or []
        if wanted is None or any(
            (each["kind"], each["name"]) == (wanted.kind.kind, wanted.name) for each in references
        ):
            return None
        return await self._cluster.get(wanted.kind, wanted.name, self._settings.namespace)

    async def _trust(self, configurations: list[Configuration], bundle: bytes) -> None:
        for each in configurations:
            if await bundles.write(self._cluster, each, bundle):
                _log.warning("the caBundle of %s was somebody else's, and has been taken back", each.reference.name)
                self._observer.broken_trust(each.reference.name)

    def _tell_renewed(self, held: Held, new: Held) -> None:
        if new.serving is not None and new.serving != held.serving:
            _log.info("a new serving certificate is in the Secret %s: %s", self._settings.secret, _ends(new.serving))
            self._observer.renewed("serving")
        before = [each for each in (held.authority, held.coming) if each is not None]
        for each in (new.authority, new.coming):
            if each is not None and each not in before:
                _log.info("a new authority is in the Secret %s: %s", self._settings.secret, _ends(each))
                self._observer.renewed("ca")

    def _expires(self, kind: Literal["ca", "serving"], present: Pair | x509.Certificate | None) -> None:
        certificate = present.certificate if isinstance(present, Pair) else present
        if certificate is not None:
            self._observer.certificate_expires(kind, certificate.not_valid_after_utc.timestamp())

    def _failed(self, reason: Failure, told: str) -> None:
        """Tell it once, and count it each time."""
        self._observer.failed(reason)
        if told != self._told:
            self._told = told
            _log.error("certificates are not kept: %s", told)


def _seen(held: Held, configurations: list[Configuration], release: str) -> Seen:
    bundle = pem_of(held.trusted)
    own = bundles.own_authorities(configurations, authority_name(release))
    return Seen(everywhere=all(each.trusts(bundle) for each in configurations), authorities=own)


def _ends(pair: Pair) -> str:
    return f"it ends {pair.certificate.not_valid_after_utc.isoformat()}"


def _told(error: ClusterError) -> str:
    """An answer that may quote what was sent, such as keys, is told by its number."""
    return f"the API server answered {error.status}" if error.status in _QUOTING else plain(str(error))
