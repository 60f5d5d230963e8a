"""U2F (U2F Raw Message Formats v1.2), with python-fido2 for the platform and the specification's example."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.ctap1 import Ctap1, SignatureData

from emulator.fido.apdu import CommandApdu
from emulator.fido.attestation import root_certificate_pem
from emulator.fido.credential import Credential
from emulator.fido.gesture import Gesture
from emulator.fido.status import CtapStatus
from emulator.profile import Profile
from emulator.store import Snapshot

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "u2f_raw_messages.json").read_text())
CHALLENGE = sha256(b"client data").digest()
APPLICATION = sha256(b"example.com").digest()


@pytest.fixture
def key(make_key):
    return make_key("u2f-only")


@pytest.fixture
def ctap1(key) -> Ctap1:
    return Ctap1(key)


@pytest.fixture
def handle(ctap1: Ctap1) -> bytes:
    return ctap1.register(CHALLENGE, APPLICATION).key_handle


def authentication(handle: bytes, *, p1: int = 0x03, application: bytes = APPLICATION) -> bytes:
    data = CHALLENGE + application + bytes((len(handle),)) + handle
    return CommandApdu(cla=0, ins=2, p1=p1, data=data, ne=256).encode()


# Registration


def test_a_registration_takes_a_touch_and_verifies(key, ctap1: Ctap1) -> None:
    data = ctap1.register(CHALLENGE, APPLICATION)
    data.verify(APPLICATION, CHALLENGE)
    assert key.asked == [Gesture.PRESENCE]
    assert len(data.key_handle) <= 255


def test_the_certificate_is_the_models_under_the_test_root(ctap1: Ctap1) -> None:
    certificate = x509.load_der_x509_certificate(ctap1.register(CHALLENGE, APPLICATION).certificate)
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(root_certificate_pem()))


def test_nothing_is_kept_of_a_registration(key, ctap1: Ctap1) -> None:
    before = key.snapshot()
    first, second = (ctap1.register(CHALLENGE, APPLICATION) for _ in range(2))
    assert key.snapshot() == before
    assert first.key_handle != second.key_handle


@pytest.mark.parametrize("p1", [0x00, 0x03, 0x80])
def test_p1_of_a_registration_is_not_read(key, p1: int) -> None:
    raw = CommandApdu(cla=0, ins=1, p1=p1, data=CHALLENGE + APPLICATION, ne=256).encode()
    assert key.apdu(raw)[-2:] == b"\x90\x00"


# Authentication


def test_an_authentication_takes_a_touch_counts_and_verifies(key, ctap1: Ctap1) -> None:
    registered = ctap1.register(CHALLENGE, APPLICATION)
    key.asked.clear()
    for count in (1, 2):
        data = ctap1.authenticate(CHALLENGE, APPLICATION, registered.key_handle)
        data.verify(APPLICATION, CHALLENGE, registered.public_key)
        assert (data.user_presence, data.counter) == (1, count)
    assert key.asked == [Gesture.PRESENCE] * 2


def test_check_only_says_whether_a_handle_is_ours_and_does_no_more(key, handle: bytes) -> None:
    before = key.snapshot()
    key.asked.clear()
    assert key.apdu(authentication(handle, p1=0x07)) == b"\x69\x85"
    assert key.apdu(authentication(bytes(64), p1=0x07)) == b"\x6a\x80"
    assert (key.snapshot(), key.asked) == (before, [])


def test_without_enforced_presence_there_is_a_signature_that_says_so(key, ctap1, handle: bytes) -> None:
    key.asked.clear()
    data = SignatureData(key.apdu(authentication(handle, p1=0x08))[:-2])
    assert (data.user_presence, data.counter) == (0, 1)
    assert key.asked == []


@pytest.mark.parametrize("p1", [0x03, 0x07, 0x08])
def test_a_handle_of_another_application_or_key_is_wrong_data(key, make_key, handle: bytes, p1: int) -> None:
    key.asked.clear()
    before = key.snapshot()
    assert key.apdu(authentication(handle, p1=p1, application=bytes(32))) == b"\x6a\x80"
    assert make_key("u2f-only", seed=1).apdu(authentication(handle, p1=p1)) == b"\x6a\x80"
    assert key.apdu(authentication(handle[:-1] + b"\x00", p1=p1)) == b"\x6a\x80"
    assert key.apdu(authentication(b"", p1=p1)) == b"\x6a\x80"
    assert (key.snapshot(), key.asked) == (before, [])


def test_without_a_touch_conditions_are_not_satisfied(key, handle: bytes) -> None:
    before = key.snapshot()
    key.declines = True
    assert key.apdu(authentication(handle)) == b"\x69\x85"
    raw = CommandApdu(cla=0, ins=1, data=CHALLENGE + APPLICATION, ne=256).encode()
    assert key.apdu(raw) == b"\x69\x85"
    assert key.snapshot() == before


def test_a_request_abandoned_while_it_waits_changes_nothing(key, handle: bytes) -> None:
    before = key.snapshot()
    command = key.authenticator.msg(authentication(handle), key.now)
    assert next(command) is Gesture.PRESENCE
    command.close()
    assert key.snapshot() == before


def test_the_specifications_example_is_signed_over_the_same_bytes(key) -> None:
    example = VECTORS["authentication"]
    public_key = bytes.fromhex(example["user_public_key"])
    credential = Credential(
        credential_id=b"the example's",
        private_key=bytes.fromhex(example["user_private_key"]) + public_key[1:],
        rp_id_hash=bytes.fromhex(example["application_parameter"]),
        discoverable=True,
    )
    before = key.snapshot()
    key.store.restore(
        Snapshot(
            master_secret=before.master_secret,
            user_verification=before.user_verification,
            sign_count=example["counter"] - 1,
            credentials=(credential,),
        )
    )
    data = bytes.fromhex(example["challenge_parameter"]) + credential.rp_id_hash
    data += bytes((len(credential.credential_id),)) + credential.credential_id
    answer = key.apdu(CommandApdu(cla=0, ins=2, p1=3, data=data, ne=256).encode())
    assert answer[:5] == bytes.fromhex(example["response"])[:5]
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    point.verify(answer[5:-2], bytes.fromhex(example["signed_data"]), ec.ECDSA(hashes.SHA256()))


# Version, and what is no request


def test_the_version_is_u2f_v2(ctap1: Ctap1) -> None:
    assert ctap1.get_version() == "U2F_V2"


@pytest.mark.parametrize(
    ("raw", "status_word"),
    [
        ("", "6700"),
        ("000300", "6700"),
        ("00030000", "5532465f56329000"),
        ("0003000000", "5532465f56329000"),
        ("00030000000000", "5532465f56329000"),
        ("000300000101", "6700"),
        ("0003000000000000", "6700"),
        ("00010000", "6700"),
        ("0001000040" + "00" * 63, "6700"),
        ("000100003f" + "00" * 63, "6700"),
        ("0001000041" + "00" * 65, "6700"),
        ("0002030040" + "00" * 64, "6700"),
        ("0002030042" + "00" * 64 + "02" + "00", "6700"),
        ("0002030042" + "00" * 64 + "00" + "00", "6700"),
        ("0002000042" + "00" * 64 + "01" + "00", "6a86"),
        ("0002ff0042" + "00" * 64 + "01" + "00", "6a86"),
        ("00000000", "6d00"),
        ("00040000", "6d00"),
        ("00400000", "6d00"),
        ("00ff0000", "6d00"),
        ("01030000", "6e00"),
        ("80010000", "6e00"),
    ],
)
def test_what_is_no_request_has_its_status_word_and_the_next_one_is_served(key, raw, status_word) -> None:
    before = key.snapshot()
    assert key.apdu(bytes.fromhex(raw)).hex() == status_word
    assert (key.snapshot(), key.asked) == (before, [])
    assert Ctap1(key).get_version() == "U2F_V2"


def test_a_key_without_u2f_has_none_of_its_instructions(make_key) -> None:
    key = make_key("passkey")
    assert {key.apdu(bytes((0, ins, 0, 0))) for ins in (1, 2, 3)} == {b"\x6d\x00"}


# U2F and CTAP2 on one key


def test_a_u2f_registration_signs_in_by_ctap2(make_key) -> None:
    key = make_key("ctap21")
    registered = Ctap1(key).register(CHALLENGE, APPLICATION)
    status, response = key.get(allow=[registered.key_handle])
    assert status == CtapStatus.SUCCESS
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), registered.public_key)
    point.verify(response[3], response[2] + CHALLENGE, ec.ECDSA(hashes.SHA256()))
    assert 4 not in response


@pytest.mark.parametrize("rk", [False, True])
def test_a_ctap2_credential_signs_in_by_u2f(make_key, rk: bool) -> None:
    key = make_key("ctap21")
    made = key.made(rk=rk).credential_data
    data = Ctap1(key).authenticate(CHALLENGE, APPLICATION, made.credential_id)
    data.verify(APPLICATION, CHALLENGE, b"\x04" + made.public_key[-2] + made.public_key[-3])


@pytest.mark.parametrize("given", [{"algorithms": (-8,)}, {"extensions": {"credProtect": 3}}], ids=str)
def test_a_credential_that_u2f_cannot_sign_with_or_may_not_is_wrong_data(make_key, given) -> None:
    key = make_key("ctap21")
    credential_id = key.made(**given).credential_data.credential_id
    for p1 in (0x03, 0x07, 0x08):
        assert key.apdu(authentication(credential_id, p1=p1)) == b"\x6a\x80"


def test_both_protocols_count_signatures_together(make_key) -> None:
    key = make_key("ctap21")
    handle = Ctap1(key).register(CHALLENGE, APPLICATION).key_handle
    assert key.got(allow=[handle]).counter == 1
    assert Ctap1(key).authenticate(CHALLENGE, APPLICATION, handle).counter == 2


def test_where_there_is_no_counter_it_stays_zero(make_key) -> None:
    key = make_key(replace(Profile.load("u2f-only"), sign_counter=False))
    handle = Ctap1(key).register(CHALLENGE, APPLICATION).key_handle
    assert Ctap1(key).authenticate(CHALLENGE, APPLICATION, handle).counter == 0
