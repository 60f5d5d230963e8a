"""Registration and assertion, judged with a software key that can be made to tell any lie."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.webauthn import AuthenticatorData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.service.model import Challenge, FidoSecurityKey
from harness.service.profile import ServiceProfile
from harness.service.webauthn_rules import (
    Asserted,
    Expectations,
    Refused,
    Registered,
    check_assertion,
    check_registration,
    creation_options,
    request_options,
)

NOW = 1_767_225_600.0
EXPECTED = Expectations(
    challenge=Challenge(value=bytes(range(32)), expires_at=NOW + 300),
    now=NOW,
    rp_id="localhost",
    origins=("http://localhost:8000",),
    user_handle=b"AIDAALICE",
    profile=ServiceProfile.load(),
)
STRICT = replace(EXPECTED, profile=replace(EXPECTED.profile, user_verification="required"))
Flags = AuthenticatorData.FLAG
SoftwareKey = Any


def registration(key: SoftwareKey, expected: Expectations = EXPECTED) -> Registered | Refused:
    return check_registration(key.register(creation_options(expected, "alice", [])), expected)


def stored(registered: Registered | Refused) -> FidoSecurityKey:
    assert isinstance(registered, Registered), registered
    return FidoSecurityKey(
        serial_number="arn:aws:iam::123456789012:u2f/user/alice/key-A",
        name="key",
        account_id="123456789012",
        user_name="alice",
        enabled_at=NOW,
        credential_id=registered.credential_id,
        public_key=registered.public_key,
        sign_count=registered.sign_count,
        aaguid=registered.aaguid,
        attestation_format=registered.attestation_format,
        transports=registered.transports,
        backup_eligible=registered.backup_eligible,
        backed_up=registered.backed_up,
    )


def assertion(
    key: SoftwareKey, record: FidoSecurityKey, expected: Expectations = EXPECTED
) -> Asserted | Refused:
    return check_assertion([record], key.respond(request_options(expected, [record])), expected)


# Options.


def test_creation_options_ask_for_what_the_profile_says_and_exclude_only_the_users_own_keys(
    software_key: Callable[..., SoftwareKey],
) -> None:
    record = stored(registration(software_key()))
    options = creation_options(EXPECTED, "alice", [record])
    assert options["rp"] == {"id": "localhost", "name": EXPECTED.profile.rp_name}
    assert options["user"]["name"] == "alice"
    assert options["attestation"] == "direct"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert options["authenticatorSelection"]["residentKey"] == "discouraged"
    assert [parameters["alg"] for parameters in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert options["timeout"] == 60_000
    assert [excluded["transports"] for excluded in options["excludeCredentials"]] == [["usb"]]


def test_request_options_allow_the_users_keys(software_key: Callable[..., SoftwareKey]) -> None:
    record = stored(registration(software_key()))
    options = request_options(EXPECTED, [record])
    assert options["rpId"] == "localhost"
    assert options["userVerification"] == "preferred"
    assert len(options["allowCredentials"]) == 1


# Registration.


@pytest.mark.parametrize("attestation_format", ["none", "packed"])
def test_a_registration_is_accepted(
    software_key: Callable[..., SoftwareKey], attestation_format: str
) -> None:
    registered = registration(software_key(attestation_format=attestation_format, sign_count=7))
    assert isinstance(registered, Registered)
    assert registered.attestation_format == attestation_format
    assert (registered.sign_count, registered.transports) == (7, ("usb",))
    assert not registered.backup_eligible


def test_a_synced_passkey_is_known_by_its_flags(software_key: Callable[..., SoftwareKey]) -> None:
    registered = registration(software_key(flags=Flags.UP | Flags.UV | Flags.BE | Flags.BS))
    assert isinstance(registered, Registered)
    assert (registered.backup_eligible, registered.backed_up) == (True, True)


LIES = {
    "another origin": ({"origin": "http://evil.example"}, "origin"),
    "another relying party": ({"rp_id": "evil.example"}, "RP ID hash"),
    "no user presence": ({"flags": Flags.UV}, "[Pp]resen"),
    "another ceremony": ({"client_data": {"type": "payment.get"}}, "client data type|clientDataJSON"),
    "another challenge": ({"client_data": {"challenge": "AAAA"}}, "challenge was not expected"),
    "a frame of another origin": ({"client_data": {"crossOrigin": True}}, "frame of another origin"),
}


@pytest.mark.parametrize(("lie", "diagnosis"), LIES.values(), ids=LIES)
def test_a_registration_with_a_lie_in_it_is_refused(
    software_key: Callable[..., SoftwareKey], lie: dict[str, Any], diagnosis: str
) -> None:
    outcome = registration(software_key(**lie))
    assert isinstance(outcome, Refused)
    assert re.search(diagnosis, outcome.diagnosis), outcome


def test_an_assertion_is_no_registration_and_the_other_way_round(
    software_key: Callable[..., SoftwareKey],
) -> None:
    key = software_key()
    record = stored(registration(key))
    asserted = key.respond(request_options(EXPECTED, [record]))
    registered = key.register(creation_options(EXPECTED, "alice", []))
    assert isinstance(check_registration(asserted, EXPECTED), Refused)
    assert isinstance(check_assertion([record], registered, EXPECTED), Refused)


def test_user_verification_is_asked_for_where_the_profile_requires_it(
    software_key: Callable[..., SoftwareKey],
) -> None:
    assert isinstance(registration(software_key(), STRICT), Refused)
    key = software_key(flags=Flags.UP | Flags.UV)
    record = stored(registration(key, STRICT))
    assert isinstance(assertion(key, record, STRICT), Asserted)
    key.flags = Flags.UP
    assert isinstance(assertion(key, record, STRICT), Refused)


def test_an_attestation_format_that_the_profile_does_not_name_is_refused(
    software_key: Callable[..., SoftwareKey],
) -> None:
    only_packed = replace(EXPECTED, profile=replace(EXPECTED.profile, attestation_formats=("packed",)))
    assert registration(software_key(), only_packed) == Refused(
        diagnosis="attestation format none is not accepted"
    )
    assert isinstance(registration(software_key(attestation_format="tpm")), Refused)


def test_an_algorithm_that_was_not_asked_for_is_refused(software_key: Callable[..., SoftwareKey]) -> None:
    only_eddsa = replace(EXPECTED, profile=replace(EXPECTED.profile, public_key_algorithms=(-8,)))
    assert isinstance(registration(software_key(), only_eddsa), Refused)


def test_a_credential_id_that_is_too_long_is_refused(software_key: Callable[..., SoftwareKey]) -> None:
    assert isinstance(registration(software_key(credential_id=bytes(1023))), Registered)
    assert registration(software_key(credential_id=bytes(1024))) == Refused(
        diagnosis="a credential ID of 1024 bytes is too long"
    )


@pytest.mark.parametrize(
    "challenge", [None, Challenge(value=bytes(range(32)), expires_at=NOW)], ids=["none", "expired"]
)
def test_without_a_challenge_in_play_nothing_is_accepted(
    software_key: Callable[..., SoftwareKey], challenge: Challenge | None
) -> None:
    key = software_key()
    record = stored(registration(key))
    late = replace(EXPECTED, challenge=challenge)
    for outcome in (
        check_registration(key.register(creation_options(EXPECTED, "alice", [])), late),
        check_assertion([record], key.respond(request_options(EXPECTED, [record])), late),
    ):
        assert isinstance(outcome, Refused)
        assert "challenge" in outcome.diagnosis


# Assertion.


def test_an_assertion_is_accepted_and_moves_the_sign_count(
    software_key: Callable[..., SoftwareKey],
) -> None:
    key = software_key(sign_count=4)
    record = stored(registration(key))
    outcome = assertion(key, record)
    assert outcome == Asserted(key=replace(record, sign_count=5))


@pytest.mark.parametrize(("lie", "diagnosis"), LIES.values(), ids=LIES)
def test_an_assertion_with_a_lie_in_it_is_refused(
    software_key: Callable[..., SoftwareKey], lie: dict[str, Any], diagnosis: str
) -> None:
    record = stored(registration(software_key()))
    outcome = assertion(software_key(**lie), record)
    assert isinstance(outcome, Refused)
    assert re.search(diagnosis, outcome.diagnosis), outcome


def test_a_signature_by_another_key_is_refused(software_key: Callable[..., SoftwareKey]) -> None:
    record = stored(registration(software_key()))
    other = software_key(private_key=ec.derive_private_key(7, ec.SECP256R1()))
    assert assertion(other, record) == Refused(diagnosis="Could not verify authentication signature")


def test_a_credential_of_someone_else_is_refused(software_key: Callable[..., SoftwareKey]) -> None:
    record = stored(registration(software_key()))
    assert assertion(software_key(credential_id=b"\x02" * 32), record) == Refused(
        diagnosis="the credential is not one of this user's"
    )
    assert assertion(software_key(user_handle=b"AIDABOB"), record) == Refused(
        diagnosis="the credential says it is another user's"
    )
    assert isinstance(assertion(software_key(user_handle=b"AIDAALICE"), record), Asserted)


@pytest.mark.parametrize(
    ("stored_count", "new_count", "accepted"),
    [(0, 0, True), (0, 1, True), (1, 2, True), (1, 9, True), (1, 1, False), (2, 1, False), (5, 0, False)],
)
def test_a_sign_count_must_rise_unless_both_are_zero(
    software_key: Callable[..., SoftwareKey], stored_count: int, new_count: int, accepted: bool
) -> None:
    key = software_key()
    record = replace(stored(registration(key)), sign_count=stored_count)
    key.sign_count = new_count - 1
    if new_count == 0:
        key = software_key(sign_count=-1)
    outcome = assertion(key, record)
    assert isinstance(outcome, Asserted if accepted else Refused)
    if isinstance(outcome, Refused):
        assert "may have been cloned" in outcome.diagnosis
    else:
        assert outcome.key.sign_count == new_count


def test_backup_eligibility_may_not_change_but_the_backup_state_may(
    software_key: Callable[..., SoftwareKey],
) -> None:
    key = software_key(flags=Flags.UP | Flags.BE)
    record = stored(registration(key))
    key.flags = Flags.UP | Flags.BE | Flags.BS
    outcome = assertion(key, record)
    assert isinstance(outcome, Asserted)
    assert outcome.key.backed_up
    key.flags = Flags.UP
    assert assertion(key, record) == Refused(diagnosis="the credential's backup eligibility has changed")


# Whatever is sent.


def nested() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner))


@settings(max_examples=200, deadline=None)
@given(st.text() | nested().map(json.dumps))
def test_whatever_text_is_sent_is_refused_without_an_exception(text: str) -> None:
    assert isinstance(check_registration(text, EXPECTED), Refused)
    assert isinstance(check_assertion([], text, EXPECTED), Refused)


def test_a_text_nested_ten_thousand_deep_is_refused() -> None:
    for text in ("[" * 100_000, '{"a":' * 100_000):
        assert isinstance(check_registration(text, EXPECTED), Refused)
        assert isinstance(check_assertion([], text, EXPECTED), Refused)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_response_with_a_byte_changed_anywhere_is_refused_without_an_exception(
    software_key: Callable[..., SoftwareKey], data: st.DataObject
) -> None:
    key = software_key(attestation_format="packed")
    record = stored(registration(key))
    ceremony = data.draw(st.sampled_from(["register", "assert"]))
    if ceremony == "register":
        response = key.register(creation_options(EXPECTED, "alice", []))
        fields = ["clientDataJSON", "attestationObject"]
    else:
        response = key.respond(request_options(EXPECTED, [record]))
        fields = ["clientDataJSON", "authenticatorData", "signature"]
    sent = json.loads(response)
    field = data.draw(st.sampled_from(fields))
    text = sent["response"][field]
    at = data.draw(st.integers(0, len(text) - 2))  # the last character carries unused bits
    letter = data.draw(st.sampled_from("ABCDEFGHabcdefgh01234567-_"))
    if text[at] == letter:
        return
    sent["response"][field] = text[:at] + letter + text[at + 1 :]
    if ceremony == "register":
        outcome: object = check_registration(json.dumps(sent), EXPECTED)
        assert isinstance(outcome, Refused), outcome
    else:
        outcome = check_assertion([record], json.dumps(sent), EXPECTED)
        assert isinstance(outcome, Refused), outcome


def test_a_count_that_does_not_rise_is_noted_where_the_profile_says_so(
    software_key: Callable[..., SoftwareKey],
) -> None:
    lenient = replace(EXPECTED, profile=replace(EXPECTED.profile, sign_count_fault="note"))
    key = software_key(sign_count=7)
    record = stored(registration(key))
    key.sign_count = 2  # a clone, which has signed less
    refused = assertion(key, record)
    assert isinstance(refused, Refused)
    key.sign_count = 2
    accepted = assertion(key, record, lenient)
    assert isinstance(accepted, Asserted)
    assert accepted.note == "sign count 3 is not above 7: the key may have been cloned"
    assert accepted.key.sign_count == 7
    assert isinstance(unremarkable := assertion(software_key(sign_count=7), record, lenient), Asserted)
    assert (unremarkable.note, unremarkable.key.sign_count) == ("", 8)
