"""Credential IDs: what is sealed comes back whole, to its own relying party and authenticator alone."""

import dataclasses
from functools import cache
from hashlib import sha256, shake_256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido import cose, credential
from emulator.fido.cose import Algorithm
from emulator.fido.credential import Credential
from emulator.profile_values import ALGORITHMS, LONGER_CREDENTIAL_IDS, LONGEST_CREDENTIAL_ID

MASTER_KEY = sha256(b"a master key").digest()
U2F_MAX_KEY_HANDLE = 255  # its length is one byte (U2F Raw Message Formats v1.1 §4.3)


def random_bytes(length: int) -> bytes:
    return shake_256(b"randomness").digest(length)


@cache
def private_key(algorithm: Algorithm) -> bytes:
    return cose.generate(algorithm, random_bytes).to_bytes()


def sealed(plain: Credential) -> Credential:
    return dataclasses.replace(plain, credential_id=credential.wrap(plain, MASTER_KEY, random_bytes))


@st.composite
def credentials(draw: st.DrawFn) -> Credential:
    algorithm = draw(st.sampled_from(Algorithm))
    randoms = draw(st.none() | st.binary(min_size=64, max_size=64))
    plain = Credential(
        private_key=private_key(algorithm),
        algorithm=algorithm,
        rp_id_hash=draw(st.binary(min_size=32, max_size=32)),
        cred_protect=draw(st.integers(1, 3)),
        cred_random_with_uv=randoms and randoms[:32],
        cred_random_without_uv=randoms and randoms[32:],
        u2f=draw(st.booleans()),
    )
    return sealed(plain)


@given(credentials())
def test_a_wrapped_credential_unwraps_whole(whole: Credential) -> None:
    assert credential.unwrap(whole.credential_id, whole.rp_id_hash, MASTER_KEY) == whole


@given(credentials())
def test_an_es256_credential_id_fits_a_u2f_key_handle(whole: Credential) -> None:
    assert len(whole.credential_id) <= U2F_MAX_KEY_HANDLE or whole.algorithm is not Algorithm.ES256


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_credential_id_is_as_long_as_profiles_are_told(name: str) -> None:
    algorithm = Algorithm(ALGORITHMS[name])
    plain = Credential(
        private_key=private_key(algorithm),
        algorithm=algorithm,
        rp_id_hash=bytes(32),
        cred_random_with_uv=bytes(32),
        cred_random_without_uv=bytes(32),
    )
    length = len(sealed(plain).credential_id)
    assert length <= LONGEST_CREDENTIAL_ID or length == LONGER_CREDENTIAL_IDS[name]


@given(credentials(), st.data())
def test_a_credential_id_with_any_bit_flipped_is_not_ours(whole: Credential, data: st.DataObject) -> None:
    changed = bytearray(whole.credential_id)
    bit = data.draw(st.integers(0, 8 * len(changed) - 1))
    changed[bit // 8] ^= 1 << bit % 8
    assert credential.unwrap(bytes(changed), whole.rp_id_hash, MASTER_KEY) is None


@given(credentials(), st.binary(min_size=32, max_size=32))
def test_another_relying_party_s_credential_is_not_found(whole: Credential, rp_id_hash: bytes) -> None:
    expected = whole if rp_id_hash == whole.rp_id_hash else None
    assert credential.unwrap(whole.credential_id, rp_id_hash, MASTER_KEY) == expected


@given(credentials())
def test_another_authenticator_s_credential_is_not_found(whole: Credential) -> None:
    other_key = sha256(b"another master key").digest()
    assert credential.unwrap(whole.credential_id, whole.rp_id_hash, other_key) is None


@given(credentials(), st.integers(0, 200))
def test_a_credential_id_cut_short_or_lengthened_is_not_ours(whole: Credential, length: int) -> None:
    short, long = whole.credential_id[:length], whole.credential_id + bytes(length)
    for changed in {short, long} - {whole.credential_id}:
        assert credential.unwrap(changed, whole.rp_id_hash, MASTER_KEY) is None


@given(st.binary(max_size=300), st.binary(min_size=32, max_size=32))
def test_no_bytes_from_elsewhere_are_ours(foreign: bytes, rp_id_hash: bytes) -> None:
    assert credential.unwrap(foreign, rp_id_hash, MASTER_KEY) is None


def test_the_unwrapped_private_key_signs_as_before() -> None:
    key = cose.generate(Algorithm.ES256, random_bytes)
    whole = sealed(Credential(private_key=key.to_bytes(), rp_id_hash=sha256(b"example.com").digest()))
    found = credential.unwrap(whole.credential_id, whole.rp_id_hash, MASTER_KEY)
    assert found is not None
    assert cose.load(found.algorithm, found.private_key).sign(b"message") == key.sign(b"message")


def test_one_credential_wrapped_twice_has_two_ids() -> None:
    plain = Credential(private_key=bytes(96), rp_id_hash=bytes(32))
    first = credential.wrap(plain, MASTER_KEY, lambda length: b"\x01" * length)
    second = credential.wrap(plain, MASTER_KEY, lambda length: b"\x02" * length)
    assert first[12:] != second[12:]


def test_a_credential_id_shows_nothing_of_the_key() -> None:
    private_key = shake_256(b"a private key").digest(96)
    whole = sealed(Credential(private_key=private_key, rp_id_hash=bytes(32)))
    assert all(private_key[at : at + 4] not in whole.credential_id for at in range(92))


def test_a_discoverable_credential_is_not_wrapped() -> None:
    with pytest.raises(AssertionError):
        sealed(Credential(private_key=bytes(96), rp_id_hash=bytes(32), discoverable=True))


def test_a_repr_tells_nothing_secret() -> None:
    whole = Credential(
        private_key=b"Akey", rp_id_hash=b"", cred_random_with_uv=b"Arandom", cred_random_without_uv=b"Brandom"
    )
    assert "Akey" not in repr(whole)
    assert "random" not in repr(whole).replace("cred_random", "")
