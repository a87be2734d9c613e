"""Where the time of a warm review goes, without HTTP: microseconds of CPU by part.

Run as `python -m benchmarks.reviewer`. Each part is called by itself; of many rounds the least counts, so that other
work on the machine hardly shows. In a server each part takes about twice as long, since all that lies between two
reviews has taken its place in the processor's caches. "The rest" is what a whole takes beyond its parts.
"""

import io
from collections.abc import Awaitable, Callable, Mapping
from time import process_time_ns

import msgspec
import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.policy import policies
from benchmarks.reviews import NAMESPACE, review
from benchmarks.vouching import REGISTRY, NoTrustRoots, VouchingRegistry, book
from webhook import images
from webhook.admission.decide import Decider, Options
from webhook.admission.review import Answer, decode
from webhook.admission.reviewer import Reviewer
from webhook.admission.verification import Verification
from webhook.clock import SystemClock
from webhook.kube.namespaces import KnownNamespaces
from webhook.objects import PodObject
from webhook.pods import Pod, pod
from webhook.policy.book import Book
from webhook.policy.rules import ImageRules
from webhook.server.decision_log import DecisionLog
from webhook.server.metrics import Metrics
from webhook.telemetry.sink import LineSink

ROUNDS = 100
CALLS = 100
WAIT_SECONDS = 9.0
TOOK_SECONDS = 0.0001

Part = Callable[[], Awaitable[object]]


class Snapshot:
    """Fills the port `Policies`: one book for ever."""

    def __init__(self, in_force: Book) -> None:
        self._book = in_force

    def current(self) -> Book:
        """The book."""
        return self._book


class Subject:
    """One review, warm once it was answered, and what its decision is made of."""

    def __init__(self) -> None:
        registry = VouchingRegistry()
        self.book = book(policies(REGISTRY, registry.pem))
        self.body = review(1, [f"{REGISTRY}/shop/{name}@sha256:{name * 64}" for name in "abc"])
        self.verification = Verification(registry, NoTrustRoots(), SystemClock())
        self.decider = Decider(Snapshot(self.book), self.verification, KnownNamespaces({}), Options())
        self.reviewer = Reviewer(self.decider)
        self.pods = msgspec.json.Decoder(PodObject)
        self.object = msgspec.json.encode(msgspec.json.decode(self.body)["request"]["object"])
        self.pod = self.make_pod()
        self.policy = self.book.select(NAMESPACE, None).policies[0]

    @property
    def rules(self) -> ImageRules:
        """What the policy says about images."""
        assert self.policy.images is not None
        return self.policy.images

    def make_pod(self) -> Pod:
        """The pod of the review, as checks get it."""
        return pod(self.pods.decode(self.object))

    def check(self) -> int:
        """The checks of the policy; how many findings there are."""
        return sum(1 for check in self.policy.checks for _ in check(self.pod, self.policy.rules))

    def judge_images(self) -> int:
        """What the policy says about the images without I/O; how many entries of `verify` speak about them."""
        return sum(len(self.rules.judge(images.parse(use.text)).entries) for use in self.pod.images)

    def recall(self) -> int:
        """What is known about the images; how many of them are verified."""
        entry = self.rules.entries[0]
        pinned = (self.verification.known_digest(images.parse(use.text)) for use in self.pod.images)
        outcomes = (self.verification.known_outcome(entry, image, None) for image in pinned if image is not None)
        return sum(outcome is not None and outcome.verified for outcome in outcomes)

    async def decide(self) -> object:
        """The verdict about the pod."""
        return await self.decider.decide(self.pod, NAMESPACE, WAIT_SECONDS)

    async def answer(self) -> Answer:
        """The answer to the review."""
        return await self.reviewer.review(self.body, WAIT_SECONDS)


async def breakdown() -> Mapping[str, float]:
    """Microseconds by part."""
    subject, numbers = Subject(), Metrics("0")
    answer = await subject.answer()
    assert b'"allowed":true' in answer.body
    assert (subject.check(), subject.judge_images(), subject.recall()) == (0, 3, 3)
    sink = LineSink(io.BytesIO(), lambda _lines: None, max_backlog_bytes=0)
    log = DecisionLog(sink, SystemClock())
    nothing = await _least(_called(lambda: None))
    parts: dict[str, Part] = {
        "decode the review": _called(lambda: decode(subject.body)),
        "decode the pod": _called(subject.make_pod),
        "select policies": _called(lambda: subject.book.select(NAMESPACE, None)),
        "checks": _called(subject.check),
        "judge images": _called(subject.judge_images),
        "recall outcomes": _called(subject.recall),
        "decide": subject.decide,
        "review": subject.answer,
        "log": _called(lambda: log.write(answer.record, TOOK_SECONDS)),
        "metrics": _called(lambda: numbers.decided(answer.record, TOOK_SECONDS)),
    }
    times = {name: await _least(part) - nothing for name, part in parts.items()}
    await sink.close(1)
    return times


async def _least(part: Part) -> float:
    """Microseconds of CPU that one call takes, in the round that was disturbed least."""
    least = float("inf")
    for _ in range(ROUNDS):
        started = process_time_ns()
        for _ in range(CALLS):
            await part()
        least = min(least, (process_time_ns() - started) / CALLS / 1000)
    return least


def _called(part: Callable[[], object]) -> Part:
    async def call() -> object:
        return part()

    return call


def table(times: Mapping[str, float]) -> Table:
    """The parts below one another, wholes below their parts."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("part")
    rows.add_column("us", justify="right")
    for names, whole in (
        (("select policies", "checks", "judge images", "recall outcomes"), "decide"),
        (("decode the review", "decode the pod", "decide"), "review"),
    ):
        for name in names:
            if name != "decide":
                rows.add_row(f"  {name}", f"{times[name]:.1f}")
        rows.add_row(f"  the rest of {whole}", f"{times[whole] - sum(times[name] for name in names):.1f}")
        rows.add_row(whole, f"{times[whole]:.1f}")
    for name in ("log", "metrics"):
        rows.add_row(name, f"{times[name]:.1f}")
    rows.add_row("all", f"{times['review'] + times['log'] + times['metrics']:.1f}")
    return rows


if __name__ == "__main__":
    Console(highlight=False).print(table(uvloop.run(breakdown())))
