"""The targets under a fuzzer that follows coverage: `python -m tests.fuzz.run [--seconds N] [TARGET...]`.

Each target runs in a process of its own, which atheris (libFuzzer) instruments. Inputs that break a contract are kept
in the folder that is printed, to become seeds or tests; the exit code is 1 where there is one. atheris has to be
installed beside what tests need: it has no builds for all platforms, and so is no part of the lock.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import click

from tests.fuzz.mutation import TOKENS

NAMES: Final = (
    *("reference", "pattern", "challenge", "manifest", "docker_config", "pull_secret", "review", "pin", "policy"),
    *("json", "bundle", "attestation", "payload", "annotations"),
)
"""Those of `targets.TARGETS`, which are imported under instrumentation alone."""

_INPUT_SECONDS: Final = 10
_MEMORY_MIB: Final = 2048
_GRACE_SECONDS: Final = 120
_DONE: Final = re.compile(r"Done (\d+) (?:runs )?in|stat::number_of_executed_units: (\d+)")
_COVERED: Final = re.compile(r"cov: (\d+) ft: (\d+)")


def inside(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["webhook"]):
        targets = importlib.import_module("tests.fuzz.targets")
    target = targets.BY_NAME[name]
    atheris.Setup([sys.argv[0], *arguments], lambda data: target.check(data) and None)
    atheris.Fuzz()


def fuzz(name: str, seconds: int, folder: Path) -> bool:
    """Fuzz one target in a process of its own; prints what was done. Whether its contract held."""
    corpus, found = folder / name / "corpus", folder / name / "found"
    corpus.mkdir(parents=True)
    found.mkdir()
    for index, seed in enumerate(importlib.import_module("tests.fuzz.targets").BY_NAME[name].seeds):
        (corpus / f"seed-{index}").write_bytes(seed)
    dictionary = folder / "dictionary"
    dictionary.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS if len(token) < 100))
    limits = [f"-max_total_time={seconds}", f"-timeout={_INPUT_SECONDS}", f"-rss_limit_mb={_MEMORY_MIB}"]
    flags = [*limits, "-max_len=8192", "-print_final_stats=1", f"-artifact_prefix={found}/", f"-dict={dictionary}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.run", "--inside", name, *flags, str(corpus)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds + _GRACE_SECONDS,
        check=False,
    )
    written = done.stderr + done.stdout
    (folder / name / "log").write_text(written)
    runs = next((one or other for one, other in reversed(_DONE.findall(written))), "no")
    edges, features = next(reversed(_COVERED.findall(written)), ("no", "no"))
    said = f"{name}: {runs} runs, {edges} edges, {features} features"
    held = done.returncode == 0
    click.echo(said if held else f"{said}; BROKEN, see {folder / name}")
    return held


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


@click.command()
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(1), help="For each target.")
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[TARGET]...")
def main(seconds: int, names: tuple[str, ...]) -> None:
    """Fuzz parsers, all of them unless some are named."""
    if importlib.util.find_spec("atheris") is None:
        raise click.ClickException("atheris is not installed; `make fuzz` installs it where there is a build of it")
    folder = Path(tempfile.mkdtemp(prefix="tidewaiter-fuzz-"))
    click.echo(f"inputs and logs are in {folder}")
    held = [fuzz(name, seconds, folder) for name in names or NAMES]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(sys.argv[2], sys.argv[3:])
    else:
        main()
