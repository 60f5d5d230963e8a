"""liboath, which Ceph RGW judges codes with, beside our codes and our model of Ceph's rule."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from emulator.oath.otp import hotp
from harness.service.totp_rules import Accepted, TotpState, verify
from harness.service.totp_servers import totp_server


@dataclass
class Liboath:
    """liboath through its C interface; ``window`` steps either side."""

    library: ctypes.CDLL

    def generate(self, secret: bytes, step: int, digits: int) -> str:
        shown = ctypes.create_string_buffer(16)
        status = self.library.oath_totp_generate(
            secret,
            ctypes.c_size_t(len(secret)),
            ctypes.c_long(step * 30),
            30,
            ctypes.c_long(0),
            digits,
            shown,
        )
        assert status == 0
        return shown.value.decode()

    def validate(self, secret: bytes, now: int, window: int, code: str) -> tuple[int, int]:
        """What it returns, and the signed position that Ceph does not ask for."""
        position = ctypes.c_int(0)
        returned = self.library.oath_totp_validate2(
            secret,
            ctypes.c_size_t(len(secret)),
            ctypes.c_long(now),
            30,
            ctypes.c_long(0),
            ctypes.c_size_t(window),
            ctypes.byref(position),
            code.encode(),
        )
        return int(returned), position.value


@dataclass
class CephServer:
    """cls_otp.cc's otp_instance::verify around the real liboath: the position is added as it is returned."""

    oath: Liboath
    secret: bytes
    last_success: int = 0

    def verify(self, code: str, now: int) -> tuple[bool, int]:
        returned, position = self.oath.validate(self.secret, now, 2, code)
        if returned >= 0:
            assert returned == abs(position)
            index = returned + now // 30
            if index > self.last_success:
                self.last_success = index
                return True, now // 30 + position
        return False, 0


@pytest.fixture(scope="module")
def oath(require: Callable[[object, str], None]) -> Liboath:
    try:
        library = ctypes.CDLL("liboath.so.0")
    except OSError:
        library = None
    require(library, "liboath.so.0 (the Debian package liboath0)")
    assert library is not None
    assert library.oath_init() == 0
    return Liboath(library)


@pytest.mark.parametrize("digits", [6, 7, 8])
def test_100_000_codes_are_generated_alike(oath: Liboath, digits: int) -> None:
    draw = random.Random(digits)  # noqa: S311  # cases, not secrets
    for _ in range(34_000):
        secret, step = draw.randbytes(draw.randint(1, 64)), draw.randrange(2**31)
        assert oath.generate(secret, step, digits) == hotp(secret, step, digits=digits)


def test_100_000_codes_are_judged_as_by_ceph(oath: Liboath) -> None:
    limits = replace(totp_server("ceph").limits, look_ahead=2)  # how far refusals are explained
    seen = {True: 0, False: 0}
    for number in range(51):
        draw = random.Random(number)  # noqa: S311  # cases, not secrets
        state = TotpState(secret=draw.randbytes(20))
        server = CephServer(oath, state.secret)
        now, code = 1_700_000_000, "000000"
        for _ in range(2_000):
            now += draw.choice((0, 1, 29, 30, 31, 90, 300))
            if draw.random() > 0.2:  # otherwise the last one again
                code = hotp(state.secret, now // 30 + draw.choice((-4, -3, -2, -1, 0, 0, 1, 2, 3)))
            outcome = verify(state, code, now, limits)
            ours = (True, outcome.step) if isinstance(outcome, Accepted) else (False, 0)
            if isinstance(outcome, Accepted):
                state = outcome.state
            assert ours == server.verify(code, now), (number, now, code)
            assert (state.last_step or 0) == server.last_success
            seen[ours[0]] += 1
    assert sum(seen.values()) >= 100_000
    assert min(seen.values()) > 20_000


def test_of_two_steps_that_share_a_code_the_nearer_is_found(oath: Liboath) -> None:
    secret, shared, step = b"12345678901234567890", "963181", 59_061_240  # that step and the next
    for current in range(step - 3, step + 5):
        returned, position = oath.validate(secret, current * 30, 2, shared)
        outcome = verify(TotpState(secret=secret), shared, current * 30, totp_server("ceph").limits)
        found = outcome.step - current if isinstance(outcome, Accepted) else None
        assert found == (None if returned < 0 else position)
