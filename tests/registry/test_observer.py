"""What metrics are told of registries."""

from collections import Counter
from ipaddress import ip_network

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry
from tests.fakes.replies import answering
from tests.registry.conftest import FixedKeychain, at_once, failure, resolve
from webhook.config import RegistryConfig
from webhook.registry.client import RegistryClient
from webhook.registry.observer import NamedRegistries, OpenCircuits
from webhook.registry.settings import Limits, Mirror, RegistrySettings
from webhook.wiring import registry_client

PATH = "/v2/app/manifests/1"


class Told:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.open_circuits: OpenCircuits = dict

    def registry_asked(self, registry: str, outcome: str) -> None:
        self.asked.append((registry, outcome))

    def follow_circuits(self, open_circuits: OpenCircuits) -> None:
        self.open_circuits = open_circuits


@pytest.fixture
def told() -> Told:
    return Told()


def observed(registry: FakeRegistry, told: Told, clock: FakeClock, **settings: object) -> RegistryClient:
    reached = RegistrySettings(
        insecure_hosts=frozenset({registry.host}),
        limits=Limits(failures=2),
        **settings,  # type: ignore[arg-type]
    )
    return RegistryClient(reached, FixedKeychain(), clock=clock, pause=at_once, observer=told)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (404, "4xx"),
        (429, "429"),
        (500, "5xx"),
        (503, "5xx"),
        (401, "CREDENTIALS_MISSING"),
        (302, "REGISTRY_RESPONSE_INVALID"),
    ],
)
async def test_each_question_is_told_once_by_what_came_of_it(
    registry: FakeRegistry, told: Told, status: int, outcome: str
) -> None:
    async with observed(registry, told, FakeClock()) as client:
        registry.replies[PATH] = answering(status)
        await failure(client, registry.host)
        del registry.replies[PATH]
        if status != 429:
            registry.put_image("app", tag="1")
            await resolve(client, registry.host)
    assert told.asked == [(registry.host, outcome), (registry.host, "2xx")][: 1 if status == 429 else 2]


async def test_a_question_that_was_not_asked_is_not_told(registry: FakeRegistry, told: Told) -> None:
    clock = FakeClock()
    async with observed(registry, told, clock) as client:
        await registry.stop()
        for _ in range(5):
            await failure(client, registry.host)
        assert told.asked == [(registry.host, "REGISTRY_UNAVAILABLE")] * 2
        assert told.open_circuits() == {registry.host: 1}
        clock.advance(1.0)
        assert told.open_circuits() == {}


async def test_a_mirror_is_told_by_its_own_name(registry: FakeRegistry, told: Told) -> None:
    mirrors = {"docker.io": (Mirror(registry.host),)}
    registry.put_image("library/app", tag="1")
    async with observed(registry, told, FakeClock(), mirrors=mirrors) as client:
        await resolve(client, "docker.io")
    assert told.asked == [(registry.host, "2xx")]


def test_a_registry_that_nobody_named_is_one_of_many(told: Told) -> None:
    named = NamedRegistries(told, {"ghcr.io"}.__contains__)
    for host in ("ghcr.io", "a.attacker.example", "b.attacker.example"):
        named.registry_asked(host, "2xx")
    assert told.asked == [("ghcr.io", "2xx"), ("other", "2xx"), ("other", "2xx")]
    named.follow_circuits(lambda: Counter({"ghcr.io": 1, "a.attacker.example": 2, "b.attacker.example": 3}))
    assert told.open_circuits() == {"ghcr.io": 1, "other": 5}


async def test_policies_and_flags_name_registries_and_nobody_else_does(told: Told) -> None:
    loopback = (ip_network("127.0.0.0/8"),)
    flags = RegistryConfig(
        insecure=frozenset({"127.0.0.1:1"}),
        allow_addresses=loopback,
        mirrors=(("127.0.0.1:2", Mirror("127.0.0.1:3")),),
    )
    async with registry_client(flags, {"127.0.0.1:4"}.__contains__, told) as client:
        for port in (1, 2, 4, 5):
            await failure(client, f"127.0.0.1:{port}")
    assert [registry for registry, _ in told.asked] == [
        "127.0.0.1:1",
        "127.0.0.1:3",
        "127.0.0.1:2",
        "127.0.0.1:4",
        "other",
    ]
    assert {outcome for _, outcome in told.asked} == {"REGISTRY_UNAVAILABLE"}
