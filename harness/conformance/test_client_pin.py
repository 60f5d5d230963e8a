"""authenticatorClientPIN: PINs, retries, key agreement (CTAP 2.3 §6.5)."""

from __future__ import annotations

from typing import Any

import pytest

from harness.conformance.pin import (
    CHANGE_PIN,
    GET_KEY_AGREEMENT,
    GET_PIN_TOKEN,
    GET_RETRIES,
    KEY_AGREEMENT,
    NEW_PIN_ENC,
    PARAM,
    PIN_HASH_ENC,
    PROTOCOL,
    SET_PIN,
    SUBCOMMAND,
    PinAuth,
    padded,
    pin_hash,
)
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [pytest.mark.needs("clientPin"), pytest.mark.touches(0)]

SETS_A_PIN = pytest.mark.destructive("sets a PIN")
SPENDS_RETRIES = pytest.mark.destructive("uses up PIN retries")

GOOD_PIN, WRONG_PIN, NEW_PIN = "conform 1", "mrofnoc 1", "conform 2"


@pytest.fixture
def without_pin(probe: Probe) -> Probe:
    if probe.option("clientPin"):
        pytest.skip("needs a key whose PIN is not set")
    return probe


def _protocol(version: int) -> Any:
    names = {1: "pin-protocol-one", 2: "pin-protocol-two"}
    return pytest.param(
        version, id=f"protocol-{version}", marks=pytest.mark.needs("clientPin", names[version])
    )


each_protocol = pytest.mark.parametrize("version", [_protocol(1), _protocol(2)])


# Key agreement.


@pytest.mark.spec("PIN-AGREEMENT-01", "CTAP 2.3 §6.5.6")
@pytest.mark.catches("pin-agreement-algorithm")
@each_protocol
def test_key_agreement_key(probe: Probe, version: int) -> None:
    """getKeyAgreement gives a COSE key of type 2 on P-256, with the algorithm -25."""
    key = PinAuth(probe, version).command(GET_KEY_AGREEMENT).succeeded()[1]
    assert {member: key.get(member) for member in (1, 3, -1)} == {1: 2, 3: -25, -1: 1}


@pytest.mark.spec("PIN-AGREEMENT-02", "CTAP 2.3 §6.5.6")
@pytest.mark.catches("pin-agreement-off-curve")
@each_protocol
def test_key_agreement_key_is_a_point(probe: Probe, version: int) -> None:
    """The key agreement key is a point of P-256."""
    try:
        PinAuth(probe, version).agree()
    except ValueError as error:
        raise AssertionError(f"the key agreement key is unfit: {error}") from error


@pytest.mark.spec("PIN-AGREEMENT-03", "CTAP 2.3 §6.5.6")
@pytest.mark.catches("pin-agreement-private")
@each_protocol
def test_key_agreement_key_is_public(probe: Probe, version: int) -> None:
    """The key agreement key has no other members than a public one has."""
    assert {*PinAuth(probe, version).command(GET_KEY_AGREEMENT).succeeded()[1]} == {1, 3, -1, -2, -3}


@pytest.mark.spec("PIN-AGREEMENT-04", "CTAP 2.3 §6.5.5")
@pytest.mark.catches("pin-refusals-unnamed")
def test_unknown_protocol(probe: Probe) -> None:
    """A PIN/UV auth protocol that the key does not speak is answered with INVALID_PARAMETER."""
    members = {PROTOCOL: 99, SUBCOMMAND: GET_KEY_AGREEMENT}
    probe.cbor(CMD.CLIENT_PIN, members).refused(ERR.INVALID_PARAMETER)


@pytest.mark.spec("PIN-AGREEMENT-05", "CTAP 2.3 §6.5.5")
@pytest.mark.catches("pin-missing-taken-for-granted")
def test_no_protocol(probe: Probe) -> None:
    """getKeyAgreement without a protocol is answered with MISSING_PARAMETER."""
    probe.cbor(CMD.CLIENT_PIN, {SUBCOMMAND: GET_KEY_AGREEMENT}).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("PIN-AGREEMENT-06", "CTAP 2.3 §6.5.6")
@pytest.mark.needs("clientPin", "power-cycle")
@pytest.mark.catches("pin-agreement-survives")
def test_key_agreement_key_after_a_power_cycle(probe: Probe, pin_auth: PinAuth) -> None:
    """A power cycle brings another key agreement key."""
    before = pin_auth.command(GET_KEY_AGREEMENT).succeeded()[1]
    probe.power_cycle()
    assert pin_auth.command(GET_KEY_AGREEMENT).succeeded()[1] != before


@pytest.mark.spec("PIN-AGREEMENT-07", "CTAP 2.3 §6.5.5.7")
@SPENDS_RETRIES
@pytest.mark.catches("pin-agreement-kept")
def test_key_agreement_key_after_a_wrong_pin(pin_auth: PinAuth, pin: str) -> None:
    """A wrong PIN brings another key agreement key, so that nothing is learnt from many tries."""
    before = pin_auth.command(GET_KEY_AGREEMENT).succeeded()[1]
    pin_auth.ask_token(WRONG_PIN)[0].refused(ERR.PIN_INVALID)
    assert pin_auth.command(GET_KEY_AGREEMENT).succeeded()[1] != before
    pin_auth.token(pin)


# What is no request.


@pytest.mark.spec("PIN-REQUEST-01", "CTAP 2.3 §6.5.5")
@pytest.mark.catches("pin-refusals-unnamed")
def test_no_subcommand(probe: Probe) -> None:
    """A request without a subcommand is answered with MISSING_PARAMETER."""
    probe.cbor(CMD.CLIENT_PIN, {PROTOCOL: 1}).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("PIN-REQUEST-02", "CTAP 2.3 §6.5.5")
@pytest.mark.catches("pin-refusals-unnamed")
def test_unknown_subcommand(probe: Probe) -> None:
    """A subcommand that nobody has defined is refused."""
    expected = (ERR.INVALID_SUBCOMMAND, ERR.INVALID_PARAMETER)  # CTAP 2.0 has the second
    probe.cbor(CMD.CLIENT_PIN, {PROTOCOL: 1, SUBCOMMAND: 0x42}).refused(*expected)


_MISSING = [
    ("setPIN keyAgreement", SET_PIN, KEY_AGREEMENT),
    ("setPIN newPinEnc", SET_PIN, NEW_PIN_ENC),
    ("setPIN pinUvAuthParam", SET_PIN, PARAM),
    ("changePIN keyAgreement", CHANGE_PIN, KEY_AGREEMENT),
    ("changePIN pinHashEnc", CHANGE_PIN, PIN_HASH_ENC),
    ("changePIN newPinEnc", CHANGE_PIN, NEW_PIN_ENC),
    ("changePIN pinUvAuthParam", CHANGE_PIN, PARAM),
    ("getPinToken keyAgreement", GET_PIN_TOKEN, KEY_AGREEMENT),
    ("getPinToken pinHashEnc", GET_PIN_TOKEN, PIN_HASH_ENC),
]


@pytest.mark.catches("pin-missing-taken-for-granted")
@pytest.mark.parametrize(
    ("subcommand", "missing"),
    [
        pytest.param(
            subcommand,
            missing,
            id=name,
            marks=pytest.mark.spec(f"PIN-MISSING-{number:02}", f"CTAP 2.3 §6.5.5, {name}"),
        )
        for number, (name, subcommand, missing) in enumerate(_MISSING, start=1)
    ],
)
def test_missing_parameter(pin_auth: PinAuth, subcommand: int, missing: int) -> None:
    """A subcommand without a parameter that it needs is answered with MISSING_PARAMETER."""
    ours, _ = pin_auth.agree()
    members = {KEY_AGREEMENT: ours, PARAM: bytes(32), NEW_PIN_ENC: bytes(80), PIN_HASH_ENC: bytes(32)}
    del members[missing]
    pin_auth.command(subcommand, members).refused(ERR.MISSING_PARAMETER)


@pytest.mark.catches("pin-refusals-unnamed")
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            {SUBCOMMAND: "1"}, id="subCommand", marks=pytest.mark.spec("PIN-TYPE-01", "CTAP 2.3 §6.5.5")
        ),
        pytest.param(
            {PROTOCOL: "1"}, id="pinUvAuthProtocol", marks=pytest.mark.spec("PIN-TYPE-02", "CTAP 2.3 §6.5.5")
        ),
        pytest.param(
            {KEY_AGREEMENT: b""}, id="keyAgreement", marks=pytest.mark.spec("PIN-TYPE-03", "CTAP 2.3 §6.5.5")
        ),
        pytest.param(
            {PARAM: 1}, id="pinUvAuthParam", marks=pytest.mark.spec("PIN-TYPE-04", "CTAP 2.3 §6.5.5")
        ),
        pytest.param(
            {PIN_HASH_ENC: "1"}, id="pinHashEnc", marks=pytest.mark.spec("PIN-TYPE-05", "CTAP 2.3 §6.5.5")
        ),
    ],
)
def test_parameter_of_another_type(probe: Probe, changed: dict[int, Any]) -> None:
    """A parameter of another type than the specification gives it is answered with CBOR_UNEXPECTED_TYPE."""
    members = {PROTOCOL: 1, SUBCOMMAND: GET_PIN_TOKEN} | changed
    probe.cbor(CMD.CLIENT_PIN, members).refused(ERR.CBOR_UNEXPECTED_TYPE)


# Setting a PIN.


@pytest.mark.spec("PIN-SET-01", "CTAP 2.3 §6.5.5.5")
@SETS_A_PIN
@pytest.mark.catches("pin-first-refused")
@each_protocol
def test_set_pin(without_pin: Probe, version: int) -> None:
    """A key without a PIN takes one, and says so in getInfo."""
    PinAuth(without_pin, version).set_pin(GOOD_PIN).succeeded()
    without_pin.info_now()
    assert without_pin.option("clientPin") is True


@pytest.mark.spec("PIN-SET-02", "CTAP 2.3 §6.5.5.5 step 3")
@SETS_A_PIN
@pytest.mark.catches("pin-set-again", "pin-refusals-unnamed")
def test_set_pin_twice(pin_auth: PinAuth, pin: str) -> None:
    """setPIN is refused with PIN_AUTH_INVALID where there is a PIN: it is changed by who knows it."""
    pin_auth.set_pin(NEW_PIN).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("PIN-SET-03", "CTAP 2.3 §6.5.5.5 step 9")
@SETS_A_PIN
@pytest.mark.catches("pin-short-taken")
@pytest.mark.parametrize("length", [0, 1, -1], ids=["none", "one", "one-too-few"])
def test_pin_that_is_too_short(without_pin: Probe, pin_auth: PinAuth, length: int) -> None:
    """A PIN shorter than minPINLength is refused with PIN_POLICY_VIOLATION."""
    least = without_pin.info.get(0x0D, 4)
    pin_auth.set_pin(GOOD_PIN[: length if length >= 0 else least - 1]).refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("PIN-SET-04", "CTAP 2.3 §6.5.1")
@SETS_A_PIN
@pytest.mark.catches("pin-short-taken")
def test_length_of_a_pin_is_in_characters(without_pin: Probe, pin_auth: PinAuth) -> None:
    """A PIN's length counts characters, not bytes: three of four bytes each are too few."""
    pin_auth.set_pin("🔑" * min(without_pin.info.get(0x0D, 4) - 1, 15)).refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("PIN-SET-05", "CTAP 2.3 §6.5.5.5")
@SETS_A_PIN
@pytest.mark.catches("pin-first-refused")
def test_longest_pin(without_pin: Probe, pin_auth: PinAuth) -> None:
    """A PIN of 63 bytes is taken, and is the PIN."""
    longest = ("conform 1" * 7)[:63]
    pin_auth.set_pin(longest).succeeded()
    pin_auth.token(longest)


@pytest.mark.spec("PIN-SET-06", "CTAP 2.3 §6.5.5.5 step 5")
@SETS_A_PIN
@pytest.mark.catches("pin-auth-unchecked", "pin-policy-for-everything")
@each_protocol
def test_new_pin_that_was_changed_on_the_way(without_pin: Probe, version: int) -> None:
    """A newPinEnc that its pinUvAuthParam does not fit is refused with PIN_AUTH_INVALID."""
    auth = PinAuth(without_pin, version)
    ours, secret = auth.agree()
    encrypted = auth.protocol.encrypt(secret, padded(GOOD_PIN))
    members = {
        KEY_AGREEMENT: ours,
        PARAM: auth.authenticate(secret, encrypted + b"!"),
        NEW_PIN_ENC: encrypted,
    }
    auth.command(SET_PIN, members).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("PIN-SET-07", "CTAP 2.3 §6.5.5.5 step 7")
@SETS_A_PIN
@pytest.mark.catches("pin-policy-for-everything")
def test_new_pin_that_is_not_padded(without_pin: Probe, pin_auth: PinAuth) -> None:
    """A new PIN that is not padded to 64 bytes is refused with INVALID_PARAMETER, and is not set.

    CTAP 2.0 names no status, and some of its keys answer PIN_AUTH_INVALID.
    """
    ours, secret = pin_auth.agree()
    encrypted = pin_auth.protocol.encrypt(secret, GOOD_PIN.encode().ljust(32, b"\x00"))
    members = {KEY_AGREEMENT: ours, PARAM: pin_auth.authenticate(secret, encrypted), NEW_PIN_ENC: encrypted}
    pin_auth.command(SET_PIN, members).refused(ERR.INVALID_PARAMETER, ERR.PIN_AUTH_INVALID)
    without_pin.info_now()
    assert without_pin.option("clientPin") is False


# Changing it.


@pytest.mark.spec("PIN-CHANGE-01", "CTAP 2.3 §6.5.5.6")
@SETS_A_PIN
@pytest.mark.catches("pin-change-refused")
@each_protocol
def test_change_pin(probe: Probe, pin: str, version: int) -> None:
    """Who knows the PIN changes it: the new one is the PIN, and the old one is not."""
    auth = PinAuth(probe, version)
    auth.change_pin(pin, NEW_PIN).succeeded()
    auth.token(NEW_PIN)
    auth.ask_token(pin)[0].refused(ERR.PIN_INVALID)
    auth.change_pin(NEW_PIN, pin).succeeded()


@pytest.mark.spec("PIN-CHANGE-02", "CTAP 2.3 §6.5.5.6 step 8")
@SPENDS_RETRIES
@pytest.mark.catches("pin-refusals-unnamed")
def test_change_pin_by_a_stranger(pin_auth: PinAuth, pin: str) -> None:
    """changePIN with a wrong PIN is refused with PIN_INVALID, and costs a try."""
    before = pin_auth.retries()
    pin_auth.change_pin(WRONG_PIN, NEW_PIN).refused(ERR.PIN_INVALID)
    assert pin_auth.retries() == before - 1
    pin_auth.token(pin)


@pytest.mark.spec("PIN-CHANGE-03", "CTAP 2.3 §6.5.5.6 step 5")
@SETS_A_PIN
@pytest.mark.catches("pin-auth-unchecked")
def test_changed_pin_that_was_changed_on_the_way(pin_auth: PinAuth, pin: str) -> None:
    """changePIN whose pinUvAuthParam does not fit is refused with PIN_AUTH_INVALID, and costs no try."""
    before = pin_auth.retries()
    ours, secret = pin_auth.agree()
    members = {
        KEY_AGREEMENT: ours,
        PARAM: pin_auth.authenticate(secret, b"something else"),
        NEW_PIN_ENC: pin_auth.protocol.encrypt(secret, padded(NEW_PIN)),
        PIN_HASH_ENC: pin_auth.protocol.encrypt(secret, pin_hash(pin)),
    }
    pin_auth.command(CHANGE_PIN, members).refused(ERR.PIN_AUTH_INVALID)
    assert pin_auth.retries() == before


@pytest.mark.spec("PIN-CHANGE-04", "CTAP 2.3 §6.5.5.6 step 11")
@SETS_A_PIN
@pytest.mark.catches("pin-short-taken")
def test_change_to_a_pin_that_is_too_short(pin_auth: PinAuth, pin: str) -> None:
    """changePIN to a PIN shorter than minPINLength is refused with PIN_POLICY_VIOLATION."""
    pin_auth.change_pin(pin, "abc").refused(ERR.PIN_POLICY_VIOLATION)


@pytest.mark.spec("PIN-CHANGE-05", "CTAP 2.3 §6.5.5.6 step 3")
@SETS_A_PIN
@pytest.mark.catches("pin-refusals-unnamed")
def test_change_without_a_pin(without_pin: Probe, pin_auth: PinAuth) -> None:
    """changePIN where no PIN is set is refused with PIN_NOT_SET."""
    pin_auth.change_pin(GOOD_PIN, NEW_PIN).refused(ERR.PIN_NOT_SET)


# Retries.


@pytest.mark.spec("PIN-RETRIES-01", "CTAP 2.3 §6.5.2.3")
@SETS_A_PIN
@pytest.mark.catches("pin-retries-too-many")
def test_number_of_retries(pin_auth: PinAuth, pin: str) -> None:
    """A PIN may be tried eight times at most."""
    assert 1 <= pin_auth.retries() <= 8


@pytest.mark.spec("PIN-RETRIES-02", "CTAP 2.3 §6.5.5.2")
@SETS_A_PIN
@pytest.mark.catches("pin-retries-cost-a-try")
def test_asking_costs_nothing(pin_auth: PinAuth, pin: str) -> None:
    """getPINRetries leaves the retries as they are."""
    assert pin_auth.retries() == pin_auth.retries()


@pytest.mark.spec("PIN-RETRIES-03", "CTAP 2.3 §6.5.5.7 step 8")
@SPENDS_RETRIES
@pytest.mark.catches("pin-retries-not-counted", "pin-retries-lie")
@each_protocol
def test_wrong_pin_costs_a_try(probe: Probe, pin: str, version: int) -> None:
    """A wrong PIN is refused with PIN_INVALID, and costs a try."""
    auth = PinAuth(probe, version)
    before = auth.retries()
    auth.ask_token(WRONG_PIN)[0].refused(ERR.PIN_INVALID)
    assert auth.retries() == before - 1
    auth.token(pin)


@pytest.mark.spec("PIN-RETRIES-04", "CTAP 2.3 §6.5.5.7 step 9")
@SPENDS_RETRIES
@pytest.mark.catches("pin-retries-not-restored")
def test_right_pin_gives_the_tries_back(pin_auth: PinAuth, pin: str) -> None:
    """The right PIN gives all tries back."""
    before = pin_auth.retries()
    pin_auth.ask_token(WRONG_PIN)[0].refused(ERR.PIN_INVALID)
    pin_auth.token(pin)
    assert pin_auth.retries() == before


@pytest.mark.spec("PIN-RETRIES-05", "CTAP 2.3 §6.5.5.7 step 8")
@pytest.mark.needs("clientPin", "power-cycle")
@SPENDS_RETRIES
@pytest.mark.catches("pin-wrong-ones-in-a-row", "pin-blocked-unsaid")
def test_three_wrong_pins_in_a_row(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """After three wrong PINs in a row none is tried any more until a power cycle: PIN_AUTH_BLOCKED.

    A program that guesses needs a hand at the key for each three tries.
    """
    for _ in range(2):
        pin_auth.ask_token(WRONG_PIN)[0].refused(ERR.PIN_INVALID)
    pin_auth.ask_token(WRONG_PIN)[0].refused(ERR.PIN_AUTH_BLOCKED)
    left = pin_auth.retries()
    pin_auth.ask_token(pin)[0].refused(ERR.PIN_AUTH_BLOCKED)
    assert pin_auth.retries() == left
    probe.power_cycle()
    pin_auth.token(pin)


@pytest.mark.spec("PIN-RETRIES-06", "CTAP 2.3 §6.5.2.3")
@pytest.mark.needs("clientPin", "power-cycle")
@SPENDS_RETRIES
@pytest.mark.catches("pin-block-lifted")
def test_retries_survive_a_power_cycle(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """A power cycle gives no try back."""
    pin_auth.ask_token(WRONG_PIN)[0].refused(ERR.PIN_INVALID)
    left = pin_auth.retries()
    probe.power_cycle()
    assert pin_auth.retries() == left
    pin_auth.token(pin)


@pytest.mark.spec("PIN-RETRIES-07", "CTAP 2.3 §6.5.5.7 step 8")
@pytest.mark.needs("clientPin", "power-cycle", "several-keys")
@SPENDS_RETRIES
@pytest.mark.catches("pin-blocked-unsaid", "pin-retries-not-counted")
def test_pin_is_blocked_in_the_end(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """When all tries are used up the PIN is blocked for good: PIN_BLOCKED, also for the right one."""
    for tries in range(8):
        if pin_auth.retries() == 0:
            break
        answer, _ = pin_auth.ask_token(WRONG_PIN)
        assert answer.status in (ERR.PIN_INVALID, ERR.PIN_AUTH_BLOCKED, ERR.PIN_BLOCKED), (
            f"at try {tries + 1}"
        )
        if answer.status == ERR.PIN_AUTH_BLOCKED:
            probe.power_cycle()
    probe.power_cycle()
    pin_auth.ask_token(pin)[0].refused(ERR.PIN_BLOCKED)


@pytest.mark.spec("PIN-RETRIES-08", "CTAP 2.3 §6.5.5.2")
@SETS_A_PIN
@pytest.mark.catches("pin-power-cycle-claimed")
def test_no_power_cycle_is_asked_for(probe: Probe, pin_auth: PinAuth, pin: str) -> None:
    """powerCycleState is false or left out where the PIN may be tried."""
    assert not pin_auth.command(GET_RETRIES).succeeded().get(4)
