from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip(
    "yubikit", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from yubikit.management import CAPABILITY, DeviceInfo, Version

from emulator.card import Card, FidoApplet, ManagementApplet, OathApplet
from emulator.fido.apdu import CommandApdu
from emulator.oath.ykoath import YkOath
from emulator.random_stream import RandomStream
from emulator.security_key import SecurityKey
from emulator.store import MemoryStore

FIDO, OATH, MANAGEMENT = FidoApplet.aid, OathApplet.aid, ManagementApplet.aid
GET_INFO = bytes.fromhex("80108000 000001 04 0000")
SELECTION = bytes.fromhex("80108000 01 0B 00")
GET_RESPONSE = bytes.fromhex("80110000 00")
CANCEL = bytes.fromhex("80111100 00")


class Reader:
    """A card in a reader; ``transmit`` gives data and status word, of what has been answered."""

    def __init__(self, profile: str = "ctap21", **options: object) -> None:
        store = MemoryStore()
        self.failures: list[Exception] = []
        self.key = SecurityKey(profile, seed=1, store=store, on_error=self.failures.append, **options)  # type: ignore[arg-type]  # what a test says
        oath = OathApplet(YkOath(store, RandomStream("oath")), self.key)
        self.card = Card(self.key, (FidoApplet(self.key), oath, ManagementApplet(self.key, 12345678)))

    def transmit(self, apdu: bytes, now: float = 0.0) -> tuple[bytes, int]:
        self.card.receive(apdu, now)
        return self.answer()

    def answer(self) -> tuple[bytes, int]:
        [answer] = self.card.packets_to_send()
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    def select(self, aid: bytes) -> tuple[bytes, int]:
        return self.transmit(CommandApdu(cla=0, ins=0xA4, p1=4, data=aid, ne=256).encode())


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize(("profile", "answer"), [("ctap21", b"U2F_V2"), ("passkey", b"FIDO_2_0")])
def test_fido_applet_says_what_it_speaks(profile: str, answer: bytes) -> None:
    assert Reader(profile).select(FIDO) == (answer, 0x9000)


@pytest.mark.parametrize("aid", [b"", FIDO[:-1], FIDO + b"\0", bytes.fromhex("A000000308"), bytes(16)])
def test_other_names_are_not_found_and_leave_what_is_selected(reader: Reader, aid: bytes) -> None:
    reader.select(FIDO)
    assert reader.select(aid) == (b"", 0x6A82)
    assert reader.transmit(GET_INFO)[1] == 0x9000


def test_nothing_is_answered_before_an_applet_is_selected_nor_after_power_went(reader: Reader) -> None:
    assert reader.transmit(GET_INFO) == (b"", 0x6986)
    reader.select(FIDO)
    assert reader.transmit(GET_INFO)[1] == 0x9000
    reader.card.power_cycle(0.0)
    assert reader.transmit(GET_INFO) == (b"", 0x6986)


@pytest.mark.parametrize("apdu", [b"", b"\0", b"\0\xa4\4", bytes.fromhex("00A4040009A0")])
def test_malformed_apdu_is_a_wrong_length(reader: Reader, apdu: bytes) -> None:
    assert reader.transmit(apdu) == (b"", 0x6700)


def test_long_command_comes_in_a_chain_or_extended_and_a_long_answer_goes_in_parts(reader: Reader) -> None:
    reader.select(FIDO)
    registration = CommandApdu(cla=0, ins=1, data=bytes(64), ne=65_536)
    whole, status_word = reader.transmit(registration.encode(extended=True))
    assert (whole[0], status_word) == (5, 0x9000)
    for part in (bytes(30), bytes(30)):
        chained = CommandApdu(cla=0x10, ins=1, data=part).encode()
        assert reader.transmit(chained) == (b"", 0x9000)
    data, status_word = reader.transmit(CommandApdu(cla=0, ins=1, data=bytes(4), ne=256).encode())
    lengths = [len(data)]
    while status_word >> 8 == 0x61:
        more, status_word = reader.transmit(bytes.fromhex("00C0000000"))
        data, lengths = data + more, [*lengths, len(more)]
    assert (data[0], status_word) == (5, 0x9000)
    assert lengths[:-1] == [256] * (len(lengths) - 1)
    assert abs(len(data) - len(whole)) <= 4  # a signature is shorter now and then


def test_rest_is_gone_once_something_else_was_asked(reader: Reader) -> None:
    reader.select(FIDO)
    assert reader.transmit(CommandApdu(cla=0, ins=1, data=bytes(64)).encode())[1] >> 8 == 0x61
    reader.transmit(GET_INFO)
    while reader.transmit(bytes.fromhex("00C0000000"))[1] >> 8 == 0x61:
        pass
    assert reader.transmit(bytes.fromhex("00C0000000")) == (b"", 0x6985)


def test_chain_that_was_given_up_is_no_part_of_the_next_command(reader: Reader) -> None:
    reader.select(FIDO)
    reader.transmit(bytes.fromhex("90108000 02 0401"))
    assert reader.select(FIDO) == (b"U2F_V2", 0x9000)
    assert reader.transmit(GET_INFO)[0][0] == 0


def test_command_longer_than_any_is_refused(reader: Reader) -> None:
    reader.select(FIDO)
    part = CommandApdu(cla=0x90, ins=0x10, p1=0x80, data=bytes(65_535)).encode()
    assert reader.transmit(part) == (b"", 0x9000)
    assert reader.transmit(part) == (b"", 0x6700)
    assert reader.transmit(GET_INFO)[1] == 0x9000


def test_platform_that_polls_hears_that_the_touch_is_awaited_until_it_comes() -> None:
    reader = Reader(touch=2.0)
    reader.select(FIDO)
    assert reader.transmit(SELECTION) == (b"\x02", 0x9100)
    assert reader.transmit(GET_RESPONSE, 1.0) == (b"\x02", 0x9100)
    reader.key.handle_timer(2.0)
    assert reader.transmit(GET_RESPONSE, 2.1) == (b"\x00", 0x9000)
    assert reader.transmit(GET_RESPONSE, 2.2) == (b"", 0x6985)


def test_platform_that_polls_may_cancel() -> None:
    reader = Reader(touch="never")
    reader.select(FIDO)
    assert reader.transmit(SELECTION) == (b"\x02", 0x9100)
    assert reader.transmit(CANCEL, 1.0) == (b"\x2d", 0x9000)


def test_platform_that_does_not_poll_is_answered_when_the_touch_has_come() -> None:
    reader = Reader(touch="by call")
    reader.select(FIDO)
    reader.card.receive(bytes.fromhex("80100000 01 0B 00"), 0.0)
    assert reader.card.packets_to_send() == []
    reader.key.touch(1.0)
    assert reader.answer() == (b"\x00", 0x9000)


def test_reader_that_does_not_wait_gets_an_answer_for_each_command_in_order() -> None:
    reader = Reader(touch="by call")
    reader.select(FIDO)
    reader.card.receive(bytes.fromhex("80100000 01 0B 00"), 0.0)
    reader.card.receive(GET_INFO, 0.0)
    failure, info = reader.card.packets_to_send()
    assert failure == b"\x6f\x00"
    assert info[0] == 0
    reader.key.touch(1.0)
    assert reader.card.packets_to_send() == []


def test_card_pulled_out_in_the_middle_forgets_what_it_was_asked() -> None:
    reader = Reader(touch="by call")
    reader.select(FIDO)
    reader.transmit(SELECTION)
    reader.card.power_cycle(1.0)
    reader.key.touch(1.0)
    reader.select(FIDO)
    assert reader.transmit(GET_RESPONSE, 2.0) == (b"", 0x6985)


def test_another_applet_selected_ends_what_waits() -> None:
    reader = Reader(touch="by call")
    reader.select(FIDO)
    reader.transmit(SELECTION)
    reader.select(OATH)
    assert reader.key.awaited(0.0) is None


def test_key_without_ctap2_has_no_messages() -> None:
    reader = Reader("u2f-only")
    assert reader.select(FIDO) == (b"U2F_V2", 0x9000)
    assert reader.transmit(GET_INFO) == (b"", 0x6D00)
    assert reader.transmit(bytes.fromhex("0003000000")) == (b"U2F_V2", 0x9000)


@pytest.mark.parametrize(("apdu", "status_word"), [("80108000", 0x6700), ("8012010000", 0x6D00)])
def test_message_without_content_and_unknown_instructions(
    reader: Reader, apdu: str, status_word: int
) -> None:
    reader.select(FIDO)
    assert reader.transmit(bytes.fromhex(apdu)) == (b"", status_word)


def test_management_says_what_the_key_is(reader: Reader) -> None:
    text, status_word = reader.select(MANAGEMENT)
    assert (Version.from_string(text.decode()), status_word) == (Version(5, 4, 3), 0x9000)
    info = DeviceInfo.parse(reader.transmit(bytes.fromhex("001D0000"))[0], Version(0, 0, 0))
    assert info.serial == 12345678
    enabled = CAPABILITY.U2F | CAPABILITY.FIDO2 | CAPABILITY.OATH
    assert set(info.supported_capabilities.values()) == {enabled}
    assert set(info.config.enabled_capabilities.values()) == {enabled}


@pytest.mark.parametrize(
    ("apdu", "status_word"), [("001D0100", 0x6A86), ("001C0000", 0x6D00), ("801D0000", 0x6E00)]
)
def test_management_changes_nothing_and_has_one_page(reader: Reader, apdu: str, status_word: int) -> None:
    reader.select(MANAGEMENT)
    assert reader.transmit(bytes.fromhex(apdu)) == (b"", status_word)


def test_oath_takes_its_own_class_of_command_only(reader: Reader) -> None:
    reader.select(OATH)
    assert reader.transmit(bytes.fromhex("80A10000")) == (b"", 0x6E00)


HEADERS = st.tuples(
    st.sampled_from([0x00, 0x10, 0x80, 0x90, 0xFF]),
    st.sampled_from([0x01, 0x02, 0x03, 0x10, 0x11, 0x1D, 0xA1, 0xA2, 0xA4, 0xA5, 0xC0]),
    st.sampled_from([0x00, 0x04, 0x11, 0x80]),
    st.integers(0, 1),
).map(bytes)
SELECTS = st.sampled_from([FIDO, OATH, MANAGEMENT]).map(lambda aid: b"\0\xa4\4\0" + bytes((len(aid),)) + aid)
BODIES = st.binary(max_size=80).map(lambda data: bytes((len(data),)) + data if data else b"")


@given(st.lists(SELECTS | st.builds(bytes.__add__, HEADERS, BODIES) | st.binary(max_size=12), max_size=12))
def test_whatever_comes_is_answered_once_and_never_by_our_own_fault(apdus: list[bytes]) -> None:
    reader = Reader()
    for apdu in apdus:
        _, status_word = reader.transmit(apdu)
        assert status_word >> 8 in (0x90, 0x61, 0x67, 0x69, 0x6A, 0x6D, 0x6E)
    assert reader.failures == []
