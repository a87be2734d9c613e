"""Policies that need a trust root, and an image that is signed as they want it."""

from tests.admission.conftest import book
from tests.admission.test_decide import SOON, a_pod
from tests.fakes import sigstore
from tests.fakes.registry import FakeRegistry
from tests.fakes.tuf import FakeTuf
from tests.trust.serving import TufServer
from webhook.admission.decide import Decider
from webhook.config import EngineConfig, RegistryConfig, TrustConfig
from webhook.policy.book import Book

OURS = sigstore.trusted_root()
TARGET = "trusted_root.json"
POLICY = f"""
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: signed}}
spec:
  images:
    authorities:
    - name: ci
      keyless: {{issuer: "{sigstore.ISSUER}", subject: "{sigstore.SUBJECT}"}}
      trustRoot: corp
    verify:
    - {{name: ours, images: ["%s/**"], signatures: {{from: [ci]}}}}
    unmatched: Allow
"""
ROOT = """
apiVersion: tidewaiter.dev/v1alpha1
kind: TrustRoot
metadata: {name: corp}
spec:
  tuf:
    url: %s
    root: '%s'
"""
NEEDING_PUBLIC_GOOD = (POLICY % "registry.example.com").replace("trustRoot: corp", "trustRoot: public-good")

KEYED = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: keyed}
spec:
  images:
    authorities:
    - {name: release, key: {pem: %s}}
    verify:
    - {name: ours, images: ["%s/**"], signatures: {from: [release]}}
    unmatched: Allow
"""


def needing(registry: FakeRegistry, server: TufServer, tuf: FakeTuf) -> Book:
    return book(POLICY % registry.host, ROOT % (server.url(), tuf.root.decode()))


def allowing(server: TufServer, registry: FakeRegistry, trust: TrustConfig) -> EngineConfig:
    flags = server.trusted
    reached = RegistryConfig(
        ca_files=flags.ca_files, allow_addresses=flags.allow_addresses, insecure=frozenset({registry.host})
    )
    return EngineConfig(policies=(), registry=reached, trust=trust)


async def denials(decider: Decider, registry: FakeRegistry) -> list[str]:
    verdict = await decider.decide(a_pod(f"{registry.host}/app@{sigstore.DIGEST}"), "prod", SOON)
    return [each.code.value for each in verdict.violations if each.denies]
