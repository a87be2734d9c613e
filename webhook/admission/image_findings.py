"""What policies say of one image: before anything is asked about it, and after there are answers."""

from collections.abc import Sequence

from webhook.admission.findings import NO_CODES, Findings, at, code_alone
from webhook.admission.lookup import Answers, Inquiry, asked_of
from webhook.admission.mend import mend
from webhook.codes import Code
from webhook.errors import NotFoundOutError
from webhook.images import MAX_LENGTH, ImageReference, ImageReferenceError, PinnedImage, parse
from webhook.pods import ImageUse
from webhook.policy.book import Policy
from webhook.policy.rules import VerifyEntry
from webhook.signatures.outcome import Outcome
from webhook.verdict import ImageResult, Mode, Violation


def inquire(use: ImageUse, policies: Sequence[Policy], findings: Findings, *, pinning: bool) -> Inquiry:
    """What can be said of an image without I/O, and what has to be asked about it.

    Nothing is asked about an image that an Enforce policy's allowlist refuses, whatever other policies say, and
    nothing on account of a policy whose own allowlist does.
    """
    try:
        image = parse(use.text)
    except ImageReferenceError as error:
        _judge_unreadable(use, str(error), policies, findings)
        return Inquiry(use, None)
    asked = []
    refused = False
    for policy in policies:
        if policy.images is None:
            continue
        accepted = findings.accepted_codes(policy, image) if findings.granted else NO_CODES
        judgement = policy.images.judge(image, pinning=pinning, accepted=accepted)
        for violation in judgement.exempt:
            findings.add_of_image(policy, at(use, violation), image)
        for violation in judgement.violations:
            findings.add(policy, at(use, violation))
        if judgement.fetch:
            asked.append((policy, judgement))
        else:
            refused |= policy.mode is Mode.ENFORCE
    return Inquiry(use, image, () if refused else asked)


def _judge_unreadable(use: ImageUse, fault: str, policies: Sequence[Policy], findings: Findings) -> None:
    for policy in policies:
        if policy.images is not None:
            findings.add(policy, at(use, Violation(code=Code.REFERENCE_INVALID, path="", message=fault)))


def conclude(inquiry: Inquiry, answers: Answers, findings: Findings) -> ImageResult:
    """The findings that answers make, and what is known of the image after them."""
    use, image = inquiry.use, inquiry.image
    if image is None:
        return ImageResult(path=use.path, container=use.container, reference=use.text[:MAX_LENGTH])
    pinned = answers.digests.get(image)
    if not isinstance(pinned, PinnedImage):
        if pinned is not None:
            _judge_unresolved(inquiry, image, pinned, answers, findings)
        return ImageResult(path=use.path, container=use.container, reference=str(image), digest=image.digest)
    entries = 0
    satisfied: list[Outcome] = []
    for policy, judgement in inquiry.asked:
        if image.digest is None and policy.images is not None:
            for violation in policy.images.judge_digest(pinned):
                _add(policy, violation, inquiry, answers, findings)
        for entry in judgement.entries:
            entries += 1
            outcome = answers.outcomes[asked_of(entry, image, pinned)]
            if isinstance(outcome, Outcome) and outcome.verified:
                satisfied.append(outcome)
                for violation in _denied_index(policy, pinned, outcome):
                    _add(policy, violation, inquiry, answers, findings)
            else:
                _refuse(policy, entry, inquiry, pinned, outcome, answers, findings)
    return ImageResult(
        path=use.path,
        container=use.container,
        reference=str(image),
        digest=str(pinned.digest),
        verified=entries > 0 and len(satisfied) == entries,
        signers=_signers(satisfied),
    )


def _refuse(
    policy: Policy,
    entry: VerifyEntry,
    inquiry: Inquiry,
    image: PinnedImage,
    outcome: Outcome | NotFoundOutError,
    answers: Answers,
    findings: Findings,
) -> None:
    """What an entry was not satisfied for: the first refusal that no exemption accepts."""
    others = outcome.others if isinstance(outcome, Outcome) else ()
    for one in (outcome, *others):
        if not _add(policy, _violation(entry, inquiry.image, image, one), inquiry, answers, findings):
            return


def _denied_index(policy: Policy, image: PinnedImage, outcome: Outcome) -> tuple[Violation, ...]:
    """What is to be said of the index that vouched for the image: whether its digest is denied."""
    if outcome.index is None or policy.images is None:
        return ()
    return policy.images.judge_digest(PinnedImage(image.registry, image.repository, outcome.index))


def _judge_unresolved(
    inquiry: Inquiry, image: ImageReference, error: NotFoundOutError, answers: Answers, findings: Findings
) -> None:
    for policy, judgement in inquiry.asked:
        if judgement.resolve:
            _add(policy, _not_found_out(error, str(image), ""), inquiry, answers, findings)


def _add(policy: Policy, violation: Violation, inquiry: Inquiry, answers: Answers, findings: Findings) -> bool:
    """A violation that an answer makes; whether it is exempt.

    Of what a pull secret opened nothing is told to whoever creates pods.
    """
    image = inquiry.image
    if image is not None and image in answers.opened:
        violation = code_alone(violation, str(image))
    return findings.add_of_image(policy, at(inquiry.use, violation), image)


def _signers(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    if len(outcomes) == 1:
        return outcomes[0].signers
    return tuple(dict.fromkeys(signer for outcome in outcomes for signer in outcome.signers))


def _violation(
    entry: VerifyEntry, named: ImageReference | None, image: PinnedImage, outcome: Outcome | NotFoundOutError
) -> Violation:
    if isinstance(outcome, NotFoundOutError):
        return _not_found_out(outcome, str(image), entry.name)
    code = outcome.code or Code.NOT_SIGNED
    untagged = named is not None and named.digest is not None and named.tag is None
    fix = mend(code, image, entry, outcome.attestation, unknown_to=outcome.unknown_to, untagged=untagged)
    return Violation(code=code, path="", message=outcome.message, fix=fix, image=str(image), entry=entry.name)


def _not_found_out(error: NotFoundOutError, image: str, entry: str) -> Violation:
    return Violation(code=error.code, path="", message=str(error), fix=mend(error.code), image=image, entry=entry)
