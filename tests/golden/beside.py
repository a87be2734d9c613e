"""What lies beside the image of the scenarios, by the words of `scenarios.yaml`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes import sigstore
from tests.fakes.images import garbage, signature
from tests.fakes.sigstore import Key, Keyless, Log, Profile, email
from tests.signatures.attested import VULN, scan, trivy, trivy_vulnerability
from webhook.signatures.evidence import Attachment

IMAGE: Final = f"registry.example.com/app@{sigstore.DIGEST}"


def _derived(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


KEYS: Final = {"release": _derived(1), "second": _derived(2)}
"""Messages show the beginnings of their fingerprints, so they are the same in every run, and no secrets."""


@dataclass(frozen=True, slots=True)
class Known(Key):
    """A signer with one of `KEYS`."""

    @property
    def private(self) -> ec.EllipticCurvePrivateKey:
        return KEYS[self.name]


def _scanned() -> Attachment:
    """A report of Trivy's, attested on the first of June 2025 (`sigstore.SIGNED_AT`)."""
    report = scan(trivy(trivy_vulnerability()), "2025-06-01T12:00:00Z")
    return sigstore.attestation(VULN, report, signer=Known("release"), log=Log.V1)


BESIDE: Final[dict[str, Callable[[], Attachment]]] = {
    "garbage": lambda: garbage(IMAGE),
    "signed by release": lambda: signature(KEYS["release"], IMAGE),
    "signed by ci": sigstore.signature,
    "signed by eve": lambda: sigstore.signature(signer=Keyless(Profile(names=(email("eve@example.com"),)))),
    "scanned in June": _scanned,
}
