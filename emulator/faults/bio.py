"""Faults of authenticatorBioEnrollment (CTAP 2.3 §6.7, §6.12)."""

from __future__ import annotations

from dataclasses import replace

from emulator.faults.changes import Members, changed, given
from emulator.faults.fault import Family, Layer, Parts
from emulator.faults.memory import (
    afterwards,
    before,
    instead_of_power_cycle,
    put_back,
    taken_for,
)
from emulator.faults.messages import (
    asks,
    members_of,
    on_answer,
    on_status,
    refusals_unnamed,
    refusing,
)
from emulator.faults.wiring import ChangedCommands
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import bio_enrollment as bio
from emulator.fido.ctap2 import get_info
from emulator.fido.ctap2.bio_enrollment import SubCommand
from emulator.fido.gesture import SampleStatus
from emulator.fido.session import FingerprintEnrollment
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.key_parts import Commands
from emulator.store import Fingerprint

PLATFORM = "the client, when it reads the answer"
NOBODY = "nobody, until somebody tries"

_BIO = CtapCommand.BIO_ENROLLMENT

_fault = Family(prefix="bio-", caught_by="the user")


def _not_set_up(members: Members) -> Members:
    """Whatever is enrolled, nothing is."""
    options = members[get_info.OPTIONS]
    unset = {name: False for name in ("uv", "bioEnroll") if name in options}
    return {**members, get_info.OPTIONS: {**options, **unset}}


def _silence_counted(members: Members) -> Members:
    if members.get(bio.LAST_ENROLL_SAMPLE_STATUS) != SampleStatus.NO_USER_ACTIVITY:
        return members
    return {**members, bio.REMAINING_SAMPLES: members[bio.REMAINING_SAMPLES] - 1}


def _half_kept(state: AuthenticatorState) -> None:
    if (begun := state.session.enrollment) is not None:
        half = Fingerprint(template_id=begun.template_id)
        state.store.set_fingerprints((*state.store.fingerprints, half))


def _oldest_dropped(state: AuthenticatorState) -> None:
    fingers = state.store.fingerprints
    if len(fingers) >= state.profile.fingerprints:
        state.store.set_fingerprints(fingers[1:])


def _names_lost(state: AuthenticatorState) -> None:
    state.store.set_fingerprints(tuple(replace(finger, name="") for finger in state.store.fingerprints))


def _any_template(commands: Commands, parts: Parts) -> Commands:
    """A sample goes to the template that is being enrolled, whichever is named."""

    def request(message: bytes) -> bytes:
        session = parts.state.session
        if asks(message, _BIO, SubCommand.ENROLL_CAPTURE_NEXT_SAMPLE) and session.enrollment is not None:
            named = members_of(message).get(bio.SUB_COMMAND_PARAMS, {}).get(bio.TEMPLATE_ID_PARAM, b"")
            session.enrollment = replace(session.enrollment, template_id=named)
        return message

    return ChangedCommands(commands, request=request)


def _begin_again(parts: Parts, begun: FingerprintEnrollment | None) -> None:
    parts.state.session.enrollment = begun


_INFO, _BEGIN = SubCommand.GET_FINGERPRINT_SENSOR_INFO, SubCommand.ENROLL_BEGIN
_NEXT = SubCommand.ENROLL_CAPTURE_NEXT_SAMPLE
_SAMPLES = bio.MAX_CAPTURE_SAMPLES_REQUIRED_FOR_ENROLL


def _asks_for_the_sensor(members: Members) -> bool:
    return bio.GET_MODALITY in members or members.get(bio.SUB_COMMAND) == _INFO


FAULTS = (
    # §6.7.2
    _fault(
        "modality-wrong",
        "says that it reads something else than fingers",
        on_answer(_BIO, changed(bio.MODALITY, lambda _: 2)),
        caught_by=PLATFORM,
    ),
    # §6.7.3
    _fault(
        "samples-none",
        "says that it takes no sample to enrol a finger",
        on_answer(_BIO, given(_SAMPLES, 0), _INFO),
        caught_by=PLATFORM,
    ),
    _fault(
        "samples-understated",
        "says that it takes one sample to enrol a finger, and takes more",
        on_answer(_BIO, given(_SAMPLES, 1), _INFO),
        caught_by=PLATFORM,
    ),
    # §6.7.2, §6.7.3
    _fault(
        "info-guarded",
        "wants a token before it says what sensor it has",
        refusing(_BIO, CtapStatus.PUAT_REQUIRED, _asks_for_the_sensor),
        caught_by=PLATFORM,
    ),
    # §6.7.4
    _fault(
        "remaining-stuck",
        "wants the same number of samples after each",
        on_answer(_BIO, given(bio.REMAINING_SAMPLES, 5), _NEXT),
    ),
    _fault(
        "enrolled-unsaid",
        "does not say that it knows a finger",
        on_answer(CtapCommand.GET_INFO, _not_set_up),
        caught_by=PLATFORM,
    ),
    _fault(
        "silence-counted",
        "counts a sample that it did not get",
        on_answer(_BIO, _silence_counted),
        caught_by=PLATFORM,
    ),
    # §6.7.5
    _fault(
        "half-kept",
        "keeps a finger whose enrolment was given up",
        before(_BIO, _half_kept, SubCommand.CANCEL_CURRENT_ENROLLMENT),
    ),
    # §6.7.4
    _fault("any-template", "takes samples for whatever finger is named", _any_template, caught_by=PLATFORM),
    _fault(
        "cancel-unheard",
        "goes on with an enrolment that was given up",
        put_back(
            lambda parts: parts.state.session.enrollment,
            _begin_again,
            _BIO,
            SubCommand.CANCEL_CURRENT_ENROLLMENT,
        ),
    ),
    _fault(
        "oldest-overwritten",
        "forgets the oldest finger where there is no room for another",
        before(_BIO, _oldest_dropped, _BEGIN),
    ),
    # §6.7.7
    _fault("names-lost", "forgets what a finger was called", afterwards(_BIO, _names_lost)),
    # §6.7.6, §6.7.7, §6.7.8
    _fault(
        "strangers-served",
        "says that it has done what it was asked with a finger that it does not know",
        on_status(_BIO, {CtapStatus.INVALID_OPTION: CtapStatus.SUCCESS}),
        caught_by=PLATFORM,
    ),
    # §6.7.7
    _fault(
        "long-names-taken",
        "says that it keeps longer names than it has room for",
        on_status(_BIO, {CtapStatus.INVALID_LENGTH: CtapStatus.SUCCESS}),
        caught_by=PLATFORM,
    ),
    # §6.7.8
    _fault(
        "removal-unheard",
        "lets in by a finger that was removed",
        put_back(
            lambda parts: parts.store.fingerprints,
            lambda parts, kept: parts.store.set_fingerprints(kept),
            _BIO,
            SubCommand.REMOVE_ENROLLMENT,
        ),
        caught_by="the key's owner, once whose finger it is comes by",
    ),
    # §6.7.6
    _fault(
        "forgets-fingers",
        "forgets its fingers at a power cycle",
        instead_of_power_cycle(lambda state: state.store.set_fingerprints(())),
    ),
    # §6.7.4
    _fault(
        "modality-unauthenticated",
        "does not look what modality a pinUvAuthParam is for",
        taken_for(_BIO, lambda message: [message[1:]]),
        caught_by=NOBODY,
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.7.7
    _fault(
        "params-unauthenticated",
        "takes requests whose parameters were changed on the way",
        taken_for(_BIO, lambda message: [message[:2]]),
        caught_by=NOBODY,
        layer=Layer.CRYPTOGRAPHY,
    ),
    # §6.7, §6.7.4, §6.7.8
    _fault(
        "refusals-unnamed",
        "says OTHER whatever is wrong with a request about fingers",
        refusals_unnamed(_BIO),
        caught_by=PLATFORM,
    ),
    # §6.12
    _fault(
        "preview-refused",
        "says that it knows the preview's command, and does not",
        refusing(CtapCommand.BIO_ENROLLMENT_PREVIEW, CtapStatus.INVALID_COMMAND),
        caught_by=PLATFORM,
    ),
)
