"""The server's certificate: read, renewed, and kept when its successor is no good."""

import ssl
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.server.serving import Pki, Running, serving, until
from tests.server.wire import Wire, connected, post
from webhook.errors import ConfigurationError
from webhook.server.metrics import Metrics
from webhook.server.settings import TlsFiles
from webhook.server.tls import MAX_FILE_BYTES, Certificates

FAILED = 'tidewaiter_certificate_reload_total{result="failure"}'
LOADED = 'tidewaiter_certificate_reload_total{result="success"}'
EXPIRY = 'tidewaiter_certificate_expiry_timestamp_seconds{kind="serving"}'


def issue(pki: Pki, name: str, key_type: trustme.KeyType = trustme.KeyType.ECDSA) -> trustme.LeafCert:
    return pki.authority.issue_cert("localhost", common_name=name, key_type=key_type)


async def served(running: Running, tls: ssl.SSLContext | None = None) -> str:
    """The common name of the certificate that a new connection gets."""
    async with connected(running, tls) as wire:
        der = wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    (name,) = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(name.value)


async def until_counted(running: Running, series: str, value: float) -> None:
    await until(lambda: running.counted(series) == value)


async def test_a_renewed_certificate_is_taken_up_without_dropping_a_connection(pki: Pki) -> None:
    async with serving(pki, poll_seconds=0.02) as running, connected(running) as wire:
        assert (await wire.ask(post())).status == 200
        assert await served(running) == "first"
        pki.write(issue(pki, "second"))
        await until_counted(running, LOADED, 2)
        assert await served(running) == "second"
        assert (await wire.ask(post())).status == 200
    assert "a new TLS certificate is in use" in [line["msg"] for line in running.logged()]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_renewal_may_change_the_type_of_key(pki: Pki, version: ssl.TLSVersion) -> None:
    tls = pki.client()
    tls.maximum_version = version
    async with serving(pki, poll_seconds=0.02) as running:
        for count, kind in enumerate((trustme.KeyType.RSA, trustme.KeyType.ECDSA, trustme.KeyType.RSA), start=2):
            pki.write(issue(pki, f"{kind.name}-{count}", kind))
            await until_counted(running, LOADED, count)
            assert await served(running, tls) == f"{kind.name}-{count}"


async def test_a_mounted_secret_is_followed_through_its_links(pki: Pki, tmp_path: Path) -> None:
    files = TlsFiles(cert=tmp_path / "mount" / "tls.crt", key=tmp_path / "mount" / "tls.key")
    (tmp_path / "mount").mkdir()
    for name in ("tls.crt", "tls.key"):
        (tmp_path / "mount" / name).symlink_to(Path("..data") / name)
    for name in ("one", "two"):
        (tmp_path / "mount" / name).mkdir()
        version = Pki(pki.authority, tmp_path / "mount" / name)
        version.write(issue(pki, name))
    (tmp_path / "mount" / "..data").symlink_to("one")
    async with serving(pki, tls=files, poll_seconds=0.02) as running:
        assert await served(running) == "one"
        (tmp_path / "mount" / "..new").symlink_to("two")
        (tmp_path / "mount" / "..new").rename(tmp_path / "mount" / "..data")
        await until_counted(running, LOADED, 2)
        assert await served(running) == "two"


async def test_a_key_that_does_not_fit_is_kept_out_until_its_certificate_comes(pki: Pki) -> None:
    second = issue(pki, "second")
    async with serving(pki, poll_seconds=0.02) as running:
        pki.key.write_bytes(second.private_key_pem.bytes())
        await until_counted(running, FAILED, 1)
        assert await served(running) == "first"
        pki.write(second)
        await until_counted(running, LOADED, 2)
        assert await served(running) == "second"
    told = [line["msg"] for line in running.logged() if line["level"] == "error"]
    assert len(told) == 1
    assert told[0].startswith("the new TLS certificate cannot be used, the one before stays in use: ")
    assert "PRIVATE KEY" not in running.output.getvalue().decode()


BAD = {
    "empty": b"",
    "no-pem": b"\x00\xff garbage",
    "half": b"-----BEGIN CERTIFICATE-----\nMIIB",
    "endless": b"x" * (MAX_FILE_BYTES + 1),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_a_certificate_that_cannot_be_read_is_kept_out_and_told_once(pki: Pki, content: bytes) -> None:
    metrics = Metrics("1")
    certificates = Certificates(pki.files(), metrics)
    pki.cert.write_bytes(content)
    for _ in range(3):
        certificates.refresh()
    assert f"{FAILED} 1.0" in metrics.text().decode()


def test_a_file_that_is_gone_is_told_once_and_read_again_when_it_is_back(pki: Pki) -> None:
    metrics = Metrics("1")
    certificates = Certificates(pki.files(), metrics)
    pki.cert.unlink()
    certificates.refresh()
    certificates.refresh()
    assert f"{FAILED} 1.0" in metrics.text().decode()
    pki.write(issue(pki, "second"))
    certificates.refresh()
    assert f"{LOADED} 2.0" in metrics.text().decode()


def test_nothing_happens_while_nothing_changes(pki: Pki) -> None:
    metrics = Metrics("1")
    certificates = Certificates(pki.files(), metrics)
    certificates.refresh()
    assert f"{LOADED} 1.0" in metrics.text().decode()


def test_the_end_of_the_certificate_is_a_metric(pki: Pki) -> None:
    metrics = Metrics("1")
    Certificates(pki.files("api-server"), metrics)
    text = metrics.text().decode()
    ends = x509.load_pem_x509_certificate(pki.cert.read_bytes()).not_valid_after_utc.timestamp()
    (line,) = [line for line in text.splitlines() if line.startswith(EXPIRY)]
    assert float(line.split()[-1]) == ends
    assert 'tidewaiter_certificate_expiry_timestamp_seconds{kind="client_ca"}' in text


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_the_first_certificate_must_be_good(pki: Pki, content: bytes) -> None:
    pki.cert.write_bytes(content)
    with pytest.raises(ConfigurationError, match="the TLS certificate cannot be used: "):
        Certificates(pki.files(), Metrics("1"))


def test_a_missing_file_is_named(pki: Pki) -> None:
    pki.key.unlink()
    with pytest.raises(ConfigurationError, match=r"tls\.key: No such file or directory"):
        Certificates(pki.files(), Metrics("1"))


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_a_password(pki: Pki) -> None:
    key = serialization.load_pem_private_key(pki.key.read_bytes(), None)
    protection = serialization.BestAvailableEncryption(b"password")
    form = serialization.PrivateFormat.PKCS8
    pki.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, protection))
    with pytest.raises(ConfigurationError, match="the private key is encrypted"):
        Certificates(pki.files(), Metrics("1"))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_current_versions_of_tls_are_spoken_with_forward_secrecy(pki: Pki, version: ssl.TLSVersion) -> None:
    tls = pki.client()
    tls.minimum_version = tls.maximum_version = version
    async with serving(pki) as running, connected(running, tls) as wire:
        cipher, _, _ = wire.writer.get_extra_info("cipher")
        assert (await wire.ask(post())).status == 200
        assert not wire.writer.get_extra_info("ssl_object").session_reused
    assert cipher.startswith(("ECDHE-", "TLS_"))
    assert "GCM" in cipher or "CHACHA20" in cipher


async def test_old_versions_of_tls_are_not_spoken(pki: Pki) -> None:
    tls = pki.client()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.minimum_version = tls.maximum_version = ssl.TLSVersion.TLSv1_1
    tls.set_ciphers("ALL:@SECLEVEL=0")
    async with serving(pki) as running:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await Wire.open(running.port, tls)
