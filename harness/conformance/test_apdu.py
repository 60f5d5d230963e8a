"""The key as a smart card: selection, lengths, chaining, status words (CTAP 2.3 §11.3, ISO 7816-4)."""

from __future__ import annotations

from typing import Any

import pytest
from fido2 import cbor

from harness.conformance.card import (
    CHAINED,
    CTAP,
    CTAP_GET_RESPONSE,
    CTAP_MSG,
    FIDO,
    GET_RESPONSE,
    MORE,
    PROCESSING,
    Card,
)
from harness.conformance.ceremony import CLIENT_DATA_HASH, RP_ID
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("apdu"), pytest.mark.touches(0)]

WRONG_LENGTH, NOT_FOUND, NO_SUCH_INSTRUCTION, NO_SUCH_CLASS = 0x6700, 0x6A82, 0x6D00, 0x6E00
UNKNOWN_AID = bytes.fromhex("F06B657972696700")
"""Of the range that is nobody's (ISO 7816-4:2013 §12.2.3)."""

POLLS = 0x80
CANCEL = 0x11
UP_NEEDED = 0x02
GET_INFO = bytes((CMD.GET_INFO,))
SILENT_QUESTION = bytes((CMD.GET_ASSERTION,)) + cbor.encode(
    {1: RP_ID, 2: CLIENT_DATA_HASH, 3: [{"id": b"nobody's", "type": "public-key"}], 5: {"up": False}}
)
"""A getAssertion that touches nothing and finds nothing."""

speaks_ctap2 = pytest.mark.needs("apdu", "ctap2")
speaks_u2f = pytest.mark.needs("apdu", "u2f")


@pytest.fixture
def card(probe: Probe) -> Card:
    return Card(probe)


@pytest.fixture
def fido(card: Card) -> Card:
    """With the FIDO applet selected."""
    card.select(FIDO).succeeded()
    return card


# Selection.


@pytest.mark.spec("APDU-SELECT-01", "CTAP 2.3 §11.3.3")
@pytest.mark.catches("apdu-version-wrong")
def test_select(probe: Probe, card: Card) -> None:
    """Selected by its name, the FIDO applet says U2F_V2, or FIDO_2_0 where it does not speak U2F.

    By that a platform sees which of the two it may speak.
    """
    has_u2f = "U2F_V2" in probe.info.get(1, ["U2F_V2"])
    assert card.select(FIDO).succeeded() == (b"U2F_V2" if has_u2f else b"FIDO_2_0")


@pytest.mark.spec("APDU-SELECT-02", "ISO 7816-4:2013 §11.2.2")
@pytest.mark.catches("apdu-any-name-taken")
def test_select_what_is_not_there(card: Card) -> None:
    """A name that no applet has is answered with 6A82."""
    card.select(UNKNOWN_AID).refused(NOT_FOUND)


@pytest.mark.spec("APDU-SELECT-03", "CTAP 2.3 §11.3.3")
@pytest.mark.catches("apdu-unknown-name-deselects")
@speaks_ctap2
def test_selection_stays(fido: Card) -> None:
    """A SELECT that fails leaves the applet that is selected: others look for theirs all the time."""
    fido.select(UNKNOWN_AID).refused()
    assert fido.ctap(GET_INFO).succeeded()[0] == 0


@pytest.mark.spec("APDU-SELECT-04", "CTAP 2.3 §11.3.3")
@pytest.mark.needs("apdu", "power-cycle")
@pytest.mark.catches("apdu-selected-from-the-start")
def test_nothing_is_selected_at_first(probe: Probe, card: Card) -> None:
    """Before it is selected by its name, the FIDO applet hears nothing: CTAP 2.3 forbids it."""
    if not probe.key.has_packets:
        pytest.skip("needs a card that python-fido2, which selects the applet at once, does not get first")
    probe.power_cycle()
    card.send(0x03).refused()
    card.send(CTAP_MSG, GET_INFO, cla=CTAP).refused()


# Lengths and chains.


@pytest.mark.spec("APDU-LENGTH-01", "ISO 7816-4:2013 §5.3.4")
@pytest.mark.catches("apdu-le-ignored", "apdu-rest-lost")
@speaks_ctap2
def test_answer_longer_than_le(probe: Probe, fido: Card) -> None:
    """An answer longer than Le comes in parts: 61xx says how much is left, and GET RESPONSE gives it."""
    first = fido.send(CTAP_MSG, GET_INFO, cla=CTAP, le=16)
    assert len(first.data) == 16
    assert first.status_word >> 8 == MORE
    _same_info(fido.whole(first).succeeded(), probe.info)


@pytest.mark.spec("APDU-LENGTH-02", "ISO 7816-4:2013 §5.3.4")
@pytest.mark.catches("apdu-rest-repeated")
@speaks_ctap2
def test_nothing_is_left(fido: Card) -> None:
    """GET RESPONSE is refused where nothing is left of the last answer."""
    fido.ctap(GET_INFO).succeeded()
    fido.send(GET_RESPONSE).refused()


@pytest.mark.spec("APDU-LENGTH-03", "ISO 7816-4:2013 §5.3.4")
@pytest.mark.catches("apdu-rest-kept")
@speaks_ctap2
def test_rest_is_forgotten(fido: Card) -> None:
    """The rest of an answer is forgotten with the next command: it is not for whoever comes then."""
    fido.send(CTAP_MSG, GET_INFO, cla=CTAP, le=16)
    fido.ctap(SILENT_QUESTION).succeeded()
    fido.send(GET_RESPONSE).refused()


@pytest.mark.spec("APDU-LENGTH-04", "CTAP 2.3 §11.3.6")
@pytest.mark.catches("apdu-extended-refused")
@speaks_ctap2
def test_extended_length(probe: Probe, fido: Card) -> None:
    """A command of extended length is answered at once, in full."""
    answer = fido.transmit(bytes((CTAP, CTAP_MSG, 0, 0, 0, 0, len(GET_INFO))) + GET_INFO + b"\x00\x00")
    _same_info(answer.succeeded(), probe.info)


@pytest.mark.spec("APDU-LENGTH-05", "ISO 7816-4:2013 §5.3.3")
@pytest.mark.catches("apdu-chain-forgotten")
@speaks_ctap2
def test_command_in_parts(fido: Card) -> None:
    """A command may come in parts, each but the last with bit 10 in its class and answered with 9000."""
    for chunk in (SILENT_QUESTION[:20], SILENT_QUESTION[20:40]):
        assert fido.send(CTAP_MSG, chunk, cla=CTAP | CHAINED).succeeded() == b""
    last = fido.send(CTAP_MSG, SILENT_QUESTION[40:], cla=CTAP)
    assert last.succeeded() == bytes((ERR.NO_CREDENTIALS,))


@pytest.mark.spec("APDU-LENGTH-06", "ISO 7816-4:2013 §5.3.3")
@pytest.mark.catches("apdu-chain-kept")
@speaks_ctap2
def test_chain_that_is_given_up(fido: Card) -> None:
    """A command with another header ends a chain: what was sent before is not put before it."""
    fido.send(CTAP_MSG, SILENT_QUESTION[:20], cla=CTAP | CHAINED).succeeded()
    fido.select(FIDO).succeeded()
    assert fido.ctap(GET_INFO).succeeded()[0] == 0


@pytest.mark.spec("APDU-LENGTH-07", "ISO 7816-4:2013 §5.2")
@pytest.mark.catches("apdu-length-unnamed")
@speaks_ctap2
@pytest.mark.parametrize("apdu", ["8010000005 04", "8010000000 0005 04"], ids=["short", "extended"])
def test_wrong_lc(fido: Card, apdu: str) -> None:
    """A command with less data than Lc says is answered with 6700."""
    fido.transmit(bytes.fromhex(apdu)).refused(WRONG_LENGTH)


@pytest.mark.spec("APDU-LENGTH-08", "CTAP 2.3 §11.3.7.1")
@pytest.mark.catches("apdu-length-unnamed")
@speaks_ctap2
def test_no_message(fido: Card) -> None:
    """NFCCTAP_MSG without a message is answered with 6700."""
    fido.send(CTAP_MSG, cla=CTAP).refused(WRONG_LENGTH)


# Classes and instructions.


@pytest.mark.spec("APDU-HEADER-01", "ISO 7816-4:2013 §5.6")
@pytest.mark.catches("apdu-any-class", "apdu-class-unnamed")
@speaks_u2f
def test_unknown_class(probe: Probe, fido: Card) -> None:
    """A command of a class that the applet does not know is answered with 6E00."""
    if probe.option("alwaysUv"):
        pytest.skip("needs a key whose U2F is not off for alwaysUv")
    fido.send(0x03, cla=0x40).refused(NO_SUCH_CLASS)


@pytest.mark.spec("APDU-HEADER-02", "ISO 7816-4:2013 §5.6")
@pytest.mark.catches("apdu-instruction-unnamed")
@pytest.mark.parametrize("cla", [CTAP, 0x00], ids=["CTAP2", "U2F"])
def test_unknown_instruction(fido: Card, cla: int) -> None:
    """An instruction that the applet does not know is answered with 6D00."""
    fido.send(0x42, cla=cla).refused(NO_SUCH_INSTRUCTION)


@pytest.mark.spec("APDU-U2F-01", "CTAP 2.3 §11.3.5")
@pytest.mark.catches("u2f-version-wrong")
@speaks_u2f
def test_u2f_version(fido: Card) -> None:
    """The applet speaks U2F in short commands too: its version is U2F_V2."""
    assert fido.send(0x03).succeeded() == b"U2F_V2"


@pytest.mark.spec("APDU-U2F-02", "U2F Raw Message Formats §4.3")
@pytest.mark.touches(1)
@pytest.mark.catches("apdu-rest-lost", "u2f-reserved-byte")
@speaks_u2f
def test_u2f_registration_in_parts(fido: Card) -> None:
    """A U2F registration asked for by a short command comes in parts, and is whole."""
    first = fido.send(0x01, bytes(64), p1=0x03)
    assert len(first.data) <= 256
    data = fido.whole(first).succeeded()
    assert data[:2] == b"\x05\x04", "it does not begin with 05 and an uncompressed point"
    assert len(data) > 67 + data[66]


@pytest.mark.spec("APDU-CTAP-01", "CTAP 2.3 §11.3.5.2")
@pytest.mark.catches("apdu-errors-as-words")
@speaks_ctap2
def test_error_of_a_command(fido: Card) -> None:
    """A CTAP2 command that is refused is answered with its status byte, under 9000."""
    assert fido.ctap(b"\x55").succeeded() == bytes((ERR.INVALID_COMMAND,))


# Commands that wait for a touch.


@pytest.mark.spec("APDU-POLL-01", "CTAP 2.3 §11.3.7.2")
@pytest.mark.needs("apdu", "FIDO_2_1")
@pytest.mark.catches("apdu-polling-refused", "apdu-cancel-unheard")
def test_poll_and_cancel(probe: Probe, fido: Card) -> None:
    """A client that polls hears 9100 and UPNEEDED until the touch; when it gives up, KEEPALIVE_CANCEL."""
    probe.leave_alone()
    for response in (fido.ctap(bytes((CMD.SELECTION,)), POLLS), fido.send(CTAP_GET_RESPONSE, cla=CTAP)):
        assert (response.data, response.status_word) == (bytes((UP_NEEDED,)), PROCESSING)
    cancelled = fido.send(CTAP_GET_RESPONSE, p1=CANCEL, cla=CTAP)
    probe.leave_alone(False)
    assert cancelled.succeeded() == bytes((ERR.KEEPALIVE_CANCEL,))


@pytest.mark.spec("APDU-POLL-02", "CTAP 2.3 §11.3.7.1")
@pytest.mark.needs("apdu", "FIDO_2_1")
@pytest.mark.slow(30)
@pytest.mark.catches("apdu-polling-unasked")
def test_client_that_does_not_poll(probe: Probe, fido: Card) -> None:
    """A client that does not say that it polls is not answered with 9100, which it does not know."""
    probe.leave_alone()
    response = fido.ctap(bytes((CMD.SELECTION,)))
    probe.leave_alone(False)
    assert response.succeeded() in (
        bytes((ERR.USER_ACTION_TIMEOUT,)),
        bytes((ERR.OPERATION_DENIED,)),
        b"\x00",
    )


@pytest.mark.spec("APDU-POLL-03", "CTAP 2.3 §11.3.7.2")
@pytest.mark.catches("apdu-polled-for-nothing")
@speaks_ctap2
def test_poll_for_nothing(fido: Card) -> None:
    """NFCCTAP_GETRESPONSE is refused where no command runs."""
    fido.send(CTAP_GET_RESPONSE, cla=CTAP).refused()


def _same_info(answer: bytes, expected: dict[int, Any]) -> None:
    """The same members as over the key's other wire; those that change each time may differ."""
    assert answer[0] == 0
    members: Any = cbor.decode(answer[1:])
    passing = {0x19, 0x1E}
    assert {k: v for k, v in members.items() if k not in passing} == {
        k: v for k, v in expected.items() if k not in passing
    }
