"""Trust roots of `serve`: its log, its metrics, and whom it asks."""

import asyncio
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.registry import FakeRegistry
from tests.fakes.replies import answering
from tests.fakes.tuf import FakeTuf
from tests.server.test_program import Output, client, config, metrics, write_policy
from tests.trust.scenario import NEEDING_PUBLIC_GOOD, OURS, POLICY, ROOT, allowing
from tests.trust.serving import TufServer
from tests.trust.stage import Stage, given
from tests.trust.tracing import FOLDER, SECONDS, TRACED
from webhook.cli.demo.certificate import write_certificate
from webhook.cli.serve import serve
from webhook.config import ServeConfig, TrustConfig
from webhook.server.metrics import Metrics
from webhook.server.program import running
from webhook.server.run import Service


def serving(folder: Path, server: TufServer, registry: FakeRegistry, trust: TrustConfig) -> ServeConfig:
    return config(folder, registry=allowing(server, registry, trust).registry, trust=trust)


def samples(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The values of a metric by those of its labels."""
    families = text_string_to_metric_families(text)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in found}


async def readiness(session: aiohttp.ClientSession, service: Service) -> int:
    _, (host, port) = service.addresses
    async with session.get(f"http://{host}:{port}/readyz") as answer:
        return answer.status


async def test_serve_tells_what_becomes_of_trust_roots(
    tmp_path: Path, server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    server.hand_out(tuf)
    write_policy(tmp_path, f"{POLICY % registry.host}---{ROOT % (server.url(), tuf.root.decode())}")
    output = Output()
    settings = serving(tmp_path, server, registry, TrustConfig(upkeep=True))
    async with running(settings, output) as service, client(tmp_path) as session:
        line = await output.wait_for(lambda line: line["msg"].startswith("trust roots: "))
        assert line["msg"] == f"trust roots: corp ({server.host}): to be fetched"
        fetched = await output.wait_for(lambda line: line["msg"].startswith("trust root corp fetched from "))
        text = await metrics(session, service)
        fingerprint = fetched["msg"].rpartition(" ")[2]
        assert samples(text, "tidewaiter_trust_root_info") == {(fingerprint, "corp"): 1}
        assert samples(text, "tidewaiter_trust_root_refreshes_total") == {("corp", "success"): 1}
        [(_, expiry)] = samples(text, "tidewaiter_trust_root_expiry_timestamp_seconds").items()
        assert expiry == tuf.end("timestamp").timestamp()


async def test_metrics_speak_of_the_roots_that_are_there_and_no_others() -> None:
    stage, counted = Stage(), Metrics("0")
    await stage.follow(given("corp", OURS), stage.fetched("tuf"))
    await stage.refresh()
    counted.trust_roots(stage.observer.roots)
    text = counted.text().decode()
    assert {name for _, name in samples(text, "tidewaiter_trust_root_info")} == {"corp", "tuf"}
    assert list(samples(text, "tidewaiter_trust_root_expiry_timestamp_seconds")) == [("tuf",)]
    counted.trust_roots({})
    assert samples(counted.text().decode(), "tidewaiter_trust_root_info") == {}
    assert samples(counted.text().decode(), "tidewaiter_trust_root_expiry_timestamp_seconds") == {}


async def test_serve_is_ready_whatever_becomes_of_trust_roots(
    tmp_path: Path, server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    server.replies["/tuf/2.root.json"] = answering(500)
    write_policy(tmp_path, f"{POLICY % registry.host}---{ROOT % (server.url(), tuf.root.decode())}")
    output = Output()
    settings = serving(tmp_path, server, registry, TrustConfig(upkeep=True))
    async with running(settings, output) as service, client(tmp_path) as session:
        assert await readiness(session, service) == 200
        line = await output.wait_for(lambda line: line["level"] == "warning")
        host = server.host
        assert line["msg"] == f"trust root corp not fetched from {host}: {host} answered with status 500; there is none"
        assert await readiness(session, service) == 200
        text = await metrics(session, service)
        assert samples(text, "tidewaiter_trust_root_refreshes_total") == {("corp", "failure"): 1}
        assert samples(text, "tidewaiter_trust_root_info") == {}


async def test_a_trust_root_that_a_policy_begins_to_need_is_taken_over_without_a_restart(
    tmp_path: Path, server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    server.hand_out(tuf)
    indifferent = (POLICY % registry.host).replace("trustRoot: corp", "trustRoot: public-good")
    write_policy(tmp_path, indifferent)
    output = Output()
    settings = serving(tmp_path, server, registry, TrustConfig(upkeep=True))
    async with running(settings, output):
        await output.wait_for(lambda line: line["msg"].startswith("trust roots: public-good (built in): "))
        write_policy(tmp_path, f"{POLICY % registry.host}---{ROOT % (server.url(), tuf.root.decode())}")
        await output.wait_for(lambda line: line["msg"].startswith("trust root corp fetched from "))
    assert [line["msg"] for line in output.lines if line["level"] != "info"] == []


async def asked_by_serve(folder: Path, *flags: str, until: bytes) -> str:
    """What `serve` asks of hosts until it writes a line with these words; all but loopback is out of its reach."""
    write_policy(folder, NEEDING_PUBLIC_GOOD)
    certificate, key = write_certificate(folder)
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            TRACED,
            "serve",
            "-p",
            folder / "policies",
            "--tls-cert",
            certificate,
            "--tls-key",
            key,
        ),
        *("--bind", "127.0.0.1:0", "--health-bind", "127.0.0.1:0", "--drain-seconds", "0", *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=FOLDER,
        env={"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "PATH": "/nonexistent"},
    )
    assert process.stdout is not None
    async with asyncio.timeout(SECONDS):
        line = b" "
        while line and until not in line:
            line = await process.stdout.readline()
        process.terminate()
        _, stderr = await process.communicate()
    assert line, stderr
    return "\n".join(line for line in stderr.decode().splitlines() if "127.0.0.1" not in line)


async def test_serve_asks_sigstores_repository_for_newer_copies_of_public_good(tmp_path: Path) -> None:
    seen = await asked_by_serve(tmp_path, until=b"trust root public-good not fetched from tuf-repo-cdn.sigstore.dev: ")
    assert seen == "asks tuf-repo-cdn.sigstore.dev 443"


async def test_serve_asks_nobody_where_flags_say_so(tmp_path: Path) -> None:
    assert not await asked_by_serve(tmp_path, "--no-trust-root-refresh", until=b"listening on")


def test_refreshing_is_on_unless_flag_or_environment_say_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_policy(tmp_path, NEEDING_PUBLIC_GOOD)
    certificate, key = write_certificate(tmp_path)
    arguments = ["-p", str(tmp_path / "policies"), "--tls-cert", str(certificate), "--tls-key", str(key)]

    def refreshes(*flags: str) -> bool:
        return bool(serve.make_context("serve", [*arguments, *flags]).params["trust_root_refresh"])

    assert refreshes()
    assert not refreshes("--no-trust-root-refresh")
    monkeypatch.setenv("TIDEWAITER_TRUST_ROOT_REFRESH", "false")
    assert not refreshes()
    assert refreshes("--trust-root-refresh")
