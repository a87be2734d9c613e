"""Container images without a daemon and without Docker Hub: Debian's mmdebstrap and buildah, both packages of Debian.

`base_image` makes a Debian with Python that stands in for the base image a Dockerfile names (`ARG BASE=…`); `build`
runs `buildah bud`. Both need root. What is particular to a machine stays outside of every file of ours: the Debian
mirror comes from its apt configuration, and pip inside of a build is set up as pip on the machine is (`PIP_*`).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.system.tools import ToolMissing, cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_SUITE: Final = "trixie"  # Python 3.13
_PACKAGES: Final = ("ca-certificates", "python3", "python3-venv")
_SECONDS: Final = 900
_TAIL_LINES: Final = 30
_APT_OPTIONS: Final = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until")
_FORGET_APT_OPTIONS: Final = 'rm -f "$1"/etc/apt/apt.conf.d/99mmdebstrap'
_MAKE_MOUNT_POINTS: Final = 'touch "$1"/etc/pip.conf'  # else each layer with a RUN step would hold one


class ImageError(Exception):
    """An image could not be made; the message holds the last lines of the tool's output."""


def base_image() -> str:
    """Name, in the store of `buildah`, of a minimal Debian with python3 and venv: a value for `ARG BASE`; made once.

    Raises:
        ToolMissing: mmdebstrap or buildah is not installed, or apt has no Debian mirror.
        ImageError: one of them failed.
    """
    contents = "\n".join((_SUITE, *_PACKAGES, _MAKE_MOUNT_POINTS))
    name = f"localhost/tidewaiter-base:{_SUITE}-{hashlib.sha256(contents.encode()).hexdigest()[:16]}"
    if name not in buildah("images", "--format={{.Name}}:{{.Tag}}").splitlines():
        with tempfile.TemporaryDirectory() as scratch:
            _import_root_filesystem(_root_filesystem(Path(scratch)), name)
    return name


def build(context: Path, dockerfile: Path, tag: str, build_args: Mapping[str, str]) -> None:
    """Build `dockerfile` over the folder `context` and name the image `tag`, in the store of `buildah`.

    pip in a RUN step finds a pip.conf made of this machine's `PIP_*` variables, and the files and folders these name
    (say certificate authorities). They are mounted for the RUN steps alone; an image keeps nothing of them but, where
    its base lacks the path, an empty mount point.

    Raises:
        ToolMissing: buildah is not installed.
        ImageError: the build failed.
    """
    arguments = [f"--build-arg={name}={value}" for name, value in build_args.items()]
    with _pip_volumes() as volumes:
        buildah("bud", "--isolation=chroot", *volumes, *arguments, f"--file={dockerfile}", f"--tag={tag}", str(context))
    buildah("rmi", "--prune")  # the image that had this tag before


def buildah(*args: str) -> str:
    """Run buildah over our own store and return what it prints.

    Raises:
        ToolMissing: it is not installed.
        ImageError: it exited other than 0.
    """
    return _run(buildah_command(*args))


def buildah_command(*args: str) -> list[str]:
    """The command line for buildah over our own store, a folder of the tools' cache; `run` is for long ones.

    vfs needs no kernel feature that a container might lack.

    Raises:
        ToolMissing: buildah is not installed.
    """
    store = cache_folder() / "containers"
    place = [f"--root={store / 'storage'}", f"--runroot={store / 'run'}", "--storage-driver=vfs"]
    return [_program("buildah"), *place, *args]


@contextmanager
def container(image: str) -> Iterator[str]:
    """A container of `image` for the time of a `with` block; yields its name for `buildah run`.

    `buildah_command("run", "--isolation=chroot", name, "--", …)` runs in it on this machine's network.
    """
    name = buildah("from", image).strip()
    try:
        yield name
    finally:
        buildah("rm", name)


def push(tag: str, destination: str) -> str:
    """Push an image to `127.0.0.1:PORT/NAME:TAG` over plain http; the digest of the manifest that was pushed."""
    with tempfile.TemporaryDirectory() as scratch:
        digest = Path(scratch) / "digest"
        buildah("push", "--tls-verify=false", f"--digestfile={digest}", tag, f"docker://{destination}")
        return digest.read_text(encoding="ascii").strip()


def _root_filesystem(scratch: Path) -> Path:
    """Make a tar of the root filesystem. The mirror is read again with every new base, never kept."""
    tar = scratch / "root.tar"
    options = scratch / "apt.conf"
    options.write_text(_run([_program("apt-config"), "dump", *_APT_OPTIONS]), encoding="utf-8")
    _run(
        [
            _program("mmdebstrap"),
            "--variant=minbase",
            f"--include={','.join(_PACKAGES)}",
            f"--aptopt={options}",
            f"--customize-hook={_FORGET_APT_OPTIONS}",
            f"--customize-hook={_MAKE_MOUNT_POINTS}",
            _SUITE,
            str(tar),
            _debian_mirror(),
        ]
    )
    return tar


def _debian_mirror() -> str:
    """The address of Debian's main archive in this machine's apt configuration, as apt has fetched it."""
    lines = "$(CREATED_BY) $(ORIGIN) $(COMPONENT) $(CODENAME) $(REPO_URI)"
    for line in _run([_program("apt-get"), "indextargets", "--format", lines]).splitlines():
        match line.split():
            case ["Packages", "Debian", "main", codename, address] if re.fullmatch("[a-z]+", codename):
                return address  # codenames of updates and security have a suffix
    raise ToolMissing("apt has no index of Debian's main archive: run apt-get update")


def _import_root_filesystem(tar: Path, image: str) -> None:
    with container("scratch") as name:
        buildah("add", "--quiet", name, str(tar), "/")
        buildah("config", "--cmd", "python3", name)
        buildah("commit", "--quiet", name, image)


@contextmanager
def _pip_volumes() -> Iterator[list[str]]:
    """`--volume` arguments that give RUN steps this machine's pip configuration."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    settings.pop("PIP_CONFIG_FILE", None)
    words = {word for value in settings.values() for word in value.split()}
    paths = sorted(word for word in words if word.startswith("/") and _has_content(Path(word)))
    with tempfile.TemporaryDirectory() as scratch:  # readable by its owner alone: an index address may hold a password
        conf = Path(scratch) / "pip.conf"
        conf.write_text(_pip_conf(settings), encoding="utf-8")
        mounts = [(str(conf), "/etc/pip.conf"), *((path, path) for path in paths)]
        yield [f"--volume={source}:{target}:ro" for source, target in mounts]


def _has_content(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _pip_conf(settings: Mapping[str, str]) -> str:
    """pip's rule: the variable `PIP_FIND_LINKS` is the option `find-links` of the section `global`."""
    options = (f"{name.removeprefix('PIP_').lower().replace('_', '-')} = {value}" for name, value in settings.items())
    return "\n".join(["[global]", *options, ""])


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise ToolMissing(f"{name} is not installed; it is a package of Debian")
    return path


def _run(command: Sequence[str]) -> str:
    """What the command prints on standard output; its standard error explains a failure."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except subprocess.CalledProcessError as failure:
        tail = "\n".join(f"{failure.stdout}{failure.stderr}".splitlines()[-_TAIL_LINES:])
        raise ImageError(f"{command[0]} failed with exit code {failure.returncode}:\n{tail}") from failure
    except subprocess.TimeoutExpired as failure:
        raise ImageError(f"{command[0]} took longer than {_SECONDS} s") from failure
    return done.stdout
