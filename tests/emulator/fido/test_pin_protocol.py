"""PIN/UV auth protocols: published answers, then python-fido2 for the platform."""

import json
from collections.abc import Callable
from hashlib import shake_256
from pathlib import Path
from typing import Any

import pytest
from fido2.ctap2.pin import PinProtocol, PinProtocolV1, PinProtocolV2
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido.pin_protocol import PinProtocolOne, PinProtocolTwo
from emulator.fido.status import CtapError, CtapStatus

PAIRS = pytest.mark.parametrize(
    ("protocol", "platform"),
    [(PinProtocolOne, PinProtocolV1()), (PinProtocolTwo, PinProtocolV2())],
    ids=["one", "two"],
)
PROTOCOLS = pytest.mark.parametrize("protocol", [PinProtocolOne, PinProtocolTwo], ids=["one", "two"])
BLOCKS = st.integers(0, 8).flatmap(lambda blocks: st.binary(min_size=16 * blocks, max_size=16 * blocks))

KNOWN_ANSWERS = json.loads((Path(__file__).parents[3] / "vectors" / "pin_protocol.json").read_text("utf-8"))


def stream(seed: bytes) -> Callable[[int], bytes]:
    return lambda length: shake_256(seed).digest(length)


random_bytes = stream(b"randomness")


@pytest.mark.parametrize("case", KNOWN_ANSWERS["cases"], ids=lambda case: case["name"])
def test_known_answers(case: dict[str, Any]) -> None:
    protocol = PinProtocolOne if case["protocol"] == 1 else PinProtocolTwo
    scalar = int(case["private_key"], 16)
    key = protocol(lambda length: (scalar - 1).to_bytes(length, "big"))
    x, y, peer_x, peer_y = (
        bytes.fromhex(case[name]) for name in ("public_x", "public_y", "peer_x", "peer_y")
    )
    assert key.public_key() == {1: 2, 3: -25, -1: 1, -2: x, -3: y}
    secret = key.decapsulate({1: 2, 3: -25, -1: 1, -2: peer_x, -3: peer_y})
    assert secret.hex() == case["shared_secret"]
    for message in case["messages"]:
        plaintext, ciphertext, mac = (
            bytes.fromhex(message[name]) for name in ("plaintext", "ciphertext", "mac")
        )
        iv = ciphertext[:16]
        assert key.encrypt(secret, plaintext, lambda length, iv=iv: iv) == ciphertext
        assert key.decrypt(secret, ciphertext) == plaintext
        assert key.verify(secret, ciphertext, mac)


@PAIRS
@given(seed=st.binary(max_size=8))
def test_both_sides_share_a_secret(
    protocol: type[PinProtocolOne], platform: PinProtocol, seed: bytes
) -> None:
    key = protocol(stream(seed))
    assert protocol.number == platform.VERSION
    peer, secret = platform.encapsulate(key.public_key())
    assert key.decapsulate(peer) == secret
    assert len(secret) == 32 * protocol.number


@PAIRS
@given(plaintext=BLOCKS, seed=st.binary(max_size=8))
def test_each_side_decrypts_what_the_other_encrypts(
    protocol: type[PinProtocolOne], platform: PinProtocol, plaintext: bytes, seed: bytes
) -> None:
    key = protocol(random_bytes)
    _, secret = platform.encapsulate(key.public_key())
    assert platform.decrypt(secret, key.encrypt(secret, plaintext, stream(seed))) == plaintext
    assert key.decrypt(secret, platform.encrypt(secret, plaintext)) == plaintext


@PAIRS
@given(message=st.binary(max_size=200))
def test_the_platform_s_mac_verifies_under_secret_and_token(
    protocol: type[PinProtocolOne], platform: PinProtocol, message: bytes
) -> None:
    key = protocol(random_bytes)
    _, secret = platform.encapsulate(key.public_key())
    token = platform.validate_token(key.new_token(stream(b"token")))
    for mac_key in (secret, token):
        assert key.verify(mac_key, message, platform.authenticate(mac_key, message))


@PAIRS
@given(bit=st.integers(0, 8 * 32 - 1), cut=st.integers(0, 32))
def test_a_mac_changed_cut_or_of_another_message_is_refused(
    protocol: type[PinProtocolOne], platform: PinProtocol, bit: int, cut: int
) -> None:
    key, token = protocol(random_bytes), bytes(range(32))
    mac = platform.authenticate(token, b"message")
    changed = bytearray(mac)
    changed[bit // 8 % len(mac)] ^= 1 << bit % 8
    assert not key.verify(token, b"message", bytes(changed))
    assert key.verify(token, b"message", mac[:cut]) == (cut >= len(mac))
    assert not key.verify(token, b"message", mac + b"\x00")
    assert not key.verify(token, b"another message", mac)


@PROTOCOLS
def test_a_new_key_agreement_key_makes_old_secrets_worthless(protocol: type[PinProtocolOne]) -> None:
    key = protocol(stream(b"1"))
    before = key.public_key()
    peer = protocol(stream(b"3")).public_key()
    secret = key.decapsulate(peer)
    key.regenerate(stream(b"2"))
    assert key.public_key() != before
    assert key.decapsulate(peer) != secret


@PROTOCOLS
def test_the_same_random_bytes_give_the_same_key_and_token(protocol: type[PinProtocolOne]) -> None:
    one, two = protocol(random_bytes), protocol(random_bytes)
    assert one.public_key() == two.public_key()
    assert one.new_token(random_bytes) == two.new_token(random_bytes)
    assert one.new_token(stream(b"1")) != one.new_token(stream(b"2"))


@PROTOCOLS
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({1: 1}, "another key type"),
        ({3: -7}, "another algorithm"),
        ({-1: 2}, "another curve"),
        ({-2: bytes(32)}, "not on the curve"),
        ({-2: bytes(32), -3: bytes(32)}, "the point at infinity, as some write it"),
        ({-2: bytes(31)}, "x too short"),
        ({-3: bytes(33)}, "y too long"),
        ({-2: 5}, "x a number"),
        ({-3: None}, "y null"),
        ({-3: True}, "y a sign bit, the point compressed"),
        ({4: [7]}, "an optional parameter too many"),
        *(({label: ...}, f"without {label}") for label in (1, 3, -1, -2, -3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_platform_key_is_refused(
    protocol: type[PinProtocolOne], change: dict[int, Any], why: str
) -> None:
    key = protocol(random_bytes)
    peer = {label: value for label, value in (key.public_key() | change).items() if value is not ...}
    with pytest.raises(CtapError) as refusal:
        key.decapsulate(peer)
    assert refusal.value.status is CtapStatus.INVALID_PARAMETER, why


@PROTOCOLS
def test_a_point_cut_at_another_byte_is_refused(protocol: type[PinProtocolOne]) -> None:
    key = protocol(random_bytes)
    peer = key.public_key()
    x, y = peer[-2], peer[-3]
    assert isinstance(x, bytes)
    assert isinstance(y, bytes)
    with pytest.raises(CtapError):
        key.decapsulate(peer | {-2: x[:31], -3: x[31:] + y})


@pytest.mark.parametrize(
    ("protocol", "lengths"), [(PinProtocolOne, [1, 15, 17, 33]), (PinProtocolTwo, [0, 1, 15, 17, 33])]
)
def test_a_ciphertext_of_no_possible_length_is_refused(
    protocol: type[PinProtocolOne], lengths: list[int]
) -> None:
    secret = bytes(32 * protocol.number)
    for length in lengths:
        with pytest.raises(CtapError) as refusal:
            protocol(random_bytes).decrypt(secret, bytes(length))
        assert refusal.value.status is CtapStatus.INVALID_PARAMETER


def test_protocol_two_never_repeats_an_iv_that_randomness_does_not_repeat() -> None:
    key, secret = PinProtocolTwo(random_bytes), bytes(64)
    first, second = (key.encrypt(secret, bytes(32), stream(seed)) for seed in (b"1", b"2"))
    assert first[:16] == stream(b"1")(16)
    assert first[16:] != second[16:]
