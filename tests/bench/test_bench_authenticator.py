"""What a ceremony costs beyond its cryptography, CBOR in and out; the floor is ``cryptography`` alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)
from pytest_benchmark.fixture import BenchmarkFixture

from emulator.fido import cbor
from emulator.fido.authenticator import Authenticator
from emulator.fido.gesture import Given
from emulator.profile import Profile
from emulator.store import MemoryStore

NOW = 0.0
SIGNED = bytes(69)  # authenticator data without extensions, and a hash
CURVE, ECDSA = ec.SECP256R1(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
CREATION = b"\x01" + cbor.encode(
    {
        1: bytes(32),
        2: {"id": "example.com", "name": "Example"},
        3: {"id": b"alice", "name": "alice", "displayName": "Alice"},
        4: [{"type": "public-key", "alg": -7}],
    }
)

Send = Callable[[bytes], bytes]


@pytest.fixture
def authenticator() -> Authenticator:
    """Without a certificate to sign with, as the floor has none either."""
    profile = replace(Profile.load("ctap21"), attestation="packed-self")
    stream = random.Random(0).randbytes  # noqa: S311  # to be reproducible
    return Authenticator(profile, store=MemoryStore(), random_bytes=stream, now=NOW)


@pytest.fixture
def send(authenticator: Authenticator) -> Send:
    def send(message: bytes) -> bytes:
        command = authenticator.cbor(message, NOW)
        next(command)
        try:
            command.send(Given(now=NOW))
        except StopIteration as stop:
            return bytes(stop.value)
        raise AssertionError("it waits for a second touch")

    return send


@pytest.fixture
def assertion(send: Send) -> bytes:
    """A getAssertion for a credential that is not discoverable."""
    auth_data = cbor.decode(send(CREATION)[1:])[2]
    credential_id = auth_data[55 : 55 + int.from_bytes(auth_data[53:55], "big")]
    descriptor = {"type": "public-key", "id": credential_id}
    return b"\x02" + cbor.encode({1: "example.com", 2: bytes(32), 3: [descriptor]})


@pytest.mark.benchmark(group="makeCredential, ES256")
def test_floor_generate_export_sign(benchmark: BenchmarkFixture) -> None:
    def ceremony() -> bytes:
        key = ec.generate_private_key(CURVE)
        key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return key.sign(SIGNED, ECDSA)

    assert benchmark(ceremony)


@pytest.mark.benchmark(group="makeCredential, ES256")
def test_make_credential(benchmark: BenchmarkFixture, send: Send) -> None:
    assert benchmark(send, CREATION)[0] == 0


@pytest.mark.benchmark(group="getAssertion, ES256")
def test_floor_load_sign(benchmark: BenchmarkFixture) -> None:
    key = ec.generate_private_key(CURVE)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def ceremony() -> bytes:
        loaded = load_der_private_key(der, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return loaded.sign(SIGNED, ECDSA)

    assert benchmark(ceremony)


@pytest.mark.benchmark(group="getAssertion, ES256")
def test_get_assertion_with_a_key_at_hand(benchmark: BenchmarkFixture, send: Send, assertion: bytes) -> None:
    assert benchmark(send, assertion)[0] == 0


@pytest.mark.benchmark(group="getAssertion, ES256")
def test_get_assertion_with_a_key_to_load(
    benchmark: BenchmarkFixture, authenticator: Authenticator, send: Send, assertion: bytes
) -> None:
    load_key = authenticator._state.session.load_key

    def ceremony() -> bytes:
        load_key.cache_clear()
        return send(assertion)

    assert benchmark(ceremony)[0] == 0
