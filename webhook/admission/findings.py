"""The findings of one request: each gets its policy and what it does, or the exemption that accepts it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from webhook.admission.mend import mend
from webhook.clock import Clock
from webhook.codes import MEANINGS, TRANSIENT, Code
from webhook.images import ImageReference
from webhook.pods import ImageUse
from webhook.policy.book import OnError, Policy
from webhook.policy.exemptions import Accepted, Exemption, accepted
from webhook.verdict import ImageResult, Mode, Verdict, Violation

Granted = Mapping[str, Sequence[Exemption]]
"""By policy the exemptions that hold for a request. Policies without one are not there."""

MAX_FINDINGS = 2_000
"""Of the fields of one pod, by all policies together: a pod of 3 MiB could have hundreds of thousands."""

NO_CODES = frozenset[Code]()
"""Where no exemption holds."""

_ON_ERROR = {OnError.DENY: Mode.ENFORCE, OnError.WARN: Mode.WARN, OnError.ALLOW: Mode.AUDIT}


def granted(policies: Iterable[Policy], namespace: str, clock: Clock) -> Granted:
    """The exemptions that hold for a pod in the namespace now."""
    exempting = [policy for policy in policies if policy.exemptions]
    if not exempting:
        return {}
    now = clock.now()
    holding = {policy.name: [one for one in policy.exemptions if one.holds(namespace, now)] for policy in exempting}
    return {name: exemptions for name, exemptions in holding.items() if exemptions}


def accepted_codes(granted: Granted, policy: Policy, image: ImageReference) -> frozenset[Code]:
    """The codes of findings that the policy accepts of the image."""
    return frozenset(accepted(granted[policy.name], (image,))) if policy.name in granted else NO_CODES


class Findings:
    """Collects violations; `cap` is the strongest thing that any of them may do.

    `granted` are the exemptions that hold; nothing is exempt before they are given.
    """

    def __init__(self, cap: Mode, generation: str) -> None:
        self.cap = cap
        self._generation = generation
        self.granted: Granted = {}
        self.found: list[Violation] = []
        self._seen = 0
        self._accepted: dict[tuple[str, ImageReference | None], Accepted] = {}
        self._exempted: list[Violation] = []
        self._would_deny: list[Violation] = []

    def add(self, policy: Policy, violation: Violation) -> None:
        """A violation of a policy: it does what the policy's mode says, or its `onError` where that is weaker."""
        declared = violation.mode.capped(policy.mode)
        if violation.code in TRANSIENT:
            declared = declared.capped(_ON_ERROR[policy.on_error])
            enforced_one_day = declared is Mode.ENFORCE
        else:
            enforced_one_day = violation.mode is Mode.ENFORCE and declared is not Mode.WARN
        self._add(replace(violation, policy=policy.name, mode=declared.capped(self.cap)), enforced_one_day)

    def add_of_image(self, policy: Policy, violation: Violation, image: ImageReference | None) -> bool:
        """A violation that one image is to blame for, None where it cannot be read; whether the policy exempts it."""
        exemption = self._accepted_of(policy, image).get(violation.code)
        if exemption is None:
            self.add(policy, violation)
        else:
            self.exempt(policy, violation, exemption)
        return exemption is not None

    def accepted_codes(self, policy: Policy, image: ImageReference) -> frozenset[Code]:
        """The codes of findings that the policy accepts of the image."""
        return frozenset(self._accepted_of(policy, image)) if policy.name in self.granted else NO_CODES

    def _accepted_of(self, policy: Policy, image: ImageReference | None) -> Accepted:
        key = policy.name, image
        if key not in self._accepted:
            self._accepted[key] = accepted(self.granted.get(policy.name, ()), (image,))
        return self._accepted[key]

    def bounded(self, violations: Iterable[Violation], path: str) -> Iterator[Violation]:
        """Violations of fields of a pod whose spec lies at `path`: once there are too many, one that says so."""
        for violation in violations:
            if self._seen >= MAX_FINDINGS:
                message = f"more than {MAX_FINDINGS} findings, of which the rest is not looked for"
                yield replace(violation, code=Code.OBJECT_INVALID, path=path, message=message, container="", fix="")
                return
            self._seen += 1
            yield violation

    def exempt(self, policy: Policy, violation: Violation, exemption: Exemption) -> None:
        """A violation of a policy that an exemption of it accepts."""
        mode = violation.mode.capped(policy.mode).capped(self.cap)
        self._exempted.append(replace(violation, policy=policy.name, mode=mode, exemption=exemption.reason))

    def refuse(self, violation: Violation) -> None:
        """A violation that no policy made: it does what it says of itself."""
        self._add(replace(violation, mode=violation.mode.capped(self.cap)), violation.mode is Mode.ENFORCE)

    def _add(self, violation: Violation, enforced_one_day: bool) -> None:  # noqa: FBT001 - its only argument of a kind
        """`enforced_one_day`: it denies once its policy enforces, and the release is no dry run."""
        if not violation.fix:
            violation = replace(violation, fix=mend(violation.code))
        self.found.append(violation)
        if enforced_one_day and violation.mode is Mode.AUDIT:
            self._would_deny.append(violation)

    def verdict(self, policies: tuple[str, ...] = (), images: tuple[ImageResult, ...] = ()) -> Verdict:
        """All of it, decided."""
        return Verdict(
            violations=tuple(self.found),
            would_deny=tuple(self._would_deny),
            exempted=tuple(self._exempted),
            policies=policies,
            images=images,
            generation=self._generation,
        )


def at(use: ImageUse, violation: Violation) -> Violation:
    """The violation, at the place that names the image."""
    return replace(violation, path=use.path, container=use.container)


def code_alone(violation: Violation, image: str) -> Violation:
    """The violation without anything that was seen in a registry; `image` is as the pod names it."""
    code = violation.code
    return replace(violation, message=MEANINGS[code], fix=mend(code), image=image)


def no_policy_matches(path: str, namespace: str, mode: Mode) -> Violation:
    """No Enforce or Warn policy speaks about the pod."""
    return Violation(
        code=Code.NO_POLICY_MATCHES,
        path=path,
        message=f"no Enforce or Warn policy matches namespace {namespace}",
        fix="ask the cluster's administrators for a ClusterPodPolicy whose match covers it, or for --no-match",
        mode=mode,
    )


def namespace_unknown(path: str, namespace: str) -> Violation:
    """A namespaceSelector cannot be decided."""
    return Violation(
        code=Code.NAMESPACE_UNKNOWN,
        path=path,
        message=f"the labels of namespace {namespace} are not known, so whether the policy matches cannot be decided",
        fix="retry; if it stays, ask the cluster's administrators whether tidewaiter may get namespaces; "
        "on a command line, give the labels with --namespace-label",
    )
