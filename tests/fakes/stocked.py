"""A registry that images, and what lies beside them, are put into."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tests.fakes.documents import (
    BUNDLE,
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    ENVELOPE,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    Layer,
    compressed,
    descriptor,
    image_config,
    index,
    manifest,
    platform,
)
from webhook.cli.demo.registry import DemoRegistry

PREDICATE_TYPE = "https://example.com/predicate/v1"


class StockedRegistry(DemoRegistry):
    """Each method stores something and returns the digest of its manifest."""

    def put_image(
        self,
        repository: str,
        *,
        tag: str | None = None,
        content: str = "an image",
        layers: Sequence[str] | None = None,
        annotations: Mapping[str, str] | None = None,
        docker: bool = False,
    ) -> str:
        """Store an image of layers with these texts, or of the content alone; their `diff_id` is in its config."""
        texts = [content] if layers is None else layers
        kind, config_type, layer_type = (
            (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER) if docker else (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
        )
        config = self.put_layer(repository, Layer(image_config(texts), media_type=config_type))
        described = [self.put_layer(repository, Layer(compressed(text), media_type=layer_type)) for text in texts]
        document = manifest(config, described, mediaType=kind, **_given(annotations=annotations))
        return self.put_manifest(repository, document, kind, tag)

    def put_index(
        self,
        repository: str,
        images: Mapping[str, str],
        *,
        tag: str | None = None,
        others: Sequence[Mapping[str, Any]] = (),
        annotations: Mapping[str, str] | None = None,
        docker: bool = False,
    ) -> str:
        """Store an index: digests of stored manifests by their platform, as `os/architecture`, and other entries."""
        kind = DOCKER_LIST if docker else OCI_INDEX
        listed = [self.entry(repository, digest, platform=platform(name)) for name, digest in images.items()]
        document = index([*listed, *others], mediaType=kind, **_given(annotations=annotations))
        return self.put_manifest(repository, document, kind, tag)

    def put_signature(self, repository: str, digest: str, layers: Sequence[Layer]) -> str:
        """Store layers under the tag `sha256-….sig`, as cosign's legacy format has them."""
        described = [self.put_layer(repository, layer) for layer in layers]
        return self._put_beside(repository, digest, "sig", described)

    def put_attestation(
        self,
        repository: str,
        digest: str,
        content: bytes,
        *,
        carrier: Literal["tag", "referrer"] = "tag",
        annotations: Mapping[str, str] | None = None,
        predicate_type: str = PREDICATE_TYPE,
        created: str = "2026-01-01T00:00:00Z",
    ) -> str:
        """Store an attestation as cosign does: a bundle that refers to the image, or an envelope under a tag.

        The tag is `sha256-….att`; the envelope becomes its last layer, with these annotations beside cosign's.
        """
        if carrier == "referrer":
            return self.put_bundle(repository, digest, content, predicate_type=predicate_type, created=created)
        named = {"dev.cosignproject.cosign/signature": "", "predicateType": predicate_type, **(annotations or {})}
        layer = self.put_layer(repository, Layer(content, named, ENVELOPE))
        stored = self.repositories[repository]
        before = stored.tags.get(f"{digest.replace(':', '-')}.att")
        earlier = [] if before is None else json.loads(stored.manifests[before].content)["layers"]
        return self._put_beside(repository, digest, "att", [*earlier, layer])

    def put_referrer(
        self,
        repository: str,
        subject: str,
        layers: Sequence[Layer],
        artifact_type: str = BUNDLE,
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Store a manifest that refers to a subject, wherever that is."""
        described = [self.put_layer(repository, layer) for layer in layers]
        refers = {"artifactType": artifact_type, "subject": descriptor(OCI_MANIFEST, subject)}
        config = self.put_blob(repository, b"{}")
        document = manifest(config, described, **refers, **_given(annotations=annotations))
        return self.put_manifest(repository, document, OCI_MANIFEST)

    def put_bundle(
        self, repository: str, subject: str, bundle: bytes, *, predicate_type: str = "", created: str = ""
    ) -> str:
        """Store a Sigstore bundle as a referrer, with those of cosign's annotations that are given."""
        named = {"dev.sigstore.bundle.predicateType": predicate_type, "org.opencontainers.image.created": created}
        annotations = {name: value for name, value in named.items() if value}
        return self.put_referrer(repository, subject, [Layer(bundle, media_type=BUNDLE)], annotations=annotations)

    def put_fallback_tag(self, repository: str, subject: str, entries: Sequence[Mapping[str, Any]]) -> str:
        """Store an index under the tag `sha256-…`, where clients list referrers for registries without the API."""
        return self.put_manifest(repository, index(entries), OCI_INDEX, subject.replace(":", "-"))

    def put_layer(self, repository: str, layer: Layer) -> dict[str, Any]:
        """Store a layer; its descriptor."""
        digest = self.put_blob(repository, layer.content)
        return descriptor(layer.media_type, digest, len(layer.content), annotations=dict(layer.annotations))

    def entry(self, repository: str, digest: str, **more: Any) -> dict[str, Any]:
        """The descriptor of a stored manifest."""
        stored = self.repositories[repository].manifests[digest]
        return descriptor(stored.media_type, digest, len(stored.content), **more)

    def _put_beside(self, repository: str, digest: str, suffix: str, layers: Sequence[Mapping[str, Any]]) -> str:
        document = manifest(self.put_blob(repository, b"{}"), layers)
        return self.put_manifest(repository, document, OCI_MANIFEST, f"{digest.replace(':', '-')}.{suffix}")


def _given(**fields: Mapping[str, str] | None) -> dict[str, Any]:
    return {name: dict(value) for name, value in fields.items() if value}
