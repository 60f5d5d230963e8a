"""What the fuzzer begins with: exchanges of python-fido2 with each kind of key, taken down as programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any

from fido2.ctap import CtapDevice, CtapError
from fido2.ctap1 import ApduError, Ctap1
from fido2.ctap2 import ClientPin, Config, CredentialManagement, Ctap2, FPBioEnrollment, LargeBlobs
from fido2.hid import CAPABILITY, CTAPHID
from program import Op, Program, Step
from rig import KINDS, PIN, RP_ID, Rig, used

CLIENT_DATA_HASH = sha256(b"client data").digest()
PERMISSION = ClientPin.PERMISSION
PERMISSIONS = {0x01: 0x01, 0x02: 0x02, 0x09: 0x08, 0x0A: 0x04, 0x0C: 0x10, 0x0D: 0x20, 0x40: 0x00, 0x41: 0x00}
"""What a token must permit, by command."""


class Recorder(CtapDevice):
    """A key under python-fido2 that takes down what it is asked."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.steps: list[Step] = []

    @property
    def capabilities(self) -> int:
        return CAPABILITY.CBOR if self.rig.profile.ctap2 else CAPABILITY(0)

    def call(self, cmd: int, data: bytes = b"", event: Any = None, on_keepalive: Any = None) -> bytes:
        match cmd:
            case CTAPHID.CBOR:
                step = Step(Op.CBOR, data)
            case CTAPHID.MSG:
                step = Step(Op.APDU, data)
            case _:
                step = Step(Op.MESSAGE, bytes((cmd,)) + data)
        self.steps.append(step)
        answer = self.rig.run(step)
        if answer is None or answer.command != cmd:
            raise CtapError(CtapError.ERR.OTHER)
        return answer.data

    @classmethod
    def list_devices(cls) -> Iterator[CtapDevice]:
        return iter(())


def seeds() -> Iterator[bytes]:
    """Every exchange on every kind of key, fresh and used, and each message again for a token of now."""
    for kind in range(len(KINDS)):
        for state, snapshot in ((0, used(kind)), (1, None)):
            for exchange in (
                *PACKETS,
                *(U2F if KINDS[kind].u2f else ()),
                *(CTAP2 if KINDS[kind].ctap2 else ()),
            ):
                recorder = Recorder(Rig(kind, snapshot))
                with suppress(CtapError, ApduError, ValueError, LookupError, AttributeError):
                    exchange(recorder)
                key = kind + len(KINDS) * state
                yield Program(key, tuple(recorder.steps)).encode()
                if exchange in CTAP2:
                    yield Program(key, tuple(_signed(recorder.steps))).encode()


def _signed(steps: list[Step]) -> Iterator[Step]:
    """The same, but by a platform that has a token, whatever the key says."""
    for step in steps:
        if step.op is Op.CBOR and step.payload[0] in PERMISSIONS:
            yield Step(Op.TOKEN, bytes((PERMISSIONS[step.payload[0]],)))
            yield Step(Op.SIGNED, step.payload)
        else:
            yield step


def pings(device: Recorder) -> None:
    for command, data in ((CTAPHID.PING, bytes(200)), (CTAPHID.WINK, b""), (CTAPHID.LOCK, b"\x02")):
        device.call(command, data)


def card(device: Recorder) -> None:
    """SELECT, the version, getInfo, a selection in a chain that is polled for and cancelled."""
    commands = (
        "00a4040008a0000006472f0001", "00030000", "901000000104", "8010000000", "00c0000000",
        "801080000000010b00", "801100000000", "80111100",
    )  # fmt: skip
    for step in (*(Step(Op.CARD, bytes.fromhex(command)) for command in commands), Step(Op.HABIT, b"\x06")):
        device.steps.append(step)
        device.rig.run(step)


def waits(device: Recorder) -> None:
    """A touch that comes late, a CANCEL, a power cycle in between."""
    for end in (Step(Op.TOUCH), Step(Op.MESSAGE, b"\x11"), Step(Op.WAIT, b"\x08"), Step(Op.POWER_CYCLE)):
        command = Step(Op.CBOR, b"\x0b") if device.rig.profile.ctap21 else Step(Op.CBOR, b"\x07")
        for step in (Step(Op.HABIT, b"\x06"), command, Step(Op.WAIT, b"\x01"), end):
            device.steps.append(step)
            device.rig.run(step)


def register(device: Recorder) -> None:
    ctap = Ctap1(device)
    ctap.get_version()
    data = ctap.register(CLIENT_DATA_HASH, bytes(32))
    ctap.authenticate(CLIENT_DATA_HASH, bytes(32), data.key_handle)
    ctap.authenticate(CLIENT_DATA_HASH, bytes(32), data.key_handle, check_only=True)


def credentials(device: Recorder) -> None:
    ctap = Ctap2(device)
    proof = _proof(ctap, PERMISSION.MAKE_CREDENTIAL)
    extensions = {
        "credProtect": 3, "hmac-secret": True, "credBlob": b"blob", "largeBlobKey": True,
        "minPinLength": True, "pinComplexityPolicy": True, "thirdPartyPayment": True,
    }  # fmt: skip
    supported = {name: given for name, given in extensions.items() if name in ctap.info.extensions}
    created = ctap.make_credential(
        CLIENT_DATA_HASH,
        {"id": RP_ID, "name": "Example"},
        {"id": b"carol", "name": "carol", "displayName": "Carol"},
        [{"type": "public-key", "alg": alg} for alg in (-50, -36, -8, -7)],
        [{"type": "public-key", "id": bytes(32)}],
        supported or None,
        {"rk": True} if ctap.info.options.get("rk") else None,
        *proof,
        2 if ctap.info.options.get("ep") else None,
    )
    allow = [{"type": "public-key", "id": created.auth_data.credential_data.credential_id}]
    proof = _proof(ctap, PERMISSION.GET_ASSERTION)
    asked = {name: True for name in ("credBlob", "thirdPartyPayment") if name in ctap.info.extensions} or None
    ctap.get_assertion(RP_ID, CLIENT_DATA_HASH, allow, asked, None, *proof)
    proof = _proof(ctap, PERMISSION.GET_ASSERTION)
    found = ctap.get_assertion(RP_ID, CLIENT_DATA_HASH, None, asked, {"up": True}, *proof)
    for _ in range(found.number_of_credentials or 0):
        ctap.get_next_assertion()


def secrets(device: Recorder) -> None:
    """hmac-secret and hmac-secret-mc."""
    ctap = Ctap2(device)
    protocol = ClientPin(ctap).protocol
    agreement, secret = ClientPin(ctap)._get_shared_secret()
    salts = protocol.encrypt(secret, bytes(64))
    given = {1: agreement, 2: salts, 3: protocol.authenticate(secret, salts), 4: protocol.VERSION}
    created = ctap.make_credential(
        CLIENT_DATA_HASH,
        {"id": RP_ID},
        {"id": b"dave"},
        [{"type": "public-key", "alg": -7}],
        extensions={"hmac-secret": True, "hmac-secret-mc": given},
    )
    allow = [{"type": "public-key", "id": created.auth_data.credential_data.credential_id}]
    ctap.get_assertion(RP_ID, CLIENT_DATA_HASH, allow, {"hmac-secret": given})


def pins(device: Recorder) -> None:
    client = ClientPin(Ctap2(device))
    if not client.ctap.info.options.get("clientPin"):
        client.set_pin(PIN)
    with suppress(CtapError):
        client.get_pin_token("000000", PERMISSION.CREDENTIAL_MGMT)
    client.get_pin_retries()
    client.get_pin_token(PIN)
    client.change_pin(PIN, "271828")
    client.get_pin_token("271828", PERMISSION.PERSISTENT_CREDENTIAL_MGMT)
    client.get_uv_retries()


def fingers(device: Recorder) -> None:
    client = ClientPin(Ctap2(device))
    client.get_uv_retries()
    client.get_uv_token(PERMISSION.GET_ASSERTION, RP_ID)
    client.ctap.make_credential(
        CLIENT_DATA_HASH,
        {"id": RP_ID},
        {"id": b"eve"},
        [{"type": "public-key", "alg": -7}],
        options={"uv": True},
    )


def management(device: Recorder) -> None:
    ctap = Ctap2(device)
    found = CredentialManagement(ctap, *_token(ctap, PERMISSION.CREDENTIAL_MGMT))
    found.get_metadata()
    for rp in found.enumerate_rps():
        for credential in found.enumerate_creds(rp[CredentialManagement.RESULT.RP_ID_HASH]):
            named = credential[CredentialManagement.RESULT.CREDENTIAL_ID]
            with suppress(CtapError):  # the preview has no such subcommand
                found.update_user_info(named, {"id": b"alice", "name": "another name"})
            found.delete_cred(named)


def settings(device: Recorder) -> None:
    ctap = Ctap2(device)
    for act in (
        lambda config: config.enable_enterprise_attestation(),
        lambda config: config._call(4),
        lambda config: config.set_min_pin_length(8, [RP_ID], True),
        lambda config: config._call(3, {4: True}),
        lambda config: config.toggle_always_uv(),
    ):
        with suppress(CtapError):
            act(Config(ctap, *_token(ctap, PERMISSION.AUTHENTICATOR_CFG)))


def blobs(device: Recorder) -> None:
    ctap = Ctap2(device)
    found = LargeBlobs(ctap, *_token(ctap, PERMISSION.LARGE_BLOB_WRITE))
    found.put_blob(bytes(32), bytes(900))
    found.get_blob(bytes(32))
    found.delete_blob(bytes(32))


def enrolment(device: Recorder) -> None:
    ctap = Ctap2(device)
    bio = FPBioEnrollment(ctap, *_token(ctap, PERMISSION.BIO_ENROLL))
    bio.get_fingerprint_sensor_info()
    context = bio.enroll(timeout=2000)
    while (template_id := context.capture()) is None:
        pass
    bio.set_name(template_id, "left thumb")
    bio.enumerate_enrollments()
    bio.remove_enrollment(template_id)
    bio.cancel()


def end(device: Recorder) -> None:
    ctap = Ctap2(device)
    with suppress(CtapError):
        ctap.selection()
    ctap.reset()


PACKETS: tuple[Callable[[Recorder], None], ...] = (pings, waits, card)
U2F: tuple[Callable[[Recorder], None], ...] = (register,)
CTAP2: tuple[Callable[[Recorder], None], ...] = (
    credentials, secrets, pins, fingers, management, settings, blobs, enrolment, end,
)  # fmt: skip


def _token(ctap: Ctap2, permission: ClientPin.PERMISSION) -> tuple[Any, bytes]:
    client = ClientPin(ctap)
    if ctap.info.options.get("clientPin"):
        limited = ctap.info.options.get("pinUvAuthToken")
        return client.protocol, client.get_pin_token(PIN, permission if limited else None, RP_ID)
    return client.protocol, client.get_uv_token(permission, RP_ID)


def _proof(ctap: Ctap2, permission: ClientPin.PERMISSION) -> tuple[bytes | None, int | None]:
    options = ctap.info.options
    if not options.get("clientPin") and not (options.get("uv") and options.get("pinUvAuthToken")):
        return None, None
    protocol, token = _token(ctap, permission)
    return protocol.authenticate(token, CLIENT_DATA_HASH), protocol.VERSION
