"""A scenario, decided by the real engine: an AdmissionReview in, the answer out."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from tests.admission.conftest import FixedPolicies
from tests.fakes import sigstore
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry, FakeTrustRoots, digest, pem
from tests.golden.beside import BESIDE, IMAGE, KEYS
from webhook.admission.decide import Decider, Options
from webhook.admission.guard import Guard
from webhook.admission.review import Answer
from webhook.admission.reviewer import Reviewer
from webhook.admission.verification import Verification
from webhook.admission.waiting import Waiting
from webhook.codes import Code
from webhook.errors import NotFoundOutError
from webhook.images import Digest
from webhook.kube.namespaces import KnownNamespaces
from webhook.objects import User
from webhook.policy.resources import Compiler
from webhook.signatures.authorities import PUBLIC_GOOD
from webhook.signatures.contents import BASE_DIGEST, BASE_NAME, Contents, Platform
from webhook.signatures.evidence import Evidence
from webhook.signatures.proofs.trust_root import TrustRoot

FOLDER: Final = Path(__file__).parent / "messages"
UID: Final = "7c1e9a02-5d43-4f7a-9e51-0c8d2f6b3a14"
SECRET: Final = "hunter2"
"""What an exception of a scenario says, and no message may."""

HARDENED: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "name": "app",
        "image": IMAGE,
        "securityContext": {
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
)


def scenarios() -> dict[str, dict[str, Any]]:
    """By code. What begins with an underscore is written once for several of them."""
    written = yaml.safe_load((Path(__file__).parent / "scenarios.yaml").read_text(encoding="utf-8"))
    return {name: scenario for name, scenario in written.items() if not name.startswith("_")}


class World:
    """Everything that a decision depends on but for the policy and the pod."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.trust = FakeTrustRoots(**{PUBLIC_GOOD: TrustRoot.parse(sigstore.trusted_root())})
        self.clock = FakeClock()
        self.verification = Verification(self.registry, self.trust, self.clock)
        self.seconds = 10.0


def _without_trust_roots(world: World) -> None:
    world.trust.roots.clear()


def _slow(world: World) -> None:
    world.registry.gate.clear()
    world.seconds = 0.0


def _too_many_wait(world: World) -> None:
    world.verification.waiting = Waiting(places=0)


def _breaks(world: World) -> None:
    world.registry.crash = RuntimeError(f"password={SECRET}")


def _built_on_busybox(world: World) -> None:
    annotations = {BASE_NAME: "docker.io/library/busybox:1.37", BASE_DIGEST: digest("b")}
    platform = Platform(Digest.parse(sigstore.DIGEST), (digest("c"),), annotations)
    world.registry.made_of[IMAGE] = Contents((platform,))


WHEN: Final[dict[str, Callable[[World], None]]] = {
    "without trust roots": _without_trust_roots,
    "the registry is slow": _slow,
    "too many wait": _too_many_wait,
    "something breaks": _breaks,
    "built on busybox": _built_on_busybox,
}


class FixedAuthorization:
    """Fills `webhook.admission.ports.Authorization`: the same answer about everybody."""

    def __init__(self, *, may: bool | None) -> None:
        self.may = may

    async def may_change_policies(self, user: User, wait: float) -> bool | None:
        return self.may


async def response(code: str, scenario: Mapping[str, Any]) -> dict[str, Any]:
    """The `response` of the AdmissionReview that answers the scenario."""
    answer = await (_guarded(scenario) if "guarded" in scenario else _decided(code, scenario))
    found: dict[str, Any] = json.loads(answer.body)["response"]
    return found


async def _decided(code: str, scenario: Mapping[str, Any]) -> Answer:
    async with _world(code, scenario) as world:
        reviewer = Reviewer(_decider(scenario["policy"], world))
        return await reviewer.review(_review("pods", _pod(scenario)), world.seconds)


async def _guarded(scenario: Mapping[str, Any]) -> Answer:
    authorization = FixedAuthorization(may=scenario.get("may", True))
    guard = Guard(_policies(scenario["policy"]), authorization, pod_security_labels=True)
    ((resource, written),) = scenario["guarded"].items()
    return await guard.review(_review(resource, written))


@asynccontextmanager
async def _world(code: str, scenario: Mapping[str, Any]) -> AsyncIterator[World]:
    world = World()
    if beside := scenario.get("beside"):
        world.registry.found[IMAGE] = Evidence(tuple(BESIDE[each]() for each in beside))
    if "fails" in scenario:
        (error,) = (each for each in NotFoundOutError.__subclasses__() if each.code is Code(code))
        world.registry.failure = error(scenario["fails"])
    if "when" in scenario:
        WHEN[scenario["when"]](world)
    try:
        yield world
    finally:
        world.registry.gate.set()
        await world.verification.close()


def _decider(policy: Mapping[str, Any], world: World) -> Decider:
    return Decider(_policies(policy), world.verification, KnownNamespaces({}), Options(), clock=world.clock)


def _policies(policy: Mapping[str, Any]) -> FixedPolicies:
    secrets = {("keys", f"{name}.pub"): pem(key).encode() for name, key in KEYS.items()}
    return FixedPolicies(Compiler().compiled({"production": {"spec": policy}}, {}, secrets).book)


def _pod(scenario: Mapping[str, Any]) -> dict[str, Any]:
    spec = merged({"containers": [merged(HARDENED, scenario.get("container", {}))]}, scenario.get("spec", {}))
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}


def _review(resource: str, written: Mapping[str, Any]) -> bytes:
    group = "" if resource in {"pods", "namespaces"} else "tidewaiter.dev"
    request = {
        "uid": UID,
        "resource": {"group": group, "version": "v1alpha1" if group else "v1", "resource": resource},
        "namespace": "prod",
        "name": "web",
        "operation": "CREATE",
        "userInfo": {"username": "alice"},
        "object": written,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def merged(whole: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The whole with the changes: mappings are merged, None takes a member away, anything else replaces it."""
    result = dict(whole)
    for name, change in changes.items():
        if change is None:
            del result[name]
        elif isinstance(change, dict):
            result[name] = merged(result.get(name, {}), change)
        else:
            result[name] = change
    return result
