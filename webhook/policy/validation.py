"""A document into the model of its kind, or all of its faults with their lines."""

from collections.abc import Iterable

from pydantic import ValidationError

from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model import API_VERSION, KIND, ClusterPodPolicy
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.model_trust_root import TrustRoot
from webhook.policy.part import did_you_mean, findings_of, shown

KINDS: dict[str, type[ClusterPodPolicy | TrustRoot]] = {KIND: ClusterPodPolicy, TRUST_ROOT: TrustRoot}
"""What may stand in a file of policies."""


def validated(document: Document) -> ClusterPodPolicy | TrustRoot:
    """The policy or trust root that a document writes. Raises `FaultsError`."""
    kind = document.value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        near = did_you_mean(kind, KINDS) if isinstance(kind, str) else ""
        message = f"expected {KIND} or {TRUST_ROOT} ({API_VERSION}), found {shown(kind)}{near}"
        raise FaultsError((document.fault(("kind",), message),))
    try:
        return KINDS[kind].model_validate(document.value)
    except ValidationError as error:
        findings = findings_of(error)
    raise FaultsError(in_order(document.fault(path, message) for path, message in findings))


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Faults of one document as its reader meets them."""
    return tuple(sorted(faults, key=lambda fault: fault.line))
