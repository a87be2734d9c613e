"""The registry of `tidewaiter demo`, on its own."""

import json

import aiohttp
import pytest

from webhook.cli.demo.registry import OCI_INDEX, DemoRegistry

CONFIG = {"mediaType": "a/config", "digest": "sha256:0", "size": 2}


async def test_what_was_put_is_served_by_tag_and_by_digest() -> None:
    async with DemoRegistry() as registry, aiohttp.ClientSession(f"http://{registry.host}") as session:
        digest = registry.put_manifest("team/app", b"{}", "a/b", "1.0")
        for reference in ("1.0", digest):
            async with session.get(f"/v2/team/app/manifests/{reference}") as answer:
                assert (answer.status, await answer.read()) == (200, b"{}")
                assert (answer.content_type, answer.headers["Docker-Content-Digest"]) == ("a/b", digest)
        async with session.head("/v2/team/app/manifests/1.0") as answer:
            assert (answer.status, answer.content_length) == (200, 2)
        async with session.get(f"/v2/team/app/blobs/{registry.put_blob('team/app', b'blob')}") as answer:
            assert await answer.read() == b"blob"
        async with session.get("/v2/") as answer:
            assert answer.status == 200
        assert registry.requests == 5


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2/team/app/manifests/2.0",
        "/v2/team/app/blobs/sha256:0",
        "/v2/team/app/tags/list",
        "/v2/other/manifests/1.0",
    ],
)
async def test_what_was_not_put_is_missing(path: str) -> None:
    async with DemoRegistry() as registry, aiohttp.ClientSession(f"http://{registry.host}") as session:
        registry.put_manifest("team/app", b"{}", "a/b", "1.0")
        async with session.get(path) as answer:
            assert (answer.status, (await answer.json())["errors"][0]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("query", "kinds"), [({}, ["a/config", "a/type"]), ({"artifactType": "a/type"}, ["a/type"])])
async def test_referrers_are_listed_and_filtered(query: dict[str, str], kinds: list[str]) -> None:
    async with DemoRegistry() as registry, aiohttp.ClientSession(f"http://{registry.host}") as session:
        subject = registry.put_manifest("app", b"[]", "a/b")
        for more in ({}, {"artifactType": "a/type"}):
            document = {"config": CONFIG, "subject": {"digest": subject}, "annotations": {"a": "b"}, **more}
            registry.put_manifest("app", json.dumps(document).encode(), "c/d")
        registry.put_manifest("app", b"not json", "a/b")
        async with session.get(f"/v2/app/referrers/{subject}", params=query) as answer:
            entries = json.loads(await answer.read())["manifests"]
            assert (answer.content_type, answer.headers.get("OCI-Filters-Applied")) == (
                OCI_INDEX,
                "artifactType" if query else None,
            )
        assert [entry["artifactType"] for entry in entries] == kinds
        assert all((entry["mediaType"], entry["annotations"]) == ("c/d", {"a": "b"}) for entry in entries)


async def test_a_registry_may_be_stopped_twice() -> None:
    registry = DemoRegistry()
    await registry.start()
    await registry.stop()
    await registry.stop()
