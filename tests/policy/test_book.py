"""The set of policies in force: selection, and what changes its generation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policy.writing import (
    ATTESTED,
    KEY,
    KEY_FILES,
    OTHER_KEY,
    TRUST_ROOT,
    VALID,
    book,
    collected,
    faults,
    of_images,
    of_match,
    tweaked,
)
from webhook.policy.book import Book, Policy, Selection
from webhook.policy.documents import FaultsError
from webhook.policy.matching import Match
from webhook.policy.rules import Tags
from webhook.verdict import Mode

BY_NAME = '{namespaces: {include: ["prod-*"]}}'
BY_LABEL = "{namespaceSelector: {matchLabels: {team: a}}}"
BY_BOTH = '{namespaces: {include: ["prod-*"]}, namespaceSelector: {matchLabels: {team: a}}}'


def names(policies: tuple[Policy, ...]) -> list[str]:
    return [policy.name for policy in policies]


def test_a_selection_has_the_policies_that_speak_about_the_namespace_in_the_order_of_their_names() -> None:
    three = book(of_match("c", BY_NAME), of_match("b", BY_LABEL), of_match("a"), of_match("d", BY_BOTH))
    assert names(three.select("prod-a", {"team": "a"}).policies) == ["a", "b", "c", "d"]
    assert names(three.select("prod-a", {"team": "b"}).policies) == ["a", "c"]
    assert names(three.select("test", {"team": "a"}).policies) == ["a", "b"]
    assert names(three.select("test", {}).policies) == ["a"]


def test_without_labels_those_that_select_by_label_are_undecided_where_their_names_match() -> None:
    four = book(of_match("a"), of_match("b", BY_LABEL), of_match("c", BY_BOTH))
    selection = four.select("prod-a", None)
    assert names(selection.policies) == ["a"]
    assert names(selection.undecided) == ["b", "c"]
    assert names(four.select("test", None).undecided) == ["b"]


def test_known_labels_leave_nothing_undecided() -> None:
    assert book(of_match("b", BY_LABEL)).select("x", {}) == Selection()


def test_no_policy_selects_nothing() -> None:
    assert Book(()).select("x", None) == Selection()


def test_a_book_says_whether_labels_are_needed() -> None:
    assert book(of_match("a"), of_match("b", BY_LABEL)).needs_labels
    assert not book(of_match("a"), of_match("c", BY_NAME)).needs_labels


def test_selections_are_remembered_so_that_many_policies_cost_no_more_than_one() -> None:
    judged = 0

    class Counting(Match):
        def names(self, namespace: str) -> bool:
            nonlocal judged
            judged += 1
            return super().names(namespace)

    many = Book(tuple(Policy(name=f"p{index:04}", match=Counting()) for index in range(1000)))
    first = many.select("prod-a", {"team": "a"})
    assert judged == 1000
    assert many.select("prod-a", {"team": "b"}) is first
    assert judged == 1000


def test_selections_by_label_are_remembered_by_content() -> None:
    one = book(of_match("a", BY_LABEL))
    labels = {"team": "a", "x": "y"}
    assert one.select("n", labels) is one.select("n", dict(reversed(labels.items())))
    assert one.select("n", labels) is not one.select("m", labels)


def test_registries_that_allowlists_name_without_a_wildcard_are_known() -> None:
    allow = '{allow: ["registry.internal:5000/**", "*.example.com/a", "ghcr.io/a", "ghcr.io/b"], deny: ["quay.io/**"]}'
    assert book(of_images(allow), of_images("{}", name="q"), of_match("r")).literal_registries == {
        "registry.internal:5000",
        "ghcr.io",
    }


def test_registries_of_signatures_and_base_images_are_known_too() -> None:
    images = """{
      allow: ["ghcr.io/**"],
      authorities: [
        {name: here, key: {file: release.pub}},
        {name: there, key: {file: night.pub}, repository: "signatures.internal:5000/ours"},
        {name: unused, keyless: {issuer: "https://issuer.example.com", subject: a}, repository: "unused.example.com/x"},
      ],
      verify: [{name: v, images: ["ghcr.io/**"], signatures: {from: [here, there]}}],
    }"""
    assert book(of_images(images)).literal_registries == {"ghcr.io", "signatures.internal:5000"}
    with_base = images.replace("verify:", 'baseImages: {allow: ["base.internal/*", "*.example.com/base/**"]}, verify:')
    assert book(of_images(with_base)).literal_registries == {
        "ghcr.io",
        "signatures.internal:5000",
        "base.internal",
        "unused.example.com",
    }


def test_a_book_says_which_trust_roots_its_authorities_need() -> None:
    assert book(ATTESTED).needed_trust_roots == {"private", "public-good"}
    assert book(VALID, of_match("m")).needed_trust_roots == set()
    assert book(tweaked("transparencyLog: NotRequired", "timestamp: Required")).needed_trust_roots == {"public-good"}


def test_an_authority_that_nobody_asks_needs_no_trust_root() -> None:
    text = tweaked('    baseImages: {allow: ["registry.example.com/base/**"]}\n', "", ATTESTED)
    text = tweaked("      - type: https://slsa.dev/provenance/v1\n", "", text)
    assert book(tweaked("from: [ci, people]", "from: [ci]", text)).needed_trust_roots == {"public-good"}


def generation(*texts: str) -> str:
    return book(*texts).generation


def test_a_generation_is_a_short_hash() -> None:
    assert len(generation(VALID)) == 16
    int(generation(VALID), 16)


SAME = [
    ("  mode: Enforce\n", ""),
    ("  mode: Enforce\n", "  # comment\n\n  mode: 'Enforce'\n"),
    ("  labels: {team: platform}\n", ""),
    ('"anybody, really"', "somebody"),
    ("{minimum: 1, from: [release, night]}", "{from: [release, night], minimum: 1}"),
    ("      transparencyLog: NotRequired\n", "      transparencyLog: NotRequired\n\n"),
]
OTHER = [
    ("mode: Enforce", "mode: Warn"),
    ("onError: Deny", "onError: Warn"),
    ("name: production", "name: other"),
    ('"ghcr.io/acme/*"', '"ghcr.io/acme/**"'),
    ("unmatched: Deny", "unmatched: Allow"),
    ("[gold, silver]", "[gold]"),
    ("exclude: [prod-sandbox]", "exclude: [prod-sandbox, prod-a]"),
    ("runAsNonRoot: true", "runAsNonRoot: false"),
    ("annotations: {team: red}", "annotations: {team: blue}"),
    ("minimum: 1", "minimum: 2"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_the_generation_stays_when_only_the_writing_changes(old: str, new: str) -> None:
    assert generation(tweaked(old, new)) == generation(VALID)


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_the_generation_changes_when_something_else_is_said(old: str, new: str) -> None:
    assert generation(tweaked(old, new)) != generation(VALID)


def test_the_generation_changes_with_the_content_of_a_key_file() -> None:
    def with_keys(release: str, night: str) -> str:
        return collected(VALID, files={"release.pub": release, "night.pub": night}).book("x").generation

    assert with_keys(KEY, OTHER_KEY) == generation(VALID)
    assert with_keys(OTHER_KEY, KEY) != generation(VALID)
    assert with_keys(KEY.replace("\n", "\r\n"), OTHER_KEY) == generation(VALID)


def test_a_key_in_the_policy_is_the_same_content_as_in_a_file() -> None:
    pem = KEY.replace("\n", "\\n")
    assert generation(tweaked("{file: release.pub}", f'{{pem: "{pem}"}}')) == generation(VALID)


@given(st.permutations(["a", "b", "c"]))
def test_the_order_in_which_policies_are_found_changes_nothing(order: list[str]) -> None:
    texts = {"a": of_match("a"), "b": of_match("b", BY_LABEL), "c": of_images("{}", name="c")}
    found = book(*(texts[name] for name in order))
    assert names(found.policies) == ["a", "b", "c"]
    assert found.generation == generation(*texts.values())


def test_a_policy_that_is_added_changes_the_generation() -> None:
    assert generation(of_match("a")) != generation(of_match("a"), of_match("b"))


def test_two_policies_of_one_name_are_a_fault_that_names_both_places() -> None:
    assert faults(of_match("a"), of_match("b"), of_match("a")) == [
        "policies/prod.yaml:17: metadata.name: there is a policy a in policies/prod.yaml:1 already"
    ]


def test_a_name_is_taken_also_by_a_policy_whose_keys_cannot_be_used() -> None:
    found = faults(VALID, VALID, files=KEY_FILES | {"night.pub": "x"})
    assert "policies/prod.yaml:44: metadata.name: there is a policy production in policies/prod.yaml:1 already" in found


@pytest.mark.parametrize("text", ["# nothing here\n", TRUST_ROOT])
def test_nothing_loaded_is_never_success(text: str) -> None:
    with pytest.raises(FaultsError) as caught:
        collected(text).book("policies")
    assert str(caught.value) == "policies: no ClusterPodPolicy found in policies"


def test_one_fault_among_many_policies_keeps_all_of_them_out() -> None:
    with pytest.raises(FaultsError) as caught:
        book(of_match("a"), of_match("B"))
    assert len(caught.value.faults) == 1


def test_defaults_are_those_of_the_reference() -> None:
    plain = book(of_images("{}")).policies[0]
    assert (plain.mode, plain.on_error) == (Mode.ENFORCE, "Deny")
    assert plain.images is not None
    assert plain.images.tags is Tags.PINNED
    assert plain.checks == ()
