import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controller import rendered
from tests.controller.rendered import NEWER, STAMP
from tests.fakes.clock import FakeClock
from tests.fakes.cluster import FakeCluster, Write
from webhook.controller.configurations.drift import Field
from webhook.controller.configurations.events import DEPLOYMENTS
from webhook.controller.configurations.guard import ConfigurationGuard
from webhook.controller.configurations.mending import MANAGER
from webhook.controller.configurations.observer import Failure
from webhook.controller.configurations.settings import ConfigurationSettings
from webhook.controller.configurations.webhooks import KINDS
from webhook.controller.event_writing import EVENT
from webhook.errors import ClusterError

NAMESPACE = "tidewaiter-system"
VALIDATING = "ValidatingWebhookConfiguration/tidewaiter"
KIND = KINDS["ValidatingWebhookConfiguration"]
PATH = KIND.path("", "tidewaiter")


class FakeObserver:
    """Fills the observer's port: the gauges as they are, and the counters."""

    def __init__(self) -> None:
        self.drift: dict[str, frozenset[Field]] = {}
        self.is_gone: dict[str, bool] = {}
        self.mends: list[str] = []
        self.failures: list[Failure] = []

    def drifted(self, configuration: str, fields: frozenset[Field]) -> None:
        self.drift[configuration] = fields

    def gone(self, configuration: str, is_gone: bool) -> None:
        self.is_gone[configuration] = is_gone

    def mended(self, configuration: str) -> None:
        self.mends.append(configuration)

    def failed(self, reason: Failure) -> None:
        self.failures.append(reason)


class Bench:
    """A guard over a cluster in memory that holds what a folder says."""

    def __init__(self, folder: Path, *, mend: bool = False) -> None:
        self.folder = folder
        self.cluster = FakeCluster()
        self.clock = FakeClock()
        self.observer = FakeObserver()
        self.settings = ConfigurationSettings(
            folder, NAMESPACE, "tidewaiter", "tidewaiter-controller", "controller-0", mend=mend
        )
        self.guard = ConfigurationGuard(self.cluster, self.settings, self.clock, self.observer)
        deployment = {"metadata": {"name": "tidewaiter-controller", "namespace": NAMESPACE}}
        self.deployment = self.cluster.put(DEPLOYMENTS, deployment)
        self.render(rendered.validating())
        self.install(rendered.validating())

    def render(self, *documents: dict[str, Any]) -> None:
        (self.folder / "rendered.yaml").write_text(yaml.safe_dump_all(documents), encoding="utf-8")

    def install(self, document: dict[str, Any]) -> None:
        self.cluster.put(KINDS[document["kind"]], rendered.live(document))

    def change(self, **fields: Any) -> None:
        """As somebody patches the first webhook."""
        found = self.cluster.objects[PATH]
        found["webhooks"][0].update(fields)
        self.cluster.put(KIND, found)

    def stamp(self, stamp: str) -> None:
        found = self.cluster.objects[PATH]
        found["metadata"]["annotations"][STAMP] = stamp
        self.cluster.put(KIND, found)

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            await self.guard.look()
            self.clock.advance(self.settings.interval)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [each for path, each in self.cluster.objects.items() if path.startswith("/apis/events")]

    @property
    def mends(self) -> list[Write]:
        return [each for each in self.cluster.writes if each.path == PATH]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def mending(tmp_path: Path) -> Bench:
    return Bench(tmp_path, mend=True)


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.levelno >= logging.ERROR]


async def test_what_is_as_it_was_rendered_is_left_alone(mending: Bench, caplog: pytest.LogCaptureFixture) -> None:
    await mending.look(3)
    assert (mending.observer.drift, mending.observer.is_gone) == ({VALIDATING: frozenset()}, {VALIDATING: False})
    assert (mending.cluster.writes, mending.observer.failures, caplog.records) == ([], [], [])


async def test_a_drift_is_announced_once(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.change(failurePolicy="Ignore")
    await bench.look(3)
    note = (
        f"{VALIDATING} is not as it was rendered: webhooks[pods.tidewaiter.dev].failurePolicy: "
        'found "Ignore", wanted "Fail": pods may pass unjudged'
    )
    assert errors(caplog) == [note]
    assert [(each["note"], each["regarding"]["uid"]) for each in bench.events] == [
        (note, bench.deployment["metadata"]["uid"])
    ]
    assert bench.observer.drift == {VALIDATING: frozenset({Field.FAILURE_POLICY})}
    assert bench.mends == []


async def test_a_drift_that_grows_is_announced_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.change(failurePolicy="Ignore")
    await bench.look()
    bench.change(timeoutSeconds=1)
    await bench.look()
    assert len(errors(caplog)) == len(bench.events) == 2
    assert bench.observer.drift == {VALIDATING: frozenset({Field.FAILURE_POLICY, Field.TIMEOUT_SECONDS})}


async def test_a_drift_that_comes_and_goes_is_counted_in_one_event(bench: Bench) -> None:
    for policy in ("Ignore", "Fail", "Ignore", "Fail", "Ignore"):
        bench.change(failurePolicy=policy)
        await bench.look()
    assert [each["series"]["count"] for each in bench.events] == [3]


async def test_the_end_of_a_drift_is_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.change(failurePolicy="Ignore")
    await bench.look()
    bench.change(failurePolicy="Fail")
    await bench.look(2)
    assert bench.observer.drift == {VALIDATING: frozenset()}
    assert [each.message for each in caplog.records][1:] == [f"{VALIDATING} is as it was rendered again"]


async def test_an_event_that_cannot_be_written_stops_nothing(mending: Bench, caplog: pytest.LogCaptureFixture) -> None:
    mending.cluster.before.append(refuse("POST", "/events/"))
    mending.cluster.before.append(refuse("GET", "/deployments/"))
    mending.change(failurePolicy="Ignore")
    await mending.look(2)
    assert mending.observer.failures == [Failure.EVENT]
    assert mending.observer.mends == [VALIDATING]
    assert errors(caplog)[1].startswith("an Event could not be written")


async def test_an_event_without_its_deployment_is_written(bench: Bench) -> None:
    bench.cluster.before.append(refuse("GET", "/deployments/"))
    bench.change(failurePolicy="Ignore")
    await bench.look()
    assert ["uid" in each["regarding"] for each in bench.events] == [False]


async def test_an_event_that_expires_meanwhile_is_let_go(bench: Bench) -> None:
    bench.change(failurePolicy="Ignore")
    await bench.look()
    bench.change(failurePolicy="Fail")
    await bench.look()
    (event,) = bench.events
    name = event["metadata"]["name"]

    def expire(method: str, path: str) -> None:
        if method == "GET" and "/events/" in path:
            bench.cluster.remove(EVENT, name, NAMESPACE)

    bench.cluster.before.append(expire)
    bench.change(failurePolicy="Ignore")
    await bench.look()
    assert (bench.events, bench.observer.failures) == ([], [])


async def test_a_drift_is_mended(mending: Bench, caplog: pytest.LogCaptureFixture) -> None:
    mending.change(failurePolicy="Ignore", matchPolicy="Exact")
    await mending.look(3)
    assert mending.cluster.objects[PATH]["webhooks"] == rendered.live(rendered.validating())["webhooks"]
    assert mending.observer.mends == [VALIDATING]
    assert [(each.method, each.manager) for each in mending.mends] == [("PUT", MANAGER)]
    assert f"{VALIDATING} was mended" in [each.message for each in caplog.records]


async def test_fields_that_we_own_are_given_back_even_if_an_earlier_look_was_cut_short(mending: Bench) -> None:
    found = mending.cluster.objects[PATH]
    helm: dict[str, Any] = {"f:webhooks": {"f:a": {}}}
    ours: dict[str, Any] = {"f:webhooks": {"f:b": {}}}
    stamped = found["metadata"]["managedFields"][0]["fieldsV1"]
    found["metadata"]["managedFields"] = [
        {"manager": "helm", "operation": "Apply", "fieldsV1": {**stamped, **helm}},
        {"manager": MANAGER, "operation": "Update", "fieldsV1": ours},
    ]
    mending.cluster.put(KIND, found)
    await mending.look(2)
    fields = {**stamped, "f:webhooks": {"f:a": {}, "f:b": {}}}
    assert mending.cluster.objects[PATH]["metadata"]["managedFields"] == [
        {"manager": "helm", "operation": "Apply", "fieldsV1": fields}
    ]
    assert (len(mending.mends), mending.observer.mends) == (1, [])


async def test_a_configuration_that_is_deleted_stays_deleted_and_is_announced_once(
    mending: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await mending.look()
    mending.cluster.remove(KIND, "tidewaiter")
    await mending.look()
    assert mending.observer.is_gone == {VALIDATING: False}
    await mending.look(4)
    assert mending.observer.is_gone == {VALIDATING: True}
    assert [each["reason"] for each in mending.events] == ["ConfigurationGone"]
    assert len(errors(caplog)) == 1
    assert PATH not in mending.cluster.objects
    assert mending.mends == []


async def test_a_configuration_that_comes_back_is_told_and_compared(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.cluster.remove(KIND, "tidewaiter")
    await bench.look(2)
    bench.install(rendered.validating())
    bench.change(failurePolicy="Ignore")
    await bench.look()
    assert bench.observer.is_gone == {VALIDATING: False}
    assert bench.observer.drift == {VALIDATING: frozenset({Field.FAILURE_POLICY})}
    assert f"{VALIDATING} is there again" in [each.message for each in caplog.records]


@pytest.mark.parametrize("change", ["deleted", "changed", "deleted and made anew"])
async def test_what_happens_between_reading_and_writing_is_not_written_over(mending: Bench, change: str) -> None:
    def meanwhile(method: str, path: str) -> None:
        if (method, path) != ("PUT", PATH):
            return
        mending.cluster.before.clear()
        if change != "changed":
            mending.cluster.remove(KIND, "tidewaiter")
        if change != "deleted":
            mending.install({**rendered.validating(), "somebody": "else"})

    mending.change(failurePolicy="Ignore")
    mending.cluster.before.append(meanwhile)
    await mending.look()
    assert (mending.mends, mending.observer.mends, mending.observer.failures) == ([], [], [])
    assert mending.cluster.objects.get(PATH, {}).get("somebody") == (None if change == "deleted" else "else")


async def test_an_upgrade_is_not_fought_until_its_files_arrive(
    mending: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await mending.look()
    newer = rendered.validating()
    newer["metadata"]["annotations"][STAMP] = NEWER
    newer["webhooks"][0]["failurePolicy"] = "Ignore"
    mending.install(newer)
    await mending.look(8)
    mending.render(newer)
    await mending.look(2)
    assert mending.cluster.writes == []
    assert mending.observer.drift == {VALIDATING: frozenset()}
    assert errors(caplog) == []


async def test_another_stamp_for_long_is_announced_with_what_differs_and_never_mended(
    mending: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    mending.change(failurePolicy="Ignore")
    for number in range(12):
        mending.stamp(f"{number:064}x")
        await mending.look()
    assert errors(caplog) == []
    await mending.look(3)
    assert [each.split(": ", 1)[1][:60] for each in errors(caplog)] == [
        'metadata.annotations[tidewaiter.dev/rendered]: found "000000'
    ]
    assert mending.observer.drift == {VALIDATING: frozenset({Field.STAMP, Field.FAILURE_POLICY})}
    assert mending.mends == []


async def test_a_stamp_that_is_taken_away_counts_as_another(bench: Bench) -> None:
    found = bench.cluster.objects[PATH]
    del found["metadata"]["annotations"]
    bench.cluster.put(KIND, found)
    await bench.look(13)
    assert bench.observer.drift == {VALIDATING: frozenset({Field.STAMP})}


async def test_patience_begins_anew_once_the_stamps_were_the_same(bench: Bench) -> None:
    for stamp in (NEWER, "0" * 64, NEWER):
        bench.stamp(stamp)
        await bench.look(8)
    assert bench.observer.drift == {VALIDATING: frozenset()}


async def test_a_configuration_that_is_no_longer_rendered_is_forgotten(bench: Bench) -> None:
    bench.render(rendered.mutating())
    bench.install(rendered.mutating())
    bench.render(rendered.validating(), rendered.mutating())
    bench.change(failurePolicy="Ignore")
    await bench.look()
    bench.render(rendered.mutating())
    bench.cluster.remove(KIND, "tidewaiter")
    await bench.look(3)
    mutating = "MutatingWebhookConfiguration/tidewaiter"
    assert bench.observer.drift == {VALIDATING: frozenset(), mutating: frozenset()}
    assert bench.observer.is_gone == {VALIDATING: False, mutating: False}


async def test_files_that_cannot_be_used_are_a_failure_and_said_once(
    mending: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    mending.change(failurePolicy="Ignore")
    broken = {**rendered.validating(), "webhooks": []}
    mending.render(broken)
    await mending.look(2)
    assert mending.observer.failures == [Failure.WANTED] * 2
    (line,) = errors(caplog)
    assert line.endswith("webhooks: is empty")
    assert mending.cluster.writes == []
    mending.render(rendered.validating())
    await mending.look()
    mending.render(broken)
    await mending.look()
    assert len([each for each in errors(caplog) if "cannot be used" in each]) == 2


async def test_a_cluster_that_cannot_be_asked_is_a_failure_and_what_was_known_stays(bench: Bench) -> None:
    bench.change(failurePolicy="Ignore")
    await bench.look()
    bench.cluster.before.append(refuse("GET", PATH))
    await bench.look(2)
    assert bench.observer.failures == [Failure.READ] * 2
    assert bench.observer.drift == {VALIDATING: frozenset({Field.FAILURE_POLICY})}
    assert bench.observer.is_gone == {VALIDATING: False}


async def test_a_configuration_that_cannot_be_understood_is_a_failure(mending: Bench) -> None:
    mending.change(timeoutSeconds="soon")
    await mending.look()
    assert (mending.observer.failures, mending.cluster.writes) == ([Failure.READ], [])


async def test_a_refused_mending_is_a_failure_and_tried_again(mending: Bench) -> None:
    mending.cluster.before.append(refuse("PUT", PATH))
    mending.change(failurePolicy="Ignore")
    await mending.look(2)
    assert mending.observer.failures == [Failure.MEND] * 2
    mending.cluster.before.clear()
    await mending.look()
    assert mending.observer.mends == [VALIDATING]


async def test_one_that_fails_keeps_no_other_from_being_looked_at(bench: Bench) -> None:
    bench.render(rendered.validating(), rendered.mutating())
    bench.install(rendered.mutating())
    bench.cluster.before.append(refuse("GET", PATH))
    await bench.look()
    assert bench.observer.drift == {"MutatingWebhookConfiguration/tidewaiter": frozenset()}


def refuse(method: str, part: str) -> Callable[[str, str], None]:
    """Have the API server forbid requests."""

    def call(asked: str, path: str) -> None:
        if asked == method and part in path:
            raise ClusterError("the API server answered 403: forbidden\x1b[31m", 403)

    return call


async def test_it_runs_for_ever_through_faults_that_nobody_foresaw(bench: Bench) -> None:
    looked = asyncio.Event()
    faults = iter([RuntimeError("unforeseen")])

    def call(method: str, path: str) -> None:
        for fault in faults:
            raise fault
        looked.set()

    bench.cluster.before.append(call)
    settings = ConfigurationSettings(bench.folder, NAMESPACE, "t", "t-controller", "c", interval=0.001)
    guard = ConfigurationGuard(bench.cluster, settings, bench.clock, bench.observer)
    running = asyncio.create_task(guard.run())
    async with asyncio.timeout(10):
        await looked.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert bench.observer.failures == [Failure.INTERNAL]


async def test_what_the_api_server_says_is_logged_as_plain_text(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.cluster.before.append(refuse("GET", PATH))
    await bench.look()
    (line,) = errors(caplog)
    assert line.endswith("forbidden\\x1b[31m")
