"""Bad input to every command and subcommand, and what CTAP 2.3 has to say; each case names its section.

A good request stands for each; what is bad is one thing changed in it, authenticated anew by a platform that
has the right token, so that nothing but the change can be what is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest
from fido2 import cbor
from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2, FPBioEnrollment
from fido2.ctap2.pin import PinProtocolV2

from emulator.fido.status import CtapStatus
from emulator.profile import Profile, profile_names
from emulator.store import MemoryStore

PIN, RP_ID = "271828", "example.com"
HASH = sha256(b"client data").digest()
PROTOCOL = PinProtocolV2()
PUBLIC_KEY = {"type": "public-key", "id": bytes(32)}
MC, GA, CM, BE, LBW, ACFG, PCMR = (1 << bit for bit in range(7))
FULL = replace(
    Profile.load("ctap23"),
    versions=("U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "FIDO_2_3"),
    algorithms=("ES256",),
    built_in_uv=True,
    uv_modality=2,
    fingerprints=2,
    fingerprint_samples=2,
    bio_enrollment_preview=True,
    credential_management_preview=True,
    config_commands=Profile.load("enterprise").config_commands,
    enterprise_attestation=("platform-managed",),
    discoverable_credentials=4,
    make_cred_uv_not_rqd=False,
)
S = CtapStatus
MISSING, WRONG_TYPE, INVALID, UNAUTHENTICATED = (
    S.MISSING_PARAMETER,
    S.CBOR_UNEXPECTED_TYPE,
    S.INVALID_PARAMETER,
    S.PIN_AUTH_INVALID,
)
Path = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Good:
    """A request that succeeds: where it is specified, what it takes, and what it cannot do without."""

    section: str
    code: int
    request: dict[int, Any]
    permission: int = 0
    proof: tuple[int, int] = (0, 0)
    """The members pinUvAuthParam and pinUvAuthProtocol."""
    needs: dict[Path, CtapStatus]
    """Members by their path, and what is said without them."""


def credential_management(sub_command: int, section: str, params: dict | None = None, **more: Any) -> Good:
    request = {1: sub_command} | ({2: params} if params else {})
    needs = {(1,): MISSING, (3,): MISSING, (4,): S.PUAT_REQUIRED} | {
        (2, member): MISSING for member in params or {}
    }
    if params:
        needs[2,] = MISSING
    needs |= more.pop("needs", {})
    return Good(section=section, code=0x0A, request=request, permission=CM, proof=(4, 3), needs=needs, **more)


def bio_enrollment(sub_command: int, section: str, params: dict | None = None, optional: int = 0) -> Good:
    request = {1: 1, 2: sub_command} | ({3: params} if params else {})
    needs = {(1,): MISSING, (2,): MISSING, (4,): MISSING, (5,): S.PUAT_REQUIRED}
    needs |= {(3, member): MISSING for member in params or {} if member != optional}
    return Good(section=section, code=0x09, request=request, permission=BE, proof=(5, 4), needs=needs)


def config(sub_command: int, section: str, params: dict | None = None) -> Good:
    request = {1: sub_command} | ({2: params} if params else {})
    needs = {(1,): MISSING, (3,): MISSING, (4,): S.PUAT_REQUIRED}
    return Good(section=section, code=0x0D, request=request, permission=ACFG, proof=(4, 3), needs=needs)


NAMED = {"id": b"alice"}
GOOD = {
    "makeCredential": Good(
        section="§6.1",
        code=0x01,
        request={
            1: HASH,
            2: {"id": RP_ID, "name": "Example"},
            3: {"id": b"carol", "name": "carol", "displayName": "Carol"},
            4: [{"type": "public-key", "alg": -7}],
            5: [PUBLIC_KEY],
            6: {
                "credProtect": 2, "hmac-secret": True, "credBlob": b"blob", "largeBlobKey": True,
                "minPinLength": True, "pinComplexityPolicy": True, "thirdPartyPayment": True,
            },
            7: {"rk": True, "up": True, "uv": False},
            11: ["packed"],
        },
        permission=MC,
        proof=(8, 9),
        needs={
            (1,): MISSING, (2,): MISSING, (3,): MISSING, (4,): MISSING, (9,): MISSING,
            (2, "id"): MISSING, (3, "id"): MISSING, (5, 0, "id"): MISSING, (5, 0, "type"): MISSING,
            (4, 0, "alg"): S.INVALID_CBOR, (4, 0, "type"): S.INVALID_CBOR,  # step 3.1
            (8,): S.PUAT_REQUIRED,  # step 8
        },
    ),
    "getAssertion": Good(
        section="§6.2",
        code=0x02,
        request={
            1: RP_ID,
            2: HASH,
            4: {"credBlob": True, "largeBlobKey": True, "thirdPartyPayment": True},
            5: {"up": True, "uv": False},
        },
        permission=GA,
        proof=(6, 7),
        needs={(1,): MISSING, (2,): MISSING, (7,): MISSING},
    ),
    "getAssertion with a list": Good(
        section="§6.2",
        code=0x02,
        request={1: RP_ID, 2: HASH, 3: [PUBLIC_KEY]},
        permission=GA,
        proof=(6, 7),
        needs={(3, 0, "id"): MISSING, (3, 0, "type"): MISSING},
    ),
    "enrollBegin": bio_enrollment(1, "§6.7.4", {3: 1000}, optional=3),
    "enrollCaptureNextSample": bio_enrollment(2, "§6.7.4", {1: b"finger", 3: 1000}, optional=3),
    "enumerateEnrollments": bio_enrollment(4, "§6.7.6"),
    "setFriendlyName": bio_enrollment(5, "§6.7.7", {1: b"finger", 2: "thumb"}),
    "removeEnrollment": bio_enrollment(6, "§6.7.8", {1: b"finger"}),
    "getCredsMetadata": credential_management(1, "§6.8.2"),
    "enumerateRPsBegin": credential_management(2, "§6.8.3"),
    "enumerateCredentialsBegin": credential_management(4, "§6.8.4", {1: sha256(RP_ID.encode()).digest()}),
    "deleteCredential": credential_management(
        6, "§6.8.5", {2: PUBLIC_KEY}, needs={(2, 2, "id"): MISSING, (2, 2, "type"): MISSING}
    ),
    "updateUserInformation": credential_management(
        7,
        "§6.8.6",
        {2: PUBLIC_KEY, 3: NAMED},
        needs={(2, 2, "id"): MISSING, (2, 2, "type"): MISSING, (2, 3, "id"): MISSING},
    ),
    "largeBlobs set": Good(
        section="§6.10.2",
        code=0x0C,
        request={2: bytes(10), 3: 0, 4: 17},
        permission=LBW,
        proof=(5, 6),
        needs={
            (2,): INVALID, (3,): INVALID, (4,): INVALID,  # steps 1, 2 and 5.2.1
            (5,): S.PUAT_REQUIRED, (6,): MISSING,  # step 5.5
        },
    ),
    "largeBlobs get": Good(
        section="§6.10.2", code=0x0C, request={1: 17, 3: 0}, needs={(1,): INVALID, (3,): INVALID}
    ),
    "enableEnterpriseAttestation": config(1, "§6.11.1"),
    "toggleAlwaysUv": config(2, "§6.11.2"),
    "setMinPINLength": config(3, "§6.11.4", {1: 6, 2: [RP_ID], 3: False, 4: False}),
    "enableLongTouchForReset": config(4, "§6.11.5"),
    "getModality": Good(section="§6.7.2", code=0x09, request={6: True}, needs={(6,): MISSING}),
    "getFingerprintSensorInfo": Good(
        section="§6.7.3", code=0x09, request={1: 1, 2: 7}, needs={(1,): MISSING, (2,): MISSING}
    ),
}  # fmt: skip


def authenticated(good: Good, request: dict[int, Any]) -> bytes:
    """What the pinUvAuthParam is made over."""

    def rest(member: int) -> bytes:
        return cbor.encode(request[member]) if member in request else b""

    def first(member: int) -> bytes:
        value = request.get(member)
        return bytes((value,)) if type(value) is int else b"?"

    match good.code:
        case 0x01 | 0x02:
            given = request.get(good.code)
            return given if isinstance(given, bytes) else b""
        case 0x09:
            return first(1) + first(2) + rest(3)
        case 0x0A:
            return first(1) + rest(2)
        case 0x0C:
            fragment = request.get(2)
            digest = sha256(fragment if isinstance(fragment, bytes) else b"").digest()
            return b"\xff" * 32 + b"\x0c\x00" + bytes(4) + digest
        case _:
            return b"\xff" * 32 + b"\x0d" + first(1) + rest(2)


class Platform:
    """Who has a key with a PIN, a finger and two credentials, and its tokens."""

    def __init__(self, key: Any, finger: bytes, ids: list[bytes]) -> None:
        self.key, self.finger, self.ids = key, finger, ids

    @classmethod
    def of(cls, key: Any) -> Platform:
        """Set the PIN, enrol the finger and make the credentials."""
        key.set_pin(PIN)
        client = ClientPin(Ctap2(key), PROTOCOL)
        bio = FPBioEnrollment(client.ctap, PROTOCOL, client.get_pin_token(PIN, ClientPin.PERMISSION(BE)))
        context = bio.enroll()
        while context.capture() is None:
            pass
        tokens = (key.token(MC, RP_ID, PIN) for _ in range(2))
        made = [key.made(rk=True, user_id=user, token=next(tokens)) for user in (b"bob", b"alice")]
        return cls(key, context.template_id, [each.credential_data.credential_id for each in made])

    def token(self, permission: int) -> bytes:
        return self.key.token(permission, RP_ID if permission & (MC | GA) else None, PIN)

    def mended(self, good: Good) -> dict[int, Any]:
        """The request with the IDs of this key in it."""
        request = deepcopy(good.request)
        for params in (request.get(2), request.get(3)):
            if isinstance(params, dict) and params.get(1) == b"finger":
                params[1] = self.finger
            if isinstance(params, dict) and params.get(2) == PUBLIC_KEY:
                params[2] = PUBLIC_KEY | {"id": self.ids[1]}
        if good.code == 0x02 and 3 in request:
            request[3] = [PUBLIC_KEY | {"id": self.ids[1]}]
        if good.code == 0x09 and request.get(2) == 2:
            begun = GOOD["enrollBegin"]
            request[3][1] = self.send(begun, begun.request, self.token(BE))[1][4]
        return request

    def send(
        self, good: Good, request: dict[int, Any], token: bytes | None, without: Path = ()
    ) -> tuple[CtapStatus, Any]:
        if token is not None and good.permission:
            param, protocol = good.proof
            proof = {param: PROTOCOL.authenticate(token, authenticated(good, request)), protocol: 2}
            request = {key: value for key, value in (proof | request).items() if (key,) != without}
        return self.key.command(good.code, request)

    def try_out(self, good: Good, change: Callable[[dict[int, Any]], Path | None]) -> CtapStatus:
        """The status of the request, changed and authenticated; a refusal must have changed nothing."""
        request = self.mended(good)
        token = self.token(good.permission) if good.permission else None
        before = self.key.snapshot()
        status, _ = self.send(good, request, token, without=change(request) or ())
        assert status == S.SUCCESS or self.key.snapshot() == before
        return status


@pytest.fixture(scope="module")
def first_platform(make_key: Callable[..., Any]) -> Platform:
    return Platform.of(make_key(FULL))


@pytest.fixture
def platform(make_key: Callable[..., Any], first_platform: Platform) -> Platform:
    """A key of one's own, that holds what the first platform's does."""
    key = make_key(FULL, seed=1, store=MemoryStore(first_platform.key.snapshot()))
    return Platform(key, first_platform.finger, first_platform.ids)


def cases(tables: dict[str, list[tuple[Any, CtapStatus]]]) -> list[Any]:
    """Parameters of a test, each named after its section."""
    return [
        pytest.param(GOOD[name], what, status, id=f"{GOOD[name].section} {name}: {what} → {status.name}")
        for name, table in tables.items()
        for what, status in table
    ]


@pytest.mark.parametrize("good", GOOD.values(), ids=GOOD)
def test_a_good_request_succeeds(platform: Platform, good: Good) -> None:
    assert platform.try_out(good, lambda request: None) == S.SUCCESS


# Missing members, members of the wrong type


@pytest.mark.parametrize(
    ("good", "path", "status"), cases({name: list(good.needs.items()) for name, good in GOOD.items()})
)
def test_a_member_that_is_missing_is_refused(
    platform: Platform, good: Good, path: Path, status: CtapStatus
) -> None:
    def leave_out(request: dict[int, Any]) -> Path | None:
        inner: Any = request
        for step in path[:-1]:
            inner = inner[step]
        if path[-1] not in inner:  # what only authentication puts in
            return path
        del inner[path[-1]]
        return None

    assert platform.try_out(good, leave_out) == status


def _proof_paths(good: Good) -> list[Path]:
    return [(member,) for member in good.proof if member]


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every member and element of a request."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from paths(item, (*path, key))


@pytest.mark.parametrize(
    ("good", "path", "status"),
    cases(
        {
            name: [(path, WRONG_TYPE) for path in (*paths(good.request), *_proof_paths(good))]
            for name, good in GOOD.items()
        }
    ),
)
def test_a_member_of_the_wrong_type_is_refused(
    platform: Platform, good: Good, path: Path, status: CtapStatus
) -> None:
    """§8, besides the section of each."""

    def put_another(request: dict[int, Any]) -> None:
        inner: Any = request
        for step in path[:-1]:
            inner = inner[step]
        found = inner[path[-1]] if isinstance(inner, list) or path[-1] in inner else b""
        inner[path[-1]] = 7 if isinstance(found, bool) else b"bytes" if isinstance(found, str) else "text"

    assert platform.try_out(good, put_another) == status


@pytest.mark.parametrize("code", [0x01, 0x02, 0x06, 0x09, 0x0A, 0x0C, 0x0D, 0x40, 0x41])
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", S.INVALID_CBOR),
        (b"\xa1", S.INVALID_CBOR),
        (b"\xa0\x00", S.INVALID_CBOR),
        (b"\xbf\xff", S.INVALID_CBOR),
        (b"\xa2\x02\x00\x01\x00", S.INVALID_CBOR),
        (b"\xa1\x01\x18\x01", S.INVALID_CBOR),
        (b"\xa1\x01\x81\x81\x81\x81\x80", S.INVALID_CBOR),
        (b"\xa1\x01\x61\xff", S.INVALID_CBOR),
        (b"\x80", WRONG_TYPE),
        (b"\x01", WRONG_TYPE),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else value.name,
)
def test_parameters_that_are_no_canonical_map_are_refused_by_8(make_key, code: int, data, status) -> None:
    assert make_key(FULL).send(bytes((code,)) + data) == bytes((status,))


@pytest.mark.parametrize("code", [0x04, 0x07, 0x08, 0x0B])
def test_a_command_without_parameters_takes_none_by_8(make_key, code: int) -> None:
    assert make_key(FULL).send(bytes((code,)) + b"\xa0") == bytes((S.INVALID_LENGTH,))


def test_a_message_that_is_empty_or_too_long_is_refused_by_8(make_key) -> None:
    assert make_key(FULL).send(b"") == bytes((S.INVALID_LENGTH,))
    assert make_key("ctap21").send(b"\x01" + bytes(1200)) == bytes((S.REQUEST_TOO_LARGE,))


# Unknown commands and subcommands


@pytest.mark.parametrize("name", profile_names())
def test_commands_unheard_of_are_refused_by_8_1(make_key, name: str) -> None:
    key = make_key(name)
    known = {0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x40, 0x41}
    for code in set(range(256)) - (known if key.profile.ctap2 else set()):
        assert key.send(bytes((code,)) + b"\xa0") == bytes((S.INVALID_COMMAND,))


@pytest.mark.parametrize(
    ("code", "member", "known", "status", "more"),
    [
        pytest.param(0x06, 2, range(1, 10), S.INVALID_SUBCOMMAND, {1: 2}, id="§6.5.5 clientPIN"),
        pytest.param(0x09, 2, range(1, 8), S.INVALID_SUBCOMMAND, {1: 1}, id="§6.7 bioEnrollment"),
        pytest.param(0x40, 2, range(1, 8), S.INVALID_SUBCOMMAND, {1: 1}, id="§6.12 its preview"),
        pytest.param(0x0A, 1, range(1, 8), S.INVALID_SUBCOMMAND, {}, id="§6.8 credentialManagement"),
        pytest.param(0x41, 1, range(1, 7), S.INVALID_SUBCOMMAND, {}, id="§6.13 its preview"),
        pytest.param(0x0D, 1, range(1, 5), INVALID, {}, id="§6.11 authenticatorConfig"),
    ],
)
def test_subcommands_unheard_of_are_refused(platform, code, member, known, status, more) -> None:
    unknown = {-1, 0, *range(1, 20), 0xFF, 256, 2**64 - 1} - set(known)
    if code == 0x06:
        unknown |= {8}
    for sub_command in unknown:
        assert platform.key.command(code, {member: sub_command} | more)[0] == status


def test_a_modality_unheard_of_is_refused_by_6_7(platform: Platform) -> None:
    for modality in (0, 2, -1):
        assert platform.key.command(0x09, {1: modality, 2: 7})[0] == INVALID


# Protocols, permissions, tokens


PROTECTED = {name: good for name, good in GOOD.items() if good.permission}


@pytest.mark.parametrize("good", PROTECTED.values(), ids=PROTECTED)
def test_a_protocol_unheard_of_is_refused(platform: Platform, good: Good) -> None:
    """Step 2 of §6.1.2 and §6.2.2, and of each subcommand."""
    for number in (0, 3, -1):
        assert platform.try_out(good, lambda request, n=number: request.update({good.proof[1]: n})) == INVALID


@pytest.mark.parametrize("good", PROTECTED.values(), ids=PROTECTED)
@pytest.mark.parametrize("permission", [MC, GA, CM, BE, LBW, ACFG, PCMR, MC | GA | CM | BE | LBW | ACFG])
def test_a_token_for_something_else_is_refused(platform: Platform, good: Good, permission: int) -> None:
    """§6.5.5.7, the table of permissions; pcmr reads credentials (§6.8.2 to §6.8.4)."""
    reads = good.code == 0x0A and good.request[1] in (1, 2, 4)
    others = permission if permission in (1 << bit for bit in range(7)) else permission & ~good.permission
    request = platform.mended(good)
    status, _ = platform.send(good, request, platform.token(others))
    fits = bool(others & good.permission) or (reads and others == PCMR)
    assert status == (S.SUCCESS if fits else UNAUTHENTICATED)


@pytest.mark.parametrize("good", PROTECTED.values(), ids=PROTECTED)
@pytest.mark.parametrize(
    ("used", "age", "fits"),
    [(False, 29.9, True), (False, 30, False), (True, 599.9, True), (True, 600, False)],
)
def test_a_token_that_has_run_out_is_refused(
    platform, good: Good, used: bool, age: float, fits: bool
) -> None:
    """§6.5.2.1: 30 s until its first use, 600 s in all."""
    request = platform.mended(good)
    token, begun = platform.token(good.permission | (BE if used else 0)), platform.key.now
    if used:
        enumerate_ = GOOD["enumerateEnrollments"]
        assert platform.send(enumerate_, enumerate_.request, token)[0] == S.SUCCESS
    platform.key.now = begun + age
    status, _ = platform.send(good, request, token)
    assert status == (S.SUCCESS if fits else UNAUTHENTICATED)


@pytest.mark.parametrize("good", PROTECTED.values(), ids=PROTECTED)
def test_a_token_of_before_is_refused_after_power_another_token_or_another_pin(platform, good: Good) -> None:
    """§6.5.3.2, §6.5.5.6 step 19, §6.5.5.7."""

    def change_pin() -> None:
        ClientPin(Ctap2(platform.key)).change_pin(PIN, PIN)

    for end in (platform.key.power_cycle, lambda: platform.token(good.permission), change_pin):
        request, token = platform.mended(good), platform.token(good.permission)
        end()
        assert platform.send(good, request, token)[0] == UNAUTHENTICATED


@pytest.mark.parametrize("name", ["makeCredential", "getAssertion"])
def test_a_token_for_another_relying_party_is_refused_by_6_1_2_step_11_and_6_2_2_step_6(
    platform: Platform, name: str
) -> None:
    good = GOOD[name]
    token = platform.key.token(good.permission, "example.org", PIN)
    assert platform.send(good, platform.mended(good), token)[0] == UNAUTHENTICATED


# clientPIN, whose requests are encrypted


class Pins:
    """The parameters of clientPIN's subcommands, as a platform encrypts them (§6.5.5)."""

    def __init__(self, key: Any) -> None:
        self.key = key
        self.agreement, self.secret = ClientPin(Ctap2(key), PROTOCOL)._get_shared_secret()

    def request(self, sub_command: int, pin: str = PIN, new_pin: str = "141421") -> dict[int, Any]:
        request: dict[int, Any] = {1: 2, 2: sub_command, 3: self.agreement}
        new = PROTOCOL.encrypt(self.secret, new_pin.encode().ljust(64, b"\x00"))
        old = PROTOCOL.encrypt(self.secret, sha256(pin.encode()).digest()[:16])
        match sub_command:
            case 3:
                return request | {4: PROTOCOL.authenticate(self.secret, new), 5: new}
            case 4:
                return request | {4: PROTOCOL.authenticate(self.secret, new + old), 5: new, 6: old}
            case 5:
                return request | {6: old}
            case 6:
                return request | {9: GA, 10: RP_ID}
            case 9:
                return request | {6: old, 9: MC | GA, 10: RP_ID}
            case _:
                return request

    def status(self, request: dict[int, Any]) -> CtapStatus:
        return self.key.command(0x06, request)[0]


PIN_SECTIONS = {
    1: "§6.5.5.2",
    2: "§6.5.5.4",
    3: "§6.5.5.5",
    4: "§6.5.5.6",
    5: "§6.5.5.7.1",
    6: "§6.5.5.7.3",
    7: "§6.5.5.3",
    9: "§6.5.5.7.2",
}
PIN_NEEDS = {
    2: (1,),
    3: (1, 3, 4, 5),
    4: (1, 3, 4, 5, 6),
    5: (1, 3, 6),
    6: (1, 3, 9, 10),
    9: (1, 3, 6, 9, 10),
}


def pins(platform: Platform, sub_command: int) -> Pins:
    """Of a key with a PIN, but for setPIN."""
    if sub_command == 3:
        platform.key.power_cycle()
        Ctap2(platform.key).reset()
    return Pins(platform.key)


@pytest.mark.parametrize("sub_command", PIN_SECTIONS, ids=PIN_SECTIONS.values())
def test_a_good_request_of_clientpin_succeeds(platform: Platform, sub_command: int) -> None:
    given = pins(platform, sub_command)
    assert given.status(given.request(sub_command)) == S.SUCCESS


@pytest.mark.parametrize(
    ("sub_command", "member"),
    [
        pytest.param(sub_command, member, id=f"{PIN_SECTIONS[sub_command]} step 1: {member}")
        for sub_command, members in PIN_NEEDS.items()
        for member in (*members, 2)
    ],
)
def test_a_parameter_of_clientpin_that_is_missing_is_refused(platform, sub_command: int, member: int) -> None:
    given = pins(platform, sub_command)
    request = given.request(sub_command)
    del request[member]
    before = platform.key.snapshot()
    assert given.status(request) == MISSING
    assert platform.key.snapshot() == before


@pytest.mark.parametrize("sub_command", PIN_SECTIONS, ids=PIN_SECTIONS.values())
@pytest.mark.parametrize("member", [1, 2, 3, 4, 5, 6, 9, 10])
def test_a_parameter_of_clientpin_of_the_wrong_type_is_refused(platform, sub_command, member: int) -> None:
    given = pins(platform, sub_command)
    wrong = b"bytes" if member in (1, 2, 3, 9, 10) else "text"
    before = platform.key.snapshot()
    assert given.status(given.request(sub_command) | {member: wrong}) == WRONG_TYPE
    assert platform.key.snapshot() == before


@pytest.mark.parametrize("sub_command", PIN_NEEDS, ids=[PIN_SECTIONS[number] for number in PIN_NEEDS])
def test_a_protocol_unheard_of_is_refused_by_clientpin(platform: Platform, sub_command: int) -> None:
    given = pins(platform, sub_command)
    for number in (0, 3, -1):
        assert given.status(given.request(sub_command) | {1: number}) == INVALID


@pytest.mark.parametrize("sub_command", [3, 4, 5, 6, 9], ids=lambda number: PIN_SECTIONS[number])
@pytest.mark.parametrize("change", [{-2: bytes(32), -3: bytes(32)}, {-2: bytes(31)}, {3: -7}, {1: 1}, {4: 0}])
def test_a_key_agreement_key_that_is_none_is_refused(platform, sub_command: int, change: dict) -> None:
    """decapsulate, §6.5.6."""
    given = pins(platform, sub_command)
    request = given.request(sub_command)
    assert given.status(request | {3: request[3] | change}) == INVALID


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        (0, INVALID),
        (-1, INVALID),
        (0x80, S.SUCCESS),
        (PCMR | CM, S.UNAUTHORIZED_PERMISSION),
        (PCMR | MC, S.UNAUTHORIZED_PERMISSION),
    ],
)
@pytest.mark.parametrize("sub_command", [6, 9], ids=lambda number: f"{PIN_SECTIONS[number]} steps 3 and 4")
def test_permissions_that_nobody_can_have_are_refused(platform, sub_command, permissions, status) -> None:
    """Undefined ones are ignored."""
    given = pins(platform, sub_command)
    assert given.status(given.request(sub_command) | {9: permissions}) == status


def test_getpintoken_takes_neither_permissions_nor_an_rp_id_by_6_5_5_7_1(platform: Platform) -> None:
    given = pins(platform, 5)
    for more in ({9: GA}, {10: RP_ID}):
        assert given.status(given.request(5) | more) == INVALID


@pytest.mark.parametrize("sub_command", [4, 5, 9], ids=lambda number: PIN_SECTIONS[number])
def test_a_pin_that_is_blocked_is_told_as_such(platform: Platform, sub_command: int) -> None:
    """§6.5.5.6 steps 3 and 7, §6.5.5.7.1 and §6.5.5.7.2 steps 5 and 9: three in a row, eight in all."""
    key, told = platform.key, []
    for _ in range(9):
        given = Pins(key)
        told.append(given.status(given.request(sub_command, pin="wrong")))
        if told[-1] == S.PIN_AUTH_BLOCKED:
            assert given.status(given.request(sub_command)) == S.PIN_AUTH_BLOCKED  # and the right one too
            key.power_cycle()
    assert (
        told == [S.PIN_INVALID, S.PIN_INVALID, S.PIN_AUTH_BLOCKED] * 2 + [S.PIN_INVALID] + [S.PIN_BLOCKED] * 2
    )
    key.power_cycle()
    for number in (4, 5, 9):
        assert Pins(key).status(Pins(key).request(number)) in (S.PIN_BLOCKED, INVALID)
    given = Pins(key)
    assert given.status(given.request(sub_command)) == S.PIN_BLOCKED
    assert given.status(given.request(6)) == S.UV_BLOCKED  # §6.5.3.1 step 3


@pytest.mark.parametrize(
    ("new_pin", "status"),
    [("123", S.PIN_POLICY_VIOLATION), ("é" * 3, S.PIN_POLICY_VIOLATION), ("x" * 64, S.PIN_POLICY_VIOLATION)],
)
@pytest.mark.parametrize("sub_command", [3, 4], ids=lambda number: PIN_SECTIONS[number])
def test_a_pin_too_short_or_too_long_is_refused(platform, sub_command, new_pin: str, status) -> None:
    given = pins(platform, sub_command)
    assert given.status(given.request(sub_command, new_pin=new_pin)) == status


def test_setpin_is_for_keys_without_one_and_changepin_for_others_by_6_5_5_5_and_6_5_5_6(platform) -> None:
    given = Pins(platform.key)
    assert given.status(given.request(3)) == UNAUTHENTICATED
    platform.key.power_cycle()
    Ctap2(platform.key).reset()
    for sub_command in (4, 5, 9):
        given = Pins(platform.key)
        assert given.status(given.request(sub_command)) == S.PIN_NOT_SET


# Full stores


def test_a_full_store_is_told_by_6_1_2_step_17_4(platform: Platform) -> None:
    for user_id in (b"carol", b"dave"):
        platform.key.made(rk=True, user_id=user_id, token=platform.token(MC))
    before = platform.key.snapshot()
    assert platform.key.make(rk=True, user_id=b"erin", token=platform.token(MC))[0] == S.KEY_STORE_FULL
    assert platform.key.snapshot() == before
    assert platform.key.make(rk=True, user_id=b"dave", token=platform.token(MC))[0] == S.SUCCESS


def test_a_full_sensor_is_told_by_6_7_4(platform: Platform) -> None:
    begin, next_ = GOOD["enrollBegin"], GOOD["enrollCaptureNextSample"]
    assert platform.try_out(next_, lambda request: None) == S.SUCCESS
    assert platform.try_out(begin, lambda request: None) == S.FP_DATABASE_FULL


def test_a_full_array_of_blobs_is_told_by_6_10_2_step_5_2_2(platform: Platform) -> None:
    most = FULL.max_large_blob_array
    good = GOOD["largeBlobs set"]
    assert platform.try_out(good, lambda request: request.update({4: most})) == S.SUCCESS
    assert platform.try_out(good, lambda request: request.update({4: most + 1})) == S.LARGE_BLOB_STORAGE_FULL


def test_a_full_list_of_relying_parties_is_told_by_6_11_4_step_8(platform: Platform) -> None:
    most = [f"{number}.example" for number in range(FULL.max_rp_ids_for_min_pin_length)]
    good = GOOD["setMinPINLength"]
    assert platform.try_out(good, lambda request: request[2].update({2: most})) == S.SUCCESS
    assert platform.try_out(good, lambda request: request[2].update({2: [*most, "x"]})) == S.KEY_STORE_FULL


# Continuations out of turn

NEXT = {
    "§6.3 getNextAssertion": (lambda p: p.key.get(token=p.token(GA)), 0x08, None),
    "§6.8.3 enumerateRPsGetNextRP": (lambda p: begin(p, "enumerateRPsBegin"), 0x0A, {1: 3}),
    "§6.8.4 enumerateCredentialsGetNextCredential": (
        lambda p: begin(p, "enumerateCredentialsBegin"), 0x0A, {1: 5}
    ),
}  # fmt: skip


def begin(platform: Platform, name: str) -> Any:
    """The first of an enumeration that has two."""
    platform.key.made(rk=True, rp_id="example.org", token=platform.key.token(MC, "example.org", PIN))
    good = GOOD[name]
    return platform.send(good, platform.mended(good), platform.token(good.permission))


@pytest.mark.parametrize("name", NEXT)
def test_a_continuation_goes_on_once_and_in_turn_alone(platform: Platform, name: str) -> None:
    """§6, stateful commands."""
    start, code, request = NEXT[name]
    assert platform.key.command(code, request)[0] == S.NOT_ALLOWED  # nothing was begun
    assert start(platform)[0] == S.SUCCESS
    assert platform.key.command(code, request)[0] == S.SUCCESS
    assert platform.key.command(code, request)[0] == S.NOT_ALLOWED  # there are two
    between: list[Callable[[], Any]] = [
        lambda: platform.key.command(0x04),
        lambda: platform.key.command(0x0C, {1: 1, 3: 0}),
        lambda: platform.key.send(b"\xff"),
        platform.key.power_cycle,
        lambda: setattr(platform.key, "now", platform.key.now + 30.1),
    ]
    for come_between in between:
        assert start(platform)[0] == S.SUCCESS
        come_between()
        assert platform.key.command(code, request)[0] == S.NOT_ALLOWED
    others = [other for other in NEXT if other != name]
    for other in others:
        assert start(platform)[0] == S.SUCCESS
        assert platform.key.command(*NEXT[other][1:])[0] == S.NOT_ALLOWED
        assert platform.key.command(code, request)[0] == S.NOT_ALLOWED


@pytest.mark.parametrize("name", NEXT)
def test_a_continuation_waits_no_longer_than_30_s_each_time(platform: Platform, name: str) -> None:
    """§6.3 step 3; §6, stateful commands."""
    start, code, request = NEXT[name]
    assert start(platform)[0] == S.SUCCESS
    platform.key.now += 30
    assert platform.key.command(code, request)[0] == S.SUCCESS


def test_a_sample_out_of_turn_is_refused_by_6_7_5(platform: Platform) -> None:
    good = GOOD["enrollCaptureNextSample"]
    request = good.request | {3: {1: b"\x00\x00"}}
    assert platform.send(good, request, platform.token(BE))[0] == S.NOT_ALLOWED
    begun = platform.mended(good)
    assert platform.send(good, request, platform.token(BE))[0] == S.INVALID_OPTION
    platform.key.command(0x09, {1: 1, 2: 3})  # cancelCurrentEnrollment, §6.7.5
    assert platform.send(good, begun, platform.token(BE))[0] == S.NOT_ALLOWED


def test_a_fragment_out_of_turn_is_refused_by_6_10_2_step_5_4(platform: Platform) -> None:
    good = GOOD["largeBlobs set"]
    assert platform.send(good, {2: bytes(7), 3: 10}, platform.token(LBW))[0] == S.INVALID_SEQ


def test_a_reset_too_late_is_refused_by_6_6(platform: Platform) -> None:
    platform.key.power_cycle()
    platform.key.now += 10.1
    before = platform.key.snapshot()
    assert platform.key.command(0x07)[0] == S.NOT_ALLOWED
    assert platform.key.snapshot() == before


@pytest.mark.parametrize(("code", "timeout"), [(0x07, S.USER_ACTION_TIMEOUT), (0x0B, S.USER_ACTION_TIMEOUT)])
def test_no_touch_is_told_by_6_6_and_6_9(make_key, code: int, timeout: CtapStatus) -> None:
    key = make_key(FULL)
    key.absent = True
    assert key.command(code)[0] == timeout
    key.absent, key.declines = False, True
    assert key.command(code)[0] == S.OPERATION_DENIED


def test_python_fido2_names_each_refusal(platform: Platform) -> None:
    with pytest.raises(CtapError, match="PUAT_REQUIRED"):
        Ctap2(platform.key).credential_mgmt(1)
