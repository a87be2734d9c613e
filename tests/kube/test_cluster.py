from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kube.workloads_api import FakeWorkloads, an_object
from webhook.errors import ClusterError
from webhook.kube.cluster import Cluster, Kind

JOBS = Kind("batch", "v1", "Job", "jobs")


@pytest.fixture
def api() -> FakeWorkloads:
    return FakeWorkloads()


@pytest.fixture
async def cluster(api: FakeWorkloads, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with api.listening(tmp_path) as kubeconfig:
        cluster = Cluster(kubeconfig, max_bytes=10_000)
        yield cluster
        await cluster.close()


async def test_large_objects_hide_no_others(cluster: Cluster, api: FakeWorkloads) -> None:
    api.page = 100
    large = [an_object(f"large-{number}", "evil", annotations={"a": "x" * 7_000}) for number in range(6)]
    api.add("Job", *large, *(an_object(f"small-{number}", "prod") for number in range(10)))
    pages = [[each["metadata"]["name"] for each in page] async for page in cluster.pages(JOBS, metadata_only=True)]
    assert [name for page in pages for name in page] == [each["metadata"]["name"] for each in api.objects["Job"]]
    assert len(pages[0]) == 1
    assert len(pages[-1]) > 1


async def test_an_object_beyond_the_ceiling_is_an_error(cluster: Cluster, api: FakeWorkloads) -> None:
    api.add("Job", an_object("large", "evil", annotations={"a": "x" * 10_000}))
    with pytest.raises(ClusterError, match=r"^the API server sent more than 10000 bytes$"):
        await anext(cluster.pages(JOBS))
    with pytest.raises(ClusterError, match=r"^the API server sent more than 10000 bytes$"):
        await cluster.get(JOBS, "large", "evil")
