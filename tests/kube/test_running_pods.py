from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kube.pods_api import FakeApiServer, a_pod
from webhook.kube import running_pods
from webhook.kube.running_pods import PodsUnknownError, RunningPods
from webhook.pods import Pod


@pytest.fixture
def api() -> FakeApiServer:
    return FakeApiServer()


@pytest.fixture
async def running(api: FakeApiServer, tmp_path: Path) -> AsyncIterator[RunningPods]:
    async with api.listening(tmp_path) as kubeconfig:
        running = RunningPods(kubeconfig)
        yield running
        await running.close()


async def listed(running: RunningPods) -> list[tuple[str, Pod]]:
    return [each async for page in running.pages() for each in page]


async def test_pods_come_in_pages_with_their_namespaces_and_images(running: RunningPods, api: FakeApiServer) -> None:
    api.pods = [a_pod(f"ns-{number}", "a:1", f"b:{number}") for number in range(5)]
    found = await listed(running)
    assert [(namespace, [use.text for use in pod.images]) for namespace, pod in found] == [
        (f"ns-{number}", ["a:1", f"b:{number}"]) for number in range(5)
    ]
    assert [asked.get("continue") for asked in api.asked] == [None, "2", "4"]
    assert {asked["limit"] for asked in api.asked} == {"200"}
    assert {asked["fieldSelector"] for asked in api.asked} == {"status.phase!=Succeeded,status.phase!=Failed"}


async def test_what_names_credentials_is_kept(running: RunningPods, api: FakeApiServer) -> None:
    api.pods = [a_pod("prod", "a", imagePullSecrets=[{"name": "s"}], serviceAccountName="robot")]
    [(_, pod)] = await listed(running)
    assert (pod.pull_secrets, pod.service_account) == (("s",), "robot")


async def test_a_pod_that_cannot_be_decoded_is_left_out(running: RunningPods, api: FakeApiServer) -> None:
    api.pods = [{"spec": {"containers": "none"}}, a_pod("prod", "a"), None]
    assert [namespace for namespace, _ in await listed(running)] == ["prod"]


async def test_a_cluster_without_pods_has_an_empty_page(running: RunningPods, api: FakeApiServer) -> None:
    api.raw = b'{"metadata": {}, "items": null}'
    assert await listed(running) == []


@pytest.mark.parametrize("status", [401, 403, 410, 500])
async def test_an_api_server_that_refuses_is_told_with_its_status(
    running: RunningPods, api: FakeApiServer, status: int
) -> None:
    api.status = status
    with pytest.raises(PodsUnknownError, match=rf"^the API server did not list the pods \(\w+ {status}\)$"):
        await listed(running)


async def test_an_answer_that_is_no_list_is_an_error(running: RunningPods, api: FakeApiServer) -> None:
    api.raw = b"[]"
    with pytest.raises(PodsUnknownError, match="ValidationError"):
        await listed(running)


async def test_a_page_has_a_ceiling_also_of_a_single_pod(tmp_path: Path, api: FakeApiServer) -> None:
    api.raw = b" " * 1_001
    async with api.listening(tmp_path) as kubeconfig:
        running = RunningPods(kubeconfig, page_bytes=1_000)
        with pytest.raises(PodsUnknownError, match=r"^a page of pods has more than 1000 bytes$"):
            await listed(running)
        await running.close()
    assert [each["limit"] for each in api.asked] == ["200", "12", "1"]


async def test_large_pods_hide_no_others(tmp_path: Path, api: FakeApiServer) -> None:
    api.pods = [a_pod("evil", "x" * 7_000) for _ in range(6)] + [a_pod("prod", f"a:{number}") for number in range(4)]
    async with api.listening(tmp_path) as kubeconfig:
        running = RunningPods(kubeconfig, page_bytes=10_000)
        found = await listed(running)
        await running.close()
    assert [namespace for namespace, _ in found] == ["evil"] * 6 + ["prod"] * 4


async def test_pages_have_an_end(running: RunningPods, api: FakeApiServer) -> None:
    api.endless = True
    with pytest.raises(PodsUnknownError, match="more than 1000 pages"):
        await listed(running)
    assert len(api.asked) == running_pods.MAX_PAGES


async def test_without_a_cluster_there_is_nobody_to_ask(tmp_path: Path) -> None:
    running = RunningPods(tmp_path / "missing")
    with pytest.raises(PodsUnknownError, match="did not list the pods"):
        await listed(running)
    await running.close()
