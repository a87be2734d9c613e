import pytest

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import APP, RELEASE, SIGNED, SOON, a_pod, findings
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeKeyring, FakePullSecrets, FakeRegistry
from webhook.admission.decide import Decider, Options
from webhook.admission.one_pass import MAX_SILENT, RememberingImages
from webhook.admission.verification import Verification
from webhook.codes import Code
from webhook.errors import (
    ImageNotFoundError,
    RegistryRateLimitedError,
    RegistryUnavailableError,
    VerificationTimedOutError,
)
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
    assert len(registry.asked) == 1
    registry.failure = None
    registry.tags[str(TAGGED)] = APP.partition("@")[2]
    images.forget_limits()
    assert str(await images.digest(TAGGED, SOON)) == APP
    assert images.known_digest(TAGGED) == await images.digest(TAGGED, SOON)


async def test_a_limit_that_is_told_as_an_outcome_is_heeded_too(decider: Deciders, registry: FakeRegistry) -> None:
    registry.silent(APP, Unanswered("ghcr.io", Code.REGISTRY_RATE_LIMITED, "429"))
    passing, _ = decider(SIGNED).remembering()
    for _ in range(3):
        verdict = await passing.decide(a_pod(APP), "prod", SOON)
        assert [code for code, *_ in findings(verdict)] == ["REGISTRY_RATE_LIMITED"]
    assert len(registry.asked) == 1


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


async def test_a_tag_that_names_nothing_is_asked_for_once(verification: Verification, registry: FakeRegistry) -> None:
    images = RememberingImages(verification)
    registry.failure = ImageNotFoundError("404")
    for _ in range(3):
        with pytest.raises(ImageNotFoundError):
            await images.digest(TAGGED, SOON)
    assert len(registry.asked) == 1


async def test_what_there_is_no_room_for_is_asked_for_again(
    verification: Verification, registry: FakeRegistry, clock: FakeClock
) -> None:
    images = RememberingImages(verification, most=0)
    judge = Decider(FixedPolicies(book(SIGNED)), images, KnownNamespaces({}), Options(), clock=clock)
    for _ in range(2):
        assert [code for code, *_ in findings(await judge.decide(a_pod(APP), "prod", SOON))] == ["NOT_SIGNED"]
        clock.advance(60)
    registry.failure = ImageNotFoundError("404")
    for _ in range(2):
        with pytest.raises(ImageNotFoundError):
            await images.digest(TAGGED, SOON)
    assert len(registry.asked) == 4


async def silence(images: RememberingImages, registry: FakeRegistry, reference: str, told: str = "") -> None:
    registry.failure = RegistryUnavailableError("silent")
    with pytest.raises(RegistryUnavailableError, match=told or "silent"):
        await images.digest(parse(reference), SOON)


async def test_a_registry_that_is_down_is_asked_about_a_few_repositories_only_and_others_are_asked(
    verification: Verification, registry: FakeRegistry
) -> None:
    images = RememberingImages(verification)
    for number in range(MAX_SILENT):
        await silence(images, registry, f"ghcr.io/acme/app{number}:1")
    for number in range(MAX_SILENT):
        await silence(images, registry, f"ghcr.io/acme/tool{number}:1", "is left alone")
    assert len(registry.asked) == MAX_SILENT
    await silence(images, registry, "quay.io/acme/app:1")
    assert len(registry.asked) == MAX_SILENT + 1


async def test_one_repository_or_a_registry_that_answers_others_is_not_down(
    verification: Verification, registry: FakeRegistry
) -> None:
    images = RememberingImages(verification)
    registry.tags[str(TAGGED)] = APP.partition("@")[2]
    for number in range(2 * MAX_SILENT):
        await silence(images, registry, f"ghcr.io/acme/tool:{number}")
    for number in range(2, 2 * MAX_SILENT - 1):
        await silence(images, registry, f"ghcr.io/acme/tool{number}:1")
        if number == MAX_SILENT - 1:
            registry.failure = None
            await images.digest(TAGGED, SOON)
