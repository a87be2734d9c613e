"""The custom resources' definitions."""

from collections.abc import Iterator
from typing import Any

import yaml
from click.testing import CliRunner

from webhook.cli import main
from webhook.policy.schema import definitions

SCHEMAS = {
    each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for each in definitions()
}
PRESERVED = "x-kubernetes-preserve-unknown-fields"


def nodes(schema: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from nodes(schema[key], f"{path}[]")


ALL = dict(node for kind, schema in SCHEMAS.items() for node in nodes(schema, kind))
OURS = {path: node for path, node in ALL.items() if ".status" not in path and ".metadata" not in path}


def test_the_schemas_are_structural() -> None:
    for path, node in ALL.items():
        assert isinstance(node["type"], str), path
        assert not {"$ref", "anyOf", "title", "const", "nullable"} & node.keys(), path
        assert not {"properties", "additionalProperties"} <= node.keys(), path


def test_every_mapping_with_named_fields_keeps_unknown_ones() -> None:
    for path, node in OURS.items():
        if "properties" in node:
            assert node[PRESERVED] is True, path
    assert OURS["TrustRoot.spec.trustedRoot"][PRESERVED] is True
    assert PRESERVED not in OURS["ClusterPodPolicy.spec.match.namespaceSelector.matchLabels"]


def test_of_all_defaults_only_that_of_the_mode_is_there() -> None:
    assert {path for path, node in ALL.items() if "default" in node} == {"ClusterPodPolicy.spec.mode"}


def test_what_is_plain_is_the_api_servers_to_refuse() -> None:
    assert OURS["ClusterPodPolicy.spec.mode"]["enum"] == ["Enforce", "Warn", "Audit"]
    assert OURS["ClusterPodPolicy.spec.images.allow"]["minItems"] == 1
    assert OURS["ClusterPodPolicy.spec.images.verify[].signatures.minimum"]["minimum"] == 1
    assert OURS["ClusterPodPolicy.spec.exemptions[].expires"]["format"] == "date-time"
    assert "spec" in OURS["ClusterPodPolicy"]["required"]


def test_every_field_says_what_it_is() -> None:
    plain = {"apiVersion", "kind", "metadata"}
    for path, node in OURS.items():
        if path.rpartition(".")[2] not in plain and not path.endswith("[]"):
            assert node["description"], path


def test_rules_stand_where_they_are_meant_to() -> None:
    ruled = {path for path, node in ALL.items() if "x-kubernetes-validations" in node}
    assert ruled == {
        "ClusterPodPolicy.spec",
        "ClusterPodPolicy.spec.images.authorities[]",
        "ClusterPodPolicy.spec.images.authorities[].key",
        "ClusterPodPolicy.spec.images.authorities[].keyless",
        "ClusterPodPolicy.spec.images.verify[]",
        "TrustRoot.spec",
        "TrustRoot.spec.tuf",
    }


def test_lists_of_things_with_names_are_told_apart_by_them() -> None:
    keyed = {path for path, node in OURS.items() if "x-kubernetes-list-map-keys" in node}
    assert keyed == {"ClusterPodPolicy.spec.images.authorities", "ClusterPodPolicy.spec.images.verify"}


def test_names_and_columns_are_those_of_kubectl() -> None:
    policy, root = (each["spec"] for each in definitions())
    assert (policy["scope"], policy["names"]["shortNames"], root["names"]["shortNames"]) == (
        "Cluster",
        ["cpp"],
        ["troot"],
    )
    assert {each["names"]["categories"][0] for each in (policy, root)} == {"tidewaiter"}
    columns = [column["name"] for column in policy["versions"][0]["additionalPrinterColumns"]]
    assert columns == ["Mode", "Ready", "Would deny", "Age", "Reason"]
    assert policy["versions"][0]["subresources"] == {"status": {}}


def test_the_command_prints_both() -> None:
    result = CliRunner().invoke(main, ["policy", "schema"])
    assert result.exit_code == 0
    assert list(yaml.safe_load_all(result.output)) == list(definitions())
    assert "*id" not in result.output
