import asyncio
import io
import json
from typing import Any

import msgspec
import pytest

from tests.fakes.clock import FakeClock
from tests.server.serving import RECORD, Pki, serving, until
from tests.server.wire import connected, post
from webhook.codes import Code
from webhook.server.decision_log import BATCH_SECONDS, MAX_LINE_BYTES, DecisionLog
from webhook.telemetry.sink import LineSink
from webhook.verdict import ImageResult, Mode, Violation

IMAGE = ImageResult(
    path="spec.containers[0].image",
    container="app",
    reference="ghcr.io/acme/app:1",
    digest="sha256:" + "a" * 64,
    verified=True,
    signers=("release",),
)
VIOLATION = Violation(
    code=Code.RUN_AS_NON_ROOT,
    path="spec.containers[0].securityContext",
    message="may run as root",
    fix="set it",
    container="app",
    policy="production",
    mode=Mode.WARN,
)
EXEMPTED = msgspec.structs.replace(VIOLATION, exemption="OPS-17")
HOSTILE = 'a\n{"msg":"decision"}\r\x1b[2K\u202e\u2028\x9b"\\'


async def written(*records: Any) -> list[bytes]:
    output = io.BytesIO()
    sink = LineSink(output, lambda _count: None)
    log = DecisionLog(sink, FakeClock())
    for record in records:
        log.write(record, 0.0012345)
    log.flush()
    await sink.close(5)
    return output.getvalue().splitlines(keepends=True)


async def test_a_decision_is_one_line_with_everything_about_it() -> None:
    (line,) = await written(
        msgspec.structs.replace(RECORD, images=(IMAGE,), violations=(VIOLATION,), exempted=(EXEMPTED,), decision="warn")
    )
    assert json.loads(line) == {
        "ts": "2026-01-01T00:16:40Z",
        "level": "info",
        "msg": "decision",
        "request_uid": "uid-1",
        "decision": "warn",
        "mode": "policy",
        "user": "system:serviceaccount:kube-system:replicaset-controller",
        "namespace": "prod",
        "kind": "Pod",
        "name": "web",
        "operation": "CREATE",
        "dry_run": False,
        "would_deny": False,
        "policies": ["production"],
        "images": [
            {"ref": "ghcr.io/acme/app:1", "digest": "sha256:" + "a" * 64, "verified": True, "signers": ["release"]}
        ],
        "violations": [
            {
                "code": "RUN_AS_NON_ROOT",
                "path": "spec.containers[0].securityContext",
                "policy": "production",
                "mode": "Warn",
                "message": "may run as root",
            }
        ],
        "exempted": [
            {
                "code": "RUN_AS_NON_ROOT",
                "path": "spec.containers[0].securityContext",
                "policy": "production",
                "reason": "OPS-17",
            }
        ],
        "duration_ms": 1.234,
        "generation": "abc123",
        "truncated": False,
    }


async def test_a_decision_that_could_not_be_made_stands_out() -> None:
    (line,) = await written(msgspec.structs.replace(RECORD, decision="error"))
    assert json.loads(line)["level"] == "warning"


@pytest.mark.parametrize("field", ["uid", "user", "namespace", "kind", "name", "operation", "generation"])
async def test_no_text_of_a_request_breaks_a_line(field: str) -> None:
    hostile = msgspec.structs.replace(RECORD, **{field: HOSTILE})
    lines = await written(hostile, RECORD)
    assert len(lines) == 2
    assert json.loads(lines[0])["request_uid" if field == "uid" else field] == HOSTILE
    assert not set("\r\x1b\u202e\u2028\x9b") & set(lines[0].decode())


async def test_no_text_of_an_image_or_a_finding_breaks_a_line() -> None:
    image = msgspec.structs.replace(IMAGE, reference=HOSTILE, signers=(HOSTILE, "\ud800"))
    violation = msgspec.structs.replace(VIOLATION, message=HOSTILE, path=HOSTILE, exemption=HOSTILE)
    found = {"violations": (violation,), "exempted": (violation,)}
    lines = await written(msgspec.structs.replace(RECORD, images=(image,), **found))
    assert len(lines) == 1
    assert json.loads(lines[0])["images"][0]["signers"] == [HOSTILE, "\ud800"]


@pytest.mark.parametrize("count", [17, 64, 65, 1000])
async def test_a_line_that_grows_too_long_is_cut(count: int) -> None:
    image = msgspec.structs.replace(IMAGE, reference="r" * 10000, signers=("s" * 1000,) * 20)
    violation = msgspec.structs.replace(VIOLATION, message="m" * 10000, path="p" * 10000, exemption="e" * 10000)
    record = msgspec.structs.replace(
        RECORD, name="n" * 10000, images=(image,) * count, violations=(violation,) * count, policies=("p",) * count
    )
    record = msgspec.structs.replace(record, exempted=(violation,) * count)
    (line,) = await written(record)
    document = json.loads(line)
    assert document["truncated"] is True
    assert len(line) < 4 * MAX_LINE_BYTES
    assert document["name"] == "n" * 256 + "…"
    lists = ("images", "violations", "policies", "exempted")
    assert [len(document[each]) for each in lists] == [16, 16, 16, 16]
    assert document["exempted"][0]["reason"] == "e" * 256 + "…"


async def test_a_line_that_grows_too_long_by_exempt_findings_alone_is_cut() -> None:
    (line,) = await written(msgspec.structs.replace(RECORD, exempted=(EXEMPTED,) * 65))
    document = json.loads(line)
    assert (document["truncated"], len(document["exempted"])) == (True, 16)


async def test_many_images_and_findings_are_listed_as_long_as_the_line_has_room() -> None:
    (line,) = await written(msgspec.structs.replace(RECORD, images=(IMAGE,) * 64, violations=(VIOLATION,) * 64))
    document = json.loads(line)
    assert (len(document["images"]), len(document["violations"]), document["truncated"]) == (64, 64, False)


async def test_lines_wait_for_their_batch_no_longer_than_fifty_milliseconds(pki: Pki) -> None:
    loop = asyncio.get_running_loop()
    async with serving(pki) as running, connected(running) as wire:
        await wire.ask(post())
        answered = loop.time()
        assert [line["msg"] for line in running.logged()].count("decision") == 0
        await until(lambda: any(line["msg"] == "decision" for line in running.logged()))
        assert loop.time() - answered < 1
    assert BATCH_SECONDS == 0.05


async def test_a_full_batch_is_written_at_once() -> None:
    output = io.BytesIO()
    sink = LineSink(output, lambda _count: None)
    log = DecisionLog(sink, FakeClock())
    large = msgspec.structs.replace(RECORD, user="u" * 30000)
    for _ in range(18):
        log.write(large, 0.001)
    await sink.close(5)
    assert len(output.getvalue().splitlines()) == 18


async def test_the_end_of_the_service_writes_what_is_left(pki: Pki) -> None:
    async with serving(pki) as running, connected(running) as wire:
        await wire.ask(post())
    assert [line["request_uid"] for line in running.logged() if line["msg"] == "decision"] == ["uid-1"]
