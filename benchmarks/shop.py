"""The images that pods name, signed and pushed to a registry in memory, and the policies that want them signed."""

from pathlib import Path

from benchmarks import kinds, policy
from benchmarks.kinds import Kind
from tests.fakes import sigstore
from tests.fakes.documents import Layer
from tests.fakes.stocked import StockedRegistry


class Shop:
    """Makes images, each in a repository of its own: the registry in memory searches a whole one for referrers.

    What is keyless lies under `keyless/`, all else under `shop/`.
    """

    def __init__(self, registry: StockedRegistry) -> None:
        self.registry = registry
        self._made = 0

    def images(self, count: int, kind: Kind = Kind.KEY_OLDER) -> list[str]:
        """New signed images, by digest."""
        return [self._image(kind) for _ in range(count)]

    def policies(self, path: Path, others: int = 0, *, slow: str = "", keyless: bool = False) -> Path:
        """Write the policies of `benchmarks.policy` for this shop."""
        path.write_text(policy.policies(self.registry.host, kinds.KEY.pem, others, slow=slow, keyless=keyless), "ascii")
        return path

    def trust_root(self, path: Path) -> Path:
        """Write the trust root of what is keyless."""
        path.write_bytes(sigstore.trusted_root())
        return path

    def _image(self, kind: Kind) -> str:
        self._made += 1
        repository = f"{'keyless' if kind.keyless else 'shop'}/item-{self._made:06}"
        digest = self.registry.put_image(repository, tag="1.0", content=repository)
        signature = kinds.signature(kind, digest)
        if signature.media_type == sigstore.BUNDLE_MEDIA_TYPE:
            self.registry.put_bundle(repository, digest, signature.content, predicate_type=sigstore.SIGN_PREDICATE)
        else:
            self.registry.put_signature(repository, digest, [Layer(signature.content, signature.annotations)])
        return f"{self.registry.host}/{repository}@{digest}"
