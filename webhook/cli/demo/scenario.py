"""What the demonstration shows: images, policies, and pods that differ from the good one in one thing each."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.signing import (
    CONFIG_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    bundle_referrer,
    descriptor,
    legacy_signature,
)
from webhook.images import Digest

HARDENED = """\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: hardened}
spec:
  mode: Enforce
  containers:
    runAsNonRoot: true
    dropCapabilities: [ALL]
    readOnlyRootFilesystem: true
"""

SIGNED = """\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: signed-in-{namespace}}}
spec:
  mode: {mode}
  match: {{namespaces: {{include: [{namespace}]}}}}
  images:
    allow: ["{registry}/shop/**"]
    authorities:
    - name: release
      key: {{pem: {pem}}}
    verify:
    - name: shop
      images: ["{registry}/shop/**"]
      signatures: {{minimum: 1, from: [release]}}
"""


class Case(msgspec.Struct, frozen=True):
    """A pod, and what should become of it. `code` is that of the finding which decides, empty where there is none."""

    title: str
    namespace: str
    pod: Mapping[str, Any]
    allowed: bool
    code: str = ""


class Images(msgspec.Struct, frozen=True):
    """The images of the demonstration, by digest."""

    legacy: str
    bundle: str
    unsigned: str
    forged: str


def make_key() -> EllipticCurvePrivateKey:
    """A signing key."""
    return generate_private_key(SECP256R1())


def push_images(registry: DemoRegistry, key: EllipticCurvePrivateKey, stranger: EllipticCurvePrivateKey) -> Images:
    """Four images: signed in either format, not signed, and signed by somebody else."""
    names = {name: _push_image(registry, name) for name in ("web", "api", "batch", "fake")}
    _sign_legacy(registry, key, "web", names["web"])
    _sign_bundle(registry, key, "api", names["api"])
    _sign_legacy(registry, stranger, "fake", names["fake"])
    return Images(*(f"{registry.host}/shop/{name}@{digest}" for name, (_, digest) in names.items()))


def policies(registry: str, key: EllipticCurvePrivateKey) -> str:
    """Hardened containers everywhere; signed images in production, and in staging only recorded where they are not."""
    pem = json.dumps(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii"))
    production = SIGNED.format(mode="Enforce", namespace="production", registry=registry, pem=pem)
    staging = SIGNED.format(mode="Audit", namespace="staging", registry=registry, pem=pem)
    return f"{HARDENED}---\n{production}---\n{staging}"


def cases(images: Images) -> tuple[Case, ...]:
    """The pods to ask about, good ones first."""
    return (
        Case("signed, cosign 2 format", "production", _pod(images.legacy), allowed=True),
        Case("signed, cosign 3 bundle", "production", _pod(images.bundle), allowed=True),
        Case("not signed", "production", _pod(images.unsigned), allowed=False, code="NOT_SIGNED"),
        Case("signed by a stranger", "production", _pod(images.forged), allowed=False, code="SIGNER_NOT_ALLOWED"),
        Case("foreign registry", "production", _pod("nginx:1.29"), allowed=False, code="REGISTRY_NOT_ALLOWED"),
        Case(
            "runs as root",
            "production",
            _pod(images.legacy, runAsNonRoot=False, runAsUser=0),
            allowed=False,
            code="RUN_AS_NON_ROOT",
        ),
        Case(
            "privileged",
            "production",
            _pod(images.legacy, privileged=True),
            allowed=False,
            code="CAPABILITIES_NOT_DROPPED",
        ),
        Case(
            "writable root filesystem",
            "production",
            _pod(images.legacy, readOnlyRootFilesystem=False),
            allowed=False,
            code="READ_ONLY_ROOT_FILESYSTEM",
        ),
        Case("not signed, Audit policy", "staging", _pod(images.unsigned), allowed=True, code="NOT_SIGNED"),
    )


GOOD_POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "shop"},
    "spec": {
        "containers": [
            {
                "name": "app",
                "securityContext": {
                    "runAsNonRoot": True,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
            }
        ]
    },
}


def _pod(image: str, **tweaks: object) -> dict[str, Any]:
    pod = copy.deepcopy(GOOD_POD)
    container = pod["spec"]["containers"][0]
    container["image"] = image
    container["securityContext"].update(tweaks)
    return pod


def _push_image(registry: DemoRegistry, name: str) -> tuple[bytes, str]:
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"name": name}}}).encode()
    registry.put_blob(f"shop/{name}", config)
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": descriptor(CONFIG_MEDIA_TYPE, config),
            "layers": [],
        }
    ).encode()
    return manifest, registry.put_manifest(f"shop/{name}", manifest, MANIFEST_MEDIA_TYPE, "1.0")


def _sign_legacy(registry: DemoRegistry, key: EllipticCurvePrivateKey, name: str, image: tuple[bytes, str]) -> None:
    manifest, blobs, tag = legacy_signature(key, f"{registry.host}/shop/{name}", Digest.parse(image[1]))
    for blob in blobs:
        registry.put_blob(f"shop/{name}", blob)
    registry.put_manifest(f"shop/{name}", manifest, MANIFEST_MEDIA_TYPE, tag)


def _sign_bundle(registry: DemoRegistry, key: EllipticCurvePrivateKey, name: str, image: tuple[bytes, str]) -> None:
    manifest, blobs = bundle_referrer(key, Digest.parse(image[1]), descriptor(MANIFEST_MEDIA_TYPE, image[0]))
    for blob in blobs:
        registry.put_blob(f"shop/{name}", blob)
    registry.put_manifest(f"shop/{name}", manifest, MANIFEST_MEDIA_TYPE)
