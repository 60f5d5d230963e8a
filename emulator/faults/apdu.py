"""Faults of the key as a smart card (CTAP 2.3 §11.3, ISO 7816-4:2013 §5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emulator.card import BY_NAME, GET_RESPONSE, SELECT, Apdus, FidoApplet
from emulator.faults.fault import Family, Layer
from emulator.faults.wiring import ChangedApdus, parsed
from emulator.fido.apdu import CHAINED, MAX_EXTENDED_NE, CommandApdu, ResponseChain, response_apdu
from emulator.fido.status import CtapStatus, StatusWord

_CTAP, _MSG, _POLL = 0x80, 0x10, 0x11
_OK = response_apdu(b"", StatusWord.NO_ERROR)
_CLASSES = {0x00, 0x80, CHAINED, 0x80 | CHAINED}
Wrap = Callable[[Apdus], Apdus]


_fault = Family(
    prefix="apdu-",
    caught_by="the client that speaks to cards: it finds no key, or no answer that it could use",
    layer=Layer.PACKET,
).of_card


def _selects(apdu: bytes, aid: bytes | None = None) -> bool:
    command = parsed(apdu)
    is_select = command is not None and (command.ins, command.p1) == (SELECT, BY_NAME)
    return is_select and (aid is None or command.data == aid)  # type: ignore[union-attr]  # it is one


def _told(found: StatusWord, told: StatusWord) -> Wrap:
    """A refusal told as another."""

    def answer(_: bytes, answer: bytes) -> bytes:
        return response_apdu(b"", told) if answer == response_apdu(b"", found) else answer

    return lambda card: ChangedApdus(card, answer=answer)


def _refuses(wanted: Callable[[bytes], bool], status_word: StatusWord) -> Wrap:
    refusal = response_apdu(b"", status_word)
    return lambda card: ChangedApdus(card, instead=lambda apdu: refusal if wanted(apdu) else None)


def _asked(change: Callable[[bytes], bytes]) -> Wrap:
    return lambda card: ChangedApdus(card, request=change)


def _version_wrong(apdu: bytes, answer: bytes) -> bytes:
    return b"U2F_V3" + _OK if _selects(apdu, FidoApplet.aid) and answer[-2:] == _OK else answer


def _any_name(apdu: bytes, answer: bytes) -> bytes:
    unknown = answer == response_apdu(b"", StatusWord.FILE_NOT_FOUND)
    return b"U2F_V2" + _OK if _selects(apdu) and unknown else answer


class _Selected:
    """A card whose FIDO applet is selected as soon as it has power."""

    def __init__(self, inner: Apdus) -> None:
        self._inner = inner
        self._fresh = True

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)
        self._fresh = True

    def receive(self, apdu: bytes, now: float) -> None:
        if self._fresh:
            select = CommandApdu(cla=0, ins=SELECT, p1=BY_NAME, data=FidoApplet.aid)
            self._inner.receive(select.encode(), now)
            self._inner.packets_to_send()
            self._fresh = False
        self._inner.receive(apdu, now)

    def packets_to_send(self) -> list[bytes]:
        return self._inner.packets_to_send()


def _deselects(card: Apdus) -> Apdus:
    """An unknown name ends what was selected."""
    lost = False

    def instead(apdu: bytes) -> bytes | None:
        return response_apdu(b"", StatusWord.COMMAND_NOT_ALLOWED) if lost and not _selects(apdu) else None

    def answer(apdu: bytes, answer: bytes) -> bytes:
        nonlocal lost
        if _selects(apdu):
            lost = answer[-2:] != _OK
        return answer

    return ChangedApdus(card, instead=instead, answer=answer)


def _whole(apdu: bytes) -> bytes:
    """A command that takes as much in answer as there is."""
    command = parsed(apdu)
    if command is None or command.cla & CHAINED:
        return apdu
    return replace(command, ne=MAX_EXTENDED_NE).encode(extended=True)


def _rest_kept(card: Apdus) -> Apdus:
    """What is left of an answer is there until somebody asks for it, whatever happens meanwhile."""
    rest = ResponseChain()

    def instead(apdu: bytes) -> bytes | None:
        command = parsed(apdu)
        if command is None or (command.cla, command.ins) != (0, GET_RESPONSE):
            return None
        return rest.next(command.longest_answer)

    def answer(apdu: bytes, answer: bytes) -> bytes:
        command = parsed(apdu)
        if command is None or len(answer) - 2 <= command.longest_answer:
            return answer
        return rest.begin(answer, command.longest_answer)

    return ChangedApdus(card, request=_whole, instead=instead, answer=answer)


def _rest_repeated(card: Apdus) -> Apdus:
    """Asked for more than there is, it gives its last answer again."""
    last = _OK

    def answer(apdu: bytes, answer: bytes) -> bytes:
        nonlocal last
        if apdu[:2] == bytes((0, GET_RESPONSE)) and answer[:-2] == b"":
            return last
        last = answer
        return answer

    return ChangedApdus(card, answer=answer)


def _chain_kept(card: Apdus) -> Apdus:
    """A chain that was given up goes on with whatever command comes next."""
    begun = b""

    def instead(apdu: bytes) -> bytes | None:
        nonlocal begun
        command = parsed(apdu)
        if command is None or not command.cla & CHAINED:
            return None
        begun += command.data
        return _OK

    def request(apdu: bytes) -> bytes:
        nonlocal begun
        command = parsed(apdu)
        if command is None or not begun:
            return apdu
        joined, begun = replace(command, data=begun + command.data), b""
        return joined.encode()

    return ChangedApdus(card, request=request, instead=instead)


def _errors_as_words(apdu: bytes, answer: bytes) -> bytes:
    refused = apdu[:2] == bytes((_CTAP, _MSG)) and answer[-2:] == _OK and answer[0] != CtapStatus.SUCCESS
    return response_apdu(b"", StatusWord.UNKNOWN_ERROR) if refused else answer


def _always_polled(apdu: bytes) -> bytes:
    return apdu[:2] + b"\x80" + apdu[3:] if apdu[:3] == bytes((_CTAP, _MSG, 0)) else apdu


def _never_polled(apdu: bytes) -> bytes:
    return apdu[:2] + b"\x00" + apdu[3:] if apdu[:2] == bytes((_CTAP, _MSG)) else apdu


def _cancel_unheard(apdu: bytes) -> bytes:
    return apdu[:2] + b"\x00" + apdu[3:] if apdu[:2] == bytes((_CTAP, _POLL)) else apdu


def _any_class(apdu: bytes) -> bytes:
    return apdu if apdu[0] in _CLASSES else b"\x00" + apdu[1:]


FAULTS = (
    # §11.3.3
    _fault(
        "version-wrong",
        "names a version that does not exist when it is selected",
        lambda card: ChangedApdus(card, answer=_version_wrong),
    ),
    # ISO 7816-4:2013 §11.2.2
    _fault(
        "any-name-taken",
        "says of every application that it has it",
        lambda card: ChangedApdus(card, answer=_any_name),
    ),
    # §11.3.3
    _fault(
        "unknown-name-deselects",
        "forgets which applet was selected when it is asked for one that it does not have",
        _deselects,
    ),
    _fault(
        "selected-from-the-start",
        "has its FIDO applet selected before anybody names it",
        _Selected,
        caught_by="other applications of the card, which hear what was meant for FIDO",
    ),
    # ISO 7816-4:2013 §5.3.4, U2F Raw Message Formats §4.3
    _fault(
        "rest-lost",
        "does not give the rest of a long answer",
        _refuses(lambda apdu: apdu[1:2] == bytes((GET_RESPONSE,)), StatusWord.INS_NOT_SUPPORTED),
    ),
    # ISO 7816-4:2013 §5.3.4
    _fault("le-ignored", "answers with more than the reader takes", _asked(_whole)),
    _fault("rest-kept", "keeps the rest of an answer for whoever asks next", _rest_kept),
    _fault("rest-repeated", "gives its last answer again when nothing is left", _rest_repeated),
    # §11.3.6
    _fault(
        "extended-refused",
        "does not take commands of extended length",
        _refuses(lambda apdu: len(apdu) > 5 and apdu[4] == 0, StatusWord.WRONG_LENGTH),
    ),
    # ISO 7816-4:2013 §5.3.3
    _fault(
        "chain-forgotten",
        "remembers only the last of the commands that a long one came in",
        lambda card: ChangedApdus(card, instead=lambda apdu: _OK if apdu[0] & CHAINED else None),
    ),
    _fault("chain-kept", "joins commands that do not belong together", _chain_kept),
    # ISO 7816-4:2013 §5.6
    _fault("any-class", "runs commands of classes that it does not know", _asked(_any_class)),
    _fault(
        "class-unnamed",
        "does not say that it does not know a class",
        _told(StatusWord.CLA_NOT_SUPPORTED, StatusWord.UNKNOWN_ERROR),
    ),
    _fault(
        "instruction-unnamed",
        "does not say that it does not know an instruction",
        _told(StatusWord.INS_NOT_SUPPORTED, StatusWord.UNKNOWN_ERROR),
    ),
    # ISO 7816-4:2013 §5.2, §11.3.7.1
    _fault(
        "length-unnamed",
        "does not say that a command has a wrong length",
        _told(StatusWord.WRONG_LENGTH, StatusWord.UNKNOWN_ERROR),
    ),
    # §11.3.5.2
    _fault(
        "errors-as-words",
        "tells a CTAP2 command's error in its status word",
        lambda card: ChangedApdus(card, answer=_errors_as_words),
    ),
    # §11.3.7.1
    _fault("polling-unasked", "has clients poll for an answer that cannot", _asked(_always_polled)),
    # §11.3.7.2
    _fault("polling-refused", "does not answer before it is touched", _asked(_never_polled)),
    _fault(
        "cancel-unheard",
        "waits on for a touch when the client has given up",
        _asked(_cancel_unheard),
        caught_by="the user, whose key blinks on",
    ),
    _fault(
        "polled-for-nothing",
        "has an answer where nothing was asked",
        _told(StatusWord.CONDITIONS_NOT_SATISFIED, StatusWord.NO_ERROR),
    ),
)
