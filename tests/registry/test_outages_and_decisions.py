"""An outage, and failing at once because of it, is never a verdict that is kept, and never success."""

import pytest

from tests.admission.conftest import FixedPolicies, book
from tests.admission.test_decide import SOON, a_pod
from tests.fakes.clock import FakeClock
from tests.fakes.images import FakeTrustRoots, key, pem, signature
from tests.fakes.registry import FakeRegistry, Layer
from tests.fakes.replies import answering
from tests.registry.conftest import Connect
from webhook.admission.decide import Decider, Options
from webhook.admission.verification import Verification
from webhook.kube.namespaces import KnownNamespaces
from webhook.registry.settings import Limits

POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {{name: signed}}
spec:
  images:
    allow: ["{host}/**"]
    authorities: [{{name: release, key: {{pem: "{pem}"}}}}]
    verify: [{{name: all, images: ["{host}/**"], signatures: {{from: [release]}}}}]
"""


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_f_02_a_pod_is_denied_while_its_registry_fails_and_admitted_as_soon_as_it_is_back(
    registry: FakeRegistry, connect: Connect, status: int
) -> None:
    clock = FakeClock()
    private = key()
    image = f"{registry.host}/team/app@{registry.put_image('team/app')}"
    signed = signature(private, image)
    digest = image.partition("@")[2]
    registry.put_signature("team/app", digest, [Layer(signed.content, signed.annotations)])
    text = POLICY.format(host=registry.host, pem=pem(private).replace("\n", "\\n"))
    verification = Verification(connect(clock=clock, limits=Limits(failures=3)), FakeTrustRoots(), clock)
    decider = Decider(FixedPolicies(book(text)), verification, KnownNamespaces({}), Options())

    async def denials() -> set[str]:
        verdict = await decider.decide(a_pod(image), "prod", SOON)
        return {each.code.value for each in verdict.violations if each.denies}

    hex_digest = digest.removeprefix("sha256:")
    paths = [
        f"/v2/team/app/manifests/sha256-{hex_digest}.sig",
        f"/v2/team/app/manifests/sha256-{hex_digest}",
        f"/v2/team/app/referrers/{digest}",
    ]
    registry.replies.update(dict.fromkeys(paths, answering(status, headers={"Retry-After": "1"})))
    expected = {"REGISTRY_RATE_LIMITED" if status == 429 else "REGISTRY_UNAVAILABLE"}
    for _ in range(3):
        assert await denials() == expected
    asked = len(registry.asked)
    assert await denials() == expected
    assert len(registry.asked) == asked
    registry.replies.clear()
    assert await denials() == expected
    clock.advance(1.0)
    assert await denials() == set()
    await verification.close()
