"""The services of a Sigstore but for Rekor v1, each as a process of its own on loopback."""

import json
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.system.polling import eventually
from tests.system.processes import NotReadyError, accepts, free_port, running
from tests.system.program import get
from tests.system.sigstore.ct_log import CtLog
from tests.system.sigstore.oidc import OidcProvider
from tests.system.tools import tool

_SECONDS: Final = 10
_TURN_SECONDS: Final = 300
_METRICS_PORT: Final = 2112
_METRICS_TAKEN: Final = f":{_METRICS_PORT}: bind: address already in use"


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its URL, and the file with what vouches for it, a public key or a chain of certificates."""

    url: str
    trust: Path


@contextmanager
def fulcio(folder: Path, oidc: OidcProvider, log: CtLog, *, intermediate: bool) -> Iterator[Service]:
    """Fulcio, which logs each certificate before it hands it out.

    Args:
        folder: an existing folder.
        oidc: the provider whose tokens it takes.
        log: where certificates are logged; what the log promises is checked with its key.
        intermediate: certificates are by an intermediate authority below a root, as those of the public-good instance;
            else by a root without any common name, which Fulcio makes itself.
    """
    config = folder / "fulcio.json"
    config.write_text(json.dumps(oidc.fulcio_configuration()), encoding="utf-8")
    port = free_port()
    command: list[str | Path] = [
        tool("fulcio"),
        "serve",
        *(_file_authority(folder) if intermediate else ["--ca=ephemeralca"]),
        *("--host=127.0.0.1", f"--port={port}", "--grpc-host=127.0.0.1", f"--grpc-port={free_port()}"),
        f"--legacy-unix-domain-socket={folder / 'fulcio.sock'}",
        f"--metrics-port={free_port()}",
        f"--config-path={config}",
        *(f"--ct-log-url={log.url}", f"--ct-log-public-key-path={log.public_key}"),
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "fulcio.log", lambda: get(f"{url}/healthz")[0] == 200):
        chain = folder / "fulcio.pem"
        chain.write_text("".join(_bundle(url)), encoding="ascii")
        yield Service(url, chain)


def _bundle(url: str) -> Sequence[str]:
    """The certificates of the one authority of this Fulcio, its root last."""
    (chain,) = json.loads(_fetched(f"{url}/api/v2/trustBundle"))["chains"]
    certificates: list[str] = chain["certificates"]
    return [f"{certificate.strip()}\n" for certificate in certificates]


def _fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_SECONDS) as answer:  # noqa: S310  it is our service on loopback
        content: bytes = answer.read()
    return content


def _file_authority(folder: Path) -> list[str]:
    """The flags of an authority that lies in files: an intermediate one, and the root above it."""
    keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(2)]
    root = _authority("root", keys[0], None)
    own = _authority("intermediate", keys[1], (root.subject, keys[0]))
    chain, key = folder / "authority.pem", folder / "authority.key"
    chain.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in (own, root)))
    key.write_bytes(keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files = (f"--fileca-cert={chain}", f"--fileca-key={key}", "--fileca-key-passwd=unused")
    return ["--ca=fileca", *files, "--fileca-watch=false"]


def _authority(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: tuple[x509.Name, ec.EllipticCurvePrivateKey] | None
) -> x509.Certificate:
    """A certificate for `key`, which may issue others, by `issuer` or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_name, issuer_key = issuer or (subject, key)
    start = datetime.now(UTC) - timedelta(minutes=1)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder(issuer_name, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if issuer:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return builder.sign(issuer_key, SHA384())


@contextmanager
def rekor2(folder: Path) -> Iterator[Service]:
    """Rekor v2 with its tiles as files. However often it makes checkpoints, an entry takes about a second."""
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / "rekor2.key", folder / "rekor2.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    port = free_port()
    command: list[str | Path] = [
        tool("rekor2"),
        "serve",
        f"--storage-dir={folder / 'rekor2'}",
        f"--signer-filepath={private}",
        "--hostname=127.0.0.1",  # without a port: clients look for the host of the log's URL in checkpoints
        f"--http-port={port}",
        f"--grpc-port={free_port()}",
        f"--http-metrics-port={free_port()}",
        *("--checkpoint-interval=100ms", "--batch-max-age=10ms"),
    ]
    url = f"http://127.0.0.1:{port}"
    with running(command, folder / "rekor2.log", lambda: get(f"{url}/healthz")[0] == 200):
        yield Service(url, public)


@contextmanager
def timestamp_server(folder: Path) -> Iterator[Service]:
    """A timestamp authority with a chain that it makes itself; the URL is the one of its requests.

    It ends where it cannot have port 2112 for its metrics, which cannot be changed: while another one runs on this
    machine, this one waits for its turn.

    Raises:
        NotReadyError: something else has the port for five minutes.
    """
    port = free_port()
    command: list[str | Path] = [
        tool("timestamp-server"),
        "serve",
        *("--host=127.0.0.1", f"--port={port}"),
        *("--timestamp-signer=memory", "--disable-ntp-monitoring"),
    ]
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        start = partial(running, command, folder / "timestamp.log", lambda: get(f"{url}/ping")[0] == 200)
        try:
            eventually(lambda: not accepts(_METRICS_PORT) and _entered(stack, start()), _TURN_SECONDS)
        except AssertionError:
            raise NotReadyError(f"timestamp-server wants port {_METRICS_PORT}, which something else has") from None
        chain = folder / "timestamp.pem"
        chain.write_bytes(_fetched(f"{url}/api/v1/timestamp/certchain"))
        yield Service(f"{url}/api/v1/timestamp", chain)


def _entered(stack: ExitStack, process: AbstractContextManager[object]) -> bool:
    """Whether the process runs, on `stack`; not if its port for metrics is taken."""
    try:
        stack.enter_context(process)
    except NotReadyError as error:
        if _METRICS_TAKEN not in str(error):
            raise
        return False
    return True
