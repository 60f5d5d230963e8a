"""Faults of credProtect: credentials shown, or hidden, where they should not be (CTAP 2.3 §12.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from emulator.faults.changes import Members, changed
from emulator.faults.fault import Family, Parts, Wrap
from emulator.faults.messages import asks, on_request
from emulator.faults.outputs import Outputs, dropped, on_outputs, replaced
from emulator.faults.signing import Exchange
from emulator.faults.wiring import ChangedCommands, together
from emulator.fido.authenticator import CtapCommand
from emulator.fido.credential import Credential, unwrap
from emulator.fido.ctap2.extensions import (
    CRED_PROTECT,
    UV_OPTIONAL,
    UV_OPTIONAL_WITH_CREDENTIAL_ID_LIST,
    UV_REQUIRED,
)
from emulator.fido.ctap2.make_credential import EXTENSIONS
from emulator.key_parts import Commands

USER = "the user, who cannot sign in"
RELYING_PARTY = "the relying party, when it reads what the key made of its credProtect"

_MAKE, _GET = CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION

View = Callable[[Credential], Credential | None]

_fault = Family(
    prefix="credprotect-",
    caught_by="nobody: whoever finds the key learns where its owner has accounts",
)


def _same(credential: Credential) -> Credential:
    return credential


def _seen(command: CtapCommand | None, *, by_id: View = _same, of_rp: View = _same) -> Wrap:
    """Credentials as ``command`` sees them, found by ID or by relying party; ``None`` is U2F."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        store = parts.store
        credential, credentials = store.credential, store.credentials

        def look(found: Credential | None) -> Credential | None:
            return None if found is None else by_id(found)

        def named(credential_id: bytes) -> Credential | None:
            return look(credential(credential_id))

        def seen(rp_id_hash: bytes) -> Sequence[Credential]:
            return [view for found in credentials(rp_id_hash) if (view := of_rp(found)) is not None]

        def opened(credential_id: bytes, rp_id_hash: bytes, master_key: bytes) -> Credential | None:
            return look(unwrap(credential_id, rp_id_hash, master_key))

        def through(changed: bool) -> None:
            """Broken on purpose."""
            store.credential = named if changed else credential  # type: ignore[method-assign]
            store.credentials = seen if changed else credentials  # type: ignore[method-assign]
            parts.state.session.unwrap = opened if changed else unwrap  # type: ignore[assignment]

        def request(message: bytes) -> bytes:
            through(command is not None and asks(message, command))
            return message

        def apdu(apdu: bytes) -> bytes:
            through(command is None)
            return apdu

        return ChangedCommands(inner, request=request, apdu=apdu)

    return wrap


def _level(levels: dict[int, int | None]) -> View:
    """Another level in the place of one; ``None`` in the place of one hides its credentials."""

    def view(credential: Credential) -> Credential | None:
        level = levels.get(credential.cred_protect, credential.cred_protect)
        return None if level is None else replace(credential, cred_protect=level)

    return view


_OPEN = _level({UV_OPTIONAL_WITH_CREDENTIAL_ID_LIST: UV_OPTIONAL, UV_REQUIRED: UV_OPTIONAL})
_LOCKED = _level({UV_REQUIRED: None})


def _asked(request: Members) -> Any:
    extensions = request.get(EXTENSIONS)
    return extensions.get(CRED_PROTECT) if isinstance(extensions, dict) else None


def _left_out(wanted: Callable[[Any], bool]) -> Wrap:
    """The extension not looked at where it asks for such a level."""
    dropped = changed(EXTENSIONS, lambda found: {k: v for k, v in found.items() if k != CRED_PROTECT})
    return on_request(_MAKE, lambda request: dropped(request) if wanted(_asked(request)) else None)


def _said_all_the_same(exchange: Exchange, outputs: Outputs) -> Outputs:
    level = _asked(exchange.request)
    return outputs if level is None else {**outputs, CRED_PROTECT: level}


FAULTS = (
    # §12.1
    _fault(
        "unsaid",
        "does not say what became of credProtect",
        on_outputs(_MAKE, dropped(CRED_PROTECT)),
        caught_by=RELYING_PARTY,
    ),
    _fault(
        "lower",
        "protects credentials less than it was asked to, and says so",
        on_outputs(_MAKE, replaced(CRED_PROTECT, 1)),
        caught_by=RELYING_PARTY,
    ),
    # §6.2.2 step 7, §12.1
    _fault(
        "forgotten",
        "says that a credential is protected, and it is not",
        together(_left_out(bool), on_outputs(_MAKE, _said_all_the_same)),
    ),
    # §12.1
    _fault(
        "any-level",
        "passes over levels of credProtect that there are none",
        _left_out(lambda level: level not in (None, 1, 2, 3)),
        caught_by=RELYING_PARTY,
    ),
    # §6.2.2 step 7, §12.1, §6.2.2 steps 7 and 12, §6.3
    _fault(
        "leaks-discovered",
        "finds protected credentials for a user whom it has not verified",
        _seen(_GET, of_rp=_OPEN),
    ),
    # §6.2.2 step 7, §12.1
    _fault(
        "leaks-listed",
        "signs with a credential that wants its user verified, without that",
        _seen(_GET, by_id=_OPEN),
        caught_by="the relying party, if it looks for the UV flag",
    ),
    # §6.1.2 step 12, §12.1
    _fault(
        "leaks-excluded",
        "says by its exclude list that it has a credential which it should not show",
        _seen(_MAKE, by_id=_OPEN),
    ),
    # §12.1
    _fault(
        "leaks-by-u2f",
        "signs by U2F with a credential that wants its user verified",
        _seen(None, by_id=_OPEN),
    ),
    # §6.2.2 step 7, §12.1
    _fault(
        "too-strict",
        "wants its user verified for a credential that the relying party has named",
        _seen(_GET, by_id=_level({UV_OPTIONAL_WITH_CREDENTIAL_ID_LIST: UV_REQUIRED})),
        caught_by=USER,
    ),
    _fault(
        "locked",
        "never finds a credential again that wants its user verified",
        _seen(_GET, by_id=_LOCKED, of_rp=_LOCKED),
        caught_by=USER,
    ),
)
