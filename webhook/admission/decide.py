"""The one orchestration: a pod and its namespace in, a verdict out.

1. Policies are selected from one immutable snapshot. 2. Container rules and image rules are judged without any I/O.
3. Only images that no Enforce policy refused are looked up, each entry of each image once, all at once. 4. What could
not be found out becomes a finding in `image_findings`, and nowhere else; the policy's `onError` says what that does.
"""

import asyncio

import msgspec

from webhook.admission import pod_security_labels
from webhook.admission.findings import NO_CODES, Findings, granted, namespace_unknown, no_policy_matches
from webhook.admission.image_findings import conclude, inquire
from webhook.admission.lookup import look_up, unlocking
from webhook.admission.one_pass import KnownImages, RememberingImages
from webhook.admission.pin import Pinner
from webhook.admission.ports import Namespaces, Policies, PullSecrets
from webhook.clock import Clock, SystemClock
from webhook.codes import Code
from webhook.pods import Pod
from webhook.policy.book import Book, Policy, Selection
from webhook.policy.exemptions import FieldExemptions, with_changed_images
from webhook.verdict import Mode, Verdict, Violation

_MADE_MOOT = frozenset({Code.LATEST_TAG})
"""What is not found any more once tags have their digests."""

MAX_IMAGES = 1_000
"""No real pod comes near; a request of 3 MiB could name 100,000."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a program decides, whatever the policies say.

    `cap` is the strongest thing a finding may do (`--mode audit` caps at Audit). `no_match` is what the finding does
    that no Enforce or Warn policy matches; None lets such a pod pass. With `pinning` a tag is judged as if it were
    replaced by the digest that it names now. With `pod_security_labels` namespaces' labels ask for levels of the Pod
    Security Standards.
    """

    cap: Mode = Mode.ENFORCE
    no_match: Mode | None = Mode.ENFORCE
    pinning: bool = False
    pod_security_labels: bool = False


class OneBook:
    """Fills `webhook.admission.ports.Policies`: one set, for ever."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def current(self) -> Book:
        """That set."""
        return self._book


class Decider:
    """Judges pods by the policies in force."""

    def __init__(
        self,
        policies: Policies,
        verification: KnownImages,
        namespaces: Namespaces,
        options: Options,
        pull_secrets: PullSecrets | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._policies = policies
        self._verification = verification
        self._namespaces = namespaces
        self.options = options
        self._pull_secrets = pull_secrets
        self._clock = clock or SystemClock()

    @property
    def generation(self) -> str:
        """Which set of policies is in force."""
        return self._policies.current().generation

    def as_if_pinned(self) -> "Decider":
        """The same, for whom a tag is as good as the digest that it names now."""
        options = msgspec.structs.replace(self.options, pinning=True)
        policies, verification, pull_secrets = self._policies, self._verification, self._pull_secrets
        return Decider(policies, verification, self._namespaces, options, pull_secrets, clock=self._clock)

    def of_images(self) -> "Decider":
        """The same, for who knows nothing of a pod but its images: no pull secrets, nothing that is read in labels."""
        options = msgspec.structs.replace(self.options, pod_security_labels=False)
        return Decider(self._policies, self._verification, self._namespaces, options, clock=self._clock)

    def remembering(self) -> tuple["Decider", RememberingImages]:
        """The same for one pass over many pods: by the policies of now, asking about each image once; and what knows.

        A change of policies or of an image is seen by the next pass.
        """
        images = RememberingImages(self._verification)
        policies, clock = OneBook(self._policies.current()), self._clock
        return Decider(policies, images, self._namespaces, self.options, self._pull_secrets, clock=clock), images

    def pinner(self, *, anybody: bool = False) -> Pinner:
        """What replaces tags by the digests that this judges them by; `anybody` may ask for them."""
        policies, cap, pull_secrets, clock = self._policies, self.options.cap, self._pull_secrets, self._clock
        return Pinner(policies, self._verification, self._namespaces, cap, pull_secrets, anybody=anybody, clock=clock)

    async def decide(
        self, pod: Pod, namespace: str, wait: float, cap: Mode = Mode.ENFORCE, *, template: bool = False
    ) -> Verdict:
        """The verdict about a pod in a namespace, after `wait` seconds at most. `cap` weakens what findings do.

        Of a `template` Pod Security labels enforce nothing: its pods are judged when they are made.
        """
        deadline = asyncio.get_running_loop().time() + wait
        book = self._policies.current()
        findings = Findings(cap.capped(self.options.cap), book.generation)
        if max(len(pod.images), len(pod.containers)) > MAX_IMAGES:
            findings.refuse(_too_many(pod.path))
        if findings.found or not (pod.containers or pod.images):
            return findings.verdict()
        by_labels = self.options.pod_security_labels
        labels = await self._namespaces.labels(namespace, wait) if by_labels or book.needs_labels else None
        selection = book.select(namespace, labels)
        _judge_selection(selection, pod, namespace, findings, self.options.no_match)
        findings.granted = granted(selection.policies, namespace, self._clock)
        moot = _MADE_MOOT if self.options.pinning and any(map(_pins, selection.policies)) else NO_CODES
        for policy in selection.policies:
            _judge_fields(policy, pod, namespace, findings, moot)
        if by_labels:
            pod_security_labels.judge(pod, namespace, labels, findings, template=template)
        pinning = self.options.pinning
        inquiries = [inquire(use, selection.policies, findings, pinning=pinning) for use in pod.images]
        unlock = unlocking(self._pull_secrets, pod, namespace)
        answers = await look_up(self._verification, inquiries, deadline, findings.cap, namespace, unlock)
        return findings.verdict(selection.names, tuple([conclude(each, answers, findings) for each in inquiries]))


def _too_many(path: str) -> Violation:
    message = f"more than {MAX_IMAGES} containers and image volumes, which is what is judged at most"
    return Violation(code=Code.OBJECT_INVALID, path=path, message=message)


def _pins(policy: Policy) -> bool:
    """Whether tags are replaced on the policy's account (`Pinner`)."""
    return policy.images is not None and policy.mode is not Mode.AUDIT


def _judge_fields(policy: Policy, pod: Pod, namespace: str, findings: Findings, moot: frozenset[Code]) -> None:
    """What checks find: of the findings about one field the first that no exemption accepts, unless one does more.

    Findings with `moot` codes are about what is replaced before the pod is created.
    """
    exemptions = None
    if policy.exemptions and any(namespace in exemption.namespaces for exemption in policy.exemptions):
        pod = with_changed_images(pod)
        exemptions = FieldExemptions(findings.granted.get(policy.name, ()), pod)
    told: dict[str, Mode] = {}
    for check in policy.checks:
        for violation in findings.bounded(check(pod, policy.rules), pod.path):
            exemption = exemptions.of(violation) if exemptions else None
            if violation.code in moot:
                continue
            if exemption is not None:
                findings.exempt(policy, violation, exemption)
            elif violation.path not in told or violation.mode.rank > told[violation.path].rank:
                told[violation.path] = violation.mode
                findings.add(policy, violation)


def _judge_selection(selection: Selection, pod: Pod, namespace: str, findings: Findings, no_match: Mode | None) -> None:
    if no_match is not None and not selection.decides:
        findings.refuse(no_policy_matches(pod.path, namespace, no_match))
    for policy in selection.undecided:
        findings.add(policy, namespace_unknown(pod.path, namespace))
