"""The `images` section into rules: patterns parsed, and for each entry what its verification depends on."""

from collections.abc import Mapping

from webhook.policy.allowlist import Allowlist, Pattern
from webhook.policy.base_images import BaseImageRule
from webhook.policy.content import content_hash
from webhook.policy.model_images import Attestation, BaseImages, Images, Vouching, Vulnerabilities
from webhook.policy.model_images import VerifyEntry as WrittenEntry
from webhook.policy.rules import ImageRules, Unmatched, VerifyEntry
from webhook.policy.texts import condition, duration
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import Authority, Requirement
from webhook.signatures.predicate_types import predicate_types
from webhook.signatures.reports.vulnerabilities import Allowance, VulnerabilityRule

BASE_IMAGES = "baseImages"
"""What messages call the entry that `images.baseImages` is. No entry of `verify` has such a name: it has capitals."""

Authorities = Mapping[str, Authority]
"""Those of a policy by name, in its order."""


def image_rules(written: Images, authorities: Authorities) -> ImageRules:
    """The rules of a section whose authorities are compiled."""
    verify = written.verify or ()
    return ImageRules(
        allowlist=Allowlist(None if written.allow is None else _patterns(written.allow), _patterns(written.deny or ())),
        deny_digests=frozenset(written.deny_digests or ()),
        tags=written.tags,
        require_fully_qualified=written.require_fully_qualified,
        entries=tuple(_entry(entry, authorities) for entry in verify),
        unmatched=written.unmatched or (Unmatched.DENY if verify else Unmatched.ALLOW),
        base_images=None if written.base_images is None else _base_images(written.base_images, authorities),
    )


def _patterns(texts: tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(map(Pattern.parse, texts))


def _entry(written: WrittenEntry, authorities: Authorities) -> VerifyEntry:
    """The entry's key has all that the outcome of its verification depends on, the names of its authorities too."""
    requirement = None if written.signatures is None else _requirement(written.signatures, authorities)
    attestations = tuple(_attestation(one, authorities) for one in written.attestations or ())
    return VerifyEntry(
        name=written.name,
        key=content_hash((requirement, attestations, written.accept_index_signature)),
        requirement=requirement,
        images=_patterns(written.images),
        attestations=attestations,
        accept_index_signature=written.accept_index_signature,
    )


def _base_images(written: BaseImages, authorities: Authorities) -> VerifyEntry:
    """An entry about every image. Whoever may vouch may prove by provenance what an image was built on.

    Those who must give annotations may not: provenance carries none.
    """
    proving = tuple(authority for authority in authorities.values() if not authority.annotations)
    rule = BaseImageRule(_patterns(written.allow), proving)
    return VerifyEntry(name=BASE_IMAGES, key=content_hash(rule), requirement=None, base_images=rule)


def _requirement(written: Vouching, authorities: Authorities) -> Requirement:
    accepted = written.from_ or authorities
    return Requirement(written.minimum, tuple(one for name, one in authorities.items() if name in accepted))


def _attestation(written: Attestation, authorities: Authorities) -> AttestationRule:
    return AttestationRule(
        name=written.type,
        predicate_types=predicate_types(written.type),
        requirement=_requirement(written, authorities),
        max_age=None if written.max_age is None else duration(written.max_age),
        conditions=tuple(map(condition, written.conditions or ())),
        vulnerabilities=None if written.vulnerabilities is None else _vulnerabilities(written.vulnerabilities),
    )


def _vulnerabilities(written: Vulnerabilities) -> VulnerabilityRule:
    return VulnerabilityRule(
        max_severity=written.max_severity,
        ignore_unfixed=written.ignore_unfixed,
        allow=tuple(Allowance(one.id, one.expires) for one in written.allow or ()),
    )
