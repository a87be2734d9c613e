"""What an allowlist refuses and says; case ids are those of the threat model (IMG-…), whose policy they judge by."""

import pytest

from webhook import images
from webhook.images import DOCKER_HUB, ImageReference, ImageReferenceError, PinnedImage
from webhook.policy.allowlist import Allowlist, Pattern

HEX = "0123456789abcdef" * 4


def patterns(*texts: str) -> tuple[Pattern, ...]:
    return tuple(Pattern.parse(text) for text in texts)


THREAT_MODEL_POLICY = Allowlist(patterns("ghcr.io/myorg/**", "registry.example.com/**"))


def refused(allowlist: Allowlist, text: str) -> bool:
    """Whether a text is turned away, by the grammar or by the list."""
    try:
        image = images.parse(text)
    except ImageReferenceError:
        return True
    return allowlist.refusal(image) is not None


DENIED = [
    ("IMG-01", "nginx"),
    ("IMG-01", "docker.io/library/nginx"),
    ("IMG-02", "registry-1.docker.io/library/nginx"),
    ("IMG-03", "GHCR.io/myorg/app"),
    ("IMG-05", "localhost/app"),
    ("IMG-05", "localhost:5000/app"),
    ("IMG-06", "ghcr.io/myorg-evil/app"),
    ("IMG-06", "ghcr.io/myorgx"),
    ("IMG-06", "ghcr.io/myorg"),
    ("IMG-07", "registry.example.com.evil.com/app"),
    ("IMG-07", "registry.example.com-evil.io/app"),
    ("IMG-07", "evil.com/registry.example.com/app"),
    ("IMG-07", "evil.com/ghcr.io/myorg/app"),
    ("IMG-08", "ghcr.io"),
    ("IMG-08", "ghcr.io:443"),
    ("IMG-09", "registry.example.com:5000/app"),
    ("IMG-09", "registry.example.com:80/app"),
    ("IMG-10", "registry_1.example.com/app"),
    ("IMG-11", "169.254.169.254/latest"),
    ("IMG-11", "127.0.0.1/a"),
    ("IMG-11", "[::1]:5000/a"),
    ("IMG-11", "[::ffff:a9fe:a9fe]/a"),
    ("IMG-11", "127.1/a"),
    ("IMG-11", "0x7f.1/a"),
    ("IMG-11", "2130706433:5000/a"),
    ("IMG-11", "017700000001:5000/a"),
    ("IMG-11", "metadata.google.internal/a"),
    ("IMG-11", "kubernetes.default.svc:443/a"),
    ("IMG-12", "registry.example.com@evil.com/app"),
    ("IMG-14", "ghcr.io/myorg/../evil"),
    ("IMG-15", "xn--ghcr-9ta.io/myorg/app"),
    ("IMG-22", f"sha256:{HEX}"),
    ("IMG-23", f"ghcr.io/myorg/app:sha256-{HEX}.sig"),
]


@pytest.mark.parametrize(
    ("case", "text"),
    DENIED,
    ids=[" ".join(row) for row in DENIED],
)
def test_the_threat_models_policy_turns_away(case: str, text: str) -> None:
    assert refused(THREAT_MODEL_POLICY, text)


@pytest.mark.parametrize("text", ["ghcr.io/myorg/app", "ghcr.io/myorg/a/b:1", "registry.example.com:443/app"])
def test_the_threat_models_policy_lets_its_own_images_pass(text: str) -> None:
    assert not refused(THREAT_MODEL_POLICY, text)


@pytest.mark.parametrize("text", ["nginx", "library/nginx", "docker.io/nginx", "index.docker.io/nginx:1"])
def test_every_spelling_of_a_listed_image_is_allowed(text: str) -> None:
    assert not refused(Allowlist(patterns("docker.io/library/nginx")), text)


def test_a_refusal_says_what_is_allowed_here() -> None:
    assert THREAT_MODEL_POLICY.refusal(images.parse("busybox")) == (
        "docker.io/library/busybox is not allowed; allowed here: ghcr.io/myorg/**, registry.example.com/**"
    )


@pytest.mark.parametrize(("count", "shown"), [(3, ""), (4, " and 1 more"), (1000, " and 997 more")])
def test_a_refusal_shows_a_few_of_many_patterns(count: int, shown: str) -> None:
    allowlist = Allowlist(patterns(*(f"r{number}.example.com/**" for number in range(count))))
    assert allowlist.refusal(images.parse("ghcr.io/a/b")) == (
        f"ghcr.io/a/b is not allowed; allowed here: r0.example.com/**, r1.example.com/**, r2.example.com/**{shown}"
    )


def test_a_refusal_shows_long_patterns_shortened() -> None:
    allowlist = Allowlist(patterns("ghcr.io/" + "a" * 200))
    assert allowlist.refusal(images.parse("ghcr.io/b")) == (
        f"ghcr.io/b is not allowed; allowed here: ghcr.io/{'a' * 69}..."
    )


def test_deny_beats_allow() -> None:
    allowlist = Allowlist(patterns("ghcr.io/**"), patterns("ghcr.io/scratch/**"))
    assert allowlist.refusal(images.parse("ghcr.io/acme/app")) is None
    assert allowlist.refusal(images.parse("ghcr.io/scratch/app")) == (
        "ghcr.io/scratch/app is denied by ghcr.io/scratch/** of images.deny"
    )


def test_without_an_allow_list_only_deny_refuses() -> None:
    allowlist = Allowlist(None, patterns("ghcr.io/scratch/**"))
    assert allowlist.refusal(images.parse("anything.example.com/app")) is None
    assert allowlist.refusal(images.parse("ghcr.io/scratch/app")) is not None


def test_an_empty_allow_list_allows_nothing() -> None:
    assert Allowlist(()).refusal(images.parse("nginx")) == (
        "docker.io/library/nginx is not allowed; allowed here: no image"
    )


@pytest.mark.parametrize("kind", [ImageReference, PinnedImage])
def test_both_kinds_of_name_are_judged_alike(kind: type[ImageReference | PinnedImage]) -> None:
    reference = images.parse(f"nginx@sha256:{HEX}")
    image = reference if kind is ImageReference else reference.pinned()
    assert image is not None
    assert THREAT_MODEL_POLICY.refusal(image) is not None
    assert Allowlist(patterns(f"{DOCKER_HUB}/library/*")).refusal(image) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("registry.example.com/team/app", "registry.example.com/team/app"),
        ("docker.io/library/nginx", "docker.io/library/nginx"),
        ("registry.example.com:5000/app", "registry.example.com:5000/app"),
        ("registry.example.com/*", ""),
        ("registry.example.com/*/app", ""),
        ("registry.example.com/**", ""),
        ("*.example.com/app", ""),
    ],
)
def test_a_pattern_of_one_image_knows_its_name(text: str, name: str) -> None:
    assert Pattern.parse(text).one_name == name
