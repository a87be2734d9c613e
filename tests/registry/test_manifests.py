import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.errors import RegistryResponseError
from webhook.registry import manifests
from webhook.registry.manifests import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Document,
)

DIGEST = "sha256:" + "a" * 64
ENTRY = {"mediaType": "x/y", "digest": DIGEST, "size": 3}
MANIFEST = {"schemaVersion": 2, "config": ENTRY, "layers": [ENTRY]}
INDEX = {"schemaVersion": 2, "manifests": [ENTRY]}

FIELDS = "the manifest has not the fields of its type, or those of another type too"
JSON = "the manifest is not the JSON document that its type says"
OTHER_TYPE = "the manifest says that it is of another type than the registry says"
UNKNOWN_TYPE = "the manifest is of a type that is neither OCI's nor Docker's"
VERSION = "the manifest is not of schema version 2"


def document(media_type: str, content: Any) -> Document:
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Document(media_type, content, manifests.digest_of(content))


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        (OCI_MANIFEST, MANIFEST),
        (OCI_MANIFEST, {**MANIFEST, "mediaType": OCI_MANIFEST, "artifactType": "a/b", "subject": ENTRY, "x": 1}),
        (DOCKER_MANIFEST, {**MANIFEST, "mediaType": DOCKER_MANIFEST}),
        (OCI_INDEX, INDEX),
        (OCI_INDEX, {**INDEX, "mediaType": OCI_INDEX, "artifactType": "a/b", "subject": ENTRY}),
        (DOCKER_LIST, {**INDEX, "mediaType": DOCKER_LIST}),
    ],
)
def test_images_of_both_families_are_taken(media_type: str, content: Any) -> None:
    manifests.check(document(media_type, content))


@pytest.mark.parametrize(
    ("media_type", "content", "reason"),
    [
        (OCI_MANIFEST, {**MANIFEST, "manifests": []}, FIELDS),
        (OCI_MANIFEST, {**MANIFEST, "Manifests": []}, FIELDS),
        (OCI_MANIFEST, {**MANIFEST, "Layers": []}, FIELDS),
        (OCI_MANIFEST, {**MANIFEST, "manife\u017ft\u017f": []}, FIELDS),
        (OCI_INDEX, {**INDEX, "layer\u017f": []}, FIELDS),
        (OCI_MANIFEST, {**MANIFEST, "fsLayers": []}, FIELDS),
        (OCI_MANIFEST, INDEX, FIELDS),
        (OCI_MANIFEST, {"schemaVersion": 2, "config": ENTRY, "LAYERS": [ENTRY]}, FIELDS),
        (OCI_INDEX, {**INDEX, "layers": []}, FIELDS),
        (OCI_INDEX, {**INDEX, "config": ENTRY}, FIELDS),
        (OCI_INDEX, MANIFEST, FIELDS),
        (OCI_MANIFEST, {}, FIELDS),
        (OCI_MANIFEST, {**MANIFEST, "mediaType": OCI_INDEX}, OTHER_TYPE),
        (OCI_MANIFEST, {**MANIFEST, "mediaType": DOCKER_MANIFEST}, OTHER_TYPE),
        (OCI_MANIFEST, {**MANIFEST, "mediaType": ""}, OTHER_TYPE),
        (OCI_MANIFEST, {**MANIFEST, "mediaType": 7}, JSON),
        (OCI_MANIFEST, {**MANIFEST, "schemaVersion": 1}, VERSION),
        (OCI_MANIFEST, {**MANIFEST, "schemaVersion": "2"}, JSON),
        (OCI_MANIFEST, {"config": ENTRY, "layers": []}, VERSION),
        (
            "application/vnd.docker.distribution.manifest.v1+json",
            MANIFEST,
            "the manifest is one of Docker's schema 1, which has no reliable digest",
        ),
        (
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            MANIFEST,
            "the manifest is one of Docker's schema 1, which has no reliable digest",
        ),
        ("text/html", b"<html>", UNKNOWN_TYPE),
        ("", MANIFEST, UNKNOWN_TYPE),
        ("application/json", MANIFEST, UNKNOWN_TYPE),
    ],
)
def test_sig_26_a_document_that_two_readers_take_for_two_things_is_refused(
    media_type: str, content: Any, reason: str
) -> None:
    with pytest.raises(RegistryResponseError) as refusal:
        manifests.check(document(media_type, content))
    assert str(refusal.value) == reason


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b"\xff\xfe",
        json.dumps(MANIFEST).encode().replace(b"x/y", b"\xff"),
        json.dumps(MANIFEST).encode().replace(b"size", b"\xff"),
        json.dumps(MANIFEST).encode().replace(b"schemaVersion", b"\xff"),
        b"\xef\xbb\xbf{}",
        b'{"schemaVersion": 2, "layers": NaN}',
        b'{"layers":[],"schemaVersion":2,"x":' + b"[" * 100_000,
        {**MANIFEST, "config": {**ENTRY, "size": -1}},
        {**MANIFEST, "config": {**ENTRY, "size": 2**63}},
        {**MANIFEST, "config": {**ENTRY, "size": 2**64}},
        {**MANIFEST, "config": {**ENTRY, "size": "3"}},
        {**MANIFEST, "config": None},
        {"schemaVersion": 2, "layers": []},
        {**MANIFEST, "layers": None},
        {**MANIFEST, "layers": {}},
        {**MANIFEST, "layers": [ENTRY, 7]},
        {**MANIFEST, "layers": [{**ENTRY, "annotations": {"a": 1}}]},
        {**MANIFEST, "layers": [{"digest": DIGEST, "size": 3}]},
        {**MANIFEST, "subject": "sha256:"},
        json.dumps(MANIFEST).replace("x/y", "\\ud800").encode(),
        json.dumps({**MANIFEST, "config": {**ENTRY, "size": 0}}).replace('"size": 0', '"size": ' + "9" * 5000).encode(),
    ],
)
def test_reg_16_what_is_not_a_manifest_is_refused(content: Any) -> None:
    with pytest.raises(RegistryResponseError) as refusal:
        manifests.manifest(document(OCI_MANIFEST, content))
    assert str(refusal.value) == JSON


def test_a_manifest_is_read() -> None:
    content = {**MANIFEST, "layers": [{**ENTRY, "annotations": {"a": "b"}}], "subject": {**ENTRY, "platform": {}}}
    manifest = manifests.manifest(document(OCI_MANIFEST, content))
    assert manifest.layers == (Descriptor("x/y", DIGEST, 3, annotations={"a": "b"}),)
    assert manifest.subject == Descriptor("x/y", DIGEST, 3)
    assert manifest.kind == "x/y"


def test_an_artifact_type_says_more_than_a_config() -> None:
    assert manifests.manifest(document(OCI_MANIFEST, {**MANIFEST, "artifactType": "a/b"})).kind == "a/b"


def test_an_index_is_read_and_null_is_an_empty_one() -> None:
    assert manifests.index(document(OCI_INDEX, INDEX)) == (Descriptor("x/y", DIGEST, 3),)
    assert manifests.index(document(OCI_INDEX, {**INDEX, "manifests": None})) == ()


def test_a_manifest_is_no_index_and_the_reverse() -> None:
    with pytest.raises(RegistryResponseError, match=r"^an index lies where a manifest is expected$"):
        manifests.manifest(document(OCI_INDEX, INDEX))
    with pytest.raises(RegistryResponseError, match=r"^a manifest lies where an index is expected$"):
        manifests.index(document(OCI_MANIFEST, MANIFEST))


def test_a_document_of_very_many_members_is_not_decoded() -> None:
    many = {f"{number:x}": 0 for number in range(manifests.MAX_COLONS - 20)}
    manifests.check(document(OCI_MANIFEST, {**MANIFEST, **many}))
    more = {**many, **{f"more {number}": 0 for number in range(20)}}
    with pytest.raises(RegistryResponseError, match="more members than are read"):
        manifests.check(document(OCI_MANIFEST, {**MANIFEST, **more}))


def test_a_digest_of_another_kind_is_not_one() -> None:
    assert str(manifests.checked(DIGEST)) == DIGEST
    assert manifests.checked("sha512:" + "a" * 128) is None
    assert manifests.checked("\u212a" * 1000) is None


@given(
    st.sampled_from([OCI_MANIFEST, OCI_INDEX]),
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["schemaVersion", "layers", "manifests", "config", "digest", "size", "mediaType"]),
                inner,
            )
        ),
        max_leaves=20,
    ),
)
def test_no_document_makes_the_reader_fail_otherwise(media_type: str, content: Any) -> None:
    read = manifests.manifest if media_type == OCI_MANIFEST else manifests.index
    try:
        read(document(media_type, content))
    except RegistryResponseError as error:
        assert str(error) in {FIELDS, JSON, OTHER_TYPE, VERSION}  # noqa: PT017  there must be no other error
