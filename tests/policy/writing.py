"""Policies as administrators write them, for tests: one that has every supported field, and what becomes of a text."""

from collections.abc import Mapping

from webhook.policy.book import Book, Policy
from webhook.policy.collection import Collection, Written

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
KEY_FILES = {"release.pub": KEY, "night.pub": OTHER_KEY}

SOURCE = "policies/prod.yaml"


def collected(*texts: str, key_files: Mapping[str, str] = KEY_FILES) -> Collection:
    """What becomes of some documents of one file."""

    def read_file(name: str) -> bytes:
        if name not in key_files:
            raise FileNotFoundError(2, "No such file or directory")
        return key_files[name].encode()

    collection = Collection()
    collection.add(SOURCE, "---\n".join(texts).encode(), read_file)
    return collection


def faults(*texts: str, key_files: Mapping[str, str] = KEY_FILES) -> list[str]:
    return [str(fault) for fault in collected(*texts, key_files=key_files).faults]


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
