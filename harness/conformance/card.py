"""The key under test as a smart card: commands and answers, byte by byte (ISO 7816-4, CTAP 2.3 §11.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from harness.conformance.probe import Probe

FIDO = bytes.fromhex("A0000006472F0001")
OATH = bytes.fromhex("A0000005272101")

OK, PROCESSING, MORE = 0x9000, 0x9100, 0x61
SELECT, CTAP_MSG, CTAP_GET_RESPONSE, GET_RESPONSE = 0xA4, 0x10, 0x11, 0xC0
CHAINED, CTAP = 0x10, 0x80
SHORT = 255
"""The most bytes of data that a short command carries."""


@runtime_checkable
class Transmits(Protocol):
    """A key that can be put into a smart-card reader."""

    def transmit(self, apdu: bytes) -> bytes:
        """Its answer: data and status word."""


class UnexpectedStatusWordError(AssertionError):
    """The card answered with a status word where another was due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a command was answered: data and status word."""

    data: bytes
    status_word: int

    def succeeded(self) -> bytes:
        """Its data; fails unless its status word is 9000."""
        if self.status_word != OK:
            raise UnexpectedStatusWordError(f"the card answered {self.status_word:04X} where 9000 was due")
        return self.data

    def refused(self, *status_words: int) -> None:
        """Fails unless it is one of these refusals, or any if none is named, with no data."""
        wanted = " or ".join(f"{word:04X}" for word in status_words) or "a refusal"
        if self.status_word not in status_words and (status_words or self.status_word in (OK, PROCESSING)):
            raise UnexpectedStatusWordError(
                f"the card answered {self.status_word:04X} where {wanted} was due"
            )
        assert self.data == b"", f"a refusal carries {len(self.data)} bytes: {self.data.hex()}"


class Card:
    """The key of ``probe`` in a reader."""

    def __init__(self, probe: Probe) -> None:
        assert isinstance(probe.key, Transmits), f"{probe.key.name} is in no smart-card reader"
        self._key = probe.key
        self._trace = probe.trace

    def transmit(self, apdu: bytes) -> Response:
        """The answer to one command, whatever it is."""
        self._trace.sent("APDU", apdu)
        answer = self._key.transmit(apdu)
        self._trace.received("APDU", answer)
        assert len(answer) >= 2, f"the answer is {answer.hex() or 'empty'}: there is no status word in it"
        return Response(data=answer[:-2], status_word=int.from_bytes(answer[-2:], "big"))

    def send(
        self, ins: int, data: bytes = b"", p1: int = 0, p2: int = 0, *, cla: int = 0, le: int = 0
    ) -> Response:
        """The answer to one short command that wants ``le`` bytes, or with 0 all that is there, up to 256."""
        lc = bytes((len(data),)) if data else b""
        return self.transmit(bytes((cla, ins, p1, p2)) + lc + data + bytes((le,)))

    def select(self, aid: bytes) -> Response:
        """The answer to SELECT by this name."""
        return self.send(SELECT, aid, p1=0x04)

    def whole(self, first: Response, *, ins: int = GET_RESPONSE) -> Response:
        """``first`` with all that it says is still to come; ``ins`` asks for it."""
        data, response = first.data, first
        while response.status_word >> 8 == MORE:
            response = self.send(ins)
            data += response.data
        return Response(data=data, status_word=response.status_word)

    def ctap(self, message: bytes, p1: int = 0) -> Response:
        """The whole answer to a CTAP2 message in short commands, chained if it is long."""
        while len(message) > SHORT:
            chunk, message = message[:SHORT], message[SHORT:]
            self.transmit(bytes((CTAP | CHAINED, CTAP_MSG, p1, 0, SHORT)) + chunk).succeeded()
        return self.whole(self.send(CTAP_MSG, message, p1, cla=CTAP))


def applets(probe: Probe) -> set[str]:
    """``apdu`` if the key can be put into a reader, ``oath`` if it makes codes there as well."""
    if not isinstance(probe.key, Transmits):
        return set()
    card = Card(probe)
    found = {"apdu", "oath"} if card.select(OATH).status_word == OK else {"apdu"}
    card.select(FIDO)
    return found
