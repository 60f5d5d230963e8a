"""Tag, length, value as YKOATH has it: tags of a byte, lengths as in BER (ISO 7816-4:2013 §5.2.2)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

from emulator.fido.status import ApduError, StatusWord

LONGEST = 0xFFFF


class Tag(IntEnum):
    """What the data of commands and answers is made of."""

    NAME = 0x71
    NAME_LIST = 0x72
    KEY = 0x73
    CHALLENGE = 0x74
    RESPONSE = 0x75
    TRUNCATED_RESPONSE = 0x76
    HOTP = 0x77
    PROPERTY = 0x78
    VERSION = 0x79
    IMF = 0x7A
    ALGORITHM = 0x7B
    TOUCH = 0x7C


class Property(IntFlag):
    """What an account asks for, a byte after its tag without a length."""

    TOUCH = 0x02


def encode(tag: int, value: bytes) -> bytes:
    """``value`` under ``tag``; more than 65535 bytes are our own misuse, a ``ValueError``."""
    size = len(value)
    if size > LONGEST:
        raise ValueError(f"no value of {size} bytes fits")
    if size < 0x80:
        return bytes((tag, size)) + value
    if size <= 0xFF:
        return bytes((tag, 0x81, size)) + value
    return bytes((tag, 0x82)) + size.to_bytes(2, "big") + value


def take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The value under ``tag``, which ``data`` must begin with, and what follows; else WRONG_DATA."""
    if data[:1] != bytes((tag,)) or len(data) < 2:
        raise ApduError(StatusWord.WRONG_DATA)
    size, begin = data[1], 2
    if size > 0x82 or size == 0x80:
        raise ApduError(StatusWord.WRONG_DATA)
    if size > 0x80:
        begin += size - 0x80
        size = int.from_bytes(data[2:begin], "big")
    end = begin + size
    if len(data) < end:
        raise ApduError(StatusWord.WRONG_DATA)
    return data[begin:end], data[end:]


def only(data: bytes, tag: int) -> bytes:
    """The value under ``tag``, after which nothing may come; else WRONG_DATA."""
    value, rest = take(data, tag)
    demand(not rest)
    return value


def demand(holds: bool) -> None:
    """Refuse, with WRONG_DATA, data that is not as the protocol has it."""
    if not holds:
        raise ApduError(StatusWord.WRONG_DATA)
