"""A real service on loopback around a fake reviewer."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import trustme

from tests.fakes.clock import FakeClock
from webhook.admission import review
from webhook.admission.review import Answer, Record, ReviewError
from webhook.server.decision_log import DecisionLog
from webhook.server.metrics import Metrics
from webhook.server.routes import VALIDATE, Route, Routes
from webhook.server.run import Service
from webhook.server.settings import Limits, ServeSettings, TlsFiles
from webhook.telemetry import logs

REVIEW = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"uid-1"}}'

RECORD = Record(
    uid="uid-1",
    decision="allow",
    mode="policy",
    user="system:serviceaccount:kube-system:replicaset-controller",
    namespace="prod",
    kind="Pod",
    name="web",
    operation="CREATE",
    dry_run=False,
    policies=("production",),
    generation="abc123",
)


PATIENCE = 20.0
"""No test waits so long; it only keeps a broken one from hanging."""


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that has no event to wait for."""
    async with asyncio.timeout(PATIENCE):
        while not happened():  # noqa: ASYNC110 - what is seen from outside has no event
            await asyncio.sleep(0.002)


class Pki:
    """A server's certificate files, which a test may replace, and clients that trust them."""

    def __init__(self, authority: trustme.CA, folder: Path) -> None:
        self.authority = authority
        self.cert = folder / "tls.crt"
        self.key = folder / "tls.key"
        self.client_ca = folder / "client-ca.crt"

    def write(self, leaf: trustme.LeafCert) -> None:
        self.cert.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        self.key.write_bytes(leaf.private_key_pem.bytes())

    def files(self, *client_names: str) -> TlsFiles:
        if not client_names:
            return TlsFiles(cert=self.cert, key=self.key)
        self.authority.cert_pem.write_to_path(self.client_ca)
        return TlsFiles(cert=self.cert, key=self.key, client_ca=self.client_ca, client_names=frozenset(client_names))

    def client(self, leaf: trustme.LeafCert | None = None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.authority.configure_trust(context)
        if leaf is not None:
            leaf.configure_cert(context)
        return context


class FakeReviews:
    """Fills `webhook.server.ports.Reviews`: allows everything, when the gate is open."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.timeouts: list[float | None] = []
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.record = RECORD
        self.padding = ""

    async def review(self, body: bytes, timeout: float | None) -> Answer:  # noqa: ASYNC109 - the port's signature
        self.bodies.append(body)
        self.timeouts.append(timeout)
        self.entered.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        if not body:
            raise ReviewError("the body is empty")
        annotations = {"padding": self.padding} if self.padding else None
        return Answer(review.allow("uid-1", annotations=annotations), self.record)


class Running(msgspec.Struct):
    """What a test can see of a running service."""

    service: Service
    reviews: FakeReviews
    metrics: Metrics
    output: io.BytesIO
    pki: Pki
    readiness: list[str]

    @property
    def port(self) -> int:
        return self.service.addresses[0][1]

    @property
    def health_port(self) -> int:
        return self.service.addresses[1][1]

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    def counted(self, series: str) -> float:
        """The value of one line of the metrics; 0 where it is not there."""
        found = [line for line in self.metrics.text().decode().splitlines() if line.startswith(f"{series} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@asynccontextmanager
async def serving(
    pki: Pki,
    *,
    limits: Limits | None = None,
    tls: TlsFiles | None = None,
    audit: bool = False,
    drain_seconds: float = 0.0,
    grace_seconds: float = 5.0,
    poll_seconds: float = 3600.0,
    bind: int = 0,
    health_bind: int = 0,
    further: Routes | None = None,
) -> AsyncIterator[Running]:
    """A service that listens; at the end it closes, without draining unless the test asks for it."""
    settings = ServeSettings(
        bind=("127.0.0.1", bind),
        health_bind=("127.0.0.1", health_bind),
        tls=tls or pki.files(),
        audit=audit,
        drain_seconds=drain_seconds,
        grace_seconds=grace_seconds,
        certificate_poll_seconds=poll_seconds,
        limits=limits or Limits(),
    )
    reviews = FakeReviews()
    metrics = Metrics("1.2.3")
    output = io.BytesIO()
    readiness: list[str] = []
    async with logs.logging_to(output, metrics.log_lines_dropped) as sink:
        log = DecisionLog(sink, FakeClock())
        routes = {VALIDATE: Route(reviews=reviews), **(further or {})}
        service = Service(settings, routes, lambda: readiness[0] if readiness else None, metrics, log)
        async with service:
            yield Running(service, reviews, metrics, output, pki, readiness)
