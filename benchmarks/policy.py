"""The policies that the pods of `reviews` are judged by: a key's signature, an allowlist, and the security context."""

import json

from benchmarks.reviews import NAMESPACE

_POLICY = """\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: {name}}}
spec:
  match: {{namespaces: {{include: [{namespace}]}}}}
  images:
    allow: ["{registry}/shop/**", "registry.example.com/**"]
    authorities:
    - name: release
      key: {{pem: {pem}}}
    verify:
    - name: shop
      images: ["{registry}/shop/**"]
      signatures: {{minimum: 1, from: [release]}}
  containers:
    runAsNonRoot: true
    dropCapabilities: [ALL]
    readOnlyRootFilesystem: true
"""


def policies(registry: str, pem: str, others: int = 0) -> str:
    """One policy that matches the pods of `reviews`, and so many others that are for other namespaces."""
    spaces = [NAMESPACE, *(f"team-{number:04}" for number in range(others))]
    return "---\n".join(
        _POLICY.format(name=name, namespace=name, registry=registry, pem=json.dumps(pem)) for name in spaces
    )
