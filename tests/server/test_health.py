import re

import pytest

from tests.server.serving import Pki, serving
from tests.server.wire import Wire, get


async def test_a_service_that_turns_is_alive(pki: Pki) -> None:
    async with serving(pki) as running:
        running.readiness.append("policies are not loaded")
        response = await get(running, "/livez")
    assert (response.status, response.body) == (200, b"ok\n")


async def test_a_service_is_ready_when_nothing_speaks_against_it(pki: Pki) -> None:
    async with serving(pki) as running:
        response = await get(running, "/readyz?verbose")
    assert (response.status, response.body) == (200, b"ok\n")


async def test_a_service_that_is_not_ready_says_why(pki: Pki) -> None:
    async with serving(pki) as running:
        running.readiness.append("policies are not loaded")
        response = await get(running, "/readyz")
    assert (response.status, response.body) == (503, b"policies are not loaded\n")


async def test_a_draining_service_is_alive_and_not_ready(pki: Pki) -> None:
    async with serving(pki) as running:
        running.service.end()
        await running.service.wait()
        ready, alive = await get(running, "/readyz"), await get(running, "/livez")
    assert (ready.status, ready.body) == (503, b"draining\n")
    assert alive.status == 200


async def test_metrics_are_in_the_format_of_prometheus(pki: Pki) -> None:
    async with serving(pki) as running:
        response = await get(running, "/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert re.search(rb'\ntidewaiter_build_info{python="3[0-9.]+",version="1\.2\.3"} 1\.0\n', response.body)
    assert b'tidewaiter_certificate_expiry_timestamp_seconds{kind="serving"}' in response.body


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/", "GET", 404),
        ("/livez/", "GET", 404),
        ("/debug/pprof", "GET", 404),
        ("/validate", "POST", 404),
        ("/livez", "POST", 405),
        ("/metrics", "DELETE", 405),
    ],
)
async def test_nothing_else_is_there(pki: Pki, path: str, method: str, status: int) -> None:
    async with serving(pki) as running:
        response = await get(running, path, method)
    assert response.status == status
    assert response.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


async def test_a_head_request_gets_no_body(pki: Pki) -> None:
    async with serving(pki) as running:
        wire = await Wire.open(running.health_port, None)
        wire.send(b"HEAD /livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = await wire.rest()
        await wire.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
