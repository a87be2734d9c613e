"""The real programs that the system tests run, built from pinned Go modules into a cache.

Each folder of `gomodules/` is one Go module with `tool` lines; one module per family of programs, so that the
versions of their dependencies do not fight. A binary lies in a folder named after a hash of all that decides its
content (go.mod, go.sum, our own sources, package, linker flags): a change of any of them builds anew, and nothing else
does.

    python -m tests.system.tools            builds all tools
    python -m tests.system.tools etcd crane builds these
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MODULES: Final = Path(__file__).with_name("gomodules")
_BUILD_SECONDS: Final = 1800  # kube-apiserver takes up to 500 s on two cold cores
_TAIL_LINES: Final = 20  # of a failed build's output: the compiler's errors stand last

_KUBERNETES_VERSION: Final = (
    "-X k8s.io/component-base/version.gitVersion={version}"
    " -X k8s.io/component-base/version.gitMajor={major}"
    " -X k8s.io/component-base/version.gitMinor={minor}"
)
_SIGSTORE_VERSION: Final = "-X sigs.k8s.io/release-utils/version.gitVersion={version}"
# Without these helm 3 renders every chart for Kubernetes 1.20; client-go 0.N belongs to Kubernetes 1.N.
_HELM3_KUBERNETES: Final = " ".join(
    f"-X helm.sh/helm/v3/pkg/{package}.k8sVersion{part}"
    for package in ("chartutil", "lint/rules")
    for part in ("Major=1", "Minor={client_go_minor}")
)


class ToolMissing(Exception):  # noqa: N818  it names what is the case, and tests skip on it
    """A tool can be neither found in the cache nor built; the message says why."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One program: the folder of its Go module, its package, and linker flags that state its version.

    With `tests` it runs the tests of the package, which lie in that folder. `tags` leave out what nobody needs.

    `{version}`, `{major}`, `{minor}` and `{client_go_minor}` in the flags are filled from the module's go.mod,
    the only place where a version is written.
    """

    module: str
    package: str
    ldflags: str = ""
    tests: bool = False
    tags: str = ""


TOOLS: Final[Mapping[str, Tool]] = MappingProxyType(
    {
        "kubeconform": Tool("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "-X main.version={version}"),
        "helm-docs": Tool("helm-docs", "github.com/norwoodj/helm-docs/cmd/helm-docs", "-X main.version={version}"),
        "crane": Tool(
            "ggcr",
            "github.com/google/go-containerregistry/cmd/crane",
            "-X github.com/google/go-containerregistry/cmd/crane/cmd.Version={version}",
        ),
        "registry": Tool("ggcr", "github.com/google/go-containerregistry/cmd/registry"),
        "distribution": Tool(
            "distribution",
            "github.com/distribution/distribution/v3/cmd/registry",
            "-X github.com/distribution/distribution/v3/version.version={version}",
        ),
        "etcd": Tool("etcd", "go.etcd.io/etcd/server/v3"),
        "kube-apiserver": Tool("kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", _KUBERNETES_VERSION),
        "kubectl": Tool("kubernetes", "k8s.io/kubernetes/cmd/kubectl", _KUBERNETES_VERSION),
        "kube-controller-manager": Tool(
            "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", _KUBERNETES_VERSION
        ),
        "promtool": Tool("promtool", "github.com/prometheus/prometheus/cmd/promtool", tags="remove_all_sd"),
        "kwok": Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", "-X sigs.k8s.io/kwok/pkg/consts.Version={version}"),
        "pod-security-conformance": Tool("podsecurity", ".", tests=True),
        "cosign": Tool(
            "cosign",
            "github.com/sigstore/cosign/v3/cmd/cosign",
            _SIGSTORE_VERSION,
        ),
        "fulcio": Tool("fulcio", "github.com/sigstore/fulcio", _SIGSTORE_VERSION),
        "timestamp-server": Tool(
            "timestamp", "github.com/sigstore/timestamp-authority/cmd/timestamp-server", _SIGSTORE_VERSION
        ),
        "rekor2": Tool("rekor2", "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix"),
        "rekor1": Tool("rekor1", "github.com/sigstore/rekor/cmd/rekor-server", _SIGSTORE_VERSION),
        "trillian-log-server": Tool("rekor1", "github.com/google/trillian/cmd/trillian_log_server"),
        "trillian-log-signer": Tool("rekor1", "github.com/google/trillian/cmd/trillian_log_signer"),
        "helm3": Tool(
            "helm3",
            "helm.sh/helm/v3/cmd/helm",
            "-X helm.sh/helm/v3/internal/version.version={version} " + _HELM3_KUBERNETES,
        ),
        "helm4": Tool("helm4", "helm.sh/helm/v4/cmd/helm", "-X helm.sh/helm/v4/internal/version.version={version}"),
    }
)


def tool(name: str) -> Path:
    """Path of the binary called `name` in `TOOLS`, built if the cache lacks it.

    Raises:
        ToolMissing: there is no Go here, or the build fails; the message holds the last lines of its output.
    """
    path = cached(name)
    if path.exists():
        return path
    go = shutil.which("go")
    if go is None:
        raise ToolMissing(f"{name} is not built and there is no go on this machine to build it")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _one_build_at_a_time():
        if not path.exists():  # another process may have built it while this one waited
            _build(go, TOOLS[name], path)
    return path


def source(name: str, go_module: str) -> Path:
    """The folder with the source of `go_module` that the tool called `name` is built from.

    Raises:
        ToolMissing: there is no Go here, or it cannot fetch the module.
    """
    go = shutil.which("go")
    if go is None:
        raise ToolMissing(f"there is no go on this machine to fetch the source of {go_module}")
    output = _run_go([go, "mod", "download", "-json", go_module], _MODULES / TOOLS[name].module)
    document = output[output.index("{") :]  # lines about the download stand before it
    return Path(json.loads(document)["Dir"])


def cached(name: str) -> Path:
    """Where the binary called `name` lies or would lie; nothing is built."""
    one = TOOLS[name]
    digest = hashlib.sha256()
    sources = [_file(one, path.name) for path in sorted((_MODULES / one.module).glob("*.go"))]
    tags = [one.tags] if one.tags else []
    for part in (_file(one, "go.mod"), _file(one, "go.sum"), *sources, one.package, _ldflags(one), *tags):
        digest.update(f"{len(part)}:{part}".encode())
    return cache_folder() / f"{one.module}-{digest.hexdigest()[:16]}" / name


def cache_folder() -> Path:
    """The folder of the cache: `$TIDEWAITER_TOOLS`, else `~/.cache/tidewaiter/tools`."""
    configured = os.environ.get("TIDEWAITER_TOOLS")
    return Path(configured).absolute() if configured else Path.home() / ".cache" / "tidewaiter" / "tools"


def _file(one: Tool, name: str) -> str:
    return (_MODULES / one.module / name).read_text(encoding="utf-8")


def _ldflags(one: Tool) -> str:
    if not one.ldflags:
        return "-s -w"
    version = _pinned(one, one.package)
    major, minor, _ = version.removeprefix("v").split(".", 2)
    client_go_minor = _pinned(one, "k8s.io/client-go").split(".")[1] if "{client_go_minor}" in one.ldflags else ""
    return f"-s -w {one.ldflags}".format(version=version, major=major, minor=minor, client_go_minor=client_go_minor)


def _pinned(one: Tool, package: str) -> str:
    """Version of the module that holds `package`, as the tool's go.mod requires it."""
    requirements: list[tuple[str, str]] = re.findall(
        r"^(?:require)?\s+(\S+) (v\S+)", _file(one, "go.mod"), re.MULTILINE
    )
    holders = [(path, version) for path, version in requirements if f"{package}/".startswith(f"{path}/")]
    return max(holders, key=lambda holder: len(holder[0]))[1]


@contextmanager
def _one_build_at_a_time() -> Iterator[None]:
    """Hold the lock of the cache: two builds at once on two cores gain nothing, and no tool is built twice."""
    with (cache_folder() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, and when the process dies
        yield


def _build(go: str, one: Tool, path: Path) -> None:
    """Build beside `path` and rename, so that nobody ever sees half a binary."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch) / path.name
        flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-tags", one.tags, "-ldflags", _ldflags(one)]
        verb = ["test", "-c"] if one.tests else ["build"]
        _run_go([go, *verb, *flags, "-o", str(built), one.package], _MODULES / one.module)
        built.replace(path)


def _run_go(command: list[str], folder: Path) -> str:
    """What go prints; flags on the command line win over those in GOFLAGS, and no workspace around us takes part."""
    env = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=_BUILD_SECONDS,
        )
    except subprocess.CalledProcessError as failure:
        tail = "\n".join(failure.stdout.splitlines()[-_TAIL_LINES:])
        raise ToolMissing(f"building {command[-1]} failed with exit code {failure.returncode}:\n{tail}") from failure
    except subprocess.TimeoutExpired as failure:
        raise ToolMissing(f"building {command[-1]} took longer than {_BUILD_SECONDS} s") from failure
    return done.stdout


def _main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.system.tools", description="Build tools into the cache.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(TOOLS)}")
    names = parser.parse_args(arguments).names or list(TOOLS)
    if unknown := [name for name in names if name not in TOOLS]:
        parser.error(f"unknown: {', '.join(unknown)}")
    failed = 0
    for name in names:
        started = time.monotonic()
        try:
            size = tool(name).stat().st_size
        except ToolMissing as missing:
            failed = 1
            sys.stdout.write(f"{name:24} missing: {missing}\n")
        else:
            sys.stdout.write(f"{name:24} {time.monotonic() - started:6.1f} s {size / 2**20:6.1f} MiB\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
