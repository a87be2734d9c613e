from pathlib import Path

import pytest

from webhook.errors import ConfigurationError
from webhook.policy.trust_roots import TrustRootSource
from webhook.trust import files


def test_files_are_read_by_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    one.write_bytes(b"1")
    two.write_bytes(b"2" * files.MAX_BYTES)
    assert files.read([("corp", one), ("public-good", two)]) == {
        "corp": TrustRootSource("corp", b"1", None),
        "public-good": TrustRootSource("public-good", b"2" * files.MAX_BYTES, None),
    }
    assert files.read([("corp", one)])["corp"].file == str(one)
    assert files.read([]) == {}


def test_a_name_stands_for_one_file(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_bytes(b"1")
    with pytest.raises(ConfigurationError, match=rf"--trust-root corp={file}: trust root corp is given twice"):
        files.read([("corp", file), ("corp", file)])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"--trust-root corp={tmp_path}/none\.json: No such file"):
        files.read([("corp", tmp_path / "none.json")])
    with pytest.raises(ConfigurationError, match="Is a directory"):
        files.read([("corp", tmp_path)])


def test_no_more_is_read_of_a_file_than_any_trust_root_has(tmp_path: Path) -> None:
    file = tmp_path / "endless.json"
    file.write_bytes(b" " * (files.MAX_BYTES + 1))
    with pytest.raises(ConfigurationError, match=rf"--trust-root corp={file}: more than 1048576 bytes"):
        files.read([("corp", file)])
