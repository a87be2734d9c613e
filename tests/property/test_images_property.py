"""What holds for every text: a reference is refused or has one stable normal form, and patterns respect segments."""

from ipaddress import IPv6Address

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from webhook import images
from webhook.images import DOCKER_HUB, ImageReference, ImageReferenceError
from webhook.policy.allowlist import Pattern, PatternError

HEX = "0123456789abcdef" * 4

SEGMENT = st.from_regex(r"[a-z0-9]{1,5}(?:(?:[._]|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
REPOSITORY = st.lists(SEGMENT, min_size=1, max_size=4).map("/".join)
LABEL = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
DOTTED_HOST = st.lists(LABEL, min_size=2, max_size=4).map(".".join).filter(lambda host: host != "docker.io")
PORT = st.integers(min_value=1, max_value=65535)
IPV6 = st.integers(min_value=1 << 48, max_value=(1 << 128) - 1).map(IPv6Address)  # above the IPv4-mapped ones
REGISTRY = st.one_of(
    st.just("localhost"),
    DOTTED_HOST,
    st.builds("{}:{}".format, st.one_of(DOTTED_HOST, LABEL), PORT),
    st.builds("[{}]:{}".format, IPV6, PORT),
)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
DIGEST = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)

# Texts near to legal ones find more than random characters do.
NEAR_LEGAL = st.lists(
    st.one_of(
        st.sampled_from([
            "docker.io", "index.docker.io", "library", "localhost", "ghcr.io", ":443", ":5000", "[::1]", "sha256:",
            HEX, "@", ":", "/", ".", "_", "__", "-", "*", "A", "latest", " ", "\n", "\x00", "\u212a", "//", "..",
        ]),
        st.text(max_size=3),
    ),
    max_size=8,
).map("".join)  # fmt: skip
ANY_TEXT = st.one_of(st.text(), st.text(st.characters(max_codepoint=127)), NEAR_LEGAL)


def parsed(text: str) -> ImageReference | None:
    try:
        return images.parse(text)
    except ImageReferenceError as error:
        message = str(error)
        assert message.isascii()
        assert message.isprintable()
        assert len(message) < 1000
        return None


@given(ANY_TEXT)
@example("myreg:443/app")
@example("docker.io:443/app")
@example("ghcr.io:443")
@example("index.docker.io/app")
def test_a_text_is_refused_or_has_a_normal_form_that_parses_to_the_same_reference(text: str) -> None:
    image = parsed(text)
    if image is not None:
        again = images.parse(str(image))
        assert again == replace(image, qualified=True)
        assert str(again) == str(image)


@given(ANY_TEXT)
def test_the_parts_of_a_reference_agree_with_each_other(text: str) -> None:
    image = parsed(text)
    if image is not None:
        assert image.name == f"{image.registry}/{image.repository}"
        assert image.tag is not None or image.digest is not None
        assert str(image).startswith(image.name)
        assert "/" not in image.registry
        assert images.parse_registry(image.registry) == image.registry
        assert images.is_registry(image.registry)
        assert images.repository_fault(image.repository) is None
        assert text.isascii()
        pinned = image.pinned()
        assert (pinned and str(pinned.digest)) == image.digest
        assert (pinned and pinned.name) == (image.digest and image.name)


@given(ANY_TEXT)
def test_only_a_text_that_names_no_registry_is_read_as_docker_hubs(text: str) -> None:
    image = parsed(text)
    if image is not None and not image.qualified:
        assert image.registry == DOCKER_HUB
        named = text.partition("@")[0].partition(":")[0]
        assert image.repository in {named, f"library/{named}"}


@given(REGISTRY, REPOSITORY, st.none() | TAG, st.none() | DIGEST)
def test_a_legal_reference_is_read_as_its_parts(
    registry: str, repository: str, tag: str | None, digest: str | None
) -> None:
    text = f"{registry}/{repository}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
    image = images.parse(text)
    assert image == ImageReference(
        registry=images.parse_registry(registry),
        repository=repository,
        tag=tag or (None if digest else "latest"),
        digest=digest,
        qualified=True,
    )


@given(REGISTRY, REPOSITORY)
def test_a_literal_pattern_matches_its_own_name_and_no_other(registry: str, repository: str) -> None:
    pattern = Pattern.parse(f"{registry}/{repository}")
    assert pattern.matches(images.parse(f"{registry}/{repository}"))
    assert not pattern.matches(images.parse(f"{registry}/{repository}x"))
    assert not pattern.matches(images.parse(f"{registry}/x{repository}"))
    assert not pattern.matches(images.parse(f"{registry}/{repository}/x"))
    assert not pattern.matches(images.parse(f"{registry}/x/{repository}"))


@given(st.lists(st.just("*") | SEGMENT, max_size=4), st.just("*") | st.just("**") | SEGMENT, REPOSITORY)
def test_a_wildcard_never_crosses_a_segment(inner: list[str], last: str, repository: str) -> None:
    segments = [*inner, last]
    pattern = Pattern.parse("/".join(["ghcr.io", *segments]))
    path = repository.split("/")
    if last == "**":
        expected, path, segments = len(path) >= len(segments), path[: len(inner)], inner
    else:
        expected = len(path) == len(segments)
    expected = expected and all(one in {"*", other} for one, other in zip(segments, path, strict=True))
    assert pattern.matches(images.parse(f"ghcr.io/{repository}")) is expected


@given(DOTTED_HOST, LABEL, st.lists(LABEL, min_size=2, max_size=2).map(".".join))
def test_a_host_wildcard_is_exactly_one_label(base: str, label: str, labels: str) -> None:
    pattern = Pattern.parse(f"*.{base}/**")
    assert pattern.matches(images.parse(f"{label}.{base}/app"))
    assert not pattern.matches(images.parse(f"{labels}.{base}/app"))
    assert not pattern.matches(images.parse(f"{base}/app"))


@given(ANY_TEXT)
def test_a_pattern_is_refused_or_stays_itself(text: str) -> None:
    try:
        pattern = Pattern.parse(text)
    except PatternError as error:
        message = str(error)
        assert message.isascii()
        assert message.isprintable()
        return
    assert pattern.text == text
    assert Pattern.parse(pattern.text) == pattern


@given(REGISTRY, REPOSITORY)
def test_a_pattern_without_wildcards_matches_what_the_same_text_names_as_an_image(
    registry: str, repository: str
) -> None:
    text = f"{registry}/{repository}"
    assert Pattern.parse(text).literal_registry == images.parse(text).registry
