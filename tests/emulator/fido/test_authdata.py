"""Authenticator data as python-fido2 reads it."""

from hashlib import sha256, shake_256

from fido2.webauthn import AuthenticatorData
from hypothesis import given
from hypothesis import strategies as st

from emulator.fido import cose
from emulator.fido.authdata import AttestedCredentialData, Flags, authenticator_data
from emulator.fido.cose import Algorithm

RP_ID_HASH = sha256(b"example.com").digest()
CALLERS_FLAGS = st.sampled_from([Flags.UP, Flags.UV, Flags.BE, Flags.BS])


@given(
    flags=st.lists(CALLERS_FLAGS).map(lambda flags: Flags(sum(set(flags)))),
    sign_count=st.integers(0, 2**32 - 1),
    algorithm=st.none() | st.sampled_from(Algorithm),
    credential_id=st.binary(min_size=1, max_size=1023),
    extensions=st.dictionaries(st.text(max_size=20), st.booleans() | st.binary(max_size=64), max_size=3),
)
def test_python_fido2_reads_back_what_was_said(
    flags: Flags,
    sign_count: int,
    algorithm: Algorithm | None,
    credential_id: bytes,
    extensions: dict[str, bool | bytes],
) -> None:
    attested = None
    if algorithm is not None:
        key = cose.generate(algorithm, lambda length: shake_256(credential_id).digest(length))
        attested = AttestedCredentialData(
            aaguid=bytes(range(16)), credential_id=credential_id, cose_key=key.cose_key()
        )
    data = AuthenticatorData(authenticator_data(RP_ID_HASH, flags, sign_count, attested, extensions))
    assert data.rp_id_hash == RP_ID_HASH
    assert data.flags & ~(Flags.AT | Flags.ED) == flags
    assert data.counter == sign_count
    assert data.extensions == (extensions or None)
    if attested is None:
        assert data.credential_data is None
    else:
        assert data.credential_data is not None
        assert bytes(data.credential_data.aaguid) == attested.aaguid
        assert data.credential_data.credential_id == credential_id
        assert data.credential_data.public_key == attested.cose_key


def test_an_assertion_s_data_is_37_bytes() -> None:
    data = authenticator_data(RP_ID_HASH, Flags.UP | Flags.UV, 258)
    assert data == RP_ID_HASH + bytes.fromhex("0500000102")
