"""The container image, built from the Dockerfile, on a base that is made here."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from tests.system import images as containers
from tests.system import policies
from tests.system.confinement import PROGRAM, ConfinedRelease, confined
from tests.system.controlplane import ControlPlane
from tests.system.program import ROOT
from tests.system.release import Install, Release
from tests.system.signing import Registry, Workshop
from tests.system.tools import ToolMissing
from webhook import __version__

pytestmark = [pytest.mark.system, pytest.mark.timeout(120, func_only=True)]

TAG: Final = "localhost/tidewaiter:system-test"
_SECONDS: Final = 60


@pytest.fixture(scope="module")
def image() -> str:
    if os.geteuid() != 0:
        raise ToolMissing("an image is built by root alone")
    base = containers.base_image()
    containers.build(ROOT, ROOT / "Dockerfile", TAG, {"BUILD_BASE": base, "BASE": base})
    return TAG


@pytest.fixture(scope="module")
def config(image: str) -> dict[str, Any]:
    """What the image says of how it is run (OCI image-spec, config.md)."""
    document: dict[str, Any] = json.loads(containers.buildah("inspect", "--type=image", image))
    config: dict[str, Any] = document["OCIv1"]["config"]
    return config


@pytest.fixture(scope="module")
def root(image: str) -> Iterator[Path]:
    """The root filesystem of a container of the image."""
    with containers.container(image) as name:
        yield Path(containers.buildah("mount", name).strip())


@pytest.fixture(scope="module")
def environment(config: dict[str, Any]) -> dict[str, str]:
    """What a container's process finds: the image's variables, and those that a runtime sets (runc, libcontainer)."""
    own = dict(each.split("=", 1) for each in config["Env"])
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/", **own}


def _run(
    root: Path, environment: dict[str, str], command: Sequence[str], *, tmp: bool = False
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        confined(root, list(command), tmp=tmp),
        env=environment,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def test_it_runs_the_program_as_a_user_without_rights(config: dict[str, Any]) -> None:
    assert (config["User"], config["Entrypoint"]) == ("65532:65532", [PROGRAM])
    assert config["ExposedPorts"].keys() == {"8443/tcp", "8080/tcp"}


def test_nothing_in_it_belongs_to_that_user(root: Path) -> None:
    """What may be written to would be a place to hide in."""
    paths = [path.lstat() for path in (root / "opt" / "tidewaiter").rglob("*")]
    assert len(paths) > 1000
    assert {(each.st_uid, each.st_gid) for each in paths} == {(0, 0)}
    assert not any(each.st_mode & 0o022 for each in paths if not stat.S_ISLNK(each.st_mode))


def test_it_tells_its_version(root: Path, environment: dict[str, str]) -> None:
    done = _run(root, environment, [PROGRAM, "--version"])
    assert (done.stdout, done.stderr) == (f"tidewaiter, version {__version__}\n", "")


def test_its_demo_is_as_it_should_be(root: Path, environment: dict[str, str]) -> None:
    done = _run(root, environment, [PROGRAM, "demo"], tmp=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "each as it should be" in done.stdout


def test_the_confinement_is_real(root: Path, environment: dict[str, str]) -> None:
    attempt = "import os, pathlib; print(os.getuid(), os.getgid(), os.getgroups()); pathlib.Path('/tmp/x').touch()"
    done = _run(root, environment, ["/usr/bin/python3", "-c", attempt])
    assert done.stdout == "65532 65532 []\n"
    assert "Read-only file system" in done.stderr


@pytest.fixture(scope="module")
def release(
    root: Path, environment: dict[str, str], install: Install, workshop: Workshop, ggcr: Registry
) -> Iterator[Release]:
    rules = policies.image_rules(ggcr.host, policies.authority("release", workshop.pem("release")))
    written = {"signed": policies.for_tier("signed", images=rules)}
    with install(written, partial(ConfinedRelease, root, environment), mode="policy") as running:
        yield running


def test_it_serves_a_cluster_with_nothing_that_it_could_write_to(
    release: Release, cluster: ControlPlane, images: dict[str, str]
) -> None:
    """Its policy selects by a label of the namespace, so that it has to ask the API server as a pod does."""
    cluster.kubectl("run", "contained", "-n", "signed", f"--image={images['signed']}")
    done = cluster.kubectl("run", "contraband", "-n", "signed", f"--image={images['unsigned']}", check=False)
    assert '1 of 1 images denied by policy "signed": contraband: NOT_SIGNED' in done.stderr
    done = cluster.kubectl("run", "contraband", "-n", "default", f"--image={images['signed']}", check=False)
    assert "NO_POLICY_MATCHES" in done.stderr
    assert release.server.metric("tidewaiter_log_lines_dropped_total") == 0


def test_it_ends_when_it_is_told_to(release: Release) -> None:
    release.stop()
    assert release.server.process.returncode == 0
    release.start()
