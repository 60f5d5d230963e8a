"""Faults of makeCredential (CTAP 2.3 §6.1), and of reading requests (§8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from emulator.faults.fault import Fault, Layer, Parts
from emulator.faults.wiring import (
    ChangedCommands,
    Members,
    members_of,
    on_answer,
    on_auth_data,
    on_request,
    resigned,
)
from emulator.fido import attestation, cbor
from emulator.fido.attestation import Attestation
from emulator.fido.authdata import Flags
from emulator.fido.authenticator import CtapCommand
from emulator.fido.ctap2 import make_credential as mc
from emulator.fido.gesture import Command, Given
from emulator.fido.status import CtapStatus
from emulator.security_key import Commands

RELYING_PARTY = "the relying party, when it verifies the registration"
PLATFORM = "the client, when it reads the answer"

_MAKE = CtapCommand.MAKE_CREDENTIAL
_FLAGS, _CREDENTIAL_ID_LENGTH, _CREDENTIAL_ID = 32, 53, 55
_KNOWN_EXTENSIONS = {
    "credProtect", "hmac-secret", "hmac-secret-mc", "credBlob", "largeBlobKey", "minPinLength",
    "pinComplexityPolicy", "thirdPartyPayment",
}  # fmt: skip

Wrap = Callable[[Commands, Parts], Commands]


def _fault(
    name: str, sentence: str, commands: Wrap, *, caught_by: str = RELYING_PARTY, layer: Layer = Layer.MEANING
) -> Fault:
    return Fault(name=f"mc-{name}", layer=layer, sentence=sentence, caught_by=caught_by, commands=commands)


def put(data: bytes, place: int, new: bytes) -> bytes:
    """``data`` with ``new`` in it at ``place``."""
    return data[:place] + new + data[place + len(new) :]


def flipped(place: int, bits: int = 0xFF) -> Callable[[bytes], bytes]:
    """Bits of a byte turned over."""
    return lambda data: put(data, place, bytes((data[place] ^ bits,)))


def without(*members: int) -> Callable[[Members], Members]:
    """Members left out."""
    return lambda found: {number: value for number, value in found.items() if number not in members}


def ungestured(command: CtapCommand) -> Wrap:
    """A command that takes every gesture for made."""

    def wrap(inner: Commands, _: Parts) -> Commands:
        return _Ungestured(inner, command)

    return wrap


class _Ungestured:
    def __init__(self, inner: Commands, command: CtapCommand) -> None:
        self._inner, self._command = inner, command

    def cbor(self, message: bytes, now: float) -> Command:
        command = self._inner.cbor(message, now)
        if message[0] != self._command:
            return (yield from command)
        try:
            next(command)
            while True:
                command.send(Given(now=now))
        except StopIteration as ended:
            answer: bytes = ended.value
            return answer

    def msg(self, apdu: bytes, now: float) -> Command:
        return self._inner.msg(apdu, now)

    def power_cycle(self, now: float) -> None:
        self._inner.power_cycle(now)


def refusing(command: CtapCommand, wanted: Callable[[Members], bool], status: CtapStatus) -> Wrap:
    """Requests of a kind refused, whatever they are."""

    def answer(message: bytes, answer: bytes) -> bytes:
        refused = message[0] == command and wanted(members_of(message))
        return bytes((status,)) if refused else answer

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def refusals_unnamed(command: CtapCommand) -> Wrap:
    """Every refusal said to be OTHER."""

    def answer(message: bytes, answer: bytes) -> bytes:
        return bytes((CtapStatus.OTHER,)) if message[:1] == bytes((command,)) and answer[0] else answer

    return lambda commands, _: ChangedCommands(commands, answer=answer)


def _filled_in(members: Members) -> Members:
    """What is missing is taken for granted."""
    usual: Members = {
        mc.CLIENT_DATA_HASH: bytes(32),
        mc.RP: {"id": "nowhere.example"},
        mc.USER: {"id": b"nobody"},
        mc.PUB_KEY_CRED_PARAMS: [{"alg": -7, "type": "public-key"}],
    }
    return {**usual, **members}


def _lenient(commands: Commands, _: Parts) -> Commands:
    def request(message: bytes) -> bytes:
        try:
            value = cbor2.loads(message[1:])  # which takes a tag it knows for nothing
            return message[:1] + cbor.encode(dict(value) if isinstance(value, Mapping) else value)
        except Exception:  # what is no CBOR at all stays what it is
            return message

    return ChangedCommands(commands, request=request)


def _signed_by(attest: Callable[[Parts], Attestation]) -> Wrap:
    """Packed statements by another attestation than the model's."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            members = members_of(answer)
            if message[0] != _MAKE or answer[0] or "x5c" not in members.get(mc.ATT_STMT, {}):
                return answer
            request = members_of(message)
            statement = attest(parts).packed_statement(members[mc.AUTH_DATA], request[mc.CLIENT_DATA_HASH])
            return answer[:1] + cbor.encode({**members, mc.ATT_STMT: statement})

        return ChangedCommands(inner, answer=answer)

    return wrap


def _certified_by_ca(parts: Parts) -> Attestation:
    """The model's key with the certificate of an authority."""
    model = Attestation.of_model(parts.profile.aaguid)
    authority = x509.load_pem_x509_certificate(attestation.intermediate_certificate_pem())
    certificate = authority.public_bytes(Encoding.DER)
    return Attestation(private_key=model.private_key, certificate=certificate)


def _statement(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Wrap:
    return on_answer(_MAKE, lambda members: {**members, mc.ATT_STMT: change(members[mc.ATT_STMT])})


def _signature_flipped(statement: dict[str, Any]) -> dict[str, Any]:
    return (
        {**statement, "sig": flipped(len(statement["sig"]) - 1)(statement["sig"])} if statement else statement
    )


def _alg_changed(statement: dict[str, Any]) -> dict[str, Any]:
    return {**statement, "alg": -257} if "alg" in statement else statement


def _key_changed(change: Callable[[dict[int, Any]], dict[int, Any]]) -> Callable[[bytes], bytes]:
    """The COSE key in attested credential data, changed."""

    def changed(data: bytes) -> bytes:
        end = _CREDENTIAL_ID + int.from_bytes(data[_CREDENTIAL_ID_LENGTH:_CREDENTIAL_ID], "big")
        key = cbor2.loads(data[end:])
        rest = data[end + len(cbor.encode(key)) :]
        return data[:end] + cbor.encode(change(key)) + rest

    return changed


def _id_shortened(data: bytes) -> bytes:
    length = int.from_bytes(data[_CREDENTIAL_ID_LENGTH:_CREDENTIAL_ID], "big")
    end = _CREDENTIAL_ID + length
    return data[:_CREDENTIAL_ID_LENGTH] + b"\x00\x08" + data[_CREDENTIAL_ID : _CREDENTIAL_ID + 8] + data[end:]


def _repeats(commands: Commands, _: Parts) -> Commands:
    """The first credential given again and again."""
    first: dict[str, bytes] = {}

    def answer(message: bytes, answer: bytes) -> bytes:
        if message[0] != _MAKE or answer[0]:
            return answer
        return first.setdefault(members_of(message)[mc.RP]["id"], answer)

    return ChangedCommands(commands, answer=answer)


def _unsigned_change(change: Callable[[bytes], bytes]) -> Wrap:
    """authData changed after it was signed, or before if it has to be."""

    def wrap(inner: Commands, parts: Parts) -> Commands:
        def answer(message: bytes, answer: bytes) -> bytes:
            if message[0] != _MAKE or answer[0]:
                return answer
            members = members_of(answer)
            members = resigned(parts, message, members)
            return answer[:1] + cbor.encode({**members, mc.AUTH_DATA: change(members[mc.AUTH_DATA])})

        return ChangedCommands(inner, answer=answer)

    return wrap


def _option_dropped(name: str) -> Callable[[Members], Members]:
    def change(members: Members) -> Members:
        options = {key: value for key, value in members.get(mc.OPTIONS, {}).items() if key != name}
        return {**without(mc.OPTIONS)(members), **({mc.OPTIONS: options} if options else {})}

    return change


def _last_algorithm_first(members: Members) -> Members:
    return {**members, mc.PUB_KEY_CRED_PARAMS: members[mc.PUB_KEY_CRED_PARAMS][::-1]}


def _types_unchecked(members: Members) -> Members:
    parameters = [
        {**entry, "type": "public-key"} if isinstance(entry, dict) else entry
        for entry in members.get(mc.PUB_KEY_CRED_PARAMS, [])
    ]
    return {**members, mc.PUB_KEY_CRED_PARAMS: parameters}


def _unknown_extension(members: Members) -> bool:
    return bool({*members.get(mc.EXTENSIONS, {})} - _KNOWN_EXTENSIONS)


FAULTS = (
    _fault(
        "rp-id-hash-wrong",
        "signs for another relying party than it was asked to",
        on_auth_data(_MAKE, change=flipped(0)),
    ),
    _fault(
        "up-not-set",
        "leaves the UP flag away after a touch",
        on_auth_data(_MAKE, change=flipped(_FLAGS, Flags.UP)),
    ),
    _fault(
        "uv-claimed",
        "says that it verified a user whom it did not",
        on_auth_data(_MAKE, change=flipped(_FLAGS, Flags.UV)),
        caught_by="nobody who does not know the key: the relying party trusts the flag",
    ),
    _fault(
        "reserved-flags",
        "sets flags that nobody has defined",
        on_auth_data(_MAKE, change=flipped(_FLAGS, 0x22)),
    ),
    _fault(
        "at-not-set",
        "hides the new key behind a missing AT flag",
        _unsigned_change(flipped(_FLAGS, Flags.AT)),
    ),
    _fault(
        "ed-claimed", "says that extensions follow where none do", _unsigned_change(flipped(_FLAGS, Flags.ED))
    ),
    _fault(
        "auth-data-longer",
        "has bytes in authData after its end",
        on_auth_data(_MAKE, change=lambda data: data + b"\x00\x00"),
    ),
    _fault(
        "id-short",
        "names a credential by eight bytes, which others may guess",
        on_auth_data(_MAKE, change=_id_shortened),
    ),
    _fault("repeats-itself", "gives the same credential again and again", _repeats),
    _fault(
        "algorithm-other",
        "names another algorithm in the key than it was asked for",
        _unsigned_change(_key_changed(lambda key: {**key, 3: -65535})),
    ),
    _fault(
        "point-off-curve",
        "gives a public key that is no point of the curve",
        _unsigned_change(
            _key_changed(lambda key: {**key, -3: bytes(32)} if -3 in key else {**key, -2: bytes(1)})
        ),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "algorithm-order",
        "takes the last of the algorithms that it knows, not the first",
        on_request(_MAKE, _last_algorithm_first),
        caught_by="the relying party, which gets what it likes least",
    ),
    _fault(
        "algorithm-type-ignored",
        "takes an algorithm for something else than public keys",
        on_request(_MAKE, _types_unchecked),
    ),
    _fault(
        "exclude-list-ignored",
        "registers again with a relying party that excluded its credential",
        on_request(_MAKE, without(mc.EXCLUDE_LIST)),
        caught_by="the relying party: one key is registered twice for a user",
    ),
    _fault(
        "excludes-anything",
        "takes every credential in an exclude list for its own",
        refusing(_MAKE, lambda m: bool(m.get(mc.EXCLUDE_LIST)), CtapStatus.CREDENTIAL_EXCLUDED),
        caught_by="the user, who cannot register a second key",
    ),
    _fault(
        "touch-not-needed",
        "makes a credential that nobody touched it for",
        ungestured(_MAKE),
        caught_by="the user, whose key is used behind their back",
    ),
    _fault(
        "up-false-taken",
        "passes over a request for a credential without user presence",
        on_request(_MAKE, _option_dropped("up")),
        caught_by=PLATFORM,
    ),
    _fault("missing-taken-for-granted", "fills in what a request leaves out", on_request(_MAKE, _filled_in)),
    _fault("refusals-unnamed", "says OTHER whatever the reason", refusals_unnamed(_MAKE), caught_by=PLATFORM),
    _fault(
        "unknown-extension-refused",
        "refuses extensions that it does not know",
        refusing(_MAKE, _unknown_extension, CtapStatus.UNSUPPORTED_OPTION),
        caught_by="the relying party, which cannot register the key",
    ),
    _fault(
        "unknown-option-refused",
        "refuses options that it does not know",
        refusing(_MAKE, lambda m: "fly" in m.get(mc.OPTIONS, {}), CtapStatus.UNSUPPORTED_OPTION),
        caught_by=PLATFORM,
    ),
    _fault(
        "auth-data-missing",
        "answers without authData",
        on_answer(_MAKE, without(mc.AUTH_DATA)),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "fmt-missing",
        "answers without fmt",
        on_answer(_MAKE, without(mc.FMT)),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "statement-text",
        "sends its attestation statement as text",
        on_answer(_MAKE, lambda m: {**m, mc.ATT_STMT: "signed"}),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "trailing-bytes",
        "sends bytes after the CBOR of its answer",
        on_answer(_MAKE, lambda m: cbor.encode(m) + b"\x00"),
        caught_by=PLATFORM,
        layer=Layer.CBOR,
    ),
    _fault(
        "attestation-bad",
        "attests with a signature that does not hold",
        _statement(_signature_flipped),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "attestation-alg",
        "names another algorithm for its attestation than it used",
        _statement(_alg_changed),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "attestation-of-another-model",
        "attests with the key of another model",
        _signed_by(lambda _: Attestation.of_model(bytes(range(16)))),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "attestation-by-authority",
        "attests with a certificate that may issue others",
        _signed_by(_certified_by_ca),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "attestation-chain-broken",
        "sends the certificates of its attestation in the wrong order",
        _statement(lambda s: {**s, "x5c": s["x5c"][::-1]} if "x5c" in s else s),
        layer=Layer.CRYPTOGRAPHY,
    ),
    _fault(
        "none-with-statement",
        "says that it does not attest, and attests",
        on_answer(_MAKE, lambda m: {**m, mc.FMT: "none", mc.ATT_STMT: {"sig": b""}}),
    ),
    _fault(
        "preference-ignored",
        "attests in the format that it likes best",
        on_request(_MAKE, without(mc.ATTESTATION_FORMATS_PREFERENCE)),
    ),
    Fault(
        name="cbor-anything-taken",
        layer=Layer.CBOR,
        sentence="takes CBOR in whatever encoding it comes",
        caught_by="nobody at once; two readers of one message may read two things",
        commands=_lenient,
    ),
)
