"""The file in which every field is written: nothing of it is lost on the way to a decision."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.writing import FILES, faults, reader
from webhook.policy.book import Book, Policy
from webhook.policy.compile import compiled
from webhook.policy.compile_trust_root import trust_root_source
from webhook.policy.documents import Document, load, path_text
from webhook.policy.model import ClusterPodPolicy
from webhook.policy.model_trust_root import TrustRoot
from webhook.policy.reference import SECTIONS, rows
from webhook.policy.trust_roots import TrustRootSource

EVERY_FIELD = (Path(__file__).parent / "every_field.yaml").read_text(encoding="utf-8")
DOCUMENTS = load("every_field.yaml", EVERY_FIELD.encode())
POLICY, *TRUST_ROOTS = DOCUMENTS

Place = tuple[str | int, ...]


def leaves(value: Any, path: Place = ()) -> Iterator[tuple[Place, Any]]:
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, step))
    else:
        yield path, value


def test_its_only_fault_is_that_there_is_no_cluster_with_secrets() -> None:
    place = "policies/prod.yaml:34: spec.images.authorities[3].key.secretRef"
    assert faults(EVERY_FIELD) == [f"{place}: cannot be read: only policies of the cluster may name Secrets"]


@pytest.mark.parametrize("kind", range(len(SECTIONS)))
def test_every_field_of_the_reference_is_in_it(kind: int) -> None:
    model = SECTIONS[kind][0]
    written = [document for document in DOCUMENTS if document.value["kind"] == model.__name__]
    known = {row[0].strip("`") for row in rows(model)}
    assert known - {name for document in written for name in names(document.value)} == set()


def names(value: Any, path: str = "") -> Iterator[str]:
    """The paths of all fields, as the reference writes them."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield f"{path}{key}"
        for item in inner if isinstance(inner, list) else [inner]:
            yield from names(item, f"{path}{key}[]." if isinstance(inner, list) else f"{path}{key}.")


NOT_SAID = {
    "apiVersion": "one value",
    "kind": "one value",
    "metadata.labels.team": "not read",
    'metadata.annotations["example.com/owner"]': "not read",
    "spec.containers.automountServiceAccountToken": "one value",
    "spec.images.authorities[3].name": "in policies of the cluster alone",
    "spec.images.authorities[3].key.secretRef.name": "in policies of the cluster alone",
    "spec.images.authorities[3].key.secretRef.key": "in policies of the cluster alone",
}
"""Fields that are not part of what is decided, and why."""

OTHERWISE: dict[str, Any] = {
    "metadata.name": "staging",
    "spec.mode": "Warn",
    "spec.match.namespaces.include[0]": "staging-*",
    "spec.match.namespaces.exclude[0]": "prod-other",
    "spec.match.namespaceSelector.matchLabels.team": "other",
    "spec.match.namespaceSelector.matchExpressions[0].key": "level",
    "spec.match.namespaceSelector.matchExpressions[0].operator": "NotIn",
    "spec.match.namespaceSelector.matchExpressions[0].values[0]": "silver",
    "spec.onError": "Warn",
    "spec.images.allow[0]": "registry.example.com/*",
    "spec.images.allow[1]": "ghcr.io/acme/app",
    "spec.images.allow[2]": "*.dkr.ecr.eu-west-2.amazonaws.com/**",
    "spec.images.deny[0]": "registry.example.com/other/**",
    "spec.images.denyDigests[0]": f"sha256:{'2' * 64}",
    "spec.images.tags": "UnsafeResolved",
    "spec.images.requireFullyQualified": False,
    "spec.images.authorities[0].name": "other",
    "spec.images.authorities[0].key.pem": "{release.pub}",
    "spec.images.authorities[0].transparencyLog": "Required",
    "spec.images.authorities[0].annotations.team": "blue",
    "spec.images.authorities[0].repository": "registry.example.com/others",
    "spec.images.authorities[1].name": "other",
    "spec.images.authorities[1].keyless.issuer": "https://accounts.example.com",
    "spec.images.authorities[1].keyless.subject": "https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main",
    "spec.images.authorities[1].keyless.extensions.sourceRepositoryURI": "https://github.com/acme/other",
    "spec.images.authorities[1].trustRoot": "private",
    "spec.images.authorities[1].transparencyLog": "NotRequired",
    "spec.images.authorities[1].timestamp": "Required",
    "spec.images.authorities[1].certificateTransparency": "NotRequired",
    "spec.images.authorities[2].name": "other",
    "spec.images.authorities[2].key.file": "other.pub",
    "spec.images.authorities[4].name": "other",
    "spec.images.authorities[4].keyless.issuer": "https://others.example.com",
    "spec.images.authorities[4].keyless.subjectPattern": "[a-z]+@acme[.]example",
    "spec.images.authorities[4].trustRoot": "public-good",
    "spec.images.verify[0].name": "others",
    "spec.images.verify[0].images[0]": "registry.example.com/*",
    "spec.images.verify[0].signatures.minimum": 2,
    "spec.images.verify[0].signatures.from[0]": "night",
    "spec.images.verify[0].signatures.from[1]": "night",
    "spec.images.verify[0].acceptIndexSignature": True,
    "spec.images.verify[0].attestations[0].type": "https://cosign.sigstore.dev/attestation/vuln/v1",
    "spec.images.verify[0].attestations[0].from[0]": "night",
    "spec.images.verify[0].attestations[0].from[1]": "night",
    "spec.images.verify[0].attestations[0].minimum": 2,
    "spec.images.verify[0].attestations[0].maxAge": "24h",
    "spec.images.verify[0].attestations[0].conditions[0]": "predicate.scanner.uri == 'pkg:github/aquasecurity/trivy'",
    "spec.images.verify[0].attestations[0].vulnerabilities.maxSeverity": "high",
    "spec.images.verify[0].attestations[0].vulnerabilities.ignoreUnfixed": False,
    "spec.images.verify[0].attestations[0].vulnerabilities.allow[0].id": "CVE-2026-2",
    "spec.images.verify[0].attestations[0].vulnerabilities.allow[0].expires": "2027-01-02T00:00:00Z",
    "spec.images.verify[0].attestations[0].vulnerabilities.allow[0].reason": "reachable, but mended",
    "spec.images.unmatched": "Allow",
    "spec.images.baseImages.allow[0]": "registry.example.com/base/*",
    "spec.containers.runAsNonRoot": False,
    "spec.containers.dropCapabilities[0]": "NET_RAW",
    "spec.containers.allowAddedCapabilities[0]": "CHOWN",
    "spec.containers.readOnlyRootFilesystem": False,
    "spec.containers.podSecurity.level": "baseline",
    "spec.containers.podSecurity.version": "v1.30",
    "spec.containers.requiredLimits[0]": "cpu",
    "spec.containers.requiredLimits[1]": "hugepages-2Mi",
    "spec.containers.requiredProbes[0]": "startup",
    "spec.containers.requiredProbes[1]": "startup",
    "spec.containers.requiredLabels[0].key": "app.kubernetes.io/part-of",
    "spec.containers.requiredLabels[1].key": "tier",
    "spec.containers.requiredLabels[1].values[0]": "green",
    "spec.containers.requiredLabels[1].values[1]": "green",
    "spec.containers.denyLatestTag": False,
    "spec.containers.allowedImagePullPolicies[0]": "Never",
    "spec.containers.allowedImagePullPolicies[1]": "Never",
    "spec.containers.allowedVolumeTypes[0]": "secret",
    "spec.containers.allowedVolumeTypes[1]": "secret",
    "spec.containers.allowedVolumeTypes[2]": "secret",
    "spec.containers.allowedCSIDrivers[0]": "csi.example.com",
    "spec.containers.allowedHostPorts[0].min": 8001,
    "spec.containers.allowedHostPorts[0].max": 8081,
    "spec.containers.allowedRuntimeClasses[0]": "kata",
    "spec.containers.allowedPriorityClasses[0]": "low",
    "spec.containers.allowedPriorityClasses[1]": "low",
    "spec.exemptions[0].reason": "OPS-18",
    "spec.exemptions[0].expires": "2027-01-02T00:00:00Z",
    "spec.exemptions[0].codes[0]": "RUN_AS_NON_ROOT",
    "spec.exemptions[0].images[0]": "registry.example.com/agent/a",
    "spec.exemptions[0].namespaces[0]": "other",
}
"""What each field may say instead."""

OTHER_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENwDpAw9BXFsWoDsPAisgwghVB9Kr
GSHjB+e/x/34ZxhFT6IX7V2Ur3GdR2ykHN0sG7e9Uv4AiPzZBWY0OLZlxA==
-----END PUBLIC KEY-----
"""


def policy(document: Document) -> Policy:
    """Compiled although engines are missing, without the authority whose key nobody can read."""
    value = deepcopy(document.value)
    del value["spec"]["images"]["authorities"][3]
    return compiled(document, ClusterPodPolicy.model_validate(value), reader(FILES | {"other.pub": OTHER_KEY}))


def changed(path: Place, new: Any) -> Document:
    """The policy with another value in one place; a name changes wherever it is used."""
    value = deepcopy(POLICY.value)
    old = at(value, path)
    places = [place for place, leaf in leaves(value) if leaf == old] if path[-1] == "name" else [path]
    for place in places:
        at(value, place[:-1])[place[-1]] = new
    return replace(POLICY, value=value)


def at(value: Any, path: Place) -> Any:
    for step in path:
        value = value[step]
    return value


def test_there_is_another_value_for_every_field() -> None:
    assert {path_text(path) for path, _ in leaves(POLICY.value)} == OTHERWISE.keys() | NOT_SAID.keys()


@pytest.mark.parametrize(
    "path", [path for path, _ in leaves(POLICY.value) if path_text(path) in OTHERWISE], ids=path_text
)
def test_a_policy_with_another_value_in_any_field_has_another_content(path: Place) -> None:
    new = OTHER_KEY if path[-1] == "pem" else OTHERWISE[path_text(path)]
    assert policy(changed(path, new)).content != policy(POLICY).content


@pytest.mark.parametrize("name", ["labels", "annotations"])
def test_what_is_not_read_is_not_content(name: str) -> None:
    value = deepcopy(POLICY.value)
    del value["metadata"][name]
    assert policy(replace(POLICY, value=value)).content == policy(POLICY).content


def source(document: Document, files: dict[str, str] = FILES) -> TrustRootSource:
    return trust_root_source(document, TrustRoot.model_validate(document.value), reader(files))


def generation(*sources: TrustRootSource) -> str:
    return Book((policy(POLICY),), {one.name: one for one in sources}).generation


TRUST_ROOT_TWEAKS = [
    (0, ("metadata", "name"), "another"),
    (0, ("spec", "trustedRoot", "tlogs", 0, "publicKey", "validFor", "start"), "2026-01-02T00:00:00Z"),
    (0, ("spec", "trustedRoot", "tlogs", 0, "baseUrl"), "https://rekor.example.org"),
    (2, ("spec", "tuf", "url"), "https://tuf.example.org"),
    (2, ("spec", "tuf", "root"), f"{FILES['root.json']} "),
    (2, ("spec", "tuf", "target"), "trusted_root.other.json"),
]


@pytest.mark.parametrize(("number", "path", "new"), TRUST_ROOT_TWEAKS)
def test_another_trust_root_is_another_generation(number: int, path: Place, new: Any) -> None:
    value = deepcopy(TRUST_ROOTS[number].value)
    at(value, path[:-1])[path[-1]] = new
    tweaked = source(replace(TRUST_ROOTS[number], value=value))
    assert generation(tweaked) != generation(source(TRUST_ROOTS[number]))


@pytest.mark.parametrize(("number", "name"), [(1, "trusted_root.json"), (3, "root.json")])
def test_another_content_of_a_file_that_a_trust_root_names_is_another_generation(number: int, name: str) -> None:
    files = FILES | {name: json.dumps(json.loads(FILES[name]) | {"more": 1})}
    assert generation(source(TRUST_ROOTS[number], files)) != generation(source(TRUST_ROOTS[number]))


def test_a_trust_root_more_is_another_generation_in_whatever_order() -> None:
    one, other, *_ = map(source, TRUST_ROOTS)
    assert generation(one) != generation(one, other) == generation(other, one)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aA.-/*", max_size=3), inner, max_size=3),
    max_leaves=5,
)
PLACES = [(number, path) for number, document in enumerate(DOCUMENTS) for path, _ in leaves(document.value)]
PREFIXES = sorted({(number, path[:length]) for number, path in PLACES for length in range(1, len(path) + 1)}, key=str)


@given(st.sampled_from(PREFIXES), JSON)
def test_whatever_stands_anywhere_is_taken_or_refused_in_ascii(place: tuple[int, Place], value: Any) -> None:
    number, path = place
    values = [deepcopy(document.value) for document in DOCUMENTS]
    at(values[number], path[:-1])[path[-1]] = value
    found = faults(*(json.dumps(one) + "\n" for one in values))
    assert all(fault.isascii() and fault.isprintable() for fault in found)
    assert found, "the engines that are missing are told in any case, or what hides them"
