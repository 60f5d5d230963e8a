from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido.apdu import CommandApdu, CommandChain, ResponseChain, response_apdu
from emulator.fido.status import ApduError, StatusWord

WELL_FORMED = {
    "case 1": ("00030000", b"", None),
    "case 2 short": ("0003000010", b"", 16),
    "case 2 short, Le 0 is 256": ("0003000000", b"", 256),
    "case 2 extended": ("00030000000123", b"", 0x123),
    "case 2 extended, Le 0 is 65536": ("00030000000000", b"", 65536),
    "case 3 short": ("0001000002abcd", b"\xab\xcd", None),
    "case 3 extended": ("00010000000002abcd", b"\xab\xcd", None),
    "case 4 short": ("0001000002abcd00", b"\xab\xcd", 256),
    "case 4 extended": ("00010000000002abcd0000", b"\xab\xcd", 65536),
    "Lc 0 with an Le, as platforms ask for the version": ("000300000000000000", b"", 65536),
}
WRONG_LENGTHS = {
    "no bytes": "",
    "header cut short": "000300",
    "zero Lc and a short Le": "000300000000",
    "data cut short": "0001000003abcd",
    "a byte too many": "0001000002abcd0000",
    "two bytes where one Le belongs": "0001000001ab0000",
    "extended data cut short": "00010000000003abcd",
    "extended Lc cut short": "000100000001",
    "extended data and half an Le": "00010000000002abcd00",
    "extended data and three bytes of Le": "00010000000002abcd000000",
    "extended Lc 0 and half an Le": "0003000000000000",
}


@pytest.mark.parametrize(("raw", "data", "ne"), WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_command_of_every_case_is_read(raw: str, data: bytes, ne: int | None) -> None:
    command = CommandApdu.parse(bytes.fromhex(raw))
    assert (command.data, command.ne) == (data, ne)


def test_header_bytes_are_read_in_their_order() -> None:
    command = CommandApdu.parse(bytes.fromhex("80103344"))
    assert command == CommandApdu(cla=0x80, ins=0x10, p1=0x33, p2=0x44)


@pytest.mark.parametrize("raw", WRONG_LENGTHS.values(), ids=WRONG_LENGTHS.keys())
def test_wrong_length_is_refused_as_wrong_length(raw: str) -> None:
    with pytest.raises(ApduError) as refused:
        CommandApdu.parse(bytes.fromhex(raw))
    assert refused.value.status_word is StatusWord.WRONG_LENGTH


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_a_command_or_of_wrong_length(raw: bytes) -> None:
    try:
        command = CommandApdu.parse(raw)
    except ApduError as refused:
        status_word = refused.status_word
    else:
        status_word = StatusWord.NO_ERROR
        assert bytes((command.cla, command.ins, command.p1, command.p2)) == raw[:4]
        assert command.data in raw[4:]
    assert status_word in (StatusWord.NO_ERROR, StatusWord.WRONG_LENGTH)


@given(
    data=st.binary(max_size=600),
    ne=st.none() | st.integers(min_value=1, max_value=65536),
    extended=st.booleans(),
)
def test_encoded_command_reads_back_the_same(data: bytes, ne: int | None, extended: bool) -> None:
    command = CommandApdu(cla=0, ins=1, p1=2, p2=3, data=data, ne=ne)
    read = CommandApdu.parse(command.encode(extended=extended))
    assert read == command


def test_short_form_is_used_when_it_can_say_the_lengths() -> None:
    command = CommandApdu(cla=0, ins=1, data=b"\xab", ne=256)
    assert command.encode() == bytes.fromhex("0001000001ab00")
    assert command.encode(extended=True) == bytes.fromhex("00010000000001ab0100")


@pytest.mark.parametrize(("length", "ne"), [(65536, None), (0, 0), (0, 65537)])
def test_lengths_that_no_apdu_can_say_are_our_misuse(length: int, ne: int | None) -> None:
    with pytest.raises(ValueError, match="no APDU carries"):
        CommandApdu(cla=0, ins=1, data=bytes(length), ne=ne).encode()


def test_response_ends_in_its_status_word() -> None:
    assert response_apdu(b"U2F_V2", StatusWord.NO_ERROR) == b"U2F_V2\x90\x00"
    assert response_apdu(b"", StatusWord.CONDITIONS_NOT_SATISFIED) == b"\x69\x85"


def test_longest_answer_without_le_is_what_the_form_could_ask_for() -> None:
    for raw, longest in (("0001000001ab", 256), ("00010000000001ab", 65_536), ("0001000001ab10", 16)):
        assert CommandApdu.parse(bytes.fromhex(raw)).longest_answer == longest


@given(st.binary(max_size=700), st.integers(1, 255))
def test_chained_commands_are_joined(data: bytes, size: int) -> None:
    chain = CommandChain()
    parts = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
    for part in parts[:-1]:
        assert chain.join(CommandApdu(cla=0x90, ins=1, data=part)) is None
    assert chain.join(CommandApdu(cla=0x80, ins=1, data=parts[-1])) == CommandApdu(cla=0x80, ins=1, data=data)


@given(st.binary(max_size=1000), st.integers(1, 256))
def test_long_answers_come_whole_in_parts(data: bytes, longest: int) -> None:
    chain = ResponseChain()
    part = chain.begin(response_apdu(data, StatusWord.NO_ERROR), longest)
    got = b""
    while part[-2] == 0x61:
        assert len(part) == longest + 2
        got += part[:-2]
        assert part[-1] == min(256, len(data) - len(got)) % 256
        part = chain.next(longest)
    assert got + part == response_apdu(data, StatusWord.NO_ERROR)
    assert chain.next(longest) == response_apdu(b"", StatusWord.CONDITIONS_NOT_SATISFIED)
