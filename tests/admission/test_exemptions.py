"""Exemptions in decisions: what is accepted, for which image, in which namespace, until when, and what is not."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.admission.test_decide import APP, HARDENED, OTHER, RELEASE, SIGNED, SOON, TOOL, a_pod, changed, findings
from tests.admission.test_reviewer import a_pod as written_pod
from tests.admission.test_reviewer import container, response, review
from tests.fakes import sigstore
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry, FakeTrustRoots, digest, garbage, pem
from webhook.admission.decide import Decider, Options
from webhook.admission.reviewer import Reviewer
from webhook.admission.verification import Verification
from webhook.errors import RegistryUnavailableError
from webhook.kube.namespaces import KnownNamespaces
from webhook.objects import PodObject
from webhook.pods import Pod, of_images, pod
from webhook.signatures.evidence import Evidence
from webhook.verdict import Mode, Verdict

END = "2026-01-01T01:00:00Z"
ENDS_IN = 3600.0 - 1000.0
"""Seconds from the start of the fake clock on."""

ELSEWHERE = f"quay.io/other/app@{digest('c')}"
IMAGE = "spec.containers[0].image"
ROOT = "spec.containers[0].securityContext.readOnlyRootFilesystem"


def exemption(*codes: str, images: str = "ghcr.io/acme/app", namespaces: str = "prod", expires: str = END) -> str:
    listed = ", ".join(codes)
    return (
        f'{{reason: OPS-17, expires: {expires}, codes: [{listed}], images: ["{images}"], namespaces: [{namespaces}]}}'
    )


def exempting(policy: str, *exemptions: str) -> str:
    return changed(policy, exemptions=f"[{', '.join(exemptions)}]")


def exempted(verdict: Verdict) -> list[tuple[str, str, str, str, str]]:
    return [(one.code.value, one.path, one.policy, one.mode.value, one.exemption) for one in verdict.exempted]


def of(spec: dict[str, Any]) -> Pod:
    return pod(msgspec.convert({"kind": "Pod", "spec": spec}, PodObject))


async def test_an_exempt_finding_neither_denies_nor_warns_and_is_recorded(
    decider: Deciders, registry: FakeRegistry
) -> None:
    verdict = await decider(exempting(SIGNED, exemption("NOT_SIGNED"))).decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed
    assert findings(verdict) == []
    assert not verdict.would_deny
    assert exempted(verdict) == [("NOT_SIGNED", IMAGE, "signed", "Enforce", "OPS-17")]
    assert verdict.images[0].verified is False
    assert registry.asked == [f"evidence {APP}"]


@pytest.mark.parametrize(
    "which",
    [
        pytest.param(exemption("NOT_SIGNED", images="ghcr.io/acme/tool"), id="another image"),
        pytest.param(exemption("NOT_SIGNED", images="ghcr.io/acme/app/*"), id="an image below"),
        pytest.param(exemption("NOT_SIGNED", namespaces="prod-2"), id="a namespace that begins alike"),
        pytest.param(exemption("NOT_SIGNED", expires="2026-01-01T00:16:40Z"), id="until this very moment"),
        pytest.param(exemption("SIGNATURE_INVALID", "SIGNER_NOT_ALLOWED"), id="other codes"),
    ],
)
async def test_what_an_exemption_does_not_name_denies(decider: Deciders, which: str) -> None:
    verdict = await decider(exempting(SIGNED, which)).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("NOT_SIGNED", IMAGE, "signed", "Enforce")]
    assert exempted(verdict) == []


@pytest.mark.parametrize("pinning", [False, True])
async def test_an_exemption_ends_by_the_clock(decider: Deciders, clock: FakeClock, pinning: bool) -> None:
    judge = decider(exempting(SIGNED, exemption("NOT_SIGNED")))
    judge = judge.as_if_pinned() if pinning else judge
    clock.advance(ENDS_IN - 0.001)
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    clock.advance(0.001)
    assert clock.now().isoformat() == "2026-01-01T01:00:00+00:00"
    assert not (await judge.decide(a_pod(APP), "prod", SOON)).allowed


async def test_an_exemption_is_its_policys_own(decider: Deciders) -> None:
    other = changed(SIGNED, name="other")
    verdict = await decider(exempting(SIGNED, exemption("NOT_SIGNED")), other).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("NOT_SIGNED", IMAGE, "other", "Enforce")]
    assert exempted(verdict) == [("NOT_SIGNED", IMAGE, "signed", "Enforce", "OPS-17")]


@pytest.mark.parametrize("mode", ["Warn", "Audit"])
async def test_an_exempt_finding_of_a_weaker_policy_is_no_finding_either(decider: Deciders, mode: str) -> None:
    text = exempting(changed(SIGNED, mode=mode), exemption("NOT_SIGNED"))
    verdict = await decider(text, no_match=None).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == []
    assert exempted(verdict) == [("NOT_SIGNED", IMAGE, "signed", mode, "OPS-17")]
    dry = await decider(exempting(SIGNED, exemption("NOT_SIGNED")), cap=Mode.AUDIT).decide(a_pod(APP), "prod", SOON)
    assert (findings(dry), dry.would_deny) == ([], ())
    assert exempted(dry) == [("NOT_SIGNED", IMAGE, "signed", "Audit", "OPS-17")]


async def test_an_unsigned_image_is_exempt_and_one_with_a_bad_signature_is_not(
    decider: Deciders, registry: FakeRegistry, clock: FakeClock
) -> None:
    judge = decider(exempting(SIGNED, exemption("NOT_SIGNED")))
    registry.found[APP] = Evidence(attachments=(garbage(APP),))
    verdict = await judge.decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("SIGNATURE_INVALID", IMAGE, "signed", "Enforce")]
    registry.found.clear()
    registry.sign(OTHER, APP)
    clock.advance(60)
    assert findings(await judge.decide(a_pod(APP), "prod", SOON))[0][0] == "SIGNER_NOT_ALLOWED"


async def test_what_could_not_be_found_out_is_not_exempt(decider: Deciders, registry: FakeRegistry) -> None:
    registry.failure = RegistryUnavailableError("no connection")
    verdict = await decider(exempting(SIGNED, exemption("NOT_SIGNED"))).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("REGISTRY_UNAVAILABLE", IMAGE, "signed", "Enforce")]


FROM_ELSEWHERE = exemption("REGISTRY_NOT_ALLOWED", images="quay.io/other/app")


async def test_an_image_from_elsewhere_still_has_to_match_an_entry(decider: Deciders, registry: FakeRegistry) -> None:
    verdict = await decider(exempting(SIGNED, FROM_ELSEWHERE)).decide(a_pod(ELSEWHERE), "prod", SOON)
    assert findings(verdict) == [("IMAGE_UNMATCHED", IMAGE, "signed", "Enforce")]
    assert exempted(verdict) == [("REGISTRY_NOT_ALLOWED", IMAGE, "signed", "Enforce", "OPS-17")]
    assert registry.asked == []


async def test_an_image_from_elsewhere_still_has_to_be_signed(decider: Deciders, registry: FakeRegistry) -> None:
    text = SIGNED.replace('images: ["ghcr.io/acme/*"]', 'images: ["ghcr.io/acme/*", "quay.io/other/*"]')
    judge = decider(exempting(text, FROM_ELSEWHERE))
    verdict = await judge.decide(a_pod(ELSEWHERE), "prod", SOON)
    assert findings(verdict) == [("NOT_SIGNED", IMAGE, "signed", "Enforce")]
    assert registry.asked == [f"evidence {ELSEWHERE}"]


async def test_an_image_from_elsewhere_is_asked_for_only_where_and_while_it_is_exempt(
    decider: Deciders, registry: FakeRegistry, clock: FakeClock
) -> None:
    text = SIGNED.replace('images: ["ghcr.io/acme/*"]', 'images: ["ghcr.io/acme/*", "quay.io/other/*"]')
    judge = decider(exempting(text, FROM_ELSEWHERE))
    neighbour = ELSEWHERE.replace("other/app", "other/tool")
    for image, namespace in ((neighbour, "prod"), (ELSEWHERE, "dev")):
        verdict = await judge.decide(a_pod(image), namespace, SOON)
        assert findings(verdict) == [("REGISTRY_NOT_ALLOWED", IMAGE, "signed", "Enforce")]
    clock.advance(ENDS_IN)
    assert not (await judge.decide(a_pod(ELSEWHERE), "prod", SOON)).allowed
    assert registry.asked == []


async def test_an_image_from_elsewhere_with_another_exemption_is_not_asked_for(
    decider: Deciders, registry: FakeRegistry
) -> None:
    every_other_code = exemption("NOT_SIGNED", "IMAGE_UNMATCHED", "TAG_NOT_PINNED", images="quay.io/other/app")
    verdict = await decider(exempting(SIGNED, every_other_code)).decide(a_pod(ELSEWHERE), "prod", SOON)
    assert findings(verdict) == [("REGISTRY_NOT_ALLOWED", IMAGE, "signed", "Enforce")]
    assert registry.asked == []


async def test_another_policys_allowlist_keeps_an_exempt_image_from_being_asked_for(
    decider: Deciders, registry: FakeRegistry
) -> None:
    other = changed(SIGNED, name="other")
    await decider(exempting(SIGNED, FROM_ELSEWHERE), other).decide(a_pod(ELSEWHERE), "prod", SOON)
    assert registry.asked == []


@pytest.mark.parametrize("tags", ["Pinned", "UnsafeResolved"])
async def test_an_exempt_tag_is_resolved_and_its_digest_judged(
    decider: Deciders, registry: FakeRegistry, tags: str
) -> None:
    text = SIGNED.replace("    allow:", f'    tags: {tags}\n    denyDigests: ["{digest("b")}"]\n    allow:')
    judge = decider(exempting(text, exemption("TAG_NOT_PINNED", images="ghcr.io/acme/*")))
    registry.tags |= {"ghcr.io/acme/app:1": digest("a"), "ghcr.io/acme/tool:1": digest("b")}
    registry.sign(RELEASE, TOOL)
    verdict = await judge.decide(a_pod("ghcr.io/acme/app:1", "ghcr.io/acme/tool:1"), "prod", SOON)
    assert findings(verdict) == [
        ("NOT_SIGNED", IMAGE, "signed", "Enforce"),
        ("DIGEST_DENIED", "spec.containers[1].image", "signed", "Enforce"),
    ]
    mode = "Enforce" if tags == "Pinned" else "Warn"
    assert [each[:4] for each in exempted(verdict)] == [
        ("TAG_NOT_PINNED", f"spec.containers[{index}].image", "signed", mode) for index in (0, 1)
    ]


async def test_a_denied_digest_that_is_exempt_still_has_to_be_signed(decider: Deciders, registry: FakeRegistry) -> None:
    text = SIGNED.replace("    allow:", f'    denyDigests: ["{digest("a")}"]\n    allow:')
    judge = decider(exempting(text, exemption("DIGEST_DENIED")))
    verdict = await judge.decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("NOT_SIGNED", IMAGE, "signed", "Enforce")]
    registry.tags["ghcr.io/acme/app:1"] = digest("a")
    verdict = await judge.as_if_pinned().decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)
    assert [each[0] for each in findings(verdict)] == ["NOT_SIGNED"]
    assert [each[0] for each in exempted(verdict)] == ["DIGEST_DENIED"]


async def test_a_reference_that_cannot_be_read_is_not_exempt(decider: Deciders) -> None:
    everything = exemption("REGISTRY_NOT_ALLOWED", "IMAGE_UNMATCHED", images="docker.io/**")
    verdict = await decider(exempting(SIGNED, everything)).decide(a_pod("nginx\n"), "prod", SOON)
    assert findings(verdict) == [("REFERENCE_INVALID", IMAGE, "signed", "Enforce")]


WRITABLE = exemption("READ_ONLY_ROOT_FILESYSTEM", "RUN_AS_NON_ROOT")
SAFE = {"runAsNonRoot": True, "readOnlyRootFilesystem": True}


async def test_a_finding_of_a_container_is_bound_to_its_image(decider: Deciders) -> None:
    text = exempting(HARDENED, exemption("READ_ONLY_ROOT_FILESYSTEM"))
    verdict = await decider(text).decide(a_pod(APP, TOOL, securityContext={"runAsNonRoot": True}), "prod", SOON)
    assert findings(verdict) == [
        ("READ_ONLY_ROOT_FILESYSTEM", ROOT.replace("[0]", "[1]"), "hardened", "Enforce"),
    ]
    assert exempted(verdict) == [("READ_ONLY_ROOT_FILESYSTEM", ROOT, "hardened", "Enforce", "OPS-17")]


async def test_a_container_of_the_same_name_helps_no_other(decider: Deciders) -> None:
    bare = {"securityContext": {"runAsNonRoot": True}}
    twins = of({"containers": [{"name": "app", "image": TOOL, **bare}, {"name": "app", "image": APP, **bare}]})
    verdict = await decider(exempting(HARDENED, WRITABLE)).decide(twins, "prod", SOON)
    assert findings(verdict) == [("READ_ONLY_ROOT_FILESYSTEM", ROOT, "hardened", "Enforce")]


AS_ROOT = {"securityContext": {"runAsNonRoot": False}}
POD_FIELD = ("RUN_AS_NON_ROOT", "spec.securityContext.runAsNonRoot", "hardened", "Enforce")


def containers(*images: str) -> list[dict[str, Any]]:
    return [{"name": f"c{n}", "image": image, "securityContext": SAFE} for n, image in enumerate(images)]


@pytest.mark.parametrize(
    ("spec", "exempt"),
    [
        pytest.param({"containers": containers(APP, APP)}, True, id="all of them"),
        pytest.param({"containers": containers(APP, TOOL)}, False, id="another container"),
        pytest.param({"containers": containers(APP, "")}, False, id="one that says nothing"),
        pytest.param({"containers": containers(APP), "initContainers": containers(TOOL)}, False, id="init container"),
        pytest.param({"containers": containers(APP), "ephemeralContainers": containers(TOOL)}, False, id="ephemeral"),
        pytest.param(
            {"containers": containers(APP), "volumes": [{"name": "v", "image": {"reference": TOOL}}]},
            False,
            id="volume",
        ),
        pytest.param(
            {"containers": containers(APP), "volumes": [{"name": "v", "image": {"reference": APP}}, {"name": "w"}]},
            True,
            id="volumes alike",
        ),
    ],
)
async def test_a_finding_of_the_pod_needs_all_of_its_images(
    decider: Deciders, spec: dict[str, Any], exempt: bool
) -> None:
    verdict = await decider(exempting(HARDENED, WRITABLE)).decide(of({**spec, **AS_ROOT}), "prod", SOON)
    assert findings(verdict) == ([] if exempt else [POD_FIELD])
    assert [each[:4] for each in exempted(verdict)] == ([POD_FIELD] if exempt else [])


async def test_two_exemptions_of_one_image_each_do_not_make_one_of_both(decider: Deciders) -> None:
    text = exempting(HARDENED, exemption("RUN_AS_NON_ROOT"), exemption("RUN_AS_NON_ROOT", images="ghcr.io/acme/tool"))
    verdict = await decider(text).decide(of({"containers": containers(APP, TOOL), **AS_ROOT}), "prod", SOON)
    assert findings(verdict) == [POD_FIELD]


async def test_an_update_that_adds_a_container_is_judged_by_the_images_of_the_whole_pod(decider: Deciders) -> None:
    judge = decider(exempting(HARDENED, WRITABLE))
    old = of({"containers": containers(APP), **AS_ROOT})
    for image, found in ((TOOL, [POD_FIELD]), (APP, [])):
        new = of({"containers": containers(APP), "ephemeralContainers": containers(image), **AS_ROOT})
        verdict = await judge.decide(new.since(old), "prod", SOON)
        assert findings(verdict) == found
    mixed = of({"containers": containers(TOOL), **AS_ROOT})
    new = of({"containers": containers(TOOL), "ephemeralContainers": containers(APP), **AS_ROOT})
    assert findings(await judge.decide(new.since(mixed), "prod", SOON)) == [POD_FIELD]


@pytest.mark.parametrize("advance", [0.0, ENDS_IN])
async def test_an_update_to_another_image_does_not_keep_what_was_exempt(
    decider: Deciders, clock: FakeClock, advance: float
) -> None:
    """A pod's images can be changed in place; all else was accepted for the image before."""
    judge = decider(exempting(HARDENED, WRITABLE))
    clock.advance(advance)
    bare = {"securityContext": {"runAsNonRoot": True}}
    old, other = of({"containers": [{"name": "a", "image": APP, **bare}, *containers(APP)]}), ROOT
    new = of({"containers": [{"name": "a", "image": TOOL, **bare}, *containers(APP)]})
    verdict = await judge.decide(new.since(old), "prod", SOON)
    assert findings(verdict) == [("READ_ONLY_ROOT_FILESYSTEM", other, "hardened", "Enforce")]
    same = of({"containers": [{"name": "a", "image": f"{APP[:-1]}b", **bare}, *containers(APP)]})
    verdict = await judge.decide(same.since(old), "prod", SOON)
    assert verdict.allowed is (advance == 0.0)
    pod_wide = of({"containers": containers(APP), **AS_ROOT})
    verdict = await judge.decide(of({"containers": containers(TOOL), **AS_ROOT}).since(pod_wide), "prod", SOON)
    assert findings(verdict) == [POD_FIELD]


async def test_an_update_that_changes_one_image_and_adds_a_container_is_judged_for_both(decider: Deciders) -> None:
    bare = {"securityContext": {"runAsNonRoot": True}}
    one, other, third = ({"name": name, "image": APP, **bare} for name in "abc")
    old = of({"containers": [one, other]})
    new = of({"containers": [one, {**other, "image": TOOL}], "ephemeralContainers": [{**third, **AS_ROOT}]})
    verdict = await decider(exempting(HARDENED, WRITABLE)).decide(new.since(old), "prod", SOON)
    assert findings(verdict) == [
        ("READ_ONLY_ROOT_FILESYSTEM", ROOT.replace("[0]", "[1]"), "hardened", "Enforce"),
    ]
    assert [each[:2] for each in exempted(verdict)] == [
        ("RUN_AS_NON_ROOT", "spec.ephemeralContainers[0].securityContext.runAsNonRoot")
    ]


async def test_an_update_to_another_image_is_judged_for_that_alone_where_nothing_is_exempt(decider: Deciders) -> None:
    bare = {"name": "a", "securityContext": {"runAsNonRoot": True}}
    old, new = of({"containers": [{"image": APP, **bare}]}), of({"containers": [{"image": TOOL, **bare}]})
    judge = decider(exempting(HARDENED, WRITABLE))
    assert (await judge.decide(new.since(old), "dev", SOON)).violations == ()


async def test_a_pod_without_images_has_none_that_is_exempt(decider: Deciders) -> None:
    verdict = await decider(exempting(HARDENED, WRITABLE)).decide(of_images([]), "prod", SOON)
    assert (verdict.violations, verdict.exempted) == ((), ())


async def test_an_exempt_image_is_pinned_and_one_that_is_not_is_refused(
    decider: Deciders, registry: FakeRegistry, clock: FakeClock
) -> None:
    pinner = decider(
        exempting(SIGNED, exemption("REGISTRY_NOT_ALLOWED", "IMAGE_UNMATCHED", images="quay.io/other/app"))
    ).pinner()
    registry.tags |= {"quay.io/other/app:1": digest("c"), "quay.io/other/tool:1": digest("d")}
    pins = await pinner.pins(a_pod("quay.io/other/app:1", "quay.io/other/tool:1"), "prod", SOON)
    assert [each.text for each in pins] == [f"quay.io/other/app:1@{digest('c')}", "quay.io/other/tool:1"]
    assert [each.text for each in await pinner.pins(a_pod("quay.io/other/app:1"), "dev", SOON)] == [
        "quay.io/other/app:1"
    ]
    clock.advance(ENDS_IN)
    assert [each.sought for each in await pinner.pins(a_pod("quay.io/other/app:1"), "prod", SOON)] == [False]
    assert registry.asked == ["resolve quay.io/other/app:1"]


async def test_the_answer_and_the_record_say_what_is_exempt(decider: Deciders) -> None:
    reviewer = Reviewer(decider(exempting(HARDENED, WRITABLE)))
    answer = await reviewer.review(review(written_pod(container(securityContext={"runAsNonRoot": True}))), SOON)
    answered = response(answer)
    assert answered["allowed"] is True
    assert "warnings" not in answered
    assert answered["auditAnnotations"]["exempted"] == f"{ROOT}: READ_ONLY_ROOT_FILESYSTEM (OPS-17)"
    assert "reasons" not in answered["auditAnnotations"]
    assert answer.record.decision == "allow"
    assert [each.exemption for each in answer.record.exempted] == ["OPS-17"]
    fine = response(await reviewer.review(review(written_pod(container())), SOON))
    assert "exempted" not in fine["auditAnnotations"]


async def test_a_hostile_reason_stays_in_its_line(decider: Deciders) -> None:
    reason = json.dumps("a\n\u202e" + "x" * 3000)
    text = exempting(HARDENED, WRITABLE.replace("OPS-17", reason))
    answer = await Reviewer(decider(text)).review(review(written_pod(container(securityContext={}))), SOON)
    told = response(answer)["auditAnnotations"]["exempted"]
    assert told.isascii()
    assert told.isprintable()
    assert len(told) <= 1000


async def test_thousands_of_findings_of_a_pod_cost_one_look_at_its_images(decider: Deciders) -> None:
    many = of({"containers": [{"name": "c", "image": f"ghcr.io/acme/app:{n}"} for n in range(1000)], **AS_ROOT})
    verdict = await decider(exempting(HARDENED, WRITABLE)).decide(many, "prod", SOON)
    assert verdict.allowed
    assert len(verdict.exempted) == 1001


NAMES = ["ghcr.io/acme/app", "ghcr.io/acme/tool", "quay.io/other/app"]
CODES = ["REGISTRY_NOT_ALLOWED", "TAG_NOT_PINNED", "NOT_SIGNED", "READ_ONLY_ROOT_FILESYSTEM", "RUN_AS_NON_ROOT"]
ENDS = ["2026-01-01T00:16:39Z", "2026-01-01T00:16:40Z", "2026-01-01T00:16:41Z"]
exemptions = st.builds(
    lambda codes, images, namespace, end: {
        "reason": "r",
        "codes": codes,
        "images": images,
        "namespaces": [namespace],
        "expires": end,
    },
    st.lists(st.sampled_from(CODES), min_size=1, unique=True),
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    st.sampled_from(["prod", "dev"]),
    st.sampled_from(ENDS),
)
one_container = st.builds(
    lambda image, suffix, security: {"image": image + suffix, "securityContext": security},
    st.sampled_from(NAMES),
    st.sampled_from([":1", f"@{digest('a')}"]),
    st.sampled_from([SAFE, {}, {"runAsNonRoot": False, "readOnlyRootFilesystem": True}]),
)
BOTH = SIGNED.replace("metadata: {name: signed}", "metadata: {name: both}") + (
    "  containers: {runAsNonRoot: true, readOnlyRootFilesystem: true}\n"
)
UNMATCHED = BOTH.replace("    verify:", "    unmatched: Allow\n    verify:")


@given(
    st.lists(exemptions, max_size=3),
    st.lists(one_container, min_size=1, max_size=3),
    st.sampled_from([None, True, False]),
)
async def test_an_exempt_verdict_differs_in_nothing_but_what_exemptions_name(
    given_exemptions: list[dict[str, Any]], given_containers: list[dict[str, Any]], pod_wide: bool | None
) -> None:
    registry, clock = FakeRegistry(), FakeClock()
    registry.tags |= {f"{name}:1": digest("b") for name in NAMES}
    subject = of(
        {
            "containers": [{"name": f"c{n}", **each} for n, each in enumerate(given_containers)],
            **({} if pod_wide is None else {"securityContext": {"runAsNonRoot": pod_wide}}),
        }
    )
    text = changed(UNMATCHED, exemptions=json.dumps(given_exemptions)) if given_exemptions else UNMATCHED
    verdicts = []
    for policy in (UNMATCHED, text):
        verification = Verification(registry, FakeTrustRoots(), clock)
        judge = Decider(FixedPolicies(book(policy)), verification, KnownNamespaces({}), Options(), clock=clock)
        verdicts.append(await judge.decide(subject, "prod", SOON))
        await verification.close()
    plain, exempt = verdicts
    images = [each["image"].partition(":")[0].partition("@")[0] for each in given_containers]

    def named(code: str, path: str) -> bool:
        number = int(path[len("spec.containers[")]) if path.startswith("spec.containers[") else None
        concerned = images if number is None else [images[number]]
        return any(
            code in one["codes"]
            and one["namespaces"] == ["prod"]
            and one["expires"] == ENDS[2]
            and set(concerned) <= set(one["images"])
            for one in given_exemptions
        )

    before, after = set(findings(plain)), set(findings(exempt))
    assert not any(named(code, path) for code, path, *_ in after)
    assert all(named(code, path) for code, path, *_ in exempted(exempt))
    assert all(named(code, path) for code, path, *_ in before - after)
    revealed = after - before
    assert all(any(path == one[1] for one in exempted(exempt)) for _, path, *_ in revealed), "rules after an exempt one"
    assert {one[1] for one in before} <= {one[1] for one in after} | {one[1] for one in exempted(exempt)}
    assert exempt.allowed is (not after)


REVIEW = "https://example.com/review/v1"
VOUCHED = f"ghcr.io/acme/app@{sigstore.DIGEST}"


def entry(*demands: str) -> str:
    """A policy whose one entry asks for a signature by `release`, and a review by `ci` with demands."""
    ci = json.dumps(sigstore.Key().pem)
    return f"""
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: signed}}
spec:
  images:
    authorities:
    - {{name: release, key: {{pem: {json.dumps(pem(RELEASE))}}}}}
    - {{name: ci, key: {{pem: {ci}}}}}
    verify:
    - name: ours
      images: ["ghcr.io/acme/*"]
      signatures: {{from: [release]}}
      attestations:
      - {{type: "{REVIEW}", from: [ci]{"".join(f", {demand}" for demand in demands)}}}
"""


FALSE = 'conditions: ["predicate.ok == true"]'


@pytest.mark.parametrize(
    ("codes", "left"),
    [
        pytest.param((), ["CONDITION_FALSE"], id="nothing is exempt"),
        pytest.param(("CONDITION_FALSE",), ["NOT_SIGNED"], id="what an attestation says"),
        pytest.param(("NOT_SIGNED",), ["CONDITION_FALSE"], id="that nobody signed"),
        pytest.param(("NOT_SIGNED", "CONDITION_FALSE"), [], id="both"),
    ],
)
async def test_an_exempt_refusal_of_an_entry_hides_no_other(
    decider: Deciders, registry: FakeRegistry, codes: tuple[str, ...], left: list[str]
) -> None:
    said = sigstore.attestation(REVIEW, {"ok": False}, signer=sigstore.Key(), log=sigstore.Log.NONE)
    registry.found[VOUCHED] = Evidence((said,))
    policy = exempting(entry(FALSE), exemption(*codes)) if codes else entry(FALSE)
    verdict = await decider(policy).decide(a_pod(VOUCHED), "prod", SOON)
    assert [each.code.value for each in verdict.violations] == left


async def test_an_image_without_evidence_is_refused_for_what_is_not_exempt(
    decider: Deciders, registry: FakeRegistry
) -> None:
    verdict = await decider(exempting(entry(), exemption("NOT_SIGNED"))).decide(a_pod(VOUCHED), "prod", SOON)
    assert [each.code.value for each in verdict.violations] == ["ATTESTATION_MISSING"]


@pytest.mark.parametrize(
    ("codes", "left"),
    [
        ((), ["ATTESTATION_TOO_OLD"]),
        (("ATTESTATION_TOO_OLD",), ["CONDITION_FALSE"]),
        (("CONDITION_FALSE",), ["ATTESTATION_TOO_OLD"]),
        (("ATTESTATION_TOO_OLD", "CONDITION_FALSE"), []),
    ],
)
async def test_an_exempt_demand_of_an_attestation_hides_no_other_one(
    decider: Deciders, registry: FakeRegistry, codes: tuple[str, ...], left: list[str]
) -> None:
    registry.found[VOUCHED] = Evidence((sigstore.attestation(REVIEW, {"ok": False}, signer=sigstore.Key()),))
    policy = entry("maxAge: 1h", FALSE).replace("      signatures: {from: [release]}\n", "")
    policy = exempting(policy, exemption(*codes)) if codes else policy
    verdict = await decider(policy).decide(a_pod(VOUCHED), "prod", SOON)
    assert [each.code.value for each in verdict.violations] == left


async def test_what_baseline_forbids_is_not_exempt_with_what_restricted_does(decider: Deciders) -> None:
    security = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"add": ["SYS_ADMIN"]},
        "seccompProfile": {"type": "Unconfined"},
    }
    worst = of(
        {
            "containers": [{"name": "app", "image": APP, "securityContext": security}],
            "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
        }
    )
    restricted = changed(HARDENED).replace(
        "{runAsNonRoot: true, readOnlyRootFilesystem: true}", "{podSecurity: {level: restricted}}"
    )
    codes = ["RESTRICTED_VOLUMES", "CAPABILITIES_RESTRICTED", "SECCOMP_PROFILE_RESTRICTED"]
    policy = exempting(restricted, exemption(*(f"POD_SECURITY_{code}" for code in codes)))
    verdict = await decider(policy).decide(worst, "prod", SOON)
    assert {each.code.value for each in verdict.violations} == {
        "POD_SECURITY_HOST_PATH_VOLUMES",
        "POD_SECURITY_CAPABILITIES_BASELINE",
        "POD_SECURITY_SECCOMP_PROFILE_BASELINE",
    }
