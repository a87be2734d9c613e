"""What vouches for signers: the port that trust roots fill, and what it proves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.keys import PublicKey


@dataclass(frozen=True, slots=True)
class Proofs:
    """What must come with a signature beside itself: a policy's `transparencyLog`, `timestamp`, …: Required."""

    log: bool = False
    timestamp: bool = False
    certificate_transparency: bool = False

    def __bool__(self) -> bool:
        """Whether anything must come with it."""
        return self.log or self.timestamp or self.certificate_transparency


class TimeSource(StrEnum):
    """Who says when a signature was there."""

    LOG = "transparency log"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class ProvedTime:
    """A time at which the signature was there, UTC, and who says so."""

    time: datetime
    source: TimeSource


@dataclass(frozen=True, slots=True)
class Proved:
    """What a trust root proved about one candidate.

    `times` holds each verified time, at least one where there is a certificate. `evidence` are short phrases for a
    reader, such as `log entry 123 of rekor.example.com at 2026-01-01T00:00:00Z`.
    """

    times: tuple[ProvedTime, ...] = ()
    evidence: tuple[str, ...] = ()

    @property
    def signed_at(self) -> datetime | None:
        """The earliest verified time: the signature is at least as old, whoever dated it again later."""
        return min((one.time for one in self.times), default=None)


class TrustRoot(Protocol):
    """Certificate authorities, logs and timestamp authorities that belong together."""

    @property
    def fingerprint(self) -> str:
        """The same exactly for the same content: what was proved by it is kept under it."""
        ...

    @property
    def expires(self) -> datetime | None:
        """When it may no longer be used, None if it has no end."""
        ...

    def prove(self, candidate: Candidate, signer: Leaf | PublicKey, wanted: Proofs, now: datetime) -> Proved:
        """Everything beside the signature itself: log entry, timestamps, and of a certificate its chain and its log.

        The caller has checked that `signer` made the signature. What is not `wanted` and cannot be verified is left
        out. A certificate always needs a verified time. Raises `RefusedError`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a verification depends on beside evidence and requirement: the wall time, UTC, and the trust roots by name.

    A root that is needed and not there is unavailable; what needs it is refused.
    """

    now: datetime
    trust: Mapping[str, TrustRoot] = field(default_factory=dict)
