"""The one orchestration: a pod and its namespace in, a verdict out.

1. Policies are selected from one immutable snapshot. 2. Container rules and image rules are judged without any I/O.
3. Only images that no Enforce policy refused are looked up, each entry of each image once, all at once. 4. What could
not be found out becomes a finding here and nowhere else; the policy's `onError` says what that finding does.
"""

from collections.abc import Iterator, Sequence

import msgspec

from webhook.admission.findings import Findings, at, namespace_unknown, no_policy_matches
from webhook.admission.lookup import Answers, Inquiry, look_up
from webhook.admission.mend import mend
from webhook.admission.ports import Namespaces, Policies
from webhook.admission.verification import Verification
from webhook.codes import Code
from webhook.errors import NotFoundOutError
from webhook.images import ImageReferenceError, PinnedImage, parse
from webhook.pods import ImageUse, Pod
from webhook.policy.book import Policy, Selection
from webhook.policy.rules import VerifyEntry
from webhook.signatures.verify import Outcome
from webhook.verdict import ImageResult, Mode, Verdict, Violation

MAX_IMAGES = 1_000
"""No real pod comes near; a request of 3 MiB could name 100,000."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a program decides, whatever the policies say.

    `cap` is the strongest thing a finding may do (`--mode audit` caps at Audit). `no_match` is what the finding does
    that no Enforce or Warn policy matches; None lets such a pod pass. With `pinning` a tag is judged as if it were
    replaced by the digest that it names now.
    """

    cap: Mode = Mode.ENFORCE
    no_match: Mode | None = Mode.ENFORCE
    pinning: bool = False


class Decider:
    """Judges pods by the policies in force."""

    def __init__(
        self, policies: Policies, verification: Verification, namespaces: Namespaces, options: Options
    ) -> None:
        self._policies = policies
        self._verification = verification
        self._namespaces = namespaces
        self.options = options

    @property
    def generation(self) -> str:
        """Which set of policies is in force."""
        return self._policies.current().generation

    async def decide(self, pod: Pod, namespace: str, wait: float, cap: Mode = Mode.ENFORCE) -> Verdict:
        """The verdict about a pod in a namespace, after `wait` seconds at most. `cap` weakens what findings do."""
        if not pod.containers and not pod.images:
            return Verdict()
        if max(len(pod.images), len(pod.containers)) > MAX_IMAGES:
            return self._too_many(pod, cap)
        book = self._policies.current()
        labels = await self._namespaces.labels(namespace) if book.needs_labels else None
        selection = book.select(namespace, labels)
        findings = Findings(cap.capped(self.options.cap))
        _judge_selection(selection, pod, namespace, findings, self.options.no_match)
        inquiries = tuple(self._judge(pod, selection.policies, findings))
        asked = _to_ask(inquiries)
        answers = await look_up(self._verification, asked, wait, findings.cap)
        for inquiry in asked:
            for violation in _judge_answers(inquiry, answers):
                findings.add(inquiry.policy, at(inquiry.use, violation))
        policies = tuple(policy.name for policy in (*selection.policies, *selection.undecided))
        return findings.verdict(policies, _results(pod, inquiries, answers))

    def _too_many(self, pod: Pod, cap: Mode) -> Verdict:
        findings = Findings(cap.capped(self.options.cap))
        message = f"more than {MAX_IMAGES} containers and image volumes, which is what is judged at most"
        findings.refuse(Violation(code=Code.OBJECT_INVALID, path=pod.path, message=message))
        return findings.verdict()

    def _judge(self, pod: Pod, policies: Sequence[Policy], findings: Findings) -> Iterator[Inquiry]:
        """All that needs no I/O; yields what may."""
        for policy in policies:
            for check in policy.checks:
                for violation in check(pod, policy.rules):
                    findings.add(policy, violation)
            if policy.images is None:
                continue
            for use in pod.images:
                try:
                    image = parse(use.text)
                except ImageReferenceError as error:
                    invalid = Violation(code=Code.REFERENCE_INVALID, path="", message=str(error))
                    findings.add(policy, at(use, invalid))
                    continue
                judgement = policy.images.judge(image, pinning=self.options.pinning)
                for violation in judgement.violations:
                    findings.add(policy, at(use, violation))
                yield Inquiry(use, image, policy, judgement)


def _judge_selection(selection: Selection, pod: Pod, namespace: str, findings: Findings, no_match: Mode | None) -> None:
    considered = (*selection.policies, *selection.undecided)
    if no_match is not None and all(policy.mode is Mode.AUDIT for policy in considered):
        findings.refuse(no_policy_matches(pod.path, namespace, no_match))
    for policy in selection.undecided:
        findings.add(policy, namespace_unknown(pod.path, namespace))


def _to_ask(inquiries: Sequence[Inquiry]) -> list[Inquiry]:
    """No socket is opened for an image that its own policy's allowlist, or any Enforce policy's, refuses."""
    refused = {
        inquiry.image for inquiry in inquiries if not inquiry.judgement.fetch and inquiry.policy.mode is Mode.ENFORCE
    }
    return [inquiry for inquiry in inquiries if inquiry.judgement.fetch and inquiry.image not in refused]


def _judge_answers(inquiry: Inquiry, answers: Answers) -> Iterator[Violation]:
    pinned = answers.digests.get(inquiry.image)
    if isinstance(pinned, NotFoundOutError):
        yield _not_found_out(pinned, str(inquiry.image), "")
    elif pinned is not None:
        if inquiry.image.digest is None and inquiry.policy.images is not None:
            yield from inquiry.policy.images.judge_digest(pinned)
        for entry in inquiry.judgement.entries:
            violation = _judge_outcome(entry, pinned, answers.outcomes[entry.key, pinned])
            if violation is not None:
                yield violation


def _judge_outcome(entry: VerifyEntry, image: PinnedImage, outcome: Outcome | NotFoundOutError) -> Violation | None:
    if isinstance(outcome, NotFoundOutError):
        return _not_found_out(outcome, str(image), entry.name)
    if outcome.verified:
        return None
    code = outcome.code or Code.NOT_SIGNED
    signers = [authority.name for authority in entry.requirement.authorities]
    return Violation(
        code=code, path="", message=outcome.message, fix=mend(code, image, signers), image=str(image), entry=entry.name
    )


def _not_found_out(error: NotFoundOutError, image: str, entry: str) -> Violation:
    return Violation(code=error.code, path="", message=str(error), fix=mend(error.code), image=image, entry=entry)


def _results(pod: Pod, inquiries: Sequence[Inquiry], answers: Answers) -> tuple[ImageResult, ...]:
    by_path: dict[str, list[Inquiry]] = {}
    for inquiry in inquiries:
        by_path.setdefault(inquiry.use.path, []).append(inquiry)
    return tuple(_result(use, by_path.get(use.path, ()), answers) for use in pod.images)


def _result(use: ImageUse, inquiries: Sequence[Inquiry], answers: Answers) -> ImageResult:
    """What is known of one image, from the inquiries of all policies about it."""
    if not inquiries:
        return ImageResult(path=use.path, container=use.container, reference=use.text)
    image = inquiries[0].image
    pinned = answers.digests.get(image)
    if not isinstance(pinned, PinnedImage):
        return ImageResult(path=use.path, container=use.container, reference=str(image), digest=image.digest)
    outcomes = [
        answers.outcomes.get((entry.key, pinned)) for inquiry in inquiries for entry in inquiry.judgement.entries
    ]
    verified = [outcome for outcome in outcomes if isinstance(outcome, Outcome) and outcome.verified]
    return ImageResult(
        path=use.path,
        container=use.container,
        reference=str(image),
        digest=str(pinned.digest),
        verified=bool(outcomes) and len(verified) == len(outcomes),
        signers=tuple(dict.fromkeys(signer for outcome in verified for signer in outcome.signers)),
    )
