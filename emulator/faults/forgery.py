"""Requests that a key takes though no token allows them: their pinUvAuthParam made by the key itself."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256

from emulator.faults.changes import Members
from emulator.faults.fault import Parts, Wrap
from emulator.faults.messages import asks, members_of
from emulator.faults.wiring import ChangedCommands
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.session import Permission, PinUvAuthToken
from emulator.key_parts import Commands

_PROTOCOL_AND_PARAM = {
    CtapCommand.MAKE_CREDENTIAL: (9, 8),
    CtapCommand.GET_ASSERTION: (7, 6),
    CtapCommand.CREDENTIAL_MANAGEMENT: (3, 4),
    CtapCommand.LARGE_BLOBS: (6, 5),
}


def forging(command: CtapCommand, change: Callable[[Parts, Members], Members | None]) -> Wrap:
    """Requests of ``command`` changed, and allowed whatever they ask; ``None`` leaves one as it is."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        kept: list[PinUvAuthToken | None] = []

        def request(message: bytes) -> bytes:
            changed = change(parts, members_of(message)) if asks(message, command) else None
            if changed is None:
                return message
            token, session = _token(parts), parts.state.session
            kept.append(session.token)
            session.token = token
            protocol, param = _PROTOCOL_AND_PARAM[command]
            mac = hmac.digest(token.value, signed(command, changed), "sha256")
            proof = {protocol: token.protocol, param: mac[:16] if token.protocol == 1 else mac}
            return message[:1] + cbor.encode({**changed, **proof})

        def answer(_: bytes, answer: bytes) -> bytes:
            if kept:
                parts.state.session.token = kept.pop()
            return answer

        return ChangedCommands(inner, request=request, answer=answer)

    return wrap


def signed(command: CtapCommand, members: Members) -> bytes:
    """What the pinUvAuthParam of a request is made over."""
    match command:
        case CtapCommand.MAKE_CREDENTIAL:
            return bytes(members[1])
        case CtapCommand.GET_ASSERTION:
            return bytes(members[2])
        case CtapCommand.LARGE_BLOBS:
            offset, digest = members[3].to_bytes(4, "little"), sha256(members[2]).digest()
            return b"\xff" * 32 + b"\x0c\x00" + bytes(offset) + digest
    params = cbor.encode(members[2]) if 2 in members else b""
    return bytes((members[1],)) + params


def _token(parts: Parts) -> PinUvAuthToken:
    return PinUvAuthToken(
        protocol=parts.profile.pin_uv_auth_protocols[0],
        value=parts.random_bytes(32),
        limited=False,
        begun=0.0,
        permissions=Permission(sum(Permission)),
    )
