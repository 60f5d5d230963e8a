"""Good requests, one for each command and subcommand, and a platform that changes one thing in them.

What is changed is authenticated anew by a platform that has the right token, so that nothing but the change
can be what is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import pytest
from fido2 import cbor
from fido2.ctap2 import ClientPin, Ctap2, FPBioEnrollment
from fido2.ctap2.pin import PinProtocolV2

from emulator.fido.session import Permission
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.store import MemoryStore

PIN, RP_ID = "271828", "example.com"
HASH = sha256(b"client data").digest()
PROTOCOL = PinProtocolV2()
PUBLIC_KEY = {"type": "public-key", "id": bytes(32)}
MC, GA, CM, BE, LBW, ACFG = (Permission(1 << bit) for bit in range(6))
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
MISSING, WRONG_TYPE, INVALID = S.MISSING_PARAMETER, S.CBOR_UNEXPECTED_TYPE, S.INVALID_PARAMETER
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

    pin, rp_id, protocol, good = PIN, RP_ID, PROTOCOL, GOOD

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

    def token(self, permission: int, rp_id: str = RP_ID) -> bytes:
        return self.key.token(permission, rp_id if permission & (MC | GA) else None, PIN)

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


@pytest.fixture(scope="session")
def first_platform(make_key: Callable[..., Any]) -> Platform:
    return Platform.of(make_key(FULL))


@pytest.fixture
def platform(make_key: Callable[..., Any], first_platform: Platform) -> Platform:
    """A key of one's own, that holds what the first platform's does."""
    key = make_key(FULL, seed=1, store=MemoryStore(first_platform.key.snapshot()))
    return Platform(key, first_platform.finger, first_platform.ids)


@pytest.fixture(scope="session")
def full() -> Profile:
    """The model of ``platform``'s key, which has everything, and room for two more of each kind."""
    return FULL


def paths(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every member and element of a request."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from paths(item, (*path, key))


def cases(tables: Mapping[str, list[tuple[Path, CtapStatus]]]) -> list[Any]:
    """A good request, the path of what is wrong in it and the status for that, named after its section."""
    return [
        pytest.param((GOOD[name], what, status), id=f"{GOOD[name].section} {name}: {what} → {status.name}")
        for name, table in tables.items()
        for what, status in table
    ]


def of_another_type(good: Good) -> list[tuple[Path, CtapStatus]]:
    proof = [(member,) for member in good.proof if member]
    return [(path, WRONG_TYPE) for path in (*paths(good.request), *proof)]


PARAMETERS: Mapping[str, list[Any]] = {
    "good": [pytest.param(good, id=name) for name, good in GOOD.items()],
    "protected": [pytest.param(good, id=name) for name, good in GOOD.items() if good.permission],
    "missing": cases({name: list(good.needs.items()) for name, good in GOOD.items()}),
    "mistyped": cases({name: of_another_type(good) for name, good in GOOD.items()}),
}
"""A test that asks for one of these by name is run with each: every good request, those that take a token,
and (request, path, status) of members left out and of members of another type."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name in PARAMETERS.keys() & {*metafunc.fixturenames}:
        metafunc.parametrize(name, PARAMETERS[name])
