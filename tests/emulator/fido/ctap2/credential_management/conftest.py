"""A key that holds credentials, and a platform that manages them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from fido2.ctap2 import ClientPin, CredentialManagement, Ctap2
from fido2.ctap2.pin import PinProtocolV1, PinProtocolV2

from emulator.fido import cbor
from emulator.fido.status import CtapStatus
from emulator.profile import Profile

CTAP21 = Profile.load("ctap21")
MANAGED = replace(
    CTAP21,
    credential_management=True,
    persistent_credential_management=True,
    make_cred_uv_not_rqd=True,
    extensions=("credProtect", "hmac-secret", "credBlob", "largeBlobKey", "thirdPartyPayment"),
    max_large_blob_array=1024,
)
PROTOCOLS = {1: PinProtocolV1(), 2: PinProtocolV2()}
CM = 0x04
METADATA, RPS, NEXT_RP, CREDENTIALS, NEXT_CREDENTIAL, DELETE, UPDATE = range(1, 8)
COMMAND = 0x0A


@pytest.fixture
def key(make_key):
    key = make_key(MANAGED)
    key.set_pin()
    return key


@pytest.fixture
def filled(key):
    """Three credentials of example.com, one of example.org, by age."""
    for rp_id, user_id in (
        ("example.com", b"a"), ("example.org", b"b"), ("example.com", b"c"), ("example.com", b"d"),
    ):  # fmt: skip
        key.made(rk=True, rp_id=rp_id, user_id=user_id, token=key.token(rp_id=rp_id))
    return key


def _rp_hash(rp_id: str = "example.com") -> bytes:
    return sha256(rp_id.encode()).digest()


def _management(key, permission: int = CM, protocol: Any = None) -> CredentialManagement:
    """python-fido2's, with a fresh token."""
    ctap = Ctap2(key)
    pin = ClientPin(ctap, protocol)
    return CredentialManagement(
        ctap, pin.protocol, pin.get_pin_token("1234", ClientPin.PERMISSION(permission))
    )


def _asking(
    token: bytes | None, sub_command: int, params: dict | None = None, *, protocol: int = 2, **other: Any
) -> dict:
    """A request, authenticated with the token if there is one; ``_4=…`` puts another member 4 in."""
    message = bytes((sub_command,)) + (b"" if params is None else cbor.encode(params))
    given = {1: sub_command, 2: params}
    if token is not None:
        given |= {3: protocol, 4: PROTOCOLS[protocol].authenticate(token, message)}
    given |= {int(number[1:]): value for number, value in other.items()}
    return {number: value for number, value in given.items() if value is not None}


def _descriptor(credential_id: bytes, kind: str = "public-key") -> dict:
    return {"id": credential_id, "type": kind}


def _ids(key, rp_id: str = "example.com") -> list[bytes]:
    return [credential.credential_id for credential in key.store.credentials(_rp_hash(rp_id))]


@pytest.fixture
def begin(filled):
    """Begins to enumerate relying parties, of which there are two."""

    def begin() -> None:
        assert filled.command(COMMAND, _asking(filled.token(CM, None), RPS))[0] == CtapStatus.SUCCESS

    return begin


@pytest.fixture(scope="session")
def rp_hash() -> Any:
    """``rp_hash(rp_id="example.com")``."""
    return _rp_hash


@pytest.fixture(scope="session")
def management() -> Any:
    """``management(key, permission, protocol)``: python-fido2's, with a fresh token."""
    return _management


@pytest.fixture(scope="session")
def asking() -> Any:
    """``asking(token, sub_command, params, protocol=, _4= …)``: a request, authenticated with the token."""
    return _asking


@pytest.fixture(scope="session")
def descriptor() -> Any:
    """``descriptor(credential_id, type)``."""
    return _descriptor


@pytest.fixture(scope="session")
def ids() -> Any:
    """``ids(key, rp_id)``: its credentials for a relying party, the newest first."""
    return _ids


@pytest.fixture(scope="session")
def model() -> Any:
    """A model that manages all there is to manage."""
    return MANAGED
