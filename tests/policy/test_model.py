"""What a policy may say, and every fault as its author sees it: whole messages, with file, line and field."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.policy.writing import (
    ATTESTED,
    KEY,
    KEY_FILES,
    OTHER_KEY,
    TRUST_ROOT,
    TUF,
    VALID,
    faults,
    of_images,
    of_match,
    tweaked,
    written,
)
from webhook import __version__
from webhook.policy.model import Metadata
from webhook.policy.part import findings_of
from webhook.policy.texts import MAX_DURATION, duration

TABLES = {
    "faults.yaml": (VALID,),
    "faults_attested.yaml": (ATTESTED,),
    "faults_trusted_root.yaml": (TRUST_ROOT, of_match("p")),
    "faults_tuf.yaml": (TUF, of_match("p")),
}
"""Cases, and the documents of which the first has one thing changed."""


def cases() -> list[tuple[str, dict[str, Any]]]:
    folder = Path(__file__).parent
    return [(table, case) for table in TABLES for case in yaml.safe_load((folder / table).read_text(encoding="utf-8"))]


CASES = cases()


def in_full(fault: str) -> str:
    whole = fault.replace(": not supported", f": not supported by tidewaiter {__version__}")
    return f"policies/prod.yaml:{whole}"


@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{table}: {case['name']}" for table, case in CASES])
def test_what_is_valid_with_one_tweak_is_refused(table: str, case: dict[str, Any]) -> None:
    base, *others = TABLES[table]
    assert faults(tweaked(case["old"], case["new"], base), *others) == [in_full(fault) for fault in case["faults"]]


def test_no_tweak_is_without_a_fault_and_none_is_there_twice() -> None:
    assert all(case["faults"] for _, case in CASES)
    assert len({(table, case["old"], case["new"]) for table, case in CASES}) == len(CASES)


@pytest.mark.parametrize("documents", TABLES.values(), ids=TABLES)
def test_what_is_tweaked_has_no_fault(documents: tuple[str, ...]) -> None:
    assert faults(*documents) == []


def test_a_policy_in_json_is_read_like_one_in_yaml() -> None:
    model = written(VALID).model
    text = model.model_dump_json(by_alias=True, exclude_none=True, indent=2)
    assert written(text).model == model


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        written(VALID).model.spec.mode = "Audit"  # type: ignore[assignment,misc]


def test_a_policy_with_neither_images_nor_containers_is_refused() -> None:
    text = of_match("empty", "{namespaces: {exclude: [a]}}").replace("  containers: {runAsNonRoot: true}\n", "")
    assert faults(text) == ["policies/prod.yaml:4: spec: expected images or containers, or both"]


def test_an_empty_images_section_wants_digests_and_is_no_fault() -> None:
    assert faults(of_images("{}")) == []


def test_signatures_without_anything_in_them_want_one_of_any_authority() -> None:
    verify = "[{name: a, images: [docker.io/**], signatures: {}}]"
    text = of_images(f"{{authorities: [{{name: k, key: {{file: release.pub}}}}], verify: {verify}}}")
    assert faults(text) == []


def test_an_entry_of_a_policy_without_authorities_is_refused() -> None:
    text = of_images("{verify: [{name: a, images: [docker.io/**], signatures: {from: [x]}}]}")
    assert faults(text) == [
        "policies/prod.yaml:5: spec.images.verify[0].signatures: nobody can vouch: images.authorities names no one"
    ]


def test_two_entries_of_one_name_are_refused() -> None:
    entry = "{name: a, images: [docker.io/**], signatures: {}}"
    text = of_images(f"{{authorities: [{{name: k, key: {{file: release.pub}}}}], verify: [{entry}, {entry}]}}")
    assert faults(text) == ['policies/prod.yaml:5: spec.images.verify[1].name: "a" is there twice']


def test_all_faults_of_all_documents_are_told_at_once() -> None:
    broken = VALID.replace("mode: Enforce", "mode: Deny").replace("tags: Pinned", "tags: {}")
    broken = broken.replace("minimum: 1", "minimum: 9")
    assert faults(broken, of_match("other").replace("true", "3")) == [
        'policies/prod.yaml:8: spec.mode: expected Enforce, Warn or Audit, found "Deny"',
        "policies/prod.yaml:20: spec.images.tags: expected Pinned or UnsafeResolved, found a mapping",
        (
            "policies/prod.yaml:32: spec.images.verify[0].signatures.minimum: expected at most 2, the number of "
            "authorities it may be from, found 9"
        ),
        "policies/prod.yaml:45: spec.containers.runAsNonRoot: expected true or false, found 3",
    ]


def test_every_faulty_key_file_of_a_policy_is_told() -> None:
    found = faults(VALID, files={"night.pub": "-----BEGIN PRIVATE KEY-----\nAA\n-----END PRIVATE KEY-----"})
    assert (
        found[0]
        == "policies/prod.yaml:24: spec.images.authorities[0].key.file: cannot be read: No such file or directory"
    )
    assert found[1].startswith("policies/prod.yaml:28: spec.images.authorities[1].key.file: ")
    assert "PRIVATE KEY" in found[1]
    assert len(found) == 2


def test_a_key_file_that_is_not_ascii_is_told() -> None:
    found = faults(VALID, files=KEY_FILES | {"night.pub": "ключ"})
    assert [fault.rpartition(": ")[0] for fault in found] == [
        "policies/prod.yaml:28: spec.images.authorities[1].key.file"
    ]


def test_one_key_written_in_two_ways_is_still_one_key() -> None:
    rewrapped = KEY.replace("\n", "\r\n")
    assert faults(VALID, files={"release.pub": KEY, "night.pub": rewrapped}) == [
        "policies/prod.yaml:28: spec.images.authorities[1].key: the same key as that of authority release"
    ]
    assert faults(VALID, files={"release.pub": KEY, "night.pub": OTHER_KEY}) == []


def test_a_text_that_cannot_be_written_down_is_a_fault_too() -> None:
    with pytest.raises(ValidationError) as caught:
        Metadata.model_validate({"name": "\ud800"})
    assert [path for path, _ in findings_of(caught.value)] == [("name",)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", timedelta(seconds=1)),
        ("90m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        ("0h0m5s", timedelta(seconds=5)),
        ("168h", timedelta(days=7)),
        ("876000h", MAX_DURATION),
    ],
)
def test_a_duration_is_written_in_hours_minutes_and_seconds(text: str, expected: timedelta) -> None:
    assert duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "h", "1", "1d", "-1h", "1.5h", " 1h", "1h\n", "1H", "\u0661h", "0s", "9" * 10 + "h"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 168h or 1h30m, found "):
        duration(text)


@pytest.mark.parametrize("text", ["876000h1s", "999999999h", "999999999h" * 100])
def test_a_duration_beyond_all_dates_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected at most 876000h, a hundred years, found "):
        duration(text)
