"""Mutual TLS: who may ask for reviews."""

import ssl

import pytest
import trustme

from tests.server.serving import Pki, serving, until
from tests.server.wire import Wire, connected, get, post
from webhook.errors import ConfigurationError
from webhook.server.settings import TlsFiles

NAME = "kube-apiserver"


@pytest.mark.parametrize(
    "leaf",
    [
        lambda ca: ca.issue_cert(common_name=NAME),
        lambda ca: ca.issue_cert("other", common_name=NAME),
        lambda ca: ca.issue_cert("other", NAME, common_name="other"),
    ],
    ids=["common-name", "common-name-beside-others", "alternative-name"],
)
async def test_a_client_with_an_accepted_name_is_served(pki: Pki, leaf: object) -> None:
    client = leaf(pki.authority)  # type: ignore[operator]
    async with (
        serving(pki, tls=pki.files(NAME, "second")) as running,
        connected(running, pki.client(client)) as wire,
    ):
        assert [(await wire.ask(post())).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize("name", ["system:node:worker-1", "kube-apiserver.evil", "KUBE-APISERVER", "kube-apiserver "])
async def test_a_certificate_of_the_same_authority_with_another_name_is_forbidden(pki: Pki, name: str) -> None:
    client = pki.client(pki.authority.issue_cert("node.example", common_name=name))
    async with serving(pki, tls=pki.files(NAME)) as running, connected(running, client) as wire:
        response = await wire.ask(post())
        assert (response.status, response.body) == (
            403,
            b"the client's certificate bears none of the accepted names\n",
        )
        assert (await wire.ask(post(path="/unknown"))).status == 403
    assert running.reviews.bodies == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_without_a_certificate_gets_no_connection(pki: Pki, version: ssl.TLSVersion) -> None:
    tls = pki.client()
    tls.maximum_version = version
    await _is_turned_away(pki, tls)


async def test_a_certificate_of_another_authority_gets_no_connection(pki: Pki) -> None:
    await _is_turned_away(pki, pki.client(trustme.CA().issue_cert(common_name=NAME)))


async def _is_turned_away(pki: Pki, tls: ssl.SSLContext) -> None:
    async with serving(pki, tls=pki.files(NAME)) as running:
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):  # noqa: PT012 - TLS 1.3 tells it with the answer
            wire = await Wire.open(running.port, tls)
            try:
                await wire.ask(post())
            finally:
                await wire.close()
    assert running.reviews.bodies == []


async def test_health_asks_for_no_certificate(pki: Pki) -> None:
    async with serving(pki, tls=pki.files(NAME)) as running:
        assert (await get(running, "/readyz")).status == 200


async def test_a_new_client_authority_is_taken_up(pki: Pki) -> None:
    successor = trustme.CA()
    client = pki.client(successor.issue_cert(common_name=NAME))
    async with serving(pki, tls=pki.files(NAME), poll_seconds=0.02) as running:
        successor.cert_pem.write_to_path(pki.client_ca)
        await until(lambda: running.counted('tidewaiter_certificate_reload_total{result="success"}') == 2)
        async with connected(running, client) as wire:
            assert (await wire.ask(post())).status == 200


async def test_a_client_authority_that_is_no_certificate_is_refused_at_the_start(pki: Pki) -> None:
    files = pki.files(NAME)
    pki.client_ca.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="the client CA is not PEM"):
        async with serving(pki, tls=files):
            pass


@pytest.mark.parametrize("names", [frozenset[str](), frozenset({NAME})])
def test_an_authority_and_names_need_each_other(pki: Pki, names: frozenset[str]) -> None:
    ca = None if names else pki.client_ca
    with pytest.raises(ConfigurationError, match="need each other"):
        TlsFiles(cert=pki.cert, key=pki.key, client_ca=ca, client_names=names)
