"""On whose behalf registries are asked: whose turn it is, and whose pull secrets open what."""

from collections.abc import Iterable

import msgspec

from webhook.admission.ports import Keyring
from webhook.images import ImageReference, PinnedImage


class Asker(msgspec.Struct, frozen=True, gc=False):
    """A namespace in which somebody wants to know about images, and the pull secrets of the pod that uses them."""

    namespace: str = ""
    keyring: Keyring | None = None

    def scope(self, images: Iterable[ImageReference | PinnedImage]) -> str:
        """The credentials that the pod itself brings for the images, as fingerprints; "" where it brings none.

        Whatever is remembered is remembered by it: what a pod's secret opened is seen by those alone who hold it too.
        """
        if self.keyring is None:
            return ""
        return " ".join(sorted({self.keyring.scope(image) for image in images} - {""}))


NOBODY = Asker()
"""Whom no pod sends."""
