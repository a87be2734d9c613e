import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.admission.conftest import book
from tests.audit.scanning import (
    APP,
    HARDENED,
    RELEASE,
    SIGNED,
    TOOL,
    FakeWorkload,
    FakeWorkloads,
    Stage,
    a_pod,
    a_writing_pod,
    codes,
    deployment,
    found,
    policy,
)
from tests.fakes.images import digest
from webhook.audit import gathering, scan
from webhook.audit.summary import summarize
from webhook.codes import Code
from webhook.errors import (
    ClusterError,
    CredentialsMissingError,
    RegistryRateLimitedError,
    RegistryUnavailableError,
)
from webhook.pods import Pod
from webhook.signatures.evidence import Unanswered
from webhook.verdict import Mode

Stages = Callable[..., Stage]


@pytest.fixture
async def stage() -> AsyncIterator[Stages]:
    made: list[Stage] = []

    def make(*policies: str, **options: Any) -> Stage:
        made.append(Stage(*policies, **options))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def test_pods_are_judged_and_told_by_their_subjects(stage: Stages) -> None:
    one = stage(policy(SIGNED), policy(HARDENED))
    one.registry.sign(RELEASE, APP)
    page = [*deployment("web", a_pod(APP), a_pod(APP)), *deployment("api", a_writing_pod(TOOL), namespace="dev")]
    result = await one.scan(page, deployment("web", a_pod(APP)))
    assert found(result) == {
        "Deployment/dev/api": (1, ["READ_ONLY_ROOT_FILESYSTEM", "NOT_SIGNED"]),
        "Deployment/prod/web": (3, []),
    }
    assert (result.pods, result.fault, result.generation) == (4, "", one.policies.book.generation)
    api, web = result.audited
    assert (api.denied, api.would_be_denied, api.undecided, web.denied) == (True, False, False, False)
    assert web.policies == ("hardened", "signed")
    assert [(image.reference, image.verified) for image in web.images] == [(APP, True)]


async def test_a_policy_keeps_its_mode_and_what_it_would_deny_is_told(stage: Stages) -> None:
    one = stage(policy(SIGNED, "Audit"), policy(HARDENED, "Warn"), no_match=None)
    [audited] = (await one.scan(deployment("web", a_writing_pod(APP)))).audited
    assert {(each.code.value, each.mode) for each in audited.findings} == {
        ("NOT_SIGNED", Mode.AUDIT),
        ("READ_ONLY_ROOT_FILESYSTEM", Mode.WARN),
    }
    assert [each.code for each in audited.would_deny] == [Code.NOT_SIGNED]
    assert (audited.denied, audited.would_be_denied) == (False, True)


async def test_equal_pods_of_a_subject_are_judged_once_wherever_they_run(stage: Stages) -> None:
    def run_at(node: str, token: str) -> Any:
        volumes = [{"name": f"kube-api-access-{token}", "projected": {"sources": []}}, {"name": "tmp", "emptyDir": {}}]
        return a_pod(TOOL, nodeName=node, volumes=volumes)

    pods = [run_at("n1", "abcde"), run_at("n2", "fghij"), run_at("n1", "klmno")]
    assert len({fingerprint(each) for each in pods}) == 1
    assert found(await stage(policy(SIGNED)).scan(deployment("web", *pods))) == {
        "Deployment/prod/web": (3, ["NOT_SIGNED"])
    }


@pytest.mark.parametrize(
    "other",
    [
        a_pod(APP),
        a_writing_pod(TOOL),
        a_pod(TOOL, metadata={"labels": {"team": "red"}}),
        a_pod(TOOL, metadata={"annotations": {"container.apparmor.security.beta.kubernetes.io/c0": "unconfined"}}),
        a_pod(TOOL, serviceAccountName="robot"),
        a_pod(TOOL, imagePullSecrets=[{"name": "s"}]),
        a_pod(TOOL, volumes=[{"name": "kube-api-access-x", "hostPath": {"path": "/"}}]),
        a_pod(TOOL, hostNetwork=True),
    ],
)
def test_pods_that_differ_in_what_is_judged_are_judged_each(other: Pod) -> None:
    assert fingerprint(other) != fingerprint(a_pod(TOOL))


def test_equal_pods_of_other_subjects_are_judged_each() -> None:
    [web], [api] = deployment("web", a_pod(TOOL)), deployment("api", a_pod(TOOL))
    [elsewhere] = deployment("web", a_pod(TOOL), namespace="dev")
    static = web._replace(static=True)
    assert len({scan.fingerprint(each, a_pod(TOOL)) for each in (web, api, elsewhere, static)}) == 4


async def test_who_names_an_owner_by_anothers_uid_takes_no_finding_from_it(stage: Stages) -> None:
    [web] = deployment("web", a_writing_pod(APP))
    other = web._replace(uid_of=web.uid)
    forged = [other._replace(name="api"), other._replace(kind="Other"), other._replace(api_version="other/v1")]
    result = await stage(policy(HARDENED)).scan([*forged, web])
    assert [(each.pods, codes(each)) for each in result.audited] == [(1, ["READ_ONLY_ROOT_FILESYSTEM"])] * 4


def fingerprint(pod: Pod) -> bytes:
    [workload] = deployment("web", pod)
    return scan.fingerprint(workload, pod)


async def test_each_image_is_asked_about_once_whatever_the_answer(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    one.registry.sign(RELEASE, APP)
    page = [each for number in range(50) for each in deployment(f"d{number}", a_pod(APP, TOOL))]
    result = await one.scan(page)
    assert [codes(each) for each in result.audited] == [["NOT_SIGNED"]] * 50
    assert sorted(one.registry.asked) == [f"evidence {APP}", f"evidence {TOOL}"]


@pytest.mark.parametrize("error", [CredentialsMissingError, RegistryUnavailableError])
async def test_what_could_not_be_found_out_is_not_asked_again_in_the_same_scan(
    stage: Stages, error: type[CredentialsMissingError] | type[RegistryUnavailableError]
) -> None:
    one = stage(policy(SIGNED))
    one.registry.failure = error("no")
    page = [each for number in range(20) for each in deployment(f"d{number}", a_pod(TOOL))]
    result = await one.scan(page)
    assert [codes(each) for each in result.audited] == [[error.code.value]] * 20
    assert all(each.undecided for each in result.audited)
    assert len(one.registry.asked) == 1
    one.registry.failure = None
    assert codes((await one.scan(page)).audited[0]) == ["NOT_SIGNED"]


async def test_a_tag_is_resolved_once_in_a_scan(stage: Stages) -> None:
    one = stage(policy(SIGNED).replace("allow:", "tags: UnsafeResolved\n    allow:"))
    one.registry.tags["ghcr.io/acme/app:1"] = digest("a")
    one.registry.sign(RELEASE, APP)
    page = [each for number in range(9) for each in deployment(f"d{number}", a_pod("ghcr.io/acme/app:1"))]
    assert {tuple(codes(each)) for each in (await one.scan(page)).audited} == {("TAG_NOT_PINNED",)}
    assert sorted(one.registry.asked) == [f"evidence {APP}", "resolve ghcr.io/acme/app:1"]


async def test_verifications_of_audit_policies_are_awaited_to_their_end(stage: Stages) -> None:
    one = stage(policy(SIGNED, "Audit"), no_match=None)
    one.registry.sign(RELEASE, APP)
    one.registry.gate.clear()
    scanning = asyncio.create_task(one.scan(deployment("web", a_pod(APP))))
    await asyncio.sleep(1.2)  # longer than a review waits for what is only recorded
    one.registry.gate.set()
    [audited] = (await scanning).audited
    assert (codes(audited), audited.images[0].verified) == ([], True)


async def test_a_registry_that_was_asked_too_often_is_left_alone_until_the_pause_is_over(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    pods = [a_pod(f"ghcr.io/acme/i{number}@{digest('c')}") for number in range(20)]
    one.registry.failure = RegistryRateLimitedError("429")
    page = [each for number, pod in enumerate(pods) for each in deployment(f"d{number}", pod)]
    scanning = asyncio.create_task(one.scan(page, at_once=1, pauses=(0.3, 0.0)))
    await asyncio.sleep(0.15)
    asked = len(one.registry.asked)
    one.registry.failure = None
    result = await scanning
    assert asked == 1
    assert {tuple(codes(each)) for each in result.audited} == {("NOT_SIGNED",)}
    assert sorted(set(one.registry.asked)) == sorted(f"evidence ghcr.io/acme/i{n}@{digest('c')}" for n in range(20))


async def test_other_registries_are_asked_meanwhile_and_what_stays_limited_is_told(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    limited = f"quay.io/acme/app@{digest('c')}"
    one.registry.silent(limited, Unanswered("quay.io", Code.REGISTRY_RATE_LIMITED, "429"))
    page = [*deployment("limited", a_pod(limited)), *deployment("web", a_pod(TOOL))]
    result = await one.scan(page, pauses=(0.0, 0.0))
    assert found(result) == {
        "Deployment/prod/limited": (1, ["REGISTRY_RATE_LIMITED"]),
        "Deployment/prod/web": (1, ["NOT_SIGNED"]),
    }
    assert one.registry.asked.count(f"evidence {limited}") == 3


async def test_few_pods_are_judged_at_once(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    one.registry.gate.clear()
    images = [f"ghcr.io/acme/i{number}@{digest('c')}" for number in range(20)]
    page = [each for number, image in enumerate(images) for each in deployment(f"d{number}", a_pod(image))]
    scanning = asyncio.create_task(one.scan(page))
    while len(one.registry.asked) < scan.AT_ONCE:  # noqa: ASYNC110 - the fake tells nobody
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(one.registry.asked) == scan.AT_ONCE
    one.registry.gate.set()
    assert len((await scanning).audited) == 20


async def test_a_scan_judges_by_one_set_of_policies_although_they_change(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    before = one.policies.book.generation
    one.registry.gate.clear()
    page = [*deployment("a", a_writing_pod(APP)), *deployment("b", a_writing_pod(TOOL))]
    scanning = asyncio.create_task(one.scan(page, at_once=1))
    while not one.registry.asked:  # noqa: ASYNC110 - the fake tells nobody
        await asyncio.sleep(0)
    one.policies.book = book(policy(HARDENED))
    one.registry.gate.set()
    result = await scanning
    assert result.generation == before
    assert [codes(each) for each in result.audited] == [["NOT_SIGNED"]] * 2


async def test_what_a_node_runs_by_itself_is_only_recorded(stage: Stages) -> None:
    one = stage(policy(HARDENED))
    page = [FakeWorkload("Pod", "infra", "etcd", a_writing_pod(APP), static=True)]
    [audited] = (await one.scan(page)).audited
    assert [(each.code.value, each.mode) for each in audited.findings] == [("READ_ONLY_ROOT_FILESYSTEM", Mode.AUDIT)]
    assert (audited.denied, audited.would_be_denied) == (False, False)


async def test_a_pod_that_cannot_be_decoded_is_denied_as_its_review_would_be(stage: Stages) -> None:
    result = await stage(policy(HARDENED)).scan(deployment("odd", None), deployment("web", a_pod(APP)))
    assert found(result) == {"Deployment/prod/odd": (1, ["OBJECT_INVALID"]), "Deployment/prod/web": (1, [])}
    assert result.audited[0].denied
    [audited] = (await stage(policy(HARDENED), cap=Mode.AUDIT).scan(deployment("odd", None))).audited
    assert (audited.denied, audited.would_be_denied) == (False, True)


async def test_a_failure_about_one_pod_hides_no_other(stage: Stages, caplog: pytest.LogCaptureFixture) -> None:
    one = stage(policy(SIGNED), namespaces=Broken())
    page = [*deployment("bad", a_pod(APP)), *deployment("web", a_pod(TOOL))]
    one.policies.book = book(
        policy(SIGNED).replace("  images:", "  match: {namespaceSelector: {matchLabels: {a: b}}}\n  images:", 1)
    )
    result = await one.scan(page)
    assert found(result)["Deployment/prod/bad"] == (1, ["INTERNAL_ERROR"])
    assert len(result.audited) == 2
    assert "a pod of prod could not be judged" in caplog.text


class Broken:
    async def labels(self, namespace: str, wait: float) -> None:
        raise RuntimeError("nobody foresaw this")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (ClusterError("the API server answered 500", 500), "the API server answered 500"),
        (KeyError("metadata"), "pods could not be listed (KeyError)"),
    ],
)
async def test_a_list_that_breaks_off_is_a_fault_and_what_was_listed_is_judged(
    stage: Stages, error: Exception, fault: str
) -> None:
    result = await stage(policy(HARDENED)).scan(deployment("web", a_writing_pod(APP)), error=error)
    assert result.fault == fault
    assert found(result) == {"Deployment/prod/web": (1, ["READ_ONLY_ROOT_FILESYSTEM"])}


async def test_a_scan_has_an_end(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    one.registry.gate.clear()
    result = await one.scan(deployment("web", a_pod(APP)), longest=0.1)
    assert result.fault == "it took longer than 0.1 seconds, and was ended"
    assert found(result) == {"Deployment/prod/web": (1, ["VERIFICATION_TIMED_OUT"])}


async def test_pods_that_were_not_judged_when_the_time_is_over_are_told_to_be_so(stage: Stages) -> None:
    one = stage(policy(SIGNED))
    one.registry.sign(RELEASE, APP)
    one.registry.gate.clear()
    page = [each for number in range(20) for each in deployment(f"web-{number}", a_pod(APP))]
    result = await one.scan(page, [*deployment("gone", None)], longest=0.1)
    assert {tuple(codes(each)) for each in result.audited} == {("VERIFICATION_TIMED_OUT",)}
    assert all(each.undecided and each.denied for each in result.audited)


async def test_what_the_list_notes_is_in_the_scan(stage: Stages) -> None:
    workloads = FakeWorkloads([])
    workloads.notes = ["ReplicaSets may not be listed"]
    result = await stage(policy(HARDENED)).scanner(workloads).scan()
    assert (result.notes, result.pods, result.audited) == (("ReplicaSets may not be listed",), 0, ())


async def test_findings_of_a_subject_are_told_once_and_are_bounded(stage: Stages) -> None:
    one = stage(policy(HARDENED))
    many = a_writing_pod(*(f"ghcr.io/acme/i{number}@{digest('c')}" for number in range(gathering.MAX_FINDINGS + 7)))
    few = a_writing_pod(APP)
    result = await one.scan(deployment("web", few, many, few))
    [audited] = result.audited
    assert (len(audited.findings), audited.left_out) == (gathering.MAX_FINDINGS, 7)
    assert len(audited.images) == gathering.MAX_IMAGES


@pytest.mark.parametrize("weak", ["Warn", "Audit"])
async def test_what_denies_is_never_left_out_for_weaker_findings_of_an_earlier_pod(stage: Stages, weak: str) -> None:
    one = stage(policy(HARDENED, weak), policy(SIGNED))
    one.registry.sign(RELEASE, APP)
    many = a_writing_pod(*[APP] * (gathering.MAX_FINDINGS + 5))
    [audited] = (await one.scan(deployment("web", many, a_pod(TOOL)))).audited
    assert audited.denied
    assert (codes(audited).count("NOT_SIGNED"), len(audited.findings)) == (1, gathering.MAX_FINDINGS)
    assert audited.left_out == 6


async def test_what_would_deny_is_never_left_out_for_warnings(stage: Stages) -> None:
    one = stage(policy(HARDENED, "Warn"), policy(SIGNED, "Audit"))
    one.registry.sign(RELEASE, APP)
    many = a_writing_pod(*[APP] * (gathering.MAX_FINDINGS + 5))
    result = await one.scan(deployment("web", many, a_pod(TOOL)))
    assert summarize(result).counts.would_be_denied.pods == 2


async def test_exempted_findings_are_told_apart(stage: Stages) -> None:
    text = policy(HARDENED) + (
        "  exemptions:\n  - {reason: legacy, expires: 2027-01-01T00:00:00Z, codes: [READ_ONLY_ROOT_FILESYSTEM],"
        ' images: ["ghcr.io/acme/*"], namespaces: [prod]}\n'
    )
    [audited] = (await stage(text).scan(deployment("web", a_writing_pod(APP)))).audited
    assert (codes(audited), [each.exemption for each in audited.exempted]) == ([], ["legacy"])


async def test_a_pod_that_waits_for_a_registry_when_the_time_is_over_is_told_so(
    stage: Stages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    one = stage(policy(SIGNED))
    one.registry.failure = RegistryRateLimitedError("429")
    result = await one.scan(deployment("web", a_pod(APP)), pauses=(60.0,), longest=0.2)
    assert found(result) == {"Deployment/prod/web": (1, ["REGISTRY_RATE_LIMITED"])}
    assert result.audited[0].undecided
