"""Attestations: which of them a rule accepts, and what they must say.

Of each authority the newest decides, so that an old clean report never outvotes a newer bad one. Its time is the
earlier of two: when a log or a timestamp saw its signature, and when it says itself that it was made, which is signed.
So whoever has it stamped or logged anew makes it no younger, unless it does not say when it was made.

Where several are equally new, all of them must pass; and so must those that have no time at all, since nobody can tell
that they are older.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from webhook.images import PinnedImage
from webhook.signatures import strict_json
from webhook.signatures.authorities import Authority, Requirement
from webhook.signatures.candidate import Candidate
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.predicate_types import PREDICATE_TYPES, predicate_types
from webhook.signatures.reports import report_times, scanners, vulnerabilities
from webhook.signatures.reports.vex import CLOCK_SKEW, Exploitability
from webhook.signatures.reports.vex_documents import Document
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


_SIGNED, _SAID = "signed", "made, by its own account,"


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

    Of each authority the newest decides. `vex` are OpenVEX documents by the rule's authorities: each one counts for the
    reports of its own authority and voice alone, for else one of them could speak for several.
    """
    exploitability = {voice: Exploitability.read(said, image, now) for voice, said in _by_voice(vex).items()}
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
    """Of vouches by one authority the newest, several if they are of the same time, and all that have no time."""
    return tuple(one.vouch for one in _deciding([_Dated.of(vouch) for vouch in vouches]))


def predicate(candidate: Candidate) -> JsonValue:
    """What the statement says about its subject. Raises `RefusedError`."""
    if candidate.statement is None:
        raise RefusedError(Fault.OTHER_PREDICATE, "a signature, not an attestation")
    try:
        return strict_json.member(candidate.statement, "predicate")
    except JsonError as error:
        raise RefusedError(Fault.MALFORMED, f"statement: {error}") from None


class _Dated(NamedTuple):
    """A vouch, when its signature was seen, and when it says itself that it was made."""

    vouch: Vouch
    signed: datetime | None
    said: datetime | None

    @classmethod
    def of(cls, vouch: Vouch) -> "_Dated":
        try:
            said = report_times.reported(vouch.candidate.predicate_type, predicate(vouch.candidate))
        except RefusedError:
            said = None
        return cls(vouch, vouch.proved.signed_at, said)

    @property
    def time(self) -> datetime | None:
        """When it was made at the latest, None if nothing says when."""
        return min((one for one in (self.signed, self.said) if one is not None), default=None)


def _deciding(vouches: Sequence[_Dated]) -> list[_Dated]:
    newest = max((one.time for one in vouches if one.time is not None), default=None)
    return [one for one in vouches if one.time in {None, newest}]


def _by_voice(vex: Sequence[Vouch]) -> dict[tuple[str, str], list[Document]]:
    """OpenVEX documents by authority and voice."""
    documents: dict[tuple[str, str], list[Document]] = {}
    for vouch in vex:
        documents.setdefault((vouch.authority.name, vouch.voice), []).append(_document(vouch))
    return documents


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What attestations are judged by."""

    rule: AttestationRule
    image: PinnedImage
    now: datetime
    exploitability: Mapping[tuple[str, str], Exploitability]

    def of_one_authority(self, vouches: Sequence[Vouch]) -> Iterator[Judged]:
        """One for each, in their order."""
        deciding = _deciding([_Dated.of(vouch) for vouch in vouches])
        decisive = {id(one.vouch): self._judged(one) for one in deciding}
        dated = [one for one in deciding if one.time is not None]
        refused = [one for one in deciding if decisive[id(one.vouch)].refused is not None]
        for vouch in vouches:
            own = decisive.get(id(vouch))
            if own is None:
                yield Judged(vouch, _superseded("a newer one", dated[0]))
            elif own.refused is None and refused:
                yield Judged(vouch, _superseded("another one as new", refused[0]))
            else:
                yield own

    def _judged(self, one: _Dated) -> Judged:
        try:
            return Judged(one.vouch, until=self._accepted_until(one))
        except RefusedError as error:
            return Judged(one.vouch, error.unraised())

    def _accepted_until(self, one: _Dated) -> datetime | None:
        """Raises `RefusedError`."""
        candidate = one.vouch.candidate
        said = predicate(candidate)
        self._check_future(one)
        ends = [self._young_until(one)]
        self._check_conditions(said, candidate.statement)
        if self.rule.vulnerabilities is not None:
            findings = scanners.read(candidate.predicate_type, said)
            voice = (one.vouch.authority.name, one.vouch.voice)
            cleared = self.exploitability.get(voice, Exploitability()).clears
            ends.append(vulnerabilities.accepted_until(self.rule.vulnerabilities, findings, cleared, self.now))
        return min((end for end in ends if end is not None), default=None)

    def _check_future(self, one: _Dated) -> None:
        """Neither time may lie ahead: an older proof does not make up for a report that says it is of tomorrow."""
        for time, how in ((one.signed, _SIGNED), (one.said, _SAID)):
            if time is not None and time > self.now + CLOCK_SKEW:
                raise RefusedError(Fault.TIME_IN_FUTURE, f"{how} at {moment(time)}, which is in the future")

    def _young_until(self, one: _Dated) -> datetime | None:
        limit = self.rule.max_age
        if limit is None:
            return None
        if one.time is None:
            reason = f"nothing proves when it was signed, nor does it say when it was made; accepted for {_span(limit)}"
            raise RefusedError(Fault.TOO_OLD, reason)
        if self.now - one.time > limit:
            how = _SIGNED if one.time == one.signed else _SAID
            reason = f"{how} at {moment(one.time)}, {_span(self.now - one.time)} ago; accepted for {_span(limit)}"
            raise RefusedError(Fault.TOO_OLD, reason)
        return one.time + limit

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


def _document(vouch: Vouch) -> Document:
    try:
        return Document(predicate(vouch.candidate), vouch.proved.signed_at)
    except RefusedError:
        return Document(None)


def _superseded(which: str, decisive: _Dated) -> RefusedError:
    name = decisive.vouch.authority.name
    if decisive.time is None:
        return RefusedError(Fault.SUPERSEDED, f"another one by {name} decides, which has no time")
    return RefusedError(Fault.SUPERSEDED, f"{which} by {name} of {moment(decisive.time)} decides")


def _span(time: timedelta) -> str:
    """A duration as policies write it, whole hours or, below two, minutes."""
    minutes = int(time.total_seconds() // 60)
    return f"{minutes // 60}h" if minutes >= 120 else f"{minutes}m"
