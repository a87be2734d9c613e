"""Policies of Kyverno, Sigstore policy-controller and Connaisseur into ours.

1. What is made of a policy never admits an image that the policy would refuse, in the pods that it speaks about.
2. What cannot be said exactly is said more strictly or left out, and is a loss, which is told with its path.
3. Every field is read by name: one that nobody reads is a loss too, and a restriction that is lost refuses.
"""

from webhook.policy.convert.conversion import Converted, convert

__all__ = ["Converted", "convert"]
