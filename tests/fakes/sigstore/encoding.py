"""How documents of Sigstore are written: JSON, base64, times, DSSE's pre-authentication encoding."""

import base64
import json
from datetime import datetime
from typing import Any, Final, TypeAlias

Document: TypeAlias = dict[str, Any]

IN_TOTO: Final = "application/vnd.in-toto+json"


def dumped(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def canonical(value: Document) -> bytes:
    """RFC 8785, for documents of ASCII strings and integers; nothing else is in log entries."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode("ascii")


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def timestamp(time: datetime) -> str:
    """As protobuf's JSON writes a `google.protobuf.Timestamp`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def pre_authentication_encoding(payload: bytes, payload_type: str = IN_TOTO) -> bytes:
    """What the signature of a DSSE envelope covers: secure-systems-lab/dsse `protocol.md`."""
    kind = payload_type.encode()
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def changed(document: Document, *path: str | int, to: object) -> Document:
    """The document with the value at `path` replaced; `to=...` removes it."""
    copy: Document = json.loads(json.dumps(document))
    parent: Any = copy
    for step in path[:-1]:
        parent = parent[step]
    if to is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = to
    return copy
