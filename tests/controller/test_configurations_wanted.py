import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.controller import rendered
from webhook.controller.configurations import wanted
from webhook.controller.configurations.wanted import MAX_BYTES, MAX_FILES
from webhook.controller.configurations.webhooks import STAMP
from webhook.errors import ConfigurationError


def write(folder: Path, name: str, *documents: dict[str, Any]) -> None:
    (folder / name).write_text(yaml.safe_dump_all(documents), encoding="utf-8")


def why(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        wanted.read(folder)
    return str(error.value).replace(f"{folder}", "FOLDER")


def test_files_of_both_formats_are_read(tmp_path: Path) -> None:
    write(tmp_path, "validating.yaml", rendered.validating())
    (tmp_path / "pin.json").write_text(json.dumps(rendered.mutating()), encoding="utf-8")
    (tmp_path / "README.md").write_text("not one of them", encoding="utf-8")
    titles = [each.title for each in wanted.read(tmp_path)]
    assert titles == ["MutatingWebhookConfiguration/tidewaiter", "ValidatingWebhookConfiguration/tidewaiter"]


def test_a_mounted_config_map_is_read_through_its_link(tmp_path: Path) -> None:
    (tmp_path / "..2026_01_01").mkdir()
    write(tmp_path / "..2026_01_01", "validating.yaml", rendered.validating())
    (tmp_path / "..data").symlink_to("..2026_01_01")
    (tmp_path / "validating.yaml").symlink_to("..data/validating.yaml")
    (tmp_path / "left-over.yaml").symlink_to("..data/left-over.yaml")
    (one,) = wanted.read(tmp_path)
    assert (one.stamp, [each.name for each in one.webhooks]) == (
        "0" * 64,
        ["pods.tidewaiter.dev", "workloads.tidewaiter.dev"],
    )


def test_certificates_and_labels_may_stand_there(tmp_path: Path) -> None:
    document = rendered.validating()
    document["metadata"]["labels"] = {"helm.sh/chart": "tidewaiter"}
    document["webhooks"][0]["clientConfig"]["caBundle"] = "Q0E="
    write(tmp_path, "validating.yaml", document)
    assert len(wanted.read(tmp_path)) == 1


def change(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda document: document.update(changes)


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "another kind": (change(kind="Pod"), ":2: kind: expected one of ValidatingWebhookConfiguration"),
    "another version": (change(apiVersion="admissionregistration.k8s.io/v1beta1"), ":2: kind: expected one of"),
    "no webhooks": (change(webhooks=[]), ": webhooks: is empty"),
    "webhooks absent": (lambda document: document.pop("webhooks"), ": webhooks: is empty"),
    "webhooks that are none": (change(webhooks={"a": 1}), "Expected `array`, got `object` - at `$.webhooks`"),
    "a field of another type": (
        lambda document: document["webhooks"][0].update(timeoutSeconds="10"),
        "Expected `int`, got `str` - at `$.webhooks[0].timeoutSeconds`",
    ),
    "no rules": (lambda document: document["webhooks"][1].update(rules=[]), ": webhooks[1].rules: is empty"),
    "a field that nobody knows": (
        lambda document: document["webhooks"][0]["rules"][0].update(resource=["pods"]),
        ": webhooks[0].rules[0].resource: is not known",
    ),
    "a field without a value": (
        lambda document: document["webhooks"][0].update(reinvocationPolicy=None),
        ": webhooks[0].reinvocationPolicy: is not known",
    ),
    "two of one name": (
        lambda document: document["webhooks"].append(document["webhooks"][0]),
        ": webhooks: two have one name",
    ),
    "no stamp": (
        lambda document: document["metadata"]["annotations"].clear(),
        f": metadata.annotations: {STAMP} is not a SHA-256 in hexadecimal digits",
    ),
    "a stamp with a line end": (
        lambda document: document["metadata"]["annotations"].update({STAMP: "0" * 64 + "\n"}),
        f": metadata.annotations: {STAMP} is not a SHA-256 in hexadecimal digits",
    ),
    "a status": (change(status={}), ": status: is not known"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_refused_with_its_place(tmp_path: Path, name: str) -> None:
    tweak, message = FAULTS[name]
    document = rendered.validating()
    tweak(document)
    write(tmp_path, "validating.yaml", document)
    said = why(tmp_path)
    assert said.startswith("FOLDER/validating.yaml:")
    assert message in said


def test_one_configuration_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", rendered.validating())
    write(tmp_path, "b.yaml", rendered.validating())
    assert why(tmp_path).endswith(": metadata.name: ValidatingWebhookConfiguration/tidewaiter stands there twice")


def test_a_folder_without_configurations_is_refused(tmp_path: Path) -> None:
    assert why(tmp_path) == "FOLDER: no webhook configuration in it"


def test_a_file_without_documents_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "empty.yaml")
    assert why(tmp_path) == "FOLDER: no webhook configuration in it"


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="absent: cannot be read: No such file or directory"):
        wanted.read(tmp_path / "absent")


def test_text_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("webhooks: [", encoding="utf-8")
    assert why(tmp_path).startswith("FOLDER/broken.yaml:")


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 1):
        write(tmp_path, f"{number}.yaml", rendered.validating())
    assert why(tmp_path) == f"FOLDER: more than {MAX_FILES} files"


def test_a_file_over_the_ceiling_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(b"#" * (MAX_BYTES + 1))
    assert why(tmp_path) == f"FOLDER/large.yaml: more than {MAX_BYTES} bytes"
