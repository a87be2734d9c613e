"""The background audit as a part of the controller: a fake API server, and the engine that `serve` has."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.admission.conftest import FixedPolicies, book
from tests.kube.workloads_api import FakeWorkloads, a_pod
from webhook.admission.ports import Policies
from webhook.audit.background import BackgroundAudit
from webhook.audit.results import Scan
from webhook.config import ControllerConfig, EngineConfig
from webhook.controller.auditing import Auditing
from webhook.trust.upkeep import LOOK_SECONDS

AT_ONCE = partial(BackgroundAudit, start=0.0, settle=0.0, soonest=0.0, jitter=lambda low, _high: low)
SECONDS = (0.02, 0.02)
SECURITY: dict[str, dict[str, bool]] = {
    "hardened": {"readOnlyRootFilesystem": True},
    "unrooted": {"runAsNonRoot": True},
}


def policy(name: str) -> str:
    """One that a pod without a word about security breaks."""
    document = {"apiVersion": "tidewaiter.dev/v1alpha1", "kind": "ClusterPodPolicy", "metadata": {"name": name}}
    return json.dumps({**document, "spec": {"containers": SECURITY[name]}})


class Told:
    """Fills `OnScan`: the scans, and whoever waits for one by certain policies."""

    def __init__(self) -> None:
        self.scans: list[Scan] = []
        self._changed = asyncio.Condition()

    async def __call__(self, scan: Scan) -> None:
        async with self._changed:
            self.scans.append(scan)
            self._changed.notify_all()

    async def judged_by(self, *names: str) -> Scan:
        """The first scan in which exactly these judged."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: any(_policies(each) == set(names) for each in self.scans))
        return next(each for each in self.scans if _policies(each) == set(names))


def _policies(scan: Scan) -> set[str]:
    return {name for each in scan.audited for name in each.policies}


async def fails(_scan: Scan) -> None:
    raise RuntimeError


class Site:
    """A cluster with one pod, and a file of policies."""

    def __init__(self, kubeconfig: Path, file: Path, cluster: FakeWorkloads) -> None:
        self.kubeconfig = kubeconfig
        self.file = file
        self.cluster = cluster
        self.told = Told()

    def write(self, text: str) -> None:
        written = self.file.with_suffix(".new")
        written.write_text(text, encoding="utf-8")
        written.replace(self.file)

    def auditing(self, policies: Policies | None = None, *before: Any, **config: Any) -> Auditing:
        engine = EngineConfig(policies=() if policies else (self.file,))
        settings: dict[str, Any] = {"kubeconfig": self.kubeconfig, "audit_seconds": 60.0, **config}
        whole = ControllerConfig(engine=engine, namespace="ns", name="r", health_bind=("", 0), **settings)
        return Auditing(whole, policies, (*before, self.told), background=AT_ONCE, seconds=SECONDS)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    cluster = FakeWorkloads()
    cluster.add("Namespace", {"metadata": {"name": "prod"}})
    cluster.add("Pod", a_pod("web", "prod"))
    async with cluster.listening(tmp_path) as kubeconfig:
        yield Site(kubeconfig, tmp_path / "policies.yaml", cluster)


@asynccontextmanager
async def running(auditing: Auditing) -> AsyncIterator[None]:
    """Runs inside; whatever it began has ended afterwards, but for what the fake API server does."""
    task = asyncio.create_task(auditing.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert not [each for each in asyncio.all_tasks() if "/webhook/" in repr(each)]


async def until(probe: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not probe():  # noqa: ASYNC110 - what is seen from outside has no event
            await asyncio.sleep(0.01)


async def test_pods_are_judged_by_the_policies_of_files_and_soon_by_others(site: Site) -> None:
    site.write(policy("hardened"))
    async with running(site.auditing()):
        (audited,) = (await site.told.judged_by("hardened")).audited
        assert (audited.subject.title, audited.denied) == ("Pod/prod/web", True)
        site.write(policy("unrooted"))
        await site.told.judged_by("unrooted")


async def test_files_that_get_a_fault_leave_the_policies_before_in_force(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.write(policy("hardened"))
    async with running(site.auditing()):
        await site.told.judged_by("hardened")
        site.write("kind: Nothing")
        await until(lambda: "it is audited by those before" in caplog.text)
        site.write(policy("unrooted"))
        await site.told.judged_by("unrooted")


async def test_files_that_have_a_fault_at_first_are_told_of_once_and_used_when_they_have_none(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.write("kind: Nothing")
    async with running(site.auditing()):
        await until(lambda: "nothing is audited" in caplog.text)
        await asyncio.sleep(5 * SECONDS[0])  # it is tried again meanwhile
        site.write(policy("hardened"))
        await site.told.judged_by("hardened")
    (line,) = [each.getMessage() for each in caplog.records if "nothing is audited" in each.getMessage()]
    assert "Nothing" in line


async def test_no_scan_begins_before_the_cluster_s_policies_were_read(site: Site) -> None:
    policies = FixedPolicies(book(policy("hardened")))
    auditing = site.auditing(policies)
    async with running(auditing):
        await asyncio.sleep(5 * SECONDS[0])
        assert site.cluster.asked == []
        auditing.changed()
        await site.told.judged_by("hardened")
        policies.book = book(policy("unrooted"))
        await asyncio.sleep(2 * LOOK_SECONDS)  # they come into force with their trust roots
        auditing.changed()
        await site.told.judged_by("unrooted")


async def test_whoever_fails_keeps_nobody_else_from_being_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.write(policy("hardened"))
    async with running(site.auditing(None, fails)):
        await site.told.judged_by("hardened")
    assert "what a scan found could not be told" in [each.getMessage() for each in caplog.records]


async def test_exempt_namespaces_are_not_audited(site: Site) -> None:
    site.write(policy("hardened"))
    async with running(site.auditing(exempt_namespaces=frozenset({"prod"}))):
        assert (await site.told.judged_by()).pods == 0


async def test_without_a_cluster_it_is_told_once_that_nothing_is_audited(
    site: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    site.write(policy("hardened"))
    with caplog.at_level(logging.ERROR):
        async with running(site.auditing(kubeconfig=tmp_path / "none", pull_secrets=True)):
            await until(lambda: caplog.records)
            await asyncio.sleep(5 * SECONDS[0])  # it is tried again meanwhile
    assert site.told.scans == []
    assert len(caplog.records) == 1
