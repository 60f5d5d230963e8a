"""What a ceremony costs beyond its cryptography, CBOR in and out; the floor is ``cryptography`` alone."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

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

from emulator.fido import cbor, cose
from emulator.fido.authenticator import Authenticator
from emulator.fido.cose import Algorithm
from emulator.fido.credential import Credential
from emulator.fido.gesture import Given
from emulator.profile import Profile
from emulator.sqlite_store import SqliteStore
from emulator.store import CredentialStore, MemoryStore

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


@pytest.fixture(params=["in memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CredentialStore]:
    if request.param == "in memory":
        yield MemoryStore()
        return
    store = SqliteStore(tmp_path / "key.db", serial_number="1", random_bytes=os.urandom)
    if request.param == "in a file, not waiting for the disk":
        store._db.execute("PRAGMA synchronous = OFF")
    yield store
    store.close()


@pytest.fixture
def authenticator(store: CredentialStore) -> Authenticator:
    """Without a certificate to sign with, as the floor has none either."""
    profile = replace(Profile.load("ctap21"), attestation="packed-self", discoverable_credentials=100_000)
    stream = random.Random(0).randbytes  # noqa: S311  # to be reproducible
    return Authenticator(profile, store=store, random_bytes=stream, now=NOW)


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


def fill(store: MemoryStore, count: int, rp_ids: int) -> None:
    """Keep ``count`` more discoverable credentials, of example.com or spread over other relying parties."""
    private_key = cose.generate(Algorithm.ES256, random.Random(0).randbytes).to_bytes()  # noqa: S311
    for number in range(count):
        rp_id = "example.com" if rp_ids == 1 else f"{number % rp_ids}.example"
        credential = Credential(
            credential_id=number.to_bytes(32, "big"),
            private_key=private_key,
            rp_id_hash=sha256(rp_id.encode()).digest(),
            rp_id=rp_id,
            user_id=number.to_bytes(4, "big"),
            discoverable=True,
        )
        store.put(credential)


@pytest.mark.benchmark(group="getAssertion of a passkey, by how many are stored")
@pytest.mark.parametrize("count", [10, 10_000])
def test_get_assertion_among_others(
    benchmark: BenchmarkFixture, store: MemoryStore, send: Send, count: int
) -> None:
    assert send(b"\x01" + cbor.encode(cbor.decode(CREATION[1:]) | {7: {"rk": True}}))[0] == 0
    fill(store, count - 1, rp_ids=max(2, count // 10))
    assert benchmark(send, b"\x02" + cbor.encode({1: "example.com", 2: bytes(32)}))[0] == 0


@pytest.mark.benchmark(group="getAssertion of a listed passkey, by how many its relying party has")
@pytest.mark.parametrize("count", [10, 10_000])
def test_get_assertion_of_one_listed(
    benchmark: BenchmarkFixture, store: MemoryStore, send: Send, count: int
) -> None:
    fill(store, count, rp_ids=1)
    descriptor = {"type": "public-key", "id": (count // 2).to_bytes(32, "big")}
    assert benchmark(send, b"\x02" + cbor.encode({1: "example.com", 2: bytes(32), 3: [descriptor]}))[0] == 0


@pytest.mark.benchmark(group="getAssertion of a passkey, by where it is kept")
@pytest.mark.parametrize(
    "store", ["in memory", "in a file", "in a file, not waiting for the disk"], indirect=True
)
def test_get_assertion_by_store(benchmark: BenchmarkFixture, send: Send) -> None:
    """One write reserves many sign counts; what waiting costs is what fsync costs on this disk."""
    assert send(b"\x01" + cbor.encode(cbor.decode(CREATION[1:]) | {7: {"rk": True}}))[0] == 0
    assert benchmark(send, b"\x02" + cbor.encode({1: "example.com", 2: bytes(32)}))[0] == 0
