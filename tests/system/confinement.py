"""A program inside the root filesystem of an image, held as the chart has kubelet hold it."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

from tests.charts.rendering import NAMESPACE
from tests.system.program import Server, serving
from tests.system.release import Release

PROGRAM: Final = "/opt/tidewaiter/bin/tidewaiter"
_USER: Final = "65532:65532"
_ACCOUNT: Final = "/run/secrets/kubernetes.io/serviceaccount"
"""Kubelet says /var/run, which is a link to /run in any image."""


def confined(
    root: Path, command: Sequence[str | Path], *, tmp: bool = False, mounts: Mapping[str, Path] | None = None
) -> list[str | Path]:
    """The command line that runs `command` in `root`, which is read-only for it: as user 65532, without capabilities.

    `tmp` gives it a /tmp that can be written to; `mounts` are absolute paths, which are made in `root`, and the folders
    that show there. Needs root, and a kernel that lets root make a mount namespace.
    """
    at = shlex.quote(str(root))
    script = [f"mount --bind {at} {at}", f"mount -t proc proc {at}/proc", f"mount --rbind /dev {at}/dev"]
    for path, folder in (mounts or {}).items():
        inside = shlex.quote(f"{root}{path}")
        script += [f"mkdir -p {inside}", f"mount --bind {shlex.quote(str(folder))} {inside}"]
    if tmp:
        script.append(f"mount -t tmpfs -o mode=1777 tmpfs {at}/tmp")  # noqa: S108  it is the program's own
    script.append(f"mount -o remount,ro,bind {at}")
    script.append(f"exec chroot --userspec={_USER} --groups= {at} {shlex.join(map(str, command))}")
    return ["unshare", "--mount", "--", "sh", "-ec", "\n".join(script)]


class ConfinedRelease(Release):
    """A release whose program is that of an image: with the very arguments, mounts and environment of the chart.

    It finds the API server as any pod does: by its environment, and by the files of its ServiceAccount.
    """

    def __init__(self, root: Path, environment: Mapping[str, str], *args: Any) -> None:
        super().__init__(*args)
        self._root = root
        self._environment = environment

    def _serving(self, env: Mapping[str, str], probe: str) -> AbstractContextManager[Server]:
        mounts = {**self.mounts.paths, _ACCOUNT: self._account()}
        host, _, port = self.cluster.server.removeprefix("https://").rpartition(":")
        api_server = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
        return serving(
            self.folder,
            self._flags(),
            env={**self._environment, **api_server, **env},
            port=self.port,
            ready=probe,
            command=lambda args: confined(self._root, [PROGRAM, *args], mounts=mounts),
        )

    def _account(self) -> Path:
        """The files that kubelet mounts for a ServiceAccount."""
        folder = self.folder / "serviceaccount"
        folder.mkdir(exist_ok=True)
        (folder / "token").write_text(self._token(), encoding="ascii")
        (folder / "ca.crt").write_bytes(self.cluster.ca.read_bytes())
        (folder / "namespace").write_text(NAMESPACE, encoding="ascii")
        return folder
