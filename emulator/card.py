"""A smart card with the applets of a security key: FIDO, YKOATH and the one that says what it is.

Over PC/SC the key's user is asked for a touch as over USB: a CTAP2 command that waits is polled for, or
answered when it is over (CTAP 2.3 §11.3); U2F is asked again; an OATH code keeps its reader waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from emulator.exchange import OathRequest
from emulator.fido.apdu import CommandApdu, CommandChain, ResponseChain, response_apdu
from emulator.fido.ctaphid import CtapHidCommand, Request
from emulator.fido.status import ApduError, StatusWord
from emulator.oath import tlv, ykoath
from emulator.security_key import SecurityKey
from emulator.waiting import KEEPALIVE_STATUS

SELECT = 0xA4
BY_NAME = 0x04
"""P1 of a SELECT by application identifier (ISO 7816-4:2013 §11.2.2); others are left to the applets."""

GET_RESPONSE = 0xC0

Respond = Callable[[bytes], None]
"""Takes the answer to a command, data and status word, now or later."""


class Applet(Protocol):
    """An application of the card."""

    @property
    def aid(self) -> bytes:
        """Its application identifier."""

    @property
    def send_remaining(self) -> int:
        """The instruction that asks for the rest of a long answer."""

    def select(self) -> bytes:
        """Begin anew; what SELECT answers."""

    def receive(self, command: CommandApdu, respond: Respond, now: float) -> None:
        """Run a command; a refusal may be raised as an ``ApduError``."""


class Apdus(Protocol):
    """What a reader sends its commands to; ours is :class:`Card`."""

    def power_cycle(self, now: float) -> None: ...

    def receive(self, apdu: bytes, now: float) -> None: ...

    def packets_to_send(self) -> list[bytes]: ...


class Card:
    """A card in a reader: one APDU in, one answer out, in order. Every ``now`` is in seconds.

    No applet is selected before a reader names one, exactly.
    """

    def __init__(self, key: SecurityKey, applets: tuple[Applet, ...]) -> None:
        self._key = key
        self._applets = {applet.aid: applet for applet in applets}
        self._answers: list[bytes] = []
        self._unanswered: CommandApdu | None = None
        self._forget()

    def power_cycle(self, now: float) -> None:
        """Take the card's power and give it back, as pulling it out of its reader does."""
        self._abandon()
        self._forget()
        self._key.power_cycle(now)

    def receive(self, apdu: bytes, now: float) -> None:
        """Take a command; any bytes at all will do."""
        self._abandon()
        try:
            command = CommandApdu.parse(apdu)
            whole = self._commands.join(command)
            if whole is None:
                self._answers.append(_OK)
                return
            self._unanswered = whole
            self._run(whole, partial(self._respond, whole), now)
        except ApduError as error:
            self._unanswered = None
            self._answers.append(response_apdu(b"", error.status_word))

    def packets_to_send(self) -> list[bytes]:
        """The answers, in order; each is handed out once."""
        answers, self._answers = self._answers, []
        return answers

    def _forget(self) -> None:
        self._selected: Applet | None = None
        self._commands = CommandChain()
        self._rest = ResponseChain()

    def _run(self, command: CommandApdu, respond: Respond, now: float) -> None:
        applet = self._selected
        if (command.cla, command.ins, command.p1) == (0, SELECT, BY_NAME):
            respond(response_apdu(self._select(command), StatusWord.NO_ERROR))
        elif applet is None:
            raise ApduError(StatusWord.COMMAND_NOT_ALLOWED)
        elif command.cla == 0 and command.ins == applet.send_remaining:
            self._unanswered = None
            self._answers.append(self._rest.next(command.longest_answer))
        else:
            self._rest.forget()
            applet.receive(command, respond, now)

    def _select(self, command: CommandApdu) -> bytes:
        """An unknown name leaves the applet that is selected."""
        if command.data not in self._applets:
            raise ApduError(StatusWord.FILE_NOT_FOUND)
        self._key.abandon()
        self._selected = self._applets[command.data]
        return self._selected.select()

    def _respond(self, command: CommandApdu, response: bytes) -> None:
        if command is self._unanswered:  # not one that was abandoned
            self._unanswered = None
            self._answers.append(self._rest.begin(response, command.longest_answer))

    def _abandon(self) -> None:
        """End a command whose reader did not wait for its answer."""
        if self._unanswered is not None:
            self._unanswered = None
            self._key.abandon()
            self._answers.append(_FAILURE)


class FidoApplet:
    """U2F and CTAP2 of ``key`` (CTAP 2.3 §11.3)."""

    aid = bytes.fromhex("A0000006472F0001")
    send_remaining = GET_RESPONSE

    _CTAP = 0x80
    _MSG, _GET_RESPONSE = 0x10, 0x11
    _POLLS, _CANCEL = 0x80, 0x11

    def __init__(self, key: SecurityKey) -> None:
        self._key = key
        self._respond: Respond | None = None
        self._answer: bytes | None = None

    def select(self) -> bytes:
        self._answer = self._respond = None
        return b"U2F_V2" if self._key.profile.u2f else b"FIDO_2_0"

    def receive(self, command: CommandApdu, respond: Respond, now: float) -> None:
        if command.cla != self._CTAP:
            respond(self._key.transmit(command.encode(extended=True), now))
        elif not self._key.profile.ctap2 or command.ins not in (self._MSG, self._GET_RESPONSE):
            raise ApduError(StatusWord.INS_NOT_SUPPORTED)
        elif command.ins == self._MSG:
            self._begin(command, respond, now)
        else:
            if command.p1 == self._CANCEL:
                self._key.cancel()
            self._be_polled(respond, now)

    def _begin(self, command: CommandApdu, respond: Respond, now: float) -> None:
        """NFCCTAP_MSG: a platform that does not poll is answered once the command is over."""
        if not command.data:
            raise ApduError(StatusWord.WRONG_LENGTH)
        polls = bool(command.p1 & self._POLLS)
        self._answer, self._respond = None, None if polls else respond
        request = Request(command=CtapHidCommand.CBOR, data=command.data)
        self._key.begin(request, self._answered, now)
        if polls:
            self._be_polled(respond, now)

    def _be_polled(self, respond: Respond, now: float) -> None:
        """The answer, or that the command goes on and what it waits for."""
        answer, self._answer = self._answer, None
        if answer is not None:
            respond(response_apdu(answer, StatusWord.NO_ERROR))
        elif (gesture := self._key.awaited(now)) is not None:
            status = bytes((KEEPALIVE_STATUS[gesture],))
            respond(response_apdu(status, StatusWord.NFCCTAP_PROCESSING))
        else:
            raise ApduError(StatusWord.CONDITIONS_NOT_SATISFIED)

    def _answered(self, answer: bytes) -> None:
        if self._respond is None:
            self._answer = answer
        else:
            self._respond(response_apdu(answer, StatusWord.NO_ERROR))


class OathApplet:
    """``applet`` of ``key``, which is touched for a code that needs it."""

    aid = ykoath.AID
    send_remaining = ykoath.SEND_REMAINING

    def __init__(self, applet: ykoath.YkOath, key: SecurityKey) -> None:
        self._applet = applet
        self._key = key

    def select(self) -> bytes:
        return self._applet.select()

    def receive(self, command: CommandApdu, respond: Respond, now: float) -> None:
        if command.cla != 0:
            raise ApduError(StatusWord.CLA_NOT_SUPPORTED)
        request = OathRequest(data=command.encode())
        self._key.begin(request, respond, now, command=self._applet.run(command), failure=_FAILURE)


class ManagementApplet:
    """Says what the card is, as ``ykman info`` asks; nothing can be changed by it."""

    aid = bytes.fromhex("A000000527471117")
    send_remaining = GET_RESPONSE

    _READ_CONFIG = 0x1D
    _USB_SUPPORTED, _SERIAL, _USB_ENABLED, _FORM_FACTOR = 0x01, 0x02, 0x03, 0x04
    _VERSION, _CONFIG_LOCK, _NFC_SUPPORTED, _NFC_ENABLED = 0x05, 0x0A, 0x0D, 0x0E
    _U2F, _OATH, _FIDO2 = 0x002, 0x020, 0x200
    _KEYCHAIN = 0x01

    def __init__(self, key: SecurityKey, serial_number: int) -> None:
        u2f = self._U2F if key.profile.u2f else 0
        fido2 = self._FIDO2 if key.profile.ctap2 else 0
        capabilities = (u2f | fido2 | self._OATH).to_bytes(2, "big")
        members = {
            self._USB_SUPPORTED: capabilities,
            self._SERIAL: serial_number.to_bytes(4, "big"),
            self._USB_ENABLED: capabilities,
            self._FORM_FACTOR: bytes((self._KEYCHAIN,)),
            self._VERSION: bytes(ykoath.VERSION),
            self._CONFIG_LOCK: b"\x00",
            self._NFC_SUPPORTED: capabilities,
            self._NFC_ENABLED: capabilities,
        }
        encoded = b"".join(tlv.encode(tag, value) for tag, value in members.items())
        self._device_info = bytes((len(encoded),)) + encoded

    def select(self) -> bytes:
        return "keyrig - FW version {}.{}.{}".format(*ykoath.VERSION).encode()

    def receive(self, command: CommandApdu, respond: Respond, now: float) -> None:
        if command.cla != 0:
            raise ApduError(StatusWord.CLA_NOT_SUPPORTED)
        if command.ins != self._READ_CONFIG:
            raise ApduError(StatusWord.INS_NOT_SUPPORTED)
        if command.p1 != 0:  # there is one page
            raise ApduError(StatusWord.INCORRECT_P1_P2)
        respond(response_apdu(self._device_info, StatusWord.NO_ERROR))


_OK = response_apdu(b"", StatusWord.NO_ERROR)
_FAILURE = response_apdu(b"", StatusWord.UNKNOWN_ERROR)
