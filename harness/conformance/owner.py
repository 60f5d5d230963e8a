"""The key's owner, whom it verifies: by the PIN, or where it has none by itself (CTAP 2.3 §6.5.5.7)."""

from __future__ import annotations

from typing import Any

from fido2 import cbor

from harness.conformance.pin import ACFG, PinAuth
from harness.conformance.probe import CMD, Answer, Probe

CONFIG_PREFIX = b"\xff" * 32 + b"\x0d"
"""What stands before subcommand and parameters under authenticatorConfig's pinUvAuthParam (§6.11)."""


class Owner:
    """Lets a platform do things with the key; ``pin`` is ``None`` where the key verifies by itself."""

    def __init__(self, auth: PinAuth, pin: str | None) -> None:
        self.auth = auth
        self.pin = pin

    @property
    def probe(self) -> Probe:
        return self.auth.probe

    def token(self, permissions: int, rp_id: str | None = None) -> bytes:
        """A pinUvAuthToken with these permissions."""
        if self.pin is None:
            return self.auth.uv_token(permissions, rp_id)
        return self.auth.token(self.pin, permissions, rp_id)

    def configure(self, subcommand: int, params: dict[int, Any] | None = None) -> Answer:
        """authenticatorConfig's subcommand, with a token for it."""
        message = CONFIG_PREFIX + signed(subcommand, params)
        param = self.auth.authenticate(self.token(ACFG), message)
        members: dict[int, Any] = {1: subcommand, 3: self.auth.version, 4: param}
        if params is not None:
            members[2] = params
        return self.probe.cbor(CMD.CONFIG, members)


def signed(subcommand: int, params: dict[int, Any] | None) -> bytes:
    """subCommand ‖ subCommandParams."""
    return bytes((subcommand,)) + (b"" if params is None else cbor.encode(params))
