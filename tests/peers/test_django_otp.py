"""django-otp and our model of it, side by side: the same codes at the same times, verdict for verdict."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from emulator.oath.otp import hotp
from harness.service.totp_rules import Accepted, TotpState, verify
from harness.service.totp_servers import totp_server

CASES_PER_TOKEN, TOKENS = 2_000, 51


@dataclass
class DjangoServer:
    """A TOTPDevice of django-otp's, never saved, under a clock of ours."""

    device: Any
    clock: SimpleNamespace

    def verify(self, code: str, now: float) -> tuple[bool, int, int]:
        self.clock.time = lambda: now
        return self.device.verify_token(code), self.device.drift, self.device.last_t


@pytest.fixture
def new_server(
    require: Callable[[object, str], None], monkeypatch: pytest.MonkeyPatch
) -> Callable[[bytes], DjangoServer]:
    require(importlib.util.find_spec("django_otp"), "django-otp (in keyrig's extra named test)")
    import django
    from django.conf import settings

    if not settings.configured:
        apps = [
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django_otp",
            "django_otp.plugins.otp_totp",
        ]
        settings.configure(INSTALLED_APPS=apps, OTP_TOTP_THROTTLE_FACTOR=0, USE_TZ=True)
        django.setup()
    from django_otp.plugins.otp_totp import models

    clock = SimpleNamespace()
    monkeypatch.setattr(models, "time", clock)

    def new(secret: bytes) -> DjangoServer:
        device = models.TOTPDevice(key=secret.hex())
        device.save = lambda: None
        return DjangoServer(device, clock)

    return new


def test_100_000_codes_are_judged_alike(new_server: Callable[[bytes], DjangoServer]) -> None:
    limits = replace(totp_server("django-otp").limits, look_ahead=1)  # how far refusals are explained
    seen = {True: 0, False: 0}
    for number in range(TOKENS):
        draw = random.Random(number)  # noqa: S311  # cases, not secrets
        state = TotpState(secret=draw.randbytes(20))
        server = new_server(state.secret)
        now, code = 1.7e9, "000000"
        for _ in range(CASES_PER_TOKEN):
            now += draw.choice((0, 1, 29, 31, 90, 3_000)) + draw.random()
            if draw.random() > 0.1:  # otherwise the last one again
                wrong_by = state.learned_drift + draw.choice((-3, -2, -1, -1, 0, 0, 0, 1, 1, 2, 3))
                code = hotp(state.secret, int(now // 30) + wrong_by)
            outcome = verify(state, code, now, limits)
            if isinstance(outcome, Accepted):
                state = outcome.state
            ours = (
                isinstance(outcome, Accepted),
                state.learned_drift,
                -1 if state.last_step is None else state.last_step,
            )
            assert ours == server.verify(code, now), (number, now, code)
            seen[ours[0]] += 1
    assert sum(seen.values()) >= 100_000
    assert min(seen.values()) > 20_000


def test_the_trap_of_one_step_with_memory_is_theirs_too(new_server: Callable[[bytes], DjangoServer]) -> None:
    secret, step = bytes(20), 58_907_520
    server = new_server(secret)

    assert server.verify(hotp(secret, step - 1), step * 30.0) == (True, -1, step - 1)
    assert server.verify(hotp(secret, step + 11), (step + 10) * 30.0) == (False, -1, step - 1)
