"""U2F, also called CTAP1 (FIDO U2F Raw Message Formats v1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.hid import CTAPHID

from harness.conformance.probe import Probe
from harness.conformance.wire import Wire

pytestmark = pytest.mark.needs("u2f")

APPLICATION = sha256(b"https://conform.example").digest()
CHALLENGE = sha256(b"a challenge").digest()
CHECK_ONLY, ENFORCE_PRESENCE = 0x07, 0x03
OK, CONDITIONS_NOT_SATISFIED, WRONG_DATA, WRONG_LENGTH = 0x9000, 0x6985, 0x6A80, 0x6700
INS_NOT_SUPPORTED, CLA_NOT_SUPPORTED = 0x6D00, 0x6E00
POLLS = 200
"""Requests until a touch must have come; a client asks four times a second."""


def _apdu(instruction: int, p1: int = 0, data: bytes = b"") -> bytes:
    """An extended APDU (§3)."""
    return bytes((0, instruction, p1, 0, 0)) + len(data).to_bytes(2, "big") + data + b"\x00\x00"


def _when_touched(probe: Probe, apdu: bytes) -> tuple[bytes, int]:
    """Ask until the key was touched."""
    for _ in range(POLLS):
        data, status_word = probe.msg(apdu)
        if status_word != CONDITIONS_NOT_SATISFIED:
            return data, status_word
        probe.wait(0.25)
    raise AssertionError("the key never was content with a touch")


@dataclass(frozen=True, slots=True, kw_only=True)
class U2fRegistration:
    """§4.3, the parts of a registration response."""

    point: bytes
    key_handle: bytes
    certificate: bytes
    signature: bytes

    @classmethod
    def read(cls, data: bytes) -> U2fRegistration:
        assert data[:1] == b"\x05", f"the response begins with 0x{data[:1].hex()}, not with 5"
        point, length = data[1:66], data[66]
        handle, rest = data[67 : 67 + length], data[67 + length :]
        assert rest[:2] == b"\x30\x82", f"where the certificate is due stands {rest[:4].hex()}"
        end = 4 + int.from_bytes(rest[2:4], "big")
        return cls(point=point, key_handle=handle, certificate=rest[:end], signature=rest[end:])

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), self.point)


def _verify(key: object, signature: bytes, message: bytes) -> None:
    assert isinstance(key, ec.EllipticCurvePublicKey)
    try:
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise AssertionError("the signature does not hold") from error


@pytest.fixture
def registered(probe: Probe) -> U2fRegistration:
    data, status_word = _when_touched(probe, _apdu(1, data=CHALLENGE + APPLICATION))
    assert status_word == OK
    return U2fRegistration.read(data)


def _sign(registered: U2fRegistration, p1: int, application: bytes = APPLICATION) -> bytes:
    handle = registered.key_handle
    return _apdu(2, p1, CHALLENGE + application + bytes((len(handle),)) + handle)


# Version.


@pytest.mark.spec("U2F-VERSION-01", "U2F Raw Message Formats §6")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-version-wrong", "u2f-version-with-more")
def test_version(probe: Probe) -> None:
    """The version is the text "U2F_V2" and nothing more."""
    assert probe.msg(_apdu(3)) == (b"U2F_V2", OK)


@pytest.mark.spec("U2F-VERSION-02", "U2F Raw Message Formats §6")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-length-unnamed")
def test_version_takes_no_data(probe: Probe) -> None:
    """A version request with data is answered with SW_WRONG_LENGTH."""
    assert probe.msg(_apdu(3, data=b"?")) == (b"", WRONG_LENGTH)


# What is no request.


@pytest.mark.spec("U2F-APDU-01", "U2F Raw Message Formats §3.3")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-instruction-unnamed")
def test_unknown_instruction(probe: Probe) -> None:
    """An instruction that nobody has defined is answered with SW_INS_NOT_SUPPORTED."""
    assert probe.msg(_apdu(0x0F)) == (b"", INS_NOT_SUPPORTED)


@pytest.mark.spec("U2F-APDU-02", "U2F Raw Message Formats §3.3")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-class-unnamed")
def test_unknown_class(probe: Probe) -> None:
    """A class other than 0 is answered with SW_CLA_NOT_SUPPORTED."""
    assert probe.msg(b"\x6d" + _apdu(3)[1:]) == (b"", CLA_NOT_SUPPORTED)


@pytest.mark.spec("U2F-APDU-03", "U2F Raw Message Formats §4.1")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-length-unnamed")
@pytest.mark.parametrize("length", [0, 63, 65])
def test_registration_of_another_length(probe: Probe, length: int) -> None:
    """A registration request has 64 bytes; others are answered with SW_WRONG_LENGTH."""
    assert probe.msg(_apdu(1, data=bytes(length))) == (b"", WRONG_LENGTH)


@pytest.mark.spec("U2F-APDU-04", "U2F Raw Message Formats §5.1")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-length-unnamed")
def test_authentication_cut_short(probe: Probe) -> None:
    """An authentication request whose key handle is shorter than it says is answered with SW_WRONG_LENGTH."""
    data = CHALLENGE + APPLICATION + b"\x40" + bytes(32)
    assert probe.msg(_apdu(2, CHECK_ONLY, data)) == (b"", WRONG_LENGTH)


# Registration.


@pytest.mark.spec("U2F-REGISTER-01", "U2F Raw Message Formats §4.2")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-registers-untouched", "u2f-touch-unnamed")
def test_registration_wants_a_touch(probe: Probe) -> None:
    """A registration request before the touch is answered with SW_CONDITIONS_NOT_SATISFIED."""
    probe.leave_alone()
    assert probe.msg(_apdu(1, data=CHALLENGE + APPLICATION)) == (b"", CONDITIONS_NOT_SATISFIED)


@pytest.mark.spec("U2F-REGISTER-02", "U2F Raw Message Formats §4.3")
@pytest.mark.catches("u2f-reserved-byte", "u2f-waits-for-registration")
def test_reserved_byte(probe: Probe) -> None:
    """A registration response begins with the byte 5."""
    data, status_word = _when_touched(probe, _apdu(1, data=CHALLENGE + APPLICATION))
    assert (status_word, data[:1]) == (OK, b"\x05")


def _response(probe: Probe) -> bytes:
    data, status_word = _when_touched(probe, _apdu(1, data=CHALLENGE + APPLICATION))
    assert status_word == OK
    return data


@pytest.mark.spec("U2F-REGISTER-03", "U2F Raw Message Formats §4.3")
@pytest.mark.catches("u2f-point-compressed")
def test_public_key(probe: Probe) -> None:
    """The public key is an uncompressed point of P-256, 65 bytes."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _response(probe)[1:66])
    except ValueError as error:
        raise AssertionError("the public key is no point of P-256") from error


@pytest.mark.spec("U2F-REGISTER-04", "U2F Raw Message Formats §4.3")
@pytest.mark.catches("u2f-handle-empty")
def test_key_handle_is_there(probe: Probe) -> None:
    """The key handle has at least one byte, and at most 255."""
    assert _response(probe)[66] > 0


@pytest.mark.spec("U2F-REGISTER-05", "U2F Raw Message Formats §4.3")
@pytest.mark.catches("u2f-certificate-bad")
def test_certificate(probe: Probe) -> None:
    """The attestation certificate is X.509, with a P-256 key."""
    certificate = x509.load_der_x509_certificate(U2fRegistration.read(_response(probe)).certificate)
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


@pytest.mark.spec("U2F-REGISTER-06", "U2F Raw Message Formats §4.3")
@pytest.mark.catches("u2f-registration-bad")
def test_registration_signature(registered: U2fRegistration) -> None:
    """The certificate's key signs application, challenge, key handle and public key."""
    message = b"\x00" + APPLICATION + CHALLENGE + registered.key_handle + registered.point
    key = x509.load_der_x509_certificate(registered.certificate).public_key()
    _verify(key, registered.signature, message)


@pytest.mark.spec("U2F-REGISTER-07", "U2F Raw Message Formats §4.3")
@pytest.mark.touches(2)
@pytest.mark.catches("u2f-repeats-itself")
def test_every_registration_is_new(probe: Probe, registered: U2fRegistration) -> None:
    """Each registration has a key handle and a key of its own."""
    again = U2fRegistration.read(_response(probe))
    assert again.key_handle != registered.key_handle
    assert again.point != registered.point


# Authentication.


@pytest.mark.spec("U2F-AUTHENTICATE-01", "U2F Raw Message Formats §5.1")
@pytest.mark.catches("u2f-check-says-wrong-data", "u2f-touch-unnamed")
def test_check_of_its_own(probe: Probe, registered: U2fRegistration) -> None:
    """check-only of the key's own handle is answered with SW_CONDITIONS_NOT_SATISFIED, touched or not.

    By it a client finds out which of several keys to ask.
    """
    assert probe.msg(_sign(registered, CHECK_ONLY)) == (b"", CONDITIONS_NOT_SATISFIED)


@pytest.mark.spec("U2F-AUTHENTICATE-02", "U2F Raw Message Formats §5.1")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-check-says-yes", "u2f-strangers-unnamed")
def test_check_of_a_strangers(probe: Probe) -> None:
    """check-only of a key handle that is nobody's is answered with SW_WRONG_DATA."""
    data = CHALLENGE + APPLICATION + b"\x40" + bytes(64)
    assert probe.msg(_apdu(2, CHECK_ONLY, data)) == (b"", WRONG_DATA)


@pytest.mark.spec("U2F-AUTHENTICATE-03", "U2F Raw Message Formats §5.1")
@pytest.mark.catches("u2f-any-application")
def test_handle_of_another_application(probe: Probe, registered: U2fRegistration) -> None:
    """A key handle is of no use to another application than the one it was made for."""
    other = sha256(b"https://phishing.example").digest()
    assert probe.msg(_sign(registered, ENFORCE_PRESENCE, other)) == (b"", WRONG_DATA)


@pytest.mark.spec("U2F-AUTHENTICATE-04", "U2F Raw Message Formats §5.1")
@pytest.mark.catches("u2f-handle-half-read")
def test_handle_that_was_changed(probe: Probe, registered: U2fRegistration) -> None:
    """A key handle with one bit changed is nobody's."""
    handle = registered.key_handle
    for place in (0, len(handle) // 2, len(handle) - 1):
        changed = bytearray(handle)
        changed[place] ^= 1
        data = CHALLENGE + APPLICATION + bytes((len(handle),)) + bytes(changed)
        assert probe.msg(_apdu(2, CHECK_ONLY, data)) == (b"", WRONG_DATA)


@pytest.mark.spec("U2F-AUTHENTICATE-05", "U2F Raw Message Formats §5.2")
@pytest.mark.catches("u2f-signs-untouched")
def test_authentication_wants_a_touch(probe: Probe, registered: U2fRegistration) -> None:
    """A request that enforces user presence is answered with SW_CONDITIONS_NOT_SATISFIED before the touch."""
    probe.leave_alone()
    assert probe.msg(_sign(registered, ENFORCE_PRESENCE)) == (b"", CONDITIONS_NOT_SATISFIED)


@pytest.mark.spec("U2F-AUTHENTICATE-06", "U2F Raw Message Formats §5.4")
@pytest.mark.touches(2)
@pytest.mark.catches("u2f-signature-bad")
def test_authentication_signature(probe: Probe, registered: U2fRegistration) -> None:
    """The handle's key signs application, user presence, counter and challenge."""
    data, status_word = _when_touched(probe, _sign(registered, ENFORCE_PRESENCE))
    assert status_word == OK
    _verify(registered.public_key, data[5:], APPLICATION + data[:5] + CHALLENGE)


@pytest.mark.spec("U2F-AUTHENTICATE-07", "U2F Raw Message Formats §5.4")
@pytest.mark.touches(2)
@pytest.mark.catches("u2f-presence-not-told")
def test_user_presence_is_told(probe: Probe, registered: U2fRegistration) -> None:
    """A signature after a touch says so: bit 0 of its first byte is set, the others are zero."""
    assert _when_touched(probe, _sign(registered, ENFORCE_PRESENCE))[0][:1] == b"\x01"


@pytest.mark.spec("U2F-AUTHENTICATE-08", "U2F Raw Message Formats §5.4")
@pytest.mark.touches(3)
@pytest.mark.catches("u2f-count-stuck")
def test_counter_grows(probe: Probe, registered: U2fRegistration) -> None:
    """The counter grows with each signature."""
    counts = [
        int.from_bytes(_when_touched(probe, _sign(registered, ENFORCE_PRESENCE))[0][1:5], "big")
        for _ in range(2)
    ]
    assert counts[0] < counts[1]


@pytest.mark.spec("U2F-HID-01", "CTAP 2.3 §11.2.9.1.1")
@pytest.mark.needs("u2f", "ctaphid")
@pytest.mark.touches(0)
@pytest.mark.catches("u2f-version-wrong")
def test_version_over_ctaphid(wire: Wire) -> None:
    """CTAPHID_MSG carries U2F's messages, and is answered with MSG."""
    message = wire.answer(wire.init().channel, CTAPHID.MSG, _apdu(3))
    assert (message.command, message.data) == (CTAPHID.MSG, b"U2F_V2\x90\x00")
