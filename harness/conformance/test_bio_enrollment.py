"""authenticatorBioEnrollment: fingers enrolled, listed, named and removed (CTAP 2.3 §6.7, §6.12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.conformance.bio import (
    BEGIN,
    CANCEL,
    ENUMERATE,
    FINGERPRINT,
    FRIENDLY_NAME,
    GET_MODALITY,
    GOOD,
    KIND,
    LONGEST_NAME,
    MODALITY,
    NAME,
    NEXT,
    NO_USER_ACTIVITY,
    PARAM,
    PARAMS,
    PROTOCOL,
    REMAINING,
    REMOVE,
    SAMPLE_STATUS,
    SAMPLES,
    SUBCOMMAND,
    TEMPLATE,
    TEMPLATE_ID,
    TEMPLATES,
    TIMEOUT_MS,
    Bio,
    signed,
)
from harness.conformance.pin import MC, PinAuth
from harness.conformance.probe import CMD, ERR, Probe

pytestmark = [
    pytest.mark.needs("bioEnroll", "clientPin"),
    pytest.mark.destructive("enrols fingers"),
    pytest.mark.touches(0),
]

NOBODY = b"\xff\xff\xff"
"""The ID of no template."""

takes_a_finger = pytest.mark.touches(5)
without_fingers = pytest.mark.needs("bioEnroll", "clientPin", "several-keys")


@pytest.fixture
def bio(pin_auth: PinAuth, pin: str) -> Bio:
    return Bio(pin_auth, pin)


@pytest.fixture
def finger(bio: Bio) -> Iterator[bytes]:
    """The template of a finger that is removed in the end."""
    template_id, _ = bio.enrol()
    yield template_id
    bio.send(REMOVE, {TEMPLATE_ID: template_id})


# The sensor.


@pytest.mark.spec("BIO-SENSOR-01", "CTAP 2.3 §6.7.2")
@pytest.mark.catches("bio-modality-wrong", "bio-info-guarded")
def test_modality(probe: Probe) -> None:
    """Anyone is told the modality, which is fingerprint: no other is defined."""
    assert probe.cbor(CMD.BIO_ENROLLMENT, {GET_MODALITY: True}).succeeded() == {MODALITY: FINGERPRINT}


@pytest.mark.spec("BIO-SENSOR-02", "CTAP 2.3 §6.7.3")
@pytest.mark.catches("bio-samples-none", "bio-info-guarded")
def test_sensor_info(bio: Bio) -> None:
    """Anyone is told the kind of sensor, how many samples it takes and how long a name may be."""
    info = bio.sensor_info()
    assert info[KIND] in (1, 2), "the sensor is neither of touch nor of swipe"
    assert info[SAMPLES] >= 1
    assert info.get(LONGEST_NAME, 64) >= 1


# Enrolling.


@pytest.mark.spec("BIO-ENROL-01", "CTAP 2.3 §6.7.4")
@takes_a_finger
@without_fingers
@pytest.mark.catches("bio-remaining-stuck", "bio-enrolled-unsaid")
def test_enrol(probe: Probe, bio: Bio) -> None:
    """Good samples bring remainingSamples down to zero; then getInfo has uv and bioEnroll true."""
    _, remaining = bio.enrol()
    assert remaining == sorted(remaining, reverse=True)
    assert remaining[-1] == 0
    assert (probe.option("uv"), probe.option("bioEnroll")) == (True, True)


@pytest.mark.spec("BIO-ENROL-02", "CTAP 2.3 §6.7.3")
@takes_a_finger
@pytest.mark.catches("bio-samples-understated")
def test_number_of_samples(bio: Bio) -> None:
    """No more samples are wanted than maxCaptureSamplesRequiredForEnroll says."""
    members = bio.send(BEGIN).succeeded()
    bio.bare({MODALITY: FINGERPRINT, SUBCOMMAND: CANCEL}).succeeded()
    taken = members[SAMPLE_STATUS] == GOOD
    assert members[REMAINING] + taken <= bio.sensor_info()[SAMPLES]


@pytest.mark.spec("BIO-ENROL-03", "CTAP 2.3 §6.7.4")
@pytest.mark.slow(2)
@pytest.mark.catches("bio-silence-counted")
def test_nobody_comes(probe: Probe, bio: Bio) -> None:
    """A sample that nobody gives within its time-out is none: NO_USER_ACTIVITY, and as many remain."""
    probe.leave_alone()
    members = bio.send(BEGIN, {TIMEOUT_MS: 2000}).succeeded()
    probe.leave_alone(False)
    bio.bare({MODALITY: FINGERPRINT, SUBCOMMAND: CANCEL}).succeeded()
    assert members[SAMPLE_STATUS] == NO_USER_ACTIVITY
    assert members[REMAINING] == bio.sensor_info()[SAMPLES]


@pytest.mark.spec("BIO-ENROL-04", "CTAP 2.3 §6.7.5")
@pytest.mark.touches(1)
@pytest.mark.catches("bio-half-kept")
def test_enrolment_that_is_given_up(bio: Bio) -> None:
    """A finger whose enrolment was given up is not kept: it would verify with fewer samples."""
    half = bio.send(BEGIN).succeeded()[TEMPLATE]
    bio.bare({MODALITY: FINGERPRINT, SUBCOMMAND: CANCEL}).succeeded()
    assert half not in bio.fingers()


@pytest.mark.spec("BIO-ENROL-05", "CTAP 2.3 §6.7.4")
@pytest.mark.touches(1)
@pytest.mark.catches("bio-cancel-unheard")
def test_sample_of_what_was_given_up(bio: Bio) -> None:
    """No further sample is taken of an enrolment that was given up."""
    half = bio.send(BEGIN).succeeded()[TEMPLATE]
    bio.bare({MODALITY: FINGERPRINT, SUBCOMMAND: CANCEL}).succeeded()
    bio.send(NEXT, {TEMPLATE_ID: half}).refused(ERR.NOT_ALLOWED, ERR.INVALID_OPTION, ERR.INVALID_PARAMETER)


@pytest.mark.spec("BIO-ENROL-06", "CTAP 2.3 §6.7.4")
@pytest.mark.touches(1)
@pytest.mark.catches("bio-any-template")
def test_sample_of_another_finger(bio: Bio) -> None:
    """No sample is taken of another template than the one that is being enrolled."""
    bio.send(BEGIN).succeeded()
    answer = bio.send(NEXT, {TEMPLATE_ID: NOBODY})
    bio.bare({MODALITY: FINGERPRINT, SUBCOMMAND: CANCEL}).succeeded()
    answer.refused(ERR.NOT_ALLOWED, ERR.INVALID_OPTION, ERR.INVALID_PARAMETER)


@pytest.mark.spec("BIO-ENROL-07", "CTAP 2.3 §6.7.4")
@pytest.mark.touches(26)
@without_fingers
@pytest.mark.catches("bio-oldest-overwritten")
def test_no_room_for_another_finger(bio: Bio) -> None:
    """Where there is no room for another finger, FP_DATABASE_FULL; those that there are stay."""
    first, _ = bio.enrol()
    for _ in range(20):
        answer = bio.send(BEGIN)
        if answer.status:
            answer.refused(ERR.FP_DATABASE_FULL)
            break
        bio.bare({MODALITY: FINGERPRINT, SUBCOMMAND: CANCEL}).succeeded()
        bio.enrol()
    assert first in bio.fingers()


# Listing, naming, removing.


@pytest.mark.spec("BIO-LIST-01", "CTAP 2.3 §6.7.6")
@without_fingers
@pytest.mark.catches("bio-strangers-served")
def test_no_fingers(bio: Bio) -> None:
    """Where no finger is enrolled, enumerateEnrollments answers INVALID_OPTION."""
    bio.send(ENUMERATE).refused(ERR.INVALID_OPTION)


@pytest.mark.spec("BIO-LIST-02", "CTAP 2.3 §6.7.6")
@takes_a_finger
@pytest.mark.needs("bioEnroll", "clientPin", "power-cycle")
@pytest.mark.catches("bio-forgets-fingers")
def test_fingers_after_a_power_cycle(probe: Probe, bio: Bio, finger: bytes) -> None:
    """A finger that was enrolled is listed, before and after a power cycle."""
    assert finger in bio.fingers()
    probe.power_cycle()
    assert finger in bio.fingers()


@pytest.mark.spec("BIO-NAME-01", "CTAP 2.3 §6.7.7")
@takes_a_finger
@pytest.mark.catches("bio-names-lost")
def test_name(bio: Bio, finger: bytes) -> None:
    """setFriendlyName gives a finger a name, any UTF-8, by which it is listed."""
    bio.send(NAME, {TEMPLATE_ID: finger, FRIENDLY_NAME: "left index ☝"}).succeeded()
    assert bio.fingers()[finger] == "left index ☝"


@pytest.mark.spec("BIO-NAME-02", "CTAP 2.3 §6.7.7")
@takes_a_finger
@pytest.mark.catches("bio-long-names-taken")
def test_name_that_is_too_long(bio: Bio, finger: bytes) -> None:
    """A name longer than maxTemplateFriendlyName is refused with INVALID_LENGTH."""
    name = "n" * (bio.sensor_info().get(LONGEST_NAME, 64) + 1)
    bio.send(NAME, {TEMPLATE_ID: finger, FRIENDLY_NAME: name}).refused(ERR.INVALID_LENGTH)


@pytest.mark.spec("BIO-NAME-03", "CTAP 2.3 §6.7.7")
@pytest.mark.catches("bio-strangers-served")
def test_name_of_nobody(bio: Bio) -> None:
    """A template that is not there is not named: INVALID_OPTION."""
    bio.send(NAME, {TEMPLATE_ID: NOBODY, FRIENDLY_NAME: "nobody"}).refused(ERR.INVALID_OPTION)


@pytest.mark.spec("BIO-REMOVE-01", "CTAP 2.3 §6.7.8")
@takes_a_finger
@without_fingers
@pytest.mark.catches("bio-removal-unheard")
def test_remove(probe: Probe, bio: Bio, finger: bytes) -> None:
    """removeEnrollment ends a finger; after the last one uv and bioEnroll are false."""
    bio.send(REMOVE, {TEMPLATE_ID: finger}).succeeded()
    bio.send(ENUMERATE).refused(ERR.INVALID_OPTION)
    probe.info_now()
    assert (probe.option("uv"), probe.option("bioEnroll")) == (False, False)


@pytest.mark.spec("BIO-REMOVE-02", "CTAP 2.3 §6.7.8")
@pytest.mark.catches("bio-strangers-served")
def test_remove_nobody(bio: Bio) -> None:
    """A template that is not there is not removed: INVALID_OPTION."""
    bio.send(REMOVE, {TEMPLATE_ID: NOBODY}).refused(ERR.INVALID_OPTION)


# Who may.


@pytest.mark.catches("pin-not-needed")
@pytest.mark.parametrize(
    ("subcommand", "params"),
    [
        pytest.param(
            subcommand,
            params,
            id=name,
            marks=pytest.mark.spec(f"BIO-AUTH-{number:02}", f"CTAP 2.3 {section}"),
        )
        for number, (name, section, subcommand, params) in enumerate(
            [
                ("begin", "§6.7.4", BEGIN, None),
                ("next", "§6.7.4", NEXT, {TEMPLATE_ID: NOBODY}),
                ("enumerate", "§6.7.6", ENUMERATE, None),
                ("name", "§6.7.7", NAME, {TEMPLATE_ID: NOBODY, FRIENDLY_NAME: "n"}),
                ("remove", "§6.7.8", REMOVE, {TEMPLATE_ID: NOBODY}),
            ],
            start=1,
        )
    ],
)
def test_without_a_token(bio: Bio, subcommand: int, params: dict[int, Any] | None) -> None:
    """Without a pinUvAuthParam nothing is done with fingers: PUAT_REQUIRED.

    Whoever sits down at a key that is plugged in must not be able to add their own.
    """
    members = {MODALITY: FINGERPRINT, SUBCOMMAND: subcommand} | ({PARAMS: params} if params else {})
    bio.bare(members).refused(ERR.PUAT_REQUIRED)


@pytest.mark.spec("BIO-AUTH-06", "CTAP 2.3 §6.7.4")
@pytest.mark.catches("pin-permissions-ignored")
def test_token_for_something_else(bio: Bio) -> None:
    """A token without the permission be does nothing with fingers: PIN_AUTH_INVALID."""
    token = bio.auth.token(bio.pin, MC, "conform.example")
    bio.send(ENUMERATE, token=token).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("BIO-AUTH-07", "CTAP 2.3 §6.7.4")
@pytest.mark.catches("bio-modality-unauthenticated")
def test_param_over_no_modality(bio: Bio) -> None:
    """A pinUvAuthParam is over the modality first; without it, PIN_AUTH_INVALID."""
    bio.send(ENUMERATE, message=signed(ENUMERATE, None)[1:]).refused(ERR.PIN_AUTH_INVALID)


@pytest.mark.spec("BIO-AUTH-08", "CTAP 2.3 §6.7.7")
@pytest.mark.catches("bio-params-unauthenticated")
def test_param_over_no_parameters(bio: Bio) -> None:
    """A pinUvAuthParam that does not cover the subcommand's parameters is refused: PIN_AUTH_INVALID."""
    answer = bio.send(REMOVE, {TEMPLATE_ID: NOBODY}, message=signed(REMOVE, None))
    answer.refused(ERR.PIN_AUTH_INVALID)


# What is no request.


@pytest.mark.spec("BIO-REQUEST-01", "CTAP 2.3 §6.7")
@pytest.mark.catches("bio-refusals-unnamed")
def test_unknown_subcommand(bio: Bio) -> None:
    """A subcommand that nobody has defined is refused with INVALID_SUBCOMMAND."""
    bio.send(0x42).refused(ERR.INVALID_SUBCOMMAND)


@pytest.mark.spec("BIO-REQUEST-02", "CTAP 2.3 §6.7.4")
@pytest.mark.catches("bio-refusals-unnamed")
def test_no_modality(bio: Bio) -> None:
    """A subcommand without its modality is answered with MISSING_PARAMETER."""
    bio.bare({SUBCOMMAND: BEGIN}).refused(ERR.MISSING_PARAMETER)


@pytest.mark.spec("BIO-REQUEST-03", "CTAP 2.3 §6.7.8")
@pytest.mark.catches("bio-refusals-unnamed")
def test_no_template(bio: Bio) -> None:
    """removeEnrollment without a template is answered with MISSING_PARAMETER."""
    bio.send(REMOVE).refused(ERR.MISSING_PARAMETER)


# The preview.


@pytest.mark.spec("BIO-PREVIEW-01", "CTAP 2.3 §6.12")
@takes_a_finger
@pytest.mark.needs("bioEnroll", "clientPin", "userVerificationMgmtPreview")
@pytest.mark.catches("bio-preview-refused")
def test_preview(probe: Probe, bio: Bio, finger: bytes) -> None:
    """Under the preview's command byte, 40, a token of getPinToken lists fingers.

    Older clients know no other.
    """
    token = bio.auth.token(bio.pin)
    members = {
        MODALITY: FINGERPRINT,
        SUBCOMMAND: ENUMERATE,
        PROTOCOL: bio.auth.version,
        PARAM: bio.auth.authenticate(token, signed(ENUMERATE, None)),
    }
    templates = probe.cbor(0x40, members).succeeded()[TEMPLATES]
    assert finger in [template[TEMPLATE_ID] for template in templates]
