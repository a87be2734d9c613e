"""`/pin` speaks the protocol of `/validate`, and never says no."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.admission.test_reviewer import a_pod, container, deployment, review
from tests.fakes.images import key
from tests.server.serving import RECORD, REVIEW, FakeReviews, Pki, serving
from tests.server.test_program import Output, client, config, write_policy
from tests.server.wire import connected, post
from webhook.admission.review import ReviewError
from webhook.cli.demo.registry import DemoRegistry
from webhook.cli.demo.scenario import push_images
from webhook.codes import Code
from webhook.config import RegistryConfig
from webhook.server.metrics import Metrics
from webhook.server.program import running
from webhook.server.routes import PIN, Route, Routes
from webhook.server.settings import Limits
from webhook.verdict import ImageResult, Mode, Violation


def route(reviews: FakeReviews) -> Routes:
    """As the program has it."""
    return {PIN: Route(reviews=reviews, harmless=True)}


ALLOWED = {"uid": "uid-1", "allowed": True}


async def test_a_review_goes_to_whoever_its_path_names(pki: Pki) -> None:
    pins = FakeReviews()
    async with serving(pki, further=route(pins)) as running, connected(running) as wire:
        assert (await wire.ask(post(path="/pin?timeout=5s"))).status == 200
        assert (pins.bodies, running.reviews.bodies) == ([REVIEW], [])
        assert (await wire.ask(post(path="/validate"))).status == 200
        assert (pins.bodies, running.reviews.bodies) == ([REVIEW], [REVIEW])
    assert pins.timeouts[0] == pytest.approx(4.0, abs=0.5)


async def test_without_anybody_to_answer_it_there_is_no_such_path(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        assert (await wire.ask(post(path="/pin"))).status == 404


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (post(path="/pin/"), 404),
        (post(b"", method="GET", path="/pin"), 405),
        (post(path="/pin", Content_Type="text/plain"), 415),
        (post(path="/pin", Content_Encoding="gzip"), 415),
        (post(b"x" * 2000, path="/pin"), 413),
        (post(b"", path="/pin"), 400),
    ],
)
async def test_what_is_no_review_is_refused_as_it_is_elsewhere(pki: Pki, request_bytes: bytes, status: int) -> None:
    async with (
        serving(pki, further=route(FakeReviews()), limits=Limits(body=1000)) as running,
        connected(running) as wire,
    ):
        assert (await wire.ask(request_bytes)).status == status


async def test_a_failure_outside_of_it_lets_the_request_pass_to_whoever_judges(pki: Pki) -> None:
    pins = FakeReviews()
    pins.error = RuntimeError("token=secret")
    async with serving(pki, further=route(pins)) as running, connected(running) as wire:
        response = await wire.ask(post(path="/pin"))
        pins.error = ReviewError("no review")
        assert (await wire.ask(post(path="/pin"))).status == 400
    assert (response.status, json.loads(response.body)["response"]) == (200, ALLOWED)
    assert "request uid-1 failed outside of its reviewer" in [line["msg"] for line in running.logged()]
    assert b"secret" not in running.output.getvalue()


def test_images_are_counted_by_whether_their_digest_was_found() -> None:
    metrics = Metrics("1")
    found = ImageResult(path="spec.containers[0].image", container="app", reference="a:1@d", digest="d")
    lost = msgspec.structs.replace(found, digest=None)
    why = Violation(code=Code.IMAGE_NOT_FOUND, path=lost.path, message="m", mode=Mode.WARN)
    metrics.decided(msgspec.structs.replace(RECORD, images=(found,)), 0.1)
    metrics.decided(
        msgspec.structs.replace(RECORD, decision="pin", images=(found, found, lost), violations=(why,)), 0.1
    )
    text = metrics.text().decode()
    assert 'tidewaiter_pinned_images_total{result="success"} 2.0' in text
    assert 'tidewaiter_pinned_images_total{result="failure"} 1.0' in text
    assert 'tidewaiter_violations_total{code="IMAGE_NOT_FOUND",mode="Warn",policy=""} 1.0' in text
    assert 'tidewaiter_admission_duration_seconds_count{decision="pin"} 1.0' in text
    assert 'decision="pin",dry_run="false",mode="policy",operation="CREATE",resource_kind="Pod"} 1.0' in text


POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: digests}
spec:
  images: {tags: Pinned}
"""


async def answers(folder: Path, registry: DemoRegistry, obj: Any, *, pinning: bool = True, **engine: Any) -> list[Any]:
    """What the whole program answers about an object, first at `/pin` and then at `/validate`."""
    write_policy(folder, POLICY)
    reach = RegistryConfig(insecure=frozenset({registry.host}))
    settings = msgspec.structs.replace(config(folder, registry=reach, **engine), pinning=pinning)
    kind = {} if obj["kind"] == "Pod" else {"resource": "deployments", "group": "apps"}
    found = []
    async with running(settings, Output()) as service, client(folder) as session:
        (host, port), _ = service.addresses
        for path in ("/pin", "/validate"):
            url, headers = f"https://{host}:{port}{path}", {"Content-Type": "application/json"}
            async with session.post(url, data=review(obj, **kind), headers=headers) as answer:
                assert answer.status == 200
                found.append((await answer.json())["response"])
    return found


@pytest.fixture
async def registry() -> AsyncIterator[DemoRegistry]:
    async with DemoRegistry() as registry:
        push_images(registry, key(), key())
        yield registry


def tagged(registry: DemoRegistry) -> dict[str, Any]:
    return container(image=f"{registry.host}/shop/web:1.0")


async def test_the_program_pins_what_its_policies_judge(tmp_path: Path, registry: DemoRegistry) -> None:
    pinned, judged = await answers(tmp_path, registry, a_pod(tagged(registry)))
    [operation] = json.loads(base64.b64decode(pinned["patch"]))
    digest = registry.repositories["shop/web"].tags["1.0"]
    assert operation == {
        "op": "replace",
        "path": "/spec/containers/0/image",
        "value": f"{registry.host}/shop/web:1.0@{digest}",
    }
    assert judged["allowed"] is False
    assert "TAG_NOT_PINNED" in judged["status"]["message"]


async def test_the_program_judges_templates_as_if_their_pods_were_pinned(
    tmp_path: Path, registry: DemoRegistry
) -> None:
    _, judged = await answers(tmp_path, registry, deployment(tagged(registry)))
    assert judged["allowed"] is True
    assert "warnings" not in judged


async def test_the_program_pins_nothing_unless_it_is_told_to(tmp_path: Path, registry: DemoRegistry) -> None:
    for obj in (a_pod(tagged(registry)), deployment(tagged(registry))):
        pinned, judged = await answers(tmp_path, registry, obj, pinning=False)
        assert "patch" not in pinned
        assert "TAG_NOT_PINNED" in str(judged)


async def test_a_dry_run_of_everything_pins_nothing(tmp_path: Path, registry: DemoRegistry) -> None:
    pinned, judged = await answers(tmp_path, registry, a_pod(tagged(registry)), cap=Mode.AUDIT)
    assert pinned == {"uid": "u-1", "allowed": True}
    assert judged["allowed"] is True
    assert registry.requests == 0
