"""What `tidewaiter verify` tells of an image: every requirement, and everything found with why it passed or failed."""

from typing import Any

import click
import msgspec

from webhook.admission.report import plain
from webhook.cli.exits import Exit
from webhook.codes import INCONCLUSIVE, Code
from webhook.signatures.faults import Fault
from webhook.signatures.outcome import Outcome, Trial

_SOMETHING_ELSE = frozenset({Fault.UNRELATED, Fault.OTHER_PREDICATE, Fault.OTHER_PLACE})
"""What lies beside an image and was not looked for is no failure."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found, tried with one authority.

    `wanted` is what was looked for, `kind` what this is; `signer` is who made it, proved only where it is accepted;
    `proofs` are what vouches for the signer; `fault` is what kind of reason refused it, one of
    `webhook.signatures.faults`.
    """

    wanted: str
    source: str
    kind: str
    authority: str
    accepted: bool
    reason: str
    fault: str = ""
    signer: str = ""
    proofs: tuple[str, ...] = ()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What one requirement makes of the image. `code` is empty when it holds."""

    policy: str
    entry: str
    verified: bool
    code: str = ""
    message: str
    signers: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One image: verified exactly when there is a judgement and each of them holds."""

    image: str
    digest: str | None = None
    judgements: tuple[Judgement, ...] = ()

    @property
    def exit(self) -> Exit:
        """What the command ends with, were this the only image."""
        if self.judgements and all(judgement.verified for judgement in self.judgements):
            return Exit.ADMITTED
        failed = [judgement for judgement in self.judgements if not judgement.verified]
        return Exit.INCONCLUSIVE if failed and all(each.code in INCONCLUSIVE for each in failed) else Exit.DENIED


def failed(policy: str, entry: str, code: Code, message: str) -> Judgement:
    """A requirement that was refused, or could not be judged, before anything was looked for."""
    return Judgement(policy=policy, entry=entry, verified=False, code=code, message=message)


def judgement(policy: str, entry: str, outcome: Outcome) -> Judgement:
    """What an outcome says."""
    return Judgement(
        policy=policy,
        entry=entry,
        verified=outcome.verified,
        code=outcome.code or "",
        message=outcome.message,
        signers=outcome.signers,
        candidates=tuple(map(_candidate, outcome.trials)),
    )


def as_document(result: Result) -> dict[str, Any]:
    """A result as JSON and YAML show it."""
    return {**msgspec.to_builtins(result), "verified": result.exit is Exit.ADMITTED}


def show(result: Result) -> None:
    """Print a result for a reader."""
    verdict = "verified" if result.exit is Exit.ADMITTED else "not verified"
    click.echo(f"{result.image}: {verdict}")
    if result.digest and result.digest not in result.image:
        click.echo(f"  digest {result.digest}")
    for each in result.judgements:
        mark = "pass" if each.verified else f"fail {each.code}"
        origin = " / ".join(part for part in (each.policy, each.entry) if part)
        click.echo(f"  {mark}: {plain(origin) + ': ' if origin else ''}{plain(each.message)}")
        looked_for = dict.fromkeys(candidate.wanted for candidate in each.candidates)
        for wanted in looked_for:
            if len(looked_for) > 1:
                click.echo(f"    {plain(wanted)}:")
            for candidate in each.candidates:
                if candidate.wanted == wanted:
                    _show(candidate)


def _show(candidate: Candidate) -> None:
    kind = f", {plain(candidate.kind)}" if candidate.kind else ""
    by = f" [{plain(candidate.authority)}]" if candidate.authority else ""
    click.echo(f"    {_mark(candidate)}: {plain(candidate.source)}{kind}{by}: {plain(candidate.reason)}")
    if candidate.signer:
        click.echo(f"      {'signer' if candidate.accepted else 'claims to be by'}: {plain(candidate.signer)}")
    for proof in candidate.proofs:
        click.echo(f"      proof: {plain(proof)}")


def _mark(candidate: Candidate) -> str:
    if candidate.accepted:
        return "pass"
    return "skip" if candidate.fault in _SOMETHING_ELSE else "fail"


def _candidate(trial: Trial) -> Candidate:
    return Candidate(
        wanted=trial.wanted,
        source=trial.source,
        kind=trial.kind,
        authority=trial.authority,
        accepted=trial.accepted,
        reason=trial.reason,
        fault=trial.fault or "",
        signer=trial.signer,
        proofs=trial.proofs,
    )
