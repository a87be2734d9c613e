import asyncio
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.admission.conftest import Deciders, FixedPolicies, book
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeRegistry, digest, garbage, key, pem
from webhook.admission.decide import Decider, Options
from webhook.admission.lookup import MAX_LOOKUPS
from webhook.admission.verification import Verification
from webhook.codes import Code
from webhook.errors import RegistryRateLimitedError, RegistryUnavailableError, TooManyVerificationsError
from webhook.kube.namespaces import KnownNamespaces
from webhook.objects import ContainerSpec, PodObject, PodSpec, PodTemplateSpec
from webhook.pods import Pod, pod
from webhook.signatures.evidence import Attachment, Evidence, Unanswered
from webhook.verdict import Mode, Verdict

RELEASE = key()
OTHER = key()
APP = f"ghcr.io/acme/app@{digest('a')}"
TOOL = f"ghcr.io/acme/tool@{digest('b')}"
SOON = 5.0
NEVER = 0.01

SIGNED = f"""
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: signed}}
spec:
  images:
    allow: ["ghcr.io/acme/*"]
    authorities:
    - {{name: release, key: {{pem: {json.dumps(pem(RELEASE))}}}}}
    - {{name: other, key: {{pem: {json.dumps(pem(OTHER))}}}}}
    verify:
    - name: ours
      images: ["ghcr.io/acme/*"]
      signatures: {{minimum: 1, from: [release]}}
"""
HARDENED = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: hardened}
spec:
  containers: {runAsNonRoot: true, readOnlyRootFilesystem: true}
"""


def changed(text: str, **spec: str) -> str:
    """The policy with further lines in its spec, and another name where `name` is given."""
    name = spec.pop("name", None)
    lines = "".join(f"\n  {field}: {value}" for field, value in spec.items())
    text = text.replace("\nspec:", f"\nspec:{lines}")
    return (
        text
        if name is None
        else text.replace("metadata: {name: signed}", f"metadata: {{name: {name}}}").replace(
            "metadata: {name: hardened}", f"metadata: {{name: {name}}}"
        )
    )


def a_pod(*images: str, **container: Any) -> Pod:
    containers = [{"name": f"c{index}", "image": image, **container} for index, image in enumerate(images)]
    return pod(msgspec.convert({"kind": "Pod", "spec": {"containers": containers}}, PodObject))


def findings(verdict: Verdict) -> list[tuple[str, str, str, str]]:
    return [(each.code.value, each.path, each.policy, each.mode.value) for each in verdict.violations]


async def test_a_signed_image_from_an_allowed_registry_is_admitted(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    verdict = await decider(SIGNED).decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed
    assert verdict.policies == ("signed",)
    [image] = verdict.images
    assert (image.reference, image.digest, image.verified, image.signers) == (APP, digest("a"), True, ("release",))


async def test_a_known_image_costs_no_question(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    judge = decider(SIGNED)
    await judge.decide(a_pod(APP), "prod", SOON)
    before = list(registry.asked)
    assert (await judge.decide(a_pod(APP, APP), "other", SOON)).allowed
    assert registry.asked == before == [f"evidence {APP}"]


async def test_many_pods_at_once_ask_once(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    judge = decider(SIGNED)
    verdicts = await asyncio.gather(*(judge.decide(a_pod(*[APP] * 5), "prod", SOON) for _ in range(50)))
    assert all(verdict.allowed for verdict in verdicts)
    assert registry.asked == [f"evidence {APP}"]


@pytest.mark.parametrize(
    ("image", "code"),
    [
        pytest.param("nginx", Code.REGISTRY_NOT_ALLOWED, id="docker.io by default"),
        pytest.param("ghcr.io/acme-evil/app@" + digest("a"), Code.REGISTRY_NOT_ALLOWED, id="a name that begins alike"),
        pytest.param("169.254.169.254/latest", Code.REGISTRY_NOT_ALLOWED, id="a metadata address"),
        pytest.param("nginx\n", Code.REFERENCE_INVALID, id="a trailing newline"),
        pytest.param("", Code.REFERENCE_INVALID, id="nothing"),
        pytest.param("ghcr.io/acme/app:1", Code.TAG_NOT_PINNED, id="a tag"),
    ],
)
async def test_what_is_refused_by_its_name_is_never_asked_for(
    decider: Deciders, registry: FakeRegistry, image: str, code: Code
) -> None:
    verdict = await decider(SIGNED).decide(a_pod(image), "prod", SOON)
    assert findings(verdict) == [(code.value, "spec.containers[0].image", "signed", "Enforce")]
    assert not verdict.allowed
    assert registry.asked == []


async def test_an_image_that_an_enforce_policy_refuses_is_not_asked_for_by_another(
    decider: Deciders, registry: FakeRegistry
) -> None:
    strict = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: strict}
spec:
  images: {allow: ["registry.example.com/**"]}
"""
    verdict = await decider(SIGNED, strict).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("REGISTRY_NOT_ALLOWED", "spec.containers[0].image", "strict", "Enforce")]
    assert registry.asked == []


async def test_an_image_that_an_audit_policy_refuses_is_judged_by_the_others(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.sign(RELEASE, APP)
    audit = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: audit}
spec:
  mode: Audit
  images: {allow: ["registry.example.com/**"]}
"""
    verdict = await decider(SIGNED, audit).decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed
    assert verdict.would_deny
    assert findings(verdict) == [("REGISTRY_NOT_ALLOWED", "spec.containers[0].image", "audit", "Audit")]
    assert registry.asked == [f"evidence {APP}"]


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        pytest.param(Evidence(), Code.NOT_SIGNED, id="nothing there"),
        pytest.param(Evidence(attachments=(garbage(APP),)), Code.SIGNATURE_INVALID, id="garbage"),
        pytest.param(
            Evidence(unanswered=(Unanswered("tag", Code.CREDENTIALS_REFUSED, "403"),)),
            Code.CREDENTIALS_REFUSED,
            id="credentials refused",
        ),
    ],
)
async def test_an_image_without_a_good_signature_is_denied(
    decider: Deciders, registry: FakeRegistry, evidence: Evidence, code: Code
) -> None:
    registry.found[APP] = evidence
    verdict = await decider(SIGNED).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [(code.value, "spec.containers[0].image", "signed", "Enforce")]
    assert verdict.images[0].verified is False


async def test_an_image_signed_by_somebody_else_is_denied(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(OTHER, APP)
    verdict = await decider(SIGNED).decide(a_pod(APP), "prod", SOON)
    [violation] = verdict.violations
    assert violation.code is Code.SIGNER_NOT_ALLOWED
    assert violation.entry == "ours"
    assert violation.image == APP
    assert violation.fix == f"cosign sign --key KEY {APP} (accepted signers: release)"


async def test_each_image_is_judged_and_one_bad_one_denies(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    verdict = await decider(SIGNED).decide(a_pod(APP, TOOL, "nginx"), "prod", SOON)
    assert findings(verdict) == [
        ("REGISTRY_NOT_ALLOWED", "spec.containers[2].image", "signed", "Enforce"),
        ("NOT_SIGNED", "spec.containers[1].image", "signed", "Enforce"),
    ]
    assert [image.verified for image in verdict.images] == [True, False, False]


async def test_not_signed_is_kept_briefly_and_verified_longer(
    decider: Deciders, registry: FakeRegistry, clock: FakeClock
) -> None:
    judge = decider(SIGNED)
    assert not (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    registry.sign(RELEASE, APP)
    assert not (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    clock.advance(10.1)
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    registry.found.clear()
    clock.advance(3599.0)
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    clock.advance(2.0)
    assert not (await judge.decide(a_pod(APP), "prod", SOON)).allowed


async def test_what_could_not_be_found_out_is_asked_again(decider: Deciders, registry: FakeRegistry) -> None:
    judge = decider(SIGNED)
    registry.silent(APP, Unanswered("tag", Code.REGISTRY_UNAVAILABLE, "no connection"))
    verdict = await judge.decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("REGISTRY_UNAVAILABLE", "spec.containers[0].image", "signed", "Enforce")]
    assert verdict.inconclusive
    registry.found.clear()
    registry.sign(RELEASE, APP)
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed


async def test_out_of_time_denies_and_the_retry_finds_the_result(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    registry.gate.clear()
    judge = decider(SIGNED)
    verdict = await judge.decide(a_pod(APP), "prod", NEVER)
    assert findings(verdict) == [("VERIFICATION_TIMED_OUT", "spec.containers[0].image", "signed", "Enforce")]
    assert verdict.violations[0].fix == "retry in some seconds: the verification goes on"
    registry.gate.set()
    assert (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    assert registry.asked == [f"evidence {APP}"]


async def test_an_audit_policy_holds_a_request_up_for_a_second_at_most(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.gate.clear()
    started = asyncio.get_running_loop().time()
    verdict = await decider(changed(SIGNED, mode="Audit"), no_match=None).decide(a_pod(APP), "prod", 60.0)
    assert asyncio.get_running_loop().time() - started < 30.0
    assert verdict.allowed
    assert ("VERIFICATION_TIMED_OUT", "spec.containers[0].image", "signed", "Audit") in findings(verdict)


@pytest.mark.parametrize(
    ("on_error", "mode", "expected"),
    [
        ("Deny", "Enforce", "Enforce"),
        ("Warn", "Enforce", "Warn"),
        ("Allow", "Enforce", "Audit"),
        ("Deny", "Warn", "Warn"),
        ("Allow", "Warn", "Audit"),
        ("Deny", "Audit", "Audit"),
        ("Warn", "Audit", "Audit"),
    ],
)
async def test_on_error_decides_only_what_could_not_be_found_out(
    decider: Deciders, registry: FakeRegistry, on_error: str, mode: str, expected: str
) -> None:
    judge = decider(changed(SIGNED, onError=on_error, mode=mode), no_match=None)
    registry.failure = RegistryUnavailableError("no connection")
    found = [each for each in findings(await judge.decide(a_pod(APP), "prod", SOON)) if each[2] == "signed"]
    assert found == [("REGISTRY_UNAVAILABLE", "spec.containers[0].image", "signed", expected)]
    registry.failure = RegistryRateLimitedError("429")
    found = [each for each in findings(await judge.decide(a_pod(APP), "prod", SOON)) if each[2] == "signed"]
    assert found == [("REGISTRY_RATE_LIMITED", "spec.containers[0].image", "signed", expected)]
    registry.failure = None
    found = [each for each in findings(await judge.decide(a_pod(APP), "prod", SOON)) if each[2] == "signed"]
    assert found == [("NOT_SIGNED", "spec.containers[0].image", "signed", mode)]


@pytest.mark.parametrize("code", [Code.CREDENTIALS_MISSING, Code.CREDENTIALS_REFUSED, Code.ADDRESS_NOT_ALLOWED])
async def test_what_a_retry_does_not_mend_denies_whatever_on_error_says(
    decider: Deciders, registry: FakeRegistry, code: Code
) -> None:
    registry.silent(APP, Unanswered("tag", code, "no"))
    verdict = await decider(changed(SIGNED, onError="Allow")).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [(code.value, "spec.containers[0].image", "signed", "Enforce")]


@pytest.mark.parametrize("mode", ["Enforce", "Warn", "Audit"])
async def test_a_failure_that_nobody_foresaw_is_a_finding_that_does_what_each_policys_mode_says(
    decider: Deciders, registry: FakeRegistry, caplog: pytest.LogCaptureFixture, mode: str
) -> None:
    registry.crash = ValueError("boom")
    judge = decider(changed(SIGNED, mode=mode, onError="Allow"), no_match=None)
    verdict = await judge.decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("INTERNAL_ERROR", "spec.containers[0].image", "signed", mode)]
    assert "boom" not in verdict.violations[0].message
    assert "an image could not be looked up" in caplog.text


async def test_a_request_has_so_many_new_images_looked_up(decider: Deciders, registry: FakeRegistry) -> None:
    images = [f"ghcr.io/acme/app{index}@{digest('a')}" for index in range(MAX_LOOKUPS + 3)]
    for image in images:
        registry.sign(RELEASE, image)
    judge = decider(SIGNED)
    verdict = await judge.decide(a_pod(*images), "prod", SOON)
    assert {code for code, *_ in findings(verdict)} == {"TOO_MANY_VERIFICATIONS"}
    assert len(registry.asked) == MAX_LOOKUPS
    assert (await judge.decide(a_pod(*images), "prod", SOON)).allowed
    assert len(registry.asked) == MAX_LOOKUPS + 3


async def test_a_request_has_so_many_tags_resolved(decider: Deciders, registry: FakeRegistry) -> None:
    images = [f"ghcr.io/acme/app{index}:1" for index in range(MAX_LOOKUPS + 3)]
    verdict = await decider(SIGNED, pinning=True).decide(a_pod(*images), "prod", SOON)
    codes = [code for code, *_ in findings(verdict)]
    assert (codes.count("IMAGE_NOT_FOUND"), codes.count("TOO_MANY_VERIFICATIONS")) == (MAX_LOOKUPS, 3)
    assert len(registry.asked) == MAX_LOOKUPS


async def test_all_matching_policies_must_pass_each_by_its_own_mode(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    judge = decider(
        SIGNED, changed(HARDENED, mode="Warn", name="warned"), changed(HARDENED, mode="Audit", name="audited")
    )
    verdict = await judge.decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed
    assert verdict.would_deny
    path = "spec.containers[0].securityContext"
    assert sorted(findings(verdict)) == [
        ("READ_ONLY_ROOT_FILESYSTEM", f"{path}.readOnlyRootFilesystem", "audited", "Audit"),
        ("READ_ONLY_ROOT_FILESYSTEM", f"{path}.readOnlyRootFilesystem", "warned", "Warn"),
        ("RUN_AS_NON_ROOT", f"{path}.runAsNonRoot", "audited", "Audit"),
        ("RUN_AS_NON_ROOT", f"{path}.runAsNonRoot", "warned", "Warn"),
    ]


@pytest.mark.parametrize("no_match", [Mode.ENFORCE, Mode.WARN, None])
async def test_a_pod_that_no_enforce_or_warn_policy_matches(decider: Deciders, no_match: Mode | None) -> None:
    elsewhere = changed(HARDENED, match="{namespaces: {include: [elsewhere]}}")
    audit = changed(HARDENED, name="audit", mode="Audit")
    fine = a_pod(APP, securityContext={"runAsNonRoot": True, "readOnlyRootFilesystem": True})
    verdict = await decider(elsewhere, audit, no_match=no_match).decide(fine, "prod", SOON)
    assert findings(verdict) == ([("NO_POLICY_MATCHES", "spec", "", no_match.value)] if no_match else [])
    assert verdict.allowed is (no_match is not Mode.ENFORCE)
    assert not verdict.would_deny
    assert verdict.policies == ("audit",)
    dry = await decider(elsewhere, audit, no_match=no_match, cap=Mode.AUDIT).decide(fine, "prod", SOON)
    assert dry.allowed
    assert bool(dry.would_deny) is (no_match is Mode.ENFORCE)


async def test_a_dry_run_denies_nothing_and_says_what_it_would_have(decider: Deciders, registry: FakeRegistry) -> None:
    judge = decider(SIGNED, HARDENED, cap=Mode.AUDIT)
    verdict = await judge.decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed
    assert verdict.would_deny
    assert {each.mode for each in verdict.violations} == {Mode.AUDIT}
    assert {each.code for each in verdict.violations} == {
        Code.NOT_SIGNED,
        Code.RUN_AS_NON_ROOT,
        Code.READ_ONLY_ROOT_FILESYSTEM,
    }


async def test_a_dry_run_of_a_warn_policy_would_not_have_denied(decider: Deciders) -> None:
    verdict = await decider(changed(HARDENED, mode="Warn"), cap=Mode.AUDIT).decide(a_pod(APP), "prod", SOON)
    assert len(verdict.of(Mode.AUDIT)) == 2
    assert not verdict.would_deny


async def test_a_dry_run_says_that_an_unanswered_question_would_have_denied(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.failure = RegistryUnavailableError("no connection")
    assert (await decider(SIGNED, cap=Mode.AUDIT).decide(a_pod(APP), "prod", SOON)).would_deny
    lenient = decider(changed(SIGNED, onError="Allow"), cap=Mode.AUDIT)
    assert not (await lenient.decide(a_pod(APP), "prod", SOON)).would_deny


async def test_labels_that_are_not_known_do_not_mean_no_match(decider: Deciders) -> None:
    selecting = changed(HARDENED, match="{namespaceSelector: {matchLabels: {team: payments}}}")
    verdict = await decider(selecting).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("NAMESPACE_UNKNOWN", "spec", "hardened", "Enforce")]
    assert verdict.inconclusive
    judge = decider(selecting, labels={"prod": {"team": "payments"}, "dev": {"team": "search"}}, no_match=None)
    assert not (await judge.decide(a_pod(APP), "prod", SOON)).allowed
    assert (await judge.decide(a_pod(APP), "dev", SOON)).allowed


async def test_nothing_left_to_judge_is_admitted_without_a_question(decider: Deciders, registry: FakeRegistry) -> None:
    verdict = await decider(SIGNED, HARDENED).decide(a_pod(APP).nothing(), "prod", SOON)
    assert verdict == Verdict(generation=verdict.generation)
    assert registry.asked == []


async def test_a_pod_of_a_thousand_images_and_more_is_refused_unread(decider: Deciders, registry: FakeRegistry) -> None:
    many = tuple(ContainerSpec(name=f"c{index}", image=APP) for index in range(600))
    crowd = pod(PodTemplateSpec(spec=PodSpec(containers=many, init_containers=many)))
    verdict = await decider(SIGNED).decide(crowd, "prod", SOON)
    assert findings(verdict) == [("OBJECT_INVALID", "spec", "", "Enforce")]
    assert registry.asked == []
    dry = await decider(SIGNED, cap=Mode.AUDIT).decide(crowd, "prod", SOON)
    assert dry.allowed
    assert len(dry.would_deny) == 1


async def test_a_tag_is_resolved_once_and_judged_by_its_digest(
    decider: Deciders, registry: FakeRegistry, clock: FakeClock
) -> None:
    lax = SIGNED.replace("    allow:", "    tags: UnsafeResolved\n    allow:")
    registry.tags["ghcr.io/acme/app:1"] = digest("a")
    registry.sign(RELEASE, APP)
    judge = decider(lax)
    verdict = await judge.decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)
    assert verdict.allowed
    assert findings(verdict) == [("TAG_NOT_PINNED", "spec.containers[0].image", "signed", "Warn")]
    [image] = verdict.images
    assert (image.reference, image.digest, image.verified) == ("ghcr.io/acme/app:1", digest("a"), True)
    await judge.decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)
    assert registry.asked == ["resolve ghcr.io/acme/app:1", f"evidence {APP}"]
    registry.tags["ghcr.io/acme/app:1"] = digest("c")
    clock.advance(30.1)
    assert not (await judge.decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)).allowed


async def test_a_tag_that_is_not_there_is_denied(decider: Deciders) -> None:
    verdict = await decider(SIGNED, pinning=True).decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)
    assert findings(verdict) == [("IMAGE_NOT_FOUND", "spec.containers[0].image", "signed", "Enforce")]
    assert verdict.images[0].digest is None


async def test_a_tag_counts_as_its_digest_where_it_is_going_to_be_pinned(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.tags["ghcr.io/acme/app:1"] = digest("a")
    registry.sign(RELEASE, APP)
    verdict = await decider(SIGNED, pinning=True).decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)
    assert findings(verdict) == []
    assert verdict.images[0].verified


async def test_a_denied_digest_is_denied_behind_a_tag_too(decider: Deciders, registry: FakeRegistry) -> None:
    registry.tags["ghcr.io/acme/app:1"] = digest("a")
    registry.sign(RELEASE, APP)
    denying = SIGNED.replace("    allow:", f'    denyDigests: ["{digest("a")}"]\n    allow:')
    verdict = await decider(denying, pinning=True).decide(a_pod("ghcr.io/acme/app:1"), "prod", SOON)
    assert findings(verdict) == [("DIGEST_DENIED", "spec.containers[0].image", "signed", "Enforce")]
    verdict = await decider(denying).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("DIGEST_DENIED", "spec.containers[0].image", "signed", "Enforce")]


async def test_many_signatures_are_checked_off_the_event_loop(decider: Deciders, registry: FakeRegistry) -> None:
    for _ in range(20):
        registry.sign(OTHER, APP)
    registry.sign(RELEASE, APP)
    verdict = await decider(SIGNED).decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed


@pytest.mark.parametrize(("size", "asked"), [(1_000, 1), (70_000, 2)])
async def test_small_evidence_serves_another_policy_and_large_evidence_is_not_kept(
    decider: Deciders, registry: FakeRegistry, size: int, asked: int
) -> None:
    registry.sign(RELEASE, APP)
    signed = registry.found[APP]
    other = Attachment("referrer", "application/octet-stream", b"x" * size)
    registry.found[APP] = Evidence(attachments=(*signed.attachments, other))
    assert (await decider(SIGNED).decide(a_pod(APP), "prod", SOON)).allowed
    both = SIGNED.replace("from: [release]", "from: [release, other]")
    assert (await decider(both).decide(a_pod(APP), "prod", SOON)).allowed
    assert len(registry.asked) == asked


ALLOWING = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: allowing}
spec:
  images: {allow: ["ghcr.io/acme/*"]}
"""


async def test_each_image_is_asked_for_only_by_the_policies_that_need_it(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.sign(RELEASE, APP)
    judge = decider(ALLOWING, HARDENED, SIGNED, pinning=True)
    fine = {"runAsNonRoot": True, "readOnlyRootFilesystem": True}
    verdict = await judge.decide(a_pod("ghcr.io/acme/gone:1", APP, "ngi nx", securityContext=fine), "prod", SOON)
    assert sorted(findings(verdict)) == [
        ("IMAGE_NOT_FOUND", "spec.containers[0].image", "signed", "Enforce"),
        ("REFERENCE_INVALID", "spec.containers[2].image", "allowing", "Enforce"),
        ("REFERENCE_INVALID", "spec.containers[2].image", "signed", "Enforce"),
    ]
    assert [image.verified for image in verdict.images] == [False, True, False]
    assert registry.asked == ["resolve ghcr.io/acme/gone:1", f"evidence {APP}"]


async def test_the_signers_of_all_entries_are_told_once(decider: Deciders, registry: FakeRegistry) -> None:
    registry.sign(RELEASE, APP)
    registry.sign(OTHER, APP)
    both = changed(SIGNED.replace("from: [release]", "from: [other]"), name="other")
    verdict = await decider(SIGNED, both).decide(a_pod(APP), "prod", SOON)
    assert set(verdict.images[0].signers) == {"release", "other"}
    assert verdict.images[0].verified


class SlowNamespaces:
    """Takes all the time that it is given, as an API server that does not answer."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def labels(self, namespace: str, wait: float) -> Mapping[str, str] | None:
        self.waits.append(wait)
        await asyncio.sleep(wait)
        return None


async def test_labels_are_waited_for_within_the_time_of_the_request(
    registry: FakeRegistry, verification: Verification
) -> None:
    registry.gate.clear()
    selecting = changed(HARDENED, match="{namespaceSelector: {matchLabels: {team: payments}}}")
    namespaces = SlowNamespaces()
    judge = Decider(FixedPolicies(book(SIGNED, selecting)), verification, namespaces, Options())
    started = asyncio.get_running_loop().time()
    verdict = await judge.decide(a_pod(APP), "prod", 0.2)
    assert asyncio.get_running_loop().time() - started < 2.0
    assert namespaces.waits == [0.2]
    assert {code for code, *_ in findings(verdict)} == {"NAMESPACE_UNKNOWN", "VERIFICATION_TIMED_OUT"}


async def test_a_failed_lookup_of_labels_admits_nothing_that_an_answer_denies(decider: Deciders) -> None:
    warned = changed(HARDENED, mode="Warn", match="{namespaceSelector: {matchLabels: {team: payments}}}")
    unknown = await decider(warned).decide(a_pod(APP), "prod", SOON)
    assert ("NO_POLICY_MATCHES", "spec", "", "Enforce") in findings(unknown)
    answered = await decider(warned, labels={"prod": {"team": "search"}}).decide(a_pod(APP), "prod", SOON)
    assert findings(answered) == [("NO_POLICY_MATCHES", "spec", "", "Enforce")]


async def test_a_verdict_names_the_policies_that_made_it_although_others_came_meanwhile(
    registry: FakeRegistry, verification: Verification
) -> None:
    registry.gate.clear()
    policies = FixedPolicies(book(SIGNED))
    before = policies.book.generation
    judge = Decider(policies, verification, KnownNamespaces({}), Options())
    deciding = asyncio.create_task(judge.decide(a_pod(APP), "prod", SOON))
    await asyncio.sleep(0)
    policies.book = book(HARDENED)
    registry.gate.set()
    verdict = await deciding
    assert verdict.generation == before != judge.generation
    assert verdict.policies == ("signed",)


async def test_only_what_would_deny_is_said_to(decider: Deciders) -> None:
    judge = decider(changed(HARDENED, mode="Warn", name="warned"), SIGNED, cap=Mode.AUDIT)
    verdict = await judge.decide(a_pod("nginx"), "prod", SOON)
    assert len(verdict.violations) == 3
    assert [each.code for each in verdict.would_deny] == [Code.REGISTRY_NOT_ALLOWED]


async def test_an_image_that_nobody_asks_about_is_not_called_verified(decider: Deciders) -> None:
    verdict = await decider(ALLOWING).decide(a_pod(APP), "prod", SOON)
    assert verdict.allowed
    assert verdict.images[0].verified is False


async def test_an_image_is_not_called_verified_where_one_of_two_entries_is(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.sign(RELEASE, APP)
    other = changed(SIGNED.replace("from: [release]", "from: [other]"), name="other")
    verdict = await decider(SIGNED, other).decide(a_pod(APP), "prod", SOON)
    assert not verdict.allowed
    assert verdict.images[0].verified is False


@pytest.mark.parametrize("order", [("audit", "signed"), ("signed", "zaudit")])
async def test_an_audit_policy_does_not_shorten_what_an_enforce_policy_waits(
    decider: Deciders, registry: FakeRegistry, order: tuple[str, str]
) -> None:
    registry.gate.clear()
    texts = [changed(SIGNED, mode="Audit", name=name) if "audit" in name else SIGNED for name in order]
    deciding = asyncio.create_task(decider(*texts).decide(a_pod(APP), "prod", 30.0))
    done, _ = await asyncio.wait({deciding}, timeout=1.5)
    assert not done
    registry.gate.set()
    registry.sign(RELEASE, APP)
    await deciding


async def settle() -> None:
    """Everything that can go on without an answer from outside has gone on."""
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_namespace_that_creates_much_leaves_turns_to_others(decider: Deciders, registry: FakeRegistry) -> None:
    registry.gate.clear()
    judge = decider(SIGNED)
    many = a_pod(*(f"ghcr.io/acme/app{index}@{digest('a')}" for index in range(MAX_LOOKUPS)))
    greedy = asyncio.create_task(judge.decide(many, "greedy", SOON))
    await settle()
    under_way = len(registry.asked)
    modest = asyncio.create_task(judge.decide(a_pod(TOOL), "modest", SOON))
    await settle()
    registry.gate.set()
    await asyncio.gather(greedy, modest)
    assert registry.asked.index(f"evidence {TOOL}") <= under_way + 1 < MAX_LOOKUPS


async def test_what_is_under_way_already_is_no_reason_to_admit_anything(
    decider: Deciders, registry: FakeRegistry
) -> None:
    registry.failure = TooManyVerificationsError("1024 verifications are under way already")
    verdict = await decider(changed(SIGNED, onError="Allow")).decide(a_pod(APP), "prod", SOON)
    assert findings(verdict) == [("TOO_MANY_VERIFICATIONS", "spec.containers[0].image", "signed", "Enforce")]


async def test_what_counts_is_images_and_not_how_many_entries_ask_about_each(
    decider: Deciders, registry: FakeRegistry
) -> None:
    images = [f"ghcr.io/acme/app{index}@{digest('a')}" for index in range(MAX_LOOKUPS)]
    for image in images:
        registry.sign(RELEASE, image)
        registry.sign(OTHER, image)
    other = changed(SIGNED.replace("from: [release]", "from: [other]"), name="other")
    assert (await decider(SIGNED, other).decide(a_pod(*images), "prod", SOON)).allowed
    assert len(registry.asked) == MAX_LOOKUPS


NO_LATEST = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: no-latest}
spec:
  containers: {denyLatestTag: true}
"""


@pytest.mark.parametrize(
    ("policies", "pinned", "found"),
    [
        pytest.param((SIGNED, NO_LATEST), True, False, id="a policy has tags replaced"),
        pytest.param((SIGNED, NO_LATEST), False, True, id="tags stay as they are"),
        pytest.param((changed(SIGNED, mode="Audit"), NO_LATEST), True, True, id="an Audit policy replaces nothing"),
        pytest.param((HARDENED, NO_LATEST), True, True, id="no policy speaks about images"),
    ],
)
async def test_the_latest_tag_is_no_finding_where_its_digest_is_about_to_stand_beside_it(
    decider: Deciders, registry: FakeRegistry, policies: tuple[str, ...], *, pinned: bool, found: bool
) -> None:
    registry.tags["ghcr.io/acme/app:latest"] = digest("a")
    judge = decider(*policies)
    judge = judge.as_if_pinned() if pinned else judge
    verdict = await judge.decide(a_pod("ghcr.io/acme/app"), "prod", SOON)
    assert ("LATEST_TAG" in {each.code for each in verdict.violations}) is found
