"""Of the findings about one field of a pod, a policy tells one."""

from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.admission.conftest import FixedPolicies
from tests.admission.test_decide import APP, SOON, TOOL, a_pod, findings
from tests.admission.test_exemptions import exempted, of
from tests.fakes.clock import FakeClock
from webhook.admission.decide import Decider, Options
from webhook.admission.findings import MAX_FINDINGS
from webhook.admission.verification import Verification
from webhook.checks import Check
from webhook.checks.rules import ContainerRules
from webhook.codes import Code
from webhook.kube.namespaces import KnownNamespaces
from webhook.pods import Pod
from webhook.policy.allowlist import Pattern
from webhook.policy.book import Book, Policy
from webhook.policy.exemptions import Exemption
from webhook.verdict import Mode, Verdict, Violation

FIELD = "spec.containers[0].securityContext.runAsNonRoot"
OTHER_FIELD = "spec.containers[1].securityContext.runAsNonRoot"
ANNOTATION = 'metadata.annotations["container.apparmor.security.beta.kubernetes.io/c0"]'
Found = tuple[Code, str, Mode, str]
Judged = Callable[..., Awaitable[Verdict]]


def finds(*found: Found) -> Check:
    def check(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
        for code, path, mode, container in found:
            yield Violation(code=code, path=path, message="m", mode=mode, container=container)

    return check


FIRST: Found = (Code.RUN_AS_NON_ROOT, FIELD, Mode.ENFORCE, "c0")
SECOND: Found = (Code.CAPABILITY_NOT_ALLOWED, FIELD, Mode.ENFORCE, "c0")
WEAK: Found = (Code.RUN_AS_NON_ROOT, FIELD, Mode.WARN, "c0")
ELSEWHERE: Found = (Code.RUN_AS_NON_ROOT, OTHER_FIELD, Mode.ENFORCE, "c1")


@pytest.fixture
def judged(verification: Verification, clock: FakeClock) -> Judged:
    async def judge(*checks: Check, exempt: tuple[Code, ...] = (), pod: Pod | None = None) -> Verdict:
        end = clock.now().replace(year=2030)
        pattern = (Pattern.parse("ghcr.io/acme/app"),)
        exemption = Exemption("OPS-17", end, frozenset(exempt), pattern, frozenset({"prod"}))
        policies = [Policy(name=name, checks=checks, exemptions=(exemption,) if exempt else ()) for name in ("p", "q")]
        book = Book(tuple(policies))
        judge = Decider(FixedPolicies(book), verification, KnownNamespaces({}), Options(), clock=clock)
        return await judge.decide(pod or a_pod(APP, TOOL), "prod", SOON)

    return judge


def told(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [(code, path, mode) for code, path, policy, mode in findings(verdict) if policy == "p"]


RUN, CAPABILITY = ("RUN_AS_NON_ROOT", FIELD, "Enforce"), ("CAPABILITY_NOT_ALLOWED", FIELD, "Enforce")
RUN_ELSEWHERE = ("RUN_AS_NON_ROOT", OTHER_FIELD, "Enforce")


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        pytest.param([[FIRST], [SECOND]], [RUN], id="the first of two checks"),
        pytest.param([[SECOND], [FIRST]], [CAPABILITY], id="the other way round"),
        pytest.param([[FIRST, FIRST]], [RUN], id="twice by one check"),
        pytest.param([[FIRST], [ELSEWHERE]], [RUN, RUN_ELSEWHERE], id="fields of their own"),
        pytest.param([[WEAK], [SECOND]], [("RUN_AS_NON_ROOT", FIELD, "Warn"), CAPABILITY], id="the stronger one too"),
        pytest.param([[SECOND], [WEAK]], [CAPABILITY], id="the weaker one not"),
    ],
)
async def test_the_first_finding_of_a_field_is_told_unless_another_does_more(
    judged: Judged, checks: list[list[Found]], expected: list[tuple[str, str, str]]
) -> None:
    verdict = await judged(*(finds(*each) for each in checks))
    assert told(verdict) == expected
    assert len(verdict.violations) == 2 * len(expected), "each policy tells its own"


async def test_an_exempt_finding_hides_no_other_one_of_the_field(judged: Judged) -> None:
    verdict = await judged(finds(FIRST), finds(SECOND), exempt=(Code.RUN_AS_NON_ROOT,))
    assert told(verdict) == [CAPABILITY]
    assert [each[:3] for each in exempted(verdict)] == [("RUN_AS_NON_ROOT", FIELD, name) for name in ("p", "q")]
    verdict = await judged(finds(FIRST), finds(SECOND), exempt=(Code.CAPABILITY_NOT_ALLOWED,))
    assert told(verdict) == [RUN]


@pytest.mark.parametrize(
    ("images", "path", "container", "exempt"),
    [
        pytest.param((APP, TOOL), ANNOTATION, "c0", True, id="the container that an annotation names"),
        pytest.param((TOOL, APP), ANNOTATION, "c0", False, id="the other one's image"),
        pytest.param((APP, APP), ANNOTATION, "c7", False, id="a container that is not there"),
        pytest.param((APP, TOOL), ANNOTATION, "", False, id="an annotation that names none"),
        pytest.param((APP, TOOL), "spec.volumes[0].hostPath", "", False, id="a volume"),
        pytest.param((APP, APP), "spec.volumes[0].hostPath", "", True, id="a volume of a pod of this image"),
        pytest.param((APP, TOOL), 'metadata.labels["spec.containers[0]"]', "", False, id="a label that looks like it"),
        pytest.param((APP, TOOL), "spec.containers[0]", "", True, id="the container itself"),
        pytest.param((APP, TOOL), "spec.containers[01].x", "", False, id="no container's path"),
        pytest.param((APP, TOOL), "xxxx.containers[0].x", "", False, id="beside the pod"),
    ],
)
async def test_a_finding_belongs_to_the_container_of_its_path_or_name_else_to_all(
    judged: Judged, images: tuple[str, ...], path: str, container: str, exempt: bool
) -> None:
    found = finds((Code.RUN_AS_NON_ROOT, path, Mode.ENFORCE, container))
    verdict = await judged(found, exempt=(Code.RUN_AS_NON_ROOT,), pod=a_pod(*images))
    assert verdict.allowed is exempt


@pytest.mark.parametrize(
    ("path", "container", "exempt"),
    [
        pytest.param("spec.volumes[0].image.reference", "", False, id="an image volume of another image"),
        pytest.param("spec.volumes[1].image.reference", "", True, id="an image volume of this image"),
        pytest.param("spec.volumes[1].image", "", False, id="a field of the pod"),
        pytest.param(ANNOTATION, "c0", True, id="a container beside image volumes"),
    ],
)
async def test_a_finding_about_an_image_volume_belongs_to_its_image(
    judged: Judged, path: str, container: str, exempt: bool
) -> None:
    volumes = [{"name": f"v{index}", "image": {"reference": image}} for index, image in enumerate((TOOL, APP))]
    subject = of({"containers": [{"name": "c0", "image": APP}], "volumes": volumes})
    found = finds((Code.RUN_AS_NON_ROOT, path, Mode.ENFORCE, container))
    assert (await judged(found, exempt=(Code.RUN_AS_NON_ROOT,), pod=subject)).allowed is exempt


async def test_all_containers_of_a_name_have_to_be_exempt(judged: Judged) -> None:
    twins = of({"containers": [{"name": "c0", "image": APP}], "initContainers": [{"name": "c0", "image": TOOL}]})
    found = finds((Code.RUN_AS_NON_ROOT, ANNOTATION, Mode.ENFORCE, "c0"))
    assert not (await judged(found, exempt=(Code.RUN_AS_NON_ROOT,), pod=twins)).allowed


async def test_of_very_many_findings_the_rest_is_not_looked_for_and_denies_all_the_same(judged: Judged) -> None:
    looked_at = 0

    def endless(pod: Pod, rules: ContainerRules) -> Iterator[Violation]:
        nonlocal looked_at
        for number in range(1_000_000):
            looked_at += 1
            yield Violation(code=Code.RUN_AS_NON_ROOT, path=f"{FIELD}[{number}]", message="m", container="c0")

    verdict = await judged(endless, exempt=(Code.RUN_AS_NON_ROOT,), pod=a_pod(APP))
    assert looked_at == MAX_FINDINGS + 2
    assert len(verdict.exempted) == MAX_FINDINGS
    rest = ("OBJECT_INVALID", "spec", "Enforce")
    assert told(verdict) == [rest]
    assert [policy for _, _, policy, _ in findings(verdict)] == ["p", "q"]
    assert not verdict.allowed
