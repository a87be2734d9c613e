"""Traces of reviews, by OpenTelemetry; only loaded where an endpoint is given.

A span continues the trace that the API server began, if that is sampled, and none begins here. Below it lie resolve,
fetch and verify, with the registry's host, the digest and what came of it: no names, no messages. Spans are sent by
a thread of their own from a bounded queue: what finds no room there is lost, and no review waits for any of it.
"""

import asyncio
import threading
from collections.abc import Mapping

import msgspec
from aiohttp import web
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from webhook.admission.review import Answer
from webhook.admission.stages import Ended, Stage
from webhook.server.ports import Handler, Reviews
from webhook.server.routes import Routes

QUEUE = 2048
BATCH = 256
DELAY_MILLISECONDS = 2000
EXPORT_SECONDS = 5.0
"""A span has about 1 KiB: what waits for a collector that does not answer takes 2 MiB at most."""

CLOSE_SECONDS = 3.0
"""How long the end of the program waits for the last spans."""

MAX_ATTRIBUTES = 16
MAX_CHARACTERS = 256

PARENT = "traceparent"

DECISION = "tidewaiter.decision"
DIGEST = "tidewaiter.digest"
OUTCOME = "tidewaiter.outcome"
REGISTRY = "server.address"
ROUTE = "http.route"
STATUS = "http.response.status_code"


def exporting(endpoint: str) -> SpanProcessor:
    """Sends spans to an OTLP endpoint (`http://collector:4318`), over HTTP and in a thread of its own."""
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    return BatchSpanProcessor(
        exporter, max_queue_size=QUEUE, schedule_delay_millis=DELAY_MILLISECONDS, max_export_batch_size=BATCH
    )


class Tracing:
    """Makes spans of reviews and of what is done for them; fills `webhook.admission.stages.Stages`."""

    def __init__(self, version: str, processor: SpanProcessor) -> None:
        self._processor = processor
        self._provider = TracerProvider(
            sampler=ParentBased(root=ALWAYS_OFF),
            resource=Resource({SERVICE_NAME: "tidewaiter", SERVICE_VERSION: version}),
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_span_attributes=MAX_ATTRIBUTES, max_attribute_length=MAX_CHARACTERS),
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("tidewaiter", version)
        self._propagator = TraceContextTextMapPropagator()

    def handler(self, handle: Handler, paths: frozenset[str]) -> Handler:
        """The handler, with a span around each request that bears a trace. Paths that are not ours are not told."""

        async def traced(request: web.BaseRequest) -> web.StreamResponse:
            if PARENT not in request.headers:
                return await handle(request)
            with self._tracer.start_as_current_span(
                "review",
                context=self._parent(request.headers),
                kind=SpanKind.SERVER,
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                path = request.raw_path.partition("?")[0]
                span.set_attribute(ROUTE, path if path in paths else "other")
                answer = await handle(request)
                span.set_attribute(STATUS, answer.status)
                return answer

        return traced

    def routes(self, routes: Routes) -> Routes:
        """The routes, with each decision told to the span around it."""
        return {
            path: msgspec.structs.replace(route, reviews=_TracedReviews(route.reviews))
            for path, route in routes.items()
        }

    def began(self, stage: Stage, registry: str, digest: str) -> Ended:
        """A span below the current one, where that is recorded."""
        if not trace.get_current_span().is_recording():
            return _untold
        span = self._tracer.start_span(stage.value, kind=SpanKind.CLIENT, attributes={REGISTRY: registry})
        if digest:
            span.set_attribute(DIGEST, digest)
        token = context.attach(trace.set_span_in_context(span))

        def ended(outcome: str) -> None:
            context.detach(token)
            span.set_attribute(OUTCOME, outcome)
            span.end()

        return ended

    async def close(self) -> None:
        """Send what is left, for a while; then the rest is lost. The library alone would try for half a minute."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)
        if closing.is_alive() and isinstance(self._processor, BatchSpanProcessor):
            self._processor.span_exporter.shutdown()

    def _parent(self, headers: Mapping[str, str]) -> context.Context:
        """Without `tracestate`: it is text of whoever asks, for systems to which nothing is passed on from here."""
        return self._propagator.extract({PARENT: headers[PARENT]}, context=context.Context())


class _TracedReviews:
    """Fills `webhook.server.ports.Reviews`."""

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews

    async def review(self, body: bytes, timeout: float | None) -> Answer:  # noqa: ASYNC109 - the port's shape
        answer = await self._reviews.review(body, timeout)
        trace.get_current_span().set_attribute(DECISION, answer.record.decision)
        return answer


def _untold(outcome: str) -> None:
    """Nobody is told."""
