"""The API server's own Pod Security controller and our checks, about the same pods.

Run by hand with more pods, or others: `TIDEWAITER_DRAWN_PODS=30000 TIDEWAITER_DRAWN_SEED=7 pytest …`.
"""

import asyncio
import json
import os
import random
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import msgspec
import pytest

from tests.system.controlplane import ControlPlane
from tests.system.drawn_pods import Fields, drawn
from webhook.checks.pod_security import LATEST_MINOR, selected
from webhook.checks.rules import PodSecurityLevel
from webhook.codes import Code
from webhook.objects import PodObject
from webhook.pods import pod as pod_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]  # the first test may have to build tools

PODS = int(os.environ.get("TIDEWAITER_DRAWN_PODS", "2500"))
SEED = int(os.environ.get("TIDEWAITER_DRAWN_SEED", "37"))
CLIENTS = 8
VERSIONS_OF_A_POD = 2
"""The pod is tried under both levels in the latest version, and in so many others."""

LEVELS: tuple[PodSecurityLevel, ...] = ("baseline", "restricted")
MINORS = (*range(LATEST_MINOR + 1), LATEST_MINOR + 62, None)
"""All versions that there are, one that is not yet known, and the latest."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """It makes no volumes of its own in pods."""
    folder = tmp_path_factory.mktemp("cluster")
    with ControlPlane(folder, api_server_args=["--disable-admission-plugins=ServiceAccount"]) as running:
        yield running


@dataclass
class Tally:
    """How many answers there were of each kind, what we found at all, and where the two disagree."""

    found: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)


def version(minor: int | None) -> str:
    return "latest" if minor is None else f"v1.{minor}"


def namespace(level: str, minor: int | None) -> str:
    return f"{level}-{version(minor).replace('.', '-')}"


@asynccontextmanager
async def client(cluster: ControlPlane) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=CLIENTS, ssl=ssl.create_default_context(cafile=cluster.ca))
    headers = {"Authorization": f"Bearer {cluster.admin_token}"}
    async with aiohttp.ClientSession(cluster.server, connector=connector, headers=headers) as session:
        yield session


async def make_namespaces(session: aiohttp.ClientSession) -> None:
    for level in LEVELS:
        for minor in MINORS:
            label = "pod-security.kubernetes.io/enforce"
            labels = {label: level, f"{label}-version": version(minor)}
            metadata = {"name": namespace(level, minor), "labels": labels}
            async with session.post("/api/v1/namespaces", json={"metadata": metadata}) as answer:
                assert answer.status == 201, await answer.text()


async def theirs(session: aiohttp.ClientSession, pod: Fields, where: str) -> str:
    """What the API server answers: allowed, denied, or invalid where its validation accepts no such pod."""
    async with session.post(f"/api/v1/namespaces/{where}/pods?dryRun=All", json=pod) as answer:
        if answer.status == 201:
            return "allowed"
        message = (await answer.json())["message"]
        if answer.status == 422:
            return "invalid"
        assert (answer.status, "violates PodSecurity" in message) == (403, True), (message, pod)
        return "denied"


def ours(pod: Fields, level: PodSecurityLevel, minor: int | None) -> tuple[str, list[str]]:
    subject = pod_of(msgspec.convert(pod, PodObject))
    found = [violation.code.value for check in selected(level, minor) for violation in check(subject)]
    return ("denied" if found else "allowed"), found


async def compare(session: aiohttp.ClientSession, pod: Fields, minors: Sequence[int | None], tally: Tally) -> None:
    for level in LEVELS:
        for minor in minors:
            answer = await theirs(session, pod, namespace(level, minor))
            tally.answers[answer if answer == "invalid" else f"{level} {answer}"] += 1
            if answer == "invalid":
                return
            judged, found = ours(pod, level, minor)
            tally.found.update(found)
            if judged != answer:
                again = await theirs(session, pod, namespace(level, minor))
                words = f"{level}:{version(minor)} theirs {answer} (asked again: {again}), ours {judged} {found}"
                tally.differences.append(f"{words}: {json.dumps(pod)}")


async def compare_all(cluster: ControlPlane) -> Tally:
    tally = Tally()
    left = enumerate(drawn(SEED, PODS))

    async def work(session: aiohttp.ClientSession) -> None:
        for index, pod in left:
            versions = random.Random(f"{SEED}/{index}").sample(MINORS[:-1], VERSIONS_OF_A_POD)  # noqa: S311 - no secret
            await compare(session, pod, (None, *versions), tally)

    async with client(cluster) as session:
        await make_namespaces(session)
        async with asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(work(session))
    return tally


async def test_the_api_servers_own_controller_and_our_checks_agree_about_every_pod(cluster: ControlPlane) -> None:
    tally = await compare_all(cluster)
    print(f"{PODS} pods of seed {SEED}: {dict(tally.answers)}", *tally.differences, sep="\n")  # noqa: T201 - for pytest -s
    assert not tally.differences
    assert tally.found == {code.value for code in Code if code.value.startswith("POD_SECURITY_")}
    valid = PODS - tally.answers["invalid"]
    assert valid > 0.8 * PODS, "most pods must be such as the API server accepts"
    for level in LEVELS:
        answers = [tally.answers[f"{level} {answer}"] for answer in ("allowed", "denied")]
        assert min(answers) > PODS / 4, f"both answers must be drawn often: {answers}"
