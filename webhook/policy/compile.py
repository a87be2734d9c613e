"""Models into policies: keys read, patterns and selectors compiled, defaults applied."""

from collections.abc import Mapping

from webhook import checks
from webhook.checks.rules import ContainerRules
from webhook.policy.book import Policy
from webhook.policy.compile_authorities import compiled_authorities
from webhook.policy.compile_images import image_rules
from webhook.policy.content import content_hash
from webhook.policy.documents import Document
from webhook.policy.matching import Glob, LabelRequirement, Match, Operator
from webhook.policy.model import ClusterPodPolicy, Containers
from webhook.policy.model import Match as WrittenMatch
from webhook.policy.named_files import ReadFile
from webhook.signatures.authorities import Authority, KeyAuthority

DEFAULT_ADDED_CAPABILITIES = ("NET_BIND_SERVICE",)
"""What may be added where capabilities must be dropped: the same that Pod Security's restricted level allows."""


def compiled(document: Document, model: ClusterPodPolicy, read_file: ReadFile) -> Policy:
    """The policy of a model that was read from `document`. Raises `FaultsError` where a key cannot be used."""
    spec = model.spec
    authorities = compiled_authorities(document, spec.images, read_file)
    rules = _container_rules(spec.containers)
    return Policy(
        name=model.metadata.name,
        mode=spec.mode,
        on_error=spec.on_error,
        match=_match(spec.match),
        images=None if spec.images is None else image_rules(spec.images, authorities),
        checks=checks.enabled(rules),
        rules=rules,
        content=_content(model, authorities),
    )


def _match(written: WrittenMatch | None) -> Match:
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


def _container_rules(written: Containers | None) -> ContainerRules:
    if written is None:
        return ContainerRules()
    added = written.allow_added_capabilities
    if added is None and written.drop_capabilities is not None:
        added = DEFAULT_ADDED_CAPABILITIES
    return ContainerRules(
        run_as_non_root=written.run_as_non_root,
        drop_capabilities=written.drop_capabilities or (),
        allow_added_capabilities=added,
        read_only_root_filesystem=written.read_only_root_filesystem,
    )


def _content(model: ClusterPodPolicy, authorities: Mapping[str, Authority]) -> str:
    """A hash of what the policy says: with defaults, without labels and annotations, and keys by fingerprint."""
    said = model.model_dump(mode="json", by_alias=True, exclude={"metadata": {"labels", "annotations"}})
    for written in (said["spec"]["images"] or {}).get("authorities") or ():
        authority = authorities[written["name"]]
        if isinstance(authority, KeyAuthority):
            written["key"] = authority.key.fingerprint
    return content_hash(said)
