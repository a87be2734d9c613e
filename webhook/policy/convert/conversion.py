"""Foreign documents into ours: which converter reads which kind."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from webhook.policy.convert import connaisseur, kyverno, policy_controller
from webhook.policy.convert.field import Field
from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.validation import validated
from webhook.policy.yaml_values import Lines
from webhook.signatures.authorities import PUBLIC_GOOD


@dataclass(frozen=True, slots=True)
class Converted:
    """Documents of ours, and what of the foreign ones they do not say, each with its place."""

    documents: tuple[dict[str, Any], ...]
    losses: tuple[Fault, ...]


Converter = Callable[[Field], Iterator[dict[str, Any]]]


def convert(documents: Iterable[Document]) -> Converted:
    """All documents, one after the other. One of a kind that nobody reads is a loss."""
    made: list[dict[str, Any]] = []
    losses: list[Fault] = []
    origins: list[Field] = []
    for document in documents:
        root = Field(document, document.value, (), losses)
        converter = _converter(root)
        if converter is None:
            root.lose("is no policy of Kyverno, policy-controller or Connaisseur that has rules about signatures")
            continue
        found = [one for one in converter(root) if _sound(root, one)]
        made += found
        origins += [root] * len(found)
    _tell_trust_roots(origins, made)
    return Converted(tuple(made), tuple(losses))


def _tell_trust_roots(origins: list[Field], made: list[dict[str, Any]]) -> None:
    """A loss for each trust root that authorities name and no document gives."""
    given = {one["metadata"]["name"] for one in made if one["kind"] == TRUST_ROOT} | {PUBLIC_GOOD}
    for root, one in zip(origins, made, strict=True):
        authorities = one["spec"].get("images", {}).get("authorities", ())
        for name in sorted({each.get("trustRoot", PUBLIC_GOOD) for each in authorities} - given):
            root.lose(f"needs the trust root {name}: give it by a TrustRoot or by --trust-root")


def _converter(root: Field) -> Converter | None:
    group = root["apiVersion"].text().partition("/")[0]
    kind = root["kind"].text()
    if group == "kyverno.io" and kind in {"ClusterPolicy", "Policy"}:
        return kyverno.policies
    if group == "policy.sigstore.dev" and kind == "ClusterImagePolicy":
        return policy_controller.policies
    if group == "policy.sigstore.dev" and kind == "TrustRoot":
        return policy_controller.trust_roots
    return connaisseur.policies if connaisseur.is_values(root) else None


def _sound(root: Field, made: dict[str, Any]) -> bool:
    """Whether what was made is legal: the last net under texts that have another grammar here."""
    try:
        validated(Document("", 0, made, Lines(0)))
    except FaultsError as error:
        for fault in error.faults:
            root.lose(f"{made['kind']} {made['metadata']['name']} is left out: {fault.path}: {fault.message}")
        return False
    return True
