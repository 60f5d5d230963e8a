"""Protocols that a key does not speak, and tokens that will not do (CTAP 2.3 §6.5)."""

from __future__ import annotations

from typing import Any

import pytest
from fido2.ctap2 import ClientPin, Ctap2

from emulator.fido.session import Permission
from emulator.fido.status import CtapStatus

S, P = CtapStatus, Permission


def test_a_protocol_unheard_of_is_refused(platform: Any, protected: Any) -> None:
    """Step 2 of §6.1.2 and §6.2.2, and of each subcommand."""
    for number in (0, 3, -1):
        assert (
            platform.try_out(protected, lambda request, n=number: request.update({protected.proof[1]: n}))
            == S.INVALID_PARAMETER
        )


@pytest.mark.parametrize("permission", [*P, P.MC | P.GA | P.CM | P.BE | P.LBW | P.ACFG])
def test_a_token_for_something_else_is_refused(platform: Any, protected: Any, permission: int) -> None:
    """§6.5.5.7, the table of permissions; pcmr reads credentials (§6.8.2 to §6.8.4)."""
    reads = protected.code == 0x0A and protected.request[1] in (1, 2, 4)
    others = permission if permission in {*P} else permission & ~protected.permission
    request = platform.mended(protected)
    status, _ = platform.send(protected, request, platform.token(others))
    fits = bool(others & protected.permission) or (reads and others == P.PCMR)
    assert status == (S.SUCCESS if fits else S.PIN_AUTH_INVALID)


@pytest.mark.parametrize(
    ("used", "age", "fits"),
    [(False, 29.9, True), (False, 30, False), (True, 599.9, True), (True, 600, False)],
)
def test_a_token_that_has_run_out_is_refused(
    platform, protected: Any, used: bool, age: float, fits: bool
) -> None:
    """§6.5.2.1: 30 s until its first use, 600 s in all."""
    request = platform.mended(protected)
    token, begun = platform.token(protected.permission | (P.BE if used else 0)), platform.key.now
    if used:
        enumerate_ = platform.good["enumerateEnrollments"]
        assert platform.send(enumerate_, enumerate_.request, token)[0] == S.SUCCESS
    platform.key.now = begun + age
    status, _ = platform.send(protected, request, token)
    assert status == (S.SUCCESS if fits else S.PIN_AUTH_INVALID)


def test_a_token_of_before_is_refused_after_power_another_token_or_another_pin(
    platform, protected: Any
) -> None:
    """§6.5.3.2, §6.5.5.6 step 19, §6.5.5.7."""

    def change_pin() -> None:
        ClientPin(Ctap2(platform.key)).change_pin(platform.pin, platform.pin)

    for end in (platform.key.power_cycle, lambda: platform.token(protected.permission), change_pin):
        request, token = platform.mended(protected), platform.token(protected.permission)
        end()
        assert platform.send(protected, request, token)[0] == S.PIN_AUTH_INVALID


@pytest.mark.parametrize("name", ["makeCredential", "getAssertion"])
def test_a_token_for_another_relying_party_is_refused_by_6_1_2_step_11_and_6_2_2_step_6(
    platform: Any, name: str
) -> None:
    protected = platform.good[name]
    token = platform.key.token(protected.permission, "example.org", platform.pin)
    assert platform.send(protected, platform.mended(protected), token)[0] == S.PIN_AUTH_INVALID
