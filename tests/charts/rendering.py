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
FOREIGN: Final = ("Certificate", "Issuer", "ServiceMonitor", "PrometheusRule")
"""Kinds of cert-manager and of the Prometheus operator."""
_PART: Final = "app.kubernetes.io/component"
NAMESPACE: Final = "tidewaiter-system"
_SECONDS: Final = 30


class RefusedError(Exception):
    """Helm did not render; the message is what it wrote."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What one `helm template` wrote: its text, and the objects in it in their order."""

    text: str
    objects: tuple[dict[str, Any], ...]

    def the(self, kind: str, part: str | None = None) -> dict[str, Any]:
        """The only object of a kind that belongs to a part of the release, such as `controller`, or to `serve`.

        The guard's configuration does not count.
        """
        found = (each for each in self.of(part) if each["kind"] == kind and each not in self._guards)
        (only,) = found
        return only

    def of(self, part: str | None) -> list[dict[str, Any]]:
        """The objects that belong to a part of the release, or to `serve` and the whole."""
        return [each for each in self.objects if each["metadata"].get("labels", {}).get(_PART) == part]

    def pod_of(self, part: str | None) -> dict[str, Any]:
        """The `spec` of the pods of a part's Deployment."""
        spec: dict[str, Any] = self.the("Deployment", part)["spec"]["template"]["spec"]
        return spec

    def args_of(self, part: str | None) -> list[str]:
        """The arguments of the only container of a part's pods."""
        (container,) = self.pod_of(part)["containers"]
        args: list[str] = container["args"]
        return args

    @property
    def parts(self) -> list[str | None]:
        """Whose Deployments there are."""
        found = (each["metadata"]["labels"].get(_PART) for each in self.objects if each["kind"] == "Deployment")
        return sorted(found, key=str)

    @property
    def pod(self) -> dict[str, Any]:
        """The `spec` of the pods of `serve`."""
        return self.pod_of(None)

    @property
    def args(self) -> list[str]:
        """The arguments of `serve`."""
        return self.args_of(None)

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


def render(helm: Path, values: Path | None, *arguments: str, tests: bool = False) -> Rendering:
    """The chart with a file of values, and further arguments such as `--set=mode=policy`.

    With `tests` it is the Pod of `helm test` too.
    """
    files = [] if values is None else [f"--values={values}"]
    skipped = [] if tests else ["--skip-tests"]
    text = run(helm, "template", "tidewaiter", CHART, f"--namespace={NAMESPACE}", *files, *skipped, *arguments)
    return Rendering(text, objects(text))


def notes(helm: Path, values: Path, *arguments: str) -> str:
    """What `helm install` tells at its end. Helm 3 asks a cluster even for a dry run."""
    client = "--dry-run=client"
    return run(
        helm, "install", "tidewaiter", CHART, f"--namespace={NAMESPACE}", client, f"--values={values}", *arguments
    )


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
