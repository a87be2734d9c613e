from typing import Any

from tests.admission.conftest import Deciders
from tests.admission.test_decide import APP, SIGNED, TOOL
from tests.admission.test_reviewer import codes, container, response, review
from tests.fakes.images import FakeRegistry
from webhook.admission.reviewer import Reviewer
from webhook.verdict import Mode
from webhook.workload_kinds import workload_kinds

KINDS = workload_kinds(["rollouts.argoproj.io=spec.template", "jobs.example.com=spec.groups[].template,spec.steps[]"])
ROLLOUTS = {"resource": "rollouts", "group": "argoproj.io"}
JOBS = {"resource": "jobs", "group": "example.com"}


def template(image: str) -> dict[str, Any]:
    return {"spec": {"containers": [container(image=image)]}}


def rollout(image: str) -> dict[str, Any]:
    return {"kind": "Rollout", "spec": {"replicas": 2, "template": template(image)}}


def job(*images: str, step: str = "") -> dict[str, Any]:
    return {
        "kind": "Job",
        "spec": {"groups": [{"template": template(each)} for each in images], "steps": [{"image": step}]},
    }


async def test_a_workload_of_the_clusters_own_is_warned_about(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED), kinds=KINDS).review(review(rollout(APP), **ROLLOUTS))
    found = response(answer)
    assert found["allowed"]
    (warning,) = found["warnings"]
    assert warning.startswith("[signed] spec.template.spec.containers[0].image: NOT_SIGNED: ")
    assert answer.record.kind == "rollouts.argoproj.io"


async def test_each_place_of_it_is_judged(decider: Deciders) -> None:
    reviewer = Reviewer(decider(SIGNED), Mode.ENFORCE, kinds=KINDS)
    answer = await reviewer.review(review(job(APP, TOOL, step=APP), **JOBS))
    assert codes(answer) == ["NOT_SIGNED", "NOT_SIGNED", "NOT_SIGNED"]
    assert [each.path for each in answer.record.violations] == [
        "spec.groups[0].template.spec.containers[0].image",
        "spec.groups[1].template.spec.containers[0].image",
        "spec.steps[0].image",
    ]
    assert answer.record.policies == ("signed",)


async def test_it_is_judged_where_it_changes(decider: Deciders, registry: FakeRegistry) -> None:
    reviewer = Reviewer(decider(SIGNED), Mode.ENFORCE, kinds=KINDS)
    update = {"operation": "UPDATE", **JOBS}
    scaled = {**job(APP, TOOL), "metadata": {"labels": {"owner": "me"}}}
    assert response(await reviewer.review(review(scaled, job(APP, TOOL), **update)))["allowed"]
    assert registry.asked == []
    answer = await reviewer.review(review(job(APP, APP), job(APP, TOOL), **update))
    assert [each.path for each in answer.record.violations] == ["spec.groups[1].template.spec.containers[0].image"]


async def test_one_without_any_template_is_admitted(decider: Deciders) -> None:
    reviewer = Reviewer(decider(SIGNED), Mode.ENFORCE, kinds=KINDS)
    answer = await reviewer.review(review({"kind": "Rollout", "spec": {"workloadRef": {}}}, **ROLLOUTS))
    assert response(answer)["allowed"]
    assert answer.record.generation


async def test_one_that_cannot_be_read_is_an_object_that_is_invalid(decider: Deciders) -> None:
    broken = {"spec": {"template": {"spec": {"containers": "none"}}}}
    answer = await Reviewer(decider(SIGNED), Mode.ENFORCE, kinds=KINDS).review(review(broken, **ROLLOUTS))
    assert codes(answer) == ["OBJECT_INVALID"]
    assert "$.spec.template.spec.containers" in response(answer)["status"]["message"]


async def test_its_subresources_and_other_groups_are_not_judged(decider: Deciders) -> None:
    reviewer = Reviewer(decider(SIGNED), Mode.ENFORCE, kinds=KINDS)
    assert response(await reviewer.review(review(rollout(APP), subResource="scale", **ROLLOUTS)))["allowed"]
    other = await reviewer.review(review(rollout(APP), resource="rollouts", group="example.com"))
    assert response(other)["warnings"] == ["tidewaiter does not judge rollouts"]
