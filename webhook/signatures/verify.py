"""Which authorities vouch for a digest, by signatures and by attestations.

Rules:

- every thing found, from whichever place and in whichever format, goes through the same checks, and any may pass;
- one signature must satisfy an authority alone: right signer, right digest, all proofs and all annotations;
- authorities are counted by keys and identities, so one of these under two names, or with two signatures, counts once;
- an attestation is never a signature, nor a signature an attestation, whoever made it;
- whatever goes wrong inside one thing found refuses it, and nothing else;
- nothing found, nothing required and nothing answered are never success.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import Final

from webhook.codes import Code
from webhook.images import Digest, PinnedImage
from webhook.signatures import explain
from webhook.signatures.attestations import AttestationRule, Vouch, judge
from webhook.signatures.authorities import Authority, KeyAuthority, Requirement
from webhook.signatures.candidate import printable, quoted
from webhook.signatures.counting import distinct
from webhook.signatures.evidence import Evidence
from webhook.signatures.examine import Found, examine, opened
from webhook.signatures.explain import Explanation, listed
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.outcome import Outcome, Trial, earliest
from webhook.signatures.predicate_types import OPENVEX
from webhook.signatures.trust import Circumstances
from webhook.signatures.vouching import Witness, check_annotations

__all__ = ["Examination", "Outcome", "Trial", "quick", "verify"]

_QUICK_BYTES: Final = 64 << 10
_QUICK_CHECKS: Final = 10


def verify(evidence: Evidence, digest: Digest, requirement: Requirement, circumstances: Circumstances) -> Outcome:
    """Whether signatures in `evidence` fulfil `requirement` for `digest`. Never raises."""
    return Examination(evidence, digest, circumstances).signatures(requirement)


def quick(evidence: Evidence, requirement: Requirement) -> bool:
    """Whether `verify` takes so little time, about a millisecond, that an event loop may wait for it."""
    size = sum(len(one.content) for one in evidence.attachments)
    checks = len(evidence.attachments) * len(requirement.authorities)
    return size <= _QUICK_BYTES and checks <= _QUICK_CHECKS and all(map(_is_quick, requirement.authorities))


def _is_quick(authority: Authority) -> bool:
    return isinstance(authority, KeyAuthority) and authority.key.quick and not authority.proofs


class Examination:
    """All evidence of one digest, read once, to be asked what it proves. No method raises."""

    def __init__(self, evidence: Evidence, digest: Digest, circumstances: Circumstances) -> None:
        self._unanswered = evidence.unanswered
        self._digest = str(digest)
        self._now = circumstances.now
        self._found = [(found, _witness(found, circumstances)) for found in examine(evidence, self._digest)]
        self._beyond = [found for found, _ in self._found if found.beyond]

    @property
    def incomplete(self) -> Explanation | None:
        """Why there may be newer attestations than were looked at: then none that was found may decide."""
        if self._unanswered:
            return explain.unanswered(self._unanswered[0])
        return explain.left_out(self._beyond[0]) if self._beyond else None

    def signatures(self, requirement: Requirement) -> Outcome:
        """Whether enough authorities signed the image."""
        if not _possible(requirement):
            return _refused(explain.impossible(requirement))
        tried: list[_Tried] = []
        for found, witness in self._opened(requirement.authorities):
            if witness is None or not found.signature:
                tried.append((_untried(found, _not_a_signature(found)), None))
            else:
                tried += self._try(found, witness, requirement)
        trials = tuple(trial for trial, _ in tried)
        signers = _signers(vouch for _, vouch in tried if vouch)
        if len(signers) >= requirement.minimum:
            message = f"signed by {listed(signers, 'and')}"
            return Outcome(verified=True, code=None, message=message, signers=signers, trials=trials)
        why = self._why_not_signed(requirement, trials, signers)
        return _of_unknown(_refused(why, signers, trials), requirement)

    def attestations(self, rule: AttestationRule, image: PinnedImage) -> Outcome:
        """Whether enough authorities attest what the rule wants of the image, which has this digest."""
        requirement = rule.requirement
        if not _possible(requirement):
            return _refused(explain.impossible(requirement))
        if incomplete := self.incomplete:
            return _refused(incomplete, attestation=rule.name)
        tried: list[_Tried] = []
        for found, witness in self._opened(requirement.authorities):
            if witness is not None and (found.sealed or _is_attestation(found, rule.predicate_types)):
                tried += self._try(found, witness, requirement)
            else:
                tried.append((_untried(found, _not_of_type(found, rule)), None))
        vex = self.vouched(OPENVEX, requirement.authorities) if rule.vulnerabilities else ()
        judged = judge(rule, [vouch for _, vouch in tried if vouch], image, self._now, vex)
        refused = {id(one.vouch): one.refused for one in judged}
        trials = tuple(_judged(trial, rule.name, refused.get(id(vouch))) for trial, vouch in tried)
        counted = [one for one in judged if one.refused is None]
        signers = _signers(one.vouch for one in counted)
        if len(signers) < requirement.minimum:
            why = self._why_not_attested(rule, trials, signers)
            return _of_unknown(_refused(why, signers, trials, rule.name), requirement)
        message = f"{printable(rule.name)} attested by {listed(signers, 'and')}"
        until = earliest(one.until for one in counted)
        return Outcome(verified=True, code=None, message=message, signers=signers, trials=trials, until=until)

    def vouched(self, predicate_types: Container[str], authorities: tuple[Authority, ...]) -> tuple[Vouch, ...]:
        """All attestations of these types by any of the authorities, whatever they say; none of what is incomplete."""
        if self.incomplete:
            return ()
        requirement = Requirement(1, authorities)
        return tuple(
            vouch
            for found, witness in self._opened(authorities)
            if witness is not None and _is_attestation(found, predicate_types)
            for _, vouch in self._try(found, witness, requirement)
            if vouch is not None
        )

    def _opened(self, authorities: tuple[Authority, ...]) -> Iterator[tuple[Found, Witness | None]]:
        """Everything found. What is sealed is read once one of the authorities vouches for it, and no sooner."""
        for position, (found, witness) in enumerate(self._found):
            if witness is not None and found.sealed and self._vouched(found, witness, authorities):
                read = opened(found, self._digest)
                witness.candidate = read.candidate or witness.candidate
                self._found[position] = (read, witness if read.candidate else None)
            yield self._found[position]

    def _vouched(self, found: Found, witness: Witness, authorities: tuple[Authority, ...]) -> bool:
        return any(vouch for _, vouch in self._try(found, witness, Requirement(1, authorities)))

    def _try(self, found: Found, witness: Witness, requirement: Requirement) -> Iterator["_Tried"]:
        """Try the candidate with each authority whose signatures lie there; all, so that every reason is known."""
        here = [one for one in requirement.authorities if one.repository == found.repository]
        if not here:
            yield _untried(found, RefusedError(Fault.OTHER_PLACE, "no authority's signatures lie there")), None
        for authority in here:
            try:
                vouch = witness.vouch(authority)
                if found.signature:
                    check_annotations(witness.candidate.about(self._digest), authority.annotations)
            except RefusedError as error:
                yield _trial(found, authority, witness.claimed_signer, error), None
            else:
                yield _accepted(found, vouch), vouch

    def _why_not_signed(
        self, requirement: Requirement, trials: tuple[Trial, ...], signers: tuple[str, ...]
    ) -> Explanation:
        if earlier := self._not_found_out(trials):
            return earlier
        if signers:
            return Code.TOO_FEW_SIGNERS, explain.too_few("signed by", signers, requirement)
        tried = [trial for trial in trials if trial.authority]
        if not tried:
            return explain.no_signature(trials, requirement.authorities)
        signatures = [witness.candidate for found, witness in self._found if witness and found.signature]
        certified = all(candidate.certificate is not None for candidate in signatures)
        return explain.not_by(tried, requirement.authorities, certified=certified)

    def _why_not_attested(
        self, rule: AttestationRule, trials: tuple[Trial, ...], signers: tuple[str, ...]
    ) -> Explanation:
        if earlier := self._not_found_out(trials):
            return earlier
        code, message = explain.no_attestation(rule.name, trials, rule.requirement.authorities)
        if signers and code is Code.ATTESTATION_MISSING:
            return code, explain.too_few(f"{printable(rule.name)} attested by", signers, rule.requirement)
        return code, message

    def _not_found_out(self, trials: tuple[Trial, ...]) -> Explanation | None:
        return explain.unanswered(self._unanswered[0]) if self._unanswered else explain.unavailable(trials)


_Tried = tuple[Trial, Vouch | None]


def _witness(found: Found, circumstances: Circumstances) -> Witness | None:
    return None if found.candidate is None else Witness(found.candidate, circumstances)


def _is_attestation(found: Found, predicate_types: Container[str]) -> bool:
    candidate = found.candidate
    return candidate is not None and not found.signature and candidate.predicate_type in predicate_types


def _judged(trial: Trial, wanted: str, refused: RefusedError | None) -> Trial:
    """A trial for a rule, after that judged what the attestation says."""
    trial = replace(trial, wanted=printable(wanted))
    return replace(trial, accepted=False, reason=refused.reason, fault=refused.fault) if refused else trial


def _possible(requirement: Requirement) -> bool:
    return 1 <= requirement.minimum <= len(requirement.authorities)


def _signers(vouches: Iterable[Vouch]) -> tuple[str, ...]:
    return tuple(vouch.authority.name for vouch in distinct(vouches))


def _refused(
    explanation: Explanation, signers: tuple[str, ...] = (), trials: tuple[Trial, ...] = (), attestation: str = ""
) -> Outcome:
    code, message = explanation
    return Outcome(False, code, message, signers, trials, attestation=attestation)  # noqa: FBT003  not verified


def _of_unknown(outcome: Outcome, requirement: Requirement) -> Outcome:
    """The refusal, with the trust root that does not know a signer, where that is the reason."""
    if outcome.code not in _NOT_PROVED or outcome.signers:
        return outcome
    return replace(outcome, unknown_to=explain.unknown_to(outcome.trials, requirement.authorities))


_NOT_PROVED: Final = frozenset({Code.SIGNATURE_INVALID, Code.ATTESTATION_MISSING})


def _kind(found: Found) -> str:
    if found.candidate is None:
        return ""
    if found.sealed:
        return f"document of {len(found.candidate.payload)} bytes"
    return "signature" if found.signature else f"attestation of type {quoted(found.candidate.predicate_type)}"


def _not_a_signature(found: Found) -> RefusedError:
    article = "a" if found.sealed else "an"
    return found.refused or RefusedError(Fault.OTHER_PREDICATE, f"{article} {_kind(found)}, not a signature")


def _not_of_type(found: Found, rule: AttestationRule) -> RefusedError:
    article = "a" if found.signature else "an"
    reason = f"{article} {_kind(found)}, not an attestation of type {rule.name}"
    return found.refused or RefusedError(Fault.OTHER_PREDICATE, reason)


def _untried(found: Found, refused: RefusedError) -> Trial:
    return Trial(found.source, "", accepted=False, reason=refused.reason, fault=refused.fault, kind=_kind(found))


def _trial(found: Found, authority: Authority, signer: str, refused: RefusedError) -> Trial:
    return Trial(
        found.source,
        authority.name,
        accepted=False,
        reason=refused.reason,
        fault=refused.fault,
        kind=_kind(found),
        signer=signer,
    )


def _accepted(found: Found, vouch: Vouch) -> Trial:
    proofs = vouch.proved.evidence
    return Trial(
        found.source,
        vouch.authority.name,
        accepted=True,
        reason="verified",
        kind=_kind(found),
        signer=vouch.signer,
        proofs=proofs,
    )
