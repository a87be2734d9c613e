import asyncio
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.admission.test_reviewer import a_pod, container, review
from tests.server.serving import until
from webhook.cli.demo.certificate import write_certificate
from webhook.config import EngineConfig, ServeConfig
from webhook.errors import ConfigurationError
from webhook.server.program import running
from webhook.server.run import Service
from webhook.verdict import Mode

POLICY = """
apiVersion: tidewaiter.dev/v1alpha1
kind: ClusterPodPolicy
metadata: {name: hardened}
spec:
  mode: %s
  containers: {readOnlyRootFilesystem: true}
"""
BAD_POD = review(a_pod(container(securityContext={})))
SOON = 20.0


class Output:
    """Standard output as a program sees it; `wait_for` waits for a line."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def write(self, data: bytes, /) -> int:
        self.lines += [json.loads(line) for line in data.splitlines()]
        return len(data)

    def flush(self) -> None:
        pass

    async def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        await until(lambda: any(map(wanted, self.lines)))
        return next(filter(wanted, self.lines))


def config(folder: Path, **engine: Any) -> ServeConfig:
    certificate, key = write_certificate(folder)
    return ServeConfig(
        engine=EngineConfig(policies=(folder / "policies",), **engine),
        bind=("127.0.0.1", 0),
        health_bind=("127.0.0.1", 0),
        tls_cert=certificate,
        tls_key=key,
        drain_seconds=0.0,
        policy_poll_seconds=0.02,
    )


def write_policy(folder: Path, text: str) -> None:
    """As a mounted ConfigMap changes: the new content is there at once."""
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "new").write_text(text)
    (folder / "new").rename(folder / "policies" / "policy.yaml")


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    trust = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        yield session


async def ask(session: aiohttp.ClientSession, service: Service) -> dict[str, Any]:
    (host, port), _ = service.addresses
    url, headers = f"https://{host}:{port}/validate", {"Content-Type": "application/json"}
    async with session.post(url, data=BAD_POD, headers=headers) as answer:
        assert answer.status == 200
        found: dict[str, Any] = (await answer.json())["response"]
        return found


async def metrics(session: aiohttp.ClientSession, service: Service) -> str:
    _, (host, port) = service.addresses
    async with session.get(f"http://{host}:{port}/metrics") as answer:
        return await answer.text()


async def test_a_changed_policy_binds_without_a_restart_and_a_bad_one_does_not(tmp_path: Path) -> None:
    write_policy(tmp_path, POLICY % "Enforce")
    output = Output()
    async with running(config(tmp_path), output) as service, client(tmp_path) as session:
        assert (await ask(session, service))["allowed"] is False
        write_policy(tmp_path, POLICY % "Enforze")
        line = await output.wait_for(lambda line: line["level"] == "error")
        assert "policies not loaded, those before stay in force: " in line["msg"]
        assert "policy.yaml:6: spec.mode: " in line["msg"]
        assert (await ask(session, service))["allowed"] is False
        text = await metrics(session, service)
        assert "tidewaiter_policies_last_reload_successful 0.0" in text
        assert 'tidewaiter_policies{mode="Enforce",ready="true"} 1.0' in text
        write_policy(tmp_path, POLICY % "Warn")
        await output.wait_for(lambda line: "1 Warn" in line["msg"])
        found = await ask(session, service)
        assert found["allowed"] is True
        assert found["warnings"][0].startswith("[hardened] ")
        text = await metrics(session, service)
        assert "tidewaiter_policies_last_reload_successful 1.0" in text
        assert 'tidewaiter_policies{mode="Enforce",ready="true"} 0.0' in text
        assert 'tidewaiter_policies{mode="Warn",ready="true"} 1.0' in text
    decisions = [line["decision"] for line in output.lines if line["msg"] == "decision"]
    assert decisions == ["deny", "deny", "warn"]


async def test_a_dry_run_denies_nothing_and_logs_what_it_would_have(tmp_path: Path) -> None:
    write_policy(tmp_path, POLICY % "Enforce")
    output = Output()
    async with running(config(tmp_path, cap=Mode.AUDIT), output) as service, client(tmp_path) as session:
        found = await ask(session, service)
        assert found["allowed"] is True
        assert "warnings" not in found
        assert "READ_ONLY_ROOT_FILESYSTEM" in found["auditAnnotations"]["would-deny"]
        text = await metrics(session, service)
        violation = 'tidewaiter_violations_total{code="READ_ONLY_ROOT_FILESYSTEM",mode="Audit",policy="hardened"} 1.0'
        assert violation in text
    [decision] = [line for line in output.lines if line["msg"] == "decision"]
    assert (decision["decision"], decision["would_deny"], decision["mode"]) == ("allow", True, "audit")


EXEMPTION = """  exemptions:
  - {reason: OPS-17, expires: %s, codes: [READ_ONLY_ROOT_FILESYSTEM], images: ["ghcr.io/acme/app"], namespaces: [prod]}
"""


async def test_an_exemption_is_honoured_until_its_end_which_is_told(tmp_path: Path) -> None:
    soon = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    write_policy(tmp_path, POLICY % "Enforce" + EXEMPTION % soon)
    output = Output()
    async with running(config(tmp_path), output) as service, client(tmp_path) as session:
        await output.wait_for(lambda line: line["level"] == "warning" and "(OPS-17) ends at " in line["msg"])
        found = await ask(session, service)
        assert found["allowed"] is True
        assert found["auditAnnotations"]["exempted"].endswith("READ_ONLY_ROOT_FILESYSTEM (OPS-17)")
        end = 'tidewaiter_exemption_expiry_timestamp_seconds{policy="hardened",reason="OPS-17"}'
        text = await metrics(session, service)
        assert end in text
        assert 'tidewaiter_exempted_findings_total{code="READ_ONLY_ROOT_FILESYSTEM",policy="hardened"} 1.0' in text
        write_policy(tmp_path, POLICY % "Enforce" + EXEMPTION % "2026-01-01T00:00:00Z")
        await output.wait_for(lambda line: "has no effect" in line["msg"])
        assert (await ask(session, service))["allowed"] is False
    decisions = [line for line in output.lines if line["msg"] == "decision"]
    assert [each["reason"] for each in decisions[0]["exempted"]] == ["OPS-17"]


@pytest.mark.parametrize("text", ["", POLICY % "Enforze"])
async def test_it_does_not_start_without_usable_policies(tmp_path: Path, text: str) -> None:
    write_policy(tmp_path, text)
    with pytest.raises(ConfigurationError):
        async with running(config(tmp_path), Output()):
            pass


async def test_it_does_not_start_where_labels_are_needed_and_cannot_be_had(tmp_path: Path) -> None:
    write_policy(tmp_path, (POLICY % "Enforce") + "  match: {namespaceSelector: {matchLabels: {a: b}}}\n")
    with pytest.raises(ConfigurationError, match="there is no cluster to ask"):
        async with running(config(tmp_path), Output()):
            pass


async def test_the_program_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    write_policy(tmp_path, POLICY % "Enforce")
    certificate, key = write_certificate(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webhook", "serve", "-p", str(tmp_path / "policies"), "--drain-seconds", "0"),
        *("--bind", "127.0.0.1:0", "--health-bind", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SOON):
            while b"listening on" not in await process.stdout.readline():
                pass
            process.send_signal(signal.SIGTERM)
            await process.stdout.read()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


DEPLOYMENT = {
    "kind": "Deployment",
    "apiVersion": "apps/v1",
    "spec": {"template": {"spec": {"containers": [container(securityContext={})]}}},
}
BAD_WORKLOAD = review(DEPLOYMENT, resource="deployments", group="apps")


async def first_answer(folder: Path, body: bytes, *flags: str) -> dict[str, Any]:
    """What the program answers to one review when it is started with these flags."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webhook", "serve", "-p", str(folder / "policies"), "--drain-seconds", "0"),
        *("--bind", "127.0.0.1:0", "--health-bind", "127.0.0.1:0"),
        *("--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key"), *flags),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SOON), client(folder) as session:
            line = b""
            while b"listening on" not in line:
                line = await process.stdout.readline()
            port = int(re.findall(rb"127\.0\.0\.1', (\d+)", line)[0])
            url, headers = f"https://127.0.0.1:{port}/validate", {"Content-Type": "application/json"}
            async with session.post(url, data=body, headers=headers) as answer:
                found: dict[str, Any] = (await answer.json())["response"]
                return found
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize(
    ("body", "flags", "allowed", "warned"),
    [
        pytest.param(BAD_POD, (), False, False, id="a pod"),
        pytest.param(BAD_POD, ("--mode", "audit"), True, False, id="a pod in a dry run"),
        pytest.param(BAD_WORKLOAD, (), True, True, id="a workload"),
        pytest.param(BAD_WORKLOAD, ("--workloads", "deny"), False, False, id="a workload that is denied"),
        pytest.param(BAD_WORKLOAD, ("--workloads", "ignore"), True, False, id="a workload that is ignored"),
    ],
)
async def test_flags_reach_the_decision(
    tmp_path: Path, body: bytes, flags: tuple[str, ...], allowed: bool, warned: bool
) -> None:
    write_policy(tmp_path, POLICY % "Enforce")
    write_certificate(tmp_path)
    found = await first_answer(tmp_path, body, *flags)
    assert (found["allowed"], "warnings" in found) == (allowed, warned)
