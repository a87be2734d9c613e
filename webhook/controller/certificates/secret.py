"""The Secret as an object: what is read of it, whatever state it is in, and what is written to it.

`tls.crt` and `tls.key` are what `serve` mounts (the keys of type kubernetes.io/tls); `ca.crt` are the authorities to
trust, `ca.key` is the key of the one that issues; `next-ca.crt` and `next-ca.key` are the one to come.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from webhook.controller.certificates.authority import (
    authority_name,
    pair_of,
    pem_of,
    read_certificates,
    read_key,
    read_pair,
)
from webhook.controller.certificates.rotation import Held
from webhook.controller.certificates.settings import CertificateSettings
from webhook.kube.cluster import Object

TRUSTED_SINCE = "tidewaiter.dev/next-ca-trusted-since"
SERVING_SINCE = "tidewaiter.dev/ca-serving-since"

_PAIRS = {"tls.crt": "tls.key", "next-ca.crt": "next-ca.key"}


def read(secret: Mapping[str, Any] | None) -> Held:
    """What of it can be used."""
    if secret is None:
        return Held()
    data = {name: _decoded(value) for name, value in (secret.get("data") or {}).items()}
    notes = secret["metadata"].get("annotations") or {}
    trusted = read_certificates(data.get("ca.crt", b""))
    serving, coming = (read_pair(data.get(cert, b""), data.get(key, b"")) for cert, key in _PAIRS.items())
    return Held(
        serving=serving,
        authority=pair_of(trusted, read_key(data.get("ca.key", b""))),
        coming=coming,
        trusted=trusted,
        trusted_since=_time(notes.get(TRUSTED_SINCE)),
        serving_since=_time(notes.get(SERVING_SINCE)),
    )


def is_ours(secret: Mapping[str, Any] | None, held: Held, settings: CertificateSettings) -> bool:
    """Whether it may be written: it is not there, bears the release's labels, or holds the key of its authority."""
    if secret is None:
        return True
    labels = secret["metadata"].get("labels") or {}
    names = [each.certificate.subject for each in (held.authority, held.coming) if each is not None]
    return labels.items() >= _labels(settings).items() or authority_name(settings.release) in names


def written(held: Held, before: Object | None, settings: CertificateSettings, owner: Object | None) -> Object:
    """The Secret that holds it; what somebody else noted on the one before stays."""
    metadata: dict[str, Any] = {"name": settings.secret, "namespace": settings.namespace}
    metadata |= before["metadata"] if before else {}
    metadata.pop("managedFields", None)
    metadata["labels"] = {**(metadata.get("labels") or {}), **_labels(settings)}
    metadata["annotations"] = _annotations(held, metadata.get("annotations") or {})
    if owner is not None:
        metadata["ownerReferences"] = [_owner(owner)]
    kind = before.get("type", "kubernetes.io/tls") if before else "kubernetes.io/tls"
    data = {name: base64.b64encode(value).decode("ascii") for name, value in _data(held).items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}


def authorities(secret: Mapping[str, Any] | None) -> bytes:
    """Of a Secret that somebody else makes: the certificates in its `ca.crt`, nothing where there are none."""
    data = (secret or {}).get("data") or {}
    return pem_of(read_certificates(_decoded(data.get("ca.crt", ""))))


def serving(secret: Mapping[str, Any] | None) -> x509.Certificate | None:
    """Of such a Secret: the server's certificate."""
    data = (secret or {}).get("data") or {}
    return next(iter(read_certificates(_decoded(data.get("tls.crt", "")))), None)


def _data(held: Held) -> dict[str, bytes]:
    data = {"ca.crt": pem_of(held.trusted)}
    pairs = {"tls.crt": held.serving, "next-ca.crt": held.coming}
    for name, pair in pairs.items():
        if pair is not None:
            data |= {name: pair.certificate_pem, _PAIRS[name]: pair.key_pem}
    return data | ({"ca.key": held.authority.key_pem} if held.authority is not None else {})


def _labels(settings: CertificateSettings) -> dict[str, str]:
    return {"app.kubernetes.io/managed-by": "tidewaiter", "app.kubernetes.io/instance": settings.release}


def _annotations(held: Held, before: Mapping[str, str]) -> dict[str, str]:
    times = {TRUSTED_SINCE: held.trusted_since, SERVING_SINCE: held.serving_since}
    kept = {name: value for name, value in before.items() if name not in times}
    return kept | {name: time.isoformat() for name, time in times.items() if time is not None}


def _owner(owner: Object) -> dict[str, str]:
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _time(text: str | None) -> datetime | None:
    """None also where it has no time zone: what is not known is waited for anew."""
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo is not None else None
