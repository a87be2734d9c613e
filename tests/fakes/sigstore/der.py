"""DER (ITU-T X.690) of the few ASN.1 types that certificate extensions and timestamps are made of."""

from datetime import datetime
from typing import Final

NULL: Final = b"\x05\x00"


def tlv(tag: int, *contents: bytes) -> bytes:
    """One value: tag, length, and the contents behind each other."""
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def octet_string(content: bytes) -> bytes:
    return tlv(0x04, content)


def oid(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    return tlv(0x06, *map(_base128, (40 * first + second, *others)))


def utf8_string(text: str) -> bytes:
    return tlv(0x0C, text.encode())


def sequence(*members: bytes) -> bytes:
    return tlv(0x30, *members)


def set_of(*members: bytes) -> bytes:
    """DER wants the members of a SET OF sorted."""
    return tlv(0x31, *sorted(members))


def utc_time(time: datetime) -> bytes:
    return tlv(0x17, time.strftime("%y%m%d%H%M%SZ").encode())


def generalized_time(time: datetime) -> bytes:
    """Whole seconds, UTC."""
    return tlv(0x18, time.strftime("%Y%m%d%H%M%SZ").encode())


def context(number: int, *contents: bytes) -> bytes:
    """A constructed value with a context-specific tag: `[number]`."""
    return tlv(0xA0 | number, *contents)


def _base128(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(0x80 | value & 0x7F)
    return bytes(reversed(groups))
