"""What a developer can do about a finding: one line for each code."""

from collections.abc import Sequence

from webhook.codes import Code
from webhook.images import PinnedImage

_FIXES = {
    Code.REGISTRY_UNAVAILABLE: "retry; if it stays, ask the cluster's administrators whether the registry is reachable",
    Code.REGISTRY_RATE_LIMITED: "retry in a minute",
    Code.TOO_MANY_VERIFICATIONS: "retry in some seconds",
    Code.VERIFICATION_TIMED_OUT: "retry: the verification goes on",
    Code.ADDRESS_NOT_ALLOWED: "name the registry literally in images.allow, or start tidewaiter with --allow-address",
    Code.CREDENTIALS_MISSING: "ask the cluster's administrators to give tidewaiter credentials for this registry",
    Code.CREDENTIALS_REFUSED: "ask the cluster's administrators to renew tidewaiter's credentials for this registry",
    Code.IMAGE_NOT_FOUND: "check the name and push the image",
    Code.REGISTRY_RESPONSE_INVALID: "push the image again with a current tool; the registry's answer cannot be used",
}


def mend(code: Code, image: PinnedImage | None = None, signers: Sequence[str] = ()) -> str:
    """How to mend a finding about an image; `signers` are the names of the authorities that would be accepted."""
    if image is not None and code in {
        Code.NOT_SIGNED,
        Code.SIGNATURE_INVALID,
        Code.SIGNER_NOT_ALLOWED,
        Code.TOO_FEW_SIGNERS,
    }:
        return f"cosign sign --key KEY {image} (accepted signers: {', '.join(signers)})"
    return _FIXES.get(code, "")
