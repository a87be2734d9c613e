"""Where a trust root comes from, as a document says it: its content, or the repository that hands it out."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TufRepository:
    """A TUF repository, and what of it is the trust root.

    `url` has no slash at its end. `root` is the content of the first `root.json` to trust; empty for the one that is
    built in, which only Sigstore's own repository has. `target` is a path within the repository's targets.
    """

    url: str
    root: bytes
    target: str


@dataclass(frozen=True, slots=True)
class TrustRootSource:
    """A trust root by name: `content` is a `trusted_root.json`; with `tuf` newer ones come from there.

    At least one of the two is there. `file` is what a flag names, for messages.
    """

    name: str
    content: bytes | None
    tuf: TufRepository | None
    file: str = field(default="", compare=False)
