"""What one check of the Pod Security Standards is made of: what it is called, and what it looks for since when."""

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from webhook.codes import Code
from webhook.pods import Pod
from webhook.verdict import Violation

PodCheck = Callable[[Pod], Iterator[Violation]]
"""Yields a finding for each field that the Standards forbid; nothing for a pod without a container to judge."""


class Topic(msgspec.Struct, frozen=True):
    """What the findings of a check share. `reason` is what Kubernetes' own controller says for short."""

    code: Code
    level: Literal["baseline", "restricted"]
    reason: str

    def finding(self, path: str, container: str, found: str, expected: str, fix: str) -> Violation:
        """The finding about one field: `hostPID is true, expected false (Pod Security baseline: host namespaces)`."""
        return Violation(
            code=self.code,
            path=path,
            container=container,
            message=f"{found}, expected {expected} (Pod Security {self.level}: {self.reason})",
            fix=fix,
        )


class Revision(msgspec.Struct, frozen=True):
    """What is looked for from version v1.`minor` on, until the next revision.

    `overrides` are the identities of baseline checks that the restricted level leaves to this one.
    """

    minor: int
    check: PodCheck
    overrides: tuple[str, ...] = ()


class Standard(msgspec.Struct, frozen=True):
    """One check: Kubernetes' identity for it, and its revisions, oldest first. Without one, it is not made."""

    id: str
    topic: Topic
    revisions: tuple[Revision, ...]

    def at(self, minor: int) -> Revision | None:
        """What is in force in version v1.`minor`; None before the first revision."""
        return next((one for one in reversed(self.revisions) if one.minor <= minor), None)
