"""Images pushed with crane and signed with cosign, by keys that are made on the spot. Nothing leaves the machine."""

import base64
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.system.registries import PASSWORD, USER
from tests.system.tools import tool

_SECONDS: Final = 60
PREDICATE_TYPE: Final = "https://example.com/review/v1"

_LEGACY: Final = ("--tlog-upload=false", "--use-signing-config=false", "--new-bundle-format=false")
FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "signature": _LEGACY,
    "referrer": (*_LEGACY, "--registry-referrers-mode=oci-1-1"),
    "bundle": ("--signing-config=signing-config.json", "--trusted-root=trusted-root.json"),
}
"""How cosign 3 can write a signature: beside the image under the tag `sha256-….sig`, the same as an OCI 1.1 referrer,
and as a Sigstore bundle. A signing config and a trusted root that name no service are its way to sign without any."""


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry: how crane and cosign reach it (`env`, plain http or not), and the flags by which tidewaiter does."""

    host: str
    flags: tuple[str, ...]
    plain: bool = True
    env: Mapping[str, str] = field(default_factory=dict)


def plain_registry(host: str) -> Registry:
    """One that speaks plain http to anybody."""
    return Registry(host, (f"--insecure-registry={host}",))


def private_registry(host: str, ca: Path, folder: Path, password: str = PASSWORD) -> Registry:
    """One behind TLS that wants credentials; the docker configuration that has them is written into `folder`."""
    folder.mkdir()
    basic = base64.b64encode(f"{USER}:{password}".encode()).decode()
    config = folder / "config.json"
    config.write_text(json.dumps({"auths": {host: {"auth": basic}}}), encoding="utf-8")
    flags = (f"--registry-ca={host}={ca}", f"--docker-config={config}", "--allow-address=127.0.0.0/8")
    env = {"SSL_CERT_FILE": str(ca), "DOCKER_CONFIG": str(folder)}
    return Registry(host, flags, plain=False, env=env)


class Workshop:
    """Keys, and what is done with them. All files lie in `folder`, an existing, empty one."""

    def __init__(self, folder: Path, keys: tuple[str, ...]) -> None:
        self.folder = folder
        for key in keys:
            self.cosign("generate-key-pair", f"--output-key-prefix={key}")
        self.cosign("signing-config", "create", "--out=signing-config.json")
        self.cosign("trusted-root", "create", "--out=trusted-root.json")
        (folder / "predicate.json").write_text('{"reviewed": true}', encoding="utf-8")

    def public_key(self, name: str) -> Path:
        """The file with a public key in PEM."""
        return self.folder / f"{name}.pub"

    def pem(self, name: str) -> str:
        """A public key in PEM."""
        return self.public_key(name).read_text(encoding="ascii")

    def push(self, registry: Registry, repository: str, content: str = "", *base: str, tag: str = "1") -> str:
        """Push an image whose content says nothing but its name or `content`; `host/repository@digest`.

        `base` are flags that say what it is built on, where that is something.
        """
        layer = self.folder / "layer.tar"
        with tarfile.open(layer, "w") as tar:
            tar.addfile(tarfile.TarInfo(content or repository), io.BytesIO())
        built_on = base or ("--oci-empty-base",)
        flags = (f"--new_layer={layer}", f"--new_tag={registry.host}/{repository}:{tag}")
        return self._crane(registry, "append", *built_on, *flags).strip()

    def index(self, registry: Registry, repository: str, *images: str) -> str:
        """Push an index of these images, tag `1`; `host/repository@digest`."""
        listed = [f"--manifest={image}" for image in images]
        tag = f"{registry.host}/{repository}:1"
        self._crane(registry, "index", "append", *listed, f"--tag={tag}")
        return f"{registry.host}/{repository}@{self._crane(registry, 'digest', tag).strip()}"

    def annotate(self, registry: Registry, image: str, annotations: Mapping[str, str]) -> str:
        """Push the image of a tag anew, with annotations in its manifest; `host/repository@digest`."""
        noted = [f"--annotation={name}={value}" for name, value in annotations.items()]
        return self._crane(registry, "mutate", *noted, f"--tag={image}", image).strip()

    def copy(self, registry: Registry, source: str, target: str) -> None:
        """Copy what lies under one reference to another."""
        self._crane(registry, "copy", source, target)

    def sign(self, registry: Registry, image: str, key: str, form: str, *annotations: str) -> None:
        """Sign with a key in one of `FORMS`; annotations are written `key=value`."""
        noted = [f"--annotations={each}" for each in annotations]
        self.write(registry, "sign", image, f"--key={key}.key", *FORMS[form], *noted)

    def attest(self, registry: Registry, image: str, key: str, form: str) -> None:
        """Sign a statement about the image, which is no signature of it."""
        flags = FORMS["signature" if form == "referrer" else form]  # `cosign attest` has no such mode
        statement = (f"--type={PREDICATE_TYPE}", "--predicate=predicate.json")
        self.write(registry, "attest", image, f"--key={key}.key", *flags, *statement)

    def write(self, registry: Registry, command: str, image: str, *flags: str, repository: str = "") -> None:
        """Sign or attest, whatever the flags say; `repository` is where what is written goes, "" for the image's."""
        http = ["--allow-http-registry"] if registry.plain else []
        elsewhere = {"COSIGN_REPOSITORY": repository} if repository else {}
        self.cosign(command, "--yes", *http, *flags, image, env={**registry.env, **elsewhere})

    def _crane(self, registry: Registry, *args: str) -> str:
        insecure = ["--insecure"] if registry.plain else []
        return self._run("crane", *insecure, *args, env=registry.env)

    def cosign(self, *args: str, env: Mapping[str, str] | None = None) -> None:
        """Run cosign in our folder; keys have no password."""
        self._run("cosign", *args, env={"COSIGN_PASSWORD": "", "COSIGN_EXPERIMENTAL": "1", **(env or {})})

    def _run(self, name: str, *args: str, env: Mapping[str, str]) -> str:
        """What the tool prints; it finds nothing of the user's that runs the tests."""
        command: list[str | Path] = [tool(name), *args]
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **env}
        done = subprocess.run(
            command, cwd=self.folder, env=own, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
        assert done.returncode == 0, f"{name} {' '.join(args)}\n{done.stderr}"
        return done.stdout
