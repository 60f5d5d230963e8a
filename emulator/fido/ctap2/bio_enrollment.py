"""authenticatorBioEnrollment (CTAP 2.3 §6.7), and its preview (§6.12) under another command byte.

The sensor is of our own making: it takes a finger's samples, one a touch, and what it finds each to be
comes with the gesture.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from emulator.fido import cbor
from emulator.fido.ctap2.parameters import optional, parameters, required
from emulator.fido.ctap2.verification import authorize
from emulator.fido.gesture import Gesture, Given, SampleStatus, Within
from emulator.fido.session import FingerprintEnrollment, Permission
from emulator.fido.state import AuthenticatorState, Running
from emulator.fido.status import CtapError, CtapStatus
from emulator.store import Fingerprint

MODALITY = 0x01
SUB_COMMAND = 0x02
SUB_COMMAND_PARAMS = 0x03
PIN_UV_AUTH_PROTOCOL = 0x04
PIN_UV_AUTH_PARAM = 0x05
GET_MODALITY = 0x06

TEMPLATE_ID_PARAM = 0x01
TEMPLATE_FRIENDLY_NAME_PARAM = 0x02
TIMEOUT_MILLISECONDS = 0x03

FINGERPRINT_KIND = 0x02
MAX_CAPTURE_SAMPLES_REQUIRED_FOR_ENROLL = 0x03
TEMPLATE_ID = 0x04
LAST_ENROLL_SAMPLE_STATUS = 0x05
REMAINING_SAMPLES = 0x06
TEMPLATE_INFOS = 0x07
MAX_TEMPLATE_FRIENDLY_NAME = 0x08

FINGERPRINT = 0x01
"""The modality."""
TOUCH = 0x01
"""The kind of sensor."""
TEMPLATE_ID_LENGTH = 2
MAX_NAME_LENGTH = 64
"""Bytes of UTF-8 that a finger's name may have."""
LONGEST_TIMEOUT = 300.0
"""Seconds that a platform may have the key wait for a sample; nobody stands there longer."""


class SubCommand(IntEnum):
    """§6.7, the subcommands of the modality fingerprint."""

    ENROLL_BEGIN = 0x01
    ENROLL_CAPTURE_NEXT_SAMPLE = 0x02
    CANCEL_CURRENT_ENROLLMENT = 0x03
    ENUMERATE_ENROLLMENTS = 0x04
    SET_FRIENDLY_NAME = 0x05
    REMOVE_ENROLLMENT = 0x06
    GET_FINGERPRINT_SENSOR_INFO = 0x07


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """§6.7, the parameters; ``preview`` says that they came under the preview's command byte."""

    modality: int | None
    sub_command: int | None
    params: Mapping[Any, Any] | None
    pin_uv_auth_protocol: int | None
    pin_uv_auth_param: bytes | None
    get_modality: bool
    preview: bool

    @classmethod
    def parse(cls, data: Any, *, preview: bool = False) -> Request:
        data = parameters(data)
        return cls(
            modality=optional(data, MODALITY, int),
            sub_command=optional(data, SUB_COMMAND, int),
            params=optional(data, SUB_COMMAND_PARAMS, dict),
            pin_uv_auth_protocol=optional(data, PIN_UV_AUTH_PROTOCOL, int),
            pin_uv_auth_param=optional(data, PIN_UV_AUTH_PARAM, bytes),
            get_modality=optional(data, GET_MODALITY, bool) is True,
            preview=preview,
        )

    @property
    def template_id(self) -> bytes:
        """The finger that is meant (``MISSING_PARAMETER``)."""
        return required(self._of_who_may_ask(), TEMPLATE_ID_PARAM, bytes)

    @property
    def friendly_name(self) -> str:
        """A name for it (``MISSING_PARAMETER``, ``INVALID_LENGTH``)."""
        name = required(self._of_who_may_ask(), TEMPLATE_FRIENDLY_NAME_PARAM, str)
        if len(name.encode()) > MAX_NAME_LENGTH:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        return name

    @property
    def timeout(self) -> float | None:
        """Seconds that the platform gives a sample; ``None`` leaves it to the key."""
        timeout_ms = optional(self._of_who_may_ask(), TIMEOUT_MILLISECONDS, int)
        if timeout_ms is not None and timeout_ms < 0:
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        return None if timeout_ms is None else min(timeout_ms / 1000, LONGEST_TIMEOUT)

    def _of_who_may_ask(self) -> Mapping[Any, Any]:
        """The parameters, of a request that is authenticated: that comes first (§6.7.4 to §6.7.8, step 1)."""
        if self.pin_uv_auth_param is None:
            raise CtapError(CtapStatus.PUAT_REQUIRED)
        return self.params or {}

    def authorize(self, state: AuthenticatorState, now: float) -> None:
        """Only who may enrol fingers goes on; the preview's tokens know no permissions (§6.12)."""
        params = b"" if self.params is None else cbor.encode(self.params)
        authorize(
            state,
            Permission(0) if self.preview else Permission.BE,
            bytes((FINGERPRINT, self.sub_command or 0)) + params,
            self.pin_uv_auth_param,
            self.pin_uv_auth_protocol,
            now,
        )


def run(state: AuthenticatorState, request: Request, now: float) -> Running:
    """The subcommand's answer; §6.7.2 tells the modality to anyone who asks."""
    if request.get_modality:
        return {MODALITY: FINGERPRINT}
    if request.modality is None or request.sub_command is None:
        raise CtapError(CtapStatus.MISSING_PARAMETER)
    if request.modality != FINGERPRINT:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    if request.sub_command not in set(SubCommand):
        raise CtapError(CtapStatus.INVALID_SUBCOMMAND)
    match SubCommand(request.sub_command):
        case SubCommand.ENROLL_BEGIN:
            return (yield from enroll_begin(state, request, now))
        case SubCommand.ENROLL_CAPTURE_NEXT_SAMPLE:
            return (yield from enroll_capture_next_sample(state, request, now))
        case SubCommand.CANCEL_CURRENT_ENROLLMENT:
            state.session.enrollment = None  # §6.7.5: nobody's leave is needed
        case SubCommand.ENUMERATE_ENROLLMENTS:
            return enumerate_enrollments(state, request, now)
        case SubCommand.SET_FRIENDLY_NAME:
            set_friendly_name(state, request, now)
        case SubCommand.REMOVE_ENROLLMENT:
            remove_enrollment(state, request, now)
        case SubCommand.GET_FINGERPRINT_SENSOR_INFO:
            return get_fingerprint_sensor_info(state)
    return None


def get_fingerprint_sensor_info(state: AuthenticatorState) -> dict[int, Any]:
    """§6.7.3."""
    return {
        FINGERPRINT_KIND: TOUCH,
        MAX_CAPTURE_SAMPLES_REQUIRED_FOR_ENROLL: state.profile.fingerprint_samples,
        MAX_TEMPLATE_FRIENDLY_NAME: MAX_NAME_LENGTH,
    }


def enroll_begin(state: AuthenticatorState, request: Request, now: float) -> Running:
    """§6.7.4: a new template and its first sample; an enrolment that was under way is over."""
    timeout = request.timeout
    request.authorize(state, now)
    if len(state.store.fingerprints) >= state.profile.fingerprints:
        raise CtapError(CtapStatus.FP_DATABASE_FULL)
    enrollment = FingerprintEnrollment(
        template_id=_new_template_id(state), remaining=state.profile.fingerprint_samples
    )
    state.session.enrollment = None
    captured = yield from _capture(state, enrollment, timeout)
    return {TEMPLATE_ID: enrollment.template_id} | captured


def enroll_capture_next_sample(state: AuthenticatorState, request: Request, now: float) -> Running:
    """§6.7.4: one sample more of the template that is being enrolled.

    Out of turn it is refused as continuations are (§6), and another template as one that is not there.
    """
    template_id, timeout = request.template_id, request.timeout
    request.authorize(state, now)
    enrollment = state.session.enrollment
    if enrollment is None:
        raise CtapError(CtapStatus.NOT_ALLOWED)
    if enrollment.template_id != template_id:
        raise CtapError(CtapStatus.INVALID_OPTION)
    return (yield from _capture(state, enrollment, timeout))


def enumerate_enrollments(state: AuthenticatorState, request: Request, now: float) -> dict[int, Any]:
    """§6.7.6."""
    request.authorize(state, now)
    fingerprints = state.store.fingerprints
    if not fingerprints:
        raise CtapError(CtapStatus.INVALID_OPTION)
    return {
        TEMPLATE_INFOS: [
            {TEMPLATE_ID_PARAM: finger.template_id, TEMPLATE_FRIENDLY_NAME_PARAM: finger.name}
            for finger in fingerprints
        ]
    }


def set_friendly_name(state: AuthenticatorState, request: Request, now: float) -> None:
    """§6.7.7."""
    template_id, name = request.template_id, request.friendly_name
    request.authorize(state, now)
    named = replace(_find(state, template_id), name=name)
    state.store.set_fingerprints(
        tuple(named if finger.template_id == template_id else finger for finger in state.store.fingerprints)
    )


def remove_enrollment(state: AuthenticatorState, request: Request, now: float) -> None:
    """§6.7.8; without the last finger there is no built-in user verification until the next."""
    template_id = request.template_id
    request.authorize(state, now)
    removed = _find(state, template_id)
    state.store.set_fingerprints(tuple(finger for finger in state.store.fingerprints if finger != removed))


def _find(state: AuthenticatorState, template_id: bytes) -> Fingerprint:
    for finger in state.store.fingerprints:
        if finger.template_id == template_id:
            return finger
    raise CtapError(CtapStatus.INVALID_OPTION)


def _new_template_id(state: AuthenticatorState) -> bytes:
    """One that no finger has."""
    taken = {finger.template_id for finger in state.store.fingerprints}
    while (template_id := state.random_bytes(TEMPLATE_ID_LENGTH)) in taken:
        pass
    return template_id


def _capture(
    state: AuthenticatorState, enrollment: FingerprintEnrollment, timeout: float | None
) -> Generator[Gesture | Within, Given, dict[int, Any]]:
    """Take a sample; the last good one makes the template a finger that verifies its user."""
    status = yield from _sample(timeout)
    if status is SampleStatus.GOOD:
        enrollment = replace(enrollment, remaining=enrollment.remaining - 1)
    if enrollment.remaining:
        state.session.enrollment = enrollment
    else:
        finger = Fingerprint(template_id=enrollment.template_id)
        state.store.set_fingerprints((*state.store.fingerprints, finger))
        state.session.enrollment = None
    return {LAST_ENROLL_SAMPLE_STATUS: int(status), REMAINING_SAMPLES: enrollment.remaining}


def _sample(timeout: float | None) -> Generator[Gesture | Within, Given, SampleStatus]:
    """What the sensor finds the next touch to be; none in time is a finding too."""
    try:
        given = yield Gesture.SAMPLE if timeout is None else Within(Gesture.SAMPLE, timeout)
    except CtapError:
        return SampleStatus.NO_USER_ACTIVITY
    return given.sample
