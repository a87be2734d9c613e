"""Trust roots, and what they prove about a candidate beside the signature itself.

1. A certificate is signed by an authority of the root, whenever that was: before anything that costs time.
2. Timestamps: each that one of the root's authorities made over the signature is a verified time.
3. The log entry: of a known log, in it, and about this signature, signer and content. Its promise is a verified time.
4. No verified time lies in the future.
5. A certificate has at least one verified time, and holds at each of them: it is valid, an authority of the root issued
   it, and that authority counts. It is one for signing code, and in a certificate log if that is wanted.

What is wanted and fails refuses the candidate with its own fault. What is not wanted is left out where it fails, with
one exception: where no time is left for a certificate, the reason is whatever should have given one.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, ParamSpec, TypeVar

from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.keys import PublicKey
from webhook.signatures.proofs import (
    certificate_chains,
    certificate_transparency,
    log_bodies,
    timestamps,
    transparency_log,
)
from webhook.signatures.proofs import trust_root_document as document
from webhook.signatures.proofs.certificate_chains import CertificateAuthority
from webhook.signatures.proofs.log_entries import LogEntry
from webhook.signatures.proofs.log_keys import LogKey
from webhook.signatures.proofs.signed_timestamps import signed_timestamps
from webhook.signatures.proofs.timestamps import TimestampAuthority
from webhook.signatures.proofs.transparency_log import Logged
from webhook.signatures.proofs.trust_root_members import TrustRootError
from webhook.signatures.trust import Proofs, Proved, ProvedTime, TimeSource
from webhook.signatures.validity import moment

__all__ = ["TrustRoot", "TrustRootError"]

_Found = TypeVar("_Found")
_Arguments = ParamSpec("_Arguments")

_NO_TIME: Final = "nothing that can be trusted says when the certificate was used"


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """Fills the port `webhook.signatures.trust.TrustRoot`.

    Logs are found by their id. `fingerprint` is that of the content. `expires` is for whoever fetched the root to say.
    `passed_over` are sentences about logs in it that cannot be used, with their place.
    """

    certificate_authorities: tuple[CertificateAuthority, ...]
    logs: Mapping[bytes, LogKey]
    certificate_logs: Mapping[bytes, LogKey]
    timestamp_authorities: tuple[TimestampAuthority, ...]
    fingerprint: str
    expires: datetime | None = None
    passed_over: tuple[str, ...] = ()

    @classmethod
    def parse(cls, content: bytes) -> "TrustRoot":
        """The trust root that a `trusted_root.json` holds. Raises `TrustRootError`, which says where and what."""
        read = document.read(content)
        return cls(
            certificate_authorities=read.certificate_authorities,
            logs=read.logs,
            certificate_logs=read.certificate_logs,
            timestamp_authorities=read.timestamp_authorities,
            fingerprint=f"sha256:{hashlib.sha256(content).hexdigest()}",
            passed_over=read.passed_over,
        )

    def prove(self, candidate: Candidate, signer: Leaf | PublicKey, wanted: Proofs, now: datetime) -> Proved:
        """Everything beside the signature itself, as the port has it. Raises `RefusedError`."""
        _check_presence(candidate, wanted)
        if isinstance(signer, Leaf):
            certificate_chains.check_issuer(signer, self.certificate_authorities)
        stamped = _attempt(self._stamped, candidate)
        found = () if isinstance(stamped, RefusedError) else stamped
        logged = _attempt(self._logged, candidate, signer, found, now)
        for required, outcome in ((wanted.log, logged), (wanted.timestamp, stamped)):
            if required and isinstance(outcome, RefusedError):
                raise outcome
        times = tuple(ProvedTime(time, TimeSource.TIMESTAMP) for time in found)
        evidence = tuple(f"timestamp of {moment(time)}" for time in found)
        if isinstance(logged, Logged):
            times = (*_log_time(logged), *times)
            evidence = (str(logged), *evidence)
        _check_future(times, now)
        if isinstance(signer, Leaf):
            if not times:
                raise _without_time(logged, stamped)
            evidence += self._certified(signer, times, wanted)
        return Proved(times, evidence)

    def _stamped(self, candidate: Candidate) -> tuple[datetime, ...]:
        """The times of the timestamps that verify, at least one. Raises `RefusedError`."""
        tried = [_attempt(self._stamp, candidate, one) for one in signed_timestamps(candidate)]
        times = tuple(time for time in tried if not isinstance(time, RefusedError))
        if not times:
            raise next(failure for failure in tried if isinstance(failure, RefusedError))
        return times

    def _stamp(self, candidate: Candidate, response: bytes) -> datetime:
        """When `response` was made over the signature; cosign 2 had the whole envelope of an attestation stamped."""
        over_signature = _attempt(timestamps.verified, response, candidate.signature, self.timestamp_authorities)
        if isinstance(over_signature, datetime):
            return over_signature
        if candidate.envelope:
            return timestamps.verified(response, candidate.envelope, self.timestamp_authorities)
        raise over_signature

    def _logged(
        self, candidate: Candidate, signer: Leaf | PublicKey, stamped: tuple[datetime, ...], now: datetime
    ) -> Logged:
        entry = LogEntry.of(candidate)
        logged = transparency_log.verified(entry, self.logs, stamped, now)
        log_bodies.check(candidate, signer, entry.body, entry.stated)
        return logged

    def _certified(self, leaf: Leaf, times: tuple[ProvedTime, ...], wanted: Proofs) -> tuple[str, ...]:
        chains = [certificate_chains.issuers(leaf, one.time, self.certificate_authorities) for one in times]
        certificate_chains.check_usage(leaf)
        if not wanted.certificate_transparency:
            return ()
        return (certificate_transparency.check(leaf, chains[0], self.certificate_logs),)


def _check_presence(candidate: Candidate, wanted: Proofs) -> None:
    """Whether what is wanted is there and can be read, before anything that costs time. Raises `RefusedError`."""
    if wanted.log:
        LogEntry.of(candidate)
    if wanted.timestamp:
        signed_timestamps(candidate)


def _attempt(
    prove: Callable[_Arguments, _Found], *args: _Arguments.args, **kwargs: _Arguments.kwargs
) -> _Found | RefusedError:
    """What `prove` finds, or why it is not accepted: for what may be left out."""
    try:
        return prove(*args, **kwargs)
    except RefusedError as refused:
        return refused.unraised()


def _log_time(logged: Logged) -> tuple[ProvedTime, ...]:
    return () if logged.time is None else (ProvedTime(logged.time, TimeSource.LOG),)


def _check_future(times: tuple[ProvedTime, ...], now: datetime) -> None:
    for one in times:
        if one.time > now:
            reason = f"the {one.source} says {moment(one.time)}, which lies in the future"
            raise RefusedError(Fault.TIME_IN_FUTURE, reason)


def _without_time(*outcomes: object) -> RefusedError:
    """Why there is no time: the nearest miss among what could have given one, unless nothing came at all."""
    absent = {Fault.LOG_ENTRY_MISSING, Fault.TIMESTAMP_MISSING}
    failed = [one for one in outcomes if isinstance(one, RefusedError) and one.fault not in absent]
    return max(failed, key=lambda one: one.fault.nearness, default=RefusedError(Fault.TIME_UNKNOWN, _NO_TIME))
