"""Allowlist patterns: what they match and what is no pattern; case ids are those of the threat model (IMG-…)."""

import re

import pytest

from webhook import images
from webhook.policy.allowlist import Pattern, PatternError

HEX = "0123456789abcdef" * 4
SEGMENT = "expected lower-case letters and digits with a single '.', '_' or '__' or any number of '-' between them"
ALL_REGISTRIES = "write one pattern registry/** for each registry, or leave images.allow out to allow all of them"
INNER_WILDCARD = "has a '*' in its host that is not a leading '*.'; write '*.example.com' or each host by itself"
NO_NAMESPACE = "lacks the namespace that Docker Hub's repositories have"
ADVICE = re.compile(r"; write '([^']+)'$")

MATCHES = [
    ("IMG-01", "docker.io/library/nginx", "nginx"),
    ("IMG-01", "docker.io/library/nginx", "index.docker.io/nginx:1.27"),
    ("IMG-09", "registry.example.com/**", "registry.example.com:443/app"),
    ("IMG-09", "registry.example.com:443/**", "registry.example.com/app"),
    ("IMG-09", "registry.example.com:5000/**", "registry.example.com:5000/app"),
    ("IMG-09", "registry:443/**", "registry:443/app"),
    ("IMG-25", "ghcr.io/myorg/*", "ghcr.io/myorg/a"),
    ("IMG-25", "ghcr.io/myorg/*", f"ghcr.io/myorg/a:1@sha256:{HEX}"),
    ("IMG-25", "ghcr.io/*/a", "ghcr.io/myorg/a"),
    ("IMG-25", "ghcr.io/*/**", "ghcr.io/myorg/a/b"),
    ("IMG-25", "ghcr.io/myorg/**", "ghcr.io/myorg/a"),
    ("IMG-25", "ghcr.io/myorg/**", "ghcr.io/myorg/a/b/c"),
    ("IMG-25", "ghcr.io/*", "ghcr.io/a"),
    ("IMG-25", "docker.io/**", "nginx"),
    ("host", "*.dkr.ecr.eu-west-1.amazonaws.com/**", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app"),
    ("host", "*.example.com:5000/app", "a.example.com:5000/app"),
    ("host", "*.example.com:443/app", "a.example.com/app"),
    ("host", "*.docker.io/**", "registry-1.docker.io/library/nginx"),
    ("host", "[::1]:5000/**", "[::1]:5000/app"),
    ("host", "localhost/app", "localhost/app"),
]

MISSES = [
    ("IMG-02", "docker.io/library/nginx", "registry-1.docker.io/library/nginx"),
    ("IMG-06", "ghcr.io/myorg/**", "ghcr.io/myorg-evil/app"),
    ("IMG-06", "ghcr.io/myorg/**", "ghcr.io/myorgx"),
    ("IMG-06", "ghcr.io/myorg/**", "ghcr.io/myorg"),
    ("IMG-06", "ghcr.io/myorg/*", "ghcr.io/myorg"),
    ("IMG-06", "ghcr.io/myorg/app", "ghcr.io/myorg/app-evil"),
    ("IMG-06", "ghcr.io/myorg/app", "ghcr.io/myorg/app/evil"),
    ("IMG-06", "ghcr.io/myorg/app", "ghcr.io/evil/myorg/app"),
    ("IMG-07", "registry.example.com/**", "registry.example.com.evil.com/app"),
    ("IMG-07", "registry.example.com/**", "registry.example.com-evil.io/app"),
    ("IMG-07", "registry.example.com/**", "evil.com/registry.example.com/app"),
    ("IMG-09", "registry.example.com/**", "registry.example.com:5000/app"),
    ("IMG-09", "registry.example.com:5000/**", "registry.example.com/app"),
    ("IMG-25", "ghcr.io/myorg/*", "ghcr.io/myorg/a/b"),
    ("IMG-25", "ghcr.io/*/**", "ghcr.io/a"),
    ("IMG-25", "ghcr.io/*/a", "ghcr.io/myorg/b"),
    ("IMG-25", "ghcr.io/*", "ghcr.io/a/b"),
    ("host", "*.example.com/**", "example.com/app"),
    ("host", "*.example.com/**", "a.b.example.com/app"),
    ("host", "*.example.com/**", "a.example.com:5000/app"),
    ("host", "*.example.com:5000/**", "a.example.com/app"),
    ("host", "*.example.com/**", "aexample.com/app"),
    ("host", "*.example.com/**", "example:5000/com"),
    ("host", "*.example.com/**", "localhost/example.com/app"),
]

FAULTS = [
    ("", "pattern has 0 characters; write 1 to 1024, such as registry.example.com/**"),
    ("a" * 1025, "pattern has 1025 characters; write 1 to 1024, such as registry.example.com/**"),
    ("ghcr.io/acme/*\n", "pattern 'ghcr.io/acme/*\\n' is not printable ASCII without spaces; write it so"),
    ("ghcr.io /**", "pattern 'ghcr.io /**' is not printable ASCII without spaces; write it so"),
    ("ghcr.i\u043e/**", "pattern 'ghcr.i\\u043e/**' is not printable ASCII without spaces; write it so"),
    ("https://user:pw@ghcr.io/acme/*", "pattern has a scheme; write 'ghcr.io/acme/*'"),
    ("user:pw@ghcr.io/acme/*", "pattern has credentials; write 'ghcr.io/acme/*'"),
    (
        "ghcr.io/a@sha256:00",
        "pattern 'ghcr.io/a@sha256:00' has a digest; write 'ghcr.io/a', and digests into images.denyDigests",
    ),
    ("ghcr.io/a:1", "pattern 'ghcr.io/a:1' has a tag; write 'ghcr.io/a'"),
    ("ghcr.io", "pattern 'ghcr.io' is not a registry and a path; write 'ghcr.io/**'"),
    ("nginx", "pattern 'nginx' is not a registry and a path; write 'docker.io/library/nginx'"),
    (
        "*",
        f"pattern '*' is not a registry and a path; {ALL_REGISTRIES}",
    ),
    (
        "**",
        f"pattern '**' is not a registry and a path; {ALL_REGISTRIES}",
    ),
    (
        "*/**",
        f"pattern '*/**' {INNER_WILDCARD}",
    ),
    (
        "a.*.io/**",
        f"pattern 'a.*.io/**' {INNER_WILDCARD}",
    ),
    (
        "*.io/**",
        "pattern '*.io/**' would match every domain of io; write two labels or more after '*.', as in '*.a.io'",
    ),
    ("acme/app", "pattern 'acme/app' names no registry; write 'docker.io/acme/app'"),
    ("/app", "pattern '/app' names no registry; write 'docker.io/app'"),
    ("GHCR.io/Acme/*", "pattern 'GHCR.io/Acme/*' has upper case; write 'ghcr.io/acme/*'"),
    ("ghcr.io/Acme/*", "pattern 'ghcr.io/Acme/*' has upper case; write 'ghcr.io/acme/*'"),
    (
        "index.docker.io/acme/*",
        "pattern 'index.docker.io/acme/*' names docker.io by an alias; write 'docker.io/acme/*'",
    ),
    ("*.index.docker.io/**", "pattern '*.index.docker.io/**' names docker.io by an alias; write 'docker.io/**'"),
    (
        "docker.io:443/acme/*",
        "pattern 'docker.io:443/acme/*': registry 'docker.io:443' has a port; expected docker.io",
    ),
    (
        "ghcr.io:0443/**",
        "pattern 'ghcr.io:0443/**': registry port '0443' is not 1 to 65535 without leading zeros",
    ),
    (
        "docker.io/nginx",
        f"pattern 'docker.io/nginx' {NO_NAMESPACE}; write 'docker.io/library/nginx'",
    ),
    (
        "docker.io/*",
        f"pattern 'docker.io/*' {NO_NAMESPACE}; write 'docker.io/library/*'",
    ),
    ("ghcr.io/", "pattern 'ghcr.io/' has an empty path segment; write 'ghcr.io/**'"),
    ("ghcr.io/acme/", "pattern 'ghcr.io/acme/' has an empty path segment; write 'ghcr.io/acme/**'"),
    ("ghcr.io//acme", "pattern 'ghcr.io//acme' has an empty path segment; write 'ghcr.io/acme'"),
    ("ghcr.io/../acme", f"pattern 'ghcr.io/../acme': path segment '..' is not legal; {SEGMENT}"),
    ("ghcr.io/acme/ap?", f"pattern 'ghcr.io/acme/ap?': path segment 'ap?' is not legal; {SEGMENT}"),
    ("ghcr.io/acme/[ab]", f"pattern 'ghcr.io/acme/[ab]': path segment '[ab]' is not legal; {SEGMENT}"),
    ("ghcr.io/**/app", "pattern 'ghcr.io/**/app' has '**' before its last segment; write 'ghcr.io/*/app'"),
    ("ghcr.io/acme*", "pattern 'ghcr.io/acme*' has a '*' that is not a whole segment; write 'ghcr.io/acme/*'"),
    ("ghcr.io/acme**", "pattern 'ghcr.io/acme**' has a '*' that is not a whole segment; write 'ghcr.io/acme/**'"),
    ("ghcr.io/***", "pattern 'ghcr.io/***' has a '*' that is not a whole segment; write 'ghcr.io/*'"),
    (
        "ghcr.io/acme/app-*",
        "pattern 'ghcr.io/acme/app-*' has a '*' that is not a whole segment; write 'ghcr.io/acme/*'",
    ),
    ("ghcr.io/acme*/app", "pattern 'ghcr.io/acme*/app' has a '*' that is not a whole segment; write 'ghcr.io/*/app'"),
    (f"ghcr.io/{'a' * 256}", f"pattern 'ghcr.io/{'a' * 56}...': repository has 256 characters; expected at most 255"),
]


def ids(table: list[tuple[str, str, str]]) -> list[str]:
    return [" ".join(row) for row in table]


@pytest.mark.parametrize(("case", "pattern", "text"), MATCHES, ids=ids(MATCHES))
def test_a_pattern_matches_the_names_that_it_stands_for(case: str, pattern: str, text: str) -> None:
    assert Pattern.parse(pattern).matches(images.parse(text))


@pytest.mark.parametrize(("case", "pattern", "text"), MISSES, ids=ids(MISSES))
def test_a_pattern_matches_nothing_else(case: str, pattern: str, text: str) -> None:
    assert not Pattern.parse(pattern).matches(images.parse(text))


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=[f"{text[:40]!a}" for text, _ in FAULTS])
def test_a_faulty_pattern_is_refused_by_saying_what_to_write_instead(text: str, message: str) -> None:
    with pytest.raises(PatternError) as fault:
        Pattern.parse(text)
    assert str(fault.value) == message


def test_a_pattern_matches_a_pinned_image_as_it_does_its_reference() -> None:
    pinned = images.parse(f"ghcr.io/acme/app:1@sha256:{HEX}").pinned()
    assert pinned is not None
    assert Pattern.parse("ghcr.io/acme/*").matches(pinned)
    assert not Pattern.parse("ghcr.io/other/*").matches(pinned)


def test_a_pattern_keeps_its_text_and_names_its_registry_in_normal_form() -> None:
    pattern = Pattern.parse("ghcr.io:443/acme/*")
    assert (pattern.text, pattern.literal_registry) == ("ghcr.io:443/acme/*", "ghcr.io")


def test_a_pattern_over_several_hosts_names_no_registry() -> None:
    assert Pattern.parse("*.example.com/**").literal_registry is None


@pytest.mark.parametrize("text", [text for text, message in FAULTS if ADVICE.search(message)])
def test_whoever_writes_what_the_message_says_gets_a_pattern(text: str) -> None:
    for _ in range(3):
        try:
            Pattern.parse(text)
        except PatternError as fault:
            advice = ADVICE.search(str(fault))
            assert advice is not None
            text = advice[1]
    assert Pattern.parse(text).text == text
