"""Images in every state of being signed that a policy can meet."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.system.signing import Registry, Workshop

BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "signed": (("release", "team=red"),),
    "foreign": (("stranger", "team=red"),),
    "both": (("release", "team=red"), ("second", "team=blue")),
    "unsigned": (),
    "attested": (),
    "transplanted": (),
}
"""By whom each image is signed, and the annotation in the signature. `attested` carries a signed statement instead, and
`transplanted` the signature of `signed`."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The images of `BY` in one registry, signed in one form; by name, each `host/team/name@digest`."""

    registry: Registry
    form: str
    images: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.images[name]


def make_corpus(workshop: Workshop, registry: Registry, form: str) -> Corpus:
    """Push and sign all of them. Each form has its own images, for a registry that knows others too."""
    images = {name: workshop.push(registry, f"team/{name}", f"{name} {form}") for name in BY}
    for name, signatures in BY.items():
        for key, annotation in signatures:
            workshop.sign(registry, images[name], key, form, annotation)
    workshop.attest(registry, images["attested"], "release", form)
    suffix = ".sig" if form == "signature" else ""  # where what signs an image lies, beside the image
    places = [images[name].replace("@sha256:", ":sha256-") + suffix for name in ("signed", "transplanted")]
    workshop.copy(registry, *places)
    return Corpus(registry, form, images)
