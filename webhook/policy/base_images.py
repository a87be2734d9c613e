"""What images may be built on, and how that is proved.

An image says by annotations (image-spec `annotations.md`) what it is built on, and anybody can write those: they tell
where to look, and prove nothing. There are two proofs:

- layers: an image is built on another exactly if it begins with the other's layers (`rootfs.diff_ids`, which digests of
  the layers' content are), whatever it says;
- provenance: an authority attests what went into the image, and all images among that are allowed (SLSA provenance
  v0.2 `materials`, v1 `buildDefinition.resolvedDependencies`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from webhook import images
from webhook.images import Digest, ImageReference, ImageReferenceError, PinnedImage
from webhook.policy.allowlist import Allowlist, Pattern
from webhook.signatures.attestations import Vouch, deciding, predicate
from webhook.signatures.authorities import Authority
from webhook.signatures.contents import BASE_DIGEST, BASE_NAME, Contents, Platform
from webhook.signatures.faults import RefusedError
from webhook.signatures.predicate_types import PROVENANCE, PROVENANCE_1
from webhook.signatures.reports import materials
from webhook.signatures.reports.lenient_json import list_of, object_of
from webhook.signatures.strict_json import JsonValue

MAX_BASES: Final = 32
"""Claimed base images that are looked at: an index has one for each platform, and few platforms."""

_HOW: Final = (
    f"prove it with the annotations {BASE_NAME} and {BASE_DIGEST} of an allowed image whose layers it begins with,"
    " or with SLSA provenance that names it"
)
EMPTY_LAYER: Final = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
"""A tar archive without anything in it, 1,024 zero bytes: what builders write for steps that change no file."""


@dataclass(frozen=True, slots=True)
class BaseImageRule:
    """Images must be built on one that a pattern of `allow` matches. Provenance of `authorities` counts as proof."""

    allow: tuple[Pattern, ...]
    authorities: tuple[Authority, ...] = ()

    def refusal(self, image: ImageReference | PinnedImage) -> str | None:
        """Why `image` may not be a base, None if it may."""
        return Allowlist(self.allow).refusal(image)


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a platform's annotations claim. `image` None: nothing that could be looked at, because of `fault`."""

    image: PinnedImage | None
    fault: str


def bases(contents: Contents, rule: BaseImageRule) -> tuple[PinnedImage, ...]:
    """The allowed base images that the image claims, to be fetched for `judge`: at most `MAX_BASES`, each once.

    Whether one is allowed is decided here, by its name in normal form, before anything of it is looked up.
    """
    claims = (_claim(platform, rule).image for platform in contents.platforms)
    return tuple(dict.fromkeys(image for image in claims if image is not None))[:MAX_BASES]


def judge(
    contents: Contents, known: Mapping[PinnedImage, Contents], provenance: Sequence[Vouch], rule: BaseImageRule
) -> str | None:
    """Why the image is refused, None if each of its platforms is proved to be built on an allowed image.

    `known` holds what could be fetched of `bases`, `provenance` what is attested of this very image.
    """
    unattested = _unattested(provenance, rule)
    if unattested is None:
        return None
    allowed = [known[image] for image in bases(contents, rule) if image in known]
    for platform in contents.platforms:
        if not any(_begins_with(platform, base) for base in allowed):
            where = f"platform {platform.digest}: " if len(contents.platforms) > 1 else ""
            return f"{where}{_unproved(platform, known, rule)}; {unattested}"
    return None if contents.platforms else f"there is no platform; {unattested}"


def _begins_with(platform: Platform, base: Contents) -> bool:
    """Whether some platform of the base has layers with content, and the image's own begin with them."""
    return any(
        not {EMPTY_LAYER}.issuperset(one.layers) and platform.layers[: len(one.layers)] == one.layers
        for one in base.platforms
    )


def _claim(platform: Platform, rule: BaseImageRule) -> _Claim:
    name = platform.annotations.get(BASE_NAME)
    if not name:
        return _Claim(None, f"it does not say what it is built on; {_HOW}")
    try:
        image = images.parse(name)
    except ImageReferenceError as error:
        return _Claim(None, f"its annotation {BASE_NAME} names no image: {error}")
    if refusal := rule.refusal(image):
        return _Claim(None, f"the base image that it claims: {refusal}")
    return _claimed_digest(platform, image)


def _claimed_digest(platform: Platform, image: ImageReference) -> _Claim:
    digest = platform.annotations.get(BASE_DIGEST) or image.digest
    if not digest:
        claim = f"that it is built on {image.name} is a claim of its annotation {BASE_NAME}, and no proof"
        return _Claim(None, f"{claim}: add {BASE_DIGEST}, so that the layers can be compared")
    if image.digest not in {None, digest}:
        return _Claim(None, f"its annotations {BASE_NAME} and {BASE_DIGEST} name two digests")
    try:
        return _Claim(PinnedImage(image.registry, image.repository, Digest.parse(digest)), "")
    except ImageReferenceError as error:
        return _Claim(None, f"its annotation {BASE_DIGEST} is no digest: {error}")


def _unproved(platform: Platform, known: Mapping[PinnedImage, Contents], rule: BaseImageRule) -> str:
    """Why the layers prove nothing."""
    claim = _claim(platform, rule)
    if claim.image is None:
        return claim.fault
    if claim.image not in known:
        return f"the layers of {claim.image}, on which it claims to be built, could not be looked up"
    return f"it claims to be built on {claim.image}, but does not begin with its layers"


def _unattested(provenance: Sequence[Vouch], rule: BaseImageRule) -> str | None:
    """Why provenance proves nothing, None if it proves that all images that went in are allowed."""
    names = ", ".join(authority.name for authority in rule.authorities)
    reason = f"no SLSA provenance by {names}" if names else "the policy names no authority whose provenance would count"
    for authority in rule.authorities:
        ours = [one for one in provenance if one.authority == authority and one.candidate.predicate_type in PROVENANCE]
        refusals = [_refusal(vouch, rule) for vouch in deciding(ours)]
        if refusals and not any(refusals):
            return None
        if refusals:
            reason = f"the SLSA provenance by {authority.name} {next(filter(None, refusals))}"
    return reason


def _refusal(vouch: Vouch, rule: BaseImageRule) -> str | None:
    """Why one provenance does not prove it."""
    try:
        named = [one for one in map(materials.image_of, list_of(_materials(vouch))) if one is not None]
    except RefusedError as error:
        return f"cannot be read: {error.reason}"
    for one in named:
        if isinstance(one, materials.Unjudgeable):
            return f"names {one}"
        if one.digest is None:
            return f"names {one.image.name} without its digest, or with several"
        if refusal := rule.refusal(one.image):
            return f"names an image that may not be a base: {refusal}"
    return None if named else "names no image that went in"


def _materials(vouch: Vouch) -> JsonValue:
    """What went into the image. Raises `RefusedError`."""
    said = object_of(predicate(vouch.candidate))
    if vouch.candidate.predicate_type == PROVENANCE_1:
        return object_of(said.get("buildDefinition")).get("resolvedDependencies")
    return said.get("materials")
