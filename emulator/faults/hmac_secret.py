"""Faults of hmac-secret and hmac-secret-mc: secrets that are another, or nobody's own (CTAP 2.3 §12.7)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.faults.changes import Members, entry_given, without
from emulator.faults.fault import Family, Layer, Parts, Wrap
from emulator.faults.messages import on_request, refusing
from emulator.faults.outputs import Outputs, divided, dropped, joined, on_outputs
from emulator.faults.signing import FLAGS, Exchange, on_signed_auth_data
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential
from emulator.fido.ctap2 import extensions as ext
from emulator.fido.ctap2 import get_assertion as ga
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.pin_protocol import PinProtocolOne
from emulator.fido.status import CtapError, CtapStatus
from emulator.key_parts import Commands

SECRECY = "nobody: the secret that data is encrypted under is not what it should be"
PLATFORM = "the client, when it decrypts the answer"

_MAKE, _GET, _NEXT = CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION, CtapCommand.GET_NEXT_ASSERTION
_NAMES = {_MAKE: (mc.EXTENSIONS, ext.HMAC_SECRET_MC), _GET: (ga.EXTENSIONS, ext.HMAC_SECRET)}

_fault = Family(
    prefix="hmac-",
    caught_by="the user, whose data cannot be decrypted any more",
    layer=Layer.CRYPTOGRAPHY,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What an output is to be computed from, in the clear."""

    parts: Parts
    credential: Credential
    salts: list[bytes]
    protocol: int
    uv: bool

    @property
    def cred_random(self) -> bytes:
        credential = self.credential
        found = credential.cred_random_with_uv if self.uv else credential.cred_random_without_uv
        assert found is not None, "the credential was made with hmac-secret"
        return found


def _computed(command: CtapCommand, compute: Callable[[_Asked], bytes]) -> Wrap:
    """The outputs computed otherwise."""
    member, name = _NAMES[command]

    def change(exchange: Exchange, outputs: Outputs) -> Outputs:
        if name not in outputs:
            return outputs
        parts = exchange.parts
        protocol, secret, salts = _opened(parts, exchange.request[member][name])
        asked = _Asked(
            parts=parts,
            credential=exchange.credential,
            salts=[salts[at : at + ext.SALT_LENGTH] for at in range(0, len(salts), ext.SALT_LENGTH)],
            protocol=protocol.number,
            uv=bool(exchange.auth_data[FLAGS] & Flags.UV),
        )
        return {**outputs, name: protocol.encrypt(secret, compute(asked), parts.random_bytes)}

    return on_outputs(command, change)


def _opened(parts: Parts, given: Members) -> tuple[PinProtocolOne, bytes, bytes]:
    """The protocol, the shared secret and the salts of an input."""
    protocol = parts.state.session.protocols[given.get(ext.PIN_UV_AUTH_PROTOCOL, 1)]
    secret = protocol.decapsulate(given[ext.KEY_AGREEMENT])
    return protocol, secret, protocol.decrypt(secret, given[ext.SALT_ENC])


def _by(key: Callable[[_Asked], bytes]) -> Callable[[_Asked], bytes]:
    """Outputs under another key than the CredRandom that is due."""
    return lambda asked: b"".join(hmac.digest(key(asked), salt, "sha256") for salt in asked.salts)


_sound = _by(lambda asked: asked.cred_random)


def _without_uv(asked: _Asked) -> bytes:
    found = asked.credential.cred_random_without_uv
    assert found is not None, "the credential was made with hmac-secret"
    return found


def _same_for_all(asked: _Asked) -> bytes:
    return asked.parts.state.master_secret


def _fitted(commands: Commands, parts: Parts) -> Commands:
    """Salts of any length cut or filled up with zeros."""

    def fitted(given: Members) -> Members:
        try:
            protocol, secret, salts = _opened(parts, given)
        except (CtapError, KeyError):  # for the authenticator to refuse
            return given
        if len(salts) in (ext.SALT_LENGTH, 2 * ext.SALT_LENGTH):
            return given
        enc = protocol.encrypt(secret, salts[:32].ljust(32, b"\x00"), parts.random_bytes)
        mac = hmac.digest(secret[:32], enc, "sha256")[: protocol.mac_length]
        return {**given, ext.SALT_ENC: enc, ext.SALT_AUTH: mac}

    def change(members: Members) -> Members | None:
        given = _input(members)
        if not isinstance(given, dict) or not {ext.KEY_AGREEMENT, ext.SALT_ENC, ext.SALT_AUTH} <= {*given}:
            return None
        return entry_given(ga.EXTENSIONS, ext.HMAC_SECRET, fitted(given))(members)

    return on_request(_GET, change)(commands, parts)


def _input(members: Members) -> Any:
    """The input to hmac-secret in getAssertion."""
    extensions = members.get(ga.EXTENSIONS)
    return extensions.get(ext.HMAC_SECRET) if isinstance(extensions, dict) else None


def _asleep(members: Members) -> Members | None:
    """Without a touch asked for, the extension is passed over."""
    if members.get(ga.OPTIONS, {}).get("up") is not False or _input(members) is None:
        return None
    return without(ga.EXTENSIONS)(members)


def _protocol_unnamed(members: Members) -> bool:
    given = _input(members)
    return isinstance(given, dict) and ext.PIN_UV_AUTH_PROTOCOL not in given


def _first_only(data: bytes) -> bytes:
    """Further assertions without outputs; nobody signs them again."""
    return joined(divided(data)[0], {})


FAULTS = (
    # §12.7
    _fault(
        "creation-unsaid",
        "does not say that a credential has hmac-secret",
        on_outputs(_MAKE, dropped(ext.HMAC_SECRET)),
        caught_by="the client, which takes the key for one that lacks it",
        layer=Layer.MEANING,
    ),
    _fault("missing", "gives no output of hmac-secret", on_outputs(_GET, dropped(ext.HMAC_SECRET))),
    _fault(
        "short",
        "gives secrets of 16 bytes",
        _computed(_GET, lambda asked: _sound(asked)[:16]),
        caught_by=PLATFORM,
    ),
    _fault(
        "first-salt-only",
        "gives one secret for two salts",
        _computed(_GET, lambda asked: _sound(asked)[:32]),
        caught_by=PLATFORM,
    ),
    _fault(
        "swapped",
        "gives the secrets of two salts the wrong way round",
        _computed(_GET, lambda asked: _sound(asked)[32:] + _sound(asked)[:32]),
    ),
    _fault(
        "random",
        "gives another secret each time",
        _computed(_GET, lambda asked: asked.parts.random_bytes(32 * len(asked.salts))),
    ),
    _fault(
        "salt-ignored",
        "gives the same secret for every salt",
        _computed(_GET, lambda asked: hmac.digest(asked.cred_random, b"salt", "sha256") * len(asked.salts)),
        caught_by=SECRECY,
    ),
    _fault(
        "one-cred-random",
        "gives the same secret whether it verified its user or not",
        _computed(_GET, _by(_without_uv)),
        caught_by=SECRECY,
    ),
    _fault(
        "same-for-all",
        "gives the same secret for every credential, whosever it is",
        _computed(_GET, _by(_same_for_all)),
        caught_by=SECRECY,
    ),
    _fault(
        "by-protocol",
        "gives another secret by another PIN/UV auth protocol",
        _computed(_GET, _by(lambda asked: asked.cred_random + bytes((asked.protocol,)))),
    ),
    _fault(
        "any-salt-length",
        "cuts and fills up salts of the wrong length",
        _fitted,
        caught_by=SECRECY,
    ),
    _fault(
        "without-presence",
        "passes over hmac-secret where no touch was asked for",
        on_request(_GET, _asleep),
        caught_by=PLATFORM,
        layer=Layer.MEANING,
    ),
    _fault(
        "protocol-must-be-named",
        "refuses hmac-secret by protocol one unless it is named",
        refusing(_GET, CtapStatus.MISSING_PARAMETER, _protocol_unnamed),
        caught_by="the client, if it is one of CTAP 2.0",
        layer=Layer.MEANING,
    ),
    # §6.3, §12.7
    _fault(
        "first-only",
        "gives the secret of the first credential that it found, and of no other",
        on_signed_auth_data(_NEXT, _first_only),
        caught_by=PLATFORM,
        layer=Layer.MEANING,
    ),
    # §12.8
    _fault(
        "mc-other",
        "gives another secret when a credential is made than ever after",
        _computed(_MAKE, _by(_same_for_all)),
    ),
    _fault(
        "mc-missing",
        "gives no secret when a credential is made",
        on_outputs(_MAKE, dropped(ext.HMAC_SECRET_MC)),
        caught_by=PLATFORM,
        layer=Layer.MEANING,
    ),
)
