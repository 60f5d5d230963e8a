"""A key made of its profile, whatever is done to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido.ctaphid import (
    BROADCAST_CID,
    PACKET_SIZE,
    Capability,
    CtapHidCommand,
    encode_message,
)
from emulator.profile import Profile
from emulator.security_key import SecurityKey

CBOR, MSG, INIT = CtapHidCommand.CBOR, CtapHidCommand.MSG, CtapHidCommand.INIT
PING = CtapHidCommand.PING
NONCE = bytes(8)


@pytest.mark.parametrize("randomness", [{}, {"seed": 1, "random_bytes": bytes}])
def test_key_takes_a_seed_or_randomness(randomness: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="either a seed"):
        SecurityKey("ctap21", **randomness)


@pytest.mark.parametrize(
    ("profile", "capabilities"),
    [
        (Profile.load("u2f-only"), Capability.WINK),
        (Profile.load("ctap21"), Capability.WINK | Capability.CBOR),
        (Profile.load("passkey"), Capability.WINK | Capability.CBOR | Capability.NMSG),
        (replace(Profile.load("ctap21"), wink=False), Capability.CBOR),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_capabilities_follow_from_the_profile(
    profile: Profile, capabilities: Capability, fake_authenticator: Any
) -> None:
    key = SecurityKey(profile, authenticator=fake_authenticator())
    for packet in encode_message(BROADCAST_CID, INIT, NONCE):
        key.receive(packet, 0.0)
    (response,) = key.packets_to_send()
    assert response[7 + 16] == capabilities


def reraise(error: Exception) -> None:
    raise error


cbor_messages = st.builds(
    lambda command, data: bytes((command,)) + data,
    st.sampled_from([0x01, 0x02, 0x04, 0x06, 0x07, 0x08, 0x0B]) | st.integers(0, 255),
    st.sampled_from([b"", b"\xa0", b"\xa1\x01\x02", b"\xa2\x01\x02\x02\x07"]) | st.binary(max_size=200),
)
apdus = st.binary(max_size=100) | st.builds(
    lambda ins, p1, data: bytes((0, ins, p1, 0, 0)) + len(data).to_bytes(2, "big") + data,
    st.integers(0, 4),
    st.sampled_from([0, 3, 7, 8]),
    st.sampled_from([64, 65, 129]).flatmap(lambda n: st.binary(min_size=n, max_size=n)),
)
messages = st.one_of(
    st.tuples(st.just(CBOR), cbor_messages),
    st.tuples(st.just(MSG), apdus),
    st.tuples(st.integers(0, 0x7F), st.binary(max_size=100)),
)
actions = st.one_of(
    st.tuples(st.just("packet"), st.binary(max_size=70)),
    st.tuples(st.just("message"), messages),
    st.tuples(st.just("half a message"), messages),
    st.tuples(st.sampled_from(["touch", "verify", "power cycle", "nothing"]), st.none()),
)


@given(
    profile=st.sampled_from(["ctap21", "ctap20", "passkey", "security-key", "u2f-only"]),
    policy=st.sampled_from(["always", "by call", 0.2]),
    steps=st.lists(st.tuples(actions, st.sampled_from([0.0, 0.1, 1.0, 31.0])), max_size=20),
)
def test_whatever_happens_the_key_still_answers(
    profile: str, policy: Any, steps: list[Any], platform_at: Any
) -> None:
    key = SecurityKey(profile, seed=0, touch=policy, uv=policy, on_error=reraise)
    now, platform = 0.0, platform_at(key)
    for (action, data), pause in steps:
        now += pause
        match action:
            case "packet":
                key.receive(data, now)
            case "message":
                platform.send(*data, now=now)
            case "half a message":
                key.receive(encode_message(platform.cid, *data)[0], now)
            case "touch":
                key.touch(now)
            case "verify":
                key.verify(now, accepted=bool(len(steps) % 2))
            case "power cycle":
                key.power_cycle(now)
                platform = platform_at(key, now)
        assert all(len(packet) == PACKET_SIZE for packet in key.packets_to_send())
    now += 60.0  # any lock, half-received message and wait for a touch is over
    key.handle_timer(now)
    key.packets_to_send()
    platform = platform_at(key, now)
    platform.send(PING, b"alive", now)
    assert platform.answers() == [(PING, b"alive")]
