from ipaddress import ip_network
from pathlib import Path

import pytest

from webhook import config
from webhook.errors import ConfigurationError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:8443", ("0.0.0.0", 8443)),
        (":8443", ("", 8443)),
        ("[::]:8443", ("::", 8443)),
        ("localhost:0", ("localhost", 0)),
    ],
)
def test_an_address(text: str, expected: tuple[str, int]) -> None:
    assert config.address(text) == expected


@pytest.mark.parametrize("text", ["", "8443", "host", "host:", "host:x", "host:65536", "::1:8443", "host:８４４３"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected HOST:PORT, found "):
        config.address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry.example.com", "registry.example.com"),
        ("Registry.Example.com:5000", "registry.example.com:5000"),
        ("registry.example.com:443", "registry.example.com"),
        ("index.docker.io", "docker.io"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_a_registry_host_is_spelt_as_references_are(text: str, expected: str) -> None:
    assert config.registry_host(text) == expected


@pytest.mark.parametrize("text", ["", "https://x", "x/y", "x:0", "x:123456", "x\n", "user@x", "-x"])
def test_what_is_no_registry_host(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"expected HOST\[:PORT\] of a registry, found "):
        config.registry_host(text)


def test_a_file_for_a_host() -> None:
    assert config.host_file("r.example.com:5000=/ca=1.pem") == ("r.example.com:5000", Path("/ca=1.pem"))


@pytest.mark.parametrize("text", ["", "r.example.com", "=f", "r.example.com="])
def test_what_is_no_file_for_a_host(text: str) -> None:
    with pytest.raises(ConfigurationError):
        config.host_file(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("corp=/etc/corp.json", ("corp", Path("/etc/corp.json"))),
        ("corp.example=root=1.json", ("corp.example", Path("root=1.json"))),
        ("trusted_root.json", ("public-good", Path("trusted_root.json"))),
        ("./a=b.json", ("public-good", Path("./a=b.json"))),
        ("/etc/a=b.json", ("public-good", Path("/etc/a=b.json"))),
    ],
)
def test_a_trust_root_is_a_file_for_a_name_or_for_public_good(text: str, expected: tuple[str, Path]) -> None:
    assert config.trust_root(text) == expected


@pytest.mark.parametrize(
    "text", ["", "=f", "corp=", "Corp=f", "-corp=f", "corp-=f", "a..b=f", "x" * 254 + "=f", "c\n=f", "ѕ=f"]
)
def test_what_is_no_trust_root(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected NAME=FILE or FILE of a trust root, found "):
        config.trust_root(text)


def test_the_names_of_trust_roots_that_files_give() -> None:
    assert config.TrustConfig(files=(("corp", Path("a")), ("public-good", Path("b")))).names == {"corp", "public-good"}


def test_a_network() -> None:
    assert config.network("fd00::/8") == ip_network("fd00::/8")


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "x"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected an address range"):
        config.network(text)


def test_a_label_of_a_namespace() -> None:
    assert config.namespace_label("prod:example.com/team=a=b") == ("prod", "example.com/team", "a=b")
    assert config.namespace_label("prod:team=") == ("prod", "team", "")


@pytest.mark.parametrize("text", ["", "prod", "prod:team", ":team=a", "prod:=a"])
def test_what_is_no_label_of_a_namespace(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected NAMESPACE:KEY=VALUE"):
        config.namespace_label(text)


def test_credential_providers_are_a_file_and_a_folder() -> None:
    file, folder = Path("providers.yaml"), Path("bin")
    assert config.credential_providers(file, folder) == (file, folder)
    assert config.credential_providers(None, None) is None
    for given in ((file, None), (None, folder)):
        with pytest.raises(ConfigurationError, match="need each other"):
            config.credential_providers(*given)
