"""The chart as helm renders it, with the helm 3 and the helm 4 that the system tests build."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "charts" / "tidewaiter"
CI_VALUES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
AUDIT, POLICY, CLUSTER, OPTIONS, URL = (
    CHART / "ci" / f"{name}-values.yaml" for name in ("audit", "policy", "cluster", "options", "url")
)
RESOURCES: Final = ("ClusterPodPolicy", "TrustRoot")
"""Kinds of the cluster's own that a hook makes, once."""
NAMESPACE: Final = "tidewaiter-system"
_SECONDS: Final = 30


class RefusedError(Exception):
    """Helm did not render; the message is what it wrote."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one `helm template` wrote: its text, and the objects in it in their order."""

    text: str
    objects: tuple[dict[str, Any], ...]

    def the(self, kind: str) -> dict[str, Any]:
        """The only object of a kind, but for the guard's."""
        (found,) = (each for each in self.objects if each["kind"] == kind and each not in self._guards)
        return found

    @property
    def pod(self) -> dict[str, Any]:
        """The `spec` of the Deployment's pods."""
        spec: dict[str, Any] = self.the("Deployment")["spec"]["template"]["spec"]
        return spec

    @property
    def args(self) -> list[str]:
        """The arguments of the only container."""
        (container,) = self.pod["containers"]
        args: list[str] = container["args"]
        return args

    @property
    def pinning(self) -> dict[str, Any] | None:
        """The only webhook of the MutatingWebhookConfiguration, where there is one."""
        found = [each for each in self.objects if each["kind"] == "MutatingWebhookConfiguration"]
        (webhook,) = found[0]["webhooks"] if found else (None,)
        return webhook

    @property
    def _guards(self) -> list[dict[str, Any]]:
        hooks = (each for each in self.objects if each["kind"] == "ValidatingWebhookConfiguration")
        return [each for each in hooks if each["metadata"]["name"].endswith("-guard")]

    @property
    def guard(self) -> dict[str, dict[str, Any]]:
        """The webhooks of the guard by name; none where there is no guard."""
        return {each["name"]: each for found in self._guards for each in found["webhooks"]}

    @property
    def webhooks(self) -> dict[str, dict[str, Any]]:
        """The webhooks of the ValidatingWebhookConfiguration by name."""
        return {each["name"]: each for each in self.the("ValidatingWebhookConfiguration")["webhooks"]}


def run(helm: Path, command: str, *arguments: str | Path) -> str:
    """What helm writes. Raises `RefusedError` with its words when it does not exit with 0."""
    done = subprocess.run(
        [helm, command, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False, cwd=ROOT
    )
    if done.returncode:
        raise RefusedError(done.stderr + done.stdout)
    return done.stdout


def render(helm: Path, values: Path | None, *arguments: str) -> Rendering:
    """The chart with a file of values, and further arguments such as `--set=mode=policy`."""
    files = [] if values is None else [f"--values={values}"]
    text = run(helm, "template", "tidewaiter", CHART, f"--namespace={NAMESPACE}", *files, *arguments)
    return Rendering(text, objects(text))


def objects(text: str) -> tuple[dict[str, Any], ...]:
    """The objects of a stream of YAML documents."""
    return tuple(each for each in yaml.safe_load_all(text) if each)


def keys(value: Any) -> Iterator[str]:
    """Every key at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)
