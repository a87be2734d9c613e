"""Policies and trust roots as administrators write them, for tests, and what becomes of a text."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from webhook.policy.book import Book, Policy
from webhook.policy.collection import Collection, Written
from webhook.policy.documents import FaultsError, load
from webhook.policy.named_files import ReadFile

KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElDI5HbCjXL/rS7CKzpDuqL/xNH7c
WcxbaMh5z+pXOGd4NwDU6MvYxgx8I0DrbdzBTgIQyUzTiYRcVep2qux78g==
-----END PUBLIC KEY-----
"""
OTHER_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdaDwIr7IVZO7fI5qNseLvvRztoSo
uj22Tc+H+GI3N5J6sIZ1T6GheE5N+QIbwuOoG2u+GacNiGvAToBvmP3RKA==
-----END PUBLIC KEY-----
"""
DIGEST = f"sha256:{'a' * 64}"

VALID = f"""\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata:
  name: production
  labels: {{team: platform}}
  annotations: {{example.com/owner: "anybody, really"}}
spec:
  mode: Enforce
  match:
    namespaces: {{include: ["prod-*"], exclude: [prod-sandbox]}}
    namespaceSelector:
      matchLabels: {{team: payments}}
      matchExpressions:
      - {{key: tier, operator: In, values: [gold, silver]}}
  onError: Deny
  images:
    allow: ["registry.example.com/**", "ghcr.io/acme/*"]
    deny: ["registry.example.com/scratch/**"]
    denyDigests: ["{DIGEST}"]
    tags: Pinned
    requireFullyQualified: true
    authorities:
    - name: release
      key: {{file: release.pub}}
      transparencyLog: NotRequired
      annotations: {{team: red}}
    - name: night
      key: {{file: night.pub}}
    verify:
    - name: our-images
      images: ["registry.example.com/**"]
      signatures: {{minimum: 1, from: [release, night]}}
      acceptIndexSignature: false
    unmatched: Deny
  containers:
    runAsNonRoot: true
    dropCapabilities: [ALL]
    allowAddedCapabilities: [NET_BIND_SERVICE]
    readOnlyRootFilesystem: true
"""
"""A policy about keys and containers."""

ATTESTED = """\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: attested}
spec:
  images:
    allow: ["registry.example.com/**"]
    authorities:
    - name: ci
      keyless:
        issuer: https://token.actions.githubusercontent.com
        subject: https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main
        extensions: {sourceRepositoryURI: https://github.com/acme/app}
      trustRoot: public-good
      transparencyLog: Required
      timestamp: NotRequired
      certificateTransparency: Required
    - name: people
      keyless:
        issuer: https://accounts.example.com
        subjectPattern: '[a-z]+@acme\\.example'
      trustRoot: private
      timestamp: Required
    - name: release
      key: {file: release.pub}
      repository: registry.example.com/signatures
      transparencyLog: Required
    verify:
    - name: our-images
      images: ["registry.example.com/**"]
      signatures: {minimum: 2, from: [ci, release]}
      acceptIndexSignature: true
      attestations:
      - type: vuln
        from: [ci, people]
        minimum: 1
        maxAge: 168h
        conditions: ["predicate.scanner.uri.startsWith('pkg:github/aquasecurity/trivy')"]
        vulnerabilities:
          maxSeverity: medium
          ignoreUnfixed: true
          allow: [{id: CVE-2026-1, expires: 2027-01-01T00:00:00Z, reason: not reachable}]
      - type: https://slsa.dev/provenance/v1
    baseImages: {allow: ["registry.example.com/base/**"]}
---
apiVersion: tidewaiter.dev/v1alpha1
kind: TrustRoot
metadata: {name: private}
spec: {file: trusted_root.json}
"""
"""A policy about identities, attestations and base images, with the trust root that it names."""

SPKI = "".join(KEY.splitlines()[1:-1])
TRUST_ROOT = f"""\
apiVersion: tidewaiter.dev/v1alpha1
kind: TrustRoot
metadata: {{name: private}}
spec:
  trustedRoot:
    mediaType: application/vnd.dev.sigstore.trustedroot+json;version=0.1
    tlogs:
    - baseUrl: https://rekor.example.com
      hashAlgorithm: SHA2_256
      publicKey:
        rawBytes: {SPKI}
        keyDetails: PKIX_ECDSA_P256_SHA_256
        validFor: {{start: 2026-01-01T00:00:00Z}}
      logId: {{keyId: WUnvG2S4lbQKmfg4mUPzNYh5RgV2sTUq76P18X3sCAM=}}
"""
TUF = """\
apiVersion: tidewaiter.dev/v1alpha1
kind: TrustRoot
metadata: {name: fetched}
spec:
  tuf:
    url: https://tuf.example.com/roots/
    rootFile: root.json
    target: private/trusted_root.json
"""
ROOT = (Path(__file__).parent / "tuf_root.json").read_text(encoding="utf-8").strip()
"""The first root of a TUF repository, signed by a key of its own; it ends in 2036."""
TRUSTED_ROOT = json.dumps(load("f.yaml", TRUST_ROOT.encode())[0].value["spec"]["trustedRoot"])

KEY_FILES = {"release.pub": KEY, "night.pub": OTHER_KEY}
FILES = KEY_FILES | {"trusted_root.json": TRUSTED_ROOT, "root.json": ROOT}

SOURCE = "policies/prod.yaml"


def collected(*texts: str, files: Mapping[str, str] = FILES, given: Iterable[str] = ()) -> Collection:
    """What becomes of some documents of one file, which name `files`; trust roots of the names `given` are there."""
    collection = Collection(given)
    collection.add(SOURCE, "---\n".join(texts).encode(), reader(files))
    return collection


def reader(files: Mapping[str, str] = FILES) -> ReadFile:
    def read_file(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[name].encode()

    return read_file


def faults(*texts: str, files: Mapping[str, str] = FILES) -> list[str]:
    try:
        collected(*texts, files=files).book(SOURCE)
    except FaultsError as error:
        return [str(fault) for fault in error.faults]
    return []


def book(*texts: str) -> Book:
    return collected(*texts).book(SOURCE)


def policy(text: str) -> Policy:
    return book(text).policies[0]


def written(text: str) -> Written:
    collection = collected(text)
    assert collection.faults == []
    return collection.policies[0]


def tweaked(old: str, new: str, text: str = VALID) -> str:
    """The valid policy with one thing changed."""
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


def of_images(images: str, name: str = "p") -> str:
    """A policy with this `images` section, in flow style."""
    return f"""\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: {name}}}
spec:
  images: {images}
"""


def of_match(name: str, match: str = "") -> str:
    """A policy with this `match` section, in flow style, and one rule."""
    return f"""\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: {name}}}
spec:
  containers: {{runAsNonRoot: true}}
{f"  match: {match}" if match else ""}
"""
