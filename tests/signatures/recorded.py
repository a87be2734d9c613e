"""What a real cosign wrote, as evidence: the files of `tests/fixtures/cosign`."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from webhook.images import Digest
from webhook.signatures.evidence import Attachment, Evidence
from webhook.signatures.keys import PublicKey

FOLDER: Final = Path(__file__).parent.parent / "fixtures" / "cosign"


@dataclass(frozen=True, slots=True)
class Recording:
    digest: Digest
    keys: dict[str, PublicKey]
    evidence: Evidence


def recording(name: str, folder: Path = FOLDER) -> Recording:
    document = json.loads((folder / f"{name}.json").read_text(encoding="ascii"))
    keys = {key: PublicKey.from_pem(pem) for key, pem in document["public_keys"].items()}
    attachments = [one for place, found in document["found"].items() for one in _attachments(place, found)]
    return Recording(Digest.parse(document["digest"]), keys, Evidence(tuple(attachments)))


def _attachments(place: str, found: dict[str, Any]) -> list[Attachment]:
    layers = json.loads(found["manifest"])["layers"]
    return [
        Attachment(
            f"{place}, layer {index}",
            layer["mediaType"],
            base64.b64decode(found["layers"][layer["digest"]]),
            layer.get("annotations", {}),
        )
        for index, layer in enumerate(layers)
    ]
