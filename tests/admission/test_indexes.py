"""Pods that name one platform of an index, as policies decide on them."""

import textwrap

import pytest

from tests.admission.conftest import Deciders
from tests.fakes.images import FakeRegistry, digest, key, pem
from webhook.admission.decide import Decider
from webhook.codes import Code
from webhook.images import Digest
from webhook.objects import ContainerSpec, PodSpec, PodTemplateSpec
from webhook.pods import pod
from webhook.verdict import Verdict

RELEASE = key()
APP = "registry.example.com/app"
CHILD, INDEX = digest("a"), digest("b")


def policy(*, accept: bool, deny: str = digest("f")) -> str:
    return f"""\
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: production}}
spec:
  images:
    denyDigests: ["{deny}"]
    authorities:
    - name: release
      key:
        pem: |
{textwrap.indent(pem(RELEASE), " " * 10)}
    verify:
    - {{name: app, images: ["{APP}"], signatures: {{}}, acceptIndexSignature: {str(accept).lower()}}}
"""


@pytest.fixture(autouse=True)
def _index(registry: FakeRegistry) -> None:
    registry.tags[f"{APP}:1.2"] = INDEX
    registry.indexes[f"{APP}@{INDEX}"] = frozenset({Digest.parse(CHILD)})
    registry.sign(RELEASE, f"{APP}@{INDEX}")


async def judged(decider: Decider, image: str) -> Verdict:
    spec = PodSpec(containers=(ContainerSpec(name="app", image=image),))
    return await decider.decide(pod(PodTemplateSpec(spec=spec)), "prod", 5.0)


def codes(verdict: Verdict) -> list[Code]:
    return [violation.code for violation in verdict.violations]


async def test_the_index_of_the_tag_vouches_for_its_platform(decider: Deciders) -> None:
    verdict = await judged(decider(policy(accept=True)), f"{APP}:1.2@{CHILD}")
    assert (codes(verdict), verdict.images[0].verified) == ([], True)


async def test_only_where_the_policy_says_so(decider: Deciders, registry: FakeRegistry) -> None:
    verdict = await judged(decider(policy(accept=False)), f"{APP}:1.2@{CHILD}")
    assert codes(verdict) == [Code.NOT_SIGNED]
    assert registry.asked == [f"evidence {APP}@{CHILD}"]


async def test_without_a_tag_there_is_no_index(decider: Deciders) -> None:
    assert codes(await judged(decider(policy(accept=True)), f"{APP}@{CHILD}")) == [Code.NOT_SIGNED]


async def test_what_one_tag_vouched_for_another_does_not(decider: Deciders) -> None:
    one = decider(policy(accept=True))
    assert codes(await judged(one, f"{APP}:1.2@{CHILD}")) == []
    assert codes(await judged(one, f"{APP}:1.3@{CHILD}")) == [Code.NOT_SIGNED]


async def test_an_index_whose_digest_is_denied_does_not_vouch(decider: Deciders) -> None:
    verdict = await judged(decider(policy(accept=True, deny=INDEX)), f"{APP}:1.2@{CHILD}")
    assert codes(verdict) == [Code.DIGEST_DENIED]
    assert INDEX in verdict.violations[0].message


async def test_a_platform_without_a_tag_is_to_be_named_with_one_where_an_index_may_vouch(decider: Deciders) -> None:
    hint = "; if an index that lists it is signed, name it TAG@DIGEST"
    fixes = [
        (await judged(decider(policy(accept=accept)), image)).violations[0].fix
        for accept, image in ((True, f"{APP}@{CHILD}"), (False, f"{APP}@{CHILD}"), (True, f"{APP}:9@{CHILD}"))
    ]
    assert [fix.endswith(hint) for fix in fixes] == [True, False, False]
