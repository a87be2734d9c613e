"""Reports and Events on a real API server, with the published definitions, and its garbage collector."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.audit.found import audited, finding, scan
from tests.controller.reporting_site import Counting
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.report_definitions import openreports, wgpolicy
from webhook.audit.reports import OPENREPORTS, WGPOLICY, Release, report
from webhook.audit.results import Audited, Scan, Subject
from webhook.clock import SystemClock
from webhook.codes import Code
from webhook.controller.reporting import Reporting, ReportingSettings, ReportsApi
from webhook.kube.cluster import Cluster
from webhook.policy.schema import definitions
from webhook.verdict import Mode, Violation

pytestmark = [pytest.mark.system, pytest.mark.timeout(300, func_only=True)]

NAMESPACE = "reported"
SETTINGS = ReportingSettings("tidewaiter", "tidewaiter", events=False, writes_per_second=1000)
HOSTILE = "a\x00b\r\nc\x1b[31m\u202e\U0001f600\ud800</script>\"'" + "\u00e9" * 2000


class Site:
    """A cluster with workloads in it, and what reports to it."""

    def __init__(self, plane: ControlPlane, cluster: Cluster) -> None:
        self.plane = plane
        self._cluster = cluster

    def reporting(self, counting: Counting | None = None, **changed: Any) -> Reporting:
        return Reporting(self._cluster, replace(SETTINGS, **changed), SystemClock(), counting)

    async def publish(self, found: Scan, **changed: Any) -> None:
        """Until nothing is left for the next scan: definitions that are new are not stored by at once (429)."""
        async with asyncio.timeout(60):
            dropped = True
            while dropped:
                counting = Counting()
                await self.reporting(counting, **changed).publish(found)
                dropped = bool(counting.dropped)

    def workload(self, name: str, *findings: Violation) -> Audited:
        """A Deployment that exists, without pods."""
        found = self.plane.kubectl("get", "deployment", name, "-n", NAMESPACE, "-o", "json", check=False)
        if found.returncode:
            self.plane.kubectl(
                "create", "deployment", name, "-n", NAMESPACE, "--image=registry.invalid/x", "--replicas=0"
            )
            return self.workload(name, *findings)
        uid = json.loads(found.stdout)["metadata"]["uid"]
        return audited(*findings, subject=Subject("apps/v1", "Deployment", NAMESPACE, name, uid), exempted=())

    def reports(self, plural: str = "reports.openreports.io") -> list[dict[str, Any]]:
        listed = self.plane.kubectl("get", plural, "-n", NAMESPACE, "-o", "json").stdout
        return list(json.loads(listed)["items"])

    def of(self, name: str) -> dict[str, Any]:
        (found,) = [each for each in self.reports() if each["scope"]["name"] == name]
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        listed = self.plane.kubectl("get", "events.v1.events.k8s.io", "-A", "-o", "json").stdout
        return [each for each in json.loads(listed)["items"] if each["regarding"]["name"] == name]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with ControlPlane(folder, controller_manager=True) as running:
        running.make_namespace(NAMESPACE)
        install(running, [*openreports(), *definitions()])
        yield running


def install(plane: ControlPlane, documents: list[dict[str, Any]]) -> None:
    plane.kubectl("create", "-f", "-", input=yaml.safe_dump_all(documents))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


@pytest.fixture
async def site(plane: ControlPlane) -> AsyncIterator[Site]:
    cluster = Cluster(plane.kubeconfig)
    yield Site(plane, cluster)
    await cluster.close()


async def test_a_report_is_stored_as_it_was_written(site: Site) -> None:
    found = site.workload("whole", *(finding(code) for code in Code), finding(mode=Mode.WARN))
    await site.publish(scan(found))
    stored = site.of("whole")
    sent = report(found, scan(found), Release("tidewaiter", "tidewaiter"), OPENREPORTS)
    assert {key: stored[key] for key in sent if key != "metadata"} == {
        key: value for key, value in sent.items() if key != "metadata"
    }
    assert sent["metadata"].items() <= stored["metadata"].items()


async def test_a_scan_that_finds_the_same_writes_nothing_whoever_made_it(site: Site) -> None:
    found = site.workload("same", finding())
    await site.publish(scan(found))
    before = site.of("same")
    await site.publish(scan(found, generation="another"))
    assert site.of("same") == before
    await site.publish(scan(site.workload("same", finding(Code.LATEST_TAG))))
    after = site.of("same")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert [each["rule"] for each in after["results"]] == ["LATEST_TAG"]


async def test_a_report_goes_when_its_workload_goes(site: Site) -> None:
    await site.publish(scan(site.workload("short-lived", finding())))
    assert site.of("short-lived")
    site.plane.kubectl("delete", "deployment", "short-lived", "-n", NAMESPACE)
    eventually(lambda: all(each["scope"]["name"] != "short-lived" for each in site.reports()), seconds=60)


async def test_what_no_scan_lists_is_deleted_and_what_others_wrote_stays(site: Site) -> None:
    await site.publish(scan(site.workload("one", finding()), site.workload("two", finding())))
    own = site.of("two")
    bare = {"name": own["scope"]["uid"], "namespace": NAMESPACE, "labels": {"app.kubernetes.io/managed-by": "kyverno"}}
    others = {"apiVersion": own["apiVersion"], "kind": "Report", "metadata": bare, "scope": own["scope"]}
    site.plane.kubectl("create", "-f", "-", input=json.dumps(others))
    await site.publish(scan(site.workload("one", finding())))
    assert {each["metadata"]["name"] for each in site.reports()} == {
        own["scope"]["uid"],
        site.of("one")["metadata"]["name"],
    }
    site.plane.kubectl("delete", "report", own["scope"]["uid"], "-n", NAMESPACE)


async def test_hostile_text_arrives_as_escapes(site: Site) -> None:
    fields: dict[str, Any] = dict.fromkeys(("path", "message", "container", "image", "entry", "policy"), HOSTILE)
    await site.publish(scan(site.workload("hostile", finding(**fields)), generation=HOSTILE))
    (result, _) = site.of("hostile")["results"]
    assert "a\\x00b\\r\\nc\\x1b[31m\\u202e\\U0001f600\\ud800</script>\"'\\xe9" in result["message"]
    assert len(result["message"].encode()) <= 1024


async def test_events_stand_on_workloads_and_policies(site: Site) -> None:
    policy = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "ClusterPodPolicy", "metadata": {"name": "production"}}
    spec = {"images": {"allow": ["registry.invalid/team/**"]}}
    site.plane.kubectl("create", "-f", "-", input=json.dumps({**policy, "spec": spec}))
    reporting = site.reporting(api=ReportsApi.NONE, events=True)
    await reporting.publish(scan(site.workload("told")))
    found = site.workload("told", finding(message=HOSTILE))
    await reporting.publish(scan(found))
    (event,) = site.events("told")
    assert event["regarding"]["uid"] == found.subject.uid
    assert event["related"]["name"] == "production"
    assert event["note"].isascii()
    assert len(event["note"]) == 1024
    assert len(site.events("production")) == 2
    described = site.plane.kubectl("describe", "deployment", "told", "-n", NAMESPACE).stdout
    assert "PolicyViolated" in described
    assert "PolicyAudited" in site.plane.kubectl("describe", "clusterpodpolicy", "production").stdout


async def test_an_event_that_is_there_is_counted_up_and_not_doubled(site: Site) -> None:
    for _ in range(3):
        reporting = site.reporting(api=ReportsApi.NONE, events=True)
        await reporting.publish(scan(site.workload("again")))
        await reporting.publish(scan(site.workload("again", finding())))
    (event,) = site.events("again")
    assert event["series"]["count"] == 3


async def test_the_older_api_stores_the_same_and_is_left_when_a_better_one_is_there(site: Site) -> None:
    install(site.plane, wgpolicy())
    found = site.workload("older", finding(), finding(Code.REGISTRY_UNAVAILABLE))
    await site.publish(scan(found), api=ReportsApi.WGPOLICY)
    assert site.reports() == []
    (stored,) = site.reports("policyreports.wgpolicyk8s.io")
    sent = report(found, scan(found), Release("tidewaiter", "tidewaiter"), WGPOLICY)
    assert {key: stored[key] for key in ("scope", "summary", "results")} == {
        key: sent[key] for key in ("scope", "summary", "results")
    }
    await site.publish(scan(found))
    assert site.reports("policyreports.wgpolicyk8s.io") == []
    assert site.of("older")
