"""Credentials, and the credential IDs that carry a whole credential under the authenticator's seal.

An authenticator without room keeps non-discoverable credentials and U2F keys nowhere: it hands the
relying party the private key, sealed, as the credential ID (or U2F key handle) and opens it again when
it comes back (WebAuthn Level 3 §6.1, U2F Raw Message Formats v1.1 §4.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from emulator.fido.cose import ALGORITHMS, Algorithm

NONCE_LENGTH = 12
TAG_LENGTH = 16
CRED_RANDOM_LENGTH = 32

# Under the seal: traits, algorithm, both CredRandoms if the traits say so, then the private key.
_HEADER = Struct(">Bh")
_SHORTEST = NONCE_LENGTH + _HEADER.size + TAG_LENGTH
_CRED_PROTECT, _U2F, _CRED_RANDOM, _THIRD_PARTY_PAYMENT = 0b0_0011, 0b0_0100, 0b0_1000, 0b1_0000


_cipher = lru_cache(maxsize=8)(AESGCM)
"""A master key's; there are few, and each is used again and again."""


@dataclass(slots=True, kw_only=True)
class Credential:
    """A public key credential source (WebAuthn Level 3 §4) as the authenticator holds it; never changed.

    ``private_key`` is what :func:`emulator.fido.cose.load` takes. ``rp_id`` is ``None`` where only its
    SHA-256, ``rp_id_hash``, is known: a credential that came out of its ID, and any made by U2F (there
    ``rp_id_hash`` is the application parameter). ``cred_protect`` is the credProtect level 1 to 3
    (CTAP 2.3 §12.1); the two CredRandoms are 32 bytes each, both or neither, for hmac-secret (§12.7);
    ``created`` orders credentials, the greatest being the newest. ``cred_blob`` is the relying party's
    (§12.2), ``large_blob_key`` 32 bytes (§12.3), ``third_party_payment`` whether others may start payments.
    It is not frozen because one is made for every ceremony, which freezing would hold up more than sealing.
    """

    credential_id: bytes = b""
    private_key: bytes = field(repr=False)
    algorithm: Algorithm = Algorithm.ES256
    rp_id_hash: bytes
    rp_id: str | None = None
    user_id: bytes = b""
    user_name: str | None = None
    user_display_name: str | None = None
    discoverable: bool = False
    cred_protect: int = 1
    cred_random_with_uv: bytes | None = field(default=None, repr=False)
    cred_random_without_uv: bytes | None = field(default=None, repr=False)
    created: int = 0
    u2f: bool = False
    cred_blob: bytes | None = field(default=None, repr=False)
    large_blob_key: bytes | None = field(default=None, repr=False)
    third_party_payment: bool = False

    def user(self, *, names: bool) -> dict[str, Any]:
        """Its PublicKeyCredentialUserEntity, with or without what a person may read."""
        user: dict[str, Any] = {"id": self.user_id}
        if names and self.user_name is not None:
            user["name"] = self.user_name
        if names and self.user_display_name is not None:
            user["displayName"] = self.user_display_name
        return user


def wrap(credential: Credential, master_key: bytes, random_bytes: Callable[[int], bytes]) -> bytes:
    """The credential ID that carries ``credential``, for :func:`unwrap` with the same 32-byte ``master_key``.

    Inside: key, algorithm, credProtect level, CredRandoms, the marks of U2F and of payments; not the names
    of user and relying party. 127 bytes for ES256, 63 for Ed25519, 64 more with CredRandoms. A discoverable
    credential lives in the store, where it can be deleted, and is not to be wrapped.
    """
    assert not credential.discoverable
    traits, randoms = credential.cred_protect, b""
    if credential.u2f:
        traits |= _U2F
    if credential.third_party_payment:
        traits |= _THIRD_PARTY_PAYMENT
    if credential.cred_random_with_uv is not None and credential.cred_random_without_uv is not None:
        traits |= _CRED_RANDOM
        randoms = credential.cred_random_with_uv + credential.cred_random_without_uv
    payload = _HEADER.pack(traits, credential.algorithm) + randoms + credential.private_key
    nonce = random_bytes(NONCE_LENGTH)
    return nonce + _cipher(master_key).encrypt(nonce, payload, credential.rp_id_hash)


def unwrap(credential_id: bytes, rp_id_hash: bytes, master_key: bytes) -> Credential | None:
    """The credential that ``credential_id`` carries; ``None`` unless it is ours and this relying party's."""
    if len(credential_id) < _SHORTEST:
        return None
    nonce, sealed = credential_id[:NONCE_LENGTH], credential_id[NONCE_LENGTH:]
    try:
        payload = _cipher(master_key).decrypt(nonce, sealed, rp_id_hash)
    except InvalidTag:
        return None
    traits, algorithm = _HEADER.unpack_from(payload)
    key_at = _HEADER.size + (2 * CRED_RANDOM_LENGTH if traits & _CRED_RANDOM else 0)
    randoms = payload[_HEADER.size : key_at]
    return Credential(
        credential_id=credential_id,
        private_key=payload[key_at:],
        algorithm=ALGORITHMS[algorithm],
        rp_id_hash=rp_id_hash,
        cred_protect=traits & _CRED_PROTECT,
        cred_random_with_uv=randoms[:CRED_RANDOM_LENGTH] or None,
        cred_random_without_uv=randoms[CRED_RANDOM_LENGTH:] or None,
        u2f=bool(traits & _U2F),
        third_party_payment=bool(traits & _THIRD_PARTY_PAYMENT),
    )
