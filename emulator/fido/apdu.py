"""ISO 7816-4 command and response APDUs, short and extended (U2F Raw Message Formats v1.1 §3)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from emulator.fido.status import ApduError, StatusWord

HEADER_LENGTH = 4
MAX_SHORT_DATA = 255
MAX_SHORT_NE = 256
MAX_EXTENDED_DATA = 65_535
MAX_EXTENDED_NE = 65_536

CHAINED = 0x10
"""The bit of a class byte that says that the command goes on in the next one (ISO 7816-4:2013 §5.4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandApdu:
    """A command: its header, ``data`` (Lc is its length) and ``ne``, the most bytes wanted in answer.

    ``ne`` is ``None`` when the command has no Le; an Le of zero means the most its form
    can say (256 or 65536). ``extended`` is what form it came in.
    """

    cla: int
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    ne: int | None = None
    extended: bool = field(default=False, compare=False)

    @property
    def longest_answer(self) -> int:
        """Ne; without an Le, what an Le of its form could ask for, as contactless readers expect."""
        return self.ne or (MAX_EXTENDED_NE if self.extended else MAX_SHORT_NE)

    @classmethod
    def parse(cls, raw: bytes) -> CommandApdu:
        """Read a command of any of the four cases; a length that fits none is ``ApduError(WRONG_LENGTH)``.

        ISO 7816-4:2013 §5.2. One form beyond the letter: an extended command may say Lc = 0 and still
        carry an Le, as U2F platforms ask for the version.
        """
        if len(raw) < HEADER_LENGTH:
            raise ApduError(StatusWord.WRONG_LENGTH)
        data, ne = _parse_body(raw[HEADER_LENGTH:])
        extended = len(raw) > HEADER_LENGTH + 1 and raw[HEADER_LENGTH] == 0
        return cls(cla=raw[0], ins=raw[1], p1=raw[2], p2=raw[3], data=data, ne=ne, extended=extended)

    def encode(self, *, extended: bool = False) -> bytes:
        """The command as bytes: in the short form unless ``extended`` is asked for or the lengths need it.

        Lengths that no form can say are our own misuse: ``ValueError``.
        """
        ne = self.ne
        if len(self.data) > MAX_EXTENDED_DATA or (ne is not None and not 1 <= ne <= MAX_EXTENDED_NE):
            raise ValueError(f"no APDU carries {len(self.data)} bytes of data and asks for {ne}")
        header = bytes((self.cla, self.ins, self.p1, self.p2))
        if extended or len(self.data) > MAX_SHORT_DATA or (ne or 0) > MAX_SHORT_NE:
            return header + _extended_body(self.data, ne)
        lc = bytes((len(self.data),)) if self.data else b""
        le = b"" if ne is None else bytes((ne % MAX_SHORT_NE,))
        return header + lc + self.data + le


class CommandChain:
    """Joins what comes in several commands (ISO 7816-4:2013 §5.3.3).

    A command with another header ends a chain that was begun: whoever began it has given it up.
    """

    def __init__(self) -> None:
        self._begun: CommandApdu | None = None

    def join(self, command: CommandApdu) -> CommandApdu | None:
        """The whole command; ``None`` as long as the chain goes on.

        One that grows beyond what an extended command holds is ``ApduError(WRONG_LENGTH)``.
        """
        begun, self._begun = self._begun, None
        whole = replace(command, cla=command.cla & ~CHAINED)
        if begun is not None and _header(begun) == _header(whole):
            whole = replace(whole, data=begun.data + whole.data)
        if len(whole.data) > MAX_EXTENDED_DATA:
            raise ApduError(StatusWord.WRONG_LENGTH)
        if command.cla & CHAINED:
            self._begun = whole
            return None
        return whole


class ResponseChain:
    """Hands out what is longer than a reader takes at once (ISO 7816-4:2013 §5.3.4)."""

    def __init__(self) -> None:
        self._rest = b""

    def begin(self, response: bytes, longest: int) -> bytes:
        """``response`` or, if it has more than ``longest`` bytes and a status word, its beginning.

        That ends in BYTES_REMAINING, with what is left up to 255, or 0 for more.
        """
        data, status_word = response[:-2], response[-2:]
        if len(data) <= longest:
            self._rest = b""
            return response
        self._rest = data[longest:] + status_word
        left = len(data) - longest
        return data[:longest] + bytes((StatusWord.BYTES_REMAINING >> 8, left if left < 256 else 0))

    def next(self, longest: int) -> bytes:
        """What comes next; CONDITIONS_NOT_SATISFIED if nothing is left."""
        return self.begin(self._rest or response_apdu(b"", StatusWord.CONDITIONS_NOT_SATISFIED), longest)

    def forget(self) -> None:
        """Nobody asks for the rest any more."""
        self._rest = b""


def response_apdu(data: bytes, status_word: StatusWord) -> bytes:
    """A response: ``data`` and its two-byte status word (ISO 7816-4:2013 §5.1)."""
    return data + status_word.to_bytes(2, "big")


def _header(command: CommandApdu) -> tuple[int, int, int, int]:
    return command.cla, command.ins, command.p1, command.p2


def _parse_body(body: bytes) -> tuple[bytes, int | None]:
    """Data and Ne of what follows the header."""
    if not body:  # case 1
        return b"", None
    if len(body) == 1:  # case 2, short
        return b"", body[0] or MAX_SHORT_NE
    if body[0] == 0:
        return _parse_extended_body(body)
    return _split(body[1:], body[0], le_length=1)  # cases 3 and 4, short


def _parse_extended_body(body: bytes) -> tuple[bytes, int | None]:
    if len(body) < 3:
        raise ApduError(StatusWord.WRONG_LENGTH)
    if len(body) == 3:  # case 2, extended
        return b"", int.from_bytes(body[1:], "big") or MAX_EXTENDED_NE
    return _split(body[3:], int.from_bytes(body[1:3], "big"), le_length=2)  # cases 3 and 4, extended


def _split(rest: bytes, lc: int, *, le_length: int) -> tuple[bytes, int | None]:
    """``lc`` bytes of data, then no Le (case 3) or one of ``le_length`` bytes (case 4)."""
    data, le = rest[:lc], rest[lc:]
    if len(data) < lc or len(le) not in (0, le_length):
        raise ApduError(StatusWord.WRONG_LENGTH)
    return data, (int.from_bytes(le, "big") or 1 << 8 * le_length) if le else None


def _extended_body(data: bytes, ne: int | None) -> bytes:
    """Lc, data and Le with two-byte lengths; the first length of the two has the zero byte before it."""
    lc = b"\x00" + len(data).to_bytes(2, "big") if data else b""
    if ne is None:
        return lc + data
    le = (ne % MAX_EXTENDED_NE).to_bytes(2, "big")
    return lc + data + (le if data else b"\x00" + le)
