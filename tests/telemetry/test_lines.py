import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.telemetry import lines

UNSAFE = "\x1b\x7f\x80\x9b\x85\xad\u061c\u200b\u200e\u2028\u2029\u202e\u2066\u2069\ufeff"


class Document(msgspec.Struct):
    text: str


@pytest.mark.parametrize("character", UNSAFE)
def test_what_a_terminal_obeys_is_escaped(character: str) -> None:
    line = lines.line(Document(f"a{character}b"))
    assert line == f'{{"text":"a\\u{ord(character):04x}b"}}\n'.encode()


def test_other_letters_stay_as_they_are() -> None:
    assert lines.line(Document("bücher 本")) == '{"text":"bücher 本"}\n'.encode()


def test_a_lone_surrogate_is_no_reason_to_fail() -> None:
    assert lines.line(Document("a\ud800b")) == b'{"text":"a\\ud800b"}\n'


@given(st.text(st.characters(codec=None)) | st.text(UNSAFE + '"\\\r\n'))
def test_any_text_is_one_line_of_json_that_says_the_same(text: str) -> None:
    line = lines.line(Document(text))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == {"text": text}
    assert not set(UNSAFE) & set(line.decode())
