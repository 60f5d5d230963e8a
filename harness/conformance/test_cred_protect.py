"""credProtect: which credentials a key shows to whom (CTAP 2.3 §12.1)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from harness.conformance.ceremony import RP_ID, Ceremony, assertion
from harness.conformance.owner import Owner
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("credProtect"), pytest.mark.touches(2)]

STORES = pytest.mark.destructive("stores credentials")
VERIFIES = pytest.mark.destructive("sets a PIN where there is none, and stores credentials")

WITH_LIST, REQUIRED = 2, 3
"""userVerificationOptionalWithCredentialIDList, userVerificationRequired."""


@pytest.fixture
def nobody(probe: Probe, ceremony: Ceremony) -> Ceremony:
    """Ceremonies with a key that signs, if it is asked ``bare``, for users whom it does not verify."""
    if probe.option("alwaysUv"):
        pytest.skip("needs a key that signs without verifying its user")
    return ceremony


@pytest.fixture
def stranger(probe: Probe, nobody: Ceremony) -> Ceremony:
    """Ceremonies with a key that registers, too, without verifying its user."""
    protected = probe.option("clientPin") or probe.option("uv")
    if protected and not probe.option("makeCredUvNotRqd"):
        pytest.skip("needs a key that registers without verifying its user")
    return nobody


def _protected(level: int) -> dict[str, Any]:
    return {"extensions": {"credProtect": level}}


either_kind = pytest.mark.parametrize(
    "rk",
    [
        pytest.param(True, id="discoverable", marks=[pytest.mark.needs("rk"), STORES]),
        pytest.param(False, id="not-discoverable"),
    ],
)


# What the key says.


@pytest.mark.spec("EXT-CREDPROTECT-01", "CTAP 2.3 §12.1")
@pytest.mark.touches(1)
@pytest.mark.catches("credprotect-unsaid", "credprotect-lower")
@pytest.mark.parametrize("level", [WITH_LIST, REQUIRED])
def test_level_is_said(ceremony: Ceremony, level: int) -> None:
    """The extension output is the level that was asked for.

    A relying party that asked for more than it got must know.
    """
    extensions = ceremony.register(**_protected(level)).auth_data.extensions
    assert extensions == {"credProtect": level}


@pytest.mark.spec("EXT-CREDPROTECT-02", "CTAP 2.3 §12.1")
@pytest.mark.touches(0)
@pytest.mark.catches("credprotect-any-level")
@pytest.mark.parametrize("level", [0, 4], ids=["too-low", "too-high"])
def test_level_that_there_is_not(ceremony: Ceremony, level: int) -> None:
    """A level that nobody has defined is refused, not guessed at."""
    refusals = (ERR.INVALID_PARAMETER, ERR.INVALID_OPTION, ERR.CBOR_UNEXPECTED_TYPE)
    ceremony.make(**_protected(level)).refused(*refusals)


# Level 2.


@pytest.mark.spec("EXT-CREDPROTECT-03", "CTAP 2.3 §6.2.2 step 7, §12.1")
@pytest.mark.needs("rk")
@STORES
@pytest.mark.catches("credprotect-leaks-discovered", "credprotect-forgotten")
@pytest.mark.parametrize("level", [WITH_LIST, REQUIRED])
def test_not_discovered_without_verification(nobody: Ceremony, level: int) -> None:
    """A credential of level 2 or 3 is not found by a user who is not verified, if it is not named.

    Else whoever finds a key learns where its owner has accounts.
    """
    nobody.register(rk=True, **_protected(level))
    nobody.get(bare=True).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("EXT-CREDPROTECT-04", "CTAP 2.3 §6.2.2 step 7, §12.1")
@pytest.mark.catches("credprotect-too-strict")
@either_kind
def test_named_without_verification(nobody: Ceremony, rk: bool) -> None:
    """A credential of level 2 signs without verification where the relying party names it."""
    registration = nobody.register(rk=rk, **_protected(WITH_LIST))
    assertion(nobody.get(allow=[registration], bare=True)).verify(registration)


# Level 3.


@pytest.mark.spec("EXT-CREDPROTECT-05", "CTAP 2.3 §6.2.2 step 7, §12.1")
@pytest.mark.catches("credprotect-leaks-listed", "credprotect-forgotten")
@either_kind
def test_required_verification(nobody: Ceremony, rk: bool) -> None:
    """A credential of level 3 signs for nobody who is not verified, not even where it is named."""
    registration = nobody.register(rk=rk, **_protected(REQUIRED))
    nobody.get(allow=[registration], bare=True).refused(ERR.NO_CREDENTIALS)


@pytest.mark.spec("EXT-CREDPROTECT-06", "CTAP 2.3 §6.2.2 step 7, §12.1")
@VERIFIES
@pytest.mark.catches("credprotect-locked")
@either_kind
def test_verified_user_signs_in(owner: Owner, ceremony: Ceremony, rk: bool) -> None:
    """A credential of level 3 signs for a user who is verified, and says that he is."""
    registration = ceremony.register(rk=rk, **_protected(REQUIRED))
    found = ceremony.sign_in(registration)
    found.verify(registration)
    assert found.auth_data.is_user_verified()


@pytest.mark.spec("EXT-CREDPROTECT-07", "CTAP 2.3 §6.2.2 step 7, §12.1")
@pytest.mark.needs("rk")
@VERIFIES
@pytest.mark.catches("credprotect-locked")
def test_verified_user_discovers(owner: Owner, ceremony: Ceremony) -> None:
    """A user who is verified finds a credential of level 3 without its being named."""
    registration = ceremony.register(rk=True, **_protected(REQUIRED))
    ceremony.sign_in().verify(registration)


@pytest.mark.spec("EXT-CREDPROTECT-08", "CTAP 2.3 §6.2.2 steps 7 and 12, §6.3")
@pytest.mark.needs("rk")
@STORES
@pytest.mark.touches(3)
@pytest.mark.catches("credprotect-leaks-discovered")
def test_hidden_one_is_not_counted(nobody: Ceremony) -> None:
    """A hidden credential is neither counted among those that were found, nor given as the next one."""
    shown = nobody.register(rk=True, user_id=b"shown")
    nobody.register(rk=True, user_id=b"hidden", **_protected(REQUIRED))
    found = assertion(nobody.get(bare=True))
    assert found.members[1]["id"] == shown.credential_id
    assert 5 not in found.members
    nobody.probe.cbor(CMD.GET_NEXT_ASSERTION).refused(ERR.NOT_ALLOWED)


# The exclude list.


@pytest.mark.spec("EXT-CREDPROTECT-09", "CTAP 2.3 §6.1.2 step 12, §12.1")
@pytest.mark.catches("credprotect-leaks-excluded")
@either_kind
def test_hidden_one_excludes_nothing(stranger: Ceremony, rk: bool) -> None:
    """A credential of level 3 in the exclude list goes unnoticed where the user is not verified.

    Else any relying party that knows its ID learns, without the PIN, that it is on this key.
    """
    registration = stranger.register(rk=rk, **_protected(REQUIRED))
    stranger.make(exclude=[registration], bare=True).succeeded()


@pytest.mark.spec("EXT-CREDPROTECT-10", "CTAP 2.3 §6.1.2 step 12, §12.1")
@pytest.mark.catches("mc-exclude-list-ignored")
def test_level_two_excludes(stranger: Ceremony) -> None:
    """A credential of level 2 in the exclude list excludes, verified or not: it was named."""
    registration = stranger.register(**_protected(WITH_LIST))
    stranger.make(exclude=[registration], bare=True).refused(ERR.CREDENTIAL_EXCLUDED)


@pytest.mark.spec("EXT-CREDPROTECT-11", "CTAP 2.3 §6.1.2 step 12, §12.1")
@VERIFIES
@pytest.mark.catches("mc-exclude-list-ignored")
def test_verified_user_is_excluded(owner: Owner, ceremony: Ceremony) -> None:
    """A credential of level 3 in the exclude list excludes where the user is verified."""
    registration = ceremony.register(**_protected(REQUIRED))
    ceremony.make(exclude=[registration]).refused(ERR.CREDENTIAL_EXCLUDED)


# U2F.


@pytest.mark.spec("EXT-CREDPROTECT-12", "CTAP 2.3 §12.1")
@pytest.mark.needs("u2f")
@pytest.mark.touches(1)
@pytest.mark.catches("credprotect-leaks-by-u2f")
def test_u2f_does_not_know_it(probe: Probe, nobody: Ceremony) -> None:
    """U2F, which verifies nobody, does not know a credential of level 3: WRONG_DATA."""
    handle = nobody.register(**_protected(REQUIRED)).credential_id
    data = bytes(32) + sha256(RP_ID.encode()).digest() + bytes((len(handle),)) + handle
    check_only = bytes((0, 2, 7, 0, 0)) + len(data).to_bytes(2, "big") + data + bytes(2)
    assert probe.msg(check_only) == (b"", 0x6A80)
