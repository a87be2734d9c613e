from dataclasses import replace

import pytest

from tests.audit.found import audited, finding
from tests.controller.reporting_site import DENIED, QUIET, Site
from tests.fakes.cluster import Write
from webhook.controller.event_writing import POLICY
from webhook.controller.reporting import ReportsApi
from webhook.errors import ClusterError
from webhook.verdict import Mode


@pytest.fixture
def telling() -> Site:
    site = Site(settings=replace(QUIET, api=ReportsApi.NONE, events=True))
    site.cluster.put(POLICY, {"metadata": {"name": "production"}})
    return site


def reasons(writes: list[Write]) -> list[str]:
    return [each.body["reason"] for each in writes if each.body is not None]


async def test_changes_are_told_as_events_and_nothing_twice(telling: Site) -> None:
    assert reasons(await telling.publish(audited())) == ["PolicyAudited"]
    assert await telling.publish(audited()) == []
    assert reasons(await telling.publish(audited(DENIED))) == ["PolicyAudited", "PolicyViolated"]
    assert await telling.publish(audited(DENIED)) == []


async def test_an_event_that_is_there_is_counted_up(telling: Site) -> None:
    await telling.publish(audited(DENIED))
    (write,) = await telling.publish(audited(DENIED), by=telling.another())
    assert (write.method, write.manager) == ("PUT", "tidewaiter-controller")
    assert write.body is not None
    assert write.body["series"]["count"] == 2


async def test_events_that_are_too_many_or_not_taken_are_counted(telling: Site) -> None:
    await telling.publish()

    def refused(method: str, path: str) -> None:
        if method == "POST":
            raise ClusterError("no", 403)

    telling.cluster.before.append(refused)
    await telling.publish(*(audited(DENIED, name=f"web-{number}") for number in range(60)))
    assert telling.counted.events_lost == 61


async def test_policies_that_cannot_be_listed_leave_the_events_of_workloads(telling: Site) -> None:
    telling.cluster.failures["GET", POLICY.path()] = ClusterError("no", 404)
    await telling.publish()
    assert reasons(await telling.publish(audited(finding(mode=Mode.AUDIT)))) == ["PolicyViolated"]
