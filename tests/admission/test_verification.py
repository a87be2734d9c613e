"""Who is asked at once, whose turn it is, and what is verified again before anybody misses it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeKeyring, FakeRegistry, FakeTrustRoots, digest, key, pem
from webhook.admission.asker import NOBODY, Asker
from webhook.admission.evidence_cache import MAX_EVIDENCE_BYTES, RememberingRegistry
from webhook.admission.verification import (
    MAX_AT_ONCE,
    MAX_AT_ONCE_OF_ONE,
    MAX_ATTESTED_AT_ONCE,
    MAX_ATTESTED_AT_ONCE_OF_ONE,
    MESSAGE_CHARACTERS,
    NOT_VERIFIED_SECONDS,
    Verification,
)
from webhook.cache import MAX_FLIGHTS_OF_ONE
from webhook.codes import Code
from webhook.errors import RegistryResponseError, RegistryUnavailableError, TooManyVerificationsError
from webhook.images import Digest, PinnedImage, parse
from webhook.policy.allowlist import Pattern
from webhook.policy.base_images import BaseImageRule
from webhook.policy.rules import VerifyEntry
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import KeyAuthority, Requirement
from webhook.signatures.candidate import Candidate
from webhook.signatures.certificates import Leaf
from webhook.signatures.contents import Contents
from webhook.signatures.evidence import Attachment, Evidence, Unanswered
from webhook.signatures.keys import PublicKey
from webhook.signatures.trust import Proofs, Proved

SOON = 10.0
OF_ONE_NAMESPACE = MAX_AT_ONCE_OF_ONE // 2
RELEASE = key()
BY_RELEASE = KeyAuthority("release", PublicKey.from_pem(pem(RELEASE)))
SIGNED = VerifyEntry("signed", "1", Requirement(1, (BY_RELEASE,)))
SIGNED_ELSEWHERE = VerifyEntry("elsewhere", "2", Requirement(1, (replace(BY_RELEASE, repository="slow.example/sigs"),)))
ATTESTED = VerifyEntry(
    "attested",
    "3",
    None,
    attestations=(
        AttestationRule("review", frozenset({"https://example.com/review/v1"}), Requirement(1, (BY_RELEASE,))),
    ),
)
BUILT_ON = VerifyEntry("built", "4", None, base_images=BaseImageRule((Pattern.parse("slow.example/base/*"),)))
APP = "fast.example/app"


def image(name: str) -> PinnedImage:
    pinned = parse(f"{name}@{digest('a')}").pinned()
    assert pinned is not None
    return pinned


def images(registry: str, number: int) -> list[PinnedImage]:
    return [image(f"{registry}/app{index}") for index in range(number)]


def asked(registry: FakeRegistry, host: str) -> int:
    return sum(f" {host}/" in question for question in registry.asked)


class Questions:
    """Questions about images that are asked beside each other, and end with the test."""

    def __init__(self, verification: Verification) -> None:
        self.verification = verification
        self.tasks: list[asyncio.Task[Any]] = []

    async def ask(self, entry: VerifyEntry, *pinned: PinnedImage, namespace: str = "") -> None:
        for each in pinned:
            self._begin(self.verification.outcome(entry, each, None, SOON, Asker(namespace)))
        await settle()

    async def resolve(self, *names: str, namespace: str = "") -> None:
        for name in names:
            self._begin(self.verification.digest(parse(name), SOON, Asker(namespace)))
        await settle()

    def _begin(self, question: Coroutine[Any, Any, object]) -> None:
        self.tasks.append(asyncio.create_task(question))


async def settle() -> None:
    """Everything that can go on without an answer from outside has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
async def questions(verification: Verification) -> AsyncIterator[Questions]:
    questions = Questions(verification)
    yield questions
    for task in questions.tasks:
        task.cancel()
    await asyncio.gather(*questions.tasks, return_exceptions=True)


@pytest.fixture(autouse=True)
def _slow(registry: FakeRegistry) -> None:
    registry.gates["slow.example"] = asyncio.Event()


class TestOneSlowRegistry:
    """What a registry that does not answer costs the others: nothing."""

    async def test_it_has_so_many_questions_at_once(self, questions: Questions, registry: FakeRegistry) -> None:
        await questions.ask(SIGNED, *images("slow.example", 50))
        assert asked(registry, "slow.example") == OF_ONE_NAMESPACE
        await questions.ask(SIGNED, *images("slow.example/other", 50), namespace="other")
        await questions.ask(SIGNED, *images("slow.example/third", 50), namespace="third")
        assert asked(registry, "slow.example") == MAX_AT_ONCE_OF_ONE
        registry.gates["slow.example"].set()
        await asyncio.wait_for(asyncio.gather(*questions.tasks), SOON)
        assert asked(registry, "slow.example") == 150

    async def test_tags_are_asked_about_in_the_same_places(self, questions: Questions, registry: FakeRegistry) -> None:
        await questions.ask(SIGNED, *images("slow.example", OF_ONE_NAMESPACE - 1))
        await questions.resolve("slow.example/app:1", "slow.example/app:2", "fast.example/app:1")
        assert asked(registry, "slow.example") == OF_ONE_NAMESPACE
        assert asked(registry, "fast.example") == 1

    @pytest.mark.parametrize("entry", [SIGNED, ATTESTED])
    async def test_others_go_on(self, questions: Questions, registry: FakeRegistry, entry: VerifyEntry) -> None:
        await questions.ask(entry, *images("slow.example", 100))
        verification = questions.verification
        for each in images("fast.example", 40):
            assert not (await verification.outcome(entry, each, None, SOON)).verified

    async def test_what_has_its_signatures_there_leaves_places_to_what_has_not(
        self, questions: Questions, registry: FakeRegistry
    ) -> None:
        await questions.ask(SIGNED_ELSEWHERE, *images("fast.example", 100))
        assert registry.asked.count(f"evidence {image('slow.example/sigs')}") == 1
        await questions.verification.outcome(SIGNED, image(APP), None, SOON)

    async def test_what_may_be_built_on_its_images_leaves_places_to_what_may_not(
        self, questions: Questions, registry: FakeRegistry
    ) -> None:
        registry.gates["fast.example"] = asyncio.Event()
        await questions.ask(BUILT_ON, *images("fast.example", 100))
        await questions.ask(ATTESTED, image(APP))
        assert f"attestations {image(APP)}" in registry.asked

    async def test_attestations_take_no_places_of_signatures(
        self, questions: Questions, registry: FakeRegistry
    ) -> None:
        await questions.ask(ATTESTED, *images("slow.example", 100))
        assert asked(registry, "slow.example") == MAX_ATTESTED_AT_ONCE_OF_ONE // 2
        await questions.ask(SIGNED, *images("slow.example", 100))
        assert asked(registry, "slow.example") == MAX_ATTESTED_AT_ONCE_OF_ONE // 2 + OF_ONE_NAMESPACE

    @pytest.mark.parametrize(("entry", "limit"), [(SIGNED, MAX_AT_ONCE), (ATTESTED, MAX_ATTESTED_AT_ONCE)])
    async def test_all_registries_together_have_so_many_questions(
        self, questions: Questions, registry: FakeRegistry, entry: VerifyEntry, limit: int
    ) -> None:
        registry.gate.clear()
        for number in range(20):
            await questions.ask(entry, *images(f"r{number}.example", 20))
        assert len(registry.asked) == limit


class TestNamespaces:
    """Whoever asks for much waits for it, and no other namespace does."""

    async def test_they_take_turns(self, questions: Questions, registry: FakeRegistry) -> None:
        await questions.ask(SIGNED, *images("slow.example", 200), namespace="greedy")
        registry.asked.clear()
        await questions.ask(SIGNED, image("slow.example/modest"), namespace="modest")
        registry.gates["slow.example"].set()
        await asyncio.wait_for(asyncio.gather(*questions.tasks), SOON)
        assert registry.asked.index(f"evidence {image('slow.example/modest')}") <= 1

    async def test_what_two_want_comes_by_the_first_turn_of_either(
        self, questions: Questions, registry: FakeRegistry
    ) -> None:
        greedy = images("slow.example", 200)
        await questions.ask(SIGNED, *greedy, namespace="greedy")
        registry.asked.clear()
        await questions.ask(SIGNED, greedy[-1], namespace="modest")
        registry.gates["slow.example"].set()
        await asyncio.wait_for(asyncio.gather(*questions.tasks), SOON)
        assert registry.asked.index(f"evidence {greedy[-1]}") <= 1
        assert registry.asked.count(f"evidence {greedy[-1]}") == 1

    async def test_so_does_a_tag_that_two_want(self, questions: Questions, registry: FakeRegistry) -> None:
        for number in range(100):
            registry.tags[f"slow.example/app:{number}"] = digest("a")
            await questions.resolve(f"slow.example/app:{number}", namespace="greedy")
        registry.asked.clear()
        await questions.resolve("slow.example/app:99", namespace="modest")
        registry.gates["slow.example"].set()
        await asyncio.wait_for(asyncio.gather(*questions.tasks), SOON)
        assert registry.asked.index("resolve slow.example/app:99") <= 1

    async def test_one_may_have_so_many_under_way(self, questions: Questions, registry: FakeRegistry) -> None:
        for host in ("slow.example", "r1.example", "r2.example"):
            registry.gates[host] = registry.gates["slow.example"]
            await questions.ask(SIGNED, *images(host, 300), namespace="greedy")
        refused = [task for task in questions.tasks if task.done()]
        assert len(refused) == 900 - MAX_FLIGHTS_OF_ONE
        assert all(isinstance(task.exception(), TooManyVerificationsError) for task in refused)
        assert not (await questions.verification.outcome(SIGNED, image(APP), None, SOON, Asker("modest"))).verified

    async def test_five_thousand_pods_of_one_new_image_ask_once(
        self, questions: Questions, registry: FakeRegistry
    ) -> None:
        new = image("slow.example/new")
        registry.sign(RELEASE, str(new))
        for number in range(50):
            await questions.ask(SIGNED, *[new] * 100, namespace=f"n{number}")
        registry.gates["slow.example"].set()
        outcomes = await asyncio.wait_for(asyncio.gather(*questions.tasks), SOON)
        assert all(outcome.verified for outcome in outcomes)
        assert registry.asked == [f"evidence {new}"]


class TestRenewal:
    """A verified outcome that is asked for in its last tenth."""

    async def last_tenth(self, verification: Verification, registry: FakeRegistry, clock: FakeClock) -> None:
        registry.sign(RELEASE, str(image(APP)))
        assert (await verification.outcome(SIGNED, image(APP), None, SOON)).verified
        clock.advance(3200.0)
        assert self.known(verification)
        await settle()
        assert len(registry.asked) == 1
        clock.advance(50.0)

    def known(self, verification: Verification) -> bool | None:
        outcome = verification.known_outcome(SIGNED, image(APP), None)
        return None if outcome is None else outcome.verified

    async def test_it_is_verified_again_once_while_the_old_one_counts(
        self, verification: Verification, registry: FakeRegistry, clock: FakeClock
    ) -> None:
        await self.last_tenth(verification, registry, clock)
        registry.gate.clear()
        for _ in range(100):
            assert self.known(verification)
        await settle()
        assert len(registry.asked) == 2
        registry.gate.set()
        await settle()
        clock.advance(3000.0)
        assert self.known(verification)
        assert len(registry.asked) == 2

    async def test_where_nothing_is_found_out_the_old_one_counts_to_its_end(
        self, verification: Verification, registry: FakeRegistry, clock: FakeClock
    ) -> None:
        await self.last_tenth(verification, registry, clock)
        registry.silent(str(image(APP)), Unanswered("tag", Code.REGISTRY_UNAVAILABLE, "silence"))
        assert self.known(verification)
        await settle()
        registry.failure = RegistryUnavailableError("silence")
        assert self.known(verification)
        await settle()
        assert len(registry.asked) == 2
        clock.advance(349.0)
        assert self.known(verification)
        clock.advance(2.0)
        assert self.known(verification) is None

    async def test_an_image_that_is_signed_no_more_is_refused_from_then_on(
        self, verification: Verification, registry: FakeRegistry, clock: FakeClock
    ) -> None:
        await self.last_tenth(verification, registry, clock)
        registry.found.clear()
        assert self.known(verification)
        await settle()
        assert self.known(verification) is False
        clock.advance(NOT_VERIFIED_SECONDS + 0.1)
        assert self.known(verification) is None


class Root:
    """Fills `webhook.signatures.trust.TrustRoot`: there is nothing that it does not prove."""

    def __init__(self, fingerprint: str, expires: datetime) -> None:
        self.fingerprint = fingerprint
        self.expires = expires

    def prove(self, candidate: Candidate, signer: Leaf | PublicKey, wanted: Proofs, now: datetime) -> Proved:
        return Proved()


async def test_what_is_verified_ends_with_its_trust_root_and_another_one_counts_at_once(
    verification: Verification, registry: FakeRegistry, trust: FakeTrustRoots, clock: FakeClock
) -> None:
    logged = replace(BY_RELEASE, proofs=Proofs(log=True))
    entry = VerifyEntry("logged", "5", Requirement(1, (logged,)))
    trust.roots["public-good"] = Root("first", clock.now() + timedelta(seconds=50))
    registry.sign(RELEASE, str(image(APP)))
    assert (await verification.outcome(entry, image(APP), None, SOON)).verified
    trust.roots["public-good"] = Root("second", clock.now() + timedelta(days=50))
    assert verification.known_outcome(entry, image(APP), None) is None
    trust.roots["public-good"] = Root("first", clock.now() + timedelta(days=50))
    clock.advance(49.0)
    assert verification.known_outcome(entry, image(APP), None) is not None
    clock.advance(2.0)
    assert verification.known_outcome(entry, image(APP), None) is None


class Unreadable(FakeRegistry):
    """What its tags list cannot be read, for a reason that is told at length."""

    async def listed(self, image: object, keyring: object = None) -> tuple[PinnedImage, frozenset[Digest]]:
        raise RegistryResponseError("x" * 2 * MESSAGE_CHARACTERS)


async def test_a_long_message_is_cut_before_it_is_kept(trust: FakeTrustRoots, clock: FakeClock) -> None:
    verification = Verification(Unreadable(), trust, clock)
    outcome = await verification.outcome(SIGNED, image(APP), "1", SOON)
    assert len(outcome.message) == MESSAGE_CHARACTERS
    assert outcome.message.endswith("xxx...")
    await verification.close()


class TestRemembering:
    """Evidence, for the other entries that ask about the same image at the same time."""

    KEYRING = FakeKeyring(ours="fast.example/")

    @pytest.fixture
    async def remembering(self, registry: FakeRegistry, clock: FakeClock) -> AsyncIterator[RememberingRegistry]:
        remembering = RememberingRegistry(registry, clock)
        yield remembering
        await remembering.close()

    async def test_what_another_credential_opens_is_another_answer(
        self, remembering: RememberingRegistry, registry: FakeRegistry
    ) -> None:
        registry.locked["fast.example/app"] = "ours"
        registry.sign(RELEASE, str(image(APP)))
        for _ in range(2):
            assert (await remembering.evidence(image(APP), attestations=False, keyring=self.KEYRING)).attachments
            assert not (await remembering.evidence(image(APP), attestations=False)).attachments
        assert registry.asked == [f"evidence {image(APP)} with ours", f"evidence {image(APP)}"]

    async def test_it_asks_with_the_credentials_that_it_is_given(
        self, remembering: RememberingRegistry, registry: FakeRegistry
    ) -> None:
        registry.tags["fast.example/app:1"] = digest("a")
        registry.made_of[str(image(APP))] = Contents(())
        assert await remembering.resolve(parse("fast.example/app:1"), self.KEYRING) == image(APP)
        assert await remembering.contents(image(APP), self.KEYRING) == Contents(())
        assert (await remembering.listed(parse("fast.example/app:1"), self.KEYRING))[0] == image(APP)
        assert all(question.endswith(" with ours") for question in registry.asked)

    @pytest.mark.parametrize(
        "attachment",
        [
            Attachment("tag", "type", b"x" * (MAX_EVIDENCE_BYTES + 1)),
            Attachment("tag", "type", b"", {"certificate": "x" * (MAX_EVIDENCE_BYTES + 1)}),
        ],
    )
    async def test_what_is_large_is_not_kept(
        self, remembering: RememberingRegistry, registry: FakeRegistry, attachment: Attachment
    ) -> None:
        registry.found[str(image(APP))] = Evidence((attachment,))
        for _ in range(2):
            await remembering.evidence(image(APP), attestations=False)
        assert len(registry.asked) == 2


def test_an_asker_without_pull_secrets_has_no_scope() -> None:
    assert NOBODY.scope([image(APP)]) == ""


def test_a_scope_names_each_credential_once_and_nothing_where_there_is_none() -> None:
    asker = Asker("prod", FakeKeyring(b="fast.example/", a="slow.example/"))
    places = [image("fast.example/x"), image("slow.example/x"), image("fast.example/y"), image("other.example/y")]
    assert asker.scope(places) == "a b"
    assert asker.scope(places[3:]) == ""
