"""Manifests and configs of images, as bytes: whatever they are, they are read or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.documents import OCI_INDEX, OCI_MANIFEST, descriptor, diff_id, image_config, index, manifest
from webhook.errors import RegistryResponseError
from webhook.registry import composition, manifests
from webhook.registry.manifests import Document
from webhook.registry.settings import Limits

DIGEST = "sha256:" + "a" * 64
LIMITS = Limits()

WORDS = st.sampled_from(
    [
        *("unknown", "layers", DIGEST, OCI_MANIFEST, OCI_INDEX, "mediaType", "digest", "size", "platform", "os"),
        *("rootfs", "architecture", "diff_ids", "type", "config", "annotations", "Platform", "o\u017f", "\u001b[31m"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)


def document(media_type: str, content: bytes) -> Document:
    return Document(media_type, content, manifests.digest_of(content))


def mutated(content: bytes) -> st.SearchStrategy[bytes]:
    """The content with one byte changed, or cut off."""
    places = st.integers(0, len(content) - 1)
    changed = st.tuples(places, st.binary(min_size=1, max_size=1)).map(
        lambda change: content[: change[0]] + change[1] + content[change[0] + 1 :]
    )
    return changed | places.map(lambda end: content[:end])


def read(media_type: str, content: bytes) -> None:
    try:
        found = composition.read(document(media_type, content), LIMITS)
        if isinstance(found, composition.Index):
            composition.image_digests(found, LIMITS)
    except RegistryResponseError as error:
        assert str(error).isascii()  # noqa: PT017  there must be no other error
        assert str(error).isprintable()  # noqa: PT017


@given(st.sampled_from([OCI_MANIFEST, OCI_INDEX]), JSON, JSON, JSON)
def test_no_manifest_makes_the_reader_fail_otherwise(media_type: str, first: Any, second: Any, third: Any) -> None:
    names = ("manifests", "annotations", "x") if media_type == OCI_INDEX else ("layers", "config", "annotations")
    fields = dict(zip(names, (first, second, third), strict=True))
    read(media_type, json.dumps({"schemaVersion": 2, **fields}).encode())


@given(st.data())
def test_no_change_of_a_byte_makes_the_reader_fail_otherwise(data: st.DataObject) -> None:
    entry = descriptor(OCI_MANIFEST, DIGEST, platform={"os": "linux", "architecture": "amd64"})
    read(OCI_INDEX, data.draw(mutated(index([entry], annotations={"a": "b"}))))
    read(OCI_MANIFEST, data.draw(mutated(manifest(DIGEST, [entry]))))


@given(st.binary(max_size=50) | JSON.map(lambda value: json.dumps({"rootfs": value}).encode()), st.integers(0, 3))
def test_no_config_makes_the_reader_fail_otherwise(config: bytes, count: int) -> None:
    try:
        found = composition.diff_ids(config, count, LIMITS)
    except RegistryResponseError as error:
        assert str(error).isascii()  # noqa: PT017  there must be no other error
        assert str(error).isprintable()  # noqa: PT017
        return
    assert len(found) == count > 0


@given(st.lists(st.text(max_size=5), min_size=1, max_size=20))
def test_the_layers_of_a_config_keep_their_order(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    found = composition.diff_ids(image_config(texts), len(texts), LIMITS)
    assert found == tuple(diff_id(text) for text in texts)


@pytest.mark.parametrize("mark", ["[]", "{}", "0"])
def test_the_number_of_values_is_bounded_before_they_are_read(mark: str) -> None:
    content = index([]).replace(b"[]", b"[" + b",".join([mark.encode()] * 50_001) + b"]")
    with pytest.raises(
        RegistryResponseError, match=r"^a document may have more than 50000 JSON values, and is not read$"
    ):
        composition.read(document(OCI_INDEX, content), LIMITS)


def test_the_largest_index_within_its_ceiling_has_not_too_many_values() -> None:
    annotations = {"vnd.docker.reference.digest": DIGEST, "vnd.docker.reference.type": "attestation-manifest"}
    platform = {"os": "linux", "architecture": "arm", "variant": "v7", "os.version": "1", "os.features": ["a", "b"]}
    entries = [descriptor(OCI_MANIFEST, DIGEST, platform=platform, annotations=annotations)] * 1000
    found = composition.read(document(OCI_INDEX, index(entries)), LIMITS)
    assert isinstance(found, composition.Index)
    assert len(found.children) == 1000
