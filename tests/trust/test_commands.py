"""Trust roots of commands that judge once and end; nothing is ever written."""

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import run
from tests.fakes import sigstore
from tests.fakes.registry import FakeRegistry
from tests.fakes.tuf import FakeTuf
from tests.server.test_program import write_policy
from tests.trust.scenario import NEEDING_PUBLIC_GOOD, OURS, POLICY, ROOT
from tests.trust.serving import TufServer
from tests.trust.tracing import FOLDER, TRACED, traced


def pod(folder: Path, image: str) -> Path:
    file = folder / "pod.json"
    spec = {"containers": [{"name": "app", "image": image}]}
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": spec}))
    return file


def test_what_a_program_writes_would_be_seen() -> None:
    program = f"{TRACED.partition('from webhook')[0]}open('/dev/null', 'w')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "writes /dev/null\n"


async def test_a_command_fetches_a_trust_root_and_writes_nothing(
    tmp_path: Path, server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    server.hand_out(tuf)
    write_policy(tmp_path, f"{POLICY % registry.host}---{ROOT % (server.url(), tuf.root.decode())}")
    arguments = ("check", "-p", tmp_path / "policies", "-f", pod(tmp_path, f"{registry.host}/app@{sigstore.DIGEST}"))
    code, found, seen = await traced(*arguments, "-o", "json", "--insecure-registry", registry.host, *server.flags)
    assert code == 0, found
    assert found["summary"] == {"allowed": 1, "denied": 0, "errors": 0}
    assert [line for line in seen if not line.startswith("asks ")] == []
    assert any(str(server.port) in line for line in seen)


async def test_a_command_that_needs_public_good_asks_no_network_for_it(tmp_path: Path) -> None:
    write_policy(tmp_path, NEEDING_PUBLIC_GOOD.replace("unmatched: Allow", "tags: Pinned"))
    file = pod(tmp_path, "registry.example.org/app:1")
    code, found, seen = await traced("check", "-p", tmp_path / "policies", "-f", file, "--no-pin", "-o", "json")
    assert code == 1
    assert found["summary"]["denied"] == 1
    assert seen == []


async def test_what_a_repository_does_not_give_is_told_and_not_found_out(
    tmp_path: Path, server: TufServer, registry: FakeRegistry, tuf: FakeTuf
) -> None:
    write_policy(tmp_path, f"{POLICY % registry.host}---{ROOT % (server.url(), tuf.root.decode())}")
    arguments = ("check", "-p", tmp_path / "policies", "-f", pod(tmp_path, f"{registry.host}/app@{sigstore.DIGEST}"))
    code, found, seen = await traced(*arguments, "-o", "json", "--insecure-registry", registry.host, *server.flags)
    assert code == 3
    assert found["results"][0]["violations"][0]["code"] == "TRUST_ROOT_UNAVAILABLE"
    [told] = [line for line in seen if not line.startswith("asks ")]
    assert told == f"trust root corp not fetched from {server.host}: there is no timestamp.json; there is none"


def test_flags_give_trust_roots_to_commands(tmp_path: Path) -> None:
    root = tmp_path / "trusted_root.json"
    root.write_bytes(OURS)
    write_policy(tmp_path, POLICY % "registry.example.com")
    file = str(pod(tmp_path, "registry.example.org/app:1"))
    arguments = ("-p", str(tmp_path / "policies"), "-f", file, "--no-pin")
    unknown = run("check", *arguments)
    assert unknown.exit_code == 2
    assert 'unknown trust root "corp"; a TrustRoot document or --trust-root NAME=FILE gives one' in unknown.output
    assert run("check", *arguments, "--trust-root", f"corp={root}").exit_code == 1
    assert run("check", *arguments, env={"TIDEWAITER_TRUST_ROOT": f"corp={root}"}).exit_code == 1
    for flag, told in (
        (f"Corp={root}", "expected NAME=FILE or FILE of a trust root"),
        (f"corp={root}.missing", f"--trust-root corp={root}.missing: No such file"),
        (f"corp={file}", f"--trust-root corp={file}: "),
    ):
        refused = run("check", *arguments, "--trust-root", flag)
        assert refused.exit_code == 2, refused.output
        assert told in refused.output


def test_a_program_that_needs_no_trust_root_loads_none() -> None:
    code = (
        "import sys, webhook.cli, webhook.server.program; "
        "print([name for name in sys.modules if name.partition('.')[0] in {'sigstore', 'tuf', 'rfc3161_client'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER)
    assert done.stdout.strip() == "[]"
