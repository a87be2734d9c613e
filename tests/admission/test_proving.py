"""Verify entries: what is asked for them, and what is made of the answers."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import sigstore
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeKeyring, FakeRegistry, FakeTrustRoots, digest, key, pem, signature
from tests.fakes.sigstore import Key, Log
from webhook.admission.ports import Keyring
from webhook.admission.proving import Prover
from webhook.codes import Code
from webhook.errors import (
    ImageNotFoundError,
    NotFoundOutError,
    RegistryResponseError,
    RegistryUnavailableError,
)
from webhook.images import Digest, ImageReference, PinnedImage
from webhook.policy.allowlist import Pattern
from webhook.policy.base_images import BaseImageRule
from webhook.policy.rules import VerifyEntry
from webhook.signatures.attestations import AttestationRule
from webhook.signatures.authorities import KeyAuthority, KeylessAuthority, Requirement
from webhook.signatures.contents import BASE_DIGEST, BASE_NAME, Contents, Platform
from webhook.signatures.evidence import Evidence, Unanswered, Unusable
from webhook.signatures.identities import Identity
from webhook.signatures.keys import PublicKey
from webhook.signatures.outcome import Outcome

RELEASE = key()
BY_RELEASE = KeyAuthority("release", PublicKey.from_pem(pem(RELEASE)))
BY_KEY = KeyAuthority("ci", PublicKey.from_pem(Key().pem))
CHILD = PinnedImage("registry.example.com", "app", Digest.parse(digest("a")))
INDEX = PinnedImage("registry.example.com", "app", Digest.parse(digest("b")))
ATTESTED = PinnedImage("registry.example.com", "app", Digest.parse(sigstore.DIGEST))
SIGNED_ENTRY = VerifyEntry("signed", "1", Requirement(1, (BY_RELEASE,)))
REVIEW = "https://example.com/review/v1"


class Computing:
    """Counts what is not computed on the event loop."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self, work: Callable[[], Outcome]) -> Outcome:
        self.count += 1
        return await asyncio.to_thread(work)


@pytest.fixture
def compute() -> Computing:
    return Computing()


@pytest.fixture
def prover(registry: FakeRegistry, trust: FakeTrustRoots, clock: FakeClock, compute: Computing) -> Prover:
    return Prover(registry, trust, clock, compute)


def entry(**changes: Any) -> VerifyEntry:
    return replace(SIGNED_ENTRY, **changes)


def attestation_rule(**changes: Any) -> AttestationRule:
    return AttestationRule(REVIEW, frozenset({REVIEW}), Requirement(1, (BY_KEY,)), **changes)


async def test_a_quick_entry_is_judged_on_the_loop_and_asks_for_signatures_alone(
    prover: Prover, registry: FakeRegistry, compute: Computing
) -> None:
    registry.sign(RELEASE, str(CHILD))
    assert (await prover.outcome(SIGNED_ENTRY, CHILD)).signers == ("release",)
    assert (registry.asked, compute.count) == ([f"evidence {CHILD}"], 0)


async def test_what_takes_longer_is_computed_elsewhere(
    prover: Prover, registry: FakeRegistry, compute: Computing
) -> None:
    keyless = KeylessAuthority("ci", Identity("https://issuer.example.com", "https://example.com/ci"))
    outcome = await prover.outcome(entry(requirement=Requirement(1, (keyless,))), CHILD)
    assert (outcome.code, compute.count) == (Code.NOT_SIGNED, 1)
    await prover.outcome(entry(requirement=None, attestations=(attestation_rule(),)), CHILD)
    assert compute.count == 2


async def test_signatures_and_attestations_must_both_hold(prover: Prover, registry: FakeRegistry) -> None:
    attested = sigstore.attestation(REVIEW, {"ok": True}, signer=Key(), log=Log.NONE)
    both = entry(attestations=(attestation_rule(),))
    registry.found[str(ATTESTED)] = Evidence((attested,))
    outcome = await prover.outcome(both, ATTESTED)
    assert outcome.code is Code.NOT_SIGNED
    assert registry.asked == [f"attestations {ATTESTED}"]
    registry.found[str(ATTESTED)] = Evidence((attested, signature(RELEASE, str(ATTESTED))))
    outcome = await prover.outcome(both, ATTESTED)
    assert (outcome.verified, outcome.signers) == (True, ("release", "ci"))
    assert outcome.message == f"signed by release; {REVIEW} attested by ci"
    registry.found[str(ATTESTED)] = Evidence((signature(RELEASE, str(ATTESTED)),))
    assert (await prover.outcome(both, ATTESTED)).code is Code.ATTESTATION_MISSING


async def test_an_entry_that_asks_for_nothing_is_never_fulfilled(prover: Prover, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, str(CHILD))
    outcome = await prover.outcome(entry(requirement=None), CHILD)
    assert (outcome.verified, outcome.code) == (False, Code.SIGNER_NOT_ALLOWED)


async def test_signatures_are_looked_for_where_each_authority_signs(prover: Prover, registry: FakeRegistry) -> None:
    elsewhere = replace(BY_KEY, repository="sigs.example.com:5000/of/all")
    both = entry(requirement=Requirement(2, (BY_RELEASE, elsewhere)))
    place = PinnedImage("sigs.example.com:5000", "of/all", ATTESTED.digest)
    here, there = signature(RELEASE, str(ATTESTED)), sigstore.signature(signer=Key(), log=Log.NONE)
    registry.found = {str(ATTESTED): Evidence((here,)), str(place): Evidence((there,))}
    outcome = await prover.outcome(both, ATTESTED)
    assert (outcome.verified, sorted(outcome.signers)) == (True, ["ci", "release"])
    assert [trial.source for trial in outcome.trials if trial.authority == "ci"] == [
        f"sigs.example.com:5000/of/all: {there.source}"
    ]
    registry.found = {str(ATTESTED): Evidence((here, there)), str(place): Evidence()}
    assert (await prover.outcome(both, ATTESTED)).code is Code.TOO_FEW_SIGNERS
    unanswered = Unanswered("referrers API", Code.REGISTRY_UNAVAILABLE, "silence")
    registry.found = {str(ATTESTED): Evidence((here,)), str(place): Evidence(unanswered=(unanswered,))}
    assert (await prover.outcome(both, ATTESTED)).code is Code.REGISTRY_UNAVAILABLE


class TestIndexes:
    """`acceptIndexSignature`: one platform of an index that is verified itself."""

    @pytest.fixture(autouse=True)
    def _index(self, registry: FakeRegistry) -> None:
        registry.tags["registry.example.com/app:1.2"] = str(INDEX.digest)
        registry.indexes[str(INDEX)] = frozenset({CHILD.digest})
        registry.sign(RELEASE, str(INDEX))

    async def test_the_index_of_the_tag_vouches_for_what_it_lists(self, prover: Prover) -> None:
        outcome = await prover.outcome(SIGNED_ENTRY, CHILD, "1.2")
        assert outcome.verified
        assert outcome.message == f"signed by release, for the index {INDEX.digest} that lists it"

    async def test_without_a_tag_no_index_is_asked_for(self, prover: Prover, registry: FakeRegistry) -> None:
        assert (await prover.outcome(SIGNED_ENTRY, CHILD)).code is Code.NOT_SIGNED
        assert registry.asked == [f"evidence {CHILD}"]

    async def test_an_index_that_does_not_list_it_does_not_count(self, prover: Prover, registry: FakeRegistry) -> None:
        registry.indexes[str(INDEX)] = frozenset({Digest.parse(digest("c"))})
        outcome = await prover.outcome(SIGNED_ENTRY, CHILD, "1.2")
        assert outcome.code is Code.NOT_SIGNED
        assert outcome.message.endswith("; tag 1.2 names no index that lists it")
        assert f"evidence {INDEX}" not in registry.asked

    async def test_an_index_that_nobody_signed_does_not_count(self, prover: Prover, registry: FakeRegistry) -> None:
        registry.found.clear()
        outcome = await prover.outcome(SIGNED_ENTRY, CHILD, "1.2")
        assert outcome.code is Code.NOT_SIGNED
        assert outcome.message.endswith("nor is the index that lists it: no cosign signature or bundle for this digest")

    async def test_a_platform_that_is_signed_needs_no_index(self, prover: Prover, registry: FakeRegistry) -> None:
        registry.sign(RELEASE, str(CHILD))
        assert (await prover.outcome(SIGNED_ENTRY, CHILD, "1.2")).verified
        assert registry.asked == [f"evidence {CHILD}"]

    async def test_a_tag_that_is_gone_is_no_index(self, prover: Prover, registry: FakeRegistry) -> None:
        registry.tags.clear()
        outcome = await prover.outcome(SIGNED_ENTRY, CHILD, "1.2")
        assert outcome.code is Code.NOT_SIGNED
        assert "no index of tag 1.2 could be read" in outcome.message

    async def test_what_could_not_be_found_out_is_no_answer(self, prover: Prover, registry: FakeRegistry) -> None:
        unanswered = Unanswered("referrers API", Code.REGISTRY_UNAVAILABLE, "silence")
        registry.silent(str(CHILD), unanswered)
        assert (await prover.outcome(SIGNED_ENTRY, CHILD, "1.2")).code is Code.REGISTRY_UNAVAILABLE

    async def test_an_index_that_cannot_be_asked_for_is_no_answer(
        self, trust: FakeTrustRoots, clock: FakeClock, compute: Computing
    ) -> None:
        registry = IndexesUnreachable()
        with pytest.raises(RegistryUnavailableError):
            await Prover(registry, trust, clock, compute).outcome(SIGNED_ENTRY, CHILD, "1.2")


class IndexesUnreachable(FakeRegistry):
    """Answers everything but what a tag lists."""

    async def listed(
        self, image: ImageReference, keyring: Keyring | None = None
    ) -> tuple[PinnedImage, frozenset[Digest]]:
        raise RegistryUnavailableError(f"no answer about {image}")


BASE = PinnedImage("registry.example.com", "base/debian", Digest.parse(digest("d")))
CLAIM = {BASE_NAME: "registry.example.com/base/debian:13", BASE_DIGEST: str(BASE.digest)}
OURS = Contents((Platform(CHILD.digest, (digest("1"), digest("2")), CLAIM),))
BASE_ENTRY = VerifyEntry(
    "baseImages", "2", None, base_images=BaseImageRule((Pattern.parse("registry.example.com/base/**"),))
)


class BasesFail(FakeRegistry):
    """Knows an image, and fails to tell of its base image."""

    def __init__(self, error: NotFoundOutError) -> None:
        super().__init__()
        self.made_of[str(CHILD)] = OURS
        self.error = error

    async def contents(self, image: PinnedImage, keyring: Keyring | None = None) -> Contents:
        if image != CHILD:
            raise self.error
        return await super().contents(image, keyring)


class TestBaseImages:
    """`baseImages`: what the image was built on."""

    async def test_layers_prove_the_base_image(self, prover: Prover, registry: FakeRegistry) -> None:
        registry.made_of = {
            str(CHILD): OURS,
            str(BASE): Contents((Platform(BASE.digest, (digest("1"),)),)),
        }
        outcome = await prover.outcome(BASE_ENTRY, CHILD)
        assert (outcome.verified, outcome.message) == (True, "built on a base image that is allowed")
        assert registry.asked == [f"contents {CHILD}", f"contents {BASE}"]

    async def test_a_claim_is_no_proof(self, prover: Prover, registry: FakeRegistry) -> None:
        registry.made_of = {
            str(CHILD): OURS,
            str(BASE): Contents((Platform(BASE.digest, (digest("9"),)),)),
        }
        assert (await prover.outcome(BASE_ENTRY, CHILD)).code is Code.BASE_IMAGE_NOT_ALLOWED

    async def test_a_base_image_that_is_not_allowed_is_never_asked_for(
        self, prover: Prover, registry: FakeRegistry
    ) -> None:
        claim = {BASE_NAME: "evil.example.com/base/debian:13", BASE_DIGEST: str(BASE.digest)}
        registry.made_of = {str(CHILD): Contents((Platform(CHILD.digest, (digest("1"),), claim),))}
        assert (await prover.outcome(BASE_ENTRY, CHILD)).code is Code.BASE_IMAGE_NOT_ALLOWED
        assert registry.asked == [f"contents {CHILD}"]

    async def test_an_image_whose_contents_cannot_be_had_is_no_answer(self, prover: Prover) -> None:
        with pytest.raises(ImageNotFoundError):
            await prover.outcome(BASE_ENTRY, CHILD)

    async def test_a_base_image_that_could_not_be_asked_for_is_no_answer(
        self, trust: FakeTrustRoots, clock: FakeClock, compute: Computing
    ) -> None:
        registry = BasesFail(RegistryUnavailableError("silence"))
        with pytest.raises(RegistryUnavailableError):
            await Prover(registry, trust, clock, compute).outcome(BASE_ENTRY, CHILD)

    async def test_a_base_image_that_cannot_be_read_proves_nothing(
        self, trust: FakeTrustRoots, clock: FakeClock, compute: Computing
    ) -> None:
        registry = BasesFail(RegistryResponseError("its config is no image's"))
        outcome = await Prover(registry, trust, clock, compute).outcome(BASE_ENTRY, CHILD)
        assert outcome.code is Code.BASE_IMAGE_NOT_ALLOWED
        assert outcome.message.endswith("; its config is no image's")

    @pytest.mark.parametrize(
        ("keyring", "asked"),
        [
            (FakeKeyring(ours="registry.example.com/"), [f"contents {CHILD} with ours", f"contents {BASE} with ours"]),
            (
                FakeKeyring(ours="registry.example.com/app", others="registry.example.com/base"),
                [f"contents {CHILD} with ours", f"contents {BASE}"],
            ),
            (FakeKeyring(others="registry.example.com/base"), [f"contents {CHILD}", f"contents {BASE}"]),
        ],
    )
    async def test_a_base_image_is_asked_for_with_a_pods_credentials_where_they_are_those_for_the_image(
        self, prover: Prover, registry: FakeRegistry, keyring: FakeKeyring, asked: list[str]
    ) -> None:
        registry.made_of = {str(CHILD): OURS, str(BASE): Contents((Platform(BASE.digest, (digest("1"),)),))}
        assert (await prover.outcome(BASE_ENTRY, CHILD, None, keyring)).verified
        assert registry.asked == asked


async def test_all_places_are_asked_with_a_pods_credentials(prover: Prover, registry: FakeRegistry) -> None:
    elsewhere = replace(BY_KEY, repository="sigs.example.com/of/all")
    entry = VerifyEntry("both", "3", Requirement(2, (BY_RELEASE, elsewhere)))
    registry.tags["registry.example.com/app:1.2"] = str(INDEX.digest)
    registry.indexes[str(INDEX)] = frozenset({CHILD.digest})
    keyring = FakeKeyring(ours="registry.example.com/app", sigs="sigs.example.com/")
    assert not (await prover.outcome(entry, CHILD, "1.2", keyring)).verified
    place = f"sigs.example.com/of/all@{CHILD.digest}"
    assert sorted(registry.asked) == sorted(
        [
            f"evidence {CHILD} with ours",
            f"evidence {place} with sigs",
            "resolve registry.example.com/app:1.2 with ours",
            f"evidence {INDEX} with ours",
            f"evidence {place.replace(str(CHILD.digest), str(INDEX.digest))} with sigs",
        ]
    )


class TestAgainst:
    """What is said against an image stands, whatever is said of its index; and nothing decides that may be outdated."""

    @pytest.fixture
    def refusing(self) -> VerifyEntry:
        return entry(requirement=None, attestations=(attestation_rule(conditions=(Never(),)),))

    async def test_an_index_does_not_make_good_what_its_platform_is_refused_for(
        self, prover: Prover, registry: FakeRegistry, refusing: VerifyEntry
    ) -> None:
        registry.found[str(ATTESTED)] = Evidence((sigstore.attestation(REVIEW, {}, signer=Key(), log=Log.NONE),))
        outcome = await prover.outcome(refusing, ATTESTED, "1.2")
        assert (outcome.code, outcome.attestation) == (Code.CONDITION_FALSE, REVIEW)
        assert registry.asked == [f"attestations {ATTESTED}"]

    async def test_an_index_does_not_make_good_that_not_all_was_seen(
        self, prover: Prover, registry: FakeRegistry
    ) -> None:
        """Whoever crowds out a bad report of the platform must not have the index decide in its place."""
        registry.tags[f"{ATTESTED.name}:1.2"] = str(INDEX.digest)
        registry.indexes[str(INDEX)] = frozenset({ATTESTED.digest})
        beyond = Unusable("referrers", "there are 300; 200 of them are looked at", beyond=True)
        registry.found[str(ATTESTED)] = Evidence(unusable=(beyond,))
        both = entry(attestations=(attestation_rule(),))
        assert (await prover.outcome(both, ATTESTED, "1.2")).code is Code.REGISTRY_RESPONSE_INVALID
        assert registry.asked == [f"attestations {ATTESTED}"]

    async def test_provenance_does_not_count_where_some_was_not_seen(
        self, prover: Prover, registry: FakeRegistry
    ) -> None:
        registry.made_of = {str(CHILD): OURS, str(BASE): Contents((Platform(BASE.digest, (digest("9"),)),))}
        registry.silent(str(CHILD), Unanswered("tag .att", Code.REGISTRY_UNAVAILABLE, "silence"))
        rule = BaseImageRule((Pattern.parse("registry.example.com/base/**"),), (BY_KEY,))
        outcome = await prover.outcome(VerifyEntry("baseImages", "3", None, base_images=rule), CHILD)
        assert outcome.code is Code.REGISTRY_UNAVAILABLE


class Never:
    """Fills `Condition`: nothing fulfils it."""

    text = "false"

    def refusal(self, _variables: object) -> str | None:
        return "condition false: false"
