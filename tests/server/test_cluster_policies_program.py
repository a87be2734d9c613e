"""`serve` without files of policies, from resources at an API server to answers."""

import asyncio
from pathlib import Path

import aiohttp
import msgspec
import pytest

from tests.kube.resources_api import FakeResources
from tests.server.test_program import Output, ask, client, config, metrics
from webhook.config import ServeConfig
from webhook.errors import ConfigurationError
from webhook.policy.documents import Fault
from webhook.server.policy_sources import NewFaults
from webhook.server.program import running
from webhook.server.run import Service

POLICIES = "clusterpodpolicies"
SPEC = {"containers": {"readOnlyRootFilesystem": True}}


def of_cluster(folder: Path, kubeconfig: Path | None) -> ServeConfig:
    made = config(folder)
    engine = msgspec.structs.replace(made.engine, policies=())
    return msgspec.structs.replace(made, engine=engine, kubeconfig=kubeconfig)


async def ready(session: aiohttp.ClientSession, service: Service) -> tuple[int, str]:
    _, (host, port) = service.addresses
    async with session.get(f"http://{host}:{port}/readyz") as answer:
        return answer.status, (await answer.text()).strip()


async def test_it_is_ready_when_it_has_policies_and_denies_by_them_and_by_those_with_a_fault(tmp_path: Path) -> None:
    api, output = FakeResources(), Output()
    api.statuses["list"] = 403
    await api.put(POLICIES, "hardened", SPEC)
    async with (
        asyncio.timeout(60),
        api.listening(tmp_path) as kubeconfig,
        running(of_cluster(tmp_path, kubeconfig), output) as service,
        client(tmp_path) as session,
    ):
        await output.wait_for(lambda line: "are not known" in line["msg"])
        status, why = await ready(session, service)
        assert (status, why) == (503, "policies were not read: the API server refuses 403")
        assert "POLICY_UNUSABLE" in (await ask(session, service))["status"]["message"]
        api.statuses.clear()
        await output.wait_for(lambda line: line["msg"].startswith("policies in force: 1 Enforce"))
        while await ready(session, service) != (200, "ok"):  # noqa: ASYNC110 - asked as kubelet does
            await asyncio.sleep(0.01)
        assert "READ_ONLY_ROOT_FILESYSTEM" in (await ask(session, service))["status"]["message"]
        await api.put(POLICIES, "hardened", {**SPEC, "mod": "Audit"})
        line = await output.wait_for(lambda line: line["msg"].startswith("cannot be used"))
        assert line["msg"].endswith("ClusterPodPolicy/hardened: spec.mod: unknown field `mod`, did you mean `mode`?")
        assert "spec.mod: unknown field `mod`" in (await ask(session, service))["status"]["message"]
        text = await metrics(session, service)
        assert 'tidewaiter_policies{mode="Enforce",ready="false"} 1.0' in text
        assert float(text.partition("\ntidewaiter_policies_sync_age_seconds ")[2].split()[0]) < 60


async def test_without_policies_and_without_a_cluster_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no --policy is given, and there is no cluster"):
        async with running(of_cluster(tmp_path, None), Output()):
            pass


def test_a_fault_is_news_once_for_as_long_as_it_is_there() -> None:
    first, second = (Fault(f"ClusterPodPolicy/{name}", 0, "spec", "is required") for name in ("a", "b"))
    news = NewFaults()
    sets = [(first,), (first, second), (second,), (), (second, first)]
    assert [news.of(each) for each in sets] == [(first,), (second,), (), (), (second, first)]


async def test_what_is_wrong_with_a_policy_is_not_said_again_when_another_one_changes(tmp_path: Path) -> None:
    api, output = FakeResources(), Output()
    async with (
        asyncio.timeout(60),
        api.listening(tmp_path) as kubeconfig,
        running(of_cluster(tmp_path, kubeconfig), output),
    ):
        for name in ("first", "second", "third"):
            await api.put(POLICIES, name, {**SPEC, "mod": name})
            await output.wait_for(lambda line, name=name: f"ClusterPodPolicy/{name}: " in line["msg"])  # type: ignore[misc]
    said = [line["msg"] for line in output.lines if line["msg"].startswith("cannot be used")]
    assert len(said) == 3
