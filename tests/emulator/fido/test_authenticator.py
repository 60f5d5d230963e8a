"""The authenticator as a whole: judged by others, the same for the same seed, and unmoved by nonsense."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from fido2.client import DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap2 import Ctap2
from fido2.ctap2.extensions import CredProtectExtension, HmacSecretExtension
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestationConveyancePreference,
    AuthenticationResponse,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import AttestationFormat

from emulator.fido import cbor
from emulator.fido.apdu import CommandApdu
from emulator.fido.attestation import root_certificate_pem
from emulator.fido.authenticator import CtapCommand
from emulator.fido.pin_protocol import PinProtocolTwo
from emulator.fido.status import CtapStatus, StatusWord
from emulator.profile import Profile, profile_names
from emulator.store import MemoryStore, Snapshot

PIN = "314159"  # long enough for any profile
RP_ID = "example.com"
ORIGIN = "https://example.com"
FIDO2_PROFILES = [name for name in profile_names() if Profile.load(name).ctap2]


COMMANDS_OF_OPTIONS = {
    "bioEnroll": CtapCommand.BIO_ENROLLMENT,
    "userVerificationMgmtPreview": CtapCommand.BIO_ENROLLMENT_PREVIEW,
    "credMgmt": CtapCommand.CREDENTIAL_MANAGEMENT,
    "credentialMgmtPreview": CtapCommand.CREDENTIAL_MANAGEMENT_PREVIEW,
    "largeBlobs": CtapCommand.LARGE_BLOBS,
    "authnrCfg": CtapCommand.CONFIG,
}


# What is no command of ours


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"", CtapStatus.INVALID_LENGTH),
        (b"\x00", CtapStatus.INVALID_COMMAND),
        (b"\x03", CtapStatus.INVALID_COMMAND),
        (b"\x40", CtapStatus.INVALID_COMMAND),
        (b"\x04\xa0", CtapStatus.INVALID_LENGTH),
        (b"\x07\x00", CtapStatus.INVALID_LENGTH),
        (b"\x08\xa0", CtapStatus.INVALID_LENGTH),
        (b"\x0b\xa0", CtapStatus.INVALID_LENGTH),
        (bytes((CtapCommand.GET_INFO,)) + bytes(1200), CtapStatus.REQUEST_TOO_LARGE),
        (b"\x01", CtapStatus.INVALID_CBOR),
        (b"\x01\xa0\x00", CtapStatus.INVALID_CBOR),
        (b"\x02\xa1\x18\x01\x00", CtapStatus.INVALID_CBOR),
        (b"\x02\xa2\x02\x00\x01\x00", CtapStatus.INVALID_CBOR),
        (b"\x06\x81\x81\x81\x81\x81\x00", CtapStatus.INVALID_CBOR),
        (b"\x01\x80", CtapStatus.CBOR_UNEXPECTED_TYPE),
        (b"\x02\x01", CtapStatus.CBOR_UNEXPECTED_TYPE),
        (b"\x06\x41\x00", CtapStatus.CBOR_UNEXPECTED_TYPE),
        (b"\x06\xa0", CtapStatus.MISSING_PARAMETER),
    ],
)
def test_a_message_that_is_no_command_of_ours_is_refused_with_its_code(key, message, status) -> None:
    before = key.snapshot()
    assert key.send(message) == bytes((status,))
    assert key.snapshot() == before
    assert key.command(CtapCommand.GET_INFO)[0] == CtapStatus.SUCCESS


def test_a_message_may_be_just_as_long_as_getinfo_says(key) -> None:
    longest = key.profile.max_message_size
    room = longest - 1 - len(cbor.encode(key.creation() | {0x55: bytes(256)})) + 256
    for length, status in ((room, CtapStatus.SUCCESS), (room + 1, CtapStatus.REQUEST_TOO_LARGE)):
        assert key.make({0x55: bytes(length)})[0] == status


def test_a_u2f_only_key_knows_no_ctap2_command(make_key) -> None:
    key = make_key("u2f-only")
    assert {key.send(bytes((code,)))[0] for code in range(256)} == {CtapStatus.INVALID_COMMAND}


@pytest.mark.parametrize("name", FIDO2_PROFILES)
def test_the_commands_there_are_are_those_getinfo_speaks_of(make_key, name: str) -> None:
    key = make_key(name)
    info = Ctap2(key).info
    expected = {CtapCommand.MAKE_CREDENTIAL, CtapCommand.GET_ASSERTION, CtapCommand.GET_NEXT_ASSERTION}
    expected |= {CtapCommand.GET_INFO, CtapCommand.RESET}
    if "FIDO_2_1" in info.versions:
        expected.add(CtapCommand.SELECTION)
    if info.pin_uv_protocols:
        expected.add(CtapCommand.CLIENT_PIN)
    expected |= {command for option, command in COMMANDS_OF_OPTIONS.items() if option in info.options}
    known = {code for code in range(256) if key.send(bytes((code,)))[0] != CtapStatus.INVALID_COMMAND}
    assert known == expected


@pytest.mark.parametrize("name", FIDO2_PROFILES)
def test_u2f_answers_just_when_getinfo_names_it(make_key, name: str) -> None:
    key = make_key(name)
    answers = key.apdu(bytes.fromhex("00030000000000")) == b"U2F_V2\x90\x00"
    assert answers == ("U2F_V2" in Ctap2(key).info.versions)


def test_a_store_that_is_in_use_is_taken_as_it_is(make_key) -> None:
    store = MemoryStore()
    before = make_key("ctap21", store=store).snapshot()
    assert make_key("ctap21", seed=2, store=store).snapshot() == before


def test_a_copied_store_is_a_cloned_key(key, make_key) -> None:
    allow = [key.made().credential_data.credential_id]
    clone = make_key("ctap21", seed=2, store=MemoryStore(key.snapshot()))
    assert [key.got(allow=allow).counter, key.got(allow=allow).counter] == [1, 2]
    assert clone.got(allow=allow).counter == 1


def test_an_authenticator_shows_its_profile(key) -> None:
    assert key.authenticator.profile == Profile.load("ctap21")


# Judged by python-fido2's client and server, and by py_webauthn


class Person(UserInteraction):
    """Knows the PIN and is willing."""

    def request_pin(self, permissions: Any, rp_id: str | None) -> str:
        return PIN

    def request_uv(self, permissions: Any, rp_id: str | None) -> bool:
        return True


class RelyingParty:
    """A python-fido2 client at a key, and two relying parties that must both be content."""

    def __init__(self, key: Any) -> None:
        extensions = [HmacSecretExtension(), CredProtectExtension()]
        self.client = Fido2Client(key, DefaultClientDataCollector(ORIGIN), Person(), extensions)
        self.server = Fido2Server(
            {"id": RP_ID, "name": "Example"}, attestation=AttestationConveyancePreference.DIRECT
        )

    def register(
        self,
        *,
        user_id: bytes = b"alice",
        alg: int = -7,
        rk: bool = False,
        uv: str = "preferred",
        extensions: dict | None = None,
    ) -> RegistrationResponse:
        options, state = self.server.register_begin(
            PublicKeyCredentialUserEntity(id=user_id, name="alice"),
            resident_key_requirement=ResidentKeyRequirement("required" if rk else "discouraged"),
            user_verification=UserVerificationRequirement(uv),
            extensions=extensions,
        )
        public_key = options.public_key
        only = [p for p in public_key.pub_key_cred_params if p.alg == alg]
        response = self.client.make_credential(replace(public_key, pub_key_cred_params=only))
        self.server.register_complete(state, response)
        if alg not in list(COSEAlgorithmIdentifier):  # unknown to py_webauthn
            return response
        verify_registration_response(
            supported_pub_key_algs=[COSEAlgorithmIdentifier(alg)],
            credential=json.dumps(dict(response)),
            expected_challenge=public_key.challenge,
            expected_rp_id=RP_ID,
            expected_origin=ORIGIN,
            require_user_verification=uv == "required",
            pem_root_certs_bytes_by_fmt={
                AttestationFormat.PACKED: [root_certificate_pem()],
                AttestationFormat.FIDO_U2F: [root_certificate_pem()],
            },
        )
        return response

    def sign_in(
        self, registered: RegistrationResponse, *, listed: bool = True, uv: str = "preferred", **given: Any
    ) -> list[AuthenticationResponse]:
        credential = registered.response.attestation_object.auth_data.credential_data
        options, state = self.server.authenticate_begin(
            [credential] if listed else None, user_verification=UserVerificationRequirement(uv), **given
        )
        selection = self.client.get_assertion(options.public_key)
        responses = [selection.get_response(at) for at in range(len(selection.get_assertions()))]
        for response in responses:
            if response.raw_id == credential.credential_id:
                self.server.authenticate_complete(state, [credential], response)
                if credential.public_key[3] not in list(COSEAlgorithmIdentifier):
                    continue
                verify_authentication_response(
                    credential=json.dumps(dict(response)),
                    expected_challenge=options.public_key.challenge,
                    expected_rp_id=RP_ID,
                    expected_origin=ORIGIN,
                    credential_public_key=cbor.encode(dict(credential.public_key)),
                    credential_current_sign_count=0,
                    require_user_verification=uv == "required",
                )
        return responses


@pytest.mark.parametrize(
    ("name", "alg"),
    [(name, alg) for name in profile_names() for alg in Profile.load(name).algorithm_identifiers],
)
def test_both_judges_accept_registration_and_sign_in_on_every_profile(make_key, name: str, alg: int) -> None:
    key = make_key(name)
    if key.profile.client_pin:
        key.set_pin(PIN)
    relying_party = RelyingParty(key)
    registered = relying_party.register(alg=alg)
    auth_data = registered.response.attestation_object.auth_data
    assert auth_data.credential_data.public_key[3] == alg
    for count in (1, 2):
        (response,) = relying_party.sign_in(registered)
        counter = response.response.authenticator_data.counter
        assert counter >= count if key.profile.sign_counter else counter == 0
        verified = response.response.authenticator_data.is_user_verified()
        assert verified == (key.profile.client_pin or key.profile.built_in_uv)


@pytest.mark.parametrize("name", ["ctap20", "ctap21", "passkey"])
def test_passkeys_sign_in_without_a_user_name(make_key, name: str) -> None:
    key = make_key(name)
    if key.profile.client_pin:
        key.set_pin(PIN)
    relying_party = RelyingParty(key)
    users = (b"alice", b"bob", b"carol")
    registered = [relying_party.register(user_id=user, rk=True, uv="required") for user in users]
    responses = relying_party.sign_in(registered[1], listed=False, uv="required")
    assert [response.response.user_handle for response in responses] == [b"carol", b"bob", b"alice"]


@pytest.mark.parametrize("name", ["ctap20", "ctap21", "passkey"])
def test_prf_gives_the_same_secrets_each_time(make_key, name: str) -> None:
    key = make_key(name)
    if key.profile.client_pin:
        key.set_pin(PIN)
    relying_party = RelyingParty(key)
    registered = relying_party.register(extensions={"prf": {}})
    assert registered.client_extension_results.prf.enabled is True
    inputs = {"prf": {"eval": {"first": b"one", "second": b"two"}}}

    def secrets() -> tuple[bytes, bytes]:
        (response,) = relying_party.sign_in(registered, extensions=inputs)
        results = response.client_extension_results.prf.results
        return results.first, results.second

    assert len(set(secrets())) == 2
    assert secrets() == secrets()


def test_cred_protect_is_enforced_as_the_client_asks(make_key) -> None:
    key = make_key("ctap21")
    key.set_pin(PIN)
    policy = {
        "credentialProtectionPolicy": "userVerificationRequired",
        "enforceCredentialProtectionPolicy": True,
    }
    registered = RelyingParty(key).register(uv="required", extensions=policy)
    data = registered.response.attestation_object.auth_data
    assert data.extensions == {"credProtect": 3}
    allow = [data.credential_data.credential_id]
    assert key.get(allow=allow)[0] == CtapStatus.NO_CREDENTIALS


# The same for the same seed


def rehearse(key: Any) -> list[bytes]:
    """A bit of everything, the platform being the same each time."""
    platform = PinProtocolTwo(random.Random(0).randbytes)  # noqa: S311  # to be reproducible
    key.send(b"\x04")
    first = key.made(extensions={"hmac-secret": True}).credential_data.credential_id
    for user_id in (b"a", b"b"):
        key.made(rk=True, user_id=user_id, algorithms=(-8,))
    key.get(allow=[first])
    key.get()
    key.send(b"\x08")
    secret = platform.decapsulate(key.command(0x06, {1: 2, 2: 2})[1][1])
    new_pin = platform.encrypt(secret, PIN.encode().ljust(64, b"\x00"), bytes)
    members = {1: 2, 2: 3, 3: platform.public_key(), 4: bytes(32), 5: new_pin}
    key.command(0x06, members)
    key.apdu(CommandApdu(cla=0, ins=1, data=bytes(64), ne=256).encode())
    key.power_cycle()
    key.command(0x06, {1: 1, 2: 2})
    key.send(b"\x07")
    key.made()
    return key.transcript


def test_the_same_seed_gives_the_same_bytes(make_key) -> None:
    assert rehearse(make_key("ctap21", seed=7)) == rehearse(make_key("ctap21", seed=7))


def test_another_seed_gives_other_bytes(make_key) -> None:
    answers = [rehearse(make_key("ctap21", seed=seed))[1::2] for seed in (7, 8)]
    same = [index for index, (one, other) in enumerate(zip(*answers, strict=True)) if one == other]
    assert all(len(answers[0][index]) == 1 or index == 0 for index in same)  # getInfo and bare statuses
    assert len(same) < len(answers[0]) / 2


# Unmoved by nonsense


def but_for_retries(snapshot: Snapshot) -> Snapshot:
    """What a refusal must leave alone: all but the retries, which it may cost."""
    state = snapshot.user_verification
    assert state is not None
    return replace(snapshot, user_verification=replace(state, pin_retries=0, uv_retries=0))


def check_answer(key: Any, message: bytes) -> None:
    before = key.snapshot()
    answer = key.send(message)
    if CtapStatus(answer[0]) == CtapStatus.SUCCESS:
        if answer[1:]:
            cbor.decode(answer[1:])
        return
    assert len(answer) == 1
    assert but_for_retries(key.snapshot()) == but_for_retries(before)
    assert key.command(CtapCommand.GET_INFO)[0] == CtapStatus.SUCCESS


integers = st.integers(-(2**64), 2**64 - 1)
scalars = st.none() | st.booleans() | integers | st.binary(max_size=80) | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.integers(-5, 12) | st.sampled_from(["id", "type", "alg"]), inner, max_size=3)
    ),
    max_leaves=8,
)
messages = st.binary(max_size=100) | st.builds(lambda c, d: bytes((c,)) + d, st.integers(0, 13), st.binary())
apdus = st.binary(max_size=150) | st.builds(lambda i, d: bytes((0, i)) + d, st.integers(0, 4), st.binary())


@st.composite
def requests(draw: st.DrawFn, key: Any) -> bytes:
    """A request that would do, with some of its members replaced, removed or unheard of."""
    code = draw(st.sampled_from([0x01, 0x02, 0x06, 0x0A, 0x0C]))
    public_key = PinProtocolTwo(random.Random(0).randbytes).public_key()  # noqa: S311
    base: dict = {
        0x01: key.creation(rk=True, extensions={"credProtect": 2, "hmac-secret": True}),
        0x02: key.assertion(up=True),
        0x06: {
            1: 2,
            2: draw(st.integers(1, 9)),
            3: public_key,
            4: bytes(32),
            5: bytes(80),
            6: bytes(32),
            9: 3,
        },
        0x0A: {
            1: draw(st.integers(1, 8)),
            2: {1: bytes(32), 2: {"id": bytes(32), "type": "public-key"}, 3: {"id": b"alice"}},
            3: 2,
            4: bytes(32),
        },
        0x0C: {2: bytes(17), 3: draw(st.sampled_from([0, 17])), 4: 34},
    }[code]
    changes = draw(st.dictionaries(st.integers(1, 12), values | st.just("remove"), max_size=3))
    changed = {number: value for number, value in (base | changes).items() if value != "remove"}
    try:
        return bytes((code,)) + cbor.encode(changed)
    except TypeError:  # nested deeper than ours would say it
        return bytes((code,)) + cbor2.dumps(changed, canonical=True)


@given(
    message=st.binary(max_size=100) | st.builds(lambda c, d: bytes((c,)) + d, st.integers(0, 13), st.binary())
)
@example(message=b"\x01\xff")
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_answered_and_a_refusal_changes_nothing(make_key, message: bytes) -> None:
    key = make_key("ctap21")
    key.made(rk=True)
    check_answer(key, message)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_any_members_are_answered_and_a_refusal_changes_nothing(make_key, data: st.DataObject) -> None:
    profile = data.draw(st.sampled_from(FIDO2_PROFILES))
    key = make_key(profile)
    if key.profile.client_pin and data.draw(st.booleans()):
        key.set_pin(PIN)
    key.fingers.extend(data.draw(st.lists(st.booleans(), max_size=4)))
    for _ in range(data.draw(st.integers(1, 4))):
        key.declines = data.draw(st.booleans())
        check_answer(key, data.draw(requests(key)))
        check_answer(key, data.draw(st.sampled_from([b"\x08", b"\x0b", b"\x07"])))


@given(
    raw=st.binary(max_size=150) | st.builds(lambda i, d: bytes((0, i)) + d, st.integers(0, 4), st.binary())
)
@settings(max_examples=200, deadline=None)
def test_any_apdu_is_answered_and_a_refusal_changes_nothing(make_key, raw: bytes) -> None:
    key = make_key("ctap21")
    before = key.snapshot()
    answer = key.apdu(raw)
    status_word = StatusWord(int.from_bytes(answer[-2:], "big"))
    if status_word != StatusWord.NO_ERROR:
        assert answer == status_word.to_bytes(2, "big")
        assert key.snapshot() == before
    assert key.apdu(bytes.fromhex("00030000000000")) == b"U2F_V2\x90\x00"
