"""Smart-card readers and the security keys in them, by way of pyscard, the extra ``pcsc``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event
from typing import Any, NoReturn

from fido2.ctap import STATUS, CtapError
from fido2.hid import CAPABILITY, CTAPHID, CtapHidDevice
from fido2.hid.base import HidDescriptor

from harness.devices.attendant import Attendant
from harness.devices.attended import attended
from harness.devices.attended_key import AttendedKey
from harness.devices.key import DeviceError

EXTRA = "readers need the extra pcsc: pip install 'keyrig[pcsc]', after apt-get install swig libpcsclite-dev"
NO_SERVICE = (
    "the smart-card service is not there: apt-get install pcscd, and start it, or run 'keyrig doctor'"
)


def reader_names() -> list[str]:
    """The readers that pcscd knows.

    :raises DeviceError: when pyscard or pcscd is not there.
    """
    with _in_a_line("the readers"):
        return [str(reader) for reader in _readers()]


def readers_with_cards() -> list[str]:
    """The readers that have a card; none where there is no pyscard or no pcscd."""
    with suppress(DeviceError):
        return [name for name in reader_names() if _has_card(name)]
    return []


def find_reader(which: str) -> str:
    """The reader called ``which``; if none is, the one whose name has it in it and that has a card.

    :raises DeviceError: when there is none, or the choice is not clear.
    """
    names = reader_names()
    found = [name for name in names if name == which] or [name for name in names if which in name]
    if len(found) > 1:
        found = [name for name in found if _has_card(name)] or found
    match found:
        case [name]:
            return name
        case []:
            what = f"is called {which!r}" if which else "is there"
            raise DeviceError(f"no reader {what}; readers are: {', '.join(names) or 'none'}")
        case _:
            raise DeviceError(f"several readers are there; choose one of: {', '.join(found)}")


class Card:
    """The card in the reader called ``reader``, shared with other applications, whose power is left alone.

    :raises DeviceError: in every method, for a card that is not there, was pulled out, or a reader that went.
    """

    def __init__(self, reader: str) -> None:
        self.reader = reader
        with _in_a_line(reader):
            from smartcard.scard import SCARD_LEAVE_CARD, SCARD_UNPOWER_CARD

            [found] = [known for known in _readers() if str(known) == reader]
            self.connection: Any = found.createConnection()
            # python-fido2 connects by itself, and pyscard would cut the power at the end.
            self.connection.connect = partial(self.connection.connect, disposition=SCARD_LEAVE_CARD)
            self.connection.connect()
            self._unpower = SCARD_UNPOWER_CARD

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """The data and the status word that an APDU is answered with."""
        with _in_a_line(self.reader):
            data, sw1, sw2 = self.connection.transmit(list(apdu))
        return bytes(data), sw1 << 8 | sw2

    def close(self, *, unpower: bool = False) -> None:
        """Let go of it; with ``unpower`` its power is cut, for every application."""
        if unpower:
            self.connection.component.disposition = self._unpower
        with suppress(Exception):  # it may be gone
            self.connection.disconnect()
            self.connection.release()


class PcscPlug:
    """A reader as the place where a key is plugged in; cutting the card's power takes no hand."""

    can_be_pulled = True

    def __init__(self, reader: str) -> None:
        self.reader = reader
        self.descriptor = HidDescriptor(self.name, 0, 0, 0, 0, f"key in reader {reader}", None)

    @classmethod
    def find(cls, which: str) -> PcscPlug:
        """The reader called ``which``, or the only one that may be meant.

        :raises DeviceError: when there is none, or the choice is not clear.
        """
        return cls(find_reader(which))

    @property
    def name(self) -> str:
        return f"pcsc:{self.reader}"


class PcscKey(AttendedKey):
    """The key in the reader at ``plug``; the rest as in :class:`AttendedKey`.

    It has no channels and no packets: what would send some is a ``DeviceError``.
    """

    def __init__(self, plug: PcscPlug, attendant: Attendant, *, destructive: bool = False) -> None:
        super().__init__(plug, attendant, destructive=destructive)
        self._plug = plug
        self._connect()

    @property
    def has_packets(self) -> bool:
        return False

    @property
    def capabilities(self) -> int:
        """As CTAPHID_INIT would tell; python-fido2 has NMSG the other way round for smart cards."""
        found = self._device.capabilities
        return (found & CAPABILITY.CBOR) | (0 if found & CAPABILITY.NMSG else CAPABILITY.NMSG)

    def call(
        self,
        cmd: int,
        data: bytes = b"",
        event: Event | None = None,
        on_keepalive: Callable[[STATUS], None] | None = None,
    ) -> bytes:
        self.refuse_to_change(cmd, data)

        def exchange(heard: Callable[[STATUS], None]) -> bytes:
            with _in_a_line(self._plug.reader):
                return self._call(cmd, data, event, heard)

        return attended(self._attendant, self.title, exchange, cmd, data, on_keepalive)

    def _call(self, cmd: int, data: bytes, event: Event | None, heard: Callable[[STATUS], None]) -> bytes:
        """Make sure that it is the FIDO applet that hears: others may have selected another since.

        What U2F asks would mean something else to that, so that it is selected first; a CTAP2 message is
        refused, and selecting anew before each would end what was agreed by others.
        """
        if cmd == CTAPHID.MSG:
            self._select()
        try:
            answer: bytes = self._device.call(cmd, data, event, heard)
        except CtapError:
            self._select()
            answer = self._device.call(cmd, data, event, heard)
        return answer

    def transmit(self, apdu: bytes) -> bytes:
        """The card's answer to one command, data and status word, whatever the command changes."""
        data, status_word = self._card.transmit(apdu)
        return data + status_word.to_bytes(2, "big")

    def _select(self) -> None:
        try:
            self._device._select()
        except ValueError:
            raise DeviceError(f"the card in {self._plug.reader} is no security key any more") from None

    def power_cycle(self) -> None:
        self._card.close(unpower=True)
        self._connect()

    def open(self) -> CtapHidDevice:
        self._no_packets()

    def send_packet(self, packet: bytes) -> None:
        self._no_packets()

    def receive_packet(self, timeout: float) -> bytes | None:
        self._no_packets()

    def close(self) -> None:
        """Let go of the card."""
        if self._alone:
            self.leave_alone(False)
        self._card.close()

    @classmethod
    def list_devices(cls) -> Iterator[PcscKey]:
        """The keys in readers."""
        attendant = Attendant.here()
        return (cls(PcscPlug(name), attendant) for name in readers_with_cards())

    def _connect(self) -> None:
        from fido2.pcsc import CtapPcscDevice

        self._card = Card(self._plug.reader)
        try:
            with _in_a_line(self._plug.reader):
                self._device = CtapPcscDevice(self._card.connection, self._plug.reader)
        except (ValueError, CtapError) as error:  # it is no key
            self._card.close()
            raise DeviceError(f"the card in {self._plug.reader} is no security key: {error}") from None
        except DeviceError:
            self._card.close()
            raise

    def _no_packets(self) -> NoReturn:
        raise DeviceError(f"{self.title} has neither channels nor packets: it is a smart card")


def _readers() -> list[Any]:
    from smartcard.System import readers

    found: list[Any] = readers()
    return found


def _has_card(name: str) -> bool:
    try:
        Card(name).close()
    except DeviceError:
        return False
    return True


@contextmanager
def _in_a_line(what: str) -> Iterator[None]:
    """Tell what pyscard complains of as a :class:`DeviceError` about ``what``."""
    try:
        from smartcard.Exceptions import NoCardException, SmartcardException
        from smartcard.pcsc.PCSCExceptions import BaseSCardException, EstablishContextException
    except ImportError:
        raise DeviceError(EXTRA) from None
    try:
        yield
    except EstablishContextException:
        raise DeviceError(NO_SERVICE) from None
    except NoCardException:
        raise DeviceError(f"no card is in {what}; put one in") from None
    except (SmartcardException, BaseSCardException) as error:
        raise DeviceError(f"{what} has failed, or its card was pulled out: {error}") from None
