"""A client for sigstore-conformance's protocol (its `docs/cli_protocol.md`) that verifies with the product's own code.

    python -m tests.conformance.client verify-bundle [--staging] --bundle FILE
        (--certificate-identity IDENTITY --certificate-oidc-issuer URL | --key FILE)
        [--trusted-root FILE] FILE-or-sha256:DIGEST

Exit code 0: verified. 1: not; the reason is on standard error.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.conformance import bundles
from webhook.signatures.authorities import KEYLESS_PROOFS
from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.faults import Fault, RefusedError
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.proofs.trust_root import TrustRoot
from webhook.signatures.trust import Proofs, Proved

PRODUCTION: Final = "https://tuf-repo-cdn.sigstore.dev"
STAGING: Final = "https://tuf-repo-cdn.sigstage.dev"

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_LOGGED: Final = Proofs(log=True)


@dataclass(frozen=True, slots=True)
class Artifact:
    """What should be signed: a file's content, or None where only its digest (`sha256:<hex>`) is given."""

    digest: str
    content: bytes | None = None

    @classmethod
    def of(cls, content: bytes) -> "Artifact":
        return cls(f"sha256:{sha256(content).hexdigest()}", content)


@dataclass(frozen=True, slots=True)
class _OfFile(Candidate):
    """A candidate over a file of which only the SHA-256 may be known."""

    artifact: Artifact = Artifact("")

    def digest(self, algorithm: str) -> bytes:
        if self.artifact.content is not None:
            return super(_OfFile, self).digest(algorithm)
        if algorithm != "sha256":
            raise RefusedError(Fault.LOG_ENTRY_MISMATCH, f"only the SHA-256 of the file is known, not its {algorithm}")
        return bytes.fromhex(self.artifact.digest.removeprefix("sha256:"))


def verify(content: bytes, artifact: Artifact, by: Identity | PublicKey, root: TrustRoot, now: datetime) -> Proved:
    """What proves that `by` signed the artifact. Raises `CandidateError`, `RefusedError`."""
    candidate = bundles.read(content)
    if candidate.claims and not candidate.about(artifact.digest):
        raise RefusedError(Fault.OTHER_DIGEST, f"the bundle is not about {artifact.digest}")
    if candidate.statement is None:
        candidate = _of_file(candidate, artifact)
    if isinstance(by, PublicKey):
        if candidate.keyless:
            raise RefusedError(Fault.CERTIFICATE_UNEXPECTED, "signed with a certificate, where a key is accepted")
        _check_signature(candidate, by)
        return root.prove(candidate, by, _LOGGED, now)
    if candidate.certificate is None:
        raise RefusedError(Fault.CERTIFICATE_MISSING, "signed with a key, where a certificate is accepted")
    leaf = Leaf.parse(candidate.certificate)
    _check_signature(candidate, leaf.key)
    by.check(leaf.signer)
    return root.prove(candidate, leaf, KEYLESS_PROOFS, now)


def _of_file(candidate: Candidate, artifact: Artifact) -> Candidate:
    known: dict[str, Any] = {field.name: getattr(candidate, field.name) for field in fields(candidate)}
    content = artifact.content or b""
    return _OfFile(**known | {"payload": content, "message": content}, artifact=artifact)


def _check_signature(candidate: Candidate, key: PublicKey) -> None:
    if isinstance(candidate, _OfFile) and candidate.artifact.content is None:
        _check_prehashed(key, candidate.signature, candidate.digest("sha256"))
    elif refusal := key.verify(candidate.signature, candidate.message):
        raise RefusedError(Fault.SIGNATURE_MISMATCH, refusal)


def _check_prehashed(key: PublicKey, signature: bytes, digest: bytes) -> None:
    """The product always has the bytes that are signed, so this is the client's own."""
    loaded = load_der_public_key(key.spki)
    if not isinstance(loaded, EllipticCurvePublicKey):
        raise RefusedError(Fault.SIGNATURE_MISMATCH, f"{key.algorithm} keys cannot be checked by a digest alone")
    try:
        loaded.verify(signature, digest, ECDSA(Prehashed(SHA256())))
    except InvalidSignature:
        raise RefusedError(Fault.SIGNATURE_MISMATCH, f"not signed by this {key.algorithm} key") from None


def embedded_root(url: str) -> bytes:
    """The `trusted_root.json` that sigstore-python brings of the TUF repository at `url`."""
    return (files("sigstore") / "_store" / quote(url, safe="") / "trusted_root.json").read_bytes()


def artifact_of(argument: str) -> Artifact:
    """The artifact that a command line names: a digest, unless that is also a path on disk, else a file."""
    path = Path(argument)
    if _DIGEST.fullmatch(argument) and not path.exists():
        return Artifact(argument)
    return Artifact.of(path.read_bytes())


def main(arguments: Sequence[str]) -> int:
    """Verify as the arguments say. Returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        by: Identity | PublicKey
        if options.key is not None:
            by = PublicKey.from_pem(options.key.read_text("ascii"))
        else:
            by = Identity(options.certificate_oidc_issuer, options.certificate_identity)
        embedded = STAGING if options.staging else PRODUCTION
        root = options.trusted_root.read_bytes() if options.trusted_root else embedded_root(embedded)
        artifact, content = artifact_of(options.artifact), options.bundle.read_bytes()
        proved = verify(content, artifact, by, TrustRoot.parse(root), datetime.now(UTC))
    except RefusedError as refused:
        sys.stderr.write(f"{refused.fault}: {refused.reason}\n")
        return 1
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{phrase}\n" for phrase in proved.evidence))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.client")
    command = parser.add_subparsers(required=True).add_parser("verify-bundle")
    command.add_argument("--staging", action="store_true")
    command.add_argument("--bundle", type=Path, required=True)
    command.add_argument("--certificate-identity", default="")
    command.add_argument("--certificate-oidc-issuer", default="")
    command.add_argument("--key", type=Path)
    command.add_argument("--trusted-root", type=Path)
    command.add_argument("artifact", metavar="FILE_OR_DIGEST")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
