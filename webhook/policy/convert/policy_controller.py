"""Sigstore policy-controller: ClusterImagePolicy (policy.sigstore.dev/v1beta1, v1alpha1) and TrustRoot.

Every policy that matches an image must hold, and of one policy one authority must: each becomes a policy of ours with
one entry. Source of the meanings: sigstore/policy-controller, `pkg/apis` and `pkg/webhook/validator.go`.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from webhook.policy.convert import keys
from webhook.policy.convert.draft import REFUSES, Draft
from webhook.policy.convert.field import Field
from webhook.policy.convert.identities import UnsaidError, keyless
from webhook.policy.convert.patterns import Star
from webhook.policy.model import API_VERSION
from webhook.signatures.predicate_types import COSIGN_CUSTOM, COSIGN_VULNERABILITIES, PROVENANCE_02, PROVENANCE_1

_MODES = {"enforce": "Enforce", "warn": "Warn"}
_PUBLIC_LOG = "https://rekor.sigstore.dev"
_PUBLIC_FULCIO = "https://fulcio.sigstore.dev"
_RESTRICTS = "has no counterpart; what it restricts is refused"
_TYPES = {
    "custom": COSIGN_CUSTOM,
    "vuln": COSIGN_VULNERABILITIES,
    "slsaprovenance": PROVENANCE_02,
    "slsaprovenance02": PROVENANCE_02,
    "slsaprovenance1": PROVENANCE_1,
    "spdx": "https://spdx.dev/Document",
    "spdxjson": "https://spdx.dev/Document",
    "cyclonedx": "https://cyclonedx.org/bom",
    "link": "https://in-toto.io/Link/v1",
    "openvex": "https://openvex.dev/ns",
}
"""What a type stands for, as cosign writes it into statements."""


def policies(root: Field) -> Iterator[dict[str, Any]]:
    """One policy of ours."""
    spec = root["spec"]
    draft = Draft(root["metadata"]["name"].text("unnamed"), _MODES.get(spec["mode"].text("enforce"), "Enforce"))
    if spec["mode"].text("enforce") not in _MODES:
        spec["mode"].lose("is no mode; Enforce is written")
    images = draft.patterns((image["glob"] for image in spec["images"].items()), Star.WITHIN_SEGMENT)
    for match in spec["match"].items():
        match.lose("pods of every kind and label are judged")
    accepted = [one for each in spec["authorities"].items() if (one := _authority(draft, each))]
    if spec["policy"].there:
        spec["policy"].lose("has no counterpart; the images are refused")
        accepted = []
    if spec.leftover(_RESTRICTS):
        accepted = []
    _require(draft, spec["authorities"], images, accepted)
    made = draft.document()
    if made is None:
        root.lose("has no rule that can be said here; left out")
        return
    yield made


class _Accepted:
    """One authority: the names that it got here, and the attestations that it must make, if any."""

    def __init__(self, names: list[str], attestations: list[dict[str, Any]]) -> None:
        self.names = names
        self.attestations = attestations


def _require(draft: Draft, where: Field, images: list[str], accepted: list[_Accepted]) -> None:
    """One of the authorities. Those that sign are taken together; one that attests only stands by itself."""
    if not images:
        return
    signing = [name for one in accepted if not one.attestations for name in one.names]
    attesting = [one for one in accepted if one.attestations]
    if signing:
        if attesting:
            where.lose("some ask for attestations in place of signatures; they are left out")
        draft.require("signed", images, {"signatures": {"from": list(dict.fromkeys(signing))}})
    elif attesting:
        if len(attesting) > 1:
            where.lose("each asks for attestations of its own; only the first one is taken")
        attestations = [{**each, "from": attesting[0].names} for each in attesting[0].attestations]
        draft.require("attested", images, {"attestations": attestations})
    else:
        where.lose("nobody is left who may vouch; the images are refused")
        draft.refuse(images)


def _authority(draft: Draft, each: Field) -> _Accepted | None:
    """None where it cannot be said, or vouches for nothing."""
    name = each["name"].text(f"authority-{each.path[-1]}")
    if each["static"].there:
        if each["static"]["action"].text() != "fail":
            each["static"].lose("accepts without a signature; left out")
        return None
    each.passes("signatureFormat")
    found = list(_key(each["key"]) if each["key"].there else _keyless(each["keyless"]))
    whose = [who for who in found if who is not None]
    terms = _terms(each)
    attestations = [_attestation(one) for one in each["attestations"].items()]
    if each.leftover("has no counterpart; the authority is left out") or terms is None:
        return None
    if attestations and each["key"].there and len(found) > 1:  # one of them is enough for signatures alone
        each["key"].lose("every one of its keys must attest; the authority is left out")
        return None
    wanted = [f"{name}-{number}" if len(whose) > 1 else name for number in range(1, len(whose) + 1)]
    names = [draft.authority(each, want, {**who, **terms}) for want, who in zip(wanted, whose, strict=True)]
    kept = list(dict.fromkeys(one for one in names if one is not None))
    return _Accepted(kept, attestations) if kept else None


def _key(key: Field) -> Iterator[dict[str, Any] | None]:
    """One for each key, None for what is no key that can be used."""
    algorithm, data, secret = key["hashAlgorithm"], key["data"], key["secretRef"]
    if algorithm.text("sha256") not in {"", "sha256"}:
        algorithm.lose("signatures are over SHA-256 here; the authority is left out")
        return
    secret["namespace"].text()
    if secret.there:
        yield {"key": keys.secret(secret, secret["name"].text())}
    elif data.there:
        yield from (None if one is None else {"key": one} for one in keys.pems(data))
    key.leftover("keys that are elsewhere are not read; the authority is left out")


def _keyless(written: Field) -> Iterator[dict[str, Any] | None]:
    """One for each identity."""
    url = written["url"]
    custom = url.there and url.text().rstrip("/") != _PUBLIC_FULCIO and not written["trustRootRef"].there
    if custom:
        url.lose("its certificates need a TrustRoot; the authority is left out")
    written.passes("insecureIgnoreSCT", "trustRootRef")
    identities = list(written["identities"].items())
    if not identities:
        written["identities"].lose("anybody at all may sign; the authority is left out")
    if written.leftover("has no counterpart; the authority is left out") or custom:
        return
    for one in identities:
        texts = (one[key].text() for key in ("issuer", "issuerRegExp", "subject", "subjectRegExp"))
        try:
            made = keyless(*texts)
        except UnsaidError as error:
            one.lose(f"{error}; left out")
            continue
        if not one.leftover("has no counterpart; the identity is left out"):
            yield {"keyless": made}


def _terms(each: Field) -> dict[str, Any] | None:
    """Proofs, trust root and repository; None where they cannot be said."""
    log, timestamp, written = each["ctlog"], each["rfc3161timestamp"], each["keyless"]
    log.passes("url")
    if written["identities"].there and _custom(log):
        log["url"].lose("its entries need a TrustRoot; the authority is left out")
        return None
    if _custom(log):
        log["url"].lose("entries of the trust root's logs count instead")
    refs = {part["trustRootRef"].text() for part in (written, log, timestamp) if part.there}
    if len(refs) > 1:
        each.lose("names several trust roots; left out")
        return None
    unknown = [part.leftover("has no counterpart; the authority is left out") for part in (log, timestamp)]
    if any(unknown):
        return None
    made: dict[str, Any] = {}
    root = next(iter(refs), "")
    if root:
        made["trustRoot"] = root
    if timestamp.there:
        made |= {"transparencyLog": "NotRequired", "timestamp": "Required"}
    elif log.there:
        made["transparencyLog"] = "Required"
    if written["insecureIgnoreSCT"].flag(default=False):
        made["certificateTransparency"] = "NotRequired"
    return made | _repository(each["source"])


def _custom(log: Field) -> bool:
    url = log["url"].text(_PUBLIC_LOG).rstrip("/")
    return url != _PUBLIC_LOG and not log["trustRootRef"].there


def _repository(sources: Field) -> dict[str, Any]:
    """The first source: signatures lie in one repository here."""
    first: dict[str, Any] = {}
    for source in sources.items():
        for key in ("signaturePullSecrets", "tagPrefix"):
            if source[key].there:
                source[key].lose("has no counterpart")
        if first:
            source.lose("signatures lie in one repository; only the first one is taken")
        elif source["oci"].there:
            first = {"repository": source["oci"].text()}
        source.leftover("has no counterpart")
    return first


def _attestation(one: Field) -> dict[str, Any]:
    """Without `from`. A condition becomes one that nothing fulfils."""
    one["name"].text()
    written = one["predicateType"].text()
    made: dict[str, Any] = {"type": _TYPES.get(written, written)}
    if one["policy"].there:
        one["policy"].lose(f"write it in CEL in place of the condition {REFUSES}, which nothing fulfils")
        made["conditions"] = [REFUSES]
    if one.leftover("has no counterpart; no attestation will do"):
        made["conditions"] = [REFUSES]
    return made


def trust_roots(root: Field) -> Iterator[dict[str, Any]]:
    """A TUF repository; other ways to give a trust root are losses."""
    spec, name = root["spec"], root["metadata"]["name"].text("unnamed")
    remote = spec["remote"]
    if remote.there:
        try:
            first = b64decode(remote["root"].text(), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError):
            remote["root"].lose("is no text in base64")
            first = ""
        target = remote["trustedRootTarget"].text("trusted_root.json")
        if remote["targets"].there:
            remote["targets"].lose("targets lie at the path that TUF gives them")
        tuf = {"url": remote["mirror"].text(), "root": first, "target": target}
        remote.leftover("has no counterpart")
        yield {"apiVersion": API_VERSION, "kind": "TrustRoot", "metadata": {"name": name}, "spec": {"tuf": tuf}}
    spec.leftover("has no counterpart: write a TrustRoot with its trusted_root.json")
