"""Attestations that were vouched for, and reports in the shapes that scanners write, from parts."""

import copy
from datetime import UTC, datetime
from typing import Any, Final

from tests.signatures.forge import DIGEST, signer
from webhook.images import PinnedImage
from webhook.signatures.attestations import Vouch
from webhook.signatures.authorities import Authority
from webhook.signatures.candidate import Candidate, Form
from webhook.signatures.trust import Proved, ProvedTime, TimeSource

IMAGE: Final = PinnedImage("registry.example.com", "team/app", DIGEST)
NOW: Final = datetime(2026, 1, 10, 12, tzinfo=UTC)
CI: Final = signer("ci").authority()
RELEASE: Final = signer("release").authority()

VULN: Final = "https://cosign.sigstore.dev/attestation/vuln/v1"
IN_TOTO_VULNS: Final = "https://in-toto.io/attestation/vulns/v0.2"
OPENVEX: Final = "https://openvex.dev/ns"

OPENSSL: Final = "pkg:deb/debian/openssl@3.0.1-1?arch=amd64&distro=debian-12"


def at(day: int, hour: int = 12) -> datetime:
    """A time in the days before `NOW`, which is noon of the tenth."""
    return datetime(2026, 1, day, hour, tzinfo=UTC)


def vouch(
    predicate: object = None,
    predicate_type: str = VULN,
    by: Authority = CI,
    signed_at: datetime | None = None,
    statement: dict[str, Any] | None = None,
) -> Vouch:
    """An attestation by an authority; `signed_at` is its verified time, `statement` replaces all of its content."""
    content = statement or {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": IMAGE.name, "digest": {"sha256": IMAGE.digest.hex}}],
        "predicateType": predicate_type,
        "predicate": copy.deepcopy(predicate),
    }
    candidate = Candidate("referrer", Form.BUNDLE, b"", b"", b"", (), predicate_type, content)
    times = () if signed_at is None else (ProvedTime(signed_at, TimeSource.LOG),)
    return Vouch(candidate, by, f"key {by.name}", by.name, Proved(times))


def unsaid(by: Authority = CI) -> Vouch:
    """A vouch by something that has no statement, as a simple signing payload has none."""
    return Vouch(Candidate("tag", Form.SIMPLE_SIGNING, b"", b"", b"", ()), by, "key", by.name, Proved())


def trivy_vulnerability(name: str = "CVE-2026-1", severity: str | None = "HIGH", **members: Any) -> dict[str, Any]:
    """One of Trivy's; a member of None is left out."""
    content = {
        "VulnerabilityID": name,
        "PkgID": "openssl@3.0.1-1",
        "PkgName": "openssl",
        "PkgIdentifier": {"PURL": OPENSSL, "UID": "5d0f1c7b3a7f7a1e"},
        "InstalledVersion": "3.0.1-1",
        "FixedVersion": "3.0.2-1",
        "Status": "fixed",
        "Layer": {"DiffID": f"sha256:{'0d' * 32}"},
        "SeveritySource": "nvd",
        "PrimaryURL": f"https://avd.aquasec.com/nvd/{name.lower()}",
        "DataSource": {"ID": "debian", "Name": "Debian Security Tracker"},
        "Title": "openssl: something overflows",
        "Severity": severity,
        "CVSS": {"nvd": {"V3Vector": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", "V3Score": 7.5}},
        **members,
    }
    return {key: value for key, value in content.items() if value is not None}


def trivy(*vulnerabilities: dict[str, Any]) -> dict[str, Any]:
    """`trivy image --format json`. A clean report has results without `Vulnerabilities`."""
    debian: dict[str, Any] = {
        "Target": "registry.example.com/team/app (debian 12.5)",
        "Class": "os-pkgs",
        "Type": "debian",
    }
    if vulnerabilities:
        debian["Vulnerabilities"] = list(vulnerabilities)
    return {
        "SchemaVersion": 2,
        "CreatedAt": "2026-01-09T12:00:00.123456789Z",
        "ArtifactName": "registry.example.com/team/app",
        "ArtifactType": "container_image",
        "Metadata": {"OS": {"Family": "debian", "Name": "12.5"}},
        "Results": [debian, {"Target": "Java", "Class": "lang-pkgs", "Type": "jar"}],
    }


def grype_match(name: str = "GHSA-aaaa-bbbb-cccc", severity: str | None = "High", **members: Any) -> dict[str, Any]:
    """One of Grype's `matches`."""
    return {
        "vulnerability": {
            "id": name,
            "dataSource": f"https://github.com/advisories/{name}",
            "namespace": "github:language:go",
            "severity": severity,
            "urls": [],
            "cvss": [{"version": "3.1", "vector": "CVSS:3.1/AV:N", "metrics": {"baseScore": 7.5}}],
            "fix": {"versions": ["0.17.0"], "state": "fixed"},
            "advisories": [],
            "risk": 1.5,
        },
        "relatedVulnerabilities": [{"id": "CVE-2026-2", "dataSource": "nvd", "severity": "High"}],
        "matchDetails": [{"type": "exact-direct-match", "matcher": "go-module-matcher", "searchedBy": {}, "found": {}}],
        "artifact": {
            "id": "1c4b5e6f",
            "name": "golang.org/x/net",
            "version": "v0.16.0",
            "type": "go-module",
            "purl": "pkg:golang/golang.org/x/net@v0.16.0",
            "upstreams": [],
        },
        **members,
    }


def grype(*matches: dict[str, Any]) -> dict[str, Any]:
    """`grype -o json`. A clean report has empty `matches`."""
    return {
        "matches": list(matches),
        "source": {"type": "image", "target": {"userInput": "registry.example.com/team/app"}},
        "distro": {"name": "debian", "version": "12"},
        "descriptor": {"name": "grype", "version": "0.121.2", "timestamp": "2026-01-09T12:00:00Z"},
    }


def scan(result: object, finished: str | None = "2026-01-09T12:00:00Z") -> dict[str, Any]:
    """The predicate around what a scanner wrote."""
    return {
        "invocation": {"parameters": None, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy@0.74.0",
            "version": "0.74.0",
            "db": {"uri": "", "version": ""},
            "result": result,
        },
        "metadata": {"scanStartedOn": "2026-01-09T11:59:00Z", "scanFinishedOn": finished},
    }


def openvex(
    *statements: dict[str, Any], timestamp: str | None = "2026-01-09T12:00:00Z", **members: Any
) -> dict[str, Any]:
    """An OpenVEX document."""
    return {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://openvex.dev/docs/example/vex-1",
        "author": "security@example.com",
        "timestamp": timestamp,
        "version": 1,
        "statements": list(statements),
        **members,
    }


def not_affected(name: str = "CVE-2026-1", **members: Any) -> dict[str, Any]:
    """A statement that clears a vulnerability in the attestation's own subject; a member of None is left out."""
    content = {
        "vulnerability": {"name": name},
        "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
        **members,
    }
    return {key: value for key, value in content.items() if value is not None}
