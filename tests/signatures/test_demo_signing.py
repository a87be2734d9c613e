"""What the demonstration writes beside an image is what cosign would write, for us and for cosign itself."""

import hashlib
import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.signatures.forge import DIGEST, OTHER_DIGEST, WITHOUT_ROOTS, pem, required, signer
from tests.signatures.recorded import recording
from tests.system.registries import ggcr_registry
from tests.system.tools import ToolMissing, tool
from webhook.cli.demo.signing import bundle_referrer, descriptor, legacy_signature
from webhook.images import Digest
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.verify import Outcome, verify

RELEASE = signer("release")
NAME = "registry.example.com/app"
SUBJECT = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7, "digest": str(DIGEST)}


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def attachment(manifest: bytes, blobs: tuple[bytes, ...]) -> Attachment:
    (layer,) = json.loads(manifest)["layers"]
    content = {sha256(blob): blob for blob in blobs}[layer["digest"]]
    return Attachment("demo", layer["mediaType"], content, layer.get("annotations", {}))


def judged(manifest: bytes, blobs: tuple[bytes, ...], digest: Digest = DIGEST, **annotations: str) -> Outcome:
    found = Evidence((attachment(manifest, blobs),))
    return verify(found, digest, required(RELEASE.authority(**annotations)), WITHOUT_ROOTS)


def shape(value: Any) -> Any:
    """A document without its leaves."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    return [shape(part) for part in value] if isinstance(value, list) else type(value).__name__


def test_the_older_format_verifies_for_its_digest_and_annotations() -> None:
    manifest, blobs, tag = legacy_signature(RELEASE.private, NAME, DIGEST, {"team": "red"})
    assert tag == f"sha256-{DIGEST.hex}.sig"
    assert judged(manifest, blobs, team="red").verified
    assert not judged(manifest, blobs, OTHER_DIGEST).verified
    assert not judged(manifest, blobs, team="blue").verified


def test_the_newer_format_verifies_for_its_digest_and_annotations() -> None:
    manifest, blobs = bundle_referrer(RELEASE.private, DIGEST, SUBJECT, {"team": "red"})
    assert judged(manifest, blobs, team="red").verified
    assert not judged(manifest, blobs, OTHER_DIGEST).verified
    assert not judged(manifest, blobs, team="blue").verified
    assert json.loads(manifest)["subject"] == SUBJECT


@pytest.mark.parametrize("annotations", [None, {"team": "red", "env": "prod"}])
def test_payloads_are_shaped_like_those_of_cosign(annotations: dict[str, str] | None) -> None:
    case = "annotated" if annotations else "p256"
    _, (_, ours), _ = legacy_signature(RELEASE.private, NAME, DIGEST, annotations)
    (real,) = recording(f"{case}-signature").evidence.attachments
    assert shape(json.loads(ours)) == shape(json.loads(real.content))
    _, (_, document) = bundle_referrer(RELEASE.private, DIGEST, SUBJECT, annotations)
    (real,) = recording(f"{case}-bundle").evidence.attachments
    assert shape(json.loads(document)) == shape(json.loads(real.content))


def test_manifests_name_the_blobs_that_come_with_them() -> None:
    manifest, blobs, _ = legacy_signature(RELEASE.private, NAME, DIGEST)
    for document, content in ((manifest, blobs), bundle_referrer(RELEASE.private, DIGEST, SUBJECT)):
        parsed = json.loads(document)
        named = {(one["digest"], one["size"]) for one in (parsed["config"], *parsed["layers"])}
        assert named == {(sha256(blob), len(blob)) for blob in content}


@dataclass(frozen=True, slots=True)
class Lab:
    """A real registry that holds one image, and a real cosign."""

    folder: Path
    registry: str
    digest: Digest
    size: int

    def put(self, path: str, content: bytes, media_type: str) -> None:
        request = urllib.request.Request(
            f"http://{self.registry}/v2/app/{path}", content, {"Content-Type": media_type}, method="PUT"
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310  it is our registry on loopback

    def push(self, reference: str, manifest: bytes, blobs: tuple[bytes, ...]) -> None:
        for blob in blobs:
            upload = urllib.request.Request(f"http://{self.registry}/v2/app/blobs/uploads/", b"", method="POST")
            with urllib.request.urlopen(upload, timeout=10) as answer:  # noqa: S310  the same
                place = answer.headers["Location"].removeprefix("/v2/app/")
            self.put(f"{place}?digest={sha256(blob)}", blob, "application/octet-stream")
        self.put(f"manifests/{reference}", manifest, json.loads(manifest)["mediaType"])

    def verified(self) -> list[Any]:
        """What `cosign verify` with our public key prints."""
        (self.folder / "key.pub").write_text(pem(RELEASE.private.public_key()), encoding="ascii")
        image = f"{self.registry}/app@{self.digest}"
        flags = ["--key", str(self.folder / "key.pub"), "--insecure-ignore-tlog", "--allow-http-registry"]
        command: list[str | Path] = [tool("cosign"), "verify", *flags, "-a", "team=red", image]
        done = subprocess.run(command, check=True, capture_output=True, timeout=60)
        printed: list[Any] = json.loads(done.stdout)
        return printed


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    layer = tmp_path / "layer.tar"
    layer.write_bytes(bytes(10240))
    try:
        crane = tool("crane")
        tool("cosign")
        with ggcr_registry(tmp_path) as registry:
            arguments = ["append", "--insecure", "--oci-empty-base", "-f", str(layer), "-t", f"{registry}/app:1"]
            pushed = subprocess.run([crane, *arguments], check=True, capture_output=True, timeout=60)
            digest = Digest.parse(pushed.stdout.decode().strip().partition("@")[2])
            manifest = subprocess.check_output([crane, "manifest", "--insecure", f"{registry}/app:1"])
            yield Lab(tmp_path, registry, digest, len(manifest))
    except ToolMissing as missing:
        pytest.skip(str(missing))


@pytest.mark.system
@pytest.mark.timeout(900)  # the first may have to build cosign
def test_cosign_verifies_the_older_format(lab: Lab) -> None:
    manifest, blobs, tag = legacy_signature(RELEASE.private, f"{lab.registry}/app", lab.digest, {"team": "red"})
    lab.push(tag, manifest, blobs)
    assert lab.verified()[0]["critical"]["image"]["docker-manifest-digest"] == str(lab.digest)


@pytest.mark.system
@pytest.mark.timeout(900)  # the first may have to build cosign
def test_cosign_verifies_the_newer_format(lab: Lab) -> None:
    image = {**SUBJECT, "digest": str(lab.digest), "size": lab.size}
    manifest, blobs = bundle_referrer(RELEASE.private, lab.digest, image, {"team": "red"})
    lab.push(sha256(manifest), manifest, blobs)
    index_type = "application/vnd.oci.image.index.v1+json"
    listed = descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    listed["artifactType"] = "application/vnd.dev.sigstore.bundle.v0.3+json"
    index = {"schemaVersion": 2, "mediaType": index_type, "manifests": [listed]}
    lab.put(f"manifests/sha256-{lab.digest.hex}", json.dumps(index).encode(), index_type)
    assert lab.verified()[0]["critical"]["image"]["docker-manifest-digest"] == str(lab.digest)
