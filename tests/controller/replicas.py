"""Replicas of `serve` and an API server, as far as certificates go: who shows what, and whether that is accepted."""

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster
from webhook.controller.certificates.rotation import Terms
from webhook.controller.certificates.settings import (
    MUTATING,
    SECRET,
    VALIDATING,
    CertificateSettings,
    Reference,
    serving_names,
)
from webhook.kube.cluster import Kind

NAMES = serving_names("tidewaiter", "tw", ["127.0.0.1"])
CONFIGURATIONS = (Reference(VALIDATING, "tidewaiter"), Reference(MUTATING, "tidewaiter"))
LAG_SECONDS = 120.0
SECRET_PATH = SECRET.path("tw", "tidewaiter-tls")


def settings(**changed: Any) -> CertificateSettings:
    standard: dict[str, Any] = {
        "release": "tidewaiter",
        "namespace": "tw",
        "secret": "tidewaiter-tls",
        "names": NAMES,
        "configurations": CONFIGURATIONS,
    }
    return CertificateSettings(**{**standard, **changed})


def terms(**changed: Any) -> Terms:
    return Terms("tidewaiter", NAMES, **changed)


def configuration(*webhooks: str) -> dict[str, Any]:
    service = {"name": "tidewaiter", "namespace": "tw"}
    hooks = [{"name": each, "failurePolicy": "Fail", "clientConfig": {"service": service}} for each in webhooks]
    return {"metadata": {"name": "tidewaiter"}, "webhooks": hooks}


def installed() -> FakeCluster:
    """A cluster with both configurations, whose webhooks trust nobody."""
    cluster = FakeCluster()
    cluster.put(VALIDATING, configuration("pods.tidewaiter.dev", "workloads.tidewaiter.dev"))
    cluster.put(MUTATING, configuration("pin.tidewaiter.dev"))
    return cluster


def decoded(document: dict[str, Any], key: str) -> bytes:
    """A key of a Secret's data; nothing where it is no base64."""
    try:
        return base64.b64decode(document["data"].get(key, ""), validate=True)
    except ValueError:
        return b""


def bundles(cluster: FakeCluster, *kinds: Kind) -> list[bytes]:
    """Every caBundle of the configurations that are there."""
    paths = [kind.path("", "tidewaiter") for kind in kinds or (VALIDATING, MUTATING)]
    hooks = [hook for path in paths if path in cluster.objects for hook in cluster.objects[path]["webhooks"]]
    return [base64.b64decode(hook["clientConfig"].get("caBundle", "")) for hook in hooks]


class Replicas:
    """Replicas that take up what the Secret holds within two minutes, each at a moment of its own."""

    def __init__(self, cluster: FakeCluster, clock: FakeClock) -> None:
        self.checks = 0
        self.refused: list[str] = []
        self._cluster = cluster
        self._clock = clock
        self._shown: list[tuple[float, x509.Certificate]] = []

    def check(self) -> None:
        """Note what any replica may show now and a webhook's caBundle does not accept."""
        self._take_up()
        for leaf in self._served():
            for bundle in bundles(self._cluster):
                self.checks += 1
                if fault := refusal(leaf, bundle, self._clock):
                    self.refused.append(fault)

    def after(self, method: str, _path: str) -> None:
        """Check after a write."""
        if method != "GET":
            self.check()

    def forget(self) -> None:
        """All of them start anew."""
        self._shown.clear()

    def _served(self) -> list[x509.Certificate]:
        latest = self._clock.seconds - LAG_SECONDS
        until = [since for since, _ in self._shown[1:]]
        lagging = [leaf for (_, leaf), end in zip(self._shown, until, strict=False) if end > latest]
        return lagging + [leaf for _, leaf in self._shown[-1:]]

    def _take_up(self) -> None:
        """A pair that does not hold together is not taken up, as `serve` has it."""
        document = self._cluster.objects.get(SECRET_PATH)
        if document is None:
            return
        try:
            leaf = x509.load_pem_x509_certificate(decoded(document, "tls.crt"))
            key = load_pem_private_key(decoded(document, "tls.key"), None)
        except ValueError:
            return
        if key.public_key() == leaf.public_key() and leaf not in [each for _, each in self._shown[-1:]]:
            self._shown.append((self._clock.seconds, leaf))


def refusal(leaf: x509.Certificate, bundle: bytes, clock: FakeClock) -> str:
    """Why a client that trusts the caBundle does not accept the certificate as the Service's; nothing where it does."""
    name = x509.DNSName("tidewaiter.tw.svc")
    try:
        store = Store(x509.load_pem_x509_certificates(bundle))
        PolicyBuilder().store(store).time(clock.now()).build_server_verifier(name).verify(leaf, [])
    except (VerificationError, ValueError) as error:
        return f"{clock.now()}: {error}"
    return ""


class Told:
    """Fills `Observer`."""

    def __init__(self) -> None:
        self.renewals: list[str] = []
        self.failures: list[str] = []
        self.broken: list[str] = []
        self.expiries: dict[str, float] = {}

    def certificate_expires(self, kind: str, timestamp: float) -> None:
        self.expiries[kind] = timestamp

    def renewed(self, kind: str) -> None:
        self.renewals.append(kind)

    def failed(self, reason: str) -> None:
        self.failures.append(reason)

    def broken_trust(self, configuration: str) -> None:
        self.broken.append(configuration)
