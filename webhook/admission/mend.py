"""What a developer can do about a finding: one line for each code."""

from webhook.codes import Code
from webhook.images import PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.authorities import KeyAuthority, Requirement

_FIXES = {
    Code.REGISTRY_UNAVAILABLE: "retry; if it stays, ask the cluster's administrators whether the registry is reachable",
    Code.REGISTRY_RATE_LIMITED: "retry in a minute",
    Code.TOO_MANY_VERIFICATIONS: "retry in some seconds",
    Code.VERIFICATION_TIMED_OUT: "retry: the verification goes on",
    Code.ADDRESS_NOT_ALLOWED: "name the registry literally in images.allow, or start tidewaiter with --allow-address",
    Code.CREDENTIALS_MISSING: "ask the cluster's administrators to give tidewaiter credentials for this registry",
    Code.CREDENTIALS_REFUSED: "ask the cluster's administrators to renew tidewaiter's credentials for this registry",
    Code.TRUST_ROOT_UNAVAILABLE: "ask the administrators about tidewaiter's trust roots; its log has the reason",
    Code.VULNERABLE: "update what is named, rebuild and scan the image, or ask the policy's owner for an allowance",
    Code.CONDITION_FALSE: "make the image as the condition says, or ask the policy's owner about it",
    Code.BASE_IMAGE_NOT_ALLOWED: "build on a base image that is allowed, and sign provenance of the build",
    Code.IMAGE_NOT_FOUND: "check the name and push the image",
    Code.REGISTRY_RESPONSE_INVALID: "push the image again with a current tool; the registry's answer cannot be used",
}


_SIGN = frozenset({Code.NOT_SIGNED, Code.SIGNATURE_INVALID, Code.SIGNER_NOT_ALLOWED, Code.TOO_FEW_SIGNERS})
_ATTEST = frozenset({Code.ATTESTATION_MISSING, Code.ATTESTATION_TOO_OLD})


def mend(code: Code, image: PinnedImage | None = None, entry: VerifyEntry | None = None) -> str:
    """How to mend a finding about an image that has to fulfil a verify entry."""
    if image is not None and entry is not None:
        if code in _SIGN and entry.requirement is not None:
            return f"cosign sign {_how(entry.requirement)}{image} {_accepted(entry.requirement)}"
        if code in _ATTEST and entry.attestations:
            rule = entry.attestations[0]
            how = f"{_how(rule.requirement)}--type {rule.name} --predicate FILE"
            return f"cosign attest {how} {image} {_accepted(rule.requirement)}"
    return _FIXES.get(code, "")


def _how(requirement: Requirement) -> str:
    """Without a key cosign signs keyless."""
    keys = any(isinstance(authority, KeyAuthority) for authority in requirement.authorities)
    return "--key KEY " if keys else ""


def _accepted(requirement: Requirement) -> str:
    return f"(accepted signers: {', '.join(authority.name for authority in requirement.authorities)})"
