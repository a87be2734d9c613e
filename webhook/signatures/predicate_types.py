"""Predicate types: what attestations are called in a policy, and the URIs that they go by in statements.

Sources: cosign v3.1.3 `cmd/cosign/cli/options/predicate.go` (unversioned URIs, and SLSA), in-toto/attestation
`spec/predicates/{vulns,vulns_02,cyclonedx,spdx2,spdx3}.md`, slsa.dev `provenance/v0.2` and `provenance/v1`,
openvex/spec `ATTESTING.md`. The sets are closed: whoever wants a version that is not in them names its URI.
"""

from collections.abc import Mapping
from typing import Final

COSIGN_VULNERABILITIES: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"
IN_TOTO_VULNERABILITIES: Final = frozenset(
    {"https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns/v0.2"}
)
VULNERABILITIES: Final = IN_TOTO_VULNERABILITIES | {COSIGN_VULNERABILITIES}
COSIGN_CUSTOM: Final = "https://cosign.sigstore.dev/attestation/v1"
"""What `cosign attest --type custom` wraps any text in."""

PROVENANCE_02: Final = "https://slsa.dev/provenance/v0.2"
PROVENANCE_1: Final = "https://slsa.dev/provenance/v1"
PROVENANCE: Final = frozenset({PROVENANCE_02, PROVENANCE_1})


def _versions(uri: str, *versions: str) -> frozenset[str]:
    """The URI by itself, as cosign writes it, and with each of its versions."""
    return frozenset({uri, *(f"{uri}/v{version}" for version in versions)})


CYCLONEDX: Final = _versions("https://cyclonedx.org/bom", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7")
"""The versions of CycloneDX that can be written as JSON."""

SPDX: Final = _versions("https://spdx.dev/Document", "2.2", "2.3", "3", "3.0", "3.0.1")
OPENVEX: Final = _versions("https://openvex.dev/ns", "0.0.1", "0.2.0")

PREDICATE_TYPES: Final[Mapping[str, frozenset[str]]] = {
    "vuln": VULNERABILITIES,
    "cyclonedx": CYCLONEDX,
    "spdx": SPDX,
    "slsaprovenance": PROVENANCE,
    "openvex": OPENVEX,
}
"""Type as a policy writes it → the predicate types that it stands for."""


def predicate_types(written: str) -> frozenset[str]:
    """What the type of an attestation stands for, be it one of the names or the URI of a predicate type itself."""
    return PREDICATE_TYPES.get(written, frozenset({written}))
