"""Keys that are broken on purpose, at python-fido2 and at our relying party: who notices what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fido2.client import DefaultClientDataCollector, Fido2Client
from fido2.ctap import CtapError
from fido2.server import Fido2Server
from fido2.webauthn import (
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from harness.devices.emulated import EmulatedKey
from harness.devices.emulated_token import EmulatedToken
from harness.devices.find import find_key
from harness.world import World


def ceremonies(fault: str) -> None:
    """Register and sign in twice with python-fido2 on both sides."""
    client = Fido2Client(
        EmulatedKey("ctap21", seed="broken", faults=[fault] if fault else []),
        DefaultClientDataCollector("https://example.com"),
    )
    server = Fido2Server(PublicKeyCredentialRpEntity(name="Example", id="example.com"), attestation="direct")
    unverified = UserVerificationRequirement.DISCOURAGED
    options, state = server.register_begin(
        PublicKeyCredentialUserEntity(name="alice", id=b"alice"), user_verification=unverified
    )
    made = server.register_complete(state, client.make_credential(options.public_key))
    assert made.credential_data is not None
    request, state = server.authenticate_begin([made.credential_data], unverified)
    answer = client.get_assertion(request.public_key).get_response(0)
    server.authenticate_complete(state, [made.credential_data], answer)


@pytest.mark.parametrize(
    "fault",
    [
        "mc-rp-id-hash-wrong",
        "mc-up-not-set",
        "mc-algorithm-other",
        "mc-trailing-bytes",
        "ga-signature-bad",
        "ga-rp-id-hash-wrong",
        "ga-up-not-set",
    ],
)
def test_python_fido2_notices(fault: str) -> None:
    with pytest.raises(Exception) as refusal:  # each notices in a way of its own
        ceremonies(fault)
    assert not isinstance(refusal.value, CtapError | AssertionError), "the key refused; nobody noticed"


@pytest.mark.parametrize("fault", ["", "ga-count-stuck", "mc-attestation-bad"])
def test_python_fido2_leaves_to_its_user(fault: str) -> None:
    ceremonies(fault)


@pytest.fixture
def world() -> Callable[[str], World]:
    return lambda fault: World(
        key_source=find_key(f"emulated:ctap21{fault and '+'}{fault}"),
        token_source=EmulatedToken,
        seed="broken",
    )


@pytest.mark.parametrize(
    ("fault", "registers", "signs_in"),
    [
        ("", True, [True, True]),
        ("mc-attestation-bad", False, []),
        ("mc-up-not-set", False, []),
        ("mc-rp-id-hash-wrong", False, []),
        ("ga-signature-bad", True, [False]),
        ("ga-up-not-set", True, [False]),
        ("ga-count-stuck", True, [True, False]),
    ],
)
def test_the_relying_party_lets_in_nobody_with_such_a_key(
    world: Callable[[str], Any], fault: str, registers: bool, signs_in: list[bool]
) -> None:
    with world(fault) as here:
        alice, key = here.user("alice"), here.key()
        assert alice.sign_in().accepted
        try:
            registered = alice.register_key(key, "alice-key").accepted
        except Exception:  # the platform noticed first
            registered = False
        assert registered == registers
        for accepted in signs_in:
            here.wait(minutes=1)
            assert _signs_in(alice, key) == accepted


def _signs_in(alice: Any, key: Any) -> bool:
    try:
        return bool(alice.sign_in(key).accepted)
    except Exception:  # as above
        return False
