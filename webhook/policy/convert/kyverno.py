"""Kyverno: the `verifyImages` rules of ClusterPolicy and Policy (kyverno.io/v1, v2beta1).

Each rule becomes a policy of ours. All attestors of a rule must hold, and of the entries of one as many as `count`
says, or all: each attestor becomes an entry of `verify`.
"""

from collections.abc import Iterator
from typing import Any

from webhook.policy.convert import keys, kyverno_match
from webhook.policy.convert.draft import REFUSES, Draft, unique
from webhook.policy.convert.field import Field
from webhook.policy.convert.identities import UnsaidError, keyless, of_wildcards, wild
from webhook.policy.convert.patterns import Star
from webhook.policy.part import shown
from webhook.signatures.identities import EXTENSIONS

_DROPPED = "has no counterpart; the attestor is left out"
_PUBLIC_LOG = "https://rekor.sigstore.dev"
_EXTENSIONS = {name.lower(): name for name in EXTENSIONS}


def policies(root: Field) -> Iterator[dict[str, Any]]:
    """A policy of ours for each rule that verifies images."""
    spec, name = root["spec"], root["metadata"]["name"].text("unnamed")
    rules, names = list(spec["rules"].items()), list[str]()
    spec.passes("admission", "background", "webhookTimeoutSeconds", "webhookConfiguration", "schemaValidation")
    spec.passes("emitWarning", "mutateExistingOnPolicyUpdate", "generateExisting", "useServerSideApply")
    audits = spec["validationFailureAction"].text("Audit").lower() == "audit"
    if spec["failurePolicy"].text("Fail") == "Ignore":
        spec["failurePolicy"].lose("onError stays Deny")
    if spec["validationFailureActionOverrides"].there:
        spec["validationFailureActionOverrides"].lose("Enforce is written for all namespaces")
        audits = False
    for rule in rules:
        rule_name = rule["name"].text()
        if not rule["verifyImages"].there:
            rule.lose("does not verify images; left out")
            continue
        draft = Draft(name if len(rules) == 1 else unique(f"{name}-{rule_name}", names))
        names.append(draft.name)
        draft.match = kyverno_match.match(root, rule)
        draft.mode = "Audit" if _audits(rule, otherwise=audits) else "Enforce"
        for verified in rule["verifyImages"].items():
            _verified(draft, verified)
        rule.leftover("has no counterpart")
        made = draft.document()
        if made is not None:
            yield made
        else:
            rule.lose("has nothing that can be said here; left out")
    spec.leftover("has no counterpart")


def _audits(rule: Field, *, otherwise: bool) -> bool:
    """Whether no part of the rule denies: the strictest of them counts for the whole policy here."""
    said = []
    for verified in rule["verifyImages"].items():
        action = verified["failureAction"]
        said.append(action.text().lower() == "audit" if action.there else otherwise)
    if len(set(said)) > 1:
        rule["verifyImages"].lose("some only audit; Enforce is written for all")
    return all(said)


def _verified(draft: Draft, verified: Field) -> None:
    """The entries for one item of `verifyImages`."""
    images = draft.patterns(_references(verified), Star.ANYTHING)
    for skipped in verified["skipImageReferences"].items():
        skipped.lose("is verified like the others")
    kind = verified["type"].text("Cosign")
    attestors = list(verified["attestors"].items())
    attestations = list(verified["attestations"].items())
    for key in ("required", "verifyDigest"):
        if not verified[key].flag(default=True):
            verified[key].lose("signatures and digests are always required")
    verified.passes("failureAction", "mutateDigest", "useCache", "cosignOCI11", "repository")
    if verified["imageRegistryCredentials"].there:
        verified["imageRegistryCredentials"].lose("credentials are those of flags and of pull secrets")
    unknown = verified.leftover("has no counterpart; the images are refused")
    if kind not in {"Cosign", "SigstoreBundle"}:
        verified["type"].lose("is no kind of signature that is known here; the images are refused")
    if unknown or kind not in {"Cosign", "SigstoreBundle"} or not (attestors or attestations):
        if not (attestors or attestations):
            verified.lose("nobody is named who may vouch; the images are refused")
        draft.refuse(images)
        return
    repository = verified["repository"].text()
    for attestor in attestors:
        _attestor(draft, attestor, images, repository, {})
    for attestation in attestations:
        _attestation(draft, attestation, images, repository)


def _references(verified: Field) -> Iterator[Field]:
    """Globs of images; older policies have a single one."""
    yield from verified["imageReferences"].items()
    if verified["image"].there:
        yield verified["image"]


def _attestor(draft: Draft, attestor: Field, images: list[str], repository: str, attested: dict[str, Any]) -> None:
    """An entry: `count` of the attestor's entries, or all. `attested` is the attestation that they make, if any."""
    names: list[str | None] = [
        name for entry in attestor["entries"].items() for name in _entry(draft, entry, repository, attested)
    ]
    kept = list(dict.fromkeys(name for name in names if name is not None))
    count = attestor["count"].value
    if attestor.leftover("has no counterpart") or (count is not None and not isinstance(count, int)):
        kept = []
    needed = len(names) if count is None else count
    if not images:
        return
    if not kept or not 0 < needed <= len(kept):
        attestor.lose("too few are left who may vouch; the images are refused")
        draft.refuse(images)
        return
    vouching = {"minimum": needed, "from": kept}
    if attested:
        draft.require("attested", images, {"attestations": [{**attested, **vouching}]})
    else:
        draft.require("signed", images, {"signatures": vouching})


def _entry(draft: Draft, entry: Field, repository: str, attested: dict[str, Any]) -> Iterator[str | None]:
    """The names that an entry's keys or identity get; None for each that cannot be said."""
    annotations = entry["annotations"].texts()
    for key in [key for key, value in annotations.items() if wild(key) or wild(value)]:
        entry["annotations"][key].lose("values are exact here; the attestor is left out")
        yield None
        return
    terms: dict[str, Any] = {}
    if annotations and not attested:
        terms["annotations"] = annotations
    elif annotations:
        entry["annotations"].lose("attestations carry none; the attestor is left out")
        yield None
        return
    if repository or entry["repository"].there:
        terms["repository"] = entry["repository"].text(repository)
    found: list[dict[str, Any] | None] = []
    if entry["keys"].there:
        found += _keys(entry["keys"])
    elif entry["keyless"].there:
        found += _keyless(entry["keyless"])
    if entry.leftover(_DROPPED):
        found = []
    if not found:
        yield None
    for who in found:
        yield None if who is None else draft.authority(entry, "attestor", {**who, **terms})


def _keys(written: Field) -> Iterator[dict[str, Any] | None]:
    log = _log(written["rekor"])
    transparency = written["ctlog"]
    transparency.passes("ignoreSCT")
    unsaid = transparency.leftover("has no counterpart; the attestor is left out")
    if written["signatureAlgorithm"].text("sha256") != "sha256":
        written["signatureAlgorithm"].lose("signatures are over SHA-256 here; the attestor is left out")
        unsaid = True
    public, secret = written["publicKeys"], written["secret"]
    secret["namespace"].text()
    found: list[dict[str, object] | None] = [keys.secret(secret, secret["name"].text())] if secret.there else []
    found += keys.pems(public) if public.there else []
    if written.leftover(_DROPPED) or unsaid or log is None:
        return
    yield from (None if key is None else {"key": key, **log} for key in found)


def _log(rekor: Field) -> dict[str, Any] | None:
    """Whether a log must hold the signature: yes, unless said otherwise; None where it is another log's key."""
    if rekor["pubkey"].there:
        rekor["pubkey"].lose("a log of one's own needs a TrustRoot; the attestor is left out")
        return None
    if rekor["url"].text(_PUBLIC_LOG).rstrip("/") != _PUBLIC_LOG:
        rekor["url"].lose("entries of the trust root's logs count instead")
    ignored = rekor["ignoreTlog"].flag(default=False)
    if rekor.leftover(_DROPPED):
        return None
    return {"transparencyLog": "NotRequired" if ignored else "Required"}


def _keyless(written: Field) -> Iterator[dict[str, Any] | None]:
    terms = _log(written["rekor"])
    if terms is not None and terms["transparencyLog"] == "NotRequired":
        written["rekor"]["ignoreTlog"].lose("a certificate needs a trusted time; a log is required")
        terms["transparencyLog"] = "Required"
    transparency = written["ctlog"]
    if transparency["ignoreSCT"].flag(default=False) and terms is not None:
        terms["certificateTransparency"] = "NotRequired"
    custom = transparency.leftover("needs a TrustRoot; the attestor is left out")
    try:
        who = _identity(written)
    except UnsaidError as error:
        written.lose(f"{error}; the attestor is left out")
        who = None
    if written.leftover(_DROPPED) or custom or who is None or terms is None:
        return
    yield {"keyless": who, **terms}


def _identity(written: Field) -> dict[str, Any]:
    """Raises `UnsaidError`."""
    issuer, subject = written["issuer"].text(), written["subject"].text()
    if wild(issuer):
        raise UnsaidError("an issuer is exact here")
    field, text = of_wildcards(subject)
    pattern = written["subjectRegExp"].text()
    if field == "subject":
        made: dict[str, Any] = keyless(issuer, written["issuerRegExp"].text(), subject, pattern)
    else:
        if pattern:
            raise UnsaidError("has a subject and a regular expression for it")
        made = keyless(issuer, written["issuerRegExp"].text(), "any", "") | {"subjectPattern": text}
        del made["subject"]
    extensions = written["additionalExtensions"].texts()
    for name, value in extensions.items():
        if wild(value) or name.lower() not in _EXTENSIONS:
            raise UnsaidError(f"the extension {shown(name)} has no counterpart")
    if extensions:
        made["extensions"] = {_EXTENSIONS[name.lower()]: value for name, value in extensions.items()}
    return made


def _attestation(draft: Draft, attestation: Field, images: list[str], repository: str) -> None:
    """An entry for each attestor of an attestation. Conditions become one that nothing fulfils."""
    attestation["name"].text()
    written = attestation["type"].text() or attestation["predicateType"].text()
    made: dict[str, Any] = {"type": written}
    if attestation["conditions"].there:
        attestation["conditions"].lose(f"write them in CEL in place of the condition {REFUSES}, which nothing fulfils")
        made["conditions"] = [REFUSES]
    attestors = list(attestation["attestors"].items())
    attestation.passes("predicateType")
    unknown = attestation.leftover("has no counterpart; the images are refused")
    if ":" not in written:
        attestation.lose("names no predicate type by its URI; the images are refused")
        unknown = True
    if unknown or not attestors:
        if not attestors:
            attestation.lose("nobody is named who attests; the images are refused")
        draft.refuse(images)
        return
    for attestor in attestors:
        _attestor(draft, attestor, images, repository, made)
