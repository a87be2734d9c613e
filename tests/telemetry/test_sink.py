import io
import threading

import pytest

from webhook.telemetry.sink import LineSink


class Stuck:
    """An output whose reader has stalled, until it is released."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.writing = threading.Event()
        self.released = threading.Event()

    def write(self, data: bytes) -> None:
        self.writing.set()
        self.released.wait()
        self.written.append(data)

    def flush(self) -> None:
        pass


class Broken:
    """An output that fails to write as many times as it was told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.written.append(data)

    def flush(self) -> None:
        pass


async def test_lines_are_written_in_order() -> None:
    output, lost = io.BytesIO(), list[int]()
    sink = LineSink(output, lost.append)
    for number in range(100):
        sink.put(b"%d\n" % number, 1)
    await sink.close(5)
    assert output.getvalue() == b"".join(b"%d\n" % number for number in range(100))
    assert lost == []


async def test_an_output_that_is_stuck_blocks_nobody_and_what_does_not_fit_is_counted() -> None:
    output, lost = Stuck(), list[int]()
    sink = LineSink(output, lost.append, max_backlog_bytes=10)
    sink.put(b"first\n", 1)
    output.writing.wait()
    sink.put(b"2nd\n", 1)
    sink.put(b"third\nfourth\n", 2)
    assert lost == [2]
    output.released.set()
    await sink.close(5)
    assert output.written == [b"first\n", b"2nd\n"]


async def test_an_output_that_stays_stuck_does_not_hold_up_the_end() -> None:
    output = Stuck()
    sink = LineSink(output, lambda _count: None)
    sink.put(b"first\n", 1)
    await sink.close(0.05)
    assert output.written == []
    output.released.set()


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left"), ValueError("closed file")])
async def test_lines_that_an_output_refuses_are_counted_and_the_next_are_tried(error: Exception) -> None:
    output, lost = Broken(error), list[int]()
    sink = LineSink(output, lost.append)
    sink.put(b"first\nsecond\n", 2)
    sink.put(b"third\n", 1)
    await sink.close(5)
    assert lost == [2]
    assert output.written == [b"third\n"]
