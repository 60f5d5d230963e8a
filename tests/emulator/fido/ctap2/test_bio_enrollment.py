"""authenticatorBioEnrollment (CTAP 2.3 §6.7), judged by python-fido2."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, Ctap2, FPBioEnrollment
from fido2.ctap2.bio import CaptureError
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.fido.authenticator import CtapCommand
from emulator.fido.gesture import Gesture, SampleStatus
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

PERMISSION = ClientPin.PERMISSION
BIO = CtapCommand.BIO_ENROLLMENT
SENSOR = replace(
    Profile.load("ctap21"), versions=("FIDO_2_1", "FIDO_2_3"), built_in_uv=True, uv_modality=2, fingerprints=2
)
FEEDBACK = FPBioEnrollment.FEEDBACK


@pytest.fixture
def key(make_key):
    """A key with a PIN and a sensor that knows nobody yet."""
    key = make_key(SENSOR)
    key.set_pin()
    return key


def enrolment(key, permission: PERMISSION = PERMISSION.BIO_ENROLL) -> FPBioEnrollment:
    """The platform's hand at the fingers, with a token by PIN."""
    ctap2 = Ctap2(key)
    client = ClientPin(ctap2)
    return FPBioEnrollment(ctap2, client.protocol, client.get_pin_token("1234", permission, "example.com"))


def enrol(key) -> bytes:
    """The template of a finger that is enrolled without a hitch."""
    context, template_id = enrolment(key).enroll(), None
    while template_id is None:
        template_id = context.capture()
    return template_id


def refused(status: CtapStatus) -> AbstractContextManager[object]:
    return pytest.raises(CtapError, match=status.name)


def options(key) -> dict:
    return Ctap2(key).get_info().options


# Enrolling


def test_a_finger_that_is_enrolled_verifies_its_user(key) -> None:
    """§6.7.4, §6.4 (uv, bioEnroll)."""
    assert (options(key)["uv"], options(key)["bioEnroll"]) == (False, False)
    assert key.make(uv=True)[0] == CtapStatus.INVALID_OPTION
    template_id = enrol(key)
    assert key.asked == [Gesture.SAMPLE] * 4
    assert (options(key)["uv"], options(key)["bioEnroll"]) == (True, True)
    assert enrolment(key).enumerate_enrollments() == {template_id: ""}
    assert key.made(uv=True).is_user_verified()
    assert ClientPin(Ctap2(key)).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")


def test_samples_that_are_no_good_do_not_count(key) -> None:
    """§6.7.4, lastEnrollSampleStatus."""
    key.samples.extend([SampleStatus.TOO_FAST, SampleStatus.GOOD, SampleStatus.TOO_SKEWED])
    context = enrolment(key).enroll()
    for feedback, remaining in ((FEEDBACK.FP_TOO_FAST, 4), (None, 3), (FEEDBACK.FP_TOO_SKEWED, 3), (None, 2)):
        if feedback is None:
            assert context.capture() is None
        else:
            with pytest.raises(CaptureError) as told:
                context.capture()
            assert told.value.code == feedback
        assert context.remaining == remaining
    assert context.capture() is None
    assert context.capture() == context.template_id


@pytest.mark.parametrize("status", list(SampleStatus))
def test_python_fido2_knows_every_status_of_a_sample(key, status: SampleStatus) -> None:
    """§6.7, lastEnrollSampleStatus."""
    key.samples.append(status)
    assert enrolment(key).enroll_begin()[1] == status


def test_no_finger_in_time_is_told_and_the_enrolment_goes_on(key) -> None:
    """§6.7.4, timeoutMilliseconds."""
    key.absent = True
    bio = enrolment(key)
    template_id, feedback, remaining = bio.enroll_begin(timeout=1500)
    assert (feedback, remaining, key.patience) == (FEEDBACK.NO_USER_ACTIVITY, 4, 1.5)
    key.absent = False
    assert bio.enroll_capture_next(template_id) == (FEEDBACK.FP_GOOD, 3)
    assert key.patience is None


def test_an_enrolment_that_is_cancelled_or_begun_anew_leaves_nothing(key) -> None:
    """§6.7.4, §6.7.5."""
    bio = enrolment(key)
    first, _, _ = bio.enroll_begin()
    bio.enroll_cancel()
    with refused(CtapStatus.NOT_ALLOWED):
        bio.enroll_capture_next(first)
    second, _, _ = bio.enroll_begin()
    third, _, _ = bio.enroll_begin()
    with refused(CtapStatus.INVALID_OPTION):
        bio.enroll_capture_next(second)
    assert bio.enroll_capture_next(third) == (FEEDBACK.FP_GOOD, 2)
    assert bio.enumerate_enrollments() == {}


def test_an_enrolment_begun_in_vain_has_ended_the_one_before(key) -> None:
    """§6.7.4."""
    bio = enrolment(key)
    template_id, _, _ = bio.enroll_begin()
    param = bio.pin_uv_protocol.authenticate(bio.pin_uv_token, b"\x01\x01")
    key.waiting(BIO, {1: 1, 2: 1, 4: 2, 5: param}).close()
    with refused(CtapStatus.NOT_ALLOWED):
        bio.enroll_capture_next(template_id)


def test_an_enrolment_does_not_outlive_power(key) -> None:
    """§6.7.4."""
    template_id, _, _ = enrolment(key).enroll_begin()
    key.power_cycle()
    with refused(CtapStatus.NOT_ALLOWED):
        enrolment(key).enroll_capture_next(template_id)


def test_a_sensor_without_room_takes_no_finger_more(key) -> None:
    """§6.7.4."""
    fingers = {enrol(key), enrol(key)}
    assert len(fingers) == 2
    with refused(CtapStatus.FP_DATABASE_FULL):
        enrolment(key).enroll_begin()
    enrolment(key).remove_enrollment(fingers.pop())
    enrol(key)


def test_fingers_outlast_power_and_not_a_reset(key) -> None:
    """§6.6."""
    template_id = enrol(key)
    key.power_cycle()
    assert enrolment(key).enumerate_enrollments() == {template_id: ""}
    Ctap2(key).reset()
    assert (options(key)["uv"], key.snapshot().fingerprints) == (False, ())


# Naming and removing


def test_a_finger_may_be_named_and_renamed(key) -> None:
    """§6.7.7."""
    ids, bio = [enrol(key), enrol(key)], enrolment(key)
    for name in ("left thumb", "ü" * 32, ""):
        bio.set_name(ids[0], name)
        assert bio.enumerate_enrollments() == {ids[0]: name, ids[1]: ""}
    with refused(CtapStatus.INVALID_LENGTH):
        bio.set_name(ids[0], "ü" * 32 + "x")


def test_a_finger_that_is_removed_verifies_nobody(key) -> None:
    """§6.7.8."""
    template_id, bio = enrol(key), enrolment(key)
    bio.remove_enrollment(template_id)
    assert bio.enumerate_enrollments() == {}
    assert options(key)["uv"] is False
    request = {1: 2, 2: 6, 3: key.command(6, {1: 2, 2: 2})[1][1], 9: 2, 10: "example.com"}
    assert key.command(CtapCommand.CLIENT_PIN, request)[0] == CtapStatus.NOT_ALLOWED  # §6.5.5.7.3


def test_a_finger_that_is_not_there_is_neither_named_nor_removed(key) -> None:
    """§6.7.6, §6.7.7, §6.7.8."""
    enrol(key)
    before, bio = key.snapshot(), enrolment(key)
    for act in (lambda: bio.set_name(b"none", "name"), lambda: bio.remove_enrollment(b"none")):
        with refused(CtapStatus.INVALID_OPTION):
            act()
    assert key.snapshot() == before


def test_the_sensor_tells_of_itself_to_anyone(make_key) -> None:
    """§6.7.2, §6.7.3."""
    key = make_key(SENSOR)
    assert key.command(BIO, {6: True}) == (CtapStatus.SUCCESS, {1: 1})
    assert key.command(BIO, {1: 1, 2: 7}) == (CtapStatus.SUCCESS, {2: 1, 3: 4, 8: 64})


# Who may


@pytest.mark.parametrize("sub_command", [1, 2, 4, 5, 6])
def test_fingers_are_for_who_has_the_permission(key, sub_command: int) -> None:
    """§6.7.4 to §6.7.8: PUAT_REQUIRED, then the protocol, then the token."""
    enrol(key)
    before, params = key.snapshot(), {1: before_id(key), 2: "name"}
    request = {1: 1, 2: sub_command, 3: params}
    assert key.command(BIO, request)[0] == CtapStatus.PUAT_REQUIRED
    assert key.command(BIO, request | {5: bytes(32)})[0] == CtapStatus.MISSING_PARAMETER
    assert key.command(BIO, request | {4: 7, 5: bytes(32)})[0] == CtapStatus.INVALID_PARAMETER
    assert key.command(BIO, request | {4: 2, 5: bytes(32)})[0] == CtapStatus.PIN_AUTH_INVALID
    other = enrolment(key, PERMISSION.GET_ASSERTION)
    with refused(CtapStatus.PIN_AUTH_INVALID):
        other._call(sub_command, params)
    late = enrolment(key)
    key.now += 30
    with refused(CtapStatus.PIN_AUTH_INVALID):
        late._call(sub_command, params)
    assert key.snapshot() == before


def before_id(key) -> bytes:
    return key.snapshot().fingerprints[0].template_id


@pytest.mark.parametrize("may", [False, True])
def test_a_finger_permits_other_fingers_and_settings_only_where_the_key_says_so(make_key, may: bool) -> None:
    """§6.5.5.7.3 step 4, §6.4 (uvBioEnroll, uvAcfg)."""
    profile = replace(SENSOR, config_commands=("toggleAlwaysUv",), uv_bio_enroll=may, uv_acfg=may)
    key = make_key(profile)
    key.set_pin()
    enrol(key)
    client = ClientPin(Ctap2(key))
    assert {"uvBioEnroll", "uvAcfg"} <= options(key).keys() or not may
    for permission in (PERMISSION.BIO_ENROLL, PERMISSION.AUTHENTICATOR_CFG):
        if may:
            assert client.get_uv_token(permission)
        else:
            with refused(CtapStatus.UNAUTHORIZED_PERMISSION):
                client.get_uv_token(permission)


def test_a_setting_by_finger_does_not_excuse_from_changing_the_pin(make_key) -> None:
    """§6.11.4."""
    key = make_key(replace(SENSOR, config_commands=("setMinPINLength",), uv_acfg=True))
    key.set_pin()
    enrol(key)
    client = ClientPin(Ctap2(key))
    for length, demanded in ((None, True), (4, False)):
        token = client.get_uv_token(PERMISSION.AUTHENTICATOR_CFG)
        Config(client.ctap, client.protocol, token).set_min_pin_length(length, force_change_pin=demanded)
        assert Ctap2(key).get_info().force_pin_change is True


# Bad input


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, CtapStatus.MISSING_PARAMETER),
        ({6: False}, CtapStatus.MISSING_PARAMETER),
        ({1: 1}, CtapStatus.MISSING_PARAMETER),
        ({2: 7}, CtapStatus.MISSING_PARAMETER),
        ({1: 2, 2: 7}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 2: 0}, CtapStatus.INVALID_SUBCOMMAND),
        ({1: 1, 2: 8}, CtapStatus.INVALID_SUBCOMMAND),
        ({1: "1", 2: 7}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: b""}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 1, 3: []}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 1, 4: "2"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 1, 5: "param"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({6: 1}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 1, 3: {3: "1000"}, 5: b""}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 1, 3: {3: -1}, 5: b""}, CtapStatus.INVALID_PARAMETER),
        ({1: 1, 2: 2, 5: b""}, CtapStatus.MISSING_PARAMETER),
        ({1: 1, 2: 2, 3: {1: "id"}, 5: b""}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 5, 3: {1: b"id"}, 5: b""}, CtapStatus.MISSING_PARAMETER),
        ({1: 1, 2: 5, 3: {1: b"id", 2: b"name"}, 5: b""}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({1: 1, 2: 6, 3: {}, 5: b""}, CtapStatus.MISSING_PARAMETER),
        ({1: 1, 2: 2}, CtapStatus.PUAT_REQUIRED),  # step 1 of each, before what is missing is looked at
        ({1: 1, 2: 5, 3: {}}, CtapStatus.PUAT_REQUIRED),
        ({1: 1, 2: 5, 3: {1: b"id", 2: "x" * 65}, 4: 2, 5: b""}, CtapStatus.INVALID_LENGTH),
    ],
    ids=str,
)
def test_members_missing_or_of_the_wrong_type_are_refused(key, parameters, status) -> None:
    """§6.7, the parameters; §8."""
    assert key.command(BIO, parameters)[0] == status
    assert key.asked == []


# The preview


def test_the_preview_is_there_where_the_profile_says_so_and_takes_a_token_without_permissions(
    make_key,
) -> None:
    """§6.12."""
    key = make_key(
        replace(SENSOR, versions=("FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1"), bio_enrollment_preview=True)
    )
    assert options(key)["userVerificationMgmtPreview"] is False
    key.set_pin()
    client = ClientPin(Ctap2(key))
    param = client.protocol.authenticate(client.get_pin_token("1234"), b"\x01\x01")
    status, captured = key.command(CtapCommand.BIO_ENROLLMENT_PREVIEW, {1: 1, 2: 1, 4: 2, 5: param})
    assert (status, captured[5], captured[6]) == (CtapStatus.SUCCESS, 0, 3)
    assert make_key(SENSOR).command(CtapCommand.BIO_ENROLLMENT_PREVIEW)[0] == CtapStatus.INVALID_COMMAND
    assert make_key("passkey").command(BIO)[0] == CtapStatus.INVALID_COMMAND


# How often since the PIN


def test_the_key_counts_its_verifications_since_the_pin(key) -> None:
    """§6.4, uvCountSinceLastPinEntry."""

    def count() -> int | None:
        return Ctap2(key).get_info().uv_count_since_pin

    enrol(key)
    assert count() == 0
    key.made(uv=True)
    ClientPin(Ctap2(key)).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    key.fingers.append(False)
    with refused(CtapStatus.UV_INVALID):
        ClientPin(Ctap2(key)).get_uv_token(PERMISSION.GET_ASSERTION, "example.com")
    assert count() == 2
    with refused(CtapStatus.PIN_INVALID):
        key.token(pin="0000")
    assert count() == 2
    key.token()
    assert count() == 0


# Any sequence


@settings(max_examples=25)
@given(samples=st.lists(st.sampled_from(list(SampleStatus)), max_size=12))
def test_a_finger_is_enrolled_by_as_many_good_samples_as_the_sensor_says(make_key, samples) -> None:
    key = make_key(SENSOR)
    key.set_pin()
    key.samples.extend(samples)
    bio = enrolment(key)
    template_id, good = None, 0
    for status in samples:
        if template_id is None:
            template_id, told, remaining = bio.enroll_begin()
        else:
            told, remaining = bio.enroll_capture_next(template_id)
        good += status is SampleStatus.GOOD
        assert (told, remaining) == (status, 4 - good)
        if remaining == 0:
            break
    assert len(key.snapshot().fingerprints) == (good == 4)
