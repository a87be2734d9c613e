"""`deploy/examples/control-plane` as it is on a control plane node, and the server that it asks."""

import base64
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

import trustme
import yaml

from tests.system.certificates import write_authority, write_certificate
from tests.system.processes import free_port
from tests.system.program import ROOT, Server, serving

_EXAMPLES: Final = ROOT / "deploy/examples/control-plane"
_FOLDER: Final = "/etc/kubernetes/tidewaiter"
_HOST: Final = "tidewaiter.example.com:8443"
CLIENT_NAME: Final = "kube-apiserver"


class Example:
    """One example with what it leaves to the reader filled in: its folder, its host, and certificates by `ca`."""

    def __init__(self, name: str, folder: Path, ca: trustme.CA) -> None:
        self.port = free_port()
        self.folder = folder / name
        shutil.copytree(_EXAMPLES / name, self.folder)
        bundle = base64.b64encode(ca.cert_pem.bytes()).decode()
        for file in self.folder.rglob("*.yaml"):
            text = file.read_text(encoding="utf-8")
            text = text.replace(_FOLDER, str(self.folder)).replace(_HOST, f"127.0.0.1:{self.port}")
            file.write_text(text.replace("CA_BUNDLE", bundle), encoding="utf-8")
        self.ca = write_authority(ca, self.folder / "ca.crt")
        client = ca.issue_cert(common_name=CLIENT_NAME)
        client.private_key_pem.write_to_path(str(self.folder / "client.key"))
        client.cert_chain_pems[0].write_to_path(str(self.folder / "client.crt"))

    @property
    def api_server_args(self) -> tuple[str, ...]:
        """What kubeadm starts kube-apiserver with."""
        kubeadm = yaml.safe_load((self.folder / "kubeadm.yaml").read_text(encoding="utf-8"))
        return tuple(f"--{each['name']}={each['value']}" for each in kubeadm["apiServer"]["extraArgs"])


class Backend:
    """`tidewaiter serve` where the example has it, for the time of a `with` block; lets in kube-apiserver alone."""

    def __init__(self, example: Example, folder: Path, ca: trustme.CA, flags: Sequence[str | Path]) -> None:
        certificate, key = write_certificate(ca, folder)
        tls = [f"--tls-cert={certificate}", f"--tls-key={key}"]
        clients = [f"--client-ca={example.ca}", f"--client-name={CLIENT_NAME}"]
        self._flags = [*tls, *clients, "--drain-seconds=0", *flags]
        self._port = example.port
        self._folder = folder
        self._process = ExitStack()
        self.server: Server

    def __enter__(self) -> Self:
        self.server = self._process.enter_context(serving(self._folder, self._flags, port=self._port))
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.close()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Down for the time of a `with` block."""
        self._process.close()
        try:
            yield
        finally:
            self.__enter__()
