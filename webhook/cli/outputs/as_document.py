"""`-o json` and `-o yaml`: one document, whose keys are a contract with scripts."""

from typing import Any

from webhook.cli import output
from webhook.cli.exits import Exit
from webhook.cli.outputs.judged import Judged, Report
from webhook.verdict import ImageResult, Mode, Violation


def write_json(report: Report) -> None:
    """The document as JSON on standard output."""
    output.structured(document(report), "json")


def write_yaml(report: Report) -> None:
    """The document as YAML on standard output."""
    output.structured(document(report), "yaml")


def document(report: Report) -> dict[str, Any]:
    """Results in the order of the input, and their counts."""
    return {"results": [_result(each) for each in report.judged], "summary": counts(report)}


def counts(report: Report) -> dict[str, int]:
    """How many resources were admitted, denied, and could not be evaluated."""
    exits = [each.exit({Mode.ENFORCE}) for each in report.judged]
    return {
        "allowed": exits.count(Exit.ADMITTED),
        "denied": exits.count(Exit.DENIED),
        "errors": exits.count(Exit.INCONCLUSIVE),
    }


def _result(each: Judged) -> dict[str, Any]:
    return {
        "resource": each.resource.name,
        "source": each.resource.source,
        "allowed": each.verdict.allowed,
        "policies": list(each.verdict.policies),
        "violations": [violation_of(violation) for violation in each.verdict.violations],
        "exempted": [exempted_of(violation) for violation in each.verdict.exempted],
        "images": [image_of(image) for image in each.verdict.images],
    }


def violation_of(violation: Violation) -> dict[str, str]:
    """A finding, as all documents have it."""
    return {
        "code": violation.code.value,
        "path": violation.path,
        "container": violation.container,
        "message": violation.message,
        "fix": violation.fix,
        "policy": violation.policy,
        "mode": violation.mode.value,
    }


def exempted_of(violation: Violation) -> dict[str, str]:
    """A finding that an exemption accepts, with the reason."""
    return {**violation_of(violation), "reason": violation.exemption}


def image_of(image: ImageResult) -> dict[str, Any]:
    """What is known of an image, as all documents have it."""
    return {
        "reference": image.reference,
        "digest": image.digest,
        "verified": image.verified,
        "signers": list(image.signers),
    }
