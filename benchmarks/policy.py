"""The policies that the pods of `reviews` are judged by: a key's signature, an allowlist, and the security context."""

import json

from benchmarks.reviews import NAMESPACE
from tests.fakes.sigstore import ISSUER, SUBJECT

_POLICY = """\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: {name}}}
spec:
  match: {{namespaces: {{include: [{name}]}}}}
  images:
    allow: {allow}
    authorities: {authorities}
    verify: {verify}
  containers:
    runAsNonRoot: true
    dropCapabilities: [ALL]
    readOnlyRootFilesystem: true
"""


def policies(registry: str, pem: str, others: int = 0, *, slow: str = "", keyless: bool = False) -> str:
    """One policy that matches the pods of `reviews`, and so many others that are for other namespaces.

    It wants what lies under `shop/` signed by the key, in the registry `slow` too where one is named, and with
    `keyless` what lies under `keyless/` by the identity of `tests.fakes.sigstore`.
    """
    shop = [f"{host}/shop/**" for host in (registry, slow) if host]
    authorities: list[object] = [{"name": "release", "key": {"pem": pem}}]
    verify: list[object] = [_entry("shop", shop, "release")]
    allow = [*shop, "registry.example.com/**"]
    if keyless:
        authorities.append({"name": "ci", "keyless": {"issuer": ISSUER, "subject": SUBJECT}})
        verify.append(_entry("keyless", [f"{registry}/keyless/**"], "ci"))
        allow.append(f"{registry}/keyless/**")
    parts = {"allow": json.dumps(allow), "authorities": json.dumps(authorities), "verify": json.dumps(verify)}
    names = [NAMESPACE, *(f"team-{number:04}" for number in range(others))]
    return "---\n".join(_POLICY.format(name=name, **parts) for name in names)


def _entry(name: str, images: list[str], authority: str) -> object:
    return {"name": name, "images": images, "signatures": {"minimum": 1, "from": [authority]}}
