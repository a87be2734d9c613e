"""The allowlist is decided before any socket opens: counted by the interpreter itself, on the real registry client."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.admission.conftest import FixedPolicies, book
from tests.admission.test_decide import SOON, a_pod
from tests.fakes.registry import FakeRegistry
from webhook.config import EngineConfig, RegistryConfig
from webhook.kube.namespaces import KnownNamespaces
from webhook.wiring import engine

POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: strict}
spec:
  images:
    allow: ["%s/shop/*", "registry.example.com/**"]
    deny: ["registry.example.com/scratch/**"]
    denyDigests: ["sha256:%s"]
    tags: UnsafeResolved
"""
EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.sendto"})


class _Counter:
    """An audit hook stays for good, so there is one, which counts only while it is asked to."""

    def __init__(self) -> None:
        self.counting = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, _arguments: object) -> None:
        if self.counting and event in EVENTS:
            self.seen.append(event)


_COUNTER = _Counter()


@contextmanager
def sockets() -> Iterator[list[str]]:
    _COUNTER.seen.clear()
    _COUNTER.counting = True
    try:
        yield _COUNTER.seen
    finally:
        _COUNTER.counting = False


async def opened_for(image: str, registry: FakeRegistry) -> int:
    policies = FixedPolicies(book(POLICY % (registry.host, "b" * 64)))
    config = EngineConfig(policies=(), registry=RegistryConfig(insecure=frozenset({registry.host})))
    async with engine(config, policies, KnownNamespaces({})) as decider:
        with sockets() as seen:
            await decider.decide(a_pod(image), "prod", SOON)
            return len(seen)


@pytest.mark.parametrize(
    "image",
    [
        "nginx",
        "{host}/shop-evil/app:1",
        "{host}/shop/deep/app:1",
        "registry.example.com/scratch/app:1",
        "registry.example.com.evil.example/app:1",
        "169.254.169.254/latest:1",
        "127.1/app:1",
        "2130706433:5000/app:1",
        "kubernetes.default.svc/app:1",
        "user@{host}/shop/app:1",
        "https://{host}/shop/app:1",
        "{host}/shop/../app:1",
        "{host}/shop/app:1\n",
    ],
)
async def test_no_socket_is_opened_for_what_the_allowlist_refuses(image: str) -> None:
    async with FakeRegistry() as registry:
        assert await opened_for(image.format(host=registry.host), registry) == 0
        assert registry.asked == []


async def test_a_socket_is_opened_for_what_it_allows() -> None:
    async with FakeRegistry() as registry:
        registry.put_image("shop/app", tag="1")
        assert await opened_for(f"{registry.host}/shop/app:1", registry) > 0
