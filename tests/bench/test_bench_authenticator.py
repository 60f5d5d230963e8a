"""What a ceremony costs beyond its cryptography, CBOR in and out; the floor is ``cryptography`` alone.

Contenders: soft-webauthn, and Chromium's virtual authenticator, asked for by a page on localhost through the
DevTools protocol. soft-webauthn has no CTAP: it takes and gives Python objects, holds one credential and
attests to nothing. So it runs twice: as it is, and from CTAP message to answer by the CBOR it comes with.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

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
from fido2 import cbor as fido2_cbor
from pytest_benchmark.fixture import BenchmarkFixture

from emulator.fido import cbor, cose
from emulator.fido.authenticator import Authenticator
from emulator.fido.cose import Algorithm
from emulator.fido.credential import Credential
from emulator.fido.gesture import Given
from emulator.profile import Profile
from emulator.sqlite_store import SqliteStore
from emulator.store import CredentialStore, MemoryStore
from emulator.system_random import SystemRandom

NOW = 0.0
TOUCH = Given(now=NOW)
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

SOFT_WEBAUTHN = "soft-webauthn==0.1.4"
SOFT_CREATION = {
    "publicKey": {
        "rp": {"id": "example.com", "name": "Example"},
        "user": {"id": b"alice", "name": "alice", "displayName": "Alice"},
        "challenge": bytes(32),
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "attestation": "none",
    }
}
CREATE_IN_A_PAGE = """
navigator.credentials.create({publicKey: {
    rp: {id: "localhost", name: "Example"},
    user: {id: new Uint8Array([1]), name: "alice", displayName: "Alice"},
    challenge: new Uint8Array(32),
    pubKeyCredParams: [{type: "public-key", alg: -7}],
    attestation: "direct",
}}).then(made => { globalThis.made = made; return made.id; })
"""
GET_IN_A_PAGE = """
navigator.credentials.get({publicKey: {
    rpId: "localhost",
    challenge: new Uint8Array(32),
    allowCredentials: [{type: "public-key", id: made.rawId}],
    userVerification: "discouraged",
}}).then(got => got.response.signature.byteLength)
"""

Send = Callable[[bytes], bytes]


@pytest.fixture(params=["in memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CredentialStore]:
    if request.param == "in memory":
        yield MemoryStore()
        return
    store = SqliteStore(tmp_path / "key.db", serial_number="1", random_bytes=os.urandom)
    if request.param == "in a file, not waiting for the disk":
        store._file.db.execute("PRAGMA synchronous = OFF")
    yield store
    store.close()


@pytest.fixture(params=["packed-self"])
def authenticator(request: pytest.FixtureRequest, store: CredentialStore) -> Authenticator:
    """Without a certificate to sign with, as the floor has none either."""
    profile = replace(Profile.load("ctap21"), attestation=request.param, discoverable_credentials=100_000)
    return Authenticator(profile, store=store, random_bytes=SystemRandom(), now=NOW)


@pytest.fixture
def send(authenticator: Authenticator) -> Send:
    def send(message: bytes) -> bytes:
        command = authenticator.cbor(message, NOW)
        next(command)
        try:
            command.send(TOUCH)
        except StopIteration as stop:
            answer: bytes = stop.value
            return answer
        raise AssertionError("it waits for a second touch")

    return send


@pytest.fixture
def soft_webauthn(
    require: Callable[[object, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Fetched by itself: its requirements name an older python-fido2, and it works with ours."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path)]
    fetched = subprocess.run([*pip, SOFT_WEBAUTHN], capture_output=True, text=True, check=False)
    require(fetched.returncode == 0, f"{SOFT_WEBAUTHN}: {fetched.stderr[-300:]}")
    monkeypatch.syspath_prepend(tmp_path)
    return import_module("soft_webauthn").SoftWebauthnDevice()


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


@pytest.mark.benchmark(group="makeCredential, ES256")
@pytest.mark.parametrize("authenticator", ["none"], indirect=True)
def test_make_credential_attesting_to_nothing(benchmark: BenchmarkFixture, send: Send) -> None:
    assert benchmark(send, CREATION)[0] == 0


@pytest.mark.benchmark(group="makeCredential, ES256")
def test_soft_webauthn_creates(benchmark: BenchmarkFixture, soft_webauthn: Any) -> None:
    assert benchmark(soft_webauthn.create, SOFT_CREATION, "https://example.com")["rawId"]


@pytest.mark.benchmark(group="makeCredential, ES256")
def test_soft_webauthn_creates_from_cbor_to_cbor(benchmark: BenchmarkFixture, soft_webauthn: Any) -> None:
    def ceremony() -> bytes:
        asked = fido2_cbor.decode(CREATION[1:])
        options = {
            "rp": asked[2],
            "user": asked[3],
            "challenge": asked[1],
            "pubKeyCredParams": asked[4],
            "attestation": "none",
        }
        made = soft_webauthn.create({"publicKey": options}, "https://example.com")
        attested = fido2_cbor.decode(made["response"]["attestationObject"])
        return b"\0" + fido2_cbor.encode(
            {1: attested["fmt"], 2: attested["authData"], 3: attested["attStmt"]}
        )

    assert benchmark(ceremony)[0] == 0


@pytest.mark.benchmark(group="makeCredential, ES256")
def test_chromium_creates(benchmark: BenchmarkFixture, chromium: Any) -> None:
    created = benchmark.pedantic(chromium.run, (CREATE_IN_A_PAGE,), rounds=30, warmup_rounds=2)
    assert created


@pytest.mark.benchmark(group="getAssertion, ES256, key to load")
def test_floor_load_sign(benchmark: BenchmarkFixture) -> None:
    key = ec.generate_private_key(CURVE)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def ceremony() -> bytes:
        loaded = load_der_private_key(der, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        return loaded.sign(SIGNED, ECDSA)

    assert benchmark(ceremony)


@pytest.mark.benchmark(group="getAssertion, ES256, key to load")
def test_get_assertion_with_a_key_to_load(
    benchmark: BenchmarkFixture, authenticator: Authenticator, send: Send, assertion: bytes
) -> None:
    session = authenticator._state.session

    def ceremony() -> bytes:
        session.load_key.cache_clear()
        session.unwrap.cache_clear()
        return send(assertion)

    assert benchmark(ceremony)[0] == 0


@pytest.mark.benchmark(group="getAssertion, ES256, key at hand")
def test_floor_sign(benchmark: BenchmarkFixture) -> None:
    assert benchmark(ec.generate_private_key(CURVE).sign, SIGNED, ECDSA)


@pytest.mark.benchmark(group="getAssertion, ES256, key at hand")
def test_get_assertion_with_a_key_at_hand(benchmark: BenchmarkFixture, send: Send, assertion: bytes) -> None:
    assert benchmark(send, assertion)[0] == 0


@pytest.mark.benchmark(group="getAssertion, ES256, key at hand")
def test_soft_webauthn_gets(benchmark: BenchmarkFixture, soft_webauthn: Any) -> None:
    soft_webauthn.create(SOFT_CREATION, "https://example.com")
    options = {"publicKey": {"rpId": "example.com", "challenge": bytes(32)}}
    assert benchmark(soft_webauthn.get, options, "https://example.com")["response"]["signature"]


@pytest.mark.benchmark(group="getAssertion, ES256, key at hand")
def test_soft_webauthn_gets_from_cbor_to_cbor(
    benchmark: BenchmarkFixture, soft_webauthn: Any, assertion: bytes
) -> None:
    soft_webauthn.create(SOFT_CREATION, "https://example.com")

    def ceremony() -> bytes:
        asked = fido2_cbor.decode(assertion[1:])
        options = {"rpId": asked[1], "challenge": asked[2]}
        made = soft_webauthn.get({"publicKey": options}, "https://example.com")
        credential, response = {"type": made["type"], "id": made["rawId"]}, made["response"]
        members = {1: credential, 2: response["authenticatorData"], 3: response["signature"]}
        return b"\0" + fido2_cbor.encode(members)

    assert benchmark(ceremony)[0] == 0


@pytest.mark.benchmark(group="getAssertion, ES256, key at hand")
def test_chromium_gets(benchmark: BenchmarkFixture, chromium: Any) -> None:
    assert chromium.run(CREATE_IN_A_PAGE)
    assert benchmark.pedantic(chromium.run, (GET_IN_A_PAGE,), rounds=30, warmup_rounds=2)


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


IN_A_FILE = ["in a file", "in a file, not waiting for the disk"]


@pytest.mark.benchmark(group="getAssertion of a passkey, by where it is kept")
@pytest.mark.parametrize("store", ["in memory", *IN_A_FILE], indirect=True)
def test_get_assertion_by_store(benchmark: BenchmarkFixture, send: Send) -> None:
    """One write reserves many sign counts."""
    assert send(b"\x01" + cbor.encode(cbor.decode(CREATION[1:]) | {7: {"rk": True}}))[0] == 0
    assert benchmark(send, b"\x02" + cbor.encode({1: "example.com", 2: bytes(32)}))[0] == 0


@pytest.mark.benchmark(group="one transaction of a store in a file; what fsync costs is the difference")
@pytest.mark.parametrize("store", IN_A_FILE, indirect=True)
def test_a_transaction(benchmark: BenchmarkFixture, store: CredentialStore) -> None:
    benchmark(store.set_persistent_token, bytes(32))
    assert store.persistent_token == bytes(32)
