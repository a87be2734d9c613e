"""Which findings OpenVEX documents clear, as both versions of the format write them."""

from datetime import timedelta
from itertools import permutations
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signatures.attested import IMAGE, NOW, OPENSSL, at, not_affected, openvex
from webhook.images import PinnedImage
from webhook.signatures.reports.purls import MAX_CHARACTERS, PackageUrl
from webhook.signatures.reports.vex import MAX_ENTRIES, MAX_SAME_PACKAGE, Exploitability
from webhook.signatures.reports.vex_documents import Document
from webhook.signatures.reports.vulnerabilities import Finding, Severity

FINDING = Finding("CVE-2026-1", Severity.HIGH, package="openssl", purl=OPENSSL)
UNPLACED = FINDING._replace(purl="")
AFFECTED: dict[str, Any] = {"status": "affected", "justification": None, "action_statement": "update"}
ENCODED_DIGEST = quote(str(IMAGE.digest), safe="")


def said(*documents: Any, image: PinnedImage = IMAGE) -> Exploitability:
    """What documents of several names say."""
    named = [one | {"@id": f"vex-{n}"} if isinstance(one, dict) else one for n, one in enumerate(documents)]
    return versioned(*named, image=image)


def versioned(*documents: Any, image: PinnedImage = IMAGE) -> Exploitability:
    """What documents of the names that they have say."""
    return Exploitability.read([Document(document) for document in documents], image, NOW)


def cleared(*statements: dict[str, Any], finding: Finding = FINDING, image: PinnedImage = IMAGE) -> bool:
    return said(openvex(*statements), image=image).clears(finding)


def test_nothing_said_clears_nothing() -> None:
    assert not Exploitability().clears(FINDING)
    assert not said().clears(FINDING)
    assert not cleared()


def test_a_vulnerability_that_does_not_affect_the_image_is_cleared() -> None:
    assert cleared(not_affected())
    assert not cleared(not_affected("CVE-2026-2"))


@pytest.mark.parametrize(
    ("members", "clears"),
    [
        ({}, True),
        ({"justification": "component_not_present"}, True),
        ({"justification": None, "impact_statement": "the code is not called"}, True),
        ({"justification": None}, False),
        ({"justification": "because"}, False),
        ({"justification": 1}, False),
        ({"justification": None, "impact_statement": "  "}, False),
        ({"status": "fixed", "justification": None}, True),
        (AFFECTED, False),
        ({"status": "under_investigation", "justification": None}, False),
        ({"status": "Fixed", "justification": None}, False),
        ({"status": None}, False),
    ],
)
def test_a_statement_clears_by_its_status_and_the_reason_that_it_must_give(members: Any, clears: bool) -> None:
    assert cleared(not_affected(**members)) is clears


@pytest.mark.parametrize(
    "vulnerability",
    [
        {"name": "CVE-2026-1"},
        {"name": "GHSA-x", "aliases": ["OTHER", "CVE-2026-1"]},
        {"@id": "CVE-2026-1"},
        {"@id": "https://nvd.nist.gov/vuln/detail/CVE-2026-1", "name": "something"},
        "CVE-2026-1",
    ],
)
def test_a_vulnerability_goes_by_all_its_names(vulnerability: object) -> None:
    assert cleared(not_affected(vulnerability=vulnerability))


@pytest.mark.parametrize(
    "vulnerability",
    [
        None,
        "",
        {},
        [],
        {"name": "CVE-2026-10"},
        {"name": "cve-2026-1"},
        {"aliases": "CVE-2026-1"},
        {"@id": "https://example.com/CVE-2026-1/"},
        ["CVE-2026-1"],
    ],
)
def test_other_names_are_of_other_vulnerabilities(vulnerability: object) -> None:
    assert not cleared(not_affected(vulnerability=vulnerability))


OURS: dict[str, object] = {
    "a digest in a package URL": {"@id": f"pkg:oci/app@{ENCODED_DIGEST}"},
    "a digest that is not encoded": {"@id": f"pkg:oci/app@{IMAGE.digest}?arch=amd64&tag=1.0"},
    "a digest elsewhere": {"@id": f"pkg:oci/app@{ENCODED_DIGEST}?repository_url=mirror.example.com/app"},
    "a digest in a reference": {"@id": f"registry.example.com/team/app@{IMAGE.digest}"},
    "a digest in identifiers": {
        "@id": "https://example.com/app",
        "identifiers": {"purl": f"pkg:oci/app@{ENCODED_DIGEST}"},
    },
    "a hash": {"@id": "https://example.com/app", "hashes": {"sha-256": IMAGE.digest.hex}},
    "a name": {"@id": "pkg:oci/app?repository_url=registry.example.com/team/app"},
    "a name in pieces": {"@id": "pkg:docker/team/app?repository_url=registry.example.com"},
    "text, as 0.0.1 has it": f"pkg:oci/app@{ENCODED_DIGEST}",
}
OTHERS: dict[str, object] = {
    "another digest": {"@id": f"pkg:oci/app@sha256%3A{'b2' * 32}?repository_url=registry.example.com/team/app"},
    "another hash": {"hashes": {"sha-256": "b2" * 32}},
    "another kind of hash": {"hashes": {"sha-512": IMAGE.digest.hex}},
    "a name without a registry": {"@id": "pkg:oci/app"},
    "a version": {"@id": "pkg:oci/app@1.0?repository_url=registry.example.com/team/app"},
    "a tag": {"@id": "pkg:oci/app?tag=1.0&repository_url=registry.example.com/team/app"},
    "another registry": {"@id": "pkg:oci/app?repository_url=registry.example.org/team/app"},
    "another repository": {"@id": "pkg:oci/app?repository_url=registry.example.com/other/app"},
    "a name that is not its own": {"@id": "pkg:oci/other?repository_url=registry.example.com/team/app"},
    "a package": {"@id": OPENSSL},
    "nothing": {},
    "null": None,
    "a number": 1,
}


@pytest.mark.parametrize("product", OURS.values(), ids=OURS)
def test_a_statement_about_the_image_counts(product: object) -> None:
    assert cleared(not_affected(products=[{"@id": OPENSSL}, product]))


@pytest.mark.parametrize("product", OTHERS.values(), ids=OTHERS)
def test_a_statement_about_something_else_does_not(product: object) -> None:
    assert not cleared(not_affected(products=[product]))


def test_a_statement_about_no_product_is_about_nothing() -> None:
    assert not cleared(not_affected(products=[]))
    assert not cleared(not_affected(products="all"))


MAYBE_OURS: dict[str, object] = OURS | {
    "a version": OTHERS["a version"],
    "a tag": OTHERS["a tag"],
    "a name without a registry": OTHERS["a name without a registry"],
    "a name on Docker Hub, for all one knows": {"@id": "pkg:docker/somebody/app@1.0"},
    "a reference": {"@id": "registry.example.com/team/app"},
    "a reference with a tag": {"@id": "registry.example.com/team/app:1.0"},
    "a name of somebody's own": {"@id": "app"},
    "an address": {"@id": "https://example.com/app"},
    "another kind of hash": OTHERS["another kind of hash"],
    "a package": OTHERS["a package"],
    "nothing": {},
    "null": None,
    "a number": 1,
    "one of two digests": {"@id": f"pkg:oci/app@sha256%3A{'b2' * 32}", "hashes": {"sha-256": IMAGE.digest.hex}},
}
NOT_OURS: dict[str, object] = {
    "another digest": OTHERS["another digest"],
    "another digest of a reference": {"@id": f"registry.example.com/team/app@sha256:{'b2' * 32}"},
    "another hash": OTHERS["another hash"],
    "another registry": OTHERS["another registry"],
    "another repository": OTHERS["another repository"],
    "another reference": {"@id": "registry.example.com/other/app:1.0"},
    "another name without a registry": {"@id": "pkg:oci/other"},
    "another name on Docker Hub": {"@id": "pkg:docker/golang@1"},
}


@pytest.mark.parametrize("product", MAYBE_OURS.values(), ids=MAYBE_OURS)
def test_what_may_be_about_the_image_restores(product: object) -> None:
    restoring = not_affected(**AFFECTED, products=[product], timestamp="2026-01-10T00:00:00Z")
    assert not cleared(not_affected(), restoring)


@pytest.mark.parametrize("product", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_about_another_image_restores_nothing(product: object) -> None:
    restoring = not_affected(**AFFECTED, products=[product], timestamp="2026-01-10T00:00:00Z")
    assert cleared(not_affected(), restoring)


@pytest.mark.parametrize("products", [[], "all", {}, 1])
def test_what_names_no_product_restores_the_image(products: object) -> None:
    restoring = not_affected(**AFFECTED, products=products, timestamp="2026-01-10T00:00:00Z")
    assert not cleared(not_affected(), restoring)


def test_docker_hub_has_one_name() -> None:
    hub = PinnedImage("docker.io", "library/debian", IMAGE.digest)
    for purl in (
        "pkg:oci/debian?repository_url=index.docker.io/library/debian",
        "pkg:docker/debian",
        "pkg:docker/library/debian",
    ):
        assert cleared(not_affected(products=[{"@id": purl}]), image=hub)
    assert not cleared(not_affected(products=[{"@id": "pkg:oci/debian?repository_url=library/debian"}]), image=hub)


def product(*subcomponents: object) -> list[dict[str, Any]]:
    return [{"@id": f"pkg:oci/app@{ENCODED_DIGEST}", "subcomponents": list(subcomponents)}]


@pytest.mark.parametrize(
    "subcomponent",
    [
        {"@id": OPENSSL},
        {"@id": "pkg:deb/debian/openssl"},
        {"@id": "pkg:deb/debian/openssl@3.0.1-1"},
        {"@id": "pkg:deb/debian/openssl?arch=amd64"},
        {"identifiers": {"purl": "pkg:deb/debian/openssl"}},
        "pkg:deb/debian/openssl",
    ],
)
def test_a_subcomponent_narrows_a_statement_to_its_package(subcomponent: object) -> None:
    statement = not_affected(products=product({"@id": "pkg:deb/debian/zlib"}, subcomponent))
    assert cleared(statement)
    assert not cleared(statement, finding=FINDING._replace(purl="pkg:deb/debian/curl@8"))
    assert not cleared(statement, finding=UNPLACED)


@pytest.mark.parametrize(
    "subcomponent",
    [
        {"@id": "pkg:deb/debian/openssl@3.0.2"},
        {"@id": "pkg:deb/debian/openssl@3.0.1-1?arch=arm64"},
        {"@id": "pkg:deb/debian/openssl#part"},
        {"@id": "pkg:deb/ubuntu/openssl"},
        {"@id": "openssl"},
        {"identifiers": {"cpe23": "cpe:2.3:a:openssl:openssl:3.0.1:*:*:*:*:*:*:*"}},
        {},
        None,
    ],
)
def test_other_subcomponents_clear_nothing(subcomponent: object) -> None:
    assert not cleared(not_affected(products=product(subcomponent)))


def test_a_product_without_subcomponents_is_meant_as_a_whole() -> None:
    statement = not_affected(products=product({"@id": "pkg:deb/debian/zlib"}) + product())
    assert cleared(statement)
    assert cleared(statement, finding=UNPLACED)


def test_the_older_version_has_subcomponents_in_the_statement() -> None:
    statement = not_affected(
        vulnerability="CVE-2026-1", products=[f"pkg:oci/app@{ENCODED_DIGEST}"], subcomponents=["pkg:deb/debian/openssl"]
    )
    document = openvex(statement) | {"@context": "https://openvex.dev/ns"}
    assert said(document).clears(FINDING)
    assert not said(document).clears(FINDING._replace(purl="pkg:deb/debian/curl@8"))


def test_subcomponents_of_the_attestations_own_subject_narrow_as_well() -> None:
    statement = not_affected(subcomponents=["pkg:deb/debian/openssl"])
    assert cleared(statement)
    assert not cleared(statement, finding=UNPLACED)


def test_the_newest_statement_wins_across_documents_and_in_any_order() -> None:
    old = openvex(not_affected(), timestamp="2026-01-01T00:00:00Z")
    new = openvex(not_affected(**AFFECTED), timestamp="2026-01-02T00:00:00Z")
    newest = openvex(not_affected(status="fixed"), timestamp="2026-01-03T00:00:00Z")
    assert said(old).clears(FINDING)
    for documents in permutations((old, new)):
        assert not said(*documents).clears(FINDING)
    for order in permutations((old, new, newest)):
        assert said(*order).clears(FINDING)


def test_a_statements_own_time_goes_before_its_documents() -> None:
    old, new = "2026-01-01T00:00:00+02:00", "2026-01-05T00:00:00.123456789Z"
    affected = not_affected(**AFFECTED, timestamp="2026-01-03T00:00:00Z")
    assert cleared(not_affected(timestamp=new), affected)
    assert cleared(not_affected(timestamp=old, last_updated=new), affected)
    assert not cleared(not_affected(timestamp=old), affected)


def test_a_documents_last_update_is_its_time() -> None:
    updated = openvex(not_affected(), timestamp="2026-01-01T00:00:00Z", last_updated="2026-01-05T00:00:00Z")
    affected = openvex(not_affected(**AFFECTED), timestamp="2026-01-03T00:00:00Z")
    assert said(updated, affected).clears(FINDING)


def test_of_two_statements_of_the_same_time_the_worse_one_wins() -> None:
    for statements in ((not_affected(), not_affected(**AFFECTED)), (not_affected(**AFFECTED), not_affected())):
        assert not cleared(*statements)


def test_without_a_time_of_its_own_a_document_is_as_old_as_its_signature() -> None:
    clearing, restoring = openvex(not_affected(), timestamp=None), openvex(not_affected(**AFFECTED), timestamp=None)
    for day, expected in ((5, True), (3, False)):
        documents = [Document(clearing | {"@id": "one"}, at(day)), Document(restoring | {"@id": "other"}, at(4))]
        assert Exploitability.read(documents, IMAGE, NOW).clears(FINDING) is expected


def test_a_document_that_is_stamped_or_logged_anew_is_no_younger_for_it() -> None:
    old = Document(openvex(not_affected(), timestamp="2026-01-01T00:00:00Z"), at(9))
    for members in ({}, {"timestamp": "2026-01-08T00:00:00Z"}):
        ahead = Document(openvex(not_affected(**members), timestamp="2026-01-08T00:00:00Z"), at(1))
        for document in (old, ahead):
            assert not outdone(document).clears(FINDING)
    assert outdone(Document(openvex(not_affected(), timestamp="2026-01-08T00:00:00Z"), at(9))).clears(FINDING)


def outdone(document: Document) -> Exploitability:
    """With another document, of the fourth, that restores."""
    restoring = openvex(not_affected(**AFFECTED), timestamp="2026-01-04T00:00:00Z") | {"@id": "another"}
    return Exploitability.read([document, Document(restoring)], IMAGE, NOW)


NEWER: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a higher version": ({}, {"version": 2}),
    "a higher version in text": ({"version": "9"}, {"version": "10"}),
    "a version at all": ({"version": None}, {}),
    "a later time": ({}, {"timestamp": "2026-01-09T13:00:00Z"}),
    "a later update": ({}, {"last_updated": "2026-01-09T13:00:00Z"}),
    "both": ({}, {"version": 2, "timestamp": "2026-01-09T13:00:00Z"}),
}


@pytest.mark.parametrize(("old", "new"), NEWER.values(), ids=NEWER)
def test_what_a_newer_version_of_a_document_drops_clears_no_more(old: dict[str, Any], new: dict[str, Any]) -> None:
    full, empty = openvex(not_affected(), **old), openvex(not_affected("CVE-2026-2"), **new)
    affected = openvex(not_affected(**AFFECTED), **old)
    for order in permutations((full, empty)):
        assert not versioned(*order).clears(FINDING)
        assert versioned(*order).clears(FINDING._replace(id="CVE-2026-2"))
    cleared_elsewhere = openvex(not_affected(timestamp="2026-01-01T00:00:00Z")) | {"@id": "another"}
    assert versioned(affected, empty, cleared_elsewhere).clears(FINDING)
    assert not versioned(affected, cleared_elsewhere).clears(FINDING)


def test_a_document_that_was_found_twice_counts_once() -> None:
    assert versioned(openvex(not_affected()), openvex(not_affected())).clears(FINDING)
    assert versioned(*[openvex(not_affected(), timestamp=None)] * 2).clears(FINDING)


def test_documents_without_a_name_replace_none() -> None:
    unnamed = {"@id": None}
    assert versioned(openvex(not_affected()) | unnamed, openvex(version=2) | unnamed).clears(FINDING)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"version": 2, "timestamp": "2026-01-01T00:00:00Z"}, {"version": 1}),
        ({"timestamp": None}, {}),
    ],
)
def test_where_nobody_can_tell_which_version_is_the_newest_none_clears(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    empty = openvex(**one), openvex(**other)
    assert not versioned(openvex(not_affected(), **one), empty[1]).clears(FINDING)
    assert not versioned(empty[0], openvex(not_affected(), **other)).clears(FINDING)
    cleared_elsewhere = openvex(not_affected(timestamp="2026-01-01T00:00:00Z")) | {"@id": "another"}
    assert versioned(*empty, cleared_elsewhere).clears(FINDING)
    for documents in (
        (openvex(not_affected(**AFFECTED), **one), empty[1]),
        (empty[0], openvex(not_affected(**AFFECTED), **other)),
    ):
        assert not versioned(*documents, cleared_elsewhere).clears(FINDING)


def test_without_any_time_what_clears_is_oldest_and_what_restores_is_newest() -> None:
    dated, undated = openvex(not_affected()), openvex(not_affected(), timestamp=None)
    assert said(undated).clears(FINDING)
    assert not said(undated, openvex(not_affected(**AFFECTED))).clears(FINDING)
    assert not said(dated, openvex(not_affected(**AFFECTED), timestamp="yesterday")).clears(FINDING)


def test_a_statement_cannot_clear_what_is_still_to_come() -> None:
    ahead = (NOW + timedelta(minutes=5)).isoformat()
    too_far = (NOW + timedelta(minutes=5, seconds=1)).isoformat()
    assert cleared(not_affected(timestamp=ahead))
    assert not cleared(not_affected(timestamp=too_far))
    assert not cleared(not_affected(), not_affected(**AFFECTED, timestamp=too_far))


def test_a_package_is_restored_by_itself() -> None:
    documents = [
        openvex(not_affected(), timestamp="2026-01-01T00:00:00Z"),
        openvex(not_affected(**AFFECTED, products=product({"@id": "pkg:deb/debian/openssl"}))),
    ]
    assert not said(*documents).clears(FINDING)
    assert said(*documents).clears(FINDING._replace(purl="pkg:deb/debian/curl@8"))
    assert not said(*documents).clears(UNPLACED)


def test_what_restores_an_unknown_package_restores_all() -> None:
    documents = [
        openvex(not_affected(), timestamp="2026-01-01T00:00:00Z"),
        openvex(not_affected(**AFFECTED, products=product({"@id": "pkg:deb/debian/curl"}, {"@id": "openssl"}))),
    ]
    assert not said(*documents).clears(FINDING)


def test_findings_with_aliases_are_cleared_by_their_own_name_or_by_all_aliases() -> None:
    advisory = Finding("ELSA-2026-7", Severity.HIGH, aliases=("CVE-1", "CVE-2"))
    assert cleared(not_affected("ELSA-2026-7"), finding=advisory)
    assert cleared(not_affected("CVE-1"), not_affected("CVE-2"), finding=advisory)
    assert not cleared(not_affected("CVE-1"), finding=advisory)
    assert not cleared(not_affected("CVE-1"), not_affected("CVE-2", **AFFECTED), finding=advisory)
    assert not cleared(not_affected("ELSA-2026-7"), not_affected("CVE-2", **AFFECTED), finding=advisory)


def test_a_later_word_about_all_aliases_outdoes_an_earlier_one_about_the_name() -> None:
    advisory = Finding("GHSA-1", Severity.HIGH, aliases=("CVE-1",))
    earlier = not_affected("GHSA-1", **AFFECTED, timestamp="2026-01-01T00:00:00Z")
    assert cleared(earlier, not_affected("CVE-1"), finding=advisory)
    assert not cleared(earlier, not_affected("CVE-1"), finding=advisory._replace(aliases=("CVE-1", "CVE-2")))
    assert not cleared(not_affected(), earlier, finding=advisory)


@pytest.mark.parametrize("context", [None, "", 1, "https://example.com/ns", "https://spdx.dev/ns"])
def test_documents_of_another_kind_say_nothing(context: object) -> None:
    assert not said(openvex(not_affected()) | {"@context": context}).clears(FINDING)


@pytest.mark.parametrize(
    "document", [None, [], "text", 1, {}, {"@context": "https://openvex.dev/ns", "statements": {}}]
)
def test_what_is_no_document_says_nothing_and_does_no_harm(document: object) -> None:
    assert said(document, openvex(not_affected())).clears(FINDING)


def test_beyond_the_ceiling_nothing_is_cleared() -> None:
    many = [not_affected(f"CVE-2026-{n}") for n in range(MAX_ENTRIES)]
    assert cleared(*many)
    assert not cleared(*many, not_affected("CVE-1999-1"))


def test_beyond_the_ceiling_for_one_package_nothing_is_cleared() -> None:
    versions = [{"@id": f"pkg:deb/debian/openssl@{n}"} for n in range(MAX_SAME_PACKAGE - 1)]
    assert cleared(not_affected(products=product(*versions, {"@id": OPENSSL})))
    assert not cleared(not_affected(products=product(*versions, {"@id": OPENSSL}, {"@id": "pkg:deb/debian/openssl@x"})))


def test_a_large_document_is_read_once_and_not_for_each_finding() -> None:
    """Were it read anew for each, this would take hours."""
    products = product() * 20_000
    shared = [f"pkg:deb/debian/p{n}" for n in range(20_000)]
    document = openvex(not_affected(products=products, subcomponents=shared))
    exploitability = said(document)
    assert exploitability.clears(FINDING._replace(purl="pkg:deb/debian/p7@1"))
    assert all(not exploitability.clears(FINDING) for _ in range(50_000))


TEXTS = st.sampled_from(
    ["CVE-2026-1", "fixed", "affected", OPENSSL, "pkg:oci/app", "pkg:", "pkg:a//@", "%", "\x00", ""]
)
MEMBERS = st.sampled_from(
    ["@context", "@id", "statements", "vulnerability", "name", "aliases", "products", "subcomponents", "status"]
) | st.sampled_from(
    ["identifiers", "purl", "hashes", "sha-256", "timestamp", "last_updated", "justification", "impact_statement"]
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=5),
    max_leaves=24,
)


@given(DOCUMENTS)
def test_no_document_gets_out_of_the_reader_as_an_exception(document: Any) -> None:
    for content in (document, openvex(document), openvex(not_affected(products=document, subcomponents=document))):
        exploitability = said(content)
        for finding in (FINDING, UNPLACED, FINDING._replace(purl="pkg:%", aliases=("fixed",))):
            assert exploitability.clears(finding) in {True, False}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pkg:deb/debian/openssl@3.0.1", PackageUrl("deb", "debian", "openssl", "3.0.1")),
        ("pkg:npm/%40angular/core@1", PackageUrl("npm", "@angular", "core", "1")),
        ("pkg:npm/@angular/core", PackageUrl("npm", "@angular", "core")),
        ("pkg:NPM//a//b/c", PackageUrl("npm", "a/b", "c")),
        ("pkg:a/b?Arch=x&empty=&c=%2F", PackageUrl("a", "", "b", qualifiers={"arch": "x", "c": "/"})),
        ("pkg:a/b@1?x=y#sub", PackageUrl("a", "", "b", "1", {"x": "y"}, "sub")),
        ("pkg:a/b?x=1&x=2", None),
        ("pkg:a", None),
        ("pkg:", None),
        ("pkg:/", None),
        ("a/b", None),
        (f"pkg:a/{'b' * (MAX_CHARACTERS - 6)}", PackageUrl("a", "", "b" * (MAX_CHARACTERS - 6))),
        (f"pkg:a/{'b' * (MAX_CHARACTERS - 5)}", None),
    ],
)
def test_package_urls_are_read(text: str, expected: PackageUrl | None) -> None:
    assert PackageUrl.parse(text) == expected


@pytest.mark.parametrize(
    "purl",
    [
        OPENSSL,
        "pkg:oci/app?repository_url=https://registry.example.com/app",
        "pkg:oci/team/app?repository_url=registry.example.com/team/app",
        "pkg:docker/app?repository_url=team",
        "pkg:docker/App",
    ],
)
def test_what_names_no_image_in_a_registry_is_told(purl: str) -> None:
    parsed = PackageUrl.parse(purl)
    assert parsed is not None
    assert parsed.image() is None
