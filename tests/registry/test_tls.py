"""REG-11: a registry proves who it is, or is not spoken to."""

import datetime as dt
import ssl
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from tests.fakes.network import Authority, FakeResolver
from tests.fakes.registry import FakeRegistry
from tests.registry.conftest import Connect, FixedKeychain, Serve, resolve
from webhook.errors import AddressNotAllowedError, ConfigurationError, RegistryUnavailableError
from webhook.registry.client import RegistryClient
from webhook.registry.settings import RegistrySettings

HOST = "registry.example.com"
LOOPBACK = (ip_network("127.0.0.1/32"),)


async def refusal(client: RegistryClient) -> str:
    with pytest.raises((RegistryUnavailableError, AddressNotAllowedError)) as raised:
        await resolve(client, HOST)
    return str(raised.value)


async def test_a_registry_with_an_authority_of_its_own_is_believed(
    connect: Connect, serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    registry: FakeRegistry = await serve(HOST)
    digest = registry.put_image("app", tag="1")
    file = tmp_path / "ca.pem"
    file.write_bytes(authority.pem)
    for known in (authority.pem, file):
        client = connect(names={HOST: registry}, ca_files={HOST: known}, allow_addresses=LOOPBACK)
        assert await resolve(client, HOST) == digest
    assert {asked.host for asked in registry.asked} == {HOST}


async def test_a_port_is_a_part_of_a_registrys_name(connect: Connect, serve: Serve, authority: Authority) -> None:
    registry: FakeRegistry = await serve("127.0.0.1")
    digest = registry.put_image("app", tag="1")
    settings = {"ca_files": {registry.host: authority.pem}, "allow_addresses": LOOPBACK}
    assert await resolve(connect(**settings), registry.host) == digest


async def test_a_registry_of_an_unknown_authority_is_refused(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve(HOST)
    for known in ({}, {"other.example.com": authority.pem}, {f"{HOST}:5000": authority.pem}, {HOST: Authority().pem}):
        client = connect(names={HOST: registry}, ca_files=known, allow_addresses=LOOPBACK)
        text = await refusal(client)
        assert text == f"the certificate of registry {HOST} is not accepted: its issuer is not trusted"
    assert registry.asked == []


async def test_a_certificate_for_another_host_is_refused(connect: Connect, serve: Serve, authority: Authority) -> None:
    registry: FakeRegistry = await serve("other.example.com")
    client = connect(names={HOST: registry}, ca_files={HOST: authority.pem}, allow_addresses=LOOPBACK)
    assert await refusal(client) == f"the certificate of registry {HOST} is not accepted: it is for another host"


async def test_a_certificate_that_has_expired_is_refused(connect: Connect) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(HOST, not_after=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)).configure_cert(context)
    registry = FakeRegistry()
    await registry.start(context)
    client = connect(names={HOST: registry}, ca_files={HOST: authority.cert_pem.bytes()}, allow_addresses=LOOPBACK)
    assert await refusal(client) == f"the certificate of registry {HOST} is not accepted: it has expired"
    await registry.stop()


async def test_tls_older_than_1_2_is_refused(connect: Connect, authority: Authority) -> None:
    context = authority.context(HOST)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    registry = FakeRegistry()
    await registry.start(context)
    client = connect(names={HOST: registry}, ca_files={HOST: authority.pem}, allow_addresses=LOOPBACK)
    assert await refusal(client) == f"the TLS handshake with registry {HOST} failed; expected TLS 1.2 or later"
    await registry.stop()


async def test_a_registry_in_plain_http_is_not_spoken_to_unless_named_insecure(
    registry: FakeRegistry, connect: Connect
) -> None:
    client = connect(names={HOST: registry}, allow_addresses=LOOPBACK, insecure_hosts=frozenset({"other.example.com"}))
    assert await refusal(client) == f"the TLS handshake with registry {HOST} failed; expected TLS 1.2 or later"
    assert registry.asked == []
    registry.put_image("app", tag="1")
    assert await resolve(connect(names={HOST: registry}, insecure_hosts=frozenset({HOST})), HOST)


async def test_an_allowlist_lets_a_private_host_be_dialled_and_its_certificate_still_counts(
    connect: Connect, serve: Serve, authority: Authority
) -> None:
    registry: FakeRegistry = await serve(HOST)
    resolver = FakeResolver({HOST: "10.255.255.1"})
    client = connect(resolver=resolver, ca_files={HOST: authority.pem})
    assert await refusal(client) == f"registry {HOST} has a private address, which may not be dialled"
    assert registry.asked == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "expected PEM certificates"),
        (b"not a certificate", "expected PEM certificates"),
        ("\u00e9".encode(), "expected PEM certificates"),
        (Path("/nonexistent/ca.pem"), "No such file or directory"),
    ],
)
def test_an_authority_that_cannot_be_read_is_a_fault_of_configuration(content: bytes | Path, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        RegistryClient(RegistrySettings(ca_files={HOST: content}), FixedKeychain())
    assert str(refusal.value) == f"the certificate authority for registry {HOST} cannot be used: {reason}"
