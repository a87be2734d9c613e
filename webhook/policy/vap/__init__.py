"""`tidewaiter policy vap`: the static part of policies as ValidatingAdmissionPolicies, in CEL."""

from webhook.policy.vap.generation import Generated, generate

__all__ = ["Generated", "generate"]
