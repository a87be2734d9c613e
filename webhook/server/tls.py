"""The server's side of TLS: certificates that are renewed under it, and clients that must have one.

A mounted Secret changes by a swap of symbolic links, at any moment. A pair is tried in a context of its own; when it
holds together, new connections get that context, and open ones keep theirs. Loading the pair into the context that is
in use would not do: OpenSSL keeps one pair for each type of key, and after a change from ECDSA to RSA goes on serving
the old one.
"""

import asyncio
import hashlib
import logging
import ssl
from pathlib import Path
from typing import Any

import msgspec
from cryptography import x509

from webhook.errors import ConfigurationError
from webhook.server.metrics import Metrics
from webhook.server.settings import TlsFiles

_log = logging.getLogger(__name__)

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""

MAX_FILE_BYTES = 2**20


class Loaded(msgspec.Struct, frozen=True):
    """A pair that holds together: its context, what its files held, and by kind when a certificate of it ends."""

    context: ssl.SSLContext
    fingerprint: bytes
    expiries: dict[str, float]


class Certificates:
    """The certificate in use. `context` is for the listening socket and stays the same for its life.

    Raises `ConfigurationError` where the first pair cannot be used; a later one that cannot is logged and counted.
    """

    def __init__(self, files: TlsFiles, metrics: Metrics) -> None:
        self._files = files
        self._metrics = metrics
        self._rejected = b""
        try:
            self._current = self._load()
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the TLS certificate cannot be used: {_reason(error)}") from error
        metrics.certificate_loaded(self._current.expiries)
        self.context = _context(files.client_ca is not None)
        self.context.sni_callback = self._switch

    def refresh(self) -> None:
        """Take up what the files hold now, if it is new and can be used."""
        fingerprint = b""
        try:
            fingerprint = _fingerprint(self._contents())
            if fingerprint == self._current.fingerprint:
                return
            loaded = self._load()
        except (OSError, ValueError) as error:
            self._reject(fingerprint or repr(error).encode(), error)
        else:
            self._current = loaded
            self._rejected = b""
            self._metrics.certificate_loaded(loaded.expiries)
            _log.info("a new TLS certificate is in use")

    def permits(self, transport: asyncio.BaseTransport) -> bool:
        """Whether the client's certificate, which TLS has verified, bears a name that may ask."""
        if not self._files.client_names:
            return True
        certificate: dict[str, Any] = transport.get_extra_info("peercert") or {}
        return not self._files.client_names.isdisjoint(_names(certificate))

    def _reject(self, fingerprint: bytes, error: Exception) -> None:
        """Tell it once for each content; it is tried again all the same, since the reason may be a passing one."""
        if fingerprint != self._rejected:
            self._rejected = fingerprint
            self._metrics.certificate_failed()
            _log.error("the new TLS certificate cannot be used, the one before stays in use: %s", _reason(error))

    def _switch(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        """OpenSSL asks this for each connection, whether or not it names a server, before it chooses a certificate."""
        connection.context = self._current.context

    def _contents(self) -> dict[str, bytes]:
        paths = {"cert": self._files.cert, "key": self._files.key, "client_ca": self._files.client_ca}
        return {name: _read(path) for name, path in paths.items() if path is not None}

    def _load(self) -> Loaded:
        contents = self._contents()
        context = _context(self._files.client_ca is not None)
        context.load_cert_chain(self._files.cert, self._files.key, password=_no_password)
        expiries = {"serving": _serving_expiry(contents["cert"])}
        if "client_ca" in contents:
            context.load_verify_locations(cadata=contents["client_ca"].decode("ascii"))
            expiries["client_ca"] = _last_expiry(contents["client_ca"])
        return Loaded(context, _fingerprint(contents), expiries)


def _context(clients: bool) -> ssl.SSLContext:  # noqa: FBT001 - whether clients need a certificate, in one place
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_TICKET
    context.num_tickets = 0  # a resumed session would skip the check of the client's certificate
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"{path} has more than {MAX_FILE_BYTES} bytes")
    return content


def _fingerprint(contents: dict[str, bytes]) -> bytes:
    return b"".join(hashlib.sha256(content).digest() for content in contents.values())


def _no_password() -> str:
    """Without it OpenSSL would ask the terminal."""
    raise ValueError("the private key is encrypted")


def _serving_expiry(pem: bytes) -> float:
    """When the first certificate of a chain ends, which is the server's own."""
    return x509.load_pem_x509_certificates(pem)[0].not_valid_after_utc.timestamp()


def _last_expiry(pem: bytes) -> float:
    """When the last of several authorities ends: during a change of authorities there are two."""
    return max(each.not_valid_after_utc.timestamp() for each in x509.load_pem_x509_certificates(pem))


def _names(certificate: dict[str, Any]) -> set[str]:
    """The common names and the alternative names of a client's certificate."""
    names = {value for part in certificate.get("subject", ()) for kind, value in part if kind == "commonName"}
    return names | {value for kind, value in certificate.get("subjectAltName", ()) if kind in {"DNS", "URI", "email"}}


def _reason(error: Exception) -> str:
    """What is wrong and in which file, without anything that the file holds."""
    if isinstance(error, OSError):
        return f"{error.filename or 'certificate and key'}: {error.strerror}"
    return "the client CA is not PEM" if isinstance(error, UnicodeDecodeError) else str(error)
