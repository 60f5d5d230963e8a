"""authenticatorBioEnrollment as the platform's side of it (CTAP 2.3 §6.7)."""

from __future__ import annotations

from typing import Any

from fido2 import cbor

from harness.conformance.pin import BE, PinAuth
from harness.conformance.probe import CMD, ERR, Answer

MODALITY, SUBCOMMAND, PARAMS, PROTOCOL, PARAM, GET_MODALITY = range(1, 7)
BEGIN, NEXT, CANCEL, ENUMERATE, NAME, REMOVE, SENSOR_INFO = range(1, 8)
TEMPLATE_ID, FRIENDLY_NAME, TIMEOUT_MS = 1, 2, 3
KIND, SAMPLES, TEMPLATE, SAMPLE_STATUS, REMAINING, TEMPLATES, LONGEST_NAME = range(2, 9)

FINGERPRINT = 1
GOOD, NO_USER_ACTIVITY = 0x00, 0x0D
PATIENCE = 4
"""Times as many samples as a sensor says it takes may be poor before an enrolment is given up."""


class Bio:
    """The fingers of the key whose PIN is ``pin``."""

    def __init__(self, auth: PinAuth, pin: str) -> None:
        self.auth = auth
        self.pin = pin

    def bare(self, members: dict[int, Any]) -> Answer:
        """These members and no others."""
        return self.auth.probe.cbor(CMD.BIO_ENROLLMENT, members)

    def send(self, subcommand: int, params: dict[int, Any] | None = None, **changed: Any) -> Answer:
        """A subcommand; ``message`` is what its pinUvAuthParam is made over, ``token`` what with."""
        message = changed.get("message", signed(subcommand, params))
        token = changed.get("token") or self.auth.token(self.pin, BE)
        members: dict[int, Any] = {MODALITY: FINGERPRINT, SUBCOMMAND: subcommand}
        if params is not None:
            members[PARAMS] = params
        return self.bare(
            {**members, PROTOCOL: self.auth.version, PARAM: self.auth.authenticate(token, message)}
        )

    def sensor_info(self) -> dict[int, Any]:
        """getFingerprintSensorInfo."""
        return self.bare({MODALITY: FINGERPRINT, SUBCOMMAND: SENSOR_INFO}).succeeded()

    def enrol(self) -> tuple[bytes, list[int]]:
        """A new finger: its template's ID, and how many samples were still wanted after each."""
        members = self.send(BEGIN).succeeded()
        template_id, remaining = members[TEMPLATE], [members[REMAINING]]
        for _ in range(PATIENCE * self.sensor_info()[SAMPLES]):
            if remaining[-1] == 0:
                self.auth.probe.info_now()
                return template_id, remaining
            remaining.append(self.send(NEXT, {TEMPLATE_ID: template_id}).succeeded()[REMAINING])
        raise AssertionError(f"after {len(remaining)} samples the key wants {remaining[-1]} more")

    def fingers(self) -> dict[bytes, str]:
        """The names of the fingers that there are, by template."""
        answer = self.send(ENUMERATE)
        infos = [] if answer.status == ERR.INVALID_OPTION else answer.succeeded()[TEMPLATES]
        return {info[TEMPLATE_ID]: info.get(FRIENDLY_NAME, "") for info in infos}


def signed(subcommand: int, params: dict[int, Any] | None) -> bytes:
    """modality ‖ subCommand ‖ subCommandParams."""
    return bytes((FINGERPRINT, subcommand)) + (b"" if params is None else cbor.encode(params))
