"""What is asked of the servers of repositories, and what is taken from them."""

import pytest

from tests.fakes.registry import FakeRegistry
from tests.fakes.replies import answering, endless, raw, redirecting, stalling
from tests.fakes.tuf import FakeTuf
from tests.trust.scenario import needing
from tests.trust.serving import TufServer
from webhook.config import RegistryConfig, TrustConfig
from webhook.errors import (
    AddressNotAllowedError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.wiring import RepositoryWeb, trust_roots


async def got(server: TufServer, config: RegistryConfig | None = None, ceiling: int = 100) -> bytes | None:
    async with RepositoryWeb(config or server.trusted) as repositories:
        return await repositories.get(f"{server.url()}/timestamp.json", ceiling)


async def test_what_lies_there_is_got_and_what_does_not_is_none(server: TufServer) -> None:
    assert await got(server) is None
    server.replies["/tuf/timestamp.json"] = answering(403)
    assert await got(server) is None
    server.replies["/tuf/timestamp.json"] = answering(200, b"x" * 100)
    assert await got(server) == b"x" * 100


@pytest.mark.parametrize("status", [204, 301, 400, 401, 410, 429, 500, 503])
async def test_no_other_status_says_that_nothing_lies_there(server: TufServer, status: int) -> None:
    server.replies["/tuf/timestamp.json"] = answering(status)
    with pytest.raises(RegistryUnavailableError, match=f"answered with status {status}"):
        await got(server)


async def test_a_redirect_is_not_followed(server: TufServer) -> None:
    server.replies["/tuf/timestamp.json"] = redirecting(f"{server.origin}/elsewhere")
    server.replies["/elsewhere"] = answering(200, b"{}")
    with pytest.raises(RegistryUnavailableError, match="answered with status 307"):
        await got(server)
    assert server.paths == ["/tuf/timestamp.json"]


async def test_no_more_is_read_than_the_ceiling(server: TufServer) -> None:
    for reply in (answering(200, b"x" * 101), endless()):
        server.replies["/tuf/timestamp.json"] = reply
        with pytest.raises(RegistryResponseError, match="more than 100 bytes"):
            await got(server)


async def test_what_is_no_http_is_refused(server: TufServer) -> None:
    server.replies["/tuf/timestamp.json"] = raw(b"220 ftp.example.com\r\n")
    with pytest.raises(RegistryResponseError):
        await got(server)


async def test_a_body_that_comes_byte_by_byte_ends_with_the_deadline(
    server: TufServer, registry: FakeRegistry, tuf: FakeTuf, caplog: pytest.LogCaptureFixture
) -> None:
    server.hand_out(tuf)
    server.replies["/tuf/timestamp.json"] = stalling(server.released, tuf.files["timestamp.json"])
    source = needing(registry, server, tuf)
    roots = await trust_roots(TrustConfig(), server.trusted)
    await roots.follow(source.needed_trust_roots, source.trust_roots)
    async with RepositoryWeb(server.trusted) as repositories:
        await roots.refresh(repositories, 0.2)
    assert roots.current("corp") is None
    assert caplog.records[-1].getMessage().endswith("it took more than 0.2 s; there is none")


async def test_nobody_is_dialled_on_loopback_or_in_plain_http_without_a_flag(server: TufServer) -> None:
    with pytest.raises(AddressNotAllowedError, match="has a loopback address"):
        await got(server, RegistryConfig(ca_files=server.trusted.ca_files))
    async with RepositoryWeb(server.trusted) as repositories:
        with pytest.raises(RegistryResponseError, match="plain http"):
            await repositories.get(f"http://{server.host}/tuf/timestamp.json", 100)
    assert server.paths == []


async def test_plain_http_is_for_hosts_that_a_flag_names_insecure() -> None:
    async with FakeRegistry() as plain:
        plain.replies["/tuf/timestamp.json"] = answering(200, b"{}")
        async with RepositoryWeb(RegistryConfig(insecure=frozenset({plain.host}))) as repositories:
            assert await repositories.get(f"{plain.origin}/tuf/timestamp.json", 100) == b"{}"


async def test_the_certificate_is_judged(server: TufServer) -> None:
    with pytest.raises(RegistryUnavailableError, match=r"certificate of \S+ is not accepted"):
        await got(server, RegistryConfig(allow_addresses=server.trusted.allow_addresses))


async def test_proxies_of_the_environment_are_not_used(server: TufServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeRegistry() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        server.replies["/tuf/timestamp.json"] = answering(200, b"{}")
        assert await got(server) == b"{}"
        assert proxy.asked == []
