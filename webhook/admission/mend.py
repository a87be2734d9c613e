"""What a developer can do about a finding: one line for each code."""

from webhook.codes import Code
from webhook.images import PinnedImage
from webhook.policy.rules import VerifyEntry
from webhook.signatures.authorities import KeyAuthority, KeylessAuthority, Requirement

_FIXES = {
    Code.REGISTRY_UNAVAILABLE: "retry; if it stays, ask the cluster's administrators whether the registry is reachable",
    Code.REGISTRY_RATE_LIMITED: "retry in a minute",
    Code.TOO_MANY_VERIFICATIONS: "retry in some seconds",
    Code.VERIFICATION_TIMED_OUT: "retry in some seconds: the verification goes on",
    Code.ADDRESS_NOT_ALLOWED: "check the registry's name, or ask the cluster's administrators to allow its address: by "
    "the registry's literal name in images.allow, or with --allow-address",
    Code.CREDENTIALS_MISSING: "ask the cluster's administrators to give tidewaiter credentials for this registry",
    Code.CREDENTIALS_REFUSED: "ask the cluster's administrators to renew tidewaiter's credentials for this registry",
    Code.CREDENTIALS_UNAVAILABLE: "retry; if it stays, check the pod's imagePullSecrets, or ask the cluster's "
    "administrators about tidewaiter's credential providers; its log has the reason",
    Code.TRUST_ROOT_UNAVAILABLE: "ask the administrators about tidewaiter's trust roots; its log has the reason",
    Code.VULNERABLE: "update what is named, rebuild and scan the image, or ask the policy's owner for an allowance",
    Code.CONDITION_FALSE: "build or attest the image so that the condition holds, or ask the policy's owner about it",
    Code.BASE_IMAGE_NOT_ALLOWED: "build on a base image that is allowed, and prove it by annotations, or by "
    "provenance where that counts",
    Code.IMAGE_NOT_FOUND: "check the name and push the image",
    Code.REGISTRY_RESPONSE_INVALID: "retry; if it stays, push the image again with a current tool, or ask who "
    "runs the registry",
    Code.REFERENCE_INVALID: "write the image as REGISTRY/NAME:TAG, REGISTRY/NAME@DIGEST or both",
    Code.OBJECT_INVALID: "change the object as this says, and send it again",
    Code.INTERNAL_ERROR: "retry; if it stays, tell the cluster's administrators the request's id, which is in the log",
}


_NAMED = 2
_SIGN = frozenset({Code.NOT_SIGNED, Code.SIGNATURE_INVALID, Code.SIGNER_NOT_ALLOWED, Code.TOO_FEW_SIGNERS})
_ATTEST = frozenset({Code.ATTESTATION_MISSING, Code.ATTESTATION_TOO_OLD})


def mend(
    code: Code,
    image: PinnedImage | None = None,
    entry: VerifyEntry | None = None,
    attestation: str = "",
    *,
    unknown_to: str = "",
    untagged: bool = False,
) -> str:
    """How to mend a finding about an image that has to fulfil a verify entry, and `attestation` of that.

    `unknown_to` is the trust root that does not know who vouches (`Outcome.unknown_to`): to sign once more the same way
    is of no use then. `untagged` is whether the image is named by a digest alone, so that no index could vouch for it.
    """
    fix = _known_by(unknown_to) if unknown_to else _mend(code, image, entry, attestation)
    if fix and untagged and entry is not None and entry.accept_index_signature and code in _SIGN | _ATTEST:
        fix += "; if an index that lists it is signed, name it TAG@DIGEST"
    return fix


def _known_by(trust_root: str) -> str:
    whose = f"a Sigstore instance that trust root {trust_root} knows"
    how = f"TrustRoot {trust_root}, or --trust-root {trust_root}=FILE"
    return (
        f"sign by {whose}, with a log entry or timestamp of it, or ask the administrators to have yours known ({how})"
    )


def _mend(code: Code, image: PinnedImage | None, entry: VerifyEntry | None, attestation: str) -> str:
    if image is not None and entry is not None:
        if code in _SIGN and entry.requirement is not None:
            return _by("cosign sign", entry.requirement, str(image))
        wanted = [rule for rule in entry.attestations if rule.name == attestation]
        if code in _ATTEST and wanted:
            rest = f"--type {attestation} --predicate FILE {image}"
            return _by("cosign attest", wanted[0].requirement, rest)
    return _FIXES.get(code, "")


def _by(command: str, requirement: Requirement, rest: str) -> str:
    """Somebody with a key can run the command; an identity is that of a pipeline, which must."""
    keys = [one for one in requirement.authorities if isinstance(one, KeyAuthority)]
    identities = [one for one in requirement.authorities if isinstance(one, KeylessAuthority)]
    names = ", ".join(authority.name for authority in requirement.authorities)
    place = next((f"COSIGN_REPOSITORY={one.repository} " for one in requirement.authorities if one.repository), "")
    if keys:
        return f"{place}{command} --key KEY {rest} (accepted signers: {names})"
    whom = " or ".join(str(one.identity) for one in identities[:_NAMED])
    return f"let {whom} run {place}{command} {rest} (accepted signers: {names})"
