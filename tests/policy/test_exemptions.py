"""Which exemptions there can be."""

import pytest

from tests.policy.writing import policy, tweaked
from webhook.codes import TRANSIENT, Code
from webhook.policy.exemptions import NOT_EXEMPTABLE, Exemption
from webhook.policy.lint_exemptions import OF_IMAGES

UNJUDGED = {
    "ADDRESS_NOT_ALLOWED",
    "AUTHORIZATION_UNKNOWN",
    "CREDENTIALS_MISSING",
    "CREDENTIALS_REFUSED",
    "CREDENTIALS_UNAVAILABLE",
    "IMAGE_NOT_FOUND",
    "INTERNAL_ERROR",
    "LABEL_GUARDED",
    "NAMESPACE_LABEL_INVALID",
    "NAMESPACE_UNKNOWN",
    "NO_POLICY_MATCHES",
    "OBJECT_INVALID",
    "POLICY_INVALID",
    "POLICY_UNUSABLE",
    "REFERENCE_INVALID",
    "REGISTRY_RATE_LIMITED",
    "REGISTRY_RESPONSE_INVALID",
    "REGISTRY_UNAVAILABLE",
    "TOO_MANY_VERIFICATIONS",
    "TRUST_ROOT_UNAVAILABLE",
    "VERIFICATION_TIMED_OUT",
}


def test_what_no_rule_found_cannot_be_exempt() -> None:
    assert UNJUDGED & set(Code.__members__) == NOT_EXEMPTABLE
    assert TRANSIENT <= NOT_EXEMPTABLE
    assert not OF_IMAGES & NOT_EXEMPTABLE


def exemption(code: str) -> Exemption:
    text = (
        f"  exemptions:\n  - {{reason: OPS-17, expires: 2027-01-01T02:00:00+02:00, codes: [{code}],"
        ' images: ["registry.example.com/agent/*", "ghcr.io/acme/agent"], namespaces: [legacy, old]}'
    )
    (found,) = policy(tweaked("  onError: Deny", text)).exemptions
    return found


@pytest.mark.parametrize("code", sorted(set(Code) - NOT_EXEMPTABLE))
def test_what_a_rule_found_can_be_exempt(code: Code) -> None:
    found = exemption(code.value)
    assert found.codes == {code}
    assert found.reason == "OPS-17"
    assert found.expires.isoformat() == "2027-01-01T02:00:00+02:00"
    assert found.namespaces == {"legacy", "old"}
    assert [pattern.text for pattern in found.images] == ["registry.example.com/agent/*", "ghcr.io/acme/agent"]
