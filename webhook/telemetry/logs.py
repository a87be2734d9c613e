"""All other log lines: the standard library's logging as JSON, into the same sink as the decisions.

An exception is told by its type and the places it went through. Its text is kept only where it is ours or the system's:
another library's may carry a URL with a token in it, or bytes that a registry sent.
"""

import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec

from webhook.errors import TidewaiterError
from webhook.telemetry import lines
from webhook.telemetry.sink import LineSink, Output

MAX_FRAMES = 16
MAX_CAUSES = 4
MAX_CHARACTERS = 4096
CLOSE_SECONDS = 2.0
"""What an output that is stuck may cost at the end."""


class ErrorLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """An exception: its type, its text where that is known to be harmless, and the places, innermost last."""

    type: str
    at: tuple[str, ...]
    text: str | None = None


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A log line that is no decision. `errors` starts with what was caught, then what caused it."""

    ts: datetime
    level: str
    msg: str
    logger: str
    errors: tuple[ErrorLine, ...] = ()


class SinkHandler(logging.Handler):
    """Sends each record to the sink as one line."""

    def __init__(self, sink: LineSink) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        self._sink.put(encode(record), 1)


def encode(record: logging.LogRecord) -> bytes:
    """A record as one JSON line."""
    error = record.exc_info[1] if record.exc_info else None
    return lines.line(
        LogLine(
            datetime.fromtimestamp(record.created, UTC),
            record.levelname.lower(),
            record.getMessage()[:MAX_CHARACTERS],
            record.name,
            tuple(_error(each) for each in _chain(error)),
        )
    )


@asynccontextmanager
async def logging_to(
    output: Output, dropped: Callable[[int], None], level: int = logging.INFO
) -> AsyncIterator[LineSink]:
    """A sink that writes to `output`, to which everything goes that is logged anywhere in the process meanwhile."""
    sink = LineSink(output, dropped)
    root = logging.getLogger()
    handlers, level_before = root.handlers, root.level
    root.handlers = [SinkHandler(sink)]
    root.setLevel(level)
    try:
        yield sink
    finally:
        root.handlers = handlers
        root.setLevel(level_before)
        await sink.close(CLOSE_SECONDS)


def _chain(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and len(chain) < MAX_CAUSES:
        chain.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return chain


def _error(error: BaseException) -> ErrorLine:
    kind = type(error)
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    places = tuple(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    return ErrorLine(f"{kind.__module__}.{kind.__qualname__}", places, _text(error))


def _text(error: BaseException) -> str | None:
    if isinstance(error, TidewaiterError):
        return str(error)[:MAX_CHARACTERS]
    return error.strerror if isinstance(error, OSError) else None
