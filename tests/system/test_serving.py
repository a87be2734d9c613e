"""Certificates that are renewed and replicas that go, under load: no request fails."""

import http.client
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
import trustme

from tests.system import policies
from tests.system.certificates import write_certificate
from tests.system.load import Load
from tests.system.polling import eventually
from tests.system.processes import accepts
from tests.system.program import Server, serving
from tests.system.reviews import HEADERS, PATH, not_admitted, review
from tests.system.signing import Registry, Workshop

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

DRAIN_SECONDS = 2


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop, ggcr: Registry) -> Path:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    return policies.write(tmp_path_factory.mktemp("policy") / "policy.yaml", production={"images": rules})


@pytest.fixture
def start(tmp_path: Path, policy: Path, ca: trustme.CA, ggcr: Registry) -> Iterator[Callable[[], Server]]:
    """Starts a replica; all of them share a certificate, `tls.crt` and `tls.key` of the test's folder."""
    certificate, key = write_certificate(ca, tmp_path)
    flags = (f"--policy={policy}", f"--tls-cert={certificate}", f"--tls-key={key}", f"--drain-seconds={DRAIN_SECONDS}")
    with ExitStack() as replicas:
        yield lambda: replicas.enter_context(serving(tmp_path, [*flags, *ggcr.flags]))


def _trusting(*authorities: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata="".join(each.cert_pem.bytes().decode() for each in authorities))
    context.check_hostname = True
    return context


def _load(ports: Callable[[], int], context: ssl.SSLContext, image: str, per_connection: int = 20) -> Load:
    return Load(
        ports, context, PATH, HEADERS, lambda _number: review(image), not_admitted, per_connection=per_connection
    )


def _accepted(port: int, context: ssl.SSLContext) -> bool:
    """Whether the certificate that is served now is one of the trusted."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.connect()
    except ssl.SSLCertVerificationError:
        return False
    finally:
        connection.close()
    return True


def test_a_new_certificate_of_a_new_authority_fails_no_request(
    start: Callable[[], Server], tmp_path: Path, ca: trustme.CA, images: dict[str, str]
) -> None:
    server, new = start(), trustme.CA()
    with _load(lambda: server.port, _trusting(ca, new), images["signed"]) as load:
        eventually(lambda: load.answered > 100)
        write_certificate(new, tmp_path)
        eventually(lambda: _accepted(server.port, _trusting(new)))
        answered = load.answered
        eventually(lambda: load.answered > answered + 100)
    assert load.failures == []
    assert not _accepted(server.port, _trusting(ca))
    assert server.metric("tidewaiter_certificate_reload_total", result="success") == 2


def test_half_a_pair_leaves_the_certificate_before_in_use(
    start: Callable[[], Server], tmp_path: Path, ca: trustme.CA
) -> None:
    server = start()
    (tmp_path / "tls.key").write_bytes(ca.issue_cert("127.0.0.1").private_key_pem.bytes())
    eventually(lambda: server.metric("tidewaiter_certificate_reload_total", result="failure"))
    assert _accepted(server.port, _trusting(ca))


class Endpoints:
    """Where new connections go: one of the replicas that are there, by turns."""

    def __init__(self, *servers: Server) -> None:
        self._servers = list(servers)
        self._turns = count()
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            return self._servers[next(self._turns) % len(self._servers)].port

    def withdraw(self, server: Server) -> None:
        with self._lock:
            self._servers.remove(server)


def test_a_replica_that_goes_fails_no_request(
    start: Callable[[], Server], ca: trustme.CA, images: dict[str, str]
) -> None:
    """As in a rolling update: it goes on answering until it is withdrawn, which takes its readiness probe a while."""
    going, staying = start(), start()
    endpoints = Endpoints(going, staying)
    with _load(endpoints.next, _trusting(ca), images["signed"], per_connection=sys.maxsize) as load:
        eventually(lambda: load.answers.get(going.port, 0) > 50)
        going.process.send_signal(signal.SIGTERM)
        eventually(lambda: going.get("/readyz") == (503, "draining\n"))
        assert going.get("/livez")[0] == 200
        answered = load.answers[going.port]
        eventually(lambda: load.answers[going.port] > answered)
        endpoints.withdraw(going)
        eventually(lambda: going.process.poll() is not None)
        answered = load.answers[staying.port]
        eventually(lambda: load.answers[staying.port] > answered + 100)
    assert load.failures == []
    assert going.process.returncode == 0


def test_a_request_that_is_under_way_at_the_end_gets_its_answer(
    start: Callable[[], Server], ca: trustme.CA, images: dict[str, str]
) -> None:
    server, body = start(), review(images["signed"])
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=20, context=_trusting(ca))
    connection.putrequest("POST", PATH)
    for name, value in {**HEADERS, "Content-Length": str(len(body))}.items():
        connection.putheader(name, value)
    connection.endheaders(body[:100])
    server.process.send_signal(signal.SIGTERM)
    eventually(lambda: not accepts(server.port))
    connection.send(body[100:])
    answer = connection.getresponse()
    assert not_admitted(answer.status, answer.read()) == ""
    assert answer.will_close
    connection.close()
    eventually(lambda: server.process.poll() is not None)
    assert server.process.returncode == 0
