"""Extensions (CTAP 2.3 §12): credProtect, hmac-secret, credBlob, largeBlobKey, thirdPartyPayment."""

from __future__ import annotations

import hmac
from dataclasses import replace

import pytest
from fido2.client import DefaultClientDataCollector, Fido2Client, UserInteraction
from fido2.ctap2 import Config, Ctap2
from fido2.ctap2.extensions import LargeBlobExtension
from fido2.ctap2.pin import ClientPin, PinProtocol, PinProtocolV1, PinProtocolV2
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AuthenticatorData,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialRequestOptions,
)

from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CTAP21 = Profile.load("ctap21")
CTAP23 = replace(
    CTAP21,
    versions=("FIDO_2_1", "FIDO_2_3"),
    extensions=("credProtect", "hmac-secret", "hmac-secret-mc", "minPinLength", "pinComplexityPolicy"),
    config_commands=("setMinPINLength",),
    max_rp_ids_for_min_pin_length=1,
    pin_complexity_policy=True,
    make_cred_uv_not_rqd=True,
)
SALT_1, SALT_2 = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def key(make_key):
    """A key with a PIN that is not needed for credentials that are not discoverable."""
    key = make_key(replace(CTAP21, make_cred_uv_not_rqd=True))
    key.set_pin()
    return key


# credProtect


def test_the_level_is_told_back_only_when_asked_for(key) -> None:
    for level in (1, 2, 3):
        assert key.made(extensions={"credProtect": level}).extensions == {"credProtect": level}
    assert key.made().extensions is None


# level: (listed and verified, listed, verified, neither)
@pytest.mark.parametrize(
    ("level", "usable"),
    [
        (None, (True, True, True, True)),
        (1, (True, True, True, True)),
        (2, (True, True, True, False)),
        (3, (True, False, True, False)),
    ],
)
def test_who_may_use_and_even_see_a_credential(key, level, usable) -> None:
    extensions = {} if level is None else {"credProtect": level}
    made = key.made(rk=True, token=key.token(), extensions=extensions)
    allow = [made.credential_data.credential_id]
    statuses = [
        key.get(allow=allow, token=key.token())[0],
        key.get(allow=allow)[0],
        key.get(token=key.token())[0],
        key.get()[0],
    ]
    refused = CtapStatus.NO_CREDENTIALS
    assert statuses == [CtapStatus.SUCCESS if may else refused for may in usable]


def test_the_level_travels_inside_the_id_of_a_credential_that_is_not_kept(key) -> None:
    allow = [key.made(extensions={"credProtect": 3}).credential_data.credential_id]
    assert key.get(allow=allow)[0] == CtapStatus.NO_CREDENTIALS
    assert key.get(allow=allow, token=key.token())[0] == CtapStatus.SUCCESS


def test_an_extension_the_key_does_not_have_is_not_looked_at(make_key) -> None:
    data = make_key("security-key").made(extensions={"credProtect": "nonsense", "hmac-secret": 7})
    assert data.extensions is None


# hmac-secret


class Platform:
    """The platform's half of hmac-secret: encrypts salts, decrypts outputs."""

    def __init__(self, key, protocol: PinProtocol) -> None:
        self.protocol = protocol
        self.key_agreement, self.secret = ClientPin(Ctap2(key), protocol)._get_shared_secret()

    def input(self, *salts: bytes, **other: object) -> dict:
        salt_enc = self.protocol.encrypt(self.secret, b"".join(salts))
        given = {
            1: dict(self.key_agreement),
            2: salt_enc,
            3: self.protocol.authenticate(self.secret, salt_enc),
            4: self.protocol.VERSION,
        }
        return {"hmac-secret": given | {int(number[1:]): value for number, value in other.items()}}

    def outputs(self, data: AuthenticatorData) -> list[bytes]:
        output = self.protocol.decrypt(self.secret, data.extensions["hmac-secret"])
        return [output[at : at + 32] for at in range(0, len(output), 32)]


@pytest.fixture(params=[PinProtocolV1, PinProtocolV2])
def platform(request, key) -> Platform:
    return Platform(key, request.param())


@pytest.fixture
def allow(key) -> list[bytes]:
    data = key.made(extensions={"hmac-secret": True})
    assert data.extensions == {"hmac-secret": True}
    return [data.credential_data.credential_id]


def test_one_salt_or_two_give_outputs_that_stay_the_same(key, platform, allow) -> None:
    one = platform.outputs(key.got(allow=allow, extensions=platform.input(SALT_1)))
    both = platform.outputs(key.got(allow=allow, extensions=platform.input(SALT_1, SALT_2)))
    assert (len(one), len(both)) == (1, 2)
    assert one[0] == both[0] != both[1]


def test_the_verified_and_each_credential_have_a_secret_of_their_own(key, platform, allow) -> None:
    def output(allowed: list[bytes], **given: object) -> bytes:
        return platform.outputs(key.got(allow=allowed, extensions=platform.input(SALT_1), **given))[0]

    other = [key.made(extensions={"hmac-secret": True}).credential_data.credential_id]
    assert len({output(allow), output(allow, token=key.token()), output(other)}) == 3


def test_the_output_is_the_credentials_hmac_of_the_salt(key, platform) -> None:
    key.made(rk=True, token=key.token(), extensions={"hmac-secret": True})
    (credential,) = key.snapshot().credentials
    for given, secret in (
        ({}, credential.cred_random_without_uv),
        ({"token": key.token()}, credential.cred_random_with_uv),
    ):
        outputs = platform.outputs(key.got(extensions=platform.input(SALT_2), **given))
        assert outputs == [hmac.digest(secret, SALT_2, "sha256")]


def test_every_next_assertion_has_its_own_output(key, platform) -> None:
    for user_id in (b"a", b"b"):
        key.made(rk=True, user_id=user_id, token=key.token(), extensions={"hmac-secret": True})
    _, first = key.get(extensions=platform.input(SALT_1))
    _, second = key.command(0x08)
    outputs = [platform.outputs(AuthenticatorData(response[2])) for response in (first, second)]
    assert outputs[0] != outputs[1]


def test_a_credential_made_without_hmac_secret_has_no_output(key, platform) -> None:
    plain = key.made(extensions={"hmac-secret": False})
    assert plain.extensions is None
    data = key.got(allow=[plain.credential_data.credential_id], extensions=platform.input(SALT_1))
    assert data.extensions is None


def test_the_protocol_is_one_where_none_is_named(make_key) -> None:
    key = make_key("ctap20")
    allow = [key.made(extensions={"hmac-secret": True}).credential_data.credential_id]
    platform = Platform(key, PinProtocolV1())
    given = platform.input(SALT_1)
    del given["hmac-secret"][4]
    assert len(platform.outputs(key.got(allow=allow, extensions=given))) == 1


@pytest.mark.parametrize(
    ("salts", "other", "status"),
    [
        ((SALT_1[:16],), {}, CtapStatus.INVALID_LENGTH),
        ((SALT_1, SALT_2[:16]), {}, CtapStatus.INVALID_LENGTH),
        ((SALT_1, SALT_2, SALT_1), {}, CtapStatus.INVALID_LENGTH),
        ((SALT_1,), {"_3": bytes(32)}, CtapStatus.PIN_AUTH_INVALID),
        ((SALT_1,), {"_2": bytes(32)}, CtapStatus.PIN_AUTH_INVALID),
        ((SALT_1,), {"_4": 3}, CtapStatus.INVALID_PARAMETER),
        ((SALT_1,), {"_1": {}}, CtapStatus.INVALID_PARAMETER),
        ((SALT_1,), {"_1": b"key"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ((SALT_1,), {"_2": "salt"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ((SALT_1,), {"_4": b"2"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_salts_that_are_none_are_refused_and_nothing_is_signed(
    key, platform, allow, salts, other, status
) -> None:
    before = key.snapshot()
    assert key.get(allow=allow, extensions=platform.input(*salts, **other))[0] == status
    assert key.snapshot() == before


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_key_salts_and_their_authentication_must_be_there(key, platform, allow, missing: int) -> None:
    given = platform.input(SALT_1)
    del given["hmac-secret"][missing]
    assert key.get(allow=allow, extensions=given)[0] == CtapStatus.MISSING_PARAMETER


def test_there_is_no_output_without_a_touch(key, platform, allow) -> None:
    status, _ = key.get(allow=allow, extensions=platform.input(SALT_1), up=False)
    assert status == CtapStatus.UNSUPPORTED_OPTION


# credBlob (§12.2), largeBlobKey (§12.3) and thirdPartyPayment


@pytest.fixture
def storing(make_key):
    """A key with a PIN that stores things beside credentials."""
    key = make_key(
        replace(
            CTAP21,
            extensions=("credProtect", "hmac-secret", "credBlob", "largeBlobKey", "thirdPartyPayment"),
            max_cred_blob_length=40,
            max_large_blob_array=1024,
            make_cred_uv_not_rqd=True,
        )
    )
    key.set_pin()
    return key


def test_a_blob_comes_back_with_the_assertion_when_asked_for(storing) -> None:
    assert Ctap2(storing).info.max_cred_blob_length == 40
    for blob in (b"", b"b" * 40):
        made = storing.made(rk=True, token=storing.token(), extensions={"credBlob": blob})
        assert made.extensions == {"credBlob": True}
        assert storing.got(token=storing.token(), extensions={"credBlob": True}).extensions == {
            "credBlob": blob
        }
        assert storing.got(token=storing.token(), extensions={"credBlob": False}).extensions is None
        assert storing.got(token=storing.token()).extensions is None


@pytest.mark.parametrize(("rk", "blob"), [(True, b"b" * 41), (False, b"b")])
def test_a_blob_too_large_or_of_a_credential_that_is_not_kept_is_not_stored_by_12_2(
    storing, rk, blob
) -> None:
    made = storing.made(rk=rk, token=storing.token(), extensions={"credBlob": blob})
    assert made.extensions == {"credBlob": False}
    allow = [made.credential_data.credential_id]
    got = storing.got(allow=allow, token=storing.token(), extensions={"credBlob": True})
    assert got.extensions == {"credBlob": b""}


def test_every_next_assertion_has_its_own_blob(storing) -> None:
    for user_id in (b"a", b"b"):
        storing.made(rk=True, user_id=user_id, token=storing.token(), extensions={"credBlob": user_id})
    _, first = storing.get(token=storing.token(), extensions={"credBlob": True})
    _, second = storing.command(0x08)
    blobs = [AuthenticatorData(response[2]).extensions["credBlob"] for response in (first, second)]
    assert blobs == [b"b", b"a"]


def test_a_large_blob_key_is_told_when_made_and_when_asked_for(storing) -> None:
    _, made = storing.make(rk=True, token=storing.token(), extensions={"largeBlobKey": True})
    assert len(made[5]) == 32
    assert AuthenticatorData(made[2]).extensions is None
    _, got = storing.get(token=storing.token(), extensions={"largeBlobKey": True})
    assert got[7] == made[5]
    assert AuthenticatorData(got[2]).extensions is None
    assert 7 not in storing.get(token=storing.token())[1]
    _, other = storing.make(rk=True, user_id=b"b", token=storing.token(), extensions={"largeBlobKey": True})
    assert other[5] != made[5]


def test_a_credential_made_without_a_large_blob_key_has_none(storing) -> None:
    _, made = storing.make(rk=True, token=storing.token())
    assert 5 not in made
    assert 7 not in storing.get(token=storing.token(), extensions={"largeBlobKey": True})[1]


@pytest.mark.parametrize(
    ("rk", "extensions", "status"),
    [
        (False, {"largeBlobKey": True}, CtapStatus.INVALID_OPTION),
        (True, {"largeBlobKey": False}, CtapStatus.INVALID_OPTION),
        (True, {"largeBlobKey": b"key"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (True, {"credBlob": True}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        (True, {"thirdPartyPayment": 1}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_inputs_that_are_none_make_no_credential_by_12(storing, rk, extensions, status) -> None:
    token, before = storing.token(), storing.snapshot()
    assert storing.make(rk=rk, token=token, extensions=extensions)[0] == status
    assert storing.snapshot() == before


@pytest.mark.parametrize(
    ("extensions", "status"),
    [
        ({"largeBlobKey": False}, CtapStatus.INVALID_OPTION),
        ({"largeBlobKey": b"key"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({"credBlob": b"blob"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
        ({"thirdPartyPayment": 1}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_inputs_that_are_none_sign_nothing_by_12(storing, extensions, status) -> None:
    storing.made(rk=True, token=storing.token())
    token, before = storing.token(), storing.snapshot()
    assert storing.get(token=token, extensions=extensions)[0] == status
    assert storing.snapshot() == before


@pytest.mark.parametrize("rk", [True, False])
@pytest.mark.parametrize("asked", [True, False, None])
def test_a_credential_says_whether_others_may_start_payments_with_it(storing, rk, asked) -> None:
    extensions = None if asked is None else {"thirdPartyPayment": asked}
    made = storing.made(rk=rk, token=storing.token(), extensions=extensions)
    assert made.extensions is None
    allow = [made.credential_data.credential_id]
    got = storing.got(allow=allow, token=storing.token(), extensions={"thirdPartyPayment": True})
    assert got.extensions == {"thirdPartyPayment": asked is True}
    assert storing.got(allow=allow, token=storing.token()).extensions is None


class Person(UserInteraction):
    """Knows the PIN and is willing."""

    def request_pin(self, permissions: object, rp_id: str | None) -> str:
        return "1234"


def test_a_clients_large_blob_goes_in_and_out(storing) -> None:
    client = Fido2Client(
        storing, DefaultClientDataCollector("https://example.com"), Person(), [LargeBlobExtension()]
    )
    creation = {
        "rp": {"id": "example.com", "name": "Example"},
        "user": {"id": b"alice", "name": "alice"},
        "challenge": b"challenge",
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "authenticatorSelection": {"residentKey": "required"},
        "extensions": {"largeBlob": {"support": "required"}},
    }
    registered = client.make_credential(PublicKeyCredentialCreationOptions.from_dict(creation))
    assert registered.client_extension_results["largeBlob"]["supported"] is True

    def sign_in(large_blob: dict) -> dict:
        asked = {"challenge": b"c", "rpId": "example.com", "extensions": {"largeBlob": large_blob}}
        selection = client.get_assertion(PublicKeyCredentialRequestOptions.from_dict(asked))
        return selection.get_response(0).client_extension_results["largeBlob"]

    large_blob = websafe_encode(b"a large blob" * 99)
    assert sign_in({"write": large_blob})["written"] is True
    assert sign_in({"read": True})["blob"] == large_blob


# hmac-secret-mc


@pytest.fixture
def mc_key(make_key):
    """A key whose hmac-secret answers at creation too."""
    return make_key(CTAP23)


@pytest.mark.parametrize("protocol", [PinProtocolV1, PinProtocolV2])
@pytest.mark.parametrize("verified", [False, True])
def test_outputs_at_creation_are_those_of_every_assertion(mc_key, protocol, verified: bool) -> None:
    """§12.8."""
    mc_key.set_pin()
    platform = Platform(mc_key, protocol())
    salts = platform.input(SALT_1, SALT_2)

    def token() -> dict:
        return {"token": mc_key.token()} if verified else {}

    extensions = {"hmac-secret": True, "hmac-secret-mc": salts["hmac-secret"]}
    made = mc_key.made(extensions=extensions, **token())
    assert made.extensions["hmac-secret"] is True
    at_creation = platform.protocol.decrypt(platform.secret, made.extensions["hmac-secret-mc"])
    got = mc_key.got(allow=[made.credential_data.credential_id], extensions=salts, **token())
    assert platform.outputs(got) == [at_creation[:32], at_creation[32:]]


def test_salts_at_creation_need_hmac_secret_itself(mc_key) -> None:
    """§12.8."""
    salts = Platform(mc_key, PinProtocolV2()).input(SALT_1)["hmac-secret"]
    for extensions in ({"hmac-secret-mc": salts}, {"hmac-secret": False, "hmac-secret-mc": salts}):
        assert mc_key.make(extensions=extensions)[0] == CtapStatus.MISSING_PARAMETER


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"_3": bytes(32)}, CtapStatus.PIN_AUTH_INVALID),
        ({"_4": 3}, CtapStatus.INVALID_PARAMETER),
        ({"_2": "salt"}, CtapStatus.CBOR_UNEXPECTED_TYPE),
    ],
)
def test_salts_at_creation_that_are_none_are_refused_and_nothing_is_kept(mc_key, other, status) -> None:
    """§12.8."""
    salts = Platform(mc_key, PinProtocolV2()).input(SALT_1, **other)["hmac-secret"]
    before = mc_key.snapshot()
    extensions = {"hmac-secret": True, "hmac-secret-mc": salts}
    assert mc_key.make(extensions=extensions, rk=True)[0] == status
    assert mc_key.snapshot() == before


def test_a_key_without_hmac_secret_mc_does_not_look_at_it(key) -> None:
    extensions = {"hmac-secret": True, "hmac-secret-mc": "nonsense"}
    assert key.made(extensions=extensions).extensions == {"hmac-secret": True}


# minPinLength and pinComplexityPolicy

ASKED = {"minPinLength": True, "pinComplexityPolicy": True}


def test_policies_of_pins_are_told_to_relying_parties_named_for_it_alone(mc_key) -> None:
    """§12.5, §12.6."""
    config = Config(Ctap2(mc_key))
    assert mc_key.made(extensions=ASKED).extensions is None
    config.set_min_pin_length(6, rp_ids=["example.com"], pin_complexity_policy=True)
    assert mc_key.made(extensions=ASKED).extensions == {"minPinLength": 6, "pinComplexityPolicy": True}
    assert mc_key.made(extensions={"minPinLength": True}).extensions == {"minPinLength": 6}
    assert mc_key.made(extensions={"minPinLength": False}).extensions is None
    assert mc_key.made(extensions=ASKED, rp_id="example.org").extensions is None
    config.set_min_pin_length(rp_ids=["example.org"])
    assert mc_key.made(extensions=ASKED).extensions is None


@pytest.mark.parametrize("name", list(ASKED))
def test_a_policy_is_asked_for_with_a_boolean(mc_key, name: str) -> None:
    """§12.5, §12.6."""
    assert mc_key.make(extensions={name: 1})[0] == CtapStatus.CBOR_UNEXPECTED_TYPE
