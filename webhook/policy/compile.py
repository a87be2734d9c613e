"""Models into policies: keys read, patterns and selectors compiled, defaults applied."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256

from webhook import checks
from webhook.checks.rules import ContainerRules
from webhook.policy.allowlist import Allowlist, Pattern
from webhook.policy.book import Policy
from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.matching import Glob, LabelRequirement, Match, Operator
from webhook.policy.model import ClusterPodPolicy, Containers
from webhook.policy.model import Match as WrittenMatch
from webhook.policy.model_authorities import Authority, Key
from webhook.policy.model_images import Images, Signatures
from webhook.policy.rules import ImageRules, Unmatched, VerifyEntry
from webhook.signatures.keys import KeyFaultError, PublicKey
from webhook.signatures.verify import KeyAuthority, Requirement

ReadFile = Callable[[str], bytes]
"""The content of a file, named as a policy names it. Raises `OSError`, of which messages show `strerror`."""

DEFAULT_ADDED_CAPABILITIES = ("NET_BIND_SERVICE",)
"""What may be added where capabilities must be dropped: the same that Pod Security's restricted level allows."""


def compiled(document: Document, model: ClusterPodPolicy, read_file: ReadFile) -> Policy:
    """The policy of a model that was read from `document`. Raises `FaultsError` where a key cannot be used."""
    spec = model.spec
    authorities = _authorities(document, spec.images, read_file)
    rules = _container_rules(spec.containers)
    return Policy(
        name=model.metadata.name,
        mode=spec.mode,
        on_error=spec.on_error,
        match=_match(spec.match),
        images=None if spec.images is None else _image_rules(spec.images, authorities),
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


def _image_rules(written: Images, authorities: Mapping[str, KeyAuthority]) -> ImageRules:
    verify = written.verify or ()
    return ImageRules(
        allowlist=Allowlist(None if written.allow is None else _patterns(written.allow), _patterns(written.deny or ())),
        deny_digests=frozenset(written.deny_digests or ()),
        tags=written.tags,
        require_fully_qualified=written.require_fully_qualified,
        entries=tuple(
            _entry(entry.name, _patterns(entry.images), _requirement(entry.signatures, authorities)) for entry in verify
        ),
        unmatched=written.unmatched or (Unmatched.DENY if verify else Unmatched.ALLOW),
    )


def _patterns(texts: tuple[str, ...]) -> tuple[Pattern, ...]:
    return tuple(map(Pattern.parse, texts))


def _requirement(written: Signatures | None, authorities: Mapping[str, KeyAuthority]) -> Requirement:
    """An entry without `signatures` requires what nothing can fulfil: such an entry is refused before."""
    if written is None:
        return Requirement(1, ())
    return Requirement(written.minimum, tuple(authorities[name] for name in written.from_ or authorities))


def _entry(name: str, images: tuple[Pattern, ...], requirement: Requirement) -> VerifyEntry:
    """The entry's key has all that the outcome of its verification depends on, the names of its authorities too."""
    authorities = sorted(
        (one.name, one.key.fingerprint, sorted(one.annotations.items())) for one in requirement.authorities
    )
    return VerifyEntry(name, _hash([requirement.minimum, authorities]), requirement, images)


def _authorities(document: Document, images: Images | None, read_file: ReadFile) -> dict[str, KeyAuthority]:
    """The authorities by name. One key under two names is a fault, for it could vouch twice."""
    found: dict[str, KeyAuthority] = {}
    names: dict[str, str] = {}
    faults: list[Fault] = []
    for index, (authority, written) in enumerate(_with_keys(images)):
        path = ("spec", "images", "authorities", index, "key")
        try:
            key = _public_key(written, read_file)
        except KeyFaultError as error:
            faults.append(document.fault((*path, "file"), str(error)))
            continue
        if key.fingerprint in names:
            faults.append(document.fault(path, f"the same key as that of authority {names[key.fingerprint]}"))
        names.setdefault(key.fingerprint, authority.name)
        found[authority.name] = KeyAuthority(authority.name, key, authority.annotations or {})
    if faults:
        raise FaultsError(tuple(faults))
    return found


def _with_keys(images: Images | None) -> list[tuple[Authority, Key]]:
    authorities = (images.authorities if images else None) or ()
    return [(authority, authority.key) for authority in authorities if authority.key]


def _public_key(written: Key, read_file: ReadFile) -> PublicKey:
    if written.pem is not None:
        return PublicKey.from_pem(written.pem)
    try:
        content = read_file(written.file or "")
    except OSError as error:
        raise KeyFaultError(f"cannot be read: {error.strerror or type(error).__name__}") from error
    return PublicKey.from_pem(content.decode("ascii", "replace"))


def _content(model: ClusterPodPolicy, authorities: Mapping[str, KeyAuthority]) -> str:
    """A hash of what the policy says: with defaults, without labels and annotations, and keys by fingerprint."""
    said = model.model_dump(mode="json", by_alias=True, exclude={"metadata": {"labels", "annotations"}})
    for authority in (said["spec"]["images"] or {}).get("authorities") or ():
        authority["key"] = authorities[authority["name"]].key.fingerprint
    return _hash(said)


def _hash(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
