"""Policies and trust roots that are custom resources of a cluster, into a book.

They are judged by the rules for files. What differs is what a fault does: from files no policy is used then, while each
resource was accepted by the API server by itself, so that a policy with a fault stands in the book as one that denies
what it matches (`unusable`), and the others do what they say.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from webhook.policy.book import Book, Policy
from webhook.policy.collection import Written, unknown_trust_roots
from webhook.policy.compile import compiled
from webhook.policy.compile_trust_root import trust_root_source
from webhook.policy.documents import Document, Fault, FaultsError
from webhook.policy.model import API_VERSION, KIND
from webhook.policy.model_trust_root import KIND as TRUST_ROOT
from webhook.policy.model_trust_root import TrustRoot
from webhook.policy.named_files import no_file
from webhook.policy.part import mappings
from webhook.policy.trust_roots import TrustRootSource
from webhook.policy.unusable import unusable_policy
from webhook.policy.validation import validated
from webhook.policy.yaml_values import Lines
from webhook.signatures.authorities import PUBLIC_GOOD

Resources = Mapping[str, Mapping[str, Any]]
"""Objects of one kind by name, as the API server writes them. An object that changes is another one."""

Secrets = Mapping[tuple[str, str], bytes | str]
"""What Secrets have under keys, by both names: the content, or why there is none."""

_Faults = tuple[Fault, ...]
_NOT_READ = "was not read"

MAX_FAULTS = 32
"""Of one resource that are told, beside how many more there are."""

MAX_VALUES = 5_000
"""In one resource, members and items at any depth. Telling the faults of these stops other threads for 50 to 70 ms."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A book, and what is wrong with the resources that are unusable in it."""

    book: Book
    faults: _Faults


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made of a resource, which is the same as long as what it was made of is."""

    resource: Mapping[str, Any]
    secrets: Secrets
    document: Document
    result: Written | TrustRootSource | _Faults


class Compiler:
    """Makes books of resources; what has not changed since the last one is not read again.

    `given` are the names of trust roots that come from elsewhere.
    """

    def __init__(self, given: Collection[str] = ()) -> None:
        self._given = frozenset(given)
        self._made: dict[tuple[str, str], _Made] = {}

    def compiled(self, policies: Resources, trust_roots: Resources, secrets: Secrets) -> Compiled:
        """The book of these resources, as they are now. Never raises."""
        roots = {name: self._make(TRUST_ROOT, name, each, {}) for name, each in trust_roots.items()}
        made = {name: self._make(KIND, name, each, _of(each, secrets)) for name, each in policies.items()}
        self._made = {
            **{(TRUST_ROOT, name): each for name, each in roots.items()},
            **{(KIND, name): each for name, each in made.items()},
        }
        faults = [fault for each in roots.values() for fault in self._root_faults(each)]
        sources = {n: each.result for n, each in roots.items() if isinstance(each.result, TrustRootSource)}
        sound = {name: source for name, source in sources.items() if name not in self._given}
        broken = {name: fault for name, each in roots.items() for fault in reversed(self._root_faults(each))}
        named = {PUBLIC_GOOD, *self._given, *roots}
        found: list[Policy] = []
        for name, each in made.items():
            policy, wrong = _policy(name, each, named, broken)
            found.append(policy)
            faults += wrong
        return Compiled(Book(tuple(found), sound), tuple(faults))

    def _make(self, kind: str, name: str, resource: Mapping[str, Any], secrets: Secrets) -> _Made:
        before = self._made.get((kind, name))
        if before is not None and before.resource is resource and before.secrets == secrets:
            return before
        document = _document(kind, name, resource)
        return _Made(resource, secrets, document, _result(document, secrets))

    def _root_faults(self, made: _Made) -> _Faults:
        """What keeps a trust root from being used."""
        if isinstance(made.result, TrustRootSource):
            if made.result.name not in self._given:
                return ()
            return (made.document.fault(("metadata", "name"), "is the name of a trust root of --trust-root"),)
        return made.result if isinstance(made.result, tuple) else ()


def faults_of(kind: str, name: str, resource: Mapping[str, Any]) -> tuple[Fault, ...]:
    """What is wrong with a resource as it is written, none where it can be used. Nothing that it names is looked at."""
    secrets = {names: _somebodys_key(*names) for names in secret_names(resource)}
    result = _result(_document(kind, name, resource), secrets)
    return result if isinstance(result, tuple) else ()


def _somebodys_key(name: str, key: str) -> bytes:
    """A public key that no other Secret holds, in place of what is in this one."""
    number = int.from_bytes(sha256(f"{name}/{key}".encode()).digest()[:31])
    public = ec.derive_private_key(number, ec.SECP256R1()).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def secret_names(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The Secrets that a policy names, each with the key; nothing where it is not written as it should be."""
    spec = policy.get("spec")
    images = spec.get("images") if isinstance(spec, dict) else None
    for _, authority in mappings(images if isinstance(images, dict) else {}, "authorities"):
        key = authority.get("key")
        ref = key.get("secretRef") if isinstance(key, dict) else None
        if isinstance(ref, dict) and isinstance(ref.get("name"), str) and isinstance(ref.get("key"), str):
            yield ref["name"], ref["key"]


def _of(policy: Mapping[str, Any], secrets: Secrets) -> Secrets:
    return {name: secrets.get(name, _NOT_READ) for name in secret_names(policy)}


def _document(kind: str, name: str, resource: Mapping[str, Any]) -> Document:
    """The resource as whoever wrote it did: its status is not his, and the API server sees to labels and the like."""
    written = {key: value for key, value in resource.items() if key != "status"}
    value = {"apiVersion": API_VERSION, "kind": kind, **written, "metadata": {"name": name}}
    return Document(f"{kind}/{name}", 0, value, Lines(0))


def _result(document: Document, secrets: Secrets) -> Written | TrustRootSource | _Faults:
    def read_secret(name: str, key: str) -> bytes:
        content = secrets.get((name, key), _NOT_READ)
        if isinstance(content, str):
            raise OSError(0, content)
        return content

    if _exceeds(document.value, MAX_VALUES):
        return (document.fault((), f"has more than {MAX_VALUES:,} values"),)
    try:
        model = validated(document)
        if isinstance(model, TrustRoot):
            return trust_root_source(document, model, no_file)
        return Written(document, model, compiled(document, model, no_file, read_secret))
    except FaultsError as error:
        return _told(document, error.faults)
    except Exception as error:  # noqa: BLE001 - whatever it is: a policy that cannot be read is never skipped
        return (document.fault((), f"cannot be read ({type(error).__name__})"),)


def _exceeds(value: Any, most: int) -> bool:
    """Whether there are more members and items than that below a value. Looks at no more than it has to."""
    left, found = [value], 0
    while left:
        value = left.pop()
        if isinstance(value, dict | list):
            found += len(value)
            if found > most:
                return True
            left += value.values() if isinstance(value, dict) else value
    return False


def _told(document: Document, faults: _Faults) -> _Faults:
    if len(faults) <= MAX_FAULTS:
        return faults
    return *faults[:MAX_FAULTS], document.fault((), f"and {len(faults) - MAX_FAULTS:,} more faults")


def _policy(name: str, made: _Made, named: Collection[str], broken: Mapping[str, Fault]) -> tuple[Policy, _Faults]:
    """The policy, and what is wrong with it."""
    faults: _Faults = made.result if isinstance(made.result, tuple) else ()
    if isinstance(made.result, Written):
        faults = (*unknown_trust_roots(made.result, frozenset(named)), *_unusable_trust_roots(made.result, broken))
        if not faults:
            return made.result.policy, ()
    return unusable_policy(made.document, name, faults[0]), faults


def _unusable_trust_roots(written: Written, broken: Mapping[str, Fault]) -> Iterator[Fault]:
    """A trust root with a fault is never taken for another one of its name, such as the one that is built in."""
    entries = written.policy.images.all_entries if written.policy.images else ()
    for name in sorted({name for entry in entries for name in entry.trust_roots} & broken.keys()):
        yield written.document.fault(("spec", "images", "authorities"), f"trust root {name}: {broken[name]}")
