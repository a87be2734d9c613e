import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import HARDENED, NEVER, RELEASE, SIGNED, SOON, a_pod, changed
from tests.fakes.images import FakeKeyring, FakePullSecrets, FakeRegistry, digest
from webhook.admission.decide import Decider, Options
from webhook.admission.lookup import MAX_LOOKUPS
from webhook.admission.pin import Pin, pinned_text
from webhook.admission.verification import Verification
from webhook.codes import MEANINGS
from webhook.errors import RegistryUnavailableError
from webhook.images import Digest, ImageReferenceError, PinnedImage, parse
from webhook.kube.namespaces import KnownNamespaces
from webhook.verdict import Mode, Violation

APP = "ghcr.io/acme/app:v1"
DIGEST = digest("a")
ELSEWHERE = "quay.io/acme/app:v1"
ANY_REGISTRY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: any}
spec:
  images: {tags: UnsafeResolved}
"""
FROM_ANYWHERE = SIGNED.replace('    allow: ["ghcr.io/acme/*"]\n', "")
PAYMENTS = changed(ANY_REGISTRY, match="{namespaceSelector: {matchLabels: {team: payments}}}")


@pytest.fixture(autouse=True)
def tags(registry: FakeRegistry) -> None:
    registry.tags[APP] = DIGEST
    registry.tags[ELSEWHERE] = digest("e")


def told(pins: tuple[Pin, ...]) -> list[tuple[str, str]]:
    """What stands in the pod afterwards, and the code of what kept it from being pinned."""
    return [(each.text, each.found.code.value if isinstance(each.found, Violation) else "") for each in pins]


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        ("nginx", f"nginx:latest@{DIGEST}"),
        ("nginx:1.27", f"nginx:1.27@{DIGEST}"),
        ("acme/app", f"acme/app:latest@{DIGEST}"),
        ("localhost:5000/app", f"localhost:5000/app:latest@{DIGEST}"),
        ("localhost:5000/app:v1", f"localhost:5000/app:v1@{DIGEST}"),
        ("localhost:5000", f"localhost:5000@{DIGEST}"),
        ("[::1]:5000/app", f"[::1]:5000/app:latest@{DIGEST}"),
        ("index.docker.io/library/nginx", f"index.docker.io/library/nginx:latest@{DIGEST}"),
        ("quay.io:443/acme/app:v1", f"quay.io:443/acme/app:v1@{DIGEST}"),
    ],
)
def test_what_is_written_stays_and_the_digest_is_appended(text: str, pinned: str) -> None:
    assert pinned_text(text, at_digest(text)) == pinned


def at_digest(text: str) -> PinnedImage:
    image = parse(text)
    return PinnedImage(image.registry, image.repository, Digest.parse(DIGEST))


part = st.from_regex(r"[a-z0-9]+([._-][a-z0-9]+)?", fullmatch=True)
tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(st.one_of(st.none(), st.sampled_from(["localhost:5000", "ghcr.io", "[::1]", "quay.io:443"])), part, part, tag)
def test_a_pinned_text_means_the_same_image_and_the_digest(host: str | None, one: str, two: str, version: str) -> None:
    for text in ("/".join(filter(None, (host, one, two))), f"{one}:{version}", f"{one}/{two}:{version}"):
        try:
            image = parse(text)
        except ImageReferenceError:
            continue
        pinned = parse(pinned_text(text, at_digest(text)))
        assert (pinned.registry, pinned.repository, pinned.tag, pinned.qualified) == (
            image.registry,
            image.repository,
            image.tag,
            image.qualified,
        )
        assert pinned.digest == DIGEST


async def test_a_tag_that_a_policy_judges_gets_its_digest(decider: Deciders) -> None:
    pins = await decider(SIGNED).pinner().pins(a_pod(APP), "prod", SOON)
    assert told(pins) == [(f"{APP}@{DIGEST}", "")]
    assert pins[0].sought


async def test_the_digest_is_the_one_that_is_verified_then(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, f"ghcr.io/acme/app@{DIGEST}")
    deciding = decider(SIGNED)
    [pin] = await deciding.pinner().pins(a_pod(APP), "prod", SOON)
    registry.tags[APP] = digest("f")
    assert (await deciding.decide(a_pod(pin.text), "prod", SOON)).violations == ()
    assert registry.asked == [f"resolve {APP}", f"evidence ghcr.io/acme/app@{DIGEST}"]


async def test_an_image_with_a_digest_is_left_alone(decider: Deciders, registry: FakeRegistry) -> None:
    pinner = decider(SIGNED).pinner()
    [pin] = await pinner.pins(a_pod(APP), "prod", SOON)
    assert await pinner.pins(a_pod(pin.text, f"ghcr.io/acme/app@{DIGEST}"), "prod", SOON) == ()
    assert registry.asked == [f"resolve {APP}"]


@pytest.mark.parametrize(
    ("policies", "pinned"),
    [
        ([SIGNED], True),
        ([changed(SIGNED, mode="Warn")], True),
        ([changed(SIGNED, mode="Audit")], False),
        ([HARDENED], False),
        ([changed(SIGNED, match="{namespaces: {include: [other]}}")], False),
        ([changed(SIGNED, mode="Audit"), ANY_REGISTRY], True),
    ],
)
async def test_only_what_an_enforce_or_warn_policy_judges_here_is_pinned(
    decider: Deciders, registry: FakeRegistry, policies: list[str], pinned: bool
) -> None:
    pins = await decider(*policies).pinner().pins(a_pod(APP), "prod", SOON)
    assert told(pins) == ([(f"{APP}@{DIGEST}", "")] if pinned else [])
    assert registry.asked == ([f"resolve {APP}"] if pinned else [])


async def test_a_dry_run_of_everything_pins_nothing(decider: Deciders, registry: FakeRegistry) -> None:
    assert await decider(SIGNED, cap=Mode.AUDIT).pinner().pins(a_pod(APP), "prod", SOON) == ()
    assert registry.asked == []


@pytest.mark.parametrize(
    ("policies", "left", "asked"),
    [
        ([SIGNED], "REGISTRY_NOT_ALLOWED", False),
        ([SIGNED, ANY_REGISTRY], "REGISTRY_NOT_ALLOWED", False),
        ([changed(SIGNED, mode="Warn")], "REGISTRY_NOT_ALLOWED", False),
        ([changed(SIGNED, mode="Warn"), ANY_REGISTRY], "", True),
        ([FROM_ANYWHERE], "IMAGE_UNMATCHED", False),
        ([changed(FROM_ANYWHERE, mode="Warn")], "", True),
    ],
)
async def test_no_registry_is_asked_about_what_is_refused_anyway(
    decider: Deciders, registry: FakeRegistry, policies: list[str], left: str, asked: bool
) -> None:
    [pin] = await decider(*policies).pinner().pins(a_pod(ELSEWHERE), "prod", SOON)
    assert told((pin,)) == [(ELSEWHERE if left else f"{ELSEWHERE}@{digest('e')}", left)]
    assert pin.sought is asked
    assert registry.asked == ([f"resolve {ELSEWHERE}"] if asked else [])


async def test_a_text_that_is_no_reference_is_told(decider: Deciders) -> None:
    [pin] = await decider(SIGNED).pinner().pins(a_pod("Ghcr.io/acme/app"), "prod", SOON)
    assert told((pin,)) == [("Ghcr.io/acme/app", "REFERENCE_INVALID")]
    assert not pin.sought


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"prod": {"team": "payments"}}, [(f"{APP}@{DIGEST}", "")]),
        ({"prod": {"team": "search"}}, []),
        ({}, [(APP, "NAMESPACE_UNKNOWN")]),
    ],
)
async def test_labels_say_whether_a_policy_judges_here(
    decider: Deciders, labels: dict[str, dict[str, str]], expected: list[tuple[str, str]]
) -> None:
    assert told(await decider(PAYMENTS, labels=labels).pinner().pins(a_pod(APP), "prod", SOON)) == expected


async def test_unknown_labels_do_not_keep_others_from_pinning(decider: Deciders) -> None:
    pinner = decider(changed(SIGNED, name="first"), PAYMENTS).pinner()
    assert told(await pinner.pins(a_pod(APP), "prod", SOON)) == [(f"{APP}@{DIGEST}", "")]


async def test_what_cannot_be_found_out_is_part_of_the_answer(decider: Deciders, registry: FakeRegistry) -> None:
    pinner = decider(SIGNED).pinner()
    registry.failure = RegistryUnavailableError("ghcr.io gives no answer")
    [pin] = await pinner.pins(a_pod(APP), "prod", SOON)
    assert isinstance(pin.found, Violation)
    assert (pin.found.code.value, pin.found.message, pin.found.path, pin.found.container, pin.found.image) == (
        "REGISTRY_UNAVAILABLE",
        "ghcr.io gives no answer",
        "spec.containers[0].image",
        "c0",
        APP,
    )
    assert pin.found.fix.startswith("retry")
    assert pin.found.mode is Mode.WARN
    registry.failure = None
    assert told(await pinner.pins(a_pod("ghcr.io/acme/gone:v1"), "prod", SOON)) == [
        ("ghcr.io/acme/gone:v1", "IMAGE_NOT_FOUND")
    ]


async def test_a_pod_waits_no_longer_than_it_may_and_the_look_up_goes_on(
    decider: Deciders, registry: FakeRegistry
) -> None:
    pinner = decider(SIGNED).pinner()
    registry.gate.clear()
    assert told(await pinner.pins(a_pod(APP), "prod", NEVER)) == [(APP, "VERIFICATION_TIMED_OUT")]
    registry.gate.set()
    assert told(await pinner.pins(a_pod(APP), "prod", SOON)) == [(f"{APP}@{DIGEST}", "")]
    assert registry.asked == [f"resolve {APP}"]


@pytest.mark.parametrize(
    ("secrets", "code"), [(("ours",), ""), ((), "IMAGE_NOT_FOUND"), (("theirs",), "IMAGE_NOT_FOUND")]
)
async def test_the_pull_secrets_of_a_pod_open_its_own_images(
    verification: Verification, registry: FakeRegistry, secrets: tuple[str, ...], code: str
) -> None:
    registry.locked = {"ghcr.io/acme/app": "ours"}
    keyrings = FakePullSecrets(ours=FakeKeyring(ours="ghcr.io/acme/app"), theirs=FakeKeyring(theirs="ghcr.io/acme/app"))
    deciding = Decider(FixedPolicies(book(SIGNED)), verification, KnownNamespaces({}), Options(), keyrings)
    [pin] = await deciding.pinner().pins(replace(a_pod(APP), pull_secrets=secrets), "prod", SOON)
    assert told((pin,)) == [(APP if code else f"{APP}@{DIGEST}", code)]
    assert keyrings.asked == [("prod", secrets, "")]


async def test_what_pull_secrets_could_not_open_is_told_by_its_code_alone(
    verification: Verification, registry: FakeRegistry
) -> None:
    keyrings = FakePullSecrets(ours=FakeKeyring(ours="ghcr.io/acme/app"))
    registry.failure = RegistryUnavailableError("ghcr.io gives no answer")
    deciding = Decider(FixedPolicies(book(SIGNED)), verification, KnownNamespaces({}), Options(), keyrings)
    [pin] = await deciding.pinner().pins(replace(a_pod(APP), pull_secrets=("ours",)), "prod", SOON)
    assert isinstance(pin.found, Violation)
    assert pin.found.message == MEANINGS[pin.found.code]


async def test_one_pod_has_a_bounded_number_of_tags_looked_up(decider: Deciders, registry: FakeRegistry) -> None:
    images = [f"ghcr.io/acme/app:v{number}" for number in range(MAX_LOOKUPS + 1)]
    registry.tags.update(dict.fromkeys(images, DIGEST))
    pins = await decider(SIGNED).pinner().pins(a_pod(*images), "prod", SOON)
    assert [code for _, code in told(pins)] == [""] * MAX_LOOKUPS + ["TOO_MANY_VERIFICATIONS"]


async def test_an_image_that_two_containers_use_is_looked_up_once(decider: Deciders, registry: FakeRegistry) -> None:
    pins = await decider(SIGNED).pinner().pins(a_pod(APP, APP), "prod", SOON)
    assert told(pins) == [(f"{APP}@{DIGEST}", "")] * 2
    assert registry.asked == [f"resolve {APP}"]
