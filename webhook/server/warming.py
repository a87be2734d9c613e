"""`serve --warm`: what runs in the cluster already is verified in the background, so that its next pods cost no wait.

It stands behind everything else: it begins when reviews are answered, judges two images at a time, pauses while reviews
are in progress, leaves a registry alone that says it is asked too often, and ends by itself. Its verdicts are thrown
away; what stays is what the engine remembers of the images.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator

from webhook.codes import INCONCLUSIVE, Code
from webhook.errors import TidewaiterError
from webhook.images import ImageReferenceError, parse
from webhook.pods import ImageUse, Pod, of_images
from webhook.server.ports import Judge, RunningPods
from webhook.verdict import Verdict

_log = logging.getLogger(__name__)

AT_ONCE = 2
MAX_IMAGES = 20_000
"""Distinct images by namespace and pull secrets: about 10 MiB. Outcomes are kept of 100,000."""

MAX_SECONDS = 3600.0
"""After that, what was verified first is forgotten again."""

JUDGE_SECONDS = 60.0
"""For one image, which is what its verification may take."""

PATIENCE_SECONDS = 5.0
"""How long reviews in progress hold up the next image: where there always are some, it goes on slowly."""

LOOK_SECONDS = 0.05

Subject = tuple[str, str, tuple[str, ...], str]
"""A namespace, an image, and the pull secrets and the service account by which it is pulled."""


class WarmUp:
    """One warm-up. `busy` says whether there is something better to do now."""

    def __init__(
        self,
        pods: RunningPods,
        judge: Judge,
        busy: Callable[[], bool],
        *,
        patience: float = PATIENCE_SECONDS,
        longest: float = MAX_SECONDS,
    ) -> None:
        self._pods = pods
        self._judge = judge
        self._busy = busy
        self._patience = patience
        self._longest = longest
        self._limited: set[str] = set()
        self._verified = 0
        self._judged = 0
        self._failures: Counter[str] = Counter()

    async def run(self) -> None:
        """List and judge, and say in the log what came of it. Raises nothing: nobody waits for it."""
        try:
            async with asyncio.timeout(self._longest):
                subjects = iter(await self._subjects())
                async with asyncio.TaskGroup() as workers:
                    for _ in range(AT_ONCE):
                        workers.create_task(self._work(subjects))
        except TimeoutError:
            _log.warning("warming up took too long and was ended")
        except Exception:  # noqa: BLE001 - whatever failed, reviews are answered as if nobody had tried
            _log.exception("warming up failed")
        finally:
            await self._pods.close()
        self._tell()

    async def _subjects(self) -> dict[Subject, None]:
        """What there is to judge, each once, as far as the cluster tells."""
        found: dict[Subject, None] = {}
        try:
            async for page in self._pods.pages():
                for namespace, pod in page:
                    for subject in _subjects(namespace, pod):
                        found[subject] = None
                        if len(found) >= MAX_IMAGES:
                            _log.warning("warming up only %s images, there are more", MAX_IMAGES)
                            return found
        except TidewaiterError as error:
            _log.error("warming up without all pods: %s", error)
        return found

    async def _work(self, subjects: Iterator[Subject]) -> None:
        for namespace, image, pull_secrets, service_account in subjects:
            registry = _registry(image)
            if registry in self._limited:
                self._failures[Code.REGISTRY_RATE_LIMITED] += 1
                continue
            await self._quiet()
            pod = of_images([ImageUse("spec", "", image)], pull_secrets, service_account)
            verdict = await self._verdict(namespace, pod)
            self._count(verdict, registry)

    async def _quiet(self) -> None:
        """Wait while there is something better to do, but not for ever."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while self._busy() and loop.time() < end:  # noqa: ASYNC110 - nobody is to pay for telling it
            await asyncio.sleep(LOOK_SECONDS)

    async def _verdict(self, namespace: str, pod: Pod) -> Verdict:
        """The verdict when the verification has ended: policies of mode Audit do not wait for it."""
        loop = asyncio.get_running_loop()
        end = loop.time() + JUDGE_SECONDS
        while True:
            left = end - loop.time()
            verdict = await self._judge.decide(pod, namespace, left)
            if Code.VERIFICATION_TIMED_OUT not in _codes(verdict) or left < LOOK_SECONDS:
                return verdict
            await asyncio.sleep(LOOK_SECONDS)

    def _count(self, verdict: Verdict, registry: str) -> None:
        codes = _codes(verdict)
        self._judged += 1
        self._verified += all(image.verified for image in verdict.images) and bool(verdict.images)
        self._failures.update(code.value for code in codes & INCONCLUSIVE)
        if Code.REGISTRY_RATE_LIMITED in codes:
            self._limited.add(registry)

    def _tell(self) -> None:
        _log.info("warmed up: %s images judged, %s of them verified", self._judged, self._verified)
        if self._failures:
            counts = ", ".join(f"{code} {count}" for code, count in sorted(self._failures.items()))
            _log.warning("warming up could not find out everything: %s", counts)


def _subjects(namespace: str, pod: Pod) -> Iterator[Subject]:
    for text in dict.fromkeys(use.text for use in pod.images):
        yield namespace, text, pod.pull_secrets, pod.service_account


def _registry(image: str) -> str:
    """The registry of an image; none where its name cannot be read."""
    try:
        return parse(image).registry
    except ImageReferenceError:
        return ""


def _codes(verdict: Verdict) -> frozenset[Code]:
    return frozenset(violation.code for violation in verdict.violations)
