"""Traces of reviews: which spans there are, under whose trace, and that nobody waits for them."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

pytest.importorskip("opentelemetry.exporter.otlp.proto.http", reason="needs the extra otel")

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.admission.test_reviewer import review
from tests.server.serving import FakeReviews
from tests.server.test_program import Output, client, write_policy
from tests.server.test_warm_program import NAMESPACE, Shop
from webhook.admission.stages import Stage
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import make_key, policies, push_images
from webhook.server.program import running
from webhook.server.routes import VALIDATE, Route
from webhook.server.tracing import Tracing, exporting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def tracing(spans: InMemorySpanExporter) -> AsyncIterator[Tracing]:
    tracing = Tracing("1", SimpleSpanProcessor(spans))
    yield tracing
    await tracing.close()


class Request(msgspec.Struct):
    """What of a request a span is made from."""

    headers: dict[str, str]
    raw_path: str = "/validate?timeout=10s"


async def handle(tracing: Tracing, headers: dict[str, str], path: str = "/validate", stage: str = "") -> None:
    reviews = tracing.routes({VALIDATE: Route(reviews=FakeReviews())})[VALIDATE].reviews

    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        await reviews.review(b"{}", 1.0)
        if stage:
            tracing.began(Stage.FETCH, "ghcr.io", "sha256:00")(stage)
        return web.Response()

    traced = tracing.handler(handler, frozenset({VALIDATE}))
    request: web.BaseRequest = Request(headers, path)  # type: ignore[assignment]
    assert (await traced(request)).status == 200


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_nothing_that_whoever_asks_writes_is_in_a_span_or_a_log_line(
    tracing: Tracing, spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    for state in ("a=evil", "evil", "a=" + "evil" * 1_000):
        await handle(tracing, {**SAMPLED, "tracestate": state})
    await handle(tracing, {"traceparent": "evil", "tracestate": "a=evil"})
    assert "evil" not in "".join(span.to_json() for span in spans.get_finished_spans())
    assert len(spans.get_finished_spans()) == 3
    assert caplog.messages == []


async def test_a_span_continues_the_trace_of_the_api_server(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    await handle(tracing, SAMPLED)
    (span,) = spans.get_finished_spans()
    assert span.context
    assert span.parent
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, PARENT)
    assert told(span) == {
        "http.route": "/validate",
        "tidewaiter.decision": "allow",
        "http.response.status_code": 200,
    }


@pytest.mark.parametrize("headers", [{}, UNSAMPLED, {"traceparent": "made up"}])
async def test_no_trace_begins_here_and_none_is_recorded_that_is_not_sampled(
    tracing: Tracing, spans: InMemorySpanExporter, headers: dict[str, str]
) -> None:
    await handle(tracing, headers, stage="found")
    assert spans.get_finished_spans() == ()


async def test_a_path_that_is_not_ours_is_not_told(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    await handle(tracing, SAMPLED, "/s3cret?token=s3cret")
    (span,) = spans.get_finished_spans()
    assert "s3cret" not in span.to_json()


async def test_a_stage_lies_below_its_review_with_host_digest_and_outcome(
    tracing: Tracing, spans: InMemorySpanExporter
) -> None:
    await handle(tracing, SAMPLED, stage="NOT_SIGNED")
    fetch, whole = spans.get_finished_spans()
    assert (fetch.name, whole.name) == ("fetch", "review")
    assert fetch.parent == whole.context
    expected = {"server.address": "ghcr.io", "tidewaiter.digest": "sha256:00", "tidewaiter.outcome": "NOT_SIGNED"}
    assert told(fetch) == expected


async def test_a_request_is_not_within_the_trace_of_the_one_before(
    tracing: Tracing, spans: InMemorySpanExporter
) -> None:
    await handle(tracing, SAMPLED)
    tracing.began(Stage.VERIFY, "ghcr.io", "")("verified")
    assert len(spans.get_finished_spans()) == 1


async def test_what_an_exception_says_is_not_told(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        raise ValueError("s3cret")

    request: web.BaseRequest = Request(SAMPLED)  # type: ignore[assignment]
    with pytest.raises(ValueError, match="s3cret"):
        await tracing.handler(handler, frozenset())(request)
    (span,) = spans.get_finished_spans()
    assert "s3cret" not in span.to_json()


async def test_a_whole_server_sends_the_spans_of_a_cold_review_and_of_a_warm_one(tmp_path: Path) -> None:
    sent: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        sent.append(await request.read())
        return web.Response()

    collector = web.AppRunner(web.Application())
    collector.app.router.add_post("/v1/traces", take)
    await collector.setup()
    site = web.TCPSite(collector, "127.0.0.1", 0)
    await site.start()
    host, port = collector.addresses[0][:2]
    key = make_key()
    try:
        async with DemoRegistry() as registry:
            shop = Shop(registry, push_images(registry, key, make_key()), tmp_path)
            write_policy(tmp_path, policies(registry.host, key))
            settings = msgspec.structs.replace(shop.config(None), warm=False, otlp_endpoint=f"http://{host}:{port}")
            async with running(settings, Output()) as service, client(tmp_path) as session:
                (address, review_port), _ = service.addresses
                pod = {"kind": "Pod", "spec": {"containers": [{"name": "c", "image": shop.images.legacy}]}}
                for _ in range(2):
                    await session.post(
                        f"https://{address}:{review_port}/validate",
                        data=review(pod, namespace=NAMESPACE),
                        headers={"Content-Type": "application/json", **SAMPLED},
                    )
    finally:
        await collector.cleanup()
    text = b"".join(sent)
    assert text.count(b"review") == 2
    assert text.count(b"\x06verify") == 1
    assert bytes.fromhex(TRACE) in text
    assert registry.host.split(":")[0].encode() in text
    assert shop.images.legacy.partition("@")[0].rpartition("/")[2].partition(":")[0].encode() not in text


async def test_a_collector_that_does_not_answer_delays_neither_reviews_nor_the_end() -> None:
    gate = asyncio.Event()

    async def stall(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        writer.close()

    server = await asyncio.start_server(stall, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    tracing = Tracing("1", exporting(f"http://{host}:{port}"))
    for _ in range(5000):
        await handle(tracing, SAMPLED)
    (sender,) = (each for each in threading.enumerate() if each.name == "OtelBatchSpanRecordProcessor")
    await tracing.close()
    assert sender.is_alive()  # it waits for the collector still, and nobody waits for it
    gate.set()
    server.close()
    await asyncio.to_thread(sender.join, 60)
    assert not sender.is_alive()


def test_without_the_extra_the_flag_says_what_to_install() -> None:
    code = "import sys; sys.modules['opentelemetry'] = None\nfrom webhook.server import program\nprogram._tracing('http://c')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "ConfigurationError: --otlp-endpoint needs more: pip install 'tidewaiter[otel]'" in done.stderr
