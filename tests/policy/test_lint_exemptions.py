"""What is legal in exemptions, and weak."""

from datetime import timedelta

import pytest

from tests.policy.test_lint import NOW
from tests.policy.writing import VALID, of_images, written
from webhook.policy.lint import lint

WHERE = "spec.exemptions[0]"


def notices(
    policy: str = VALID,
    *,
    after: timedelta = timedelta(days=30),
    code: str = "NOT_SIGNED",
    image: str = "registry.example.com/agents/agent",
    namespace: str = "prod-legacy",
) -> list[str]:
    """Those about the policy with this exemption, without their line."""
    expires = (NOW + after).isoformat().replace("+00:00", "Z")
    exemption = f'{{reason: r, expires: {expires}, codes: [{code}], images: ["{image}"], namespaces: [{namespace}]}}'
    text = policy.replace("\nspec:", f"\nspec:\n  exemptions: [{exemption}]")
    found = [str(notice).split(": ", 1)[1] for notice in lint([written(text)], NOW)]
    return [notice for notice in found if notice.startswith("spec.exemptions")]


def test_nothing_is_to_be_said_about_a_narrow_exemption_that_ends_soon_enough() -> None:
    assert notices() == []


WEEK, YEAR = timedelta(days=7), timedelta(days=366)
SECOND = timedelta(seconds=1)
PASSED = [f"{WHERE}.expires: has passed: the exemption has no effect"]
LONG = [f"{WHERE}.expires: is more than a year away; what is nearer is looked at again"]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (-SECOND, PASSED),
        (timedelta(0), PASSED),
        (SECOND, [f"{WHERE}.expires: is near: from 2026-01-01T00:00:01+00:00 on the findings count again"]),
        (WEEK, [f"{WHERE}.expires: is near: from 2026-01-08T00:00:00+00:00 on the findings count again"]),
        (WEEK + SECOND, []),
        (YEAR, []),
        (YEAR + SECOND, LONG),
    ],
)
def test_the_end_of_an_exemption(after: timedelta, expected: list[str]) -> None:
    assert notices(after=after) == expected


@pytest.mark.parametrize("image", ["registry.example.com/**", "registry.example.com/*", "registry.example.com/*/agent"])
def test_an_exemption_of_all_projects_of_a_registry(image: str) -> None:
    expected = f"{WHERE}.images[0]: takes images of every project of registry.example.com, not of one alone"
    assert notices(image=image) == [expected]
    assert notices(image="registry.example.com/agents/**") == []


@pytest.mark.parametrize("namespace", ["other", "prod-sandbox"])
def test_an_exemption_where_the_policy_says_nothing(namespace: str) -> None:
    assert notices(namespace=namespace) == [f"{WHERE}.namespaces[0]: has no effect: the policy does not match it"]


def test_an_exemption_where_the_policy_excludes_and_includes_nothing_else() -> None:
    anywhere = VALID.replace('include: ["prod-*"], ', "")
    assert notices(anywhere, namespace="other") == []
    assert notices(of_images("{}"), namespace="other") == []


def test_an_exemption_of_what_the_policy_does_not_ask() -> None:
    of_the_pod = of_images("{}")
    assert notices(of_the_pod) == []
    expected = [f"{WHERE}.codes[0]: has no effect: the policy has no containers"]
    assert notices(of_the_pod, code="RUN_AS_NON_ROOT") == expected
    bare = VALID[: VALID.index("  images:")] + VALID[VALID.index("  containers:") :]
    assert notices(bare) == [f"{WHERE}.codes[0]: has no effect: the policy has no images"]
    assert notices(bare, code="RUN_AS_NON_ROOT") == []
