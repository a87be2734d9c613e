"""Reviews asked of a server by a process of clients, and what they cost the server."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from typing import Literal

import msgspec

from benchmarks import wrk
from benchmarks.load import Job, Tally
from benchmarks.processes import Server

ROUND_SECONDS = 1


class Round(msgspec.Struct, frozen=True):
    """One load on one server. `cpu` is what the server computed for each answer, in seconds; `by` whom it was asked."""

    tally: Tally
    cpu: float
    by: str


async def ask(server: Server, job: Job) -> Round:
    """Put a load on a server, by wrk if that can do it."""
    before = server.cpu_seconds
    by, tally = ("wrk", await _by_wrk(server, job)) if wrk.can(job) else ("own", await _by_own_clients(job))
    return Round(tally, (server.cpu_seconds - before) / max(1, tally.answers), by)


async def _by_wrk(server: Server, job: Job) -> Tally:
    """Whether wrk's answers let the pod pass is told by the server; a yardstick always lets it pass."""
    before = await server.decisions()
    tally = await wrk.ask(job)
    refused = (await server.decisions()).refused - before.refused
    return msgspec.structs.replace(tally, allowed=tally.allowed - refused)


async def _by_own_clients(job: Job) -> Tally:
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.load", stdin=PIPE, stdout=PIPE)
    output, _ = await process.communicate(msgspec.json.encode(job))
    assert process.returncode == 0, "the clients failed; see above"
    return msgspec.json.decode(output, type=Tally)


@asynccontextmanager
async def pressed(job: Job) -> AsyncIterator[None]:
    """A load that goes on in the meantime; nobody counts its answers."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.load", stdin=PIPE, stdout=DEVNULL)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job))
    process.stdin.close()
    try:
        yield
        assert process.returncode is None, "the load ended early"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def ask_in_turn(servers: Sequence[Server], bodies: str, clients: int, rounds: int) -> list[list[Round]]:
    """The same load on each server in turn, several times, so that what else the machine does falls on all of them."""
    results: list[list[Round]] = [[] for _ in servers]
    for _ in range(rounds):
        for server, found in zip(servers, results, strict=True):
            job = Job(port=server.port, bodies=bodies, clients=clients, seconds=ROUND_SECONDS)
            found.append(await ask(server, job))
    return results


def rate(rounds: Sequence[Round]) -> float:
    """Answers a second, in the middle round."""
    return median(each.tally.rate for each in rounds)


def milliseconds(rounds: Sequence[Round], part: Literal["p50", "p99"]) -> float:
    """A quantile, in the middle round."""
    return median(each.tally.p50 if part == "p50" else each.tally.p99 for each in rounds) * 1000


def cpu_microseconds(rounds: Sequence[Round]) -> float:
    """What an answer costs the server, in the round that was disturbed least."""
    return min(each.cpu for each in rounds) * 1e6


def ratio(ours: Sequence[Round], others: Sequence[Round]) -> float:
    """Our rate as a part of another's: the middle one of the pairs that were measured one after the other."""
    return median(one.tally.rate / other.tally.rate for one, other in zip(ours, others, strict=True))
