"""A registry and two Sigstores: how policies name those who vouch, and how the program reaches all of them."""

from dataclasses import dataclass
from typing import Any

from tests.system.signing import Registry
from tests.system.sigstore.people import KEY, RELEASE
from tests.system.sigstore.signing import SigstoreWorkshop

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """Policies know the Sigstores by the names of the trust roots `here` and `next-door`."""

    registry: Registry
    here: SigstoreWorkshop
    next_door: SigstoreWorkshop

    @property
    def flags(self) -> list[str]:
        """Of every command that verifies."""
        roots = {"here": self.here.trusted_root, "next-door": self.next_door.trusted_root}
        return [*self.registry.flags, *(f"--trust-root={name}={file}" for name, file in roots.items())]

    @property
    def signatures(self) -> str:
        """The repository for what is signed with COSIGN_REPOSITORY."""
        return f"{self.registry.host}/signatures"

    def issuer(self, kind: str) -> str:
        """Who vouches for identities of that kind."""
        return self.here.sigstore.oidc.issuer(kind)

    def identity(self, **further: Any) -> Document:
        """The authority `release`: the identity whom policies accept, changed by `further`.

        `keyless` changes the identity itself; there None leaves a field out.
        """
        keyless = {"issuer": self.issuer("github-workflow"), "subject": RELEASE.name, **further.pop("keyless", {})}
        written = {name: value for name, value in keyless.items() if value is not None}
        return {"name": "release", "keyless": written, "trustRoot": "here", **further}

    def key(self, **further: Any) -> Document:
        """The authority `key`: the key that policies accept, changed by `further`."""
        return {"name": "key", "key": {"pem": self.here.workshop.pem(KEY)}, "trustRoot": "here", **further}
