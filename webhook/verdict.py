"""What was decided about one pod, and the pieces it is made of."""

from enum import StrEnum

import msgspec

from webhook.codes import INCONCLUSIVE, Code


class Mode(StrEnum):
    """What a finding does: deny the request, warn its user, or only be recorded."""

    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"

    @property
    def rank(self) -> int:
        """0 for Audit, 1 for Warn, 2 for Enforce: the lower one wins when a mode is capped."""
        return _RANKS[self]

    def capped(self, cap: "Mode") -> "Mode":
        """The weaker of the two modes."""
        return self if self is cap or self.rank <= cap.rank else cap


_RANKS = {Mode.AUDIT: 0, Mode.WARN: 1, Mode.ENFORCE: 2}


class Violation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One field of a pod that breaks one rule.

    `path` is the field's path in the object (`spec.containers[0].image`), `message` says what was found and what is
    expected, `fix` how to mend it. A check leaves `policy`, `entry` and `mode` to whoever judges by a policy.
    `exemption` is the reason why the policy accepts it for a while; `mode` then is what it would do otherwise.
    """

    code: Code
    path: str
    message: str
    fix: str = ""
    container: str = ""
    image: str = ""
    entry: str = ""
    policy: str = ""
    mode: Mode = Mode.ENFORCE
    exemption: str = ""

    @property
    def denies(self) -> bool:
        """Whether this finding alone refuses the request."""
        return self.mode is Mode.ENFORCE

    @property
    def inconclusive(self) -> bool:
        """Whether it says "could not be found out" rather than "no"."""
        return self.code in INCONCLUSIVE


class ImageResult(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of one image of the pod.

    `reference` is the normalised one, or the text as it stood where it could not be read. `verified` is true only when
    every entry of every judging policy that speaks about the image was satisfied, and there was at least one.
    """

    path: str
    container: str
    reference: str
    digest: str | None = None
    verified: bool = False
    signers: tuple[str, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The decision about one pod: allowed exactly when no finding denies.

    `would_deny` are the findings that are only recorded, and deny once their policy enforces. `exempted` are those that
    exemptions accept: they are no `violations`. `generation` says which set of policies judged.
    """

    violations: tuple[Violation, ...] = ()
    would_deny: tuple[Violation, ...] = ()
    exempted: tuple[Violation, ...] = ()
    generation: str = ""
    policies: tuple[str, ...] = ()
    images: tuple[ImageResult, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""
        return not any(violation.denies for violation in self.violations)

    @property
    def inconclusive(self) -> bool:
        """Whether it is refused only because something could not be found out."""
        return not self.allowed and all(violation.inconclusive for violation in self.of(Mode.ENFORCE))

    def of(self, mode: Mode) -> tuple[Violation, ...]:
        """The findings of one mode, in the order of the pod's fields."""
        return tuple(violation for violation in self.violations if violation.mode is mode)
