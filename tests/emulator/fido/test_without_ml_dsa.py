"""Where the installed cryptography has no ML-DSA: nothing is advertised that does not work, and why is said.

The absence is made in a process of its own, by taking the library's module away before ours looks for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from emulator.fido.authenticator import Authenticator
from emulator.profile import Profile
from emulator.store import MemoryStore

ABSENCE = """
import sys
import cryptography.x509  # which imports it for itself
from cryptography.hazmat.primitives import asymmetric
del asymmetric.mldsa
sys.modules["cryptography.hazmat.primitives.asymmetric.mldsa"] = None
"""
USE = """
import json
from dataclasses import replace
from emulator.fido import cbor, cose
from emulator.fido.authenticator import Authenticator
from emulator.fido.gesture import Given
from emulator.profile import Profile
from emulator.store import MemoryStore

def key(profile):
    return Authenticator(profile, store=MemoryStore(), random_bytes=lambda n: bytes(range(n)), now=0.0)

def run(authenticator, code, parameters=None):
    command = authenticator.cbor(bytes((code,)) + (cbor.encode(parameters) if parameters else b""), 0.0)
    try:
        next(command)
        command.send(Given(now=0.0))
    except StopIteration as stop:
        return stop.value[0], cbor.decode(stop.value[1:]) if stop.value[1:] else {}

def creation(*algorithms):
    params = [{"type": "public-key", "alg": alg} for alg in algorithms]
    return {1: bytes(32), 2: {"id": "example.com"}, 3: {"id": b"alice"}, 4: params}

full = key(Profile.load("ctap23"))
told = {"getInfo": [entry["alg"] for entry in run(full, 4)[1][10]]}
told["only ML-DSA"] = [run(full, 1, creation(alg))[0] for alg in (-48, -49, -50)]
status, made = run(full, 1, creation(-49, -48, -8))
told["then EdDSA"] = [status, cbor.decode(made[2][55 + int.from_bytes(made[2][53:55], "big"):])[3]]
try:
    cose.load(cose.Algorithm.ML_DSA_65, bytes(32))
except Exception as error:
    told["load"] = f"{type(error).__name__}: {error}"
only = replace(Profile.load("passkey"), algorithms=("ML-DSA-44", "ML-DSA-87"), max_message_size=7609)
try:
    key(only)
except ValueError as error:
    told["a key of nothing else"] = str(error)
print(json.dumps(told))
"""
ML_DSA = {-48, -49, -50}


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", ABSENCE + USE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_is_not_advertised(told: dict[str, Any]) -> None:
    """CTAP 2.3 §6.4, algorithms; the profile asks for it."""
    assert set(Profile.load("ctap23").algorithm_identifiers) >= ML_DSA
    assert not ML_DSA & set(told["getInfo"])
    assert told["getInfo"] == [a for a in Profile.load("ctap23").algorithm_identifiers if a not in ML_DSA]


def test_it_is_not_chosen_and_the_relying_party_s_next_choice_is(told: dict[str, Any]) -> None:
    """CTAP 2.3 §6.1.2 step 3."""
    assert told["only ML-DSA"] == [0x26] * 3  # CTAP2_ERR_UNSUPPORTED_ALGORITHM
    assert told["then EdDSA"] == [0, -8]


def test_one_who_needs_it_is_told_what_is_missing(told: dict[str, Any]) -> None:
    assert told["load"] == "UnsupportedAlgorithm: the installed cryptography has no ML-DSA"
    assert "none of the algorithms" in told["a key of nothing else"]
    assert "ML-DSA-44, ML-DSA-87" in told["a key of nothing else"]
    assert "install a newer one" in told["a key of nothing else"]


def test_the_same_profile_is_a_key_where_it_is_there() -> None:
    only = replace(Profile.load("passkey"), algorithms=("ML-DSA-44",), max_message_size=7609)
    assert Authenticator(only, store=MemoryStore(), random_bytes=bytes, now=0.0)
