"""The closed table of finding codes: a contract with users, who match on them in dashboards, exemptions and runbooks.

A code is never renamed or given another meaning. The documentation lists each with its sentence from `MEANINGS`.
"""

from enum import StrEnum


class Code(StrEnum):
    """What a finding is about; the value is what messages, logs, metrics and reports show."""

    REFERENCE_INVALID = "REFERENCE_INVALID"
    REGISTRY_NOT_ALLOWED = "REGISTRY_NOT_ALLOWED"
    DIGEST_DENIED = "DIGEST_DENIED"
    TAG_NOT_PINNED = "TAG_NOT_PINNED"
    IMAGE_UNMATCHED = "IMAGE_UNMATCHED"
    IMAGE_NOT_FOUND = "IMAGE_NOT_FOUND"
    NOT_SIGNED = "NOT_SIGNED"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    SIGNER_NOT_ALLOWED = "SIGNER_NOT_ALLOWED"
    TOO_FEW_SIGNERS = "TOO_FEW_SIGNERS"
    ATTESTATION_MISSING = "ATTESTATION_MISSING"
    ATTESTATION_TOO_OLD = "ATTESTATION_TOO_OLD"
    VULNERABLE = "VULNERABLE"
    CONDITION_FALSE = "CONDITION_FALSE"
    BASE_IMAGE_NOT_ALLOWED = "BASE_IMAGE_NOT_ALLOWED"
    RUN_AS_NON_ROOT = "RUN_AS_NON_ROOT"
    CAPABILITIES_NOT_DROPPED = "CAPABILITIES_NOT_DROPPED"
    CAPABILITY_NOT_ALLOWED = "CAPABILITY_NOT_ALLOWED"
    READ_ONLY_ROOT_FILESYSTEM = "READ_ONLY_ROOT_FILESYSTEM"
    POD_SECURITY_APP_ARMOR_PROFILE = "POD_SECURITY_APP_ARMOR_PROFILE"
    POD_SECURITY_CAPABILITIES_BASELINE = "POD_SECURITY_CAPABILITIES_BASELINE"
    POD_SECURITY_HOST_NAMESPACES = "POD_SECURITY_HOST_NAMESPACES"
    POD_SECURITY_HOST_PATH_VOLUMES = "POD_SECURITY_HOST_PATH_VOLUMES"
    POD_SECURITY_HOST_PORTS = "POD_SECURITY_HOST_PORTS"
    POD_SECURITY_HOST_PROBES_AND_HOST_LIFECYCLE = "POD_SECURITY_HOST_PROBES_AND_HOST_LIFECYCLE"
    POD_SECURITY_PRIVILEGED = "POD_SECURITY_PRIVILEGED"
    POD_SECURITY_PROC_MOUNT = "POD_SECURITY_PROC_MOUNT"
    POD_SECURITY_SE_LINUX_OPTIONS = "POD_SECURITY_SE_LINUX_OPTIONS"
    POD_SECURITY_SECCOMP_PROFILE_BASELINE = "POD_SECURITY_SECCOMP_PROFILE_BASELINE"
    POD_SECURITY_SYSCTLS = "POD_SECURITY_SYSCTLS"
    POD_SECURITY_WINDOWS_HOST_PROCESS = "POD_SECURITY_WINDOWS_HOST_PROCESS"
    POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION = "POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION"
    POD_SECURITY_CAPABILITIES_RESTRICTED = "POD_SECURITY_CAPABILITIES_RESTRICTED"
    POD_SECURITY_PROC_MOUNT_RESTRICTED = "POD_SECURITY_PROC_MOUNT_RESTRICTED"
    POD_SECURITY_RESTRICTED_VOLUMES = "POD_SECURITY_RESTRICTED_VOLUMES"
    POD_SECURITY_RUN_AS_NON_ROOT = "POD_SECURITY_RUN_AS_NON_ROOT"
    POD_SECURITY_RUN_AS_USER = "POD_SECURITY_RUN_AS_USER"
    POD_SECURITY_SECCOMP_PROFILE_RESTRICTED = "POD_SECURITY_SECCOMP_PROFILE_RESTRICTED"
    LATEST_TAG = "LATEST_TAG"
    IMAGE_PULL_POLICY_NOT_ALLOWED = "IMAGE_PULL_POLICY_NOT_ALLOWED"
    LIMITS_MISSING = "LIMITS_MISSING"
    PROBE_MISSING = "PROBE_MISSING"
    LABEL_MISSING = "LABEL_MISSING"
    SERVICE_ACCOUNT_TOKEN_MOUNTED = "SERVICE_ACCOUNT_TOKEN_MOUNTED"  # noqa: S105 - no password
    VOLUME_TYPE_NOT_ALLOWED = "VOLUME_TYPE_NOT_ALLOWED"
    CSI_DRIVER_NOT_ALLOWED = "CSI_DRIVER_NOT_ALLOWED"
    HOST_PORT_NOT_ALLOWED = "HOST_PORT_NOT_ALLOWED"
    RUNTIME_CLASS_NOT_ALLOWED = "RUNTIME_CLASS_NOT_ALLOWED"
    PRIORITY_CLASS_NOT_ALLOWED = "PRIORITY_CLASS_NOT_ALLOWED"
    NO_POLICY_MATCHES = "NO_POLICY_MATCHES"
    OBJECT_INVALID = "OBJECT_INVALID"
    REGISTRY_RESPONSE_INVALID = "REGISTRY_RESPONSE_INVALID"
    ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    CREDENTIALS_REFUSED = "CREDENTIALS_REFUSED"
    CREDENTIALS_UNAVAILABLE = "CREDENTIALS_UNAVAILABLE"
    REGISTRY_UNAVAILABLE = "REGISTRY_UNAVAILABLE"
    REGISTRY_RATE_LIMITED = "REGISTRY_RATE_LIMITED"
    TRUST_ROOT_UNAVAILABLE = "TRUST_ROOT_UNAVAILABLE"
    VERIFICATION_TIMED_OUT = "VERIFICATION_TIMED_OUT"
    TOO_MANY_VERIFICATIONS = "TOO_MANY_VERIFICATIONS"
    NAMESPACE_UNKNOWN = "NAMESPACE_UNKNOWN"
    NAMESPACE_LABEL_INVALID = "NAMESPACE_LABEL_INVALID"
    POLICY_UNUSABLE = "POLICY_UNUSABLE"
    POLICY_INVALID = "POLICY_INVALID"
    LABEL_GUARDED = "LABEL_GUARDED"
    AUTHORIZATION_UNKNOWN = "AUTHORIZATION_UNKNOWN"
    INTERNAL_ERROR = "INTERNAL_ERROR"


MEANINGS: dict[Code, str] = {
    Code.REFERENCE_INVALID: "The image reference is not of kubelet's grammar, or of a kind that cannot be judged.",
    Code.REGISTRY_NOT_ALLOWED: "The image is not within `images.allow`, or it is within `images.deny`.",
    Code.DIGEST_DENIED: "The image's digest is listed in `images.denyDigests`.",
    Code.TAG_NOT_PINNED: "The image is named by a tag, which can move after it was judged; the policy wants a digest.",
    Code.IMAGE_UNMATCHED: "No entry of `images.verify` speaks about this image, and `images.unmatched` is Deny.",
    Code.IMAGE_NOT_FOUND: "The registry answered that it has no such image.",
    Code.NOT_SIGNED: "Neither a cosign signature nor a Sigstore bundle that signs the image lies beside it.",
    Code.SIGNATURE_INVALID: "Signatures were found, and none of them is a well-formed signature of this digest.",
    Code.SIGNER_NOT_ALLOWED: "Signatures were found, and none of them is by an authority that the policy accepts.",
    Code.TOO_FEW_SIGNERS: "Fewer distinct authorities signed than the policy's minimum.",
    Code.ATTESTATION_MISSING: "No attestation of a required type, by an authority that the policy accepts, was found.",
    Code.ATTESTATION_TOO_OLD: "The newest attestation of a required type is older than the policy's `maxAge`.",
    Code.VULNERABLE: "The vulnerability report has findings that the policy does not accept, or cannot be read.",
    Code.CONDITION_FALSE: "What an attestation says does not fulfil one of the policy's conditions.",
    Code.BASE_IMAGE_NOT_ALLOWED: "It is not proved that the image is built on a base image that the policy allows.",
    Code.RUN_AS_NON_ROOT: "The container may run as root.",
    Code.CAPABILITIES_NOT_DROPPED: "The container keeps Linux capabilities that the policy wants dropped.",
    Code.CAPABILITY_NOT_ALLOWED: "The container adds a Linux capability that the policy does not allow.",
    Code.READ_ONLY_ROOT_FILESYSTEM: "The container can write to its root filesystem.",
    Code.POD_SECURITY_APP_ARMOR_PROFILE: "Baseline: AppArmor is turned off, for the pod or a container.",
    Code.POD_SECURITY_CAPABILITIES_BASELINE: "Baseline: a container adds a capability beyond what runtimes give.",
    Code.POD_SECURITY_HOST_NAMESPACES: "Baseline: the pod shares network, processes or IPC with its node.",
    Code.POD_SECURITY_HOST_PATH_VOLUMES: "Baseline: a volume is a folder or a file of the node.",
    Code.POD_SECURITY_HOST_PORTS: "Baseline: a container takes a port of its node.",
    Code.POD_SECURITY_HOST_PROBES_AND_HOST_LIFECYCLE: "Baseline: a probe or a lifecycle handler names a host.",
    Code.POD_SECURITY_PRIVILEGED: "Baseline: a container is privileged.",
    Code.POD_SECURITY_PROC_MOUNT: "Baseline: a container's `/proc` is not masked.",
    Code.POD_SECURITY_SE_LINUX_OPTIONS: "Baseline: SELinux's user or role is set, or a type of no container.",
    Code.POD_SECURITY_SECCOMP_PROFILE_BASELINE: "Baseline: seccomp is turned off, for the pod or a container.",
    Code.POD_SECURITY_SYSCTLS: "Baseline: the pod sets a kernel parameter that is not among the safe ones.",
    Code.POD_SECURITY_WINDOWS_HOST_PROCESS: "Baseline: a container is a process of its Windows node.",
    Code.POD_SECURITY_ALLOW_PRIVILEGE_ESCALATION: "Restricted: a container may gain privileges later on.",
    Code.POD_SECURITY_CAPABILITIES_RESTRICTED: "Restricted: a container has more than NET_BIND_SERVICE.",
    Code.POD_SECURITY_PROC_MOUNT_RESTRICTED: "Restricted: a container's `/proc` is not masked.",
    Code.POD_SECURITY_RESTRICTED_VOLUMES: "Restricted: a volume is of a type that is not among the restricted level's.",
    Code.POD_SECURITY_RUN_AS_NON_ROOT: "Restricted: a container may run as root.",
    Code.POD_SECURITY_RUN_AS_USER: "Restricted: the pod or a container asks for UID 0.",
    Code.POD_SECURITY_SECCOMP_PROFILE_RESTRICTED: "Restricted: a container is without a seccomp profile.",
    Code.LATEST_TAG: "The image is named by the tag `latest`, written or meant, and by no digest.",
    Code.IMAGE_PULL_POLICY_NOT_ALLOWED: "The image is pulled at other times than the policy allows.",
    Code.LIMITS_MISSING: "The container has no limit of a resource for which the policy wants one.",
    Code.PROBE_MISSING: "The container lacks a probe that the policy wants.",
    Code.LABEL_MISSING: "The pod lacks a label that the policy wants, or it has another value.",
    Code.SERVICE_ACCOUNT_TOKEN_MOUNTED: "The pod does not refuse the token of its service account.",
    Code.VOLUME_TYPE_NOT_ALLOWED: "The volume is of a type that the policy does not allow.",
    Code.CSI_DRIVER_NOT_ALLOWED: "The volume is made by a CSI driver that the policy does not allow.",
    Code.HOST_PORT_NOT_ALLOWED: "The container takes a port of its node that the policy does not allow.",
    Code.RUNTIME_CLASS_NOT_ALLOWED: "The pod's runtime class is none that the policy allows.",
    Code.PRIORITY_CLASS_NOT_ALLOWED: "The pod's priority class is none that the policy allows.",
    Code.NO_POLICY_MATCHES: "No Enforce or Warn policy speaks about this pod.",
    Code.OBJECT_INVALID: "The object is not what the request says it is, or cannot be read.",
    Code.REGISTRY_RESPONSE_INVALID: "The registry's answer is malformed, over a ceiling, or not what its digest says.",
    Code.ADDRESS_NOT_ALLOWED: "The registry's host has a private, loopback or other address that may not be dialled.",
    Code.CREDENTIALS_MISSING: "The registry wants credentials, and there are none for it.",
    Code.CREDENTIALS_REFUSED: "The registry refused the credentials there are for it.",
    Code.CREDENTIALS_UNAVAILABLE: "A credential provider failed, or a pull secret of the pod cannot be read.",
    Code.REGISTRY_UNAVAILABLE: "The registry could not be asked.",
    Code.REGISTRY_RATE_LIMITED: "The registry answered that it was asked too often.",
    Code.TRUST_ROOT_UNAVAILABLE: "A trust root that the policy names was not loaded, or its time is over.",
    Code.VERIFICATION_TIMED_OUT: "Verification goes on beyond the time of the request; a retry finds its result.",
    Code.TOO_MANY_VERIFICATIONS: "More is asked of tidewaiter at once than it looks up or judges; a retry finds room.",
    Code.NAMESPACE_UNKNOWN: "The namespace's labels are not known, and a policy selects by them.",
    Code.NAMESPACE_LABEL_INVALID: "A label of the namespace that asks for a Pod Security level cannot be read.",
    Code.POLICY_UNUSABLE: "A policy of the cluster has a fault, or policies could not be read for too long.",
    Code.POLICY_INVALID: "A policy or a trust root has a fault, and is not taken as it is written.",
    Code.LABEL_GUARDED: "A label of a namespace is read by policies, and the user may not change policies.",
    Code.AUTHORIZATION_UNKNOWN: "Whether the user may change policies is not known, nor so a label that they read.",
    Code.INTERNAL_ERROR: "tidewaiter failed; its log has the request and the reason.",
}
"""One sentence for each code, as the documentation shows it."""

INCONCLUSIVE = frozenset(
    {
        Code.ADDRESS_NOT_ALLOWED,
        Code.CREDENTIALS_MISSING,
        Code.CREDENTIALS_REFUSED,
        Code.CREDENTIALS_UNAVAILABLE,
        Code.REGISTRY_UNAVAILABLE,
        Code.REGISTRY_RATE_LIMITED,
        Code.TRUST_ROOT_UNAVAILABLE,
        Code.VERIFICATION_TIMED_OUT,
        Code.TOO_MANY_VERIFICATIONS,
        Code.NAMESPACE_UNKNOWN,
        Code.POLICY_UNUSABLE,
        Code.AUTHORIZATION_UNKNOWN,
        Code.INTERNAL_ERROR,
    }
)
"""Codes that say "could not be found out" rather than "no": exit code 3 on the command line."""

TRANSIENT = frozenset({Code.REGISTRY_UNAVAILABLE, Code.REGISTRY_RATE_LIMITED, Code.VERIFICATION_TIMED_OUT})
"""The codes for which a policy's `onError` decides: a later try may well succeed. All others deny whatever it says."""


def reference() -> str:
    """The documentation's page: every code and its meaning, `docs/finding-codes.md`."""
    rows = "".join(f"| `{code.value}` | {MEANINGS[code]} | {_standing(code)} |\n" for code in Code)
    return f"""# Finding codes

A finding has one of these codes, in messages, logs, metrics and output alike. Codes are never renamed. This page is
made by `make docs` from `webhook/codes.py`.

| code | meaning | says |
|---|---|---|
{rows}
"No" denies by the policy's mode. "Not found out" denies too, and is told apart: `check`, `review` and `verify` end with
exit code 3 where nothing but that was found. What those marked `onError` do, the policy's field of that name decides.
"""


def _standing(code: Code) -> str:
    if code in TRANSIENT:
        return "not found out, `onError`"
    return "not found out" if code in INCONCLUSIVE else "no"
