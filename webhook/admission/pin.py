"""Tags turned into digests: which images of a pod are to be named by digest, and what is to be written for them.

A pod is judged by what its tags name at that moment, and kubelet asks the registry again later. Between the two a tag
can move, so it is replaced by `tag@digest` before the judgement, which then is about that digest. What is written
stays, and the digest is appended: the runtime pulls by the digest alone, from where it would have pulled the tag
(containerd, `reference/docker.ParseDockerRef`). Where nothing but a name is written, `:latest` goes between the two:
what the tag was stays to be seen, and the API server goes on to derive `imagePullPolicy: Always` from it
(`k8s.io/kubernetes/pkg/apis/core/v1/defaults.go`, SetDefaults_Container).
"""

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from webhook.admission.findings import Granted, accepted_codes, at, code_alone, granted, namespace_unknown
from webhook.admission.lookup import Answers, Inquiry, look_up, unlocking
from webhook.admission.mend import mend
from webhook.admission.one_pass import KnownImages
from webhook.admission.ports import Namespaces, Policies, PullSecrets
from webhook.clock import Clock, SystemClock
from webhook.codes import Code
from webhook.images import ImageReference, ImageReferenceError, PinnedImage, parse
from webhook.pods import ImageUse, Pod
from webhook.policy.book import Policy
from webhook.policy.rules import ImageJudgement, ImageRules
from webhook.verdict import Mode, Violation

_RESOLVE = ImageJudgement(resolve=True)
_ANYBODY_ASKS = (
    "name the image by digest, or ask the cluster's administrators to let only the API server in (--client-ca)"
)
"""Where a pod's own pull secrets would open the image, and are not used because its author may be anybody."""
_Judge = tuple[Policy, ImageRules]
_Question = tuple[ImageUse, ImageReference, list[tuple[Policy, ImageJudgement]]]
"""What an `Inquiry` is made of."""


class Pin(msgspec.Struct, frozen=True, gc=False):
    """What became of one image that is named by tag: the digest that the tag names, or a finding that says why not.

    `sought` tells apart whether anybody was to be asked for the digest. It was not where a policy refuses the image as
    it stands.
    """

    use: ImageUse
    found: PinnedImage | Violation
    sought: bool = False

    @property
    def text(self) -> str:
        """What is to stand in the pod: the tag with its digest, or what stands there now."""
        return pinned_text(self.use.text, self.found) if isinstance(self.found, PinnedImage) else self.use.text


def pinned_text(text: str, image: PinnedImage) -> str:
    """A legal reference without a digest, with the digest: it parses to what the text parses to, plus the digest."""
    tag = "" if ":" in text.rpartition("/")[2] else ":latest"
    return f"{text}{tag}@{image.digest}"


class Pinner:
    """Finds the digests of tags that an Enforce or Warn policy judges; `cap` Audit makes none of them such a policy.

    Nothing is asked about an image that an Enforce policy refuses as it stands, nor on account of a policy whose own
    allowlist does. The digest is the one that a verification uses from then on. A digest is told to whoever asks: where
    that may be `anybody`, no image is opened with a pull secret, since a forged review can name any namespace's.
    """

    def __init__(
        self,
        policies: Policies,
        verification: KnownImages,
        namespaces: Namespaces,
        cap: Mode = Mode.ENFORCE,
        pull_secrets: PullSecrets | None = None,
        *,
        anybody: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._policies = policies
        self._verification = verification
        self._namespaces = namespaces
        self._cap = cap
        self._pull_secrets = None if anybody else pull_secrets
        self._held_back = anybody and pull_secrets is not None
        self._clock = clock or SystemClock()

    @property
    def generation(self) -> str:
        """Which set of policies is in force."""
        return self._policies.current().generation

    async def pins(self, pod: Pod, namespace: str, wait: float) -> tuple[Pin, ...]:
        """What becomes of the pod's images that are named by tag and judged in the namespace, after `wait` seconds.

        Raises nothing on purpose: what could not be found out is part of it.
        """
        deadline = asyncio.get_running_loop().time() + wait
        book = self._policies.current()
        labels = await self._namespaces.labels(namespace, wait) if book.needs_labels and pod.images else None
        selection = book.select(namespace, labels)
        acting = self._acting(selection.policies)
        unknown = namespace_unknown(pod.path, namespace) if self._acting(selection.undecided) else None
        held = granted([policy for policy, _ in acting], namespace, self._clock)
        questions = [each for use in pod.images if (each := _question(use, acting, unknown, held)) is not None]
        inquiries = [Inquiry(*each) for each in questions if isinstance(each, tuple)]
        unlock = unlocking(self._pull_secrets, pod, namespace)
        answers = await look_up(self._verification, inquiries, deadline, self._cap, namespace, unlock)
        return tuple([each if isinstance(each, Pin) else self._answered(*each[:2], answers) for each in questions])

    def _answered(self, use: ImageUse, image: ImageReference, answers: Answers) -> Pin:
        found = answers.digests[image]
        if isinstance(found, PinnedImage):
            return Pin(use, found, sought=True)
        fix = _ANYBODY_ASKS if self._held_back and found.code is Code.CREDENTIALS_MISSING else mend(found.code)
        why = Violation(code=found.code, path="", message=str(found), fix=fix, image=str(image))
        why = code_alone(why, str(image)) if image in answers.opened else why
        return Pin(use, at(use, replace(why, mode=Mode.WARN)), sought=True)

    def _acting(self, policies: Sequence[Policy]) -> list[_Judge]:
        """Those that judge images, and do more than to record what they find."""
        return [
            (policy, policy.images)
            for policy in policies
            if policy.images is not None and policy.mode.capped(self._cap) is not Mode.AUDIT
        ]


def _question(
    use: ImageUse, judges: Sequence[_Judge], unknown: Violation | None, held: Granted
) -> _Question | Pin | None:
    """What has to be asked about an image, or why it cannot be pinned; None where nothing is to be done about it."""
    if not judges and unknown is None:
        return None
    try:
        image = parse(use.text)
    except ImageReferenceError as error:
        return _refused(use, Violation(code=Code.REFERENCE_INVALID, path="", message=str(error)))
    if image.digest is not None:
        return None
    asked = []
    refused = [] if unknown is None else [unknown]
    for policy, rules in judges:
        judgement = rules.judge(image, pinning=True, accepted=accepted_codes(held, policy, image))
        if judgement.violations and policy.mode is Mode.ENFORCE:
            return _refused(use, judgement.violations[0])
        refused += judgement.violations
        if judgement.fetch:
            asked.append((policy, _RESOLVE))
    return (use, image, asked) if asked else _refused(use, refused[0])


def _refused(use: ImageUse, why: Violation) -> Pin:
    return Pin(use, at(use, replace(why, mode=Mode.WARN)))
