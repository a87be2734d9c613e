"""Models into policies: keys read, patterns and selectors compiled, defaults applied."""

from collections.abc import Mapping

from webhook import checks
from webhook.policy.allowlist import Pattern
from webhook.policy.book import Policy
from webhook.policy.compile_authorities import compiled_authorities
from webhook.policy.compile_containers import container_rules
from webhook.policy.compile_images import image_rules
from webhook.policy.content import content_hash
from webhook.policy.documents import Document
from webhook.policy.exemptions import Exemption
from webhook.policy.matching import Glob, LabelRequirement, Match, Operator
from webhook.policy.model import ClusterPodPolicy
from webhook.policy.model import Exemption as WrittenExemption
from webhook.policy.model import Match as WrittenMatch
from webhook.policy.named_files import ReadFile, ReadSecret, no_secret
from webhook.signatures.authorities import Authority, KeyAuthority


def compiled(
    document: Document, model: ClusterPodPolicy, read_file: ReadFile, read_secret: ReadSecret = no_secret
) -> Policy:
    """The policy of a model that was read from `document`. Raises `FaultsError` where a key cannot be used."""
    spec = model.spec
    authorities = compiled_authorities(document, spec.images, read_file, read_secret)
    rules = container_rules(spec.containers, images_judged=spec.images is not None)
    return Policy(
        name=model.metadata.name,
        mode=spec.mode,
        on_error=spec.on_error,
        match=compiled_match(spec.match),
        images=None if spec.images is None else image_rules(spec.images, authorities),
        checks=checks.enabled(rules),
        rules=rules,
        exemptions=tuple(map(_exemption, spec.exemptions or ())),
        content=_content(model, authorities),
    )


def compiled_match(written: WrittenMatch | None) -> Match:
    """Which pods a policy speaks about."""
    namespaces = written.namespaces if written else None
    selector = written.namespace_selector if written else None
    requirements: tuple[LabelRequirement, ...] | None = None
    if selector is not None:
        labels = selector.match_labels or {}
        requirements = (
            *(LabelRequirement(key, Operator.IN, frozenset({value})) for key, value in labels.items()),
            *(
                LabelRequirement(one.key, one.operator, frozenset(one.values or ()))
                for one in selector.match_expressions or ()
            ),
        )
    return Match(
        include=tuple(map(Glob.of, (namespaces.include if namespaces else None) or ())),
        exclude=frozenset((namespaces.exclude if namespaces else None) or ()),
        selector=requirements,
    )


def _exemption(written: WrittenExemption) -> Exemption:
    return Exemption(
        reason=written.reason,
        expires=written.expires,
        codes=frozenset(written.codes),
        images=tuple(map(Pattern.parse, written.images)),
        namespaces=frozenset(written.namespaces),
    )


def _content(model: ClusterPodPolicy, authorities: Mapping[str, Authority]) -> str:
    """A hash of what the policy says: with defaults, without labels and annotations, and keys by fingerprint."""
    said = model.model_dump(mode="json", by_alias=True, exclude={"metadata": {"labels", "annotations"}})
    for written in (said["spec"]["images"] or {}).get("authorities") or ():
        authority = authorities[written["name"]]
        if isinstance(authority, KeyAuthority):
            written["key"] = authority.key.fingerprint
    return content_hash(said)
