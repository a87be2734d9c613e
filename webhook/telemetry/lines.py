"""One JSON document, one line, safe to show on a terminal.

JSON escapes the controls below U+0020. Left are DEL and the C1 controls, which a terminal obeys too, the characters
that reorder text or end lines, and those that are not seen: they are escaped as well, which inside a JSON string
changes nothing of its meaning.
"""

import json
import re

import msgspec

_UNSAFE = re.compile("[\\x7f-\\x9f\\xad\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]")
_encoder = msgspec.json.Encoder()


def line(document: msgspec.Struct) -> bytes:
    """The document as a line, with its end."""
    try:
        encoded = _encoder.encode(document)
    except UnicodeEncodeError:  # a lone surrogate
        return json.dumps(msgspec.to_builtins(document), separators=(",", ":")).encode() + b"\n"
    if not encoded.isascii() or b"\x7f" in encoded:
        encoded = _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", encoded.decode()).encode()
    return encoded + b"\n"
