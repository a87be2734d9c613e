"""What is legal and weak."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.writing import ATTESTED, VALID, collected, of_images, of_match, tweaked, written
from webhook.images import ImageReference
from webhook.policy.allowlist import Pattern
from webhook.policy.documents import Fault
from webhook.policy.lint import lint, overlap

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def notices(text: str) -> list[str]:
    return [str(notice) for notice in lint([written(text)], NOW)]


def test_nothing_is_to_be_said_about_the_valid_policy() -> None:
    assert notices(VALID) == []


ALLOWED = '["registry.example.com/**", "ghcr.io/acme/*"]'
WEAK = [
    (f"    allow: {ALLOWED}\n", "", ["16: spec.images: has no allow: images of any registry may run"]),
    (
        "onError: Deny",
        "onError: Allow",
        ["15: spec.onError: images run unverified while their registry cannot be asked; Deny refuses them"],
    ),
    (
        "onError: Deny",
        "onError: Warn",
        ["15: spec.onError: images run unverified while their registry cannot be asked; Deny refuses them"],
    ),
    (
        "tags: Pinned",
        "tags: UnsafeResolved",
        ["20: spec.images.tags: kubelet may pull another image than the one that was judged; Pinned is safe"],
    ),
    (
        'include: ["prod-*"]',
        'include: ["*"]',
        ["10: spec.match.namespaces.include[0]: matches every namespace; leave include out to say so"],
    ),
    (
        "exclude: [prod-sandbox]",
        "exclude: [prod-sandbox, sandbox]",
        ["10: spec.match.namespaces.exclude[1]: has no effect: include does not match it"],
    ),
    (
        "unmatched: Deny",
        "unmatched: Allow",
        ["34: spec.images.unmatched: images that no entry of verify speaks about run unverified"],
    ),
    (
        '"ghcr.io/acme/*"',
        '"ghcr.io/**"',
        ["17: spec.images.allow[1]: takes images of every account of ghcr.io"],
    ),
    (
        '"ghcr.io/acme/*"',
        '"ghcr.io/*/app"',
        ["17: spec.images.allow[1]: takes images of every account of ghcr.io"],
    ),
    (
        '"ghcr.io/acme/*"',
        '"*.dkr.ecr.eu-west-1.amazonaws.com/**"',
        ["17: spec.images.allow[1]: takes images of every customer of this cloud, not of your account alone"],
    ),
    (
        'images: ["registry.example.com/**"]',
        'images: ["registry.example.com/**", "quay.io/acme/*"]',
        ["31: spec.images.verify[0].images[1]: has no effect: allow takes no image that it matches"],
    ),
    (
        '["registry.example.com/scratch/**"]',
        '["ghcr.io/other/*"]',
        ["18: spec.images.deny[0]: has no effect: allow takes no image that it matches"],
    ),
    (
        "from: [release, night]",
        "from: [release]",
        ["27: spec.images.authorities[1]: has no effect: no entry of verify accepts it"],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), WEAK)
def test_the_valid_policy_with_one_weakness_is_told_so(old: str, new: str, expected: list[str]) -> None:
    assert notices(tweaked(old, new)) == [f"policies/prod.yaml:{line}" for line in expected]


def test_a_weak_failure_mode_matters_only_where_something_is_enforced_and_verified() -> None:
    assert notices(VALID.replace("onError: Deny", "onError: Allow").replace("mode: Enforce", "mode: Audit")) == []
    assert notices(of_match("p").replace("spec:", "spec:\n  onError: Allow")) == []


def test_one_registry_of_a_cloud_is_that_of_one_customer() -> None:
    assert notices(tweaked('"ghcr.io/acme/*"', '"1234.dkr.ecr.eu-west-1.amazonaws.com/**"')) == []


def test_an_entry_that_names_no_authority_uses_all_of_them() -> None:
    assert notices(tweaked("{minimum: 1, from: [release, night]}", "{minimum: 1}")) == []


def test_nothing_is_to_be_said_about_the_policy_about_identities() -> None:
    assert notices(ATTESTED) == []


BASE_IMAGES = '{allow: ["ghcr.io/acme/*"], baseImages: {allow: ["ghcr.io/base/*"]}}'


def test_a_weak_failure_mode_matters_where_base_images_are_looked_at() -> None:
    text = of_images(BASE_IMAGES).replace("spec:", "spec:\n  onError: Allow")
    message = "images run unverified while their registry cannot be asked; Deny refuses them"
    assert notices(text) == [f"policies/prod.yaml:5: spec.onError: {message}"]


def test_an_authority_may_prove_base_images_alone() -> None:
    authorities = "{authorities: [{name: k, key: {file: release.pub}}], "
    unused = "policies/prod.yaml:5: spec.images.authorities[0]: has no effect: no entry of verify accepts it"
    assert notices(of_images(BASE_IMAGES.replace("{", authorities, 1))) == []
    assert notices(of_images('{allow: ["ghcr.io/acme/*"]}'.replace("{", authorities, 1))) == [unused]


def test_an_authority_that_must_give_annotations_proves_no_base_images() -> None:
    authorities = "{authorities: [{name: k, annotations: {team: red}, key: {file: release.pub}}], "
    where = "policies/prod.yaml:5: spec.images.authorities[0]"
    muted = f"{where}.annotations: provenance carries none, so that this authority proves nothing for baseImages"
    unused = f"{where}: has no effect: no entry of verify accepts it"
    assert notices(of_images(BASE_IMAGES.replace("{", authorities, 1))) == [unused, muted]
    verify = ', verify: [{name: v, images: ["ghcr.io/acme/*"], signatures: {}}]}'
    signing = BASE_IMAGES.replace("{", authorities, 1).removesuffix("}") + verify
    assert notices(of_images(signing)) == [muted]
    assert notices(of_images(signing.replace('baseImages: {allow: ["ghcr.io/base/*"]}', "tags: Pinned"))) == []


def test_a_policy_that_refuses_every_image_is_told_so() -> None:
    assert notices(of_images('{allow: ["ghcr.io/acme/*"], unmatched: Deny}')) == [
        "policies/prod.yaml:5: spec.images.unmatched: refuses every image: there is no entry of verify"
    ]


def test_containers_that_ask_for_nothing_are_told_so() -> None:
    assert notices(of_match("p").replace("true", "false")) == [
        "policies/prod.yaml:5: spec.containers: asks for nothing: no rule is true"
    ]


def test_exclusions_without_inclusions_have_an_effect() -> None:
    assert notices(of_match("p", "{namespaces: {exclude: [a]}}")) == []


def test_notices_are_no_faults_and_stand_in_the_order_of_lines() -> None:
    text = tweaked("onError: Deny", "onError: Allow").replace("tags: Pinned", "tags: UnsafeResolved")
    text = text.replace('include: ["prod-*"]', 'include: ["*"]')
    collection = collected(text, of_images("{}", name="q"))
    found = lint(collection.policies, NOW)
    assert collection.faults == []
    assert [notice.line for notice in found] == [10, 15, 20, 45]
    assert all(isinstance(notice, Fault) for notice in found)


OVERLAPS = [
    ("ghcr.io/a", "ghcr.io/a", True),
    ("ghcr.io/a", "ghcr.io/b", False),
    ("ghcr.io/a", "quay.io/a", False),
    ("ghcr.io/*", "ghcr.io/a", True),
    ("ghcr.io/*/b", "ghcr.io/a/*", True),
    ("ghcr.io/*", "ghcr.io/a/b", False),
    ("ghcr.io/**", "ghcr.io/a/b", True),
    ("ghcr.io/a/**", "ghcr.io/a", False),
    ("ghcr.io/a/**", "ghcr.io/a/b/**", True),
    ("ghcr.io/a/**", "ghcr.io/**", True),
    ("ghcr.io/a", "ghcr.io/a/**", False),
    ("ghcr.io/a/b", "ghcr.io/b/**", False),
    ("*.example.com/a", "x.example.com/a", True),
    ("*.example.com/a", "x.y.example.com/a", False),
    ("*.example.com/a", "example.com/a", False),
    ("*.example.com/a", "*.example.com/*", True),
    ("*.example.com/a", "*.b.example.com/a", False),
]


@pytest.mark.parametrize(("one", "other", "expected"), OVERLAPS)
def test_patterns_overlap_when_an_image_matches_both(one: str, other: str, expected: bool) -> None:
    assert overlap(Pattern.parse(one), Pattern.parse(other)) is expected
    assert overlap(Pattern.parse(other), Pattern.parse(one)) is expected


HOSTS = ["a.example.com", "b.example.com", "example.com", "x.a.example.com"]
PATHS = ["/".join(path) for path in (("p",), ("q",), ("p", "q"), ("q", "p"), ("p", "p", "q"))]
IMAGES = [ImageReference(host, path, "latest", None, qualified=True) for host in HOSTS for path in PATHS]
PATTERNS = st.builds(
    lambda host, path: Pattern.parse(f"{host}/{path}"),
    st.sampled_from([*HOSTS, "*.example.com", "*.a.example.com"]),
    st.sampled_from(["p", "q", "*", "**", "p/q", "*/q", "p/*", "p/**", "*/**", "q/*/**", "p/p/*"]),
)


@given(PATTERNS, PATTERNS)
def test_patterns_that_share_an_image_overlap(one: Pattern, other: Pattern) -> None:
    if any(one.matches(image) and other.matches(image) for image in IMAGES):
        assert overlap(one, other)
