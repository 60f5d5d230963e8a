"""authenticatorConfig as the platform's side of it (CTAP 2.3 §6.11)."""

from __future__ import annotations

from typing import Any

from fido2 import cbor

from harness.conformance.owner import CONFIG_PREFIX
from harness.conformance.pin import ACFG, PinAuth
from harness.conformance.probe import CMD, Answer, Probe

SUBCOMMAND, PARAMS, PROTOCOL, PARAM = 1, 2, 3, 4
ENABLE_EP, TOGGLE_ALWAYS_UV, SET_MIN_PIN_LENGTH, LONG_TOUCH, VENDOR = 1, 2, 3, 4, 0xFF
NEW_LENGTH, RP_IDS, FORCE_CHANGE, COMPLEXITY = 1, 2, 3, 4

FORCED, MIN_LENGTH, MAX_RP_IDS, LONG_TOUCH_SET, COMPLEX, MAX_LENGTH = 0x0C, 0x0D, 0x10, 0x18, 0x1B, 0x1D
"""What getInfo tells of the settings."""

NEW_PIN = "conform 20"


class Config:
    """The key's settings, made with a token for that."""

    def __init__(self, probe: Probe, auth: PinAuth, pin: str) -> None:
        self.probe, self.auth, self.pin = probe, auth, pin

    def send(self, subcommand: int, params: dict[int, Any] | None = None, **changed: Any) -> Answer:
        """The setting; ``message`` is what the pinUvAuthParam is made over, ``token`` what with."""
        encoded = b"" if params is None else cbor.encode(params)
        message = changed.get("message", CONFIG_PREFIX + bytes((subcommand,)) + encoded)
        token = changed.get("token") or self.auth.token(self.pin, ACFG)
        members: dict[int, Any] = {
            SUBCOMMAND: subcommand,
            PROTOCOL: changed.get("protocol", self.auth.version),
        }
        if params is not None:
            members[PARAMS] = params
        members[PARAM] = self.auth.authenticate(token, message)
        return self.bare({number: value for number, value in members.items() if value is not None})

    def set_min_pin_length(self, **params: Any) -> None:
        """The keywords are ``length``, ``rp_ids``, ``force``, ``complexity``."""
        names = {"length": NEW_LENGTH, "rp_ids": RP_IDS, "force": FORCE_CHANGE, "complexity": COMPLEXITY}
        self.send(SET_MIN_PIN_LENGTH, {names[name]: params[name] for name in params}).succeeded()
        self.probe.info_now()

    def bare(self, members: dict[int, Any]) -> Answer:
        """These members and no others."""
        return self.probe.cbor(CMD.CONFIG, members)

    def change_pin_and_back(self) -> None:
        """Another PIN, and then the one there was."""
        self.auth.change_pin(self.pin, NEW_PIN).succeeded()
        self.auth.change_pin(NEW_PIN, self.pin).succeeded()
