"""Images signed in every way that cosign can write, and by everybody who could be taken for somebody else."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from tests.system.sigstore.people import BRANCH, FORK, KEY, MAINTAINER, OTHER_KEY, RELEASE
from tests.system.sigstore.signing import KEY_ALONE, Signer, SigstoreWorkshop, Way
from tests.system.sigstore.site import Site

USUAL: Final = Way("bundle", "2", timestamp=True)
"""What cosign 3 does with a public-good instance: log and timestamp, in a bundle."""
AT_ONCE: Final = 6
"""Images that are signed at the same time."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature of an image: by whom, in which way; and what is not usual about it.

    `next_door`: by the other Sigstore. `elsewhere`: in the repository `signatures`, as COSIGN_REPOSITORY says. `team`
    is the value of an annotation of that name, "" for none.
    """

    by: Signer
    way: Way = USUAL
    next_door: bool = False
    elsewhere: bool = False
    team: str = ""

    @property
    def keyless(self) -> bool:
        """Whether it comes with a certificate."""
        return not isinstance(self.by, str)


@dataclass(frozen=True, slots=True)
class Artefact:
    """An image, `host/team/name@digest`, and all its signatures."""

    name: str
    image: str
    signatures: tuple[Signature, ...]


def _signed(here: SigstoreWorkshop) -> Iterator[tuple[str, tuple[Signature, ...]]]:
    """By whom and how each image is signed, by its name."""
    for way in here.ways:
        if way != KEY_ALONE:
            yield f"keyless-{way}", (Signature(RELEASE, way),)
        yield f"key-{way}", (Signature(KEY, way),)
    yield from _SPECIAL.items()


_SPECIAL: Final[Mapping[str, tuple[Signature, ...]]] = {
    "branch": (Signature(BRANCH),),
    "fork": (Signature(FORK),),
    "maintainer": (Signature(MAINTAINER),),
    "stranger": (Signature(OTHER_KEY),),
    "mixed": (Signature(RELEASE), Signature(KEY, Way("legacy"))),
    "twice": (Signature(RELEASE), Signature(RELEASE, Way("bundle", timestamp=True))),
    "annotated": (Signature(RELEASE, team="red"),),
    "elsewhere": (Signature(RELEASE, elsewhere=True),),
    "next-door": (Signature(RELEASE, next_door=True),),
    "unsigned": (),
}


def make(site: Site) -> tuple[Artefact, ...]:
    """Push and sign all of them."""
    here, registry = site.here, site.registry
    artefacts = tuple(
        Artefact(name, here.workshop.push(registry, f"team/{name}"), signed) for name, signed in _signed(here)
    )

    def sign(artefact: Artefact) -> None:
        for one in artefact.signatures:
            by = site.next_door if one.next_door else here
            annotations = [f"--annotations=team={one.team}"] if one.team else []
            repository = site.signatures if one.elsewhere else ""
            by.sign(registry, artefact.image, one.by, one.way, *annotations, repository=repository)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(sign, artefacts))
    return artefacts
