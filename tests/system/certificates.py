"""Certificates of servers on loopback."""

from pathlib import Path

import trustme


def write_certificate(authority: trustme.CA, folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key, as `tls.crt` and `tls.key` in `folder`."""
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = folder / "tls.crt", folder / "tls.key"
    certificate.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key


def write_authority(authority: trustme.CA, file: Path) -> Path:
    """The authority's own certificate, in PEM."""
    authority.cert_pem.write_to_path(str(file))
    return file
