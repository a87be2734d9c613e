"""A document into the model of a policy, or all of its faults with their lines."""

from collections.abc import Iterable

from pydantic import ValidationError

from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model import API_VERSION, KIND, ClusterPodPolicy
from webhook.policy.part import findings_of, shown
from webhook.policy.unsupported import MESSAGE, unsupported


def validated(document: Document) -> ClusterPodPolicy:
    """The policy that a document writes. Raises `FaultsError`."""
    kind = document.value.get("kind")
    if kind != KIND:
        raise FaultsError((document.fault(("kind",), f"expected {KIND} ({API_VERSION}), found {shown(kind)}"),))
    model: ClusterPodPolicy | None = None
    findings = []
    try:
        model = ClusterPodPolicy.model_validate(document.value)
    except ValidationError as error:
        findings = findings_of(error)
    faulty = {path for path, _ in findings}
    findings += [(path, MESSAGE) for path in unsupported(document.value, faulty)]
    if model is None or findings:
        raise FaultsError(in_order(document.fault(path, message) for path, message in findings))
    return model


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Faults of one document as its reader meets them."""
    return tuple(sorted(faults, key=lambda fault: fault.line))
