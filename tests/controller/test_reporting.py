import asyncio
from dataclasses import replace

import pytest

from tests.audit.found import audited, finding, scan
from tests.controller.reporting_site import CLUSTER_REPORT, DENIED, OLD, QUIET, REPORT, Site
from tests.fakes.cluster import Write
from webhook.audit.results import Scan
from webhook.codes import Code
from webhook.controller.event_writing import EVENT
from webhook.controller.reporting import ReportsApi
from webhook.controller.turns import FAILURES
from webhook.errors import ClusterError


@pytest.fixture
def site() -> Site:
    return Site(REPORT, CLUSTER_REPORT)


def methods(writes: list[Write]) -> list[str]:
    return [each.method for each in writes]


async def test_a_report_is_written_for_each_workload_in_its_namespace(site: Site) -> None:
    writes = await site.publish(audited(DENIED), audited(name="api"))
    assert methods(writes) == ["POST", "POST"]
    assert all(each.path.startswith("/apis/openreports.io/v1alpha1/namespaces/prod/reports/") for each in writes)
    assert site.counted.written == 2


async def test_a_scan_that_finds_the_same_writes_nothing(site: Site) -> None:
    await site.publish(audited(DENIED))
    assert await site.publish(audited(DENIED), generation="g2") == []
    assert site.counted.written == 1


async def test_a_change_replaces_the_report_that_was_read(site: Site) -> None:
    await site.publish(audited(DENIED))
    (before,) = site.stored()
    (write,) = await site.publish(audited(DENIED, finding(Code.LATEST_TAG)))
    assert (write.method, write.manager) == ("PUT", "tidewaiter-controller")
    assert write.body is not None
    assert write.body["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]
    (after,) = site.stored()
    assert after["summary"]["fail"] == 2


async def test_the_report_of_a_workload_that_is_gone_is_deleted(site: Site) -> None:
    await site.publish(audited(DENIED), audited(name="api"))
    assert methods(await site.publish(audited(DENIED))) == ["DELETE"]
    assert [each["scope"]["name"] for each in site.stored()] == ["web"]


async def test_a_scan_with_a_fault_deletes_nothing(site: Site) -> None:
    await site.publish(audited(DENIED), audited(name="api"))
    assert methods(await site.publish(audited(finding(Code.LATEST_TAG)), fault="x")) == ["PUT"]
    assert len(site.stored()) == 2


async def test_reports_of_others_are_left_alone(site: Site) -> None:
    (own,) = await site.publish(audited(DENIED))
    assert own.body is not None
    labels = own.body["metadata"]["labels"]
    others = {
        "uid-of-web": {"app.kubernetes.io/managed-by": "kyverno"},
        "other-release": labels | {"app.kubernetes.io/instance": "second"},
        "other-namespace": labels | {"tidewaiter.dev/release-namespace": "elsewhere"},
        "unlabelled": {},
    }
    for name, theirs in others.items():
        site.cluster.put(REPORT, {"metadata": {"name": name, "namespace": "prod", "labels": theirs}})
    assert methods(await site.publish()) == ["DELETE"]
    assert {each["metadata"]["name"] for each in site.stored()} == set(others)


async def test_what_bears_the_name_of_ours_and_not_its_labels_is_not_taken_over(site: Site) -> None:
    (own,) = await site.publish(audited(DENIED))
    path = own.path
    site.cluster.objects[path]["metadata"]["labels"] = {}
    assert await site.publish(audited(finding(Code.LATEST_TAG))) == []
    assert site.counted.dropped == {"conflict": 1}


async def test_another_controller_writes_no_second_report(site: Site) -> None:
    await site.publish(audited(DENIED))
    other = site.another()
    assert await site.publish(audited(DENIED), by=other) == []
    assert methods(await site.publish(audited(finding(Code.LATEST_TAG)), by=other)) == ["PUT"]
    assert len(site.stored()) == 1


async def test_two_controllers_at_once_end_with_one_report_and_a_conflict(site: Site) -> None:
    def other_was_faster(method: str, path: str) -> None:
        if method == "POST" and path not in site.cluster.objects:
            site.cluster.put(REPORT, {"metadata": {"name": path.rpartition("/")[2], "namespace": "prod"}})

    site.cluster.before.append(other_was_faster)
    assert await site.publish(audited(DENIED)) == []
    assert len(site.stored()) == 1
    assert site.counted.dropped == {"conflict": 1}


async def test_a_report_that_somebody_changed_meanwhile_is_written_after_the_next_scan(site: Site) -> None:
    (own,) = await site.publish(audited(DENIED))

    def somebody_changes_it(method: str, path: str) -> None:
        if method == "PUT":
            site.cluster.put(REPORT, site.cluster.objects[path] | {"extra": True})

    site.cluster.before.append(somebody_changes_it)
    assert await site.publish(audited(finding(Code.LATEST_TAG))) == []
    assert site.counted.dropped == {"conflict": 1}
    site.cluster.before.clear()
    assert [each.path for each in await site.publish(audited(finding(Code.LATEST_TAG)))] == [own.path]


async def test_a_report_that_is_another_by_now_is_not_deleted(site: Site) -> None:
    (own,) = await site.publish(audited(DENIED))

    def somebody_makes_it_anew(method: str, path: str) -> None:
        if method == "DELETE":
            site.cluster.objects[path]["metadata"]["uid"] = "another"

    site.cluster.before.append(somebody_makes_it_anew)
    assert await site.publish() == []
    assert own.path in site.cluster.objects
    assert site.counted.dropped == {"conflict": 1}


@pytest.mark.parametrize(("status", "reason"), [(409, "conflict"), (413, "too_large"), (429, "throttled")])
async def test_what_the_api_server_refuses_is_counted_and_the_others_are_written(
    site: Site, status: int, reason: str
) -> None:
    (first,) = await site.publish(audited(DENIED, name="first"))
    site.cluster.remove(REPORT, first.path.rpartition("/")[2], "prod")
    site.cluster.failures["POST", first.path] = ClusterError("no", status)
    assert len(await site.publish(audited(DENIED, name="first"), audited(DENIED, name="second"))) == 1
    assert site.counted.dropped == {reason: 1}
    site.cluster.failures.clear()
    assert len(await site.publish(audited(DENIED, name="first"), audited(DENIED, name="second"))) == 1


async def test_an_api_server_that_is_down_is_given_up_soon(site: Site) -> None:
    def down(method: str, path: str) -> None:
        if method == "POST":
            raise ClusterError("down")

    site.cluster.before.append(down)
    await site.publish(*(audited(DENIED, name=f"web-{number}") for number in range(50)))
    assert sum(method == "POST" for method, _ in site.cluster.requests) == FAILURES
    assert site.counted.dropped == {"unavailable": 50}


async def test_an_api_server_that_cannot_be_asked_raises_nothing(site: Site) -> None:
    site.cluster.failures["GET", "/apis/openreports.io/v1alpha1"] = ClusterError("down")
    assert await site.publish(audited(DENIED)) == []
    assert site.counted.dropped == {"unavailable": 1}


async def test_a_large_cluster_is_written_at_a_bounded_rate_in_a_bounded_time() -> None:
    site = Site(REPORT, settings=replace(QUIET, writes_per_second=10, seconds=5))
    began = site.clock.monotonic()
    many = [audited(DENIED, name=f"web-{number}") for number in range(80)]
    assert len(await site.publish(*many)) <= 51
    assert site.clock.monotonic() - began <= 5.2
    assert site.counted.dropped["time"] == 80 - site.counted.written
    await site.publish(*many)
    assert len(site.stored()) == 80


async def test_others_go_on_while_the_reports_of_a_large_cluster_are_made(site: Site) -> None:
    many = [audited(DENIED, name=f"web-{number}") for number in range(100)]
    await site.publish(*many)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    assert await site.publish(*many) == []
    running.cancel()
    assert turns >= 100


async def test_detection_takes_the_better_api_that_is_served_at_each_scan() -> None:
    site = Site()
    assert await site.publish(audited(DENIED)) == []
    site.cluster.served_kinds |= {OLD}
    assert methods(await site.publish(audited(DENIED))) == ["POST"]
    assert len(site.stored(OLD)) == 1
    site.cluster.served_kinds |= {REPORT}
    assert methods(await site.publish(audited(DENIED))) == ["POST", "DELETE"]
    assert (len(site.stored()), len(site.stored(OLD))) == (1, 0)


async def test_what_is_set_is_taken_and_nothing_else() -> None:
    site = Site(REPORT, OLD, settings=replace(QUIET, api=ReportsApi.WGPOLICY))
    await site.publish(audited(DENIED))
    assert (len(site.stored()), len(site.stored(OLD))) == (0, 1)
    site = Site(OLD, settings=replace(QUIET, api=ReportsApi.OPENREPORTS))
    assert await site.publish(audited(DENIED)) == []


async def test_without_reports_and_events_nothing_is_asked() -> None:
    site = Site(REPORT, settings=replace(QUIET, api=ReportsApi.NONE))
    await site.publish(audited(DENIED))
    assert site.cluster.requests == []


async def test_an_older_api_that_may_not_be_listed_hinders_nothing() -> None:
    site = Site(REPORT, OLD)
    site.cluster.failures["GET", "/apis/wgpolicyk8s.io/v1alpha2/policyreports"] = ClusterError("no", 403)
    assert methods(await site.publish(audited(DENIED))) == ["POST"]


async def test_nothing_but_reports_and_events_is_ever_written() -> None:
    site = Site(REPORT, CLUSTER_REPORT, OLD, settings=replace(QUIET, events=True))
    scans: list[Scan] = [
        scan(),
        scan(audited(DENIED)),
        scan(audited(finding(Code.LATEST_TAG))),
        scan(fault="x"),
        scan(),
    ]
    for each in scans:
        await site.reporting.publish(each)
    groups = {each.path.split("/")[2] for each in site.cluster.writes}
    assert groups == {REPORT.group, EVENT.group}
