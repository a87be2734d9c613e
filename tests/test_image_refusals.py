"""Texts that are no image references; each row carries the id of its case in the threat model (IMG-…)."""

import pytest

from webhook import images
from webhook.images import ImageReferenceError

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
OTHER = "sha256:" + "f" * 64
EXPECTED = "expected registry/repository[:tag][@sha256:digest]"
LEGAL_SEGMENT = (
    "expected lower-case letters and digits with a single '.', '_' or '__' or any number of '-' between them"
)
LEGAL_HOST = (
    "expected at most 253 characters, in labels of 1 to 63 letters, digits and inner '-'"
    " with one '.' between two of them"
)
LEGAL_TAG = "expected 1 to 128 letters, digits, '_', '.', '-', no '.' or '-' first"
LEGAL_DIGEST = "expected sha256: and 64 digits of 0-9 and a-f"
CREDENTIALS = f"image reference has '@' before its first '/'; {EXPECTED} without credentials"
SCHEME = f"image reference has a scheme ('://'); {EXPECTED}"
NO_REPOSITORY = f"no repository is named; {EXPECTED}"
EVIDENCE_TAG = f"tag 'sha256-{HEX[:57]}...' is where signatures are kept; expected that of an image"


def segment(text: str) -> str:
    return f"path segment {text!a} is not legal; {LEGAL_SEGMENT}"


def character(found: str, position: int) -> str:
    return f"image reference has {found!a} as character {position}; expected printable ASCII without spaces"


def port(text: str) -> str:
    return f"registry port {text!a} is not 1 to 65535 without leading zeros"


def host(text: str) -> str:
    return f"registry host {text!a} is not a host name; {LEGAL_HOST}"


REFUSED = [
    ("IMG-02", "index.docker.io:443/nginx", "registry 'index.docker.io:443' has a port; expected docker.io"),
    ("IMG-02", "docker.io:443/nginx", "registry 'docker.io:443' has a port; expected docker.io"),
    ("IMG-02", "docker.io:5000/library/nginx", "registry 'docker.io:5000' has a port; expected docker.io"),
    ("IMG-03", "GHCR.io/myorg/app", "registry 'GHCR.io' has upper case; expected 'ghcr.io'"),
    ("IMG-03", "DOCKER.IO/nginx", "registry 'DOCKER.IO' has upper case; expected 'docker.io'"),
    ("IMG-04", "MyReg/nginx", "registry 'MyReg' has upper case; expected 'myreg'"),
    ("IMG-09", "registry.example.com:0443/app", port("0443")),
    ("IMG-09", "registry.example.com:0/app", port("0")),
    ("IMG-09", "registry.example.com:65536/app", port("65536")),
    ("IMG-09", "registry.example.com:99999/app", port("99999")),
    ("IMG-09", "registry.example.com:/app", port("")),
    ("IMG-09", "registry.example.com:4_3/app", port("4_3")),
    ("IMG-09", "registry.example.com:+443/app", port("+443")),
    ("IMG-10", "my_reg.io/app", "registry host 'my_reg.io' has an underscore; expected letters, digits, '-', '.'"),
    (
        "IMG-10",
        "registry_1.example.com/app",
        "registry host 'registry_1.example.com' has an underscore; expected letters, digits, '-', '.'",
    ),
    (
        "IMG-11",
        "[::ffff:a9fe:a9fe]/a",
        "registry host '[::ffff:a9fe:a9fe]' is not the shortest form of a plain IPv6 address",
    ),
    ("IMG-11", "[0:0::1]/a", "registry host '[0:0::1]' is not the shortest form of a plain IPv6 address"),
    (
        "IMG-11",
        "[fe80::1%25eth0]/a",
        "registry host '[fe80::1%25eth0]' is not the shortest form of a plain IPv6 address",
    ),
    ("IMG-11", "[:::]/a", "registry host '[:::]' is not an IPv6 address in brackets"),
    ("IMG-11", "[::1/a", "registry host '[' is not an IPv6 address in brackets"),
    ("IMG-11", "[::1]x/a", "registry host '[::1]x' is not an IPv6 address in brackets"),
    ("IMG-11", "::1/a", host("")),
    ("IMG-12", "user@registry.example.com/app", CREDENTIALS),
    ("IMG-12", "user:pw@registry.example.com/app", CREDENTIALS),
    ("IMG-12", "registry.example.com@evil.com/app", CREDENTIALS),
    ("IMG-13", "https://ghcr.io/myorg/app", SCHEME),
    ("IMG-13", "https://user:pw@ghcr.io/myorg/app", SCHEME),
    ("IMG-13", "docker://ghcr.io/myorg/app", SCHEME),
    ("IMG-13", "oci://ghcr.io/myorg/app", SCHEME),
    ("IMG-14", "ghcr.io/myorg/app/../evil", segment("..")),
    ("IMG-14", "ghcr.io/myorg/./app", segment(".")),
    (
        "IMG-14",
        "ghcr.io/myorg//app",
        "repository 'myorg//app' has an empty path segment; expected one '/' between two segments",
    ),
    (
        "IMG-14",
        "ghcr.io/myorg/app/",
        "repository 'myorg/app/' has an empty path segment; expected one '/' between two segments",
    ),
    ("IMG-14", "ghcr.io/my..org/app", segment("my..org")),
    ("IMG-14", "ghcr.io/my___org/app", segment("my___org")),
    ("IMG-14", "ghcr.io/_app", segment("_app")),
    ("IMG-14", "ghcr.io/app-", segment("app-")),
    ("IMG-14", "ghcr.io/app:-tag", f"tag '-tag' is not legal; {LEGAL_TAG}"),
    ("IMG-14", "ghcr.io/app:.tag", f"tag '.tag' is not legal; {LEGAL_TAG}"),
    ("IMG-14", "ghcr.io/app:a:b", f"tag 'a:b' is not legal; {LEGAL_TAG}"),
    ("IMG-14", "ghcr.io./app", host("ghcr.io.")),
    ("IMG-14", "-ghcr.io/app", host("-ghcr.io")),
    ("IMG-14", "ghcr.io/MyOrg/app", "repository 'MyOrg/app' has upper case; expected 'myorg/app'"),
    ("IMG-14", "Nginx", "repository 'library/Nginx' has upper case; expected 'library/nginx'"),
    ("IMG-15", "ghcr\u3002io/myorg/app", character("\u3002", 5)),
    ("IMG-15", "ghcr.io\uff0fmyorg/app", character("\uff0f", 8)),
    ("IMG-15", "ghcr.i\u043e/myorg/app", character("\u043e", 7)),
    ("IMG-15", "ghcr.io/my\u200borg/app", character("\u200b", 11)),
    ("IMG-15", "ghcr.io/myorg/app:v\u202e1", character("\u202e", 20)),
    ("IMG-15", "\u0261hcr.io/myorg/app", character("\u0261", 1)),
    ("IMG-15", "\u212agcr.io/myorg/app", character("\u212a", 1)),
    ("IMG-15", "ghcr.io/app:\u0663", character("\u0663", 13)),
    ("IMG-15", "ghcr.io/app\ud800", character("\ud800", 12)),
    ("IMG-16", " nginx", character(" ", 1)),
    ("IMG-16", "nginx ", character(" ", 6)),
    ("IMG-16", "nginx\n", character("\n", 6)),
    ("IMG-16", "nginx\t", character("\t", 6)),
    ("IMG-16", "nginx\x00", character("\x00", 6)),
    ("IMG-16", "nginx\x7f", character("\x7f", 6)),
    ("IMG-16", "nginx\u2028", character("\u2028", 6)),
    ("IMG-16", "ngi nx", character(" ", 4)),
    ("IMG-16", f"ghcr.io/myorg/app@{DIGEST}\n", character("\n", 90)),
    ("IMG-17", "", f"image reference is empty; {EXPECTED}"),
    ("IMG-17", " ", character(" ", 1)),
    ("IMG-17", ":tag", NO_REPOSITORY),
    ("IMG-17", f"@{DIGEST}", NO_REPOSITORY),
    ("IMG-17", "ghcr.io/", NO_REPOSITORY),
    ("IMG-17", "nginx:", f"tag '' is not legal; {LEGAL_TAG}"),
    ("IMG-17", "nginx@", "digest '' has no algorithm; expected sha256:<64 hexadecimal digits>"),
    ("IMG-17", "/app", "repository '/app' has an empty path segment; expected one '/' between two segments"),
    ("IMG-17", "$(IMG)", "repository 'library/$(IMG)' has upper case; expected 'library/$(img)'"),
    ("IMG-17", "$(img)", segment("$(img)")),
    ("IMG-17", "ghcr.io/myorg/app?x=1", segment("app?x=1")),
    ("IMG-17", "ghcr.io/myorg/app#f", segment("app#f")),
    ("IMG-17", "ghcr.io/myorg%2fapp", segment("myorg%2fapp")),
    ("IMG-17", "ghcr.io\\myorg/app", host("ghcr.io\\myorg")),
    ("IMG-18", "a.io/" + "a" * 256, "repository has 256 characters; expected at most 255"),
    ("IMG-18", "a" * 248, "repository has 256 characters; expected at most 255"),
    ("IMG-18", "a.io/b:" + "t" * 129, f"tag '{'t' * 64}...' is not legal; {LEGAL_TAG}"),
    ("IMG-18", "a" * 1024, "repository has 1032 characters; expected at most 255"),
    ("IMG-18", "a" * 1025, "image reference has 1025 characters; expected at most 1024"),
    ("IMG-18", f"{'a' * 64}.io/b", host("a" * 64 + "...")),
    ("IMG-18", f"{'a.' * 126}aa/b", host("a." * 32 + "...")),
    ("IMG-20", f"app@sha256:{HEX[:63]}", f"digest 'sha256:{HEX[:57]}...' is malformed; {LEGAL_DIGEST}"),
    ("IMG-20", f"app@sha256:{HEX}0", f"digest 'sha256:{HEX[:57]}...' is malformed; {LEGAL_DIGEST}"),
    ("IMG-20", f"app@sha256:{HEX.upper()}", f"digest 'sha256:{HEX[:57].upper()}...' is malformed; {LEGAL_DIGEST}"),
    ("IMG-20", f"app@SHA256:{HEX}", "digest algorithm 'SHA256' is not supported; expected sha256"),
    ("IMG-20", f"app@sha1:{HEX[:40]}", "digest algorithm 'sha1' is not supported; expected sha256"),
    ("IMG-20", f"app@md5:{HEX[:32]}", "digest algorithm 'md5' is not supported; expected sha256"),
    ("IMG-20", f"app@blake3:{HEX}", "digest algorithm 'blake3' is not supported; expected sha256"),
    ("IMG-20", f"app@sha384:{HEX}{HEX[:32]}", "digest algorithm 'sha384' is not supported; expected sha256"),
    ("IMG-20", f"app@sha512:{HEX}{HEX}", "digest algorithm 'sha512' is not supported; expected sha256"),
    ("IMG-21", f"app@{DIGEST}@{OTHER}", f"digest 'sha256:{HEX[:57]}...' is malformed; {LEGAL_DIGEST}"),
    ("IMG-21", f"app@{DIGEST}:tag", f"digest 'sha256:{HEX[:57]}...' is malformed; {LEGAL_DIGEST}"),
    ("IMG-22", DIGEST, f"'sha256:{HEX[:57]}...' is the ID of an image on a node; {EXPECTED}"),
    ("IMG-22", "sha256:3f2a", f"'sha256:3f2a' is the ID of an image on a node; {EXPECTED}"),
    ("IMG-22", f"sha512:{HEX}{HEX}", f"'sha512:{HEX[:57]}...' is the ID of an image on a node; {EXPECTED}"),
    ("IMG-22", f"sha384:{HEX}{HEX[:32]}", f"'sha384:{HEX[:57]}...' is the ID of an image on a node; {EXPECTED}"),
    ("IMG-22", HEX, f"'{HEX}' is the ID of an image on a node; {EXPECTED}"),
    *(("IMG-23", f"ghcr.io/myorg/app:sha256-{HEX}{suffix}", EVIDENCE_TAG) for suffix in (".sig", ".att", ".sbom", "")),
]
REFUSED_IDS = [f"{case} {text[:50]!a}" for case, text, _ in REFUSED]


@pytest.mark.parametrize(("case", "text", "message"), REFUSED, ids=REFUSED_IDS)
def test_a_refusal_says_what_was_found_and_what_is_expected(case: str, text: str, message: str) -> None:
    with pytest.raises(ImageReferenceError) as refused:
        images.parse(text)
    assert str(refused.value) == message


@pytest.mark.parametrize(("case", "text", "message"), REFUSED, ids=REFUSED_IDS)
def test_a_refusal_is_one_short_line_of_printable_ascii(case: str, text: str, message: str) -> None:
    with pytest.raises(ImageReferenceError) as refused:
        images.parse(text)
    said = str(refused.value)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= 400
    assert "pw" not in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"registry is empty; {EXPECTED}"),
        ("ghcr.io\n", "registry has '\\n' as character 8; expected printable ASCII without spaces"),
        ("ghcr.io/acme", host("ghcr.io/acme")),
    ],
)
def test_a_registry_alone_is_held_to_the_same_rules(text: str, message: str) -> None:
    with pytest.raises(ImageReferenceError) as refused:
        images.parse_registry(text)
    assert str(refused.value) == message


def test_a_huge_text_is_refused_without_being_read() -> None:
    huge = "\n" + "a" * (1 << 24)
    with pytest.raises(ImageReferenceError, match="has 16777217 characters"):
        images.parse(huge)


@pytest.mark.parametrize(
    "text", ["a-" * 511, "a.io/" + "a_" * 127, "a." * 511 + "/", "a" * 1023 + "!", f"[{':' * 1000}]/a"]
)
def test_no_text_within_the_limit_takes_long(text: str) -> None:
    """Where a pattern went back and forth over these, this would not end."""
    with pytest.raises(ImageReferenceError):
        images.parse(text)
