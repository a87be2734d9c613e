import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from tests.server.serving import until
from webhook.codes import Code
from webhook.errors import TidewaiterError
from webhook.objects import PodTemplateSpec
from webhook.pods import ImageUse, Pod, of_images, pod
from webhook.server import warming
from webhook.server.warming import WarmUp
from webhook.verdict import ImageResult, Mode, Verdict, Violation

DIGEST = "@sha256:" + "0" * 64


def a_pod(*images: str, **spec: Any) -> Pod:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return pod(msgspec.convert({"spec": {"containers": containers, **spec}}, PodTemplateSpec))


class FakePods:
    """Fills `webhook.server.ports.RunningPods`."""

    def __init__(self, *pages: list[tuple[str, Pod]], error: Exception | None = None) -> None:
        self._pages = pages
        self._error = error
        self.closed = False

    async def pages(self) -> AsyncIterator[list[tuple[str, Pod]]]:
        for page in self._pages:
            yield page
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        self.closed = True


class FakeJudge:
    """Fills `webhook.server.ports.Judge`: verifies everything, but for what a test says of an image."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.pods: list[Pod] = []
        self.found: dict[str, list[Code]] = {}
        self.crash: Exception | None = None
        self.now = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def decide(self, pod: Pod, namespace: str, wait: float) -> Verdict:
        assert 0 < wait <= warming.JUDGE_SECONDS
        [use] = pod.images
        self.asked.append((namespace, use.text))
        self.pods.append(pod)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        await self.gate.wait()
        self.now -= 1
        if self.crash is not None:
            raise self.crash
        codes = self.found.get(use.text, [])
        code = codes.pop(0) if codes else None
        image = ImageResult(path=use.path, container="", reference=use.text, verified=code is None)
        if code is None:
            return Verdict(images=(image,))
        return Verdict(images=(image,), violations=(Violation(code=code, path="", message="", mode=Mode.AUDIT),))


async def warm(
    judge: FakeJudge, *pods: tuple[str, Pod], busy: Callable[[], bool] = lambda: False, error: Exception | None = None
) -> None:
    running = FakePods(list(pods), error=error)
    async with asyncio.timeout(20):
        await WarmUp(running, judge, busy).run()
    assert running.closed


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


async def test_each_image_is_judged_once_by_namespace(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    await warm(judge, ("a", a_pod("x", "y", "x")), ("a", a_pod("y")), ("b", a_pod("x")))
    assert judge.asked == [("a", "x"), ("a", "y"), ("b", "x")]
    assert told.messages == ["warmed up: 3 images judged, 3 of them verified"]


async def test_pull_secrets_and_service_accounts_tell_images_apart() -> None:
    judge = FakeJudge()
    secret = [{"name": "s"}]
    await warm(
        judge,
        ("a", a_pod("x")),
        ("a", a_pod("x", imagePullSecrets=secret)),
        ("a", a_pod("x", serviceAccountName="robot")),
        ("a", a_pod("x", imagePullSecrets=secret)),
    )
    assert [(each.pull_secrets, each.service_account) for each in judge.pods] == [((), ""), (("s",), ""), ((), "robot")]


async def test_nothing_but_the_image_is_judged() -> None:
    judge = FakeJudge()
    await warm(judge, ("a", a_pod("x", securityContext={"runAsUser": 0}, os={"name": "windows"})))
    assert judge.pods == [of_images([ImageUse("spec", "", "x")])]


async def test_two_are_judged_at_a_time() -> None:
    judge = FakeJudge()
    await warm(judge, *(("a", a_pod(f"x{number}")) for number in range(20)))
    assert (len(judge.asked), judge.most) == (20, warming.AT_ONCE)


async def test_it_pauses_while_there_is_something_better_to_do() -> None:
    judge, looks = FakeJudge(), iter([True, True, True, False])
    seen: list[int] = []

    def busy() -> bool:
        seen.append(len(judge.asked))
        return next(looks, False)

    await warm(judge, ("a", a_pod("x")), busy=busy)
    assert seen == [0, 0, 0, 0]
    assert judge.asked == [("a", "x")]


async def test_where_there_always_is_it_goes_on_slowly() -> None:
    judge = FakeJudge()
    started = asyncio.get_running_loop().time()
    await WarmUp(FakePods([("a", a_pod("x", "y"))]), judge, lambda: True, patience=0.2).run()
    assert judge.asked == [("a", "x"), ("a", "y")]
    assert asyncio.get_running_loop().time() - started >= 0.2


async def test_a_verification_that_goes_on_is_waited_for(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    judge.found["x"] = [Code.VERIFICATION_TIMED_OUT] * 3
    await warm(judge, ("a", a_pod("x")))
    assert judge.asked == [("a", "x")] * 4
    assert told.messages == ["warmed up: 1 images judged, 1 of them verified"]


async def test_a_registry_that_is_asked_too_often_is_left_alone(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    judge.found["r.example.com/x1"] = [Code.REGISTRY_RATE_LIMITED]
    judge.gate.clear()
    images = [f"r.example.com/x{number}" for number in range(1, 6)]
    warming_up = asyncio.create_task(warm(judge, *(("a", a_pod(each)) for each in [*images, "other.example.com/y"])))
    await until(lambda: len(judge.asked) == 2)
    judge.gate.set()
    await warming_up
    assert [image for _, image in judge.asked] == [*images[:2], "other.example.com/y"]
    assert told.messages == [
        "warmed up: 3 images judged, 2 of them verified",
        "warming up could not find out everything: REGISTRY_RATE_LIMITED 4",
    ]


async def test_what_could_not_be_found_out_is_told_once_with_counts(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    judge.found = {
        "x": [Code.REGISTRY_UNAVAILABLE],
        "y": [Code.REGISTRY_UNAVAILABLE],
        "z": [Code.NOT_SIGNED],
        "UPPER": [Code.INTERNAL_ERROR],
    }
    await warm(judge, ("a", a_pod("x", "y", "z", "UPPER")))
    assert told.messages == [
        "warmed up: 4 images judged, 0 of them verified",
        "warming up could not find out everything: INTERNAL_ERROR 1, REGISTRY_UNAVAILABLE 2",
    ]


async def test_where_the_cluster_does_not_tell_everything_the_rest_is_judged(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    await warm(judge, ("a", a_pod("x")), error=TidewaiterError("the API server did not list the pods"))
    assert told.messages == [
        "warming up without all pods: the API server did not list the pods",
        "warmed up: 1 images judged, 1 of them verified",
    ]


async def test_a_defect_ends_it_and_nothing_else(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    judge.crash = KeyError("x")
    await warm(judge, ("a", a_pod("x")))
    assert told.messages[0] == "warming up failed"
    assert told.messages[1] == "warmed up: 0 images judged, 0 of them verified"


async def test_so_many_images_are_enough(told: pytest.LogCaptureFixture) -> None:
    judge = FakeJudge()
    many = [a_pod(*(f"x{100 * number + each}" for each in range(100))) for number in range(201)]
    await warm(judge, *(("a", each) for each in many))
    assert len(judge.asked) == warming.MAX_IMAGES
    assert told.messages[0] == "warming up only 20000 images, there are more"


async def test_it_has_an_end(told: pytest.LogCaptureFixture) -> None:
    judge, running = FakeJudge(), FakePods([("a", a_pod("x"))])
    judge.gate.clear()
    await WarmUp(running, judge, lambda: False, longest=0.05).run()
    assert running.closed
    assert told.messages[0] == "warming up took too long and was ended"


async def test_it_ends_when_it_is_cancelled() -> None:
    judge = FakeJudge()
    judge.gate.clear()
    running = FakePods([("a", a_pod("x"))])
    task = asyncio.create_task(WarmUp(running, judge, lambda: False).run())
    await until(lambda: bool(judge.asked))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert running.closed
