"""The line that each decision writes.

Measured, it is the dearest part of a warm review after HTTP itself; so it is one struct, encoded once, that the garbage
collector need not look at, and the sink gets batches of them.
"""

import asyncio
from datetime import datetime

import msgspec

from webhook.admission.review import Record
from webhook.clock import Clock
from webhook.telemetry import lines
from webhook.telemetry.sink import LineSink
from webhook.verdict import ImageResult, Violation

BATCH_SECONDS = 0.05
BATCH_BYTES = 512 * 1024
"""A batch is a switch of threads: with 64 KiB ones a line costs half as much again under full load."""

MAX_LINE_BYTES = 32 * 1024
MAX_LISTED = 64
"""A record with more images or findings is cut without a try at encoding all of it."""

MAX_ITEMS = 16
MAX_CHARACTERS = 256
"""What a line over `MAX_LINE_BYTES` is cut to: so many images and findings, so many characters of each text."""


class ImageLine(msgspec.Struct, frozen=True, gc=False):
    """One image of the pod."""

    ref: str
    digest: str | None
    verified: bool
    signers: tuple[str, ...]


class ViolationLine(msgspec.Struct, frozen=True, gc=False):
    """One finding."""

    code: str
    path: str
    policy: str
    mode: str
    message: str


class ExemptedLine(msgspec.Struct, frozen=True, gc=False):
    """One finding that an exemption accepts; `reason` is the exemption's."""

    code: str
    path: str
    policy: str
    reason: str


class DecisionLine(msgspec.Struct, frozen=True, gc=False):
    """The whole line. The names of its keys are a contract with whoever searches logs."""

    ts: datetime
    level: str
    msg: str
    request_uid: str
    decision: str
    mode: str
    user: str
    namespace: str
    kind: str
    name: str
    operation: str
    dry_run: bool
    would_deny: bool
    policies: tuple[str, ...]
    images: list[ImageLine]
    violations: list[ViolationLine]
    exempted: list[ExemptedLine]
    duration_ms: float
    generation: str
    truncated: bool = False


class DecisionLog:
    """Collects lines and hands them to the sink after 50 ms at most, or earlier when there are many."""

    def __init__(self, sink: LineSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._batch: list[bytes] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None

    def write(self, record: Record, seconds: float) -> None:
        """Log a decision that took so long. Belongs on the event loop."""
        encoded = b""
        if max(len(record.images), len(record.violations), len(record.exempted)) <= MAX_LISTED:
            encoded = lines.line(self._line(record, seconds))
        if not 0 < len(encoded) <= MAX_LINE_BYTES:
            encoded = lines.line(self._line(_cut(record), seconds, truncated=True))
        self._batch.append(encoded)
        self._bytes += len(encoded)
        if self._bytes >= BATCH_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand over what there is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._batch:
            batch, self._batch, self._bytes = self._batch, [], 0
            self._sink.put(b"".join(batch), len(batch))

    def _line(self, record: Record, seconds: float, *, truncated: bool = False) -> DecisionLine:
        return DecisionLine(
            self._clock.now(),
            "warning" if record.decision == "error" else "info",
            "decision",
            record.uid,
            record.decision,
            record.mode,
            record.user,
            record.namespace,
            record.kind,
            record.name,
            record.operation,
            record.dry_run,
            record.would_deny,
            record.policies,
            [ImageLine(each.reference, each.digest, each.verified, each.signers) for each in record.images],
            [ViolationLine(each.code, each.path, each.policy, each.mode, each.message) for each in record.violations],
            [ExemptedLine(each.code, each.path, each.policy, each.exemption) for each in record.exempted],
            round(seconds * 1000, 3),
            record.generation,
            truncated,
        )


def _cut(record: Record) -> Record:
    """The record with all of its texts and lists cut to a bounded size."""
    return msgspec.structs.replace(
        record,
        uid=_short(record.uid),
        user=_short(record.user),
        namespace=_short(record.namespace),
        kind=_short(record.kind),
        name=_short(record.name),
        operation=_short(record.operation),
        policies=record.policies[:MAX_ITEMS],
        images=tuple(_cut_image(each) for each in record.images[:MAX_ITEMS]),
        violations=tuple(_cut_violation(each) for each in record.violations[:MAX_ITEMS]),
        exempted=tuple(_cut_violation(each) for each in record.exempted[:MAX_ITEMS]),
    )


def _cut_image(image: ImageResult) -> ImageResult:
    signers = tuple(_short(signer) for signer in image.signers[:MAX_ITEMS])
    return msgspec.structs.replace(image, reference=_short(image.reference), signers=signers)


def _cut_violation(violation: Violation) -> Violation:
    path, message, exemption = map(_short, (violation.path, violation.message, violation.exemption))
    return msgspec.structs.replace(violation, path=path, message=message, exemption=exemption)


def _short(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "…"
