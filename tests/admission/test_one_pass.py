import pytest

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import APP, RELEASE, SIGNED, SOON, a_pod, findings
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeKeyring, FakePullSecrets, FakeRegistry
from webhook.admission.decide import Decider, Options
from webhook.admission.one_pass import RememberingImages
from webhook.admission.verification import Verification
from webhook.codes import Code
from webhook.errors import RegistryRateLimitedError, VerificationTimedOutError
from webhook.images import parse
from webhook.kube.namespaces import KnownNamespaces
from webhook.pods import Pod, of_images
from webhook.signatures.evidence import Unanswered

TAGGED = parse("ghcr.io/acme/app:1")


def with_secret(secret: str) -> Pod:
    return of_images(a_pod(APP).images, pull_secrets=(secret,))


async def test_a_refusal_is_remembered_for_the_pass_and_for_no_other(
    decider: Deciders, registry: FakeRegistry, clock: FakeClock
) -> None:
    judge = decider(SIGNED)
    passing, _ = judge.remembering()
    assert not (await passing.decide(a_pod(APP), "prod", SOON)).allowed
    registry.sign(RELEASE, APP)
    clock.advance(60)
    assert not (await passing.decide(a_pod(APP), "prod", SOON)).allowed
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    again, _ = judge.remembering()
    assert (await again.decide(a_pod(APP), "prod", SOON)).allowed
    assert registry.asked == [f"evidence {APP}"] * 2


async def test_what_one_pods_secret_opened_is_not_told_to_another_pod(
    verification: Verification, registry: FakeRegistry, clock: FakeClock
) -> None:
    registry.locked["ghcr.io/acme/app"] = "scope-of-a"
    registry.sign(RELEASE, APP)
    keyrings = {name: FakeKeyring(**{scope: "ghcr.io/"}) for name, scope in (("a", "scope-of-a"), ("b", "scope-of-b"))}
    policies = FixedPolicies(book(SIGNED))
    judge = Decider(policies, verification, KnownNamespaces({}), Options(), FakePullSecrets(**keyrings), clock=clock)
    passing, _ = judge.remembering()
    for _ in range(2):
        assert (await passing.decide(with_secret("a"), "prod", SOON)).allowed
        assert [code for code, *_ in findings(await passing.decide(with_secret("b"), "prod", SOON))] == ["NOT_SIGNED"]
        assert not (await passing.decide(with_secret("none"), "prod", SOON)).allowed


async def test_a_registry_that_wants_to_be_left_alone_is_not_asked_before_the_limit_is_forgotten(
    verification: Verification, registry: FakeRegistry
) -> None:
    images = RememberingImages(verification)
    registry.failure = RegistryRateLimitedError("429")
    for _ in range(3):
        with pytest.raises(RegistryRateLimitedError):
            await images.digest(TAGGED, SOON)
    assert (len(registry.asked), images.limited) == (1, frozenset({"ghcr.io"}))
    registry.failure = None
    registry.tags[str(TAGGED)] = APP.partition("@")[2]
    images.forget_limits()
    assert str(await images.digest(TAGGED, SOON)) == APP
    assert images.known_digest(TAGGED) == await images.digest(TAGGED, SOON)


async def test_a_limit_that_is_told_as_an_outcome_is_heeded_too(decider: Deciders, registry: FakeRegistry) -> None:
    registry.silent(APP, Unanswered("ghcr.io", Code.REGISTRY_RATE_LIMITED, "429"))
    passing, images = decider(SIGNED).remembering()
    for _ in range(3):
        verdict = await passing.decide(a_pod(APP), "prod", SOON)
        assert [code for code, *_ in findings(verdict)] == ["REGISTRY_RATE_LIMITED"]
    assert (len(registry.asked), images.limited) == (1, frozenset({"ghcr.io"}))


async def test_what_is_still_being_found_out_is_not_remembered_as_not_found_out(
    verification: Verification, registry: FakeRegistry
) -> None:
    images = RememberingImages(verification)
    registry.tags[str(TAGGED)] = APP.partition("@")[2]
    registry.gate.clear()
    with pytest.raises(VerificationTimedOutError):
        await images.digest(TAGGED, 0.01)
    registry.gate.set()
    assert str(await images.digest(TAGGED, SOON)) == APP
    assert len(registry.asked) == 1
