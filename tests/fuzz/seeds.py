"""Inputs that the parsers take, to be changed."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from tests.admission.test_reviewer import a_pod, container, deployment
from tests.admission.test_reviewer import review as a_review
from tests.fakes.documents import OCI_INDEX, OCI_MANIFEST, descriptor
from tests.signatures.recorded import FOLDER, recording

_ROOT: Final = Path(__file__).parents[2]
_DIGEST: Final = "sha256:" + "a1" * 32

CANARY: Final = "hunter2-canary"
"""The password in docker configurations, which no message may show."""

ALLOWED: Final = "ghcr.io/acme/app"
"""An image that the policy of the reviews allows; one at `REGISTRY` in another path it does not."""

REFERENCES: Final = (
    b"nginx",
    b"ghcr.io/acme/app:v1",
    b"localhost:5000/a/b_c--d.e@" + _DIGEST.encode(),
    b"[fd00::1]:5000/app:v1@" + _DIGEST.encode(),
    b"index.docker.io/library/nginx:1.27",
)
PATTERNS: Final = (b"ghcr.io/acme/*", b"*.example.com/**", b"docker.io/library/nginx", b"[fd00::1]:5000/*/app")
CHALLENGES: Final = (
    b'Bearer realm="https://registry.example.com/token",service="registry",scope="repository:a:pull"',
    b'Basic realm="a", Bearer realm="https://auth.example.com:8443/t?x=1" , service = s',
    b'Negotiate YII+/a==\nBearer realm="/token"',
)
_ENTRY: Final = descriptor("application/vnd.oci.image.config.v1+json", _DIGEST, annotations={"a": "b"})


def _dumped(*documents: Any) -> tuple[bytes, ...]:
    return tuple(json.dumps(document).encode() for document in documents)


MANIFESTS: Final = _dumped(
    {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": _ENTRY, "layers": [_ENTRY, _ENTRY], "subject": _ENTRY},
    {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [{**_ENTRY, "artifactType": "a/b"}]},
    {"schemaVersion": 2, "config": _ENTRY, "layers": []},
)
_AUTH: Final = base64.b64encode(f"robot:{CANARY}".encode()).decode()
DOCKER_CONFIGS: Final = _dumped(
    {"auths": {"registry.example.com": {"auth": _AUTH}, "https://index.docker.io/v1/": {"identitytoken": CANARY}}},
    {"auths": {"registry.example.com:5000/a/b": {"username": "robot", "password": CANARY}}},
    {"registry.example.com": {"username": "robot", "password": CANARY, "email": "robot@example.com"}},
)
_POD: Final = a_pod(
    container(image=f"{ALLOWED}:v1"),
    initContainers=[container("init", f"{ALLOWED}@{_DIGEST}")],
    volumes=[{"name": "v", "image": {"reference": f"{ALLOWED}:v2"}}, {"name": "e", "emptyDir": {}}],
    securityContext={"runAsUser": 1000, "runAsNonRoot": True},
    imagePullSecrets=[{"name": "ours"}],
    serviceAccountName="default",
)
_DEBUGGED: Final = {**_POD, "spec": {**_POD["spec"], "ephemeralContainers": [container("debug", f"{ALLOWED}:v3")]}}
REVIEWS: Final = (
    a_review(_POD),
    a_review(_POD, dryRun=True),
    a_review(_DEBUGGED, _POD, operation="UPDATE", subResource="ephemeralcontainers"),
    a_review(a_pod(container(image=f"{ALLOWED}:v2")), a_pod(container(image=f"{ALLOWED}:v1")), operation="UPDATE"),
    a_review(deployment(container(image=f"{ALLOWED}:v1")), resource="deployments", group="apps"),
)
POLICIES: Final = (
    (_ROOT / "tests" / "policy" / "every_field.yaml").read_bytes(),
    *(path.read_bytes() for path in sorted((_ROOT / "deploy" / "policies").glob("*.yaml"))),
    *_dumped(
        {
            "apiVersion": "tidewaiter.dev/v1alpha1",
            "kind": "ClusterPodPolicy",
            "metadata": {"name": "a"},
            "spec": {"images": {"allow": ["ghcr.io/**"], "tags": "Pinned"}, "containers": {"runAsNonRoot": True}},
        }
    ),
)

SIGNED: Final = recording("p256-signature")
BUNDLED: Final = recording("p256-bundle")
BUNDLES: Final = (
    *(each.content for each in BUNDLED.evidence.attachments),
    *(each.content for each in recording("annotated-bundle").evidence.attachments),
    *(each.content for each in recording("certificate-bundle").evidence.attachments),
    *(each.content for each in recording("attestation-bundle").evidence.attachments),
)
ENVELOPES: Final = tuple(each.content for each in recording("attestation-signature", FOLDER).evidence.attachments)
PAYLOADS: Final = tuple(each.content for each in SIGNED.evidence.attachments)
ANNOTATIONS: Final = _dumped(
    *(dict(each.annotations) for each in SIGNED.evidence.attachments),
    *(dict(each.annotations) for each in recording("certificate-signature").evidence.attachments),
)
