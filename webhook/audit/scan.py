"""What runs, judged by the policies in force as if it were created now.

A scan takes one set of policies, lists pods in pages, and judges few at a time. Equal pods of one subject are judged
once, and each image is asked about once. A registry that says it is asked too often is left alone for a while; what
needs it comes last. Whatever fails is told of the pod that it is about, or is the scan's fault, and ends neither.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from msgspec.structs import replace

from webhook.admission.decide import Decider
from webhook.admission.mend import mend
from webhook.audit.gathering import Gathered, Shared
from webhook.audit.ports import Workload, Workloads
from webhook.audit.results import Scan, Subject
from webhook.clock import Clock, SystemClock
from webhook.codes import Code
from webhook.errors import TidewaiterError
from webhook.pods import Pod
from webhook.verdict import Mode, Verdict, Violation

AT_ONCE = 4
"""Pods that are judged at once: registries have more important callers."""

JUDGE_SECONDS = 60.0
"""For one pod, which is what a verification may take."""

LOOK_SECONDS = 0.05

MAX_SECONDS = 3600.0
"""For a whole scan."""

PAUSES = (5.0, 15.0, 45.0)
"""Seconds for which registries are left alone that say they are asked too often, each time they do."""

MAX_LATER = 5_000
"""Pods that wait for such registries; what comes after is told as it is."""

_LATER = frozenset({Code.VERIFICATION_TIMED_OUT, Code.TOO_MANY_VERIFICATIONS})
_TOKEN_VOLUME = "kube-api-access-"  # noqa: S105 - no password
"""How names of volumes begin that the API server adds; the rest is by chance
(`k8s.io/kubernetes/plugin/pkg/admission/serviceaccount`)."""

UNREADABLE = "the pod is of another form than the API's, so that it cannot be judged"
FAILED = "tidewaiter failed; its log has the reason"
UNJUDGED = "the audit ended before it was judged"
LIMITED = "a registry of its images answered that it was asked too often"

_log = logging.getLogger(__name__)


class Scanner:
    """Scans what runs as often as it is asked. `pauses` are the seconds that a registry is left alone, each time."""

    def __init__(
        self,
        workloads: Workloads,
        decider: Decider,
        *,
        clock: Clock | None = None,
        at_once: int = AT_ONCE,
        pauses: tuple[float, ...] = PAUSES,
        longest: float = MAX_SECONDS,
    ) -> None:
        self._workloads = workloads
        self._decider = decider
        self._clock = clock or SystemClock()
        self._at_once = at_once
        self._pauses = pauses
        self._longest = longest

    async def scan(self) -> Scan:
        """One pass over everything. Raises nothing: what failed is in it."""
        began = self._clock.now()
        one = _Pass(self._workloads, self._decider, self._at_once, self._pauses)
        try:
            async with asyncio.timeout(self._longest):
                await one.run()
        except TimeoutError:
            one.fault = f"it took longer than {self._longest:g} seconds, and was ended"
        return one.told(began, self._clock)


class _Pass:
    """One scan while it goes on."""

    def __init__(self, workloads: Workloads, decider: Decider, at_once: int, pauses: tuple[float, ...]) -> None:
        self.fault = ""
        self._workloads = workloads
        self._decider, self._images = decider.remembering()
        self._at_once = at_once
        self._pauses = pauses
        self._pods = 0
        self._gathered: dict[Subject, Gathered] = {}
        self._shared = Shared()
        self._seen: set[bytes] = set()
        self._later: list[tuple[Gathered, Workload, Pod]] = []

    async def run(self) -> None:
        """List and judge. What listing fails for is the fault, and what was listed by then is judged."""
        work: asyncio.Queue[tuple[Gathered, Workload, Pod] | None] = asyncio.Queue(2 * self._at_once)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._at_once):
                tasks.create_task(self._work(work))
            async for each in self._listed():
                await work.put(each)
            for _ in range(self._at_once):
                await work.put(None)
        for number, pause in enumerate(self._pauses, 1):
            if not self._later:
                return
            await asyncio.sleep(pause)
            self._images.forget_limits()
            again, self._later = self._later, []
            for gathered, workload, pod in again:
                await self._judge(gathered, workload, pod, last=number == len(self._pauses))

    async def _listed(self) -> AsyncIterator[tuple[Gathered, Workload, Pod]]:
        """Those that are to be judged: each subject's pods, the equal ones once."""
        try:
            async for page in self._workloads.pages():
                for workload in page:
                    gathered = self._gather(workload)
                    if workload.pod is None:
                        gathered.begin()
                        gathered.take(self._refused(Code.OBJECT_INVALID, UNREADABLE), self._shared)
                    elif self._is_new(workload, workload.pod):
                        gathered.begin()
                        yield gathered, workload, workload.pod
                    await asyncio.sleep(0)
        except TidewaiterError as error:
            self.fault = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was listed by then is told
            _log.exception("pods could not be listed")
            self.fault = f"pods could not be listed ({type(error).__name__})"

    def _gather(self, workload: Workload) -> Gathered:
        subject = Subject(workload.api_version, workload.kind, workload.namespace, workload.name, workload.uid)
        gathered = self._gathered.get(subject)
        if gathered is None:
            gathered = self._gathered[subject] = Gathered(subject)
        gathered.count()
        self._pods += 1
        return gathered

    def _is_new(self, workload: Workload, pod: Pod) -> bool:
        key = fingerprint(workload, pod)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    async def _work(self, work: "asyncio.Queue[tuple[Gathered, Workload, Pod] | None]") -> None:
        while (each := await work.get()) is not None:
            await self._judge(*each, last=not self._pauses)
            await asyncio.sleep(0)  # whoever shares the loop has a turn after each pod

    async def _judge(self, gathered: Gathered, workload: Workload, pod: Pod, *, last: bool) -> None:
        """Judge a pod; one that needs a registry which wants to be left alone waits, unless it is the `last` time."""
        try:
            verdict = await self._verdict(workload, pod)
        except Exception:  # noqa: BLE001 - one pod must not hide all others
            _log.exception("a pod of %s could not be judged", workload.namespace)
            verdict = self._refused(Code.INTERNAL_ERROR, FAILED)
        limited = Code.REGISTRY_RATE_LIMITED in _codes(verdict)
        if limited and not last and len(self._later) < MAX_LATER:
            self._later.append((gathered, workload, pod))
        else:
            gathered.take(verdict, self._shared)

    async def _verdict(self, workload: Workload, pod: Pod) -> Verdict:
        """The verdict when verifications have ended: policies of mode Audit do not wait for them."""
        loop = asyncio.get_running_loop()
        end = loop.time() + JUDGE_SECONDS
        cap = Mode.AUDIT if workload.static else Mode.ENFORCE
        while True:
            left = end - loop.time()
            verdict = await self._decider.decide(pod, workload.namespace, left, cap)
            if not _codes(verdict) & _LATER or left < LOOK_SECONDS:
                return replace(verdict, would_deny=()) if workload.static else verdict
            await asyncio.sleep(LOOK_SECONDS)

    def _refused(self, code: Code, message: str) -> Verdict:
        """What is said of a pod that no policy judged."""
        mode = self._decider.options.cap
        found = (Violation(code=code, path="spec", message=message, fix=mend(code), mode=mode),)
        return Verdict(violations=found, would_deny=found if mode is Mode.AUDIT else ())

    def told(self, began: datetime, clock: Clock) -> Scan:
        """All of it, in the order of namespaces, kinds and names. Pods that were not judged are told to be so."""
        for gathered, _, _ in self._later:
            gathered.take(self._refused(Code.REGISTRY_RATE_LIMITED, LIMITED), self._shared)
        for gathered in self._gathered.values():
            if gathered.open:
                gathered.take(self._refused(Code.VERIFICATION_TIMED_OUT, UNJUDGED), self._shared)
        audited = [gathered.audited() for gathered in self._gathered.values()]
        audited.sort(key=lambda each: (each.subject.namespace, each.subject.kind, each.subject.name, each.subject.uid))
        return Scan(
            began=began,
            ended=clock.now(),
            generation=self._decider.generation,
            pods=self._pods,
            audited=tuple(audited),
            fault=self.fault,
            notes=tuple(self._workloads.notes),
        )


def _codes(verdict: Verdict) -> frozenset[Code]:
    return frozenset(violation.code for violation in verdict.violations)


def fingerprint(workload: Workload, pod: Pod) -> bytes:
    """Equal for pods of one subject that are judged alike: all but where they run and how their token is mounted.

    The subject counts with all that names it: whoever writes a pod may name an owner by somebody else's uid.
    """
    volumes = [_named_alike(each) for each in pod.spec.volumes or ()]
    spec = replace(pod.spec, node_name=None, volumes=tuple(volumes))
    subject = (workload.api_version, workload.kind, workload.namespace, workload.name, workload.uid)
    read = (subject, workload.static, spec, dict(pod.labels or {}), dict(pod.annotations))
    return hashlib.blake2b(msgspec.json.encode(read), digest_size=16).digest()


def _named_alike(volume: dict[str, object]) -> dict[str, object]:
    name = volume.get("name")
    if isinstance(name, str) and name.startswith(_TOKEN_VOLUME) and "projected" in volume:
        return {**volume, "name": _TOKEN_VOLUME}
    return volume
