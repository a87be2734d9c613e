"""Connaisseur: `validators` and `policy` of its chart's values, at the top (2.x) or below `application` (3.x).

Of its rules the most specific one that matches decides; here every entry that matches must hold, so that rules which
overlap ask for more. An image that no rule matches is refused by both.
"""

from collections.abc import Iterator
from typing import Any

from webhook.policy.convert import keys
from webhook.policy.convert.draft import Draft
from webhook.policy.convert.field import Field
from webhook.policy.convert.identities import UnsaidError, keyless
from webhook.policy.convert.patterns import NOWHERE, Star

_REFUSED = "has no counterpart; the images are refused"
_ALL = frozenset({"*:*", "*"})


def is_values(root: Field) -> bool:
    """Whether a document is such values."""
    return any(isinstance(part["policy"].value, list) for part in (root, root["application"]))


def policies(root: Field) -> Iterator[dict[str, Any]]:
    """One policy of ours."""
    section = root["application"] if root["application"]["policy"].there else root
    draft = Draft("connaisseur", unmatched="Deny")
    draft.mode = "Warn" if _detects(section) else "Enforce"
    validators = {one["name"].text("default"): one for one in section["validators"].items()}
    for rule in section["policy"].items():
        _rule(draft, rule, validators)
    for features in (section["features"], section):
        for key in ("namespacedValidation", "automaticChildApproval", "automaticUnchangedApproval"):
            if features[key].there:
                features[key].lose("every pod of every namespace is judged")
    yield from filter(None, (draft.document(),))


def _detects(section: Field) -> bool:
    return any(part["detectionMode"].flag(default=False) for part in (section["features"], section))


def _rule(draft: Draft, rule: Field, validators: dict[str, Field]) -> None:
    pattern, name = rule["pattern"], rule["validator"].text("default")
    validator = validators.get(name)
    kind = "" if validator is None else validator["type"].text()
    if kind == "static" and validator is not None:
        _static(draft, rule, approve=validator["approve"].flag(default=False))
        return
    images = draft.patterns((pattern,), Star.ANYTHING)
    if kind != "cosign" or validator is None:
        rule["validator"].lose("is no cosign validator; the images are refused")
        draft.refuse(images)
        return
    _signed(draft, rule, validator, images)


def _static(draft: Draft, rule: Field, *, approve: bool) -> None:
    """What is accepted without a signature is what no entry takes; what is refused is refused by name."""
    pattern = rule["pattern"]
    if pattern.text() in _ALL:
        draft.unmatched = "Allow" if approve and draft.unmatched == "Deny" and not _elsewhere(draft) else "Deny"
        if approve and draft.unmatched == "Deny":
            pattern.lose("images that no entry takes are refused")
    elif approve:
        pattern.lose("accepts without a signature, which an entry cannot say; refused where images.unmatched is Deny")
    else:
        draft.refuse(draft.patterns((pattern,), Star.ANYTHING))


def _elsewhere(draft: Draft) -> bool:
    """Whether an entry stands for images that it does not take, which may not be accepted then."""
    return any(NOWHERE in entry["images"] for entry in draft.entries) or NOWHERE in draft.deny


def _signed(draft: Draft, rule: Field, validator: Field, images: list[str]) -> None:
    asked = rule["with"]
    wanted = asked["trustRoot"].text("default")
    roots = {one["name"].text("default"): one for one in validator["trustRoots"].items()}
    chosen = roots if wanted == "*" else {name: one for name, one in roots.items() if name == wanted}
    log = _demand(asked["verifyInTransparencyLog"].flag(default=True))
    transparency = _demand(asked["verifySCT"].flag(default=True))
    named: dict[str, list[str]] = {}
    for name, one in chosen.items():
        terms = {"log": log, "transparency": transparency}
        named[name] = [found for found in _authorities(draft, one, name, terms) if found]
    required = [one.text() for one in asked["required"].items()]
    threshold = asked["threshold"].value
    minimum = len(chosen) if threshold is None else threshold
    asked.passes("mode")
    if asked["mode"].text("mutate") not in {"mutate", "insecureValidate"}:
        asked["mode"].lose("digests are always required")
    unknown = any([asked.leftover(_REFUSED), rule.leftover(_REFUSED), _hosted(validator)])
    vouching = list(dict.fromkeys(name for names in named.values() for name in names))
    must = list(dict.fromkeys(name for one in required for name in named.get(one, ())))
    known = isinstance(minimum, int) and 0 < minimum <= len(vouching) and len(must) == len(required)
    if unknown or not known:
        rule.lose("too few are left who may vouch; the images are refused")
        draft.refuse(images)
        return
    draft.require("signed", images, {"signatures": {"minimum": minimum, "from": vouching}})
    if must:
        draft.require("required", images, {"signatures": {"minimum": len(must), "from": must}})


def _demand(required: bool) -> str:  # noqa: FBT001
    return "Required" if required else "NotRequired"


def _authorities(draft: Draft, one: Field, name: str, terms: dict[str, str]) -> Iterator[str | None]:
    """The names of a trust root's key or identity here."""
    one.passes("name", "key", "keyless")
    if one.leftover("has no counterpart; left out"):
        return
    if one["key"].there:
        yield from _key(draft, one, name, terms["log"])
        return
    written = one["keyless"]
    if terms["log"] != "Required":
        written.lose("a certificate needs a trusted time; a log is required")
    proofs = {"transparencyLog": "Required", "certificateTransparency": terms["transparency"]}
    texts = (written[key].text() for key in ("issuer", "issuerRegex", "subject", "subjectRegex"))
    try:
        made = keyless(*texts)
    except UnsaidError as error:
        written.lose(f"{error}; left out")
        return
    if not written.leftover("has no counterpart; left out"):
        yield draft.authority(one, name, {"keyless": made, **proofs})


def _key(draft: Draft, one: Field, name: str, log: str) -> Iterator[str | None]:
    found = list(keys.pems(one["key"]))
    if len(found) > 1:
        one["key"].lose("is more than one key; left out")
    elif found[0] is not None:
        yield draft.authority(one, name, {"key": found[0], "transparencyLog": log})


def _hosted(validator: Field) -> bool:
    """Whether the validator trusts a Sigstore of one's own."""
    validator["type"].text()
    validator.passes("name", "trustRoots", "auth", "cert", "approve")
    return validator.leftover("needs a TrustRoot; the images are refused")
