"""The `images` section of a policy, as written. Every field's description is what the reference shows."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from webhook.policy.documents import FieldPath
from webhook.policy.model_authorities import Authority
from webhook.policy.part import (
    Finding,
    Items,
    Part,
    at_least_one,
    did_you_mean,
    duplicates,
    items,
    mappings,
    shown,
)
from webhook.policy.rules import Tags, Unmatched
from webhook.policy.texts import (
    ConditionText,
    DigestText,
    Duration,
    ImagePattern,
    Moment,
    Name,
    Predicate,
    Text,
)
from webhook.signatures.predicate_types import VULNERABILITIES, predicate_types
from webhook.signatures.reports.vulnerabilities import Severity


class Vouching(Part):
    """How many of which authorities."""

    minimum: int = Field(1, ge=1, description="How many distinct keys or identities must vouch.")
    from_: Items[Name] | None = Field(
        None, alias="from", description="Names of authorities. Absent: any of the policy."
    )


class Signatures(Vouching):
    """Who must have signed the image."""

    may_be_empty: ClassVar[bool] = True


class Allowance(Part):
    """A vulnerability that is accepted for a while."""

    id: Text = Field(description="Its ID, such as CVE-2026-1.")
    expires: Moment = Field(description="When the allowance ends.")
    reason: Text = Field(description="Why.")


class Vulnerabilities(Part):
    """What a vulnerability report may say."""

    max_severity: Annotated[Severity, Field(strict=False)] = Field(
        description="The worst that is accepted; an unknown severity counts as critical."
    )
    ignore_unfixed: bool = Field(
        default=False, description="Whether vulnerabilities without a fixed version are accepted."
    )
    allow: Items[Allowance] | None = Field(
        None, description="Vulnerabilities that are accepted, each with an end. Absent: none."
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Of two ends of one allowance, nobody knows which was meant."""
        yield from duplicates((("allow", i, "id"), allowance.get("id")) for i, allowance in mappings(value, "allow"))


class Attestation(Vouching):
    """A signed statement about the image."""

    type: Predicate = Field(
        description="`vuln`, `cyclonedx`, `spdx`, `slsaprovenance`, `openvex`, or the URI of any predicate type."
    )
    max_age: Duration | None = Field(None, description="How old it may be, such as 168h. Absent: any age.")
    conditions: Items[ConditionText] | None = Field(
        None,
        description="CEL over `predicate`, `statement` and `image` (`registry`, `repository`, `digest`, `name`); all "
        "true. Without `map` and `filter`, and over lists of at most 10,000 items. Absent: none.",
    )
    vulnerabilities: Vulnerabilities | None = Field(
        None, description="What a report of type vuln may say. Absent: anything."
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """`vulnerabilities` reads reports of these types alone."""
        written = value.get("type")
        if "vulnerabilities" in value and not (
            isinstance(written, str) and predicate_types(written) <= VULNERABILITIES
        ):
            yield ("vulnerabilities",), "is for attestations of type vuln"


class VerifyEntry(Part):
    """What must vouch for some images. Every entry whose `images` match must hold."""

    name: Name = Field(description="How messages call it; once in a policy.")
    images: Items[ImagePattern] = Field(description="Patterns of the images that it speaks about.")
    signatures: Signatures | None = Field(
        None, description="Signatures that are required. Absent: none; then there are `attestations`."
    )
    accept_index_signature: bool = Field(
        default=False,
        description="Whether the signature of a multi-platform index vouches for its images. The index is the one that "
        "the tag beside the image's digest names.",
    )
    attestations: Items[Attestation] | None = Field(
        None, description="Attestations that are required, all of them. Absent: none."
    )

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """An entry that asks for nothing would verify everything."""
        yield from at_least_one(value, "signatures", "attestations")


class BaseImages(Part):
    """What images may be built on: proved by layers, or by SLSA provenance of any authority without `annotations`."""

    allow: Items[ImagePattern] = Field(
        description="Patterns of the base images that are accepted; all images among the materials of provenance too."
    )


class Images(Part):
    """Where images may come from, how they are named, and who must vouch for them."""

    may_be_empty: ClassVar[bool] = True

    allow: Items[ImagePattern] | None = Field(
        None,
        description="Patterns `registry/path` of the images that may run. `*` is one whole path segment, a last `**` "
        "one or more, a leading `*.` of the host one label; ports are literal. Absent: any registry.",
    )
    deny: Items[ImagePattern] | None = Field(
        None, description="Patterns of images that may not; beats `allow`. Absent: none."
    )
    deny_digests: Items[DigestText] | None = Field(
        None, description="Digests that may not run, wherever they lie. Absent: none."
    )
    tags: Annotated[Tags, Field(strict=False)] = Field(
        Tags.PINNED,
        description="Pinned: each image carries a digest. UnsafeResolved: the digest that the tag names now is judged, "
        "and kubelet may pull another.",
    )
    require_fully_qualified: bool = Field(
        default=False, description="Whether each image names its registry, instead of leaving docker.io to be assumed."
    )
    authorities: Items[Authority] | None = Field(None, description="Who may vouch. Absent: nobody.")
    verify: Items[VerifyEntry] | None = Field(
        None,
        description="Who must vouch for which images; every entry whose `images` match must hold. Absent: not checked.",
    )
    unmatched: Annotated[Unmatched, Field(strict=False)] | None = Field(
        None,
        description="What happens to images that no entry of `verify` speaks about. Absent: Deny once there is one.",
    )
    base_images: BaseImages | None = Field(None, description="What images may be built on. Absent: not checked.")

    @classmethod
    def between(cls, value: Mapping[str, Any]) -> Iterator[Finding]:
        """Names are unique, and who must vouch is somebody who may."""
        for section in ("authorities", "verify"):
            yield from duplicates(((section, i, "name"), part.get("name")) for i, part in mappings(value, section))
        authorities = [part for _, part in mappings(value, "authorities") if isinstance(part.get("name"), str)]
        known = [part["name"] for part in authorities]
        annotated = {part["name"] for part in authorities if part.get("annotations")}
        for index, entry in mappings(value, "verify"):
            for path, vouching in _vouchings(entry):
                for below, message in _vouching_faults(vouching, known):
                    yield ("verify", index, *path, *below), message
            for at, attestation in mappings(entry, "attestations"):
                for below, message in _annotation_faults(attestation, known, annotated):
                    yield ("verify", index, "attestations", at, *below), message


def _vouchings(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    if isinstance(signatures := entry.get("signatures"), dict):
        yield ("signatures",), signatures
    for index, attestation in mappings(entry, "attestations"):
        yield ("attestations", index), attestation


def _vouching_faults(vouching: Mapping[str, Any], known: list[str]) -> Iterator[Finding]:
    if not known:
        yield (), "nobody can vouch: images.authorities names no one"
        return
    named = [(("from", index), name) for index, name in items(vouching, "from")]
    yield from duplicates(named)
    for path, name in named:
        if isinstance(name, str) and name not in known:
            yield path, f"unknown authority {shown(name)}{did_you_mean(name, known)}"
    minimum, most = vouching.get("minimum"), len({name for _, name in named if isinstance(name, str)} or set(known))
    if isinstance(minimum, int) and minimum > most:
        yield ("minimum",), f"expected at most {most}, the number of authorities it may be from, found {minimum}"


def _annotation_faults(attestation: Mapping[str, Any], known: list[str], annotated: set[str]) -> Iterator[Finding]:
    """Attestations carry no annotations: an authority that must give some can make none."""
    written: list[tuple[FieldPath, Any]] = [(("from", index), name) for index, name in items(attestation, "from")]
    anybody: list[tuple[FieldPath, Any]] = [((), name) for name in known]
    for path, name in written or anybody:
        if isinstance(name, str) and name in annotated:
            yield path, f"authority {name} has annotations, which attestations do not carry; attest by another one"
