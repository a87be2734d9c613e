"""What images may be built on: which base images are looked up, and what proves that an image is built on one."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.signatures.attested import CI, RELEASE, at, unsaid, vouch
from webhook.images import Digest, PinnedImage
from webhook.policy.allowlist import Pattern
from webhook.policy.base_images import MAX_BASES, BaseImageRule, bases, judge
from webhook.signatures.attestations import Vouch
from webhook.signatures.contents import BASE_DIGEST, BASE_NAME, Contents, Platform

RULE = BaseImageRule((Pattern.parse("registry.example.com/base/**"),), (CI,))
NO_AUTHORITY = BaseImageRule(RULE.allow)
ALLOWED = "registry.example.com/base/**"

SLSA_02 = "https://slsa.dev/provenance/v0.2"
SLSA_1 = "https://slsa.dev/provenance/v1"

HOW = (
    "prove it with the annotations org.opencontainers.image.base.name and org.opencontainers.image.base.digest of an"
    " allowed image whose layers it begins with, or with SLSA provenance that names it"
)


def digest(number: int) -> Digest:
    return Digest.parse(f"sha256:{number:064x}")


def layers(*numbers: int) -> tuple[str, ...]:
    return tuple(str(digest(number)) for number in numbers)


DEBIAN = PinnedImage("registry.example.com", "base/debian", digest(100))
BASE = Contents((Platform(digest(101), layers(1, 2)), Platform(digest(102), layers(5, 6))))


def platform(*numbers: int, number: int = 200, name: str = "", base: str = "") -> Platform:
    annotations = {key: value for key, value in ((BASE_NAME, name), (BASE_DIGEST, base)) if value}
    return Platform(digest(number), layers(*numbers), annotations)


def built(*numbers: int, number: int = 200) -> Platform:
    """An image that says what it is built on."""
    return platform(*numbers, number=number, name="registry.example.com/base/debian:12", base=str(DEBIAN.digest))


def reason(
    *platforms: Platform, known: Any = None, provenance: tuple[Vouch, ...] = (), rule: BaseImageRule = RULE
) -> Any:
    return judge(Contents(platforms), {DEBIAN: BASE} if known is None else known, provenance, rule)


def test_an_image_that_begins_with_the_layers_of_an_allowed_one_is_proved() -> None:
    assert bases(Contents((built(1, 2, 3),)), RULE) == (DEBIAN,)
    assert reason(built(1, 2, 3)) is None


def test_any_platform_of_the_base_will_do_as_layers_are_their_content() -> None:
    assert reason(built(5, 6, 7)) is None


def test_the_base_itself_is_built_on_itself() -> None:
    assert reason(built(1, 2)) is None


def test_a_proof_needs_no_authority() -> None:
    assert reason(built(1, 2, 3), rule=NO_AUTHORITY) is None


@pytest.mark.parametrize("numbers", [(), (1,), (2, 1, 3), (1, 3), (0, 1, 2), (1, 5, 6)])
def test_other_layers_are_no_proof(numbers: tuple[int, ...]) -> None:
    assert reason(built(*numbers)) == (
        f"it claims to be built on {DEBIAN}, but does not begin with its layers; no SLSA provenance by ci"
    )


def test_a_base_without_layers_proves_nothing() -> None:
    empty = Contents((Platform(digest(101), ()),))
    assert "does not begin with its layers" in reason(built(1, 2), known={DEBIAN: empty})


@pytest.mark.parametrize("count", [1, 3])
def test_a_base_of_nothing_but_empty_layers_proves_nothing(count: int) -> None:
    """Whoever begins an image with a step that changes no file would be built on it."""
    empty = f"sha256:{hashlib.sha256(bytes(1024)).hexdigest()}"
    claimed = Platform(digest(200), (empty,) * 3 + layers(1), built().annotations)
    assert "does not begin with its layers" in reason(
        claimed, known={DEBIAN: Contents((Platform(digest(101), (empty,) * count),))}
    )
    whole = Contents((Platform(digest(101), (*(empty,) * 3, *layers(1))),))
    assert reason(claimed, known={DEBIAN: whole}) is None


def test_a_claim_alone_is_named_as_one() -> None:
    assert reason(platform(1, 2, 3, name="registry.example.com/base/debian:12"), rule=NO_AUTHORITY) == (
        "that it is built on registry.example.com/base/debian is a claim of its annotation"
        " org.opencontainers.image.base.name, and no proof: add org.opencontainers.image.base.digest, so that the"
        " layers can be compared; the policy names no authority whose provenance would count"
    )


def test_an_image_that_says_nothing_is_told_how_to_prove_it() -> None:
    assert reason(platform(1, 2, 3)) == f"it does not say what it is built on; {HOW}; no SLSA provenance by ci"


def test_a_base_that_could_not_be_looked_up_proves_nothing() -> None:
    assert reason(built(1, 2, 3), known={}) == (
        f"the layers of {DEBIAN}, on which it claims to be built, could not be looked up; no SLSA provenance by ci"
    )


def test_a_base_that_is_not_allowed_is_not_looked_up_nor_believed() -> None:
    claimed = platform(1, 2, 3, name="docker.io/library/debian:12", base=str(DEBIAN.digest))
    other = PinnedImage("docker.io", "library/debian", DEBIAN.digest)
    assert bases(Contents((claimed,)), RULE) == ()
    assert reason(claimed, known={other: BASE}) == (
        "the base image that it claims: docker.io/library/debian is not allowed; allowed here:"
        f" {ALLOWED}; no SLSA provenance by ci"
    )


@pytest.mark.parametrize(
    "name",
    [
        "debian",
        "base/debian",
        "registry.example.com/base",
        "registry.example.com/based/debian",
        "registry.example.com:5000/base/debian",
        "registry.example.com.evil.example/base/debian",
        "evil.example/registry.example.com/base/debian",
    ],
)
def test_names_are_compared_in_normal_form(name: str) -> None:
    assert bases(Contents((platform(1, name=name, base=str(DEBIAN.digest)),)), RULE) == ()


@pytest.mark.parametrize(
    ("name", "base", "expected"),
    [
        ("REGISTRY.example.com/base/debian", str(digest(1)), f"its annotation {BASE_NAME} names no image: "),
        ("https://registry.example.com/base/debian", str(digest(1)), f"its annotation {BASE_NAME} names no image: "),
        ("registry.example.com/base/../debian", str(digest(1)), f"its annotation {BASE_NAME} names no image: "),
        ("registry.example.com/base/debian", "sha512:1", f"its annotation {BASE_DIGEST} is no digest: "),
        ("registry.example.com/base/debian", "latest", f"its annotation {BASE_DIGEST} is no digest: "),
        (
            f"registry.example.com/base/debian@{digest(1)}",
            str(digest(2)),
            f"its annotations {BASE_NAME} and {BASE_DIGEST} ",
        ),
    ],
)
def test_claims_that_cannot_be_read_name_nothing(name: str, base: str, expected: str) -> None:
    claimed = platform(1, 2, 3, name=name, base=base)
    assert bases(Contents((claimed,)), RULE) == ()
    assert reason(claimed).startswith(expected)


@pytest.mark.parametrize("base", ["", str(DEBIAN.digest)])
def test_the_digest_may_stand_in_the_name(base: str) -> None:
    claimed = platform(1, 2, 3, name=str(DEBIAN), base=base)
    assert bases(Contents((claimed,)), RULE) == (DEBIAN,)
    assert reason(claimed) is None


def test_bases_are_looked_up_once_and_not_without_end() -> None:
    same = Contents(tuple(built(1, number=n) for n in range(5)))
    assert bases(same, RULE) == (DEBIAN,)
    name = "registry.example.com/base/debian"
    many = Contents(tuple(platform(1, number=n, name=name, base=str(digest(n))) for n in range(MAX_BASES + 9)))
    assert [image.digest for image in bases(many, RULE)] == [digest(n) for n in range(MAX_BASES)]


def test_every_platform_must_be_proved() -> None:
    assert reason(built(1, 2, 3, number=201), built(5, 6, 7, number=202)) is None
    assert reason(built(1, 2, 3, number=201), built(9, number=202)) == (
        f"platform {digest(202)}: it claims to be built on {DEBIAN}, but does not begin with its layers;"
        " no SLSA provenance by ci"
    )
    assert (
        reason(platform(1, 2, 3, number=201), built(1, 2, number=202)) is None
    )  # layers prove it, whoever names the base


def test_an_image_without_platforms_is_not_proved() -> None:
    assert reason() == "there is no platform; no SLSA provenance by ci"


def material(uri: str, number: int | None = 100, **digests: str) -> dict[str, Any]:
    return {"uri": uri, "digest": ({} if number is None else {"sha256": digest(number).hex}) | digests}


GIT = material("git+https://github.com/acme/app@refs/heads/main", None, sha1="a1" * 20)
OCI = material("pkg:oci/debian@12?repository_url=registry.example.com/base/debian")


def provenance(*materials: object, version: str = SLSA_1, **how: Any) -> Vouch:
    if version == SLSA_1:
        return vouch({"buildDefinition": {"resolvedDependencies": list(materials)}}, version, **how)
    return vouch({"materials": list(materials)}, version, **how)


@pytest.mark.parametrize("version", [SLSA_02, SLSA_1])
@pytest.mark.parametrize(
    "one",
    [
        OCI,
        material("pkg:docker/registry.example.com/base/debian@12?platform=linux%2Famd64"),
        material("pkg:docker/base/debian@12?repository_url=registry.example.com"),
        material(f"pkg:docker/registry.example.com/base/debian?digest={digest(100)}&platform=linux%2Famd64"),
        material(f"pkg:docker/registry.example.com/base/debian?digest={digest(100)}", None),
        material(f"pkg:oci/debian@sha256%3A{digest(100).hex}?repository_url=registry.example.com/base/debian", None),
        material("docker://registry.example.com/base/debian:12"),
        material("oci://registry.example.com/base/debian"),
        material(f"oci://registry.example.com/base/debian@{digest(100)}", None),
        material(f"registry.example.com/base/debian@{digest(100)}"),
    ],
)
def test_provenance_proves_it_where_all_images_that_went_in_are_allowed(one: dict[str, Any], version: str) -> None:
    assert reason(platform(9), provenance=(provenance(GIT, one, version=version),)) is None


def refused(*materials: object, **how: Any) -> str:
    """What is wrong with provenance, where layers prove nothing either."""
    message: str = reason(platform(9), provenance=(provenance(*materials, **how),))
    return message.removeprefix(f"it does not say what it is built on; {HOW}; the SLSA provenance by ci ")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (
            material("pkg:docker/golang@1.26"),
            f"names an image that may not be a base: docker.io/library/golang is not allowed; allowed here: {ALLOWED}",
        ),
        (
            material("oci://registry.example.org/base/debian"),
            "names an image that may not be a base: registry.example.org/base/debian is not allowed;",
        ),
        (material("pkg:oci/debian@12"), 'names "pkg:oci/debian@12", which is no image that can be judged'),
        (material("docker://UPPER/case"), 'names "docker://UPPER/case", which is no image that can be judged'),
        (material("pkg:docker/"), 'names "pkg:docker/", which is no image that can be judged'),
        (
            material("oci://registry.example.com/base/debian", None, sha512="a1" * 64),
            "names registry.example.com/base/debian without its digest, or with several",
        ),
        (
            material(f"oci://registry.example.com/base/debian@{digest(7)}"),
            "names registry.example.com/base/debian without its digest, or with several",
        ),
        (
            {"uri": "oci://registry.example.com/base/debian", "digest": {"sha256": "A1" * 32}},
            "names registry.example.com/base/debian without its digest, or with several",
        ),
        (
            {"uri": "oci://registry.example.com/base/debian"},
            "names registry.example.com/base/debian without its digest",
        ),
    ],
)
def test_one_image_that_is_not_allowed_or_not_known_is_enough_to_refuse(one: dict[str, Any], expected: str) -> None:
    assert refused(OCI, one).startswith(expected)
    assert refused(one, OCI).startswith(expected)


OTHER_THINGS = {
    one["uri"]: one
    for one in (
        material("https://example.com/x.tgz"),
        material("HTTPS://example.com/blobs/x"),
        material("Dockerfile"),
        material("./src/Dockerfile"),
        material("build/args:1"),
        material("github.com/acme/app", None, sha1="a1" * 20),
        material("git+ssh://git@github.com/acme/app"),
        material("git://example.com/app"),
        material("file:///src/app.tgz"),
        material("s3://bucket/app.tgz"),
        material("pkg:npm/%40angular/core@1"),
        material("pkg:generic/openssl@3?download_url=https://example.com/openssl.tgz"),
    )
}
MAYBE_IMAGES = {
    "another spelling of a package URL's type": material("pkg:Docker/evil/base@1"),
    "another spelling of a package URL": material("PKG:docker/evil/base@1"),
    "slashes in a package URL": material("pkg://docker/evil/base@1"),
    "an encoded type": material("pkg:d%6Fcker/evil/base@1"),
    "another spelling of a scheme": material("DOCKER://docker.io/evil/base@1"),
    "a package URL that cannot be read": material("pkg:docker"),
    "a space before it": material(" pkg:docker/evil/base"),
    "a package from an image": material("pkg:generic/x?download_url=oci://evil.example/base"),
    "a package from something like an image": material("pkg:generic/x?download_url=registry://evil"),
    "a daemon's image": material("docker-daemon:evil/base"),
    "a daemon's image with a digest": material(f"docker-daemon:evil@{digest(2)}"),
    "a store's image": material(f"containers-storage:evil/base@{digest(2)}"),
    "a layout": material(f"oci-layout://x@{digest(2)}"),
    "any other scheme": material("registry://evil/x"),
    "a name with a tag": material("golang:1.26"),
    "a registry with a port": material("evil.example:5000/base"),
    "a name in a registry": material("evil.example/base"),
    "a name in a registry with capitals": material("Evil.example/Base"),
    "a name with a tag in a registry": material("evil.example/base:latest", None),
    "a name on this machine": material("localhost/base"),
    "a name at an address": material("[::1]/base"),
    "a name of no registry with a digest": material(f"golang@{digest(2)}"),
    "a manifest's address": material(f"https://evil.example/v2/base/manifests/{digest(2)}"),
    "an encoded address of a manifest": material("https://evil.example/v2/base/%4Danifests/latest"),
    "a layer's address": material(f"http://evil.example/prefix/v2/a/b/blobs/{digest(2)}"),
    "a web address with a digest": material(f"https://example.com/x@{digest(1)}"),
    "no address": {"name": "evil.example/base", "digest": {"sha256": digest(2).hex}},
    "an address in another spelling": {"URI": "pkg:docker/evil/x@1"},
    "an address that is no text": {"uri": 1},
    "no object": "pkg:docker/evil/base@1",
    "nothing": None,
}


@pytest.mark.parametrize("one", MAYBE_IMAGES.values(), ids=MAYBE_IMAGES)
def test_what_may_be_an_image_is_judged_or_refused_and_never_passed_over(one: Any) -> None:
    reason = refused(OCI, one)
    assert reason.startswith("names ")
    if "docker.io/evil/base is not allowed" not in reason:
        assert reason.endswith(", which is no image that can be judged")


@pytest.mark.parametrize("one", OTHER_THINGS.values(), ids=OTHER_THINGS)
def test_what_is_surely_no_image_is_passed_over(one: dict[str, Any]) -> None:
    assert reason(platform(9), provenance=(provenance(one, OCI),)) is None


def test_a_material_that_cannot_be_judged_is_named() -> None:
    assert refused({"name": "base"}) == 'names "{"name": "base"}", which is no image that can be judged'
    assert refused(material("docker-daemon:a")) == 'names "docker-daemon:a", which is no image that can be judged'


@pytest.mark.parametrize("content", ["text", {"uri": OCI["uri"]}, 1, None])
def test_materials_that_are_no_list_name_nothing(content: object) -> None:
    attested = vouch({"materials": content}, SLSA_02)
    assert reason(platform(9), provenance=(attested,)).endswith("by ci names no image that went in")


@pytest.mark.parametrize(
    "materials",
    [
        (),
        (GIT,),
        tuple(OTHER_THINGS.values()),
    ],
)
def test_provenance_that_names_no_image_proves_nothing(materials: tuple[Any, ...]) -> None:
    assert refused(*materials) == "names no image that went in"


@pytest.mark.parametrize("content", [None, [], {}, {"buildDefinition": []}, {"materials": [OCI]}])
def test_provenance_of_another_shape_proves_nothing(content: object) -> None:
    message = reason(platform(9), provenance=(vouch(content, SLSA_1),))
    assert message.endswith("the SLSA provenance by ci names no image that went in")


def test_provenance_that_can_be_read_in_two_ways_proves_nothing() -> None:
    twofold = vouch(predicate_type=SLSA_1, statement={"predicate": {}, "PREDICATE": {}})
    message = reason(platform(9), provenance=(twofold,))
    assert message.endswith("by ci cannot be read: statement: the member predicate in another spelling")


def test_other_attestations_are_no_provenance() -> None:
    other = vouch({"materials": [OCI]}, "https://slsa.dev/provenance/v0.1")
    assert reason(platform(9), provenance=(other, unsaid())).endswith("; no SLSA provenance by ci")


def test_provenance_counts_by_the_policys_authorities_alone() -> None:
    assert reason(platform(9), provenance=(provenance(OCI, by=RELEASE),)).endswith("; no SLSA provenance by ci")
    both = BaseImageRule(RULE.allow, (CI, RELEASE))
    assert reason(platform(9), provenance=(provenance(OCI, by=RELEASE),), rule=both) is None
    assert reason(platform(9), rule=both).endswith("; no SLSA provenance by ci, release")


def test_of_one_authority_the_newest_provenance_decides() -> None:
    good = provenance(OCI, signed_at=at(1))
    bad = provenance(material("pkg:docker/golang@1.26"), signed_at=at(2))
    assert reason(platform(9), provenance=(good,)) is None
    assert "docker.io/library/golang" in reason(platform(9), provenance=(good, bad))
    assert reason(platform(9), provenance=(bad, provenance(OCI, signed_at=at(3)))) is None


def test_of_equally_new_provenance_all_must_prove_it() -> None:
    bad = provenance(material("pkg:docker/golang@1.26"))
    for order in ((provenance(OCI), bad), (bad, provenance(OCI))):
        assert "docker.io/library/golang" in reason(platform(9), provenance=order)


def test_layers_prove_it_where_provenance_does_not() -> None:
    assert reason(built(1, 2, 3), provenance=(provenance(GIT),)) is None


JSON = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from([OCI, "pkg:oci/debian", "oci://", "pkg:docker/%"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["uri", "digest", "sha256", "materials"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, st.text(max_size=30), st.text(max_size=30))
def test_whatever_an_image_says_there_is_an_answer(content: Any, name: str, base: str) -> None:
    claimed = platform(9, name=name, base=base)
    for attested in (vouch({"materials": content}, SLSA_02), provenance(content)):
        answer = judge(Contents((claimed,)), {}, (attested,), RULE)
        assert answer is None or (answer.isascii() and answer.isprintable())
