"""What a TOTP code costs beyond its HMAC: ours and pyotp's, against the bare digest as the floor."""

from __future__ import annotations

import base64
import hmac

import pyotp
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from emulator.oath.otp import totp

SECRET = b"12345678901234567890"
NOW = 1_767_225_600.0
STEP_BYTES = (int(NOW) // 30).to_bytes(8, "big")
CODE = pyotp.TOTP(base64.b32encode(SECRET).decode()).at(NOW)


@pytest.mark.benchmark(group="totp code")
def test_floor_bare_hmac_digest(benchmark: BenchmarkFixture) -> None:
    assert len(benchmark(hmac.digest, SECRET, STEP_BYTES, "sha1")) == 20


@pytest.mark.benchmark(group="totp code")
def test_ours(benchmark: BenchmarkFixture) -> None:
    assert benchmark(totp, SECRET, NOW) == CODE


@pytest.mark.benchmark(group="totp code")
def test_pyotp(benchmark: BenchmarkFixture) -> None:
    judge = pyotp.TOTP(base64.b32encode(SECRET).decode())

    assert benchmark(judge.at, NOW) == CODE
