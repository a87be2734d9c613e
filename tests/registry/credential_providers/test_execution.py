import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.registry.credential_providers.conftest import CANARY, Programs
from webhook.registry.credential_providers import execution
from webhook.registry.credential_providers.execution import MAX_OUTPUT_BYTES, ExecutionError


async def run(program: Path, *arguments: str, request: bytes = b"asked", **environment: str) -> bytes:
    return await execution.run(program, arguments, environment, request)


async def refusal(running: Coroutine[Any, Any, bytes]) -> str:
    with pytest.raises(ExecutionError) as refused:
        await running
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    return str(refused.value)


def is_alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def is_gone(pid: int) -> bool:
    for _ in range(500):
        if not is_alive(pid):
            return True
        await asyncio.sleep(0.01)
    return False


def noted(note: Path) -> int | None:
    text = note.read_text() if note.exists() else ""
    return int(text) if text.endswith("\n") else None


async def pid_in(note: Path) -> int:
    for _ in range(1000):
        pid = noted(note)
        if pid is not None:
            return pid
        await asyncio.sleep(0.01)
    raise AssertionError("the program did not start")


async def test_a_program_reads_the_question_and_writes_the_answer(programs: Programs) -> None:
    assert await run(programs.write("good", "printf 'said: '; cat")) == b"said: asked"


async def test_arguments_and_variables_reach_it_beside_our_own_environment(programs: Programs) -> None:
    program = programs.write("good", 'printf "%s|" "$@" "$EXTRA" "$PATH"')
    assert await run(program, "a b", "$HOME", EXTRA="x y") == f"a b|$HOME|x y|{os.environ['PATH']}|".encode()
    assert await run(program, PATH="/mine") == b"|/mine|"


async def test_an_answer_that_comes_in_parts_is_whole(programs: Programs) -> None:
    program = programs.write("slow", "printf one; sleep 0.1; printf two")
    assert await run(program) == b"onetwo"


async def test_a_program_that_reads_nothing_may_answer(programs: Programs) -> None:
    program = programs.write("deaf", "exec <&-; printf answer")
    assert await run(program, request=b"x" * 500_000) == b"answer"


async def test_what_is_written_to_the_error_output_is_thrown_away(
    programs: Programs, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    program = programs.write("loud", f"echo {CANARY} >&2; printf answer")
    assert await run(program) == b"answer"
    assert capfd.readouterr() == ("", "")
    assert CANARY not in caplog.text


async def test_a_program_that_fails_is_told_by_its_status_alone(programs: Programs) -> None:
    program = programs.write("crashing", f"echo {CANARY}; echo {CANARY} >&2; exit 3")
    assert await refusal(run(program)) == "ended with exit status 3"


async def test_a_program_that_is_killed_is_told_by_the_signal(programs: Programs) -> None:
    assert await refusal(run(programs.write("crashing", "kill -SEGV $$"))) == "was ended by signal 11"


async def test_a_program_that_cannot_be_started_is_told(programs: Programs) -> None:
    assert await refusal(run(programs.folder / "gone")) == "cannot be started: No such file or directory"
    (programs.folder / "no-program").write_text("text")
    assert await refusal(run(programs.folder / "no-program")) == "cannot be started: Permission denied"


async def test_an_endless_answer_is_cut_off_and_its_program_killed(programs: Programs) -> None:
    program = programs.write("endless", f'echo $$ > "$0.pid"; while :; do echo {CANARY}; done')
    assert await refusal(run(program)) == f"answered with more than {MAX_OUTPUT_BYTES} bytes"
    assert await is_gone(await pid_in(programs.folder / "endless.pid"))


async def test_the_largest_answer_is_read(programs: Programs) -> None:
    program = programs.write("large", f"head -c {MAX_OUTPUT_BYTES} /dev/zero")
    assert len(await run(program)) == MAX_OUTPUT_BYTES


async def test_who_stops_waiting_leaves_no_process_behind_nor_its_children(programs: Programs) -> None:
    program = programs.write("hanging", 'sleep 100 & echo $! > "$0.child"; echo $$ > "$0.pid"; wait')
    running = asyncio.create_task(run(program))
    pids = [await pid_in(programs.folder / f"hanging.{which}") for which in ("child", "pid")]
    assert all(map(is_alive, pids))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [await is_gone(pid) for pid in pids] == [True, True]


def test_the_servers_own_event_loop_runs_programs_as_well(programs: Programs) -> None:
    good = programs.write("good", "printf 'said: '; cat")
    endless = programs.write("endless", "while :; do echo more; done")
    hanging = programs.write("hanging", 'echo $$ > "$0.pid"; sleep 100')

    async def scenario() -> None:
        assert await run(good) == b"said: asked"
        assert await refusal(run(endless)) == f"answered with more than {MAX_OUTPUT_BYTES} bytes"
        assert await refusal(run(programs.folder / "gone")) == "cannot be started: No such file or directory"
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await run(hanging)
        assert await is_gone(await pid_in(programs.folder / "hanging.pid"))

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await scenario()

    uvloop.run(bounded())


async def test_a_child_that_keeps_the_output_open_is_ended_with_the_one_who_stops_waiting(programs: Programs) -> None:
    program = programs.write("forking", 'sleep 100 & echo $! > "$0.child"; printf answer')
    running = asyncio.create_task(run(program))
    child = await pid_in(programs.folder / "forking.child")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await is_gone(child)


async def test_who_stops_waiting_while_it_starts_leaves_nothing_behind(programs: Programs) -> None:
    program = programs.write("hanging", 'echo $$ > "$0.pid"; sleep 100')
    for turns in range(6):
        running = asyncio.create_task(run(program))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert await has_no_children()


async def has_no_children() -> bool:
    for _ in range(500):
        if not children():
            return True
        await asyncio.sleep(0.01)
    return False


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
