"""The key under test: commands to it and what it answers, every byte of it in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import pytest
from fido2 import cbor
from fido2.ctap import CtapError
from fido2.ctap2.base import Ctap2
from fido2.hid import CAPABILITY, CTAPHID

from harness.conformance.trace import Trace, shown
from harness.devices.key import Key
from harness.devices.request import NONSENSE

ERR = CtapError.ERR
CMD = Ctap2.CMD

SUCCESS = 0x00
_SHOWN = 16


@runtime_checkable
class LeftToStrangers(Protocol):
    """A key on which other fingers are put than its owner's."""

    def leave_to_strangers(self, strangers: bool = True) -> None:
        """Until ``False`` ends that."""


class UnexpectedStatusError(AssertionError):
    """The key answered with a status where something else was due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A CTAP2 answer: its status and the bytes after it."""

    status: int
    data: bytes

    @property
    def members(self) -> dict[int, Any]:
        """What it holds, which must be one CBOR map or nothing at all."""
        if not self.data:
            return {}
        try:
            value, rest = cbor.decode_from(self.data)
        except NONSENSE:
            raise AssertionError(f"the answer is no CBOR: {_begins(self.data)}") from None
        assert rest == b"", f"{len(rest)} bytes follow the CBOR of the answer: {_begins(rest)}"
        assert isinstance(value, dict), f"the answer is {shown(value)}, not a map"
        return dict(value)

    def succeeded(self) -> dict[int, Any]:
        """Its members; fails unless its status is success."""
        if self.status != SUCCESS:
            raise UnexpectedStatusError(f"the key answered {status_name(self.status)} where success was due")
        return self.members

    def refused(self, *statuses: int) -> None:
        """Fails unless it is one of these refusals, with nothing after it."""
        if self.status not in statuses:
            wanted = " or ".join(map(status_name, statuses))
            raise UnexpectedStatusError(f"the key answered {status_name(self.status)} where {wanted} was due")
        assert self.data == b"", f"a refusal carries {len(self.data)} more bytes: {self.data.hex()}"


def status_name(status: int) -> str:
    """Such as ``PIN_INVALID (0x31)``."""
    try:
        return f"{ERR(status).name} (0x{status:02X})"
    except ValueError:
        return f"0x{status:02X}"


class Probe:
    """A key and the trace of what a test did to it.

    ``waits`` says whether it answers what wants a touch only once it is touched. ``cbor`` and ``msg`` send
    whole commands by the key's own transport; raw packets are :class:`~harness.conformance.wire.Wire`'s.
    """

    def __init__(self, key: Key, trace: Trace, *, waits: bool = True) -> None:
        self.key = key
        self.trace = trace
        self.pin_set: str | None = None
        """The PIN that the key was given by what this probe did, since the last reset."""
        self._erased = False
        self._waits = waits

    def cbor(self, command: int, parameters: Mapping[int, Any] | bytes | None = None) -> Answer:
        """Run a CTAP2 command; ``parameters`` are a map, or bytes that go as they are."""
        body = parameters if isinstance(parameters, bytes) else _encoded(parameters)
        message = bytes((command,)) + body
        self.trace.sent("CTAP2", message)
        answer = self.key.call(CTAPHID.CBOR, message)
        self.trace.received("CTAP2", answer)
        assert answer, "the key answered without a status byte"
        if command == CMD.RESET and answer[0] == SUCCESS:
            self.pin_set, self._erased = None, True
        return Answer(status=answer[0], data=answer[1:])

    def msg(self, apdu: bytes) -> tuple[bytes, int]:
        """Run a U2F APDU: data and status word."""
        self.trace.sent("APDU", apdu)
        answer = self.key.call(CTAPHID.MSG, apdu)
        self.trace.received("APDU", answer)
        assert len(answer) >= 2, f"the answer is {answer.hex() or 'empty'}: there is no status word in it"
        return answer[:-2], int.from_bytes(answer[-2:], "big")

    @cached_property
    def info(self) -> dict[int, Any]:
        """authenticatorGetInfo's members as they were when first asked for; none from a key without CTAP2."""
        if not self.key.capabilities & CAPABILITY.CBOR:
            return {}
        return self.cbor(CMD.GET_INFO).succeeded()

    def info_now(self) -> dict[int, Any]:
        """authenticatorGetInfo's members, asked anew."""
        self.__dict__.pop("info", None)
        return self.info

    def option(self, name: str) -> bool | None:
        """An option of getInfo; ``None`` if the key does not have it."""
        value = self.info.get(4, {}).get(name)
        return value if value is None else bool(value)

    def pin(self) -> str | None:
        """What the key's user types: the PIN that a test has set, or else its owner's; ``None`` without one.

        :raises PinUnknown: when the owner's would be needed, and nobody says it.
        :raises PinAtRisk: when the owner's is not to be tried.
        """
        if self.pin_set is None and not self._erased:
            return self.key.pin()
        return self.pin_set

    def wait(self, seconds: float) -> None:
        """Let that much of the key's time pass."""
        self.trace.did(f"{seconds:g} s pass")
        self.key.wait(seconds)

    def leave_alone(self, alone: bool = True) -> None:
        """Touch it no more; ``False`` ends that. Skips the test with a key that waits for nobody."""
        if not self._waits:
            pytest.skip(f"needs a touch to be waited for, and {self.key.name} answers without any")
        self.trace.did("nobody touches the key any more" if alone else "it is touched when it asks")
        self.key.leave_alone(alone)

    def leave_to_strangers(self, strangers: bool = True) -> None:
        """Put only fingers on it that it does not know; ``False`` ends that.

        Skips the test with a key whose owner is not asked for such.
        """
        if not isinstance(self.key, LeftToStrangers):
            pytest.skip("needs a key on which fingers can be put that it does not know")
        self.trace.did(f"the fingers on the key are {'a stranger' if strangers else 'its owner'}'s")
        self.key.leave_to_strangers(strangers)

    def power_cycle(self) -> None:
        """Pull it out and plug it in again."""
        self.trace.did("the key is pulled out and plugged in again")
        self.__dict__.pop("info", None)
        self.key.power_cycle()


def _begins(data: bytes) -> str:
    """How it begins, in hexadecimal; the trace has it all."""
    return f"{data[:_SHOWN].hex()}{'…' if len(data) > _SHOWN else ''}"


def _encoded(parameters: Mapping[int, Any] | None) -> bytes:
    return b"" if parameters is None else cbor.encode(dict(parameters))
