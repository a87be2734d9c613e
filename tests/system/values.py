"""Values of the chart for a control plane on loopback, and the objects that they refer to."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trustme

from tests.charts.rendering import NAMESPACE
from tests.system.certificates import write_certificate
from tests.system.signing import Registry


def values(
    authority: trustme.CA, folder: Path, registries: Mapping[str, Any], policies: Mapping[str, Any], **further: Any
) -> dict[str, Any]:
    """Values with these policies and no other, and a serving certificate that `authority` issues into `folder`.

    Tags stay tags unless `further` says otherwise.
    """
    certificate, key = write_certificate(authority, folder)
    tls = {
        "cert": certificate.read_text(encoding="ascii"),
        "key": key.read_text(encoding="ascii"),
        "caBundle": authority.cert_pem.bytes().decode(),
    }
    return {
        "createNamespace": True,
        "image": {"repository": "registry.example.com/tidewaiter"},
        "tls": tls,
        "registry": dict(registries),
        "policies": {"starter": None, **policies},
        "extraArgs": ["--drain-seconds=0"],
        "pinning": False,
        **further,
    }


def registries(plain: Registry, private: Registry) -> dict[str, Any]:
    """How the chart is told of both registries."""
    return {
        "insecureRegistries": [plain.host],
        "caFiles": {private.host: {"configMap": "corporate-ca", "key": "ca.crt"}},
        "dockerConfigSecret": "registry-credentials",
        "allowAddresses": ["127.0.0.0/8"],
    }


def referred(private: Registry) -> list[dict[str, Any]]:
    """What an administrator made before: the authority of the private registry, and the credentials for it."""
    ca = Path(private.env["SSL_CERT_FILE"]).read_text(encoding="ascii")
    config = (Path(private.env["DOCKER_CONFIG"]) / "config.json").read_bytes()
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "corporate-ca", "namespace": NAMESPACE},
            "data": {"ca.crt": ca},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "registry-credentials", "namespace": NAMESPACE},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(config).decode()},
        },
    ]
