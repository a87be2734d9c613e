"""Predicates as `cosign attest --predicate` reads them: what scanners and builders say about an image."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

REVIEW: Final = "https://example.com/review/v1"
"""A predicate type of our own."""

_BUILDER: Final = "https://example.com/builder"


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One finding of a scanner; `fixed` is the version that has it no more, "" if there is none."""

    id: str
    severity: str
    fixed: str = ""


def scan(*found: Vulnerability, at: datetime | None = None) -> str:
    """A report of Trivy's in cosign's predicate (specs/COSIGN_VULN_ATTESTATION_SPEC.md), finished `at` that time."""
    finished = (at or datetime.now(UTC)).isoformat()
    findings = [
        {
            "VulnerabilityID": one.id,
            "PkgName": "openssl",
            "InstalledVersion": "3.0.1",
            "FixedVersion": one.fixed,
            "Severity": one.severity.upper(),
            "PkgIdentifier": {"PURL": "pkg:deb/debian/openssl@3.0.1"},
        }
        for one in found
    ]
    report = {
        "SchemaVersion": 2,
        "CreatedAt": finished,
        "Results": [{"Target": "debian", "Class": "os-pkgs", "Type": "debian", "Vulnerabilities": findings}],
    }
    scanner = {"uri": "pkg:github/aquasecurity/trivy@0.70.0", "version": "0.70.0", "db": {}, "result": report}
    return json.dumps(
        {
            "invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
            "scanner": scanner,
            "metadata": {"scanStartedOn": finished, "scanFinishedOn": finished},
        }
    )


def cyclonedx() -> str:
    """A bill of materials (CycloneDX 1.6)."""
    component = {"type": "library", "name": "openssl", "version": "3.0.1", "purl": "pkg:deb/debian/openssl@3.0.1"}
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [component]}
    return json.dumps({**document, "metadata": {"timestamp": datetime.now(UTC).isoformat()}})


def spdx() -> str:
    """A bill of materials (SPDX 2.3)."""
    created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return json.dumps(
        {
            "spdxVersion": "SPDX-2.3",
            "SPDXID": "SPDXRef-DOCUMENT",
            "dataLicense": "CC0-1.0",
            "name": "app",
            "documentNamespace": "https://example.com/app",
            "creationInfo": {"created": created, "creators": ["Tool: example"]},
            "packages": [],
        }
    )


def provenance02(materials: Mapping[str, str]) -> str:
    """How an image was built (SLSA provenance v0.2) of these materials: the SHA-256 digest, in hex, of each URI."""
    made_of = [{"uri": uri, "digest": {"sha256": digest}} for uri, digest in materials.items()]
    return json.dumps(
        {
            "builder": {"id": _BUILDER},
            "buildType": "https://example.com/build/v1",
            "invocation": {"configSource": {"uri": "", "digest": {}, "entryPoint": ""}, "parameters": {}},
            "metadata": _PROVENANCE_METADATA,
            "materials": made_of,
        }
    )


_PROVENANCE_METADATA: Final[dict[str, Any]] = {
    "buildInvocationID": "1",
    "completeness": {"parameters": False, "environment": False, "materials": True},
    "reproducible": False,
}


def provenance1(materials: Mapping[str, str]) -> str:
    """The same in SLSA provenance v1."""
    made_of = [{"uri": uri, "digest": {"sha256": digest}} for uri, digest in materials.items()]
    definition = {"buildType": "https://example.com/build/v1", "externalParameters": {"ref": "main"}}
    run = {"builder": {"id": _BUILDER}, "metadata": {"invocationID": "1"}}
    return json.dumps({"buildDefinition": {**definition, "resolvedDependencies": made_of}, "runDetails": run})


def openvex(statuses: Mapping[str, str], product: str) -> str:
    """What concerns a product, a package URL, and what does not (OpenVEX 0.2.0): a status for each vulnerability."""
    statements = [
        {
            "vulnerability": {"name": name},
            "products": [{"@id": product}],
            "status": status,
            **({"justification": "vulnerable_code_not_in_execute_path"} if status == "not_affected" else {}),
        }
        for name, status in statuses.items()
    ]
    return json.dumps(
        {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://example.com/vex/1",
            "author": "Example",
            "timestamp": datetime.now(UTC).isoformat(),
            "version": 1,
            "statements": statements,
        }
    )


def review(*, approved: bool, by: Sequence[str] = ()) -> str:
    """A predicate of our own type."""
    return json.dumps({"approved": approved, "reviewers": list(by)})


PREDICATES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "vuln": scan(Vulnerability("CVE-2026-0001", "low"), Vulnerability("CVE-2026-0002", "high", "3.0.2")),
        "cyclonedx": cyclonedx(),
        "spdxjson": spdx(),
        "slsaprovenance": provenance02({"pkg:docker/registry.example.com/base@1": "0" * 64}),
        "slsaprovenance1": provenance1({"pkg:docker/registry.example.com/base@1": "0" * 64}),
        "openvex": openvex({"CVE-2026-0002": "not_affected"}, "pkg:oci/app"),
        REVIEW: review(approved=True, by=["a", "b"]),
        "custom": "whatever",
    }
)
"""One for each type, by the name that cosign has for it. It fails to sign its type `spdx`, SPDX as a text."""
