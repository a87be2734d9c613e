"""The definitions of report kinds: those of OpenReports as they are published, and the older API's made of them.

The older API's own definitions are in no Go module that can be had; theirs have the same schema but for the fields that
OpenReports added (`source` beside the results, `configuration`).
"""

from typing import Any, Final

import yaml

from tests.system.tools import source
from webhook.audit.reports import OPENREPORTS, WGPOLICY

_MODULE: Final = "github.com/openreports/reports-api@v0.2.1"
_FILES: Final = ("openreports.io_reports.yaml", "openreports.io_clusterreports.yaml")
_ADDED: Final = ("source", "configuration")

Definition = dict[str, Any]


def openreports() -> list[Definition]:
    """As the project publishes them. Raises `ToolMissing` where its module cannot be fetched."""
    folder = source("kubectl", _MODULE) / "config" / "crd"  # of which tool's module it is asked makes no difference
    return [yaml.safe_load((folder / name).read_text(encoding="utf-8")) for name in _FILES]


def wgpolicy() -> list[Definition]:
    """Of the older API, by the same schema."""
    names = {
        OPENREPORTS.kind: (WGPOLICY.kind, WGPOLICY.plural),
        OPENREPORTS.cluster_kind: (WGPOLICY.cluster_kind, WGPOLICY.cluster_plural),
    }
    return [_older(each, *names[each["spec"]["names"]["kind"]]) for each in openreports()]


def _older(definition: Definition, kind: str, plural: str) -> Definition:
    (version,) = definition["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    properties = {key: value for key, value in schema["properties"].items() if key not in _ADDED}
    served = {
        "name": WGPOLICY.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {**schema, "properties": properties}},
    }
    return {
        "apiVersion": definition["apiVersion"],
        "kind": definition["kind"],
        "metadata": {"name": f"{plural}.{WGPOLICY.group}"},
        "spec": {
            "group": WGPOLICY.group,
            "names": {"kind": kind, "plural": plural},
            "scope": definition["spec"]["scope"],
            "versions": [served],
        },
    }
