from typing import Any

import pytest

from tests.admission.conftest import Deciders
from tests.admission.test_decide import SIGNED
from tests.admission.test_reviewer import a_pod, codes, container, response, review
from webhook.admission.mirror_pods import MIRROR
from webhook.admission.reviewer import Reviewer

NODE = {"username": "system:node:one", "groups": ["system:nodes", "system:authenticated"]}


def mirror(node: str | None = "one", annotations: Any = None) -> dict[str, Any]:
    found = a_pod(container(), nodeName=node)
    return {
        **found,
        "metadata": {"name": "web", "annotations": {MIRROR: "5f3c"} if annotations is None else annotations},
    }


async def test_a_static_pod_that_its_node_shows_is_admitted_and_recorded(decider: Deciders) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(mirror(), userInfo=NODE))
    found = response(answer)
    assert (found["allowed"], found.get("warnings")) == (True, None)
    assert found["auditAnnotations"]["would-deny"].startswith("[signed] spec.containers[0].image: NOT_SIGNED: ")
    assert (answer.record.decision, answer.record.would_deny) == ("allow", True)


@pytest.mark.parametrize(
    ("found", "user"),
    [
        (mirror(), {"username": "mallory", "groups": ["system:nodes"]}),
        (mirror(), {**NODE, "username": "system:node:two"}),
        (mirror(), {**NODE, "groups": ["system:masters"]}),
        (mirror(), {"username": "system:node:one"}),
        (mirror(node=None), {**NODE, "username": "system:node:"}),
        (mirror(annotations={}), NODE),
        (a_pod(container(), nodeName="one"), NODE),
    ],
    ids=["anybody", "another node", "another group", "no group", "no node", "no annotation", "no annotations"],
)
async def test_any_other_pod_is_judged_in_full(decider: Deciders, found: Any, user: Any) -> None:
    assert codes(await Reviewer(decider(SIGNED)).review(review(found, userInfo=user))) == ["NOT_SIGNED"]


@pytest.mark.parametrize(
    "request_", [{"operation": "UPDATE"}, {"subResource": "migrate"}], ids=["update", "subresource"]
)
async def test_a_node_only_shows_a_pod_by_creating_it(decider: Deciders, request_: dict[str, str]) -> None:
    answer = await Reviewer(decider(SIGNED)).review(review(mirror(), userInfo=NODE, **request_))
    assert codes(answer) == ["NOT_SIGNED"]


async def test_a_mirror_pod_without_containers_is_denied(decider: Deciders) -> None:
    found = {**mirror(), "spec": {"containers": [], "nodeName": "one"}}
    assert codes(await Reviewer(decider(SIGNED)).review(review(found, userInfo=NODE))) == ["OBJECT_INVALID"]
