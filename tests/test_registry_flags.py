"""Mirrors and proxies, from their flags to the client."""

import pytest
from yarl import URL

from tests.cli.conftest import run
from tests.fakes.proxy import FakeProxy
from tests.fakes.registry import FakeRegistry
from webhook import config, images
from webhook.config import RegistryConfig
from webhook.errors import AddressNotAllowedError, ConfigurationError, ImageNotFoundError
from webhook.registry.settings import Mirror, Proxy
from webhook.wiring import registry_client


def nowhere(_host: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("text", "host", "mirror"),
    [
        ("docker.io=mirror.corp", "docker.io", Mirror("mirror.corp")),
        ("index.docker.io=Mirror.corp:5000/Hub".lower(), "docker.io", Mirror("mirror.corp:5000", "hub")),
        ("GHCR.io=harbor.corp:443/cache/ghcr", "ghcr.io", Mirror("harbor.corp", "cache/ghcr")),
    ],
)
def test_a_mirror_of_a_registry(text: str, host: str, mirror: Mirror) -> None:
    assert config.registry_mirror(text) == (host, mirror)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "docker.io",
        "docker.io=",
        "=mirror.corp",
        "docker.io=mirror.corp/",
        "docker.io=mirror.corp/Hub",
        "docker.io=https://mirror.corp",
        "docker.io=mirror.corp/../x",
        "docker.io=u:p@mirror.corp",
    ],
)
def test_what_is_no_mirror_of_a_registry(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^expected HOST(=MIRROR\[/PATH\]|\[:PORT\] of a registry), found "):
        config.registry_mirror(text)


@pytest.mark.parametrize(
    "text",
    ["http://proxy.corp:3128", "http://proxy.corp", "http://me:s3cret@proxy.corp:3128/", "http://[fd00::1]:3128"],
)
def test_a_proxy(text: str) -> None:
    assert config.registry_proxy(text, ()) == Proxy(URL(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "proxy.corp:3128",
        "https://me:s3cret@proxy.corp",
        "socks5://proxy.corp",
        "http://",
        "http://me:s3cret@proxy.corp/path",
        "http://proxy.corp?s3cret",
        "http://proxy.corp#s3cret",
        "http://me:s3cret@proxy.corp:99999",
        "http://me:s3cret@proxy.corp:0",
        "http://me%3As3cret:x@proxy.corp",
        "http://me:s3cret%E2%82%AC@proxy.corp",
        "http://me:s3cret\u20ac@proxy.corp",
        "http://me:s3cret@proxy.corp\n",
        "http://me:s3cret@[proxy",
    ],
)
def test_what_is_no_proxy_is_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        config.registry_proxy(text, ())
    assert str(raised.value) == "expected http://[USER:PASSWORD@]HOST[:PORT] of a proxy, found something else"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_who_is_reached_without_a_proxy() -> None:
    proxy = config.registry_proxy("http://proxy.corp:3128", ("Registry.local", ".corp", "[::1]", "10.0.0.1"))
    assert proxy is not None
    assert proxy.direct == {"registry.local", ".corp", "::1", "10.0.0.1"}


@pytest.mark.parametrize("text", ["", ".", "*.corp", "registry.local:5000", "[::1]:5000", ".corp:80", "10.0.0.0/8"])
def test_who_cannot_be_reached_without_a_proxy(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^expected HOST"):
        config.registry_proxy("http://proxy.corp:3128", (text,))


def test_without_a_proxy_nobody_needs_to_be_reached_without_it() -> None:
    assert config.registry_proxy(None, ()) is None
    with pytest.raises(ConfigurationError, match=r"^--no-proxy needs --registry-proxy$"):
        config.registry_proxy(None, ("registry.local",))


async def test_mirrors_reach_the_client_in_their_order() -> None:
    async with FakeRegistry() as registry, FakeRegistry() as first, FakeRegistry() as second:
        digest = second.put_image("hub/app", tag="1")
        flags = RegistryConfig(
            insecure=frozenset({registry.host, first.host, second.host}),
            mirrors=((registry.host, Mirror(first.host)), (registry.host, Mirror(second.host, "hub"))),
        )
        async with registry_client(flags, nowhere) as client:
            assert str((await client.resolve(images.parse(f"{registry.host}/app:1"))).digest) == digest
        assert (first.paths, registry.paths) == (["/v2/app/manifests/1"], [])


async def test_a_mirror_may_have_a_private_address_since_a_flag_names_it_and_no_other_registry_may() -> None:
    flags = RegistryConfig(mirrors=(("10.255.255.2", Mirror("127.0.0.1:1")),))
    async with registry_client(flags, nowhere) as client:
        with pytest.raises(AddressNotAllowedError, match=r"mirror 127\.0\.0\.1:1 of registry .* loopback"):
            await client.resolve(images.parse("10.255.255.2/app:1"))
    settings = RegistryConfig(mirrors=(("registry.example.com", Mirror("10.255.255.1")),))
    async with registry_client(settings, nowhere) as client:
        with pytest.raises(AddressNotAllowedError, match="private"):
            await client.resolve(images.parse("10.255.255.2/app:1"))


async def test_a_proxy_reaches_the_client() -> None:
    async with FakeProxy({}) as proxy:
        flags = RegistryConfig(proxy=Proxy(URL(proxy.url)), insecure=frozenset({"registry.example.com"}))
        async with registry_client(flags, nowhere) as client:
            with pytest.raises(ImageNotFoundError):
                await client.resolve(images.parse("registry.example.com/app:1"))
    assert proxy.asked == ["GET http://registry.example.com/v2/app/manifests/1"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--registry-mirror", "x"), "expected HOST=MIRROR[/PATH], found 'x'"),
        (
            ("--registry-proxy", "s3cret"),
            "expected http://[USER:PASSWORD@]HOST[:PORT] of a proxy, found something else",
        ),
        (("--no-proxy", "x.corp"), "--no-proxy needs --registry-proxy"),
    ],
)
@pytest.mark.parametrize("as_variables", [False, True])
def test_flags_and_variables_that_cannot_be_read_are_exit_code_2(
    flags: tuple[str, str], message: str, as_variables: bool
) -> None:
    name, value = flags
    variables = {"TIDEWAITER_" + name.removeprefix("--").replace("-", "_").upper(): value} if as_variables else {}
    arguments = () if as_variables else flags
    result = run("verify", "registry.example.com/app:1", "--key", __file__, *arguments, env=variables)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "s3cret" not in result.output
