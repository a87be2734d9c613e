"""Attestations: which of them a rule accepts, and what they must say.

Of each authority the newest decides, so that an old clean report never outvotes a newer bad one. Its age is that of its
signature where a log or a timestamp proves one, else what it says itself; an attestation without any time is older than
all that have one. Where several are equally new, or none of them has a time, all of them must pass.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from webhook.images import PinnedImage
from webhook.signatures import strict_json
from webhook.signatures.authorities import Authority, Requirement
from webhook.signatures.candidate import Candidate
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.predicate_types import PREDICATE_TYPES, predicate_types
from webhook.signatures.reports import report_times, scanners, vulnerabilities
from webhook.signatures.reports.vex import CLOCK_SKEW, Document, Exploitability
from webhook.signatures.reports.vulnerabilities import VulnerabilityRule
from webhook.signatures.strict_json import JsonError, JsonObject, JsonValue
from webhook.signatures.trust import Proved
from webhook.signatures.validity import moment

__all__ = [
    "PREDICATE_TYPES",
    "AttestationRule",
    "Condition",
    "Judged",
    "Vouch",
    "deciding",
    "judge",
    "predicate",
    "predicate_types",
]

_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)


class Condition(Protocol):
    """Something that an attestation must say."""

    @property
    def text(self) -> str:
        """As the policy writes it."""
        ...

    def refusal(self, variables: Mapping[str, JsonValue]) -> str | None:
        """Why it does not hold for `predicate`, `statement` and `image`; None if it does. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class AttestationRule:
    """Attestations that are required.

    `name` is the type as the policy writes it, `predicate_types` the predicate types that it stands for.
    """

    name: str
    predicate_types: frozenset[str]
    requirement: Requirement
    max_age: timedelta | None = None
    conditions: tuple[Condition, ...] = ()
    vulnerabilities: VulnerabilityRule | None = None


@dataclass(frozen=True, slots=True)
class Vouch:
    """An authority vouches by one candidate. `voice` is what is counted: the key's fingerprint, or the identity.

    `signer` is the same for a reader.
    """

    candidate: Candidate
    authority: Authority
    voice: str
    signer: str
    proved: Proved


@dataclass(frozen=True, slots=True)
class Judged:
    """What a rule makes of one vouched attestation: None in `refused` if it counts; then `until` is when that ends."""

    vouch: Vouch
    refused: RefusedError | None = None
    until: datetime | None = None


def judge(
    rule: AttestationRule, vouches: Sequence[Vouch], image: PinnedImage, now: datetime, vex: Sequence[Vouch] = ()
) -> tuple[Judged, ...]:
    """One judgement for each of `vouches`, in their order; all of them are of the rule's types and authorities.

    Of each authority the newest decides. `vex` are OpenVEX documents by the same authorities.
    """
    exploitability = Exploitability()
    if rule.vulnerabilities is not None:
        exploitability = Exploitability.read(map(_document, vex), image, now)
    judgement = _Judgement(rule, image, now, exploitability)
    by_authority: dict[str, list[int]] = {}
    for index, vouch in enumerate(vouches):
        by_authority.setdefault(vouch.authority.name, []).append(index)
    judged: dict[int, Judged] = {}
    for indexes in by_authority.values():
        ours = judgement.of_one_authority([vouches[index] for index in indexes])
        judged.update(zip(indexes, ours, strict=True))
    return tuple(judged[index] for index in range(len(vouches)))


def deciding(vouches: Sequence[Vouch]) -> tuple[Vouch, ...]:
    """Of vouches by one authority the newest: several, if they are of the same time or none has a time."""
    times = [_age(vouch) or _NO_TIME for vouch in vouches]
    newest = max(times, default=_NO_TIME)
    return tuple(vouch for vouch, time in zip(vouches, times, strict=True) if time == newest)


def predicate(candidate: Candidate) -> JsonValue:
    """What the statement says about its subject. Raises `RefusedError`."""
    if candidate.statement is None:
        raise RefusedError(Fault.OTHER_PREDICATE, "a signature, not an attestation")
    try:
        return strict_json.member(candidate.statement, "predicate")
    except JsonError as error:
        raise RefusedError(Fault.MALFORMED, f"statement: {error}") from None


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What attestations are judged by."""

    rule: AttestationRule
    image: PinnedImage
    now: datetime
    exploitability: Exploitability

    def of_one_authority(self, vouches: Sequence[Vouch]) -> Iterator[Judged]:
        """One for each, in their order."""
        newest = {id(vouch): self._judged(vouch) for vouch in deciding(vouches)}
        refused = [one for one in newest.values() if one.refused is not None]
        for vouch in vouches:
            own = newest.get(id(vouch))
            if own is None:
                yield Judged(vouch, _superseded("a newer one", next(iter(newest.values())).vouch))
            elif own.refused is None and refused:
                yield Judged(vouch, _superseded("another one as new", refused[0].vouch))
            else:
                yield own

    def _judged(self, vouch: Vouch) -> Judged:
        try:
            return Judged(vouch, until=self._accepted_until(vouch))
        except RefusedError as error:
            return Judged(vouch, error.unraised())

    def _accepted_until(self, vouch: Vouch) -> datetime | None:
        """Raises `RefusedError`."""
        said = predicate(vouch.candidate)
        ends = [self._young_until(vouch)]
        self._check_conditions(said, vouch.candidate.statement)
        if self.rule.vulnerabilities is not None:
            findings = scanners.read(vouch.candidate.predicate_type, said)
            cleared = self.exploitability.clears
            ends.append(vulnerabilities.accepted_until(self.rule.vulnerabilities, findings, cleared, self.now))
        return min((end for end in ends if end is not None), default=None)

    def _young_until(self, vouch: Vouch) -> datetime | None:
        time, how = _age(vouch), "signed" if vouch.proved.signed_at else "made, by its own account,"
        if time is not None and time > self.now + CLOCK_SKEW:
            raise RefusedError(Fault.TIME_IN_FUTURE, f"{how} at {moment(time)}, which is in the future")
        limit = self.rule.max_age
        if limit is None:
            return None
        if time is None:
            reason = f"nothing proves when it was signed, nor does it say when it was made; accepted for {_span(limit)}"
            raise RefusedError(Fault.TOO_OLD, reason)
        if self.now - time > limit:
            reason = f"{how} at {moment(time)}, {_span(self.now - time)} ago; accepted for {_span(limit)}"
            raise RefusedError(Fault.TOO_OLD, reason)
        return time + limit

    def _check_conditions(self, said: JsonValue, statement: JsonObject | None) -> None:
        image = self.image
        variables: Mapping[str, JsonValue] = {
            "predicate": said,
            "statement": statement,
            "image": {
                "registry": image.registry,
                "repository": image.repository,
                "digest": str(image.digest),
                "name": image.name,
            },
        }
        for condition in self.rule.conditions:
            if (reason := condition.refusal(variables)) is not None:
                raise RefusedError(Fault.CONDITION_FALSE, reason)


def _age(vouch: Vouch) -> datetime | None:
    """When it was made: as far as that is proved, else as it says itself."""
    if vouch.proved.signed_at is not None:
        return vouch.proved.signed_at
    try:
        return report_times.reported(vouch.candidate.predicate_type, predicate(vouch.candidate))
    except RefusedError:
        return None


def _document(vouch: Vouch) -> Document:
    try:
        return Document(predicate(vouch.candidate), vouch.proved.signed_at)
    except RefusedError:
        return Document(None)


def _superseded(which: str, decisive: Vouch) -> RefusedError:
    time = _age(decisive)
    dated = "" if time is None else f" of {moment(time)}"
    return RefusedError(Fault.SUPERSEDED, f"{which} by {decisive.authority.name}{dated} decides")


def _span(time: timedelta) -> str:
    """A duration as policies write it, whole hours or, below two, minutes."""
    minutes = int(time.total_seconds() // 60)
    return f"{minutes // 60}h" if minutes >= 120 else f"{minutes}m"
