"""What is printed: resources, what was decided about each, and what counts as a denial."""

from collections.abc import Iterable

import msgspec

from webhook.cli.exits import Exit
from webhook.cli.manifests import Resource
from webhook.verdict import Mode, Verdict, Violation


class Judged(msgspec.Struct, frozen=True):
    """A resource and what was decided about it."""

    resource: Resource
    verdict: Verdict

    def exit(self, modes: Iterable[Mode]) -> Exit:
        """What the command ends with, were this the only resource; findings of these modes count as denials."""
        findings = self.failures(modes)
        if not findings:
            return Exit.ADMITTED
        return Exit.INCONCLUSIVE if all(finding.inconclusive for finding in findings) else Exit.DENIED

    def failures(self, modes: Iterable[Mode]) -> tuple[Violation, ...]:
        """The findings of these modes."""
        wanted = frozenset(modes)
        return tuple(violation for violation in self.verdict.violations if violation.mode in wanted)


class Report(msgspec.Struct, frozen=True):
    """All that was judged. Findings of the modes `failing` make the exit code 1, and tests fail."""

    judged: tuple[Judged, ...]
    failing: frozenset[Mode]
