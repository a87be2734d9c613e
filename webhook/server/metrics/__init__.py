"""Metrics, in a registry of their own, one module for each subject.

Label values come from closed sets, from flags or from policies, never from a request.
"""

import platform

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from webhook.server.metrics.caches import CacheMetrics
from webhook.server.metrics.certificates import CertificateMetrics
from webhook.server.metrics.decisions import DecisionMetrics
from webhook.server.metrics.policies import PolicyMetrics
from webhook.server.metrics.registries import RegistryMetrics
from webhook.server.metrics.serving import ServingMetrics
from webhook.server.metrics.verifications import VerificationMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics(DecisionMetrics, ServingMetrics, PolicyMetrics, CertificateMetrics):
    """All metrics of one server.

    `registry` is open to collectors of other parts. `registries` is told how the registries of images answer,
    `verifications` what is verified; `caches` follows caches.
    """

    def __init__(self, version: str, registry: CollectorRegistry | None = None) -> None:
        registry = self.registry = registry or CollectorRegistry()
        DecisionMetrics.__init__(self, registry)
        ServingMetrics.__init__(self, registry)
        PolicyMetrics.__init__(self, registry)
        CertificateMetrics.__init__(self, registry)
        self.registries = RegistryMetrics(registry)
        self.verifications = VerificationMetrics(registry)
        self.caches = CacheMetrics(registry)
        running = ("version", "python")
        build = Gauge("tidewaiter_build_info", "The version that runs, and Python's.", running, registry=registry)
        build.labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

    def text(self) -> bytes:
        """All of it, in the format of `CONTENT_TYPE`."""
        return generate_latest(self.registry)
