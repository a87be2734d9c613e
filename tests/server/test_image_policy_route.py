"""`/image-policy` speaks ImageReview, and only where clients need a certificate."""

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from tests.admission.test_image_review import review
from tests.server.serving import RECORD, FakeReviews, Pki, serving
from tests.server.test_program import Output, client, config, write_policy
from tests.server.wire import connected, post
from webhook.admission import image_review
from webhook.admission.review import Answer
from webhook.server import undecided
from webhook.server.metrics import Metrics
from webhook.server.program import NO_IMAGE_POLICY, running
from webhook.server.routes import IMAGE_POLICY, Route, Routes
from webhook.server.settings import Limits
from webhook.verdict import Verdict

BODY = review("registry.invalid/a")


class FakeImageReviews(FakeReviews):
    """Fills `webhook.server.ports.Reviews`: allows everything, when the gate is open."""

    async def review(self, body: bytes, timeout: float | None) -> Answer:  # noqa: ASYNC109 - the port's signature
        await super().review(body, timeout)
        return Answer(image_review.answer(Verdict(), {}), msgspec.structs.replace(RECORD, kind="ImageReview"))


def route(reviews: FakeReviews) -> Routes:
    """As the program has it."""
    return {IMAGE_POLICY: Route(reviews=reviews, undecided=undecided.of_images)}


def ask(body: bytes = BODY) -> bytes:
    return post(body, path="/image-policy")


def allowed(body: bytes) -> bool:
    return bool(json.loads(body)["status"]["allowed"])


async def test_a_review_gets_the_whole_budget_of_one_without_a_timeout(pki: Pki) -> None:
    reviews = FakeImageReviews()
    async with serving(pki, further=route(reviews)) as running, connected(running) as wire:
        response = await wire.ask(ask())
    assert (response.status, allowed(response.body), reviews.bodies) == (200, True, [BODY])
    assert reviews.timeouts[0] == pytest.approx(9.0, abs=0.5)


@pytest.mark.parametrize("audit", [False, True])
async def test_a_failure_outside_of_it_allows_nothing_unless_nothing_is_ever_denied(pki: Pki, audit: bool) -> None:
    reviews = FakeImageReviews()
    reviews.error = RuntimeError("token=secret")
    async with serving(pki, further=route(reviews), audit=audit) as running, connected(running) as wire:
        response = await wire.ask(ask())
        assert (await wire.ask(ask(b"{}"))).status == 400
    assert (response.status, allowed(response.body)) == (200, audit)
    assert b"secret" not in response.body + running.output.getvalue()


async def test_a_program_that_only_audits_allows_what_it_has_no_room_to_judge(pki: Pki) -> None:
    reviews = FakeImageReviews()
    reviews.gate.clear()
    limits = Limits(reviews=2, audit_waiting_seconds=0.01)
    async with (
        serving(pki, further=route(reviews), audit=True, limits=limits) as running,
        connected(running) as busy,
        connected(running) as wire,
    ):
        waiting = asyncio.create_task(busy.ask(ask()))
        await reviews.entered.wait()
        response = await wire.ask(ask())
        reviews.gate.set()
        assert (await waiting).status == 200
    assert (response.status, allowed(response.body), len(reviews.bodies)) == (200, True, 1)


async def test_without_room_it_is_asked_to_come_again(pki: Pki) -> None:
    reviews = FakeImageReviews()
    reviews.gate.clear()
    limits = Limits(reviews=2, waiting_seconds=0.01)
    async with (
        serving(pki, further=route(reviews), limits=limits) as running,
        connected(running) as busy,
        connected(running) as wire,
    ):
        waiting = asyncio.create_task(busy.ask(ask()))
        await reviews.entered.wait()
        assert (await wire.ask(ask())).status == 503
        reviews.gate.set()
        assert (await waiting).status == 200


def test_image_reviews_are_counted_as_such() -> None:
    metrics = Metrics("1")
    metrics.decided(msgspec.structs.replace(RECORD, kind="ImageReview", operation=""), 0.1)
    labels = 'decision="allow",dry_run="false",mode="policy",operation="other",resource_kind="ImageReview"'
    assert f"tidewaiter_admission_requests_total{{{labels}}} 1.0" in metrics.text().decode()


POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: ours}
spec:
  images: {allow: ["registry.example.com/**"]}
"""


async def answer(folder: Path, output: Output, **changes: Any) -> tuple[int, bytes]:
    """What the whole program answers about an image from elsewhere."""
    write_policy(folder, POLICY)
    settings = msgspec.structs.replace(config(folder), **changes)
    async with running(settings, output) as service, client(folder) as session:
        (host, port), _ = service.addresses
        url, headers = f"https://{host}:{port}/image-policy", {"Content-Type": "application/json"}
        async with session.post(url, data=BODY, headers=headers, ssl=tls(folder)) as response:
            return response.status, await response.read()


def tls(folder: Path) -> Any:
    """A client that shows the certificate in the folder, if there is one."""
    context = Pki(trustme.CA(), folder).client()
    context.load_verify_locations(folder / "tls.crt")
    if (folder / "client.pem").exists():
        context.load_cert_chain(folder / "client.pem")
    return context


async def test_without_a_client_authority_there_is_no_such_path_and_the_log_says_so(tmp_path: Path) -> None:
    output = Output()
    assert (await answer(tmp_path, output))[0] == 404
    assert NO_IMAGE_POLICY in [line["msg"] for line in output.lines]


async def test_the_program_judges_images_for_a_client_that_it_knows(tmp_path: Path) -> None:
    output, authority = Output(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "client-ca.crt")
    authority.issue_cert(common_name="kube-apiserver").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "client.pem"
    )
    names = frozenset({"kube-apiserver"})
    status, body = await answer(tmp_path, output, client_ca=tmp_path / "client-ca.crt", client_names=names)
    assert (status, allowed(body)) == (200, False)
    assert "REGISTRY_NOT_ALLOWED" in json.loads(body)["status"]["reason"]
    [line] = [line for line in output.lines if line["msg"] == "decision"]
    assert (line["kind"], line["decision"], line["namespace"]) == ("ImageReview", "deny", "prod")
    assert NO_IMAGE_POLICY not in [line["msg"] for line in output.lines]
