"""What findings are about, in a few words, and how bad they are: what readers of reports group and sort by."""

from enum import StrEnum
from typing import NamedTuple

from webhook.codes import Code


class Severity(StrEnum):
    """The severities that reports know (`ResultSeverity` of the OpenReports API), worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Family(NamedTuple):
    """Codes that are about the same."""

    title: str
    severity: Severity


ORIGIN = Family("Image origin", Severity.HIGH)
BANNED = Family("Image origin", Severity.CRITICAL)
SIGNATURE = Family("Image signature", Severity.HIGH)
FORGED = Family("Image signature", Severity.CRITICAL)
ATTESTATION = Family("Image attestation", Severity.MEDIUM)
VULNERABILITY = Family("Vulnerabilities", Severity.HIGH)
NODE_ACCESS = Family("Pod security", Severity.CRITICAL)
BASELINE = Family("Pod security", Severity.HIGH)
RESTRICTED = Family("Pod security", Severity.MEDIUM)
TIDINESS = Family("Good practice", Severity.LOW)
CONFIGURATION = Family("Configuration", Severity.HIGH)
NOT_FOUND_OUT = Family("Could not be found out", Severity.MEDIUM)

_SINGLE: dict[Code, Family] = {
    Code.REFERENCE_INVALID: ORIGIN,
    Code.REGISTRY_NOT_ALLOWED: ORIGIN,
    Code.DIGEST_DENIED: BANNED,
    Code.TAG_NOT_PINNED: ORIGIN,
    Code.IMAGE_UNMATCHED: ORIGIN,
    Code.IMAGE_NOT_FOUND: ORIGIN,
    Code.BASE_IMAGE_NOT_ALLOWED: ORIGIN,
    Code.REGISTRY_RESPONSE_INVALID: ORIGIN,
    Code.NOT_SIGNED: SIGNATURE,
    Code.SIGNATURE_INVALID: FORGED,
    Code.SIGNER_NOT_ALLOWED: SIGNATURE,
    Code.TOO_FEW_SIGNERS: SIGNATURE,
    Code.ATTESTATION_MISSING: ATTESTATION,
    Code.ATTESTATION_TOO_OLD: ATTESTATION,
    Code.CONDITION_FALSE: ATTESTATION,
    Code.VULNERABLE: VULNERABILITY,
    Code.POD_SECURITY_PRIVILEGED: NODE_ACCESS,
    Code.POD_SECURITY_HOST_NAMESPACES: NODE_ACCESS,
    Code.POD_SECURITY_HOST_PATH_VOLUMES: NODE_ACCESS,
    Code.POD_SECURITY_WINDOWS_HOST_PROCESS: NODE_ACCESS,
    Code.POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION: RESTRICTED,
    Code.POD_SECURITY_CAPABILITIES_RESTRICTED: RESTRICTED,
    Code.POD_SECURITY_PROC_MOUNT_RESTRICTED: RESTRICTED,
    Code.POD_SECURITY_RESTRICTED_VOLUMES: RESTRICTED,
    Code.POD_SECURITY_RUN_AS_NON_ROOT: RESTRICTED,
    Code.POD_SECURITY_RUN_AS_USER: RESTRICTED,
    Code.POD_SECURITY_SECCOMP_PROFILE_RESTRICTED: RESTRICTED,
    Code.RUN_AS_NON_ROOT: RESTRICTED,
    Code.CAPABILITIES_NOT_DROPPED: RESTRICTED,
    Code.CAPABILITY_NOT_ALLOWED: BASELINE,
    Code.READ_ONLY_ROOT_FILESYSTEM: RESTRICTED,
    Code.SERVICE_ACCOUNT_TOKEN_MOUNTED: RESTRICTED,
    Code.VOLUME_TYPE_NOT_ALLOWED: RESTRICTED,
    Code.CSI_DRIVER_NOT_ALLOWED: RESTRICTED,
    Code.HOST_PORT_NOT_ALLOWED: BASELINE,
    Code.RUNTIME_CLASS_NOT_ALLOWED: RESTRICTED,
    Code.PRIORITY_CLASS_NOT_ALLOWED: RESTRICTED,
    Code.LATEST_TAG: TIDINESS,
    Code.IMAGE_PULL_POLICY_NOT_ALLOWED: TIDINESS,
    Code.LIMITS_MISSING: TIDINESS,
    Code.PROBE_MISSING: TIDINESS,
    Code.LABEL_MISSING: TIDINESS,
    Code.NO_POLICY_MATCHES: CONFIGURATION,
    Code.OBJECT_INVALID: CONFIGURATION,
    Code.NAMESPACE_LABEL_INVALID: CONFIGURATION,
    Code.POLICY_UNUSABLE: CONFIGURATION,
    Code.POLICY_INVALID: CONFIGURATION,
    Code.LABEL_GUARDED: CONFIGURATION,
}

_BASELINE = "POD_SECURITY_"
"""Codes of Pod Security that the table does not name are of its baseline level."""


def family(code: Code) -> Family:
    """What a code is about."""
    return _SINGLE.get(code) or (BASELINE if code.value.startswith(_BASELINE) else NOT_FOUND_OUT)
