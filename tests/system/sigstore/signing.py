"""Signing and attesting by a Sigstore: with a certificate or a key, in both formats, with each mixture of proofs."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from tests.system.signing import Registry, Workshop
from tests.system.sigstore.instance import V1, V2, Sigstore
from tests.system.sigstore.oidc import Subject

_OLD: Final = ("--new-bundle-format=false", "--use-signing-config=false")


@dataclass(frozen=True, slots=True)
class Way:
    """How a signature is written, and what is written beside it.

    `form` is a Sigstore bundle or cosign's older format. `log` is the version of the Rekor that logs it, "" for none.
    """

    form: Literal["bundle", "legacy"]
    log: Literal["", "1", "2"] = ""
    timestamp: bool = False

    def __str__(self) -> str:
        """As file names and images name it."""
        parts = [self.form, f"rekor{self.log}" if self.log else "", "timestamp" if self.timestamp else ""]
        return "-".join(part for part in parts if part)

    @property
    def dated(self) -> bool:
        """Whether something that can be trusted says when it was signed. Rekor v2 does not."""
        return self.timestamp or self.log == V1


BUNDLES: Final = tuple(Way("bundle", log, timestamp) for log in ("", V1, V2) for timestamp in (False, True))
LEGACY: Final = tuple(Way("legacy", log, timestamp) for log in ("", V1) for timestamp in (False, True))
WAYS: Final = (*BUNDLES, *LEGACY)
"""All that cosign 3 can write; it logs nothing of the older format by Rekor v2."""
KEY_ALONE: Final = Way("bundle", V2)
"""The one of them that it refuses to sign in with a certificate, since nothing would say when that was used."""

Signer: TypeAlias = Subject | str
"""Who signs: somebody with a certificate, or the name of one of the workshop's keys."""


class SigstoreWorkshop:
    """A workshop, and one Sigstore that it signs by. Files lie in a folder of the workshop's, named `name`.

    Threads may sign at once: an entry of Rekor v2 takes a second, most of which is waiting for its checkpoint.
    """

    def __init__(self, workshop: Workshop, sigstore: Sigstore, name: str) -> None:
        self.workshop = workshop
        self.sigstore = sigstore
        self._folder = workshop.folder / name
        self._folder.mkdir()
        self.trusted_root = sigstore.write_trusted_root(workshop, self._folder / "trusted-root.json")
        self.ways = tuple(way for way in WAYS if not way.log or way.log in sigstore.logs)
        for way in self.ways:
            if way.form == "bundle":
                sigstore.write_signing_config(workshop, self._config(way), way.log, timestamp=way.timestamp)

    def sign(self, registry: Registry, image: str, by: Signer, way: Way, *flags: str, repository: str = "") -> None:
        """Sign an image; `flags` are further ones of cosign's."""
        self._write("sign", registry, image, by, way, *flags, repository=repository)

    def attest(
        self,
        registry: Registry,
        image: str,
        by: Signer,
        way: Way,
        kind: str,
        predicate: str,
        *flags: str,
        repository: str = "",
    ) -> None:
        """Attest the predicate (JSON) of that kind, one of cosign's names or a URI, about an image."""
        file = self._folder / f"{hashlib.sha256(predicate.encode()).hexdigest()}.json"
        file.write_text(predicate, encoding="utf-8")
        statement = (f"--type={kind}", f"--predicate={file}")
        self._write("attest", registry, image, by, way, *statement, *flags, repository=repository)

    def _write(
        self, command: str, registry: Registry, image: str, by: Signer, way: Way, *flags: str, repository: str
    ) -> None:
        flags = (self._who(by), *self._where(way), f"--trusted-root={self.trusted_root}", *flags)
        self.workshop.write(registry, command, image, *flags, repository=repository)

    def _who(self, by: Signer) -> str:
        if isinstance(by, str):
            return f"--key={by}.key"
        return f"--identity-token={self.sigstore.oidc.token(by)}"

    def _where(self, way: Way) -> tuple[str, ...]:
        if way.form == "bundle":
            return (f"--signing-config={self._config(way)}",)
        log = f"--rekor-url={self.sigstore.logs[way.log].url}" if way.log else "--tlog-upload=false"
        stamped = (f"--timestamp-server-url={self.sigstore.timestamps.url}",) if way.timestamp else ()
        return (*_OLD, f"--fulcio-url={self.sigstore.fulcio.url}", log, *stamped)

    def _config(self, way: Way) -> Path:
        return self._folder / f"{way}.json"
