"""PIN/UV auth as the platform's side of it, message by message (CTAP 2.3 §6.5)."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from fido2.ctap2.pin import PinProtocol, PinProtocolV1, PinProtocolV2

from harness.conformance.probe import CMD, SUCCESS, Answer, Probe

PROTOCOL, SUBCOMMAND, KEY_AGREEMENT, PARAM, NEW_PIN_ENC, PIN_HASH_ENC, PERMISSIONS, RP_ID = (
    1, 2, 3, 4, 5, 6, 9, 10
)  # fmt: skip
GET_RETRIES, GET_KEY_AGREEMENT, SET_PIN, CHANGE_PIN, GET_PIN_TOKEN, GET_TOKEN_UV, GET_UV_RETRIES = range(1, 8)
GET_TOKEN_PIN = 9

MC, GA, CM, BE, LBW, ACFG, PCMR = (1 << bit for bit in range(7))


class PinAuth:
    """One PIN/UV auth protocol (1 or 2) spoken with the key under test."""

    def __init__(self, probe: Probe, version: int) -> None:
        self.probe = probe
        self.version = version
        self.protocol: PinProtocol = {1: PinProtocolV1, 2: PinProtocolV2}[version]()

    def command(self, subcommand: int, members: dict[int, Any] | None = None) -> Answer:
        """authenticatorClientPIN with the protocol, the subcommand and what else is given."""
        return self.probe.cbor(
            CMD.CLIENT_PIN, {PROTOCOL: self.version, SUBCOMMAND: subcommand, **(members or {})}
        )

    def agree(self) -> tuple[dict[int, Any], bytes]:
        """A fresh agreement: our COSE key for the key, and the shared secret."""
        theirs = self.command(GET_KEY_AGREEMENT).succeeded()[1]
        ours, secret = self.protocol.encapsulate(theirs)
        return dict(ours), secret

    def set_pin(self, pin: str) -> Answer:
        """setPIN, §6.5.5.5."""
        ours, secret = self.agree()
        encrypted = self.protocol.encrypt(secret, padded(pin))
        param = self.protocol.authenticate(secret, encrypted)
        return self._given(
            pin, self.command(SET_PIN, {KEY_AGREEMENT: ours, PARAM: param, NEW_PIN_ENC: encrypted})
        )

    def change_pin(self, old: str, new: str) -> Answer:
        """changePIN, §6.5.5.6."""
        ours, secret = self.agree()
        encrypted = self.protocol.encrypt(secret, padded(new))
        old_hash = self.protocol.encrypt(secret, pin_hash(old))
        param = self.protocol.authenticate(secret, encrypted + old_hash)
        answer = self.command(
            CHANGE_PIN,
            {KEY_AGREEMENT: ours, PARAM: param, NEW_PIN_ENC: encrypted, PIN_HASH_ENC: old_hash},
        )
        return self._given(new, answer)

    def _given(self, pin: str, answer: Answer) -> Answer:
        """The answer to a request that gives the key this PIN, noted if it did."""
        if answer.status == SUCCESS:
            self.probe.pin_set = pin
        return answer

    def ask_token(
        self, pin: str, permissions: int | None = None, rp_id: str | None = None
    ) -> tuple[Answer, bytes]:
        """getPinToken, or with permissions …UsingPinWithPermissions; the answer and its shared secret."""
        ours, secret = self.agree()
        members: dict[int, Any] = {
            KEY_AGREEMENT: ours,
            PIN_HASH_ENC: self.protocol.encrypt(secret, pin_hash(pin)),
        }
        if permissions is not None:
            members[PERMISSIONS] = permissions
        if rp_id is not None:
            members[RP_ID] = rp_id
        return self.command(GET_PIN_TOKEN if permissions is None else GET_TOKEN_PIN, members), secret

    def token(self, pin: str, permissions: int | None = None, rp_id: str | None = None) -> bytes:
        """The pinUvAuthToken that the PIN gets."""
        answer, secret = self.ask_token(pin, permissions, rp_id)
        return self.protocol.decrypt(secret, answer.succeeded()[2])

    def uv_token(self, permissions: int, rp_id: str | None = None) -> bytes:
        """The pinUvAuthToken that built-in user verification gets."""
        ours, secret = self.agree()
        members: dict[int, Any] = {KEY_AGREEMENT: ours, PERMISSIONS: permissions}
        if rp_id is not None:
            members[RP_ID] = rp_id
        return self.protocol.decrypt(secret, self.command(GET_TOKEN_UV, members).succeeded()[2])

    def authenticate(self, token: bytes, message: bytes) -> bytes:
        """A pinUvAuthParam."""
        return self.protocol.authenticate(token, message)

    def retries(self) -> int:
        """The PIN retries left."""
        retries: int = self.command(GET_RETRIES).succeeded()[3]
        return retries


def padded(pin: str) -> bytes:
    """A new PIN as it is encrypted: UTF-8, zeros up to 64 bytes."""
    return pin.encode().ljust(64, b"\x00")


def pin_hash(pin: str) -> bytes:
    """The first 16 bytes of its SHA-256."""
    return sha256(pin.encode()).digest()[:16]
