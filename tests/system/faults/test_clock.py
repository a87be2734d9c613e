"""F-16: a wall clock that is wrong, or jumps while the program runs. What counts seconds does not look at it.

What happens then to the time in certificates and timestamps is tested where those are judged; see the list of faults.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.admission.conftest import FixedPolicies, book
from tests.admission.test_decide import SOON, a_pod
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeTrustRoots
from tests.fakes.replies import answering
from tests.system import policies
from tests.system.faults.registry import TroubledRegistry, rules
from webhook.admission.decide import Decider, Options
from webhook.admission.verification import NOT_VERIFIED_SECONDS, VERIFIED_SECONDS, Verification
from webhook.kube.namespaces import KnownNamespaces
from webhook.registry.client import RegistryClient
from webhook.registry.keychain import KeychainChain
from webhook.registry.settings import RegistrySettings

JUMPS: Final = [timedelta(minutes=5), timedelta(minutes=-5), timedelta(days=1), timedelta(days=-1)]

Ask = Callable[[str], Awaitable[set[str]]]
"""The codes that a pod of an image is denied with."""


class JumpingClock(FakeClock):
    """Its wall time is wrong by `error`, which a test may change at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.error = timedelta()

    def now(self) -> datetime:
        return super().now() + self.error


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def ask(registry: TroubledRegistry, clock: JumpingClock, tmp_path: Path) -> AsyncIterator[Ask]:
    policy = policies.write(tmp_path / "policy.yaml", production={"images": rules(registry.host)})
    settings = RegistrySettings(insecure_hosts=frozenset({registry.host}))
    async with RegistryClient(settings, KeychainChain([]), clock=clock) as client:
        verification = Verification(client, FakeTrustRoots(), clock)
        written = FixedPolicies(book(policy.read_text(encoding="utf-8")))
        decider = Decider(written, verification, KnownNamespaces({}), Options())

        async def ask(image: str) -> set[str]:
            verdict = await decider.decide(a_pod(image), "prod", SOON)
            return {each.code.value for each in verdict.violations if each.denies}

        yield ask
        await verification.close()


@pytest.mark.parametrize("jump", JUMPS)
async def test_f_16_what_is_verified_stays_so_for_its_hour_whatever_the_wall_clock_says(
    registry: TroubledRegistry, clock: JumpingClock, ask: Ask, jump: timedelta
) -> None:
    image = registry.image("signed")
    assert await ask(image) == set()
    asked = len(registry.asked)
    clock.error = jump
    clock.advance(VERIFIED_SECONDS / 2)
    assert await ask(image) == set()
    assert len(registry.asked) == asked
    clock.error = -jump
    clock.advance(VERIFIED_SECONDS / 2)
    assert await ask(image) == set()
    assert len(registry.asked) > asked


@pytest.mark.parametrize("jump", JUMPS)
async def test_f_16_what_is_not_signed_is_looked_up_again_after_its_seconds_whatever_the_wall_clock_says(
    registry: TroubledRegistry, clock: JumpingClock, ask: Ask, jump: timedelta
) -> None:
    image = registry.image("unsigned", signed=False)
    assert await ask(image) == {"NOT_SIGNED"}
    asked = len(registry.asked)
    clock.error = jump
    assert await ask(image) == {"NOT_SIGNED"}
    assert len(registry.asked) == asked
    assert registry.image("unsigned") == image
    clock.advance(NOT_VERIFIED_SECONDS)
    assert await ask(image) == set()


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize(("status", "code"), [(500, "REGISTRY_UNAVAILABLE"), (429, "REGISTRY_RATE_LIMITED")])
async def test_f_16_a_registry_is_left_alone_for_its_seconds_whatever_the_wall_clock_says(
    registry: TroubledRegistry, clock: JumpingClock, ask: Ask, jump: timedelta, status: int, code: str
) -> None:
    image = registry.image("signed")
    registry.trouble = answering(status)
    for _ in range(5):
        assert await ask(image) == {code}
    asked = len(registry.asked)
    registry.trouble = None
    clock.error = jump
    assert await ask(image) == {code}
    assert len(registry.asked) == asked
    clock.advance(5.0)
    assert await ask(image) == set()
