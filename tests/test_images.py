"""Legal image references and their normal form; each row carries the id of its case in the threat model (IMG-…)."""

import pytest
from msgspec.structs import replace

from webhook import images
from webhook.images import Digest, ImageReference, PinnedImage

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"

NORMAL_FORMS = [
    ("IMG-01", "nginx", "docker.io/library/nginx:latest"),
    ("IMG-01", "library/nginx", "docker.io/library/nginx:latest"),
    ("IMG-01", "docker.io/nginx", "docker.io/library/nginx:latest"),
    ("IMG-01", "docker.io/library/nginx", "docker.io/library/nginx:latest"),
    ("IMG-01", "index.docker.io/nginx", "docker.io/library/nginx:latest"),
    ("IMG-01", "index.docker.io/acme/app:1", "docker.io/acme/app:1"),
    ("IMG-02", "registry-1.docker.io/library/nginx", "registry-1.docker.io/library/nginx:latest"),
    ("IMG-02", "registry.hub.docker.com/library/nginx", "registry.hub.docker.com/library/nginx:latest"),
    ("IMG-05", "localhost/app", "localhost/app:latest"),
    ("IMG-05", "localhost:5000/app", "localhost:5000/app:latest"),
    ("IMG-06", "ghcr.io/myorg-evil/app", "ghcr.io/myorg-evil/app:latest"),
    ("IMG-06", "ghcr.io/myorgx", "ghcr.io/myorgx:latest"),
    ("IMG-07", "registry.example.com.evil.com/app", "registry.example.com.evil.com/app:latest"),
    ("IMG-07", "evil.com/ghcr.io/myorg/app", "evil.com/ghcr.io/myorg/app:latest"),
    ("IMG-08", "ghcr.io", "docker.io/library/ghcr.io:latest"),
    ("IMG-08", "ghcr.io:443", "docker.io/library/ghcr.io:443"),
    ("IMG-09", "registry.example.com:443/app", "registry.example.com/app:latest"),
    ("IMG-09", "registry.example.com:5000/app", "registry.example.com:5000/app:latest"),
    ("IMG-09", "registry.example.com:80/app", "registry.example.com:80/app:latest"),
    ("IMG-09", "registry.example.com:65535/app", "registry.example.com:65535/app:latest"),
    ("IMG-09", "localhost:443/app", "localhost/app:latest"),
    ("IMG-09", "registry:443/app", "registry:443/app:latest"),  # without its port it would be Docker Hub's
    ("IMG-11", "169.254.169.254/latest", "169.254.169.254/latest:latest"),
    ("IMG-11", "127.0.0.1/a", "127.0.0.1/a:latest"),
    ("IMG-11", "[::1]:5000/a", "[::1]:5000/a:latest"),
    ("IMG-11", "[::1]:443/a", "[::1]/a:latest"),
    ("IMG-11", "127.1/a", "127.1/a:latest"),
    ("IMG-11", "0x7f.1/a", "0x7f.1/a:latest"),
    ("IMG-11", "2130706433:5000/a", "2130706433:5000/a:latest"),
    ("IMG-11", "017700000001:5000/a", "017700000001:5000/a:latest"),
    ("IMG-11", "metadata.google.internal/a", "metadata.google.internal/a:latest"),
    ("IMG-11", "kubernetes.default.svc:443/a", "kubernetes.default.svc/a:latest"),
    ("IMG-15", "xn--ghcr-9ta.io/myorg/app", "xn--ghcr-9ta.io/myorg/app:latest"),
    ("IMG-18", "a.io/" + "a" * 255, "a.io/" + "a" * 255 + ":latest"),
    ("IMG-18", "a.io/b:" + "t" * 128, "a.io/b:" + "t" * 128),
    ("IMG-19", f"ghcr.io/myorg/app:v1@{DIGEST}", f"ghcr.io/myorg/app:v1@{DIGEST}"),
    ("IMG-19", f"app:latest@{DIGEST}", f"docker.io/library/app:latest@{DIGEST}"),
    ("IMG-19", f"ghcr.io/myorg/app@{DIGEST}", f"ghcr.io/myorg/app@{DIGEST}"),
    ("IMG-22", f"library/sha256:{HEX}", f"docker.io/library/sha256:{HEX}"),
    ("grammar", "a.io/b__c/d---e/f.g/h_i:_T.-", "a.io/b__c/d---e/f.g/h_i:_T.-"),
    ("grammar", "my_org/app", "docker.io/my_org/app:latest"),
    ("grammar", "a-b/c", "docker.io/a-b/c:latest"),
    ("grammar", "1.2/3:4", "1.2/3:4"),
]
NORMAL_FORM_IDS = [f"{case} {text[:50]!a}" for case, text, _ in NORMAL_FORMS]


@pytest.mark.parametrize(("case", "text", "normal"), NORMAL_FORMS, ids=NORMAL_FORM_IDS)
def test_a_legal_reference_has_one_normal_form(case: str, text: str, normal: str) -> None:
    assert str(images.parse(text)) == normal


@pytest.mark.parametrize(("case", "text", "normal"), NORMAL_FORMS, ids=NORMAL_FORM_IDS)
def test_a_normal_form_parses_to_the_same_reference_but_names_its_registry(case: str, text: str, normal: str) -> None:
    assert images.parse(normal) == replace(images.parse(text), qualified=True)


@pytest.mark.parametrize(
    ("text", "qualified"),
    [
        pytest.param("nginx", False, id="IMG-27 nginx"),
        pytest.param("acme/nginx", False, id="IMG-27 acme/nginx"),
        pytest.param("ghcr.io", False, id="IMG-27 ghcr.io"),
        pytest.param("docker.io/nginx", True, id="IMG-27 docker.io/nginx"),
        pytest.param("index.docker.io/nginx", True, id="IMG-27 index.docker.io/nginx"),
        pytest.param("localhost/nginx", True, id="IMG-27 localhost/nginx"),
    ],
)
def test_a_reference_knows_whether_its_text_named_the_registry(text: str, qualified: bool) -> None:
    assert images.parse(text).qualified is qualified


def test_a_short_name_never_equals_its_full_form_so_that_no_cache_mixes_them() -> None:
    assert images.parse("nginx") != images.parse("docker.io/library/nginx:latest")


def test_the_parts_of_a_reference_can_be_read() -> None:
    image = images.parse(f"ghcr.io:8443/acme/app:v1@{DIGEST}")
    assert image == ImageReference("ghcr.io:8443", "acme/app", "v1", DIGEST, qualified=True)
    assert image.name == "ghcr.io:8443/acme/app"


def test_a_reference_with_a_digest_is_pinned_to_it_and_drops_its_tag() -> None:
    pinned = images.parse(f"ghcr.io/acme/app:v1@{DIGEST}").pinned()
    assert pinned == PinnedImage("ghcr.io", "acme/app", Digest("sha256", HEX))
    assert str(pinned) == f"ghcr.io/acme/app@{DIGEST}"
    assert pinned.name == "ghcr.io/acme/app"


def test_a_reference_with_only_a_tag_is_not_pinned() -> None:
    assert images.parse("ghcr.io/acme/app:v1").pinned() is None


def test_a_digest_prints_as_it_was_written() -> None:
    assert str(Digest.parse(DIGEST)) == DIGEST


def test_a_host_of_253_characters_and_a_label_of_63_are_legal() -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(longest) == 253
    assert images.parse(f"{longest}/app").registry == longest


def test_the_same_text_is_parsed_once() -> None:
    assert images.parse("ghcr.io/acme/parsed-once") is images.parse("ghcr.io/acme/parsed-once")
