"""Faults of authenticatorClientPIN and of what a pinUvAuthToken allows (CTAP 2.3 §6.5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.registration import refusals_unnamed, refusing, without
from emulator.faults.wiring import (
    ChangedCommands,
    Members,
    before,
    instead_of_power_cycle,
    members_of,
    on_answer,
    on_request,
)
from emulator.fido import cbor
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import client_pin as cp
from emulator.fido.ctap2.client_pin import SubCommand
from emulator.fido.session import Permission, PinUvAuthToken
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

PLATFORM = "the client, which cannot tell its user what to do"
OWNER = "the key's owner, once it is stolen: the PIN no longer keeps a thief out"

_PIN = CtapCommand.CLIENT_PIN
Wrap = Callable[[Commands, Parts], Commands]


def _fault(
    name: str, sentence: str, commands: Wrap, *, caught_by: str = OWNER, layer: Layer = Layer.MEANING
) -> Fault:
    return Fault(name=f"pin-{name}", layer=layer, sentence=sentence, caught_by=caught_by, commands=commands)


def _verification(**changed: Any) -> Callable[[AuthenticatorState], None]:
    def act(state: AuthenticatorState) -> None:
        state.store.set_user_verification(replace(state.store.user_verification, **changed))

    return act


def _retries_back(state: AuthenticatorState) -> None:
    _verification(pin_retries=state.profile.pin_retries)(state)


def _retries_lost(state: AuthenticatorState) -> None:
    _verification(pin_retries=max(state.store.user_verification.pin_retries - 1, 1))(state)


def _mismatches_forgotten(state: AuthenticatorState) -> None:
    state.session.pin_mismatches = 0


def _everything_permitted(state: AuthenticatorState) -> None:
    token = state.session.token
    if token is not None:
        token.permissions, token.rp_id, token.user_verified = Permission(sum(Permission)), None, True


def _rp_id_forgotten(state: AuthenticatorState) -> None:
    if state.session.token is not None:
        state.session.token.rp_id = None


def _token_for_ever(state: AuthenticatorState) -> None:
    if state.session.token is not None:
        state.session.token.limited = False


def _unchecked(state: AuthenticatorState) -> None:
    """Every pinUvAuthParam verifies."""
    for protocol in state.session.protocols.values():
        protocol.verify = lambda *_: True  # type: ignore[method-assign]  # broken on purpose


def _key_kept(state: AuthenticatorState) -> None:
    """The key agreement key is never another."""
    for protocol in state.session.protocols.values():
        protocol.regenerate = lambda random_bytes: None  # type: ignore[method-assign]  # broken on purpose


def _tokens_kept(state: AuthenticatorState) -> None:
    """A token is given again until the power is cut."""
    token = state.session.token
    if token is not None:
        for protocol in state.session.protocols.values():
            protocol.new_token = lambda _, value=token.value: value  # type: ignore[method-assign,misc]


def _short_pins(commands: Commands, parts: Parts) -> Commands:
    """The minimum length is told, and not kept."""
    least = parts.profile.min_pin_length

    def request(message: bytes) -> bytes:
        if message[0] == _PIN:
            _verification(min_pin_length=0)(parts.state)
        return message

    def answer(_: bytes, answer: bytes) -> bytes:
        if parts.store.user_verification.min_pin_length == 0:
            _verification(min_pin_length=least)(parts.state)
        return answer

    return ChangedCommands(commands, request=request, answer=answer)


def _retries_not_restored(commands: Commands, parts: Parts) -> Commands:
    left = 0

    def request(message: bytes) -> bytes:
        nonlocal left
        left = parts.store.user_verification.pin_retries
        return message

    def answer(message: bytes, answer: bytes) -> bytes:
        verified = members_of(message).get(cp.SUB_COMMAND) in (
            SubCommand.GET_PIN_TOKEN,
            SubCommand.GET_TOKEN_USING_PIN,
        )
        if message[0] == _PIN and verified:
            _verification(pin_retries=min(left, parts.store.user_verification.pin_retries))(parts.state)
        return answer

    return ChangedCommands(commands, request=request, answer=answer)


def _unpadded(commands: Commands, parts: Parts) -> Commands:
    """Whatever is refused of a PIN's encryption is said to be a policy's doing."""

    def answer(message: bytes, answer: bytes) -> bytes:
        refused = answer[:1] in (
            bytes((CtapStatus.INVALID_PARAMETER,)),
            bytes((CtapStatus.PIN_AUTH_INVALID,)),
        )
        setting = message[0] == _PIN and members_of(message).get(cp.SUB_COMMAND) == SubCommand.SET_PIN
        return bytes((CtapStatus.PIN_POLICY_VIOLATION,)) if refused and setting else answer

    return ChangedCommands(commands, answer=answer)


def _asked_of(subcommand: SubCommand) -> Callable[[Members], bool]:
    return lambda members: members.get(cp.SUB_COMMAND) == subcommand


def _filled_in(members: Members) -> Members:
    """What is missing is taken for granted."""
    usual: Members = {cp.PIN_UV_AUTH_PROTOCOL: 1, cp.NEW_PIN_ENC: bytes(64), cp.PIN_HASH_ENC: bytes(16)}
    usual |= {cp.KEY_AGREEMENT: {1: 2}, cp.PIN_UV_AUTH_PARAM: bytes(16), cp.PERMISSIONS: 1, cp.RP_ID: "x"}
    return {**usual, **members}


def _permissions(change: Callable[[int], int]) -> Wrap:
    def changed(members: Members) -> Members | None:
        found = members.get(cp.PERMISSIONS)
        return {**members, cp.PERMISSIONS: change(found)} if isinstance(found, int) else None

    return on_request(_PIN, changed, subcommand=SubCommand.GET_TOKEN_USING_PIN)


def _agreement(change: Callable[[dict[int, Any]], dict[int, Any]]) -> Wrap:
    def changed(members: Members) -> Members:
        return {**members, cp.KEY_AGREEMENT_RESPONSE: change(members[cp.KEY_AGREEMENT_RESPONSE])}

    return on_answer(_PIN, changed, subcommand=SubCommand.GET_KEY_AGREEMENT)


def _token(change: Callable[[bytes], bytes]) -> Wrap:
    def changed(members: Members) -> Members:
        return {**members, 2: change(members[2])} if isinstance(members.get(2), bytes) else members

    return on_answer(_PIN, changed)


def _blocked_unsaid(commands: Commands, _: Parts) -> Commands:
    def answer(message: bytes, answer: bytes) -> bytes:
        blocked = answer[:1] in (bytes((CtapStatus.PIN_BLOCKED,)), bytes((CtapStatus.PIN_AUTH_BLOCKED,)))
        return bytes((CtapStatus.PIN_INVALID,)) if message[0] == _PIN and blocked else answer

    return ChangedCommands(commands, answer=answer)


def _refused_tokens_unnamed(commands: Commands, _: Parts) -> Commands:
    """What a token does not allow is refused as if its user had declined."""

    def answer(_: bytes, answer: bytes) -> bytes:
        wrong = answer[:1] == bytes((CtapStatus.PIN_AUTH_INVALID,))
        return bytes((CtapStatus.OPERATION_DENIED,)) if wrong else answer

    return ChangedCommands(commands, answer=answer)


def _set_again(state: AuthenticatorState) -> None:
    _verification(pin_hash=None)(state)


def _retries_told(count: int) -> Wrap:
    return on_answer(_PIN, lambda members: {**members, 3: count}, subcommand=SubCommand.GET_PIN_RETRIES)


def _uv_not_set(commands: Commands, _: Parts) -> Commands:
    """A pinUvAuthParam is taken, and no UV flag is set for it: the request goes on without it."""
    params = {CtapCommand.MAKE_CREDENTIAL: (8, 9), CtapCommand.GET_ASSERTION: (6, 7)}

    def request(message: bytes) -> bytes:
        members = params.get(message[0])  # type: ignore[call-overload]  # other numbers are no commands of these
        return message[:1] + cbor.encode(without(*members)(members_of(message))) if members else message

    return ChangedCommands(commands, request=request)


def _old_tokens_good(commands: Commands, parts: Parts) -> Commands:
    """Every token that was ever given verifies."""
    given: list[bytes] = []

    def note(state: AuthenticatorState) -> None:
        token = state.session.token
        if token is not None and token.value not in given:
            given.append(token.value)
        for protocol in state.session.protocols.values():
            protocol.verify = _any_of(given, type(protocol).verify, protocol)  # type: ignore[method-assign]

    def answer(_: bytes, answer: bytes) -> bytes:
        note(parts.state)
        if parts.state.session.token is None and given:  # what ended it does not end it
            parts.state.session.token = _token_of(given[-1])
        return answer

    return ChangedCommands(commands, answer=answer)


def _any_of(given: list[bytes], verify: Callable[..., bool], protocol: object) -> Callable[..., bool]:
    def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
        keys = [key, *given] if key in given else [key]
        return any(verify(protocol, each, message, signature) for each in keys)

    return verifies


def _token_of(value: bytes) -> PinUvAuthToken:
    everything = Permission(sum(Permission))
    return PinUvAuthToken(protocol=2, value=value, limited=False, begun=0.0, permissions=everything)


def _not_needed(commands: Commands, parts: Parts) -> Commands:
    """Refusals for want of a pinUvAuthToken are successes."""

    def answer(_: bytes, answer: bytes) -> bytes:
        return bytes((CtapStatus.SUCCESS,)) if answer == bytes((CtapStatus.PUAT_REQUIRED,)) else answer

    return ChangedCommands(commands, answer=answer)


FAULTS = (
    _fault("retries-not-counted", "lets a PIN be tried without end", before(_PIN, _retries_back)),
    _fault(
        "retries-lie", "says that eight tries are left, whatever is so", _retries_told(8), caught_by=PLATFORM
    ),
    _fault(
        "retries-cost-a-try",
        "takes the question how many tries are left for a try",
        before(_PIN, _retries_lost, subcommand=SubCommand.GET_PIN_RETRIES),
        caught_by="the user, whose key is blocked by being looked at",
    ),
    _fault(
        "retries-not-restored",
        "does not give the tries back for the right PIN",
        _retries_not_restored,
        caught_by="the user, who is locked out in the end",
    ),
    _fault(
        "wrong-ones-in-a-row",
        "takes wrong PINs one after the other, without a power cycle",
        before(_PIN, _mismatches_forgotten),
        caught_by=OWNER,
    ),
    _fault("blocked-unsaid", "does not say that the PIN is blocked", _blocked_unsaid, caught_by=PLATFORM),
    _fault(
        "block-lifted",
        "gives all tries back at a power cycle",
        instead_of_power_cycle(lambda state, _: _retries_back(state)),
    ),
    _fault(
        "set-again",
        "lets anyone set another PIN over the one there is",
        before(_PIN, _set_again, subcommand=SubCommand.SET_PIN),
    ),
    _fault("short-taken", "takes PINs that are shorter than it says", _short_pins),
    _fault(
        "policy-for-everything",
        "says of a PIN that was garbled that it is too short",
        _unpadded,
        caught_by=PLATFORM,
    ),
    _fault("auth-unchecked", "does not check what a PIN proves", before(None, _unchecked)),
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_PIN), caught_by=PLATFORM),
    _fault(
        "missing-taken-for-granted",
        "fills in what a request leaves out",
        on_request(_PIN, _filled_in),
        caught_by=PLATFORM,
    ),
    _fault(
        "agreement-kept",
        "agrees on the same key after a wrong PIN",
        before(None, _key_kept),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-survives",
        "agrees on the same key after a power cycle",
        instead_of_power_cycle(lambda *_: None),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-algorithm",
        "names another algorithm for its key agreement",
        _agreement(lambda key: {**key, 3: -7}),
        caught_by=PLATFORM,
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-off-curve",
        "agrees with a key that is no point of the curve",
        _agreement(lambda key: {**key, -3: bytes(32)}),
        caught_by=PLATFORM,
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-private",
        "sends the private half of its key with the public one",
        _agreement(lambda key: {**key, -4: bytes(32)}),
        caught_by="nobody, until somebody looks",
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "agreement-refused",
        "speaks the first of its PIN/UV auth protocols alone",
        refusing(_PIN, lambda m: m.get(cp.PIN_UV_AUTH_PROTOCOL) == 1, CtapStatus.INVALID_PARAMETER),
        caught_by=PLATFORM,
    ),
    _fault("token-short", "gives tokens of 16 bytes", _token(lambda value: value[:-16]), caught_by=PLATFORM),
    _fault("tokens-kept", "gives the same token again", before(_PIN, _tokens_kept), layer=Layer.CRYPTOGRAPHY),
    _fault(
        "permissions-ignored",
        "takes every token for good for everything",
        before(None, _everything_permitted),
    ),
    _fault(
        "permissions-zero",
        "gives tokens without a permission",
        _permissions(lambda asked: asked or 1),
        caught_by=PLATFORM,
    ),
    _fault(
        "permissions-unknown",
        "refuses permissions that nobody has defined yet",
        refusing(_PIN, lambda m: m.get(cp.PERMISSIONS, 0) > 0x7F, CtapStatus.UNAUTHORIZED_PERMISSION),
        caught_by=PLATFORM,
    ),
    _fault("rp-id-ignored", "takes a token for good for every relying party", before(None, _rp_id_forgotten)),
    _fault("token-for-ever", "takes a token for good for ever", before(None, _token_for_ever)),
    _fault(
        "tokens-refused-unnamed",
        "says that its user declined where a token was not good",
        _refused_tokens_unnamed,
        caught_by=PLATFORM,
    ),
    _fault(
        "uv-not-set",
        "sets no UV flag for the right PIN",
        _uv_not_set,
        caught_by="the relying party, which demands user verification",
    ),
    _fault(
        "old-one-good",
        "knows no getPinUvAuthTokenUsingPinWithPermissions",
        refusing(_PIN, _asked_of(SubCommand.GET_TOKEN_USING_PIN), CtapStatus.INVALID_SUBCOMMAND),
        caught_by=PLATFORM,
    ),
    _fault(
        "first-refused",
        "takes no PIN at all",
        refusing(_PIN, _asked_of(SubCommand.SET_PIN), CtapStatus.NOT_ALLOWED),
        caught_by="the user",
    ),
    _fault(
        "change-refused",
        "never lets its PIN be changed",
        refusing(_PIN, _asked_of(SubCommand.CHANGE_PIN), CtapStatus.NOT_ALLOWED),
        caught_by="the user",
    ),
    _fault("retries-too-many", "lets a PIN be tried twenty times", _retries_told(20)),
    _fault(
        "power-cycle-claimed",
        "asks for a power cycle that it does not need",
        on_answer(_PIN, lambda members: {**members, 4: True}, subcommand=SubCommand.GET_PIN_RETRIES),
        caught_by="the user, who replugs a key for nothing",
    ),
    _fault("old-tokens-good", "takes the tokens of before for good still", _old_tokens_good),
    _fault("not-needed", "makes and manages credentials without its PIN", _not_needed),
)
