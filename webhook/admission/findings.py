"""The findings of one request: each gets its policy and what it does."""

from msgspec.structs import replace

from webhook.admission.mend import mend
from webhook.codes import MEANINGS, TRANSIENT, Code
from webhook.pods import ImageUse
from webhook.policy.book import OnError, Policy
from webhook.verdict import ImageResult, Mode, Verdict, Violation

_ON_ERROR = {OnError.DENY: Mode.ENFORCE, OnError.WARN: Mode.WARN, OnError.ALLOW: Mode.AUDIT}


class Findings:
    """Collects violations; `cap` is the strongest thing that any of them may do."""

    def __init__(self, cap: Mode, generation: str) -> None:
        self.cap = cap
        self._generation = generation
        self.found: list[Violation] = []
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

    def refuse(self, violation: Violation) -> None:
        """A violation that no policy made: it does what it says of itself."""
        self._add(replace(violation, mode=violation.mode.capped(self.cap)), violation.mode is Mode.ENFORCE)

    def _add(self, violation: Violation, enforced_one_day: bool) -> None:  # noqa: FBT001 - its only argument of a kind
        """`enforced_one_day`: it denies once its policy enforces, and the release is no dry run."""
        self.found.append(violation)
        if enforced_one_day and violation.mode is Mode.AUDIT:
            self._would_deny.append(violation)

    def verdict(self, policies: tuple[str, ...] = (), images: tuple[ImageResult, ...] = ()) -> Verdict:
        """All of it, decided."""
        return Verdict(
            violations=tuple(self.found),
            would_deny=tuple(self._would_deny),
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
        fix="add a ClusterPodPolicy whose match covers it, or set --no-match",
        mode=mode,
    )


def namespace_unknown(path: str, namespace: str) -> Violation:
    """A namespaceSelector cannot be decided."""
    return Violation(
        code=Code.NAMESPACE_UNKNOWN,
        path=path,
        message=f"the labels of namespace {namespace} are not known, so whether the policy matches cannot be decided",
        fix="check that tidewaiter may get namespaces, or give labels with --namespace-label",
    )
