"""The kernel's side of /dev/uhid is a socket here; its structures are laid out by ctypes, not by us."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fido2.hid.base import parse_report_descriptor

from emulator.transports.port import PortError, UsbIdentity
from emulator.transports.uhid import BURST, PAUSE, UhidPort

IDENTITY = UsbIdentity(serial_number="00000042", product="A key", vendor_id=0x1209, product_id=0x000F)
u8, u16, u32 = ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32


class Create2(ctypes.Structure):
    _pack_ = 1
    _fields_ = (
        ("type", u32),
        ("name", u8 * 128),
        ("phys", u8 * 64),
        ("uniq", u8 * 64),
        ("rd_size", u16),
        ("bus", u16),
        ("vendor", u32),
        ("product", u32),
        ("version", u32),
        ("country", u32),
        ("rd_data", u8 * 4096),
    )


class Input2(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("type", u32), ("size", u16), ("data", u8 * 4096))


class Output(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("type", u32), ("data", u8 * 4096), ("size", u16), ("rtype", u8))


class ReportRequest(ctypes.Structure):
    """Of GET_REPORT; SET_REPORT begins the same."""

    _pack_ = 1
    _fields_ = (("type", u32), ("id", u32), ("rnum", u8), ("rtype", u8))


class ReportReply(ctypes.Structure):
    """Of SET_REPORT_REPLY; GET_REPORT_REPLY begins the same."""

    _pack_ = 1
    _fields_ = (("type", u32), ("id", u32), ("err", u16))


EVENT_SIZE = ctypes.sizeof(Create2)


class Kernel:
    """The other end of ``/dev/uhid``: whole events, zeros behind them."""

    def __init__(self) -> None:
        self.end, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.settimeout(10)
        self.port = UhidPort(device.detach(), IDENTITY)

    def event(self) -> bytes:
        return self.end.recv(EVENT_SIZE).ljust(EVENT_SIZE, b"\x00")

    def send(self, event: ctypes.Structure) -> None:
        self.end.send(bytes(event).ljust(EVENT_SIZE, b"\x00"))

    def output(self, report: bytes) -> None:
        data = (u8 * 4096)(*report)
        self.send(Output(type=6, data=data, size=len(report), rtype=1))


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel()
    yield kernel
    kernel.port.close()
    kernel.end.close()


def test_device_is_described_as_the_kernel_wants_it(kernel: Kernel) -> None:
    made = Create2.from_buffer_copy(kernel.event())
    assert (made.type, made.bus, made.vendor, made.product) == (11, 3, 0x1209, 0x000F)
    assert bytes(made.name).rstrip(b"\x00") == b"keyrig A key"
    assert bytes(made.uniq).rstrip(b"\x00") == b"00000042"
    assert bytes(made.phys).rstrip(b"\x00") == b"keyrig/00000042"
    assert parse_report_descriptor(bytes(made.rd_data[: made.rd_size])) == (64, 64)


def test_name_too_long_is_cut_between_characters() -> None:
    end, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    identity = UsbIdentity(serial_number="1", manufacturer="é", product="é" * 100)
    UhidPort(device.detach(), identity).close()
    name = bytes(Create2.from_buffer_copy(end.recv(EVENT_SIZE).ljust(EVENT_SIZE, b"\x00")).name)
    assert name.rstrip(b"\x00").decode() == "é " + "é" * 62
    end.close()


def test_packets_pass_both_ways(kernel: Kernel) -> None:
    kernel.event()
    kernel.output(b"\x00" + b"p" * 64)
    assert kernel.port.read() == b"p" * 64
    kernel.port.write(b"a" * 64)
    sent = Input2.from_buffer_copy(kernel.event())
    assert (sent.type, bytes(sent.data[: sent.size])) == (12, b"a" * 64)


@pytest.mark.parametrize(
    ("written", "packet"), [(b"\x00short", b"short"), (b"\x01" * 64, b"\x01" * 64), (b"", b"")]
)
def test_reports_of_odd_lengths_arrive_as_on_usb(kernel: Kernel, written: bytes, packet: bytes) -> None:
    kernel.output(written)
    assert kernel.port.read() == packet


@pytest.mark.parametrize(("request_type", "reply_type"), [(9, 10), (13, 14)])
def test_reports_that_a_key_has_not_are_refused_at_once(
    kernel: Kernel, request_type: int, reply_type: int
) -> None:
    kernel.event()
    kernel.send(ReportRequest(type=request_type, id=7))
    kernel.output(b"\x00" + b"p" * 64)
    assert kernel.port.read() == b"p" * 64
    reply = ReportReply.from_buffer_copy(kernel.event())
    assert (reply.type, reply.id, reply.err) == (reply_type, 7, errno.EIO)


def test_other_events_are_passed_over(kernel: Kernel) -> None:
    for event_type in (2, 3, 4, 5, 99):  # START, STOP, OPEN, CLOSE and one to come
        kernel.send(ReportRequest(type=event_type))
    kernel.output(b"\x00" + b"p" * 64)
    assert kernel.port.read() == b"p" * 64


def test_close_destroys_the_device_and_ends_a_read_that_waits(kernel: Kernel) -> None:
    kernel.event()
    read: list[bytes | None] = []
    reader = threading.Thread(target=lambda: read.append(kernel.port.read()))
    reader.start()
    kernel.port.close()
    kernel.port.close()
    reader.join(10)
    assert read == [None]
    assert ReportRequest.from_buffer_copy(kernel.event()).type == 1
    assert kernel.end.recv(EVENT_SIZE) == b""


def test_missing_uhid_names_the_module(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"uhid is not there; run 'modprobe uhid'"):
        UhidPort.open(IDENTITY, device=tmp_path / "uhid")


def test_no_permission_for_uhid_names_the_rule(tmp_path: Path) -> None:
    """As another user finds it, in a process of its own: root would be let in."""
    device = tmp_path / "uhid"
    device.touch(mode=0o000)
    out, into = os.pipe()
    if (pid := os.fork()) == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65_534)
            UhidPort.open(IDENTITY, device=device)
        except PortError as error:
            os.write(into, str(error).encode())
        finally:
            os._exit(0)
    os.close(into)
    os.waitpid(pid, 0)
    assert (
        os.read(out, 1000).decode().endswith("uhid; run 'keyrig udev install' as root once, then log in anew")
    )
    os.close(out)


def test_only_a_long_message_is_sent_with_pauses(kernel: Kernel) -> None:
    drain = threading.Thread(target=lambda: [kernel.event() for _ in range(1 + 2 * BURST + 1)])
    drain.start()
    started = time.monotonic()
    for _ in range(2 * BURST + 1):
        kernel.port.write(b"a" * 64)
    assert time.monotonic() - started >= 2 * PAUSE
    drain.join(10)
