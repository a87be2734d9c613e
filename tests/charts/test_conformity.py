"""kubeconform takes what the chart renders, by the schemas that a real API server publishes."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.charts.rendering import CHART, CI_VALUES, FOREIGN, RESOURCES, ROOT, render
from tests.system.controlplane import ControlPlane
from tests.system.polling import eventually
from tests.system.tools import tool

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

GROUP = "apis/tidewaiter.dev/v1alpha1"
VALUES = [*CI_VALUES, ROOT / "deploy" / "install-values.yaml"]
KINDS = "x-kubernetes-group-version-kind"


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a schema for each kind that the API server serves, by the name that kubeconform asks for."""
    folder = tmp_path_factory.mktemp("schemas")
    with ControlPlane(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.kubectl("apply", "-f", str(CHART / "files" / "crds.yaml"))
        paths = eventually(lambda: published(cluster))
        for url in paths.values():
            write(folder, json.loads(cluster.kubectl("get", "--raw", url["serverRelativeURL"]).stdout))
    return folder


def published(cluster: ControlPlane) -> dict[str, Any]:
    """Where the schemas are, once those of our own kinds are among them."""
    paths: dict[str, Any] = json.loads(cluster.kubectl("get", "--raw", "/openapi/v3").stdout)["paths"]
    return paths if GROUP in paths else {}


def write(folder: Path, document: dict[str, Any]) -> None:
    """The schemas of a group's version. Nobody may write what they do not name."""
    schemas = document.get("components", {}).get("schemas", {})
    for schema in schemas.values():
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
    for name, schema in schemas.items():
        for kind in schema.get(KINDS, ()):
            parts = [kind["kind"], *filter(None, (kind["group"].partition(".")[0], kind["version"]))]
            whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
            (folder / f"{'-'.join(parts).lower()}.json").write_text(json.dumps(whole), encoding="utf-8")


def conforms(schemas: Path, text: str) -> subprocess.CompletedProcess[str]:
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    line: list[str | Path] = [
        tool("kubeconform"),
        "-strict",
        "-summary",
        f"-skip={','.join(FOREIGN)}",
        "-schema-location",
        location,
    ]
    return subprocess.run(line, input=text, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.name)
def test_everything_conforms(values: Path, helm: Path, schemas: Path) -> None:
    rendered = render(helm, values, tests=True)
    done = conforms(schemas, rendered.text)
    assert done.returncode == 0, done.stdout
    skipped = sum(each["kind"] in FOREIGN for each in rendered.objects)
    assert f"Valid: {len(rendered.objects) - skipped}, Invalid: 0, Errors: 0, Skipped: {skipped}" in done.stdout


def test_what_does_not_conform_is_seen(helm: Path, schemas: Path) -> None:
    text = render(helm, CHART / "ci" / "cluster-values.yaml").text
    assert RESOURCES[0] in text
    for right, wrong in (("replicas: 2", "replicas: two"), ("failurePolicy:", "failurePolice:")):
        assert right in text
        assert conforms(schemas, text.replace(right, wrong)).returncode == 1
