"""Reviews asked of a server by a process of clients, and what they cost the server."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec

from benchmarks.load import Job, Tally
from benchmarks.processes import Server

ROUND_SECONDS = 1.5


class Round(msgspec.Struct, frozen=True):
    """One load on one server. `cpu` is what the server computed for each answer, in seconds."""

    tally: Tally
    cpu: float


async def ask(server: Server, job: Job) -> Round:
    """Put a load on a server."""
    before = server.cpu_seconds
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "benchmarks.load", stdin=PIPE, stdout=PIPE)
    output, _ = await process.communicate(msgspec.json.encode(job))
    assert process.returncode == 0, "the clients failed; see above"
    tally = msgspec.json.decode(output, type=Tally)
    return Round(tally, (server.cpu_seconds - before) / max(1, tally.answers))


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
