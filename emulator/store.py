"""What an authenticator keeps without power: credentials, counters, PIN, settings, fingers, large blobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from emulator.fido.credential import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class UserVerificationState:
    """The PIN and the retries left to it and to built-in user verification (CTAP 2.3 §6.5.1, §6.5.2.3).

    ``uv_count`` is how often that has verified the user since the PIN last did (§6.4).
    ``pin_hash`` is the first 16 bytes of the PIN's SHA-256, ``None`` before a PIN is set;
    ``min_pin_length`` and ``pin_length`` (that of the PIN that is set) count Unicode code points.
    """

    pin_hash: bytes | None = field(default=None, repr=False)
    pin_length: int = 0
    pin_retries: int
    uv_retries: int
    min_pin_length: int
    force_pin_change: bool = False
    uv_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What authenticatorConfig has changed (CTAP 2.3 §6.11); ``always_uv`` ``None`` is the profile's own."""

    enterprise_attestation: bool = False
    always_uv: bool | None = None
    long_touch_for_reset: bool = False
    min_pin_length_rp_ids: tuple[str, ...] = ()
    pin_complexity_policy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A finger that is enrolled (CTAP 2.3 §6.7); ``name`` is empty until it gets one."""

    template_id: bytes
    name: str = ""


INITIAL_LARGE_BLOB_ARRAY = bytes.fromhex("8076be8b528d0075f7aae98d6fa57a6d3c")
"""An empty CBOR array and the first 16 bytes of its SHA-256 (CTAP 2.3 §6.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a store holds, for comparing and for :meth:`CredentialStore.restore`; full of secrets.

    ``credential_changes`` counts what was put, updated and deleted; ``credentials`` are oldest first;
    ``persistent_token`` is the 32-byte persistentPinUvAuthToken, ``None`` before it is asked for; ``oath`` is
    what the YKOATH applet keeps beside the authenticator, ``None`` before it was used.
    """

    master_secret: bytes | None = field(default=None, repr=False)
    user_verification: UserVerificationState | None = None
    sign_count: int = 0
    credential_changes: int = 0
    configuration: Configuration = Configuration()
    fingerprints: tuple[Fingerprint, ...] = ()
    persistent_token: bytes | None = field(default=None, repr=False)
    large_blob_array: bytes = field(default=INITIAL_LARGE_BLOB_ARRAY, repr=False)
    credentials: tuple[Credential, ...] = ()
    oath: bytes | None = field(default=None, repr=False)


class CredentialStore(Protocol):
    """The authenticator's memory. A method that writes writes all of it or nothing.

    A command that calls more than one of them does so in a :meth:`transaction`. Credentials here are the
    discoverable ones; the others live in their own IDs.
    """

    def transaction(self) -> AbstractContextManager[None]:
        """``with store.transaction():`` all that is written inside is written at once, or none of it.

        Transactions do not nest, and none lasts while a gesture is waited for.
        """

    def initialize(self, master_secret: bytes, user_verification: UserVerificationState) -> None:
        """Forget everything but ``oath`` and begin anew with these (CTAP 2.3 §6.6)."""

    @property
    def master_secret(self) -> bytes | None:
        """32 bytes, the key under which credential IDs are sealed; ``None`` before ``initialize``."""

    @property
    def user_verification(self) -> UserVerificationState:
        """``LookupError`` before ``initialize``."""

    def set_user_verification(self, user_verification: UserVerificationState) -> None:
        """Replace PIN and retries."""

    @property
    def sign_count(self) -> int:
        """The signature counter as the last signature had it."""

    def next_sign_count(self) -> int:
        """Count one signature on; the new count."""

    def put(self, credential: Credential) -> None:
        """Keep a credential as the newest, in place of any for the same relying party and user."""

    def update(self, credential: Credential) -> None:
        """Put it in the place of the one with its ID, which is for the same user (``KeyError`` if none)."""

    def delete(self, credential_id: bytes) -> None:
        """Forget the one with this ID (``KeyError`` if there is none)."""

    def credential(self, credential_id: bytes) -> Credential | None:
        """The one with this ID."""

    def credentials(self, rp_id_hash: bytes) -> Sequence[Credential]:
        """Those of a relying party, the newest first."""

    @property
    def rp_id_hashes(self) -> Sequence[bytes]:
        """Each relying party that has credentials here, once."""

    @property
    def credential_count(self) -> int:
        """How many there are."""

    @property
    def credential_changes(self) -> int:
        """A number that every ``put``, ``update`` and ``delete`` makes greater."""

    @property
    def configuration(self) -> Configuration:
        """The settings."""

    def set_configuration(self, configuration: Configuration) -> None:
        """Replace the settings."""

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The fingers that are enrolled."""

    def set_fingerprints(self, fingerprints: tuple[Fingerprint, ...]) -> None:
        """Replace the fingers."""

    @property
    def persistent_token(self) -> bytes | None:
        """The persistentPinUvAuthToken (CTAP 2.3 §6.5.2.2), if there is one."""

    def set_persistent_token(self, token: bytes | None) -> None:
        """Replace it."""

    @property
    def large_blob_array(self) -> bytes:
        """The serialized large-blob array (CTAP 2.3 §6.10), checksum included."""

    def set_large_blob_array(self, serialized: bytes) -> None:
        """Replace it."""

    @property
    def oath(self) -> bytes | None:
        """What the YKOATH applet keeps, in its own words."""

    def set_oath(self, state: bytes) -> None:
        """Replace it."""

    def snapshot(self) -> Snapshot:
        """All of it, as it is now."""

    def restore(self, snapshot: Snapshot) -> None:
        """Become what ``snapshot`` shows, be it this store's own past or a copy of another."""


class MemoryStore:
    """A store that lasts as long as the process; ``MemoryStore(other.snapshot())`` is a copy of another."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self._user_verification: UserVerificationState | None = None
        self._oath: bytes | None = None
        self.restore(snapshot or Snapshot())

    @contextmanager
    def transaction(self) -> Iterator[None]:
        before = self.snapshot()
        try:
            yield
        except BaseException:
            self.restore(before)
            raise

    def initialize(self, master_secret: bytes, user_verification: UserVerificationState) -> None:
        self.restore(
            Snapshot(master_secret=master_secret, user_verification=user_verification, oath=self._oath)
        )

    @property
    def master_secret(self) -> bytes | None:
        return self._master_secret

    @property
    def user_verification(self) -> UserVerificationState:
        if self._user_verification is None:
            raise LookupError("this store has not been initialized by an authenticator")
        return self._user_verification

    def set_user_verification(self, user_verification: UserVerificationState) -> None:
        self._user_verification = user_verification

    @property
    def sign_count(self) -> int:
        return self._sign_count

    def next_sign_count(self) -> int:
        self._sign_count += 1
        return self._sign_count

    def put(self, credential: Credential) -> None:
        self._keep(credential)
        self._credential_changes += 1

    def update(self, credential: Credential) -> None:
        kept = self._by_id[credential.credential_id]
        assert (kept.rp_id_hash, kept.user_id) == (credential.rp_id_hash, credential.user_id)
        self._by_id[credential.credential_id] = credential
        self._by_rp[credential.rp_id_hash][credential.user_id] = credential
        self._credential_changes += 1

    def delete(self, credential_id: bytes) -> None:
        credential = self._by_id.pop(credential_id)
        of_rp = self._by_rp[credential.rp_id_hash]
        del of_rp[credential.user_id]
        if not of_rp:
            del self._by_rp[credential.rp_id_hash]
        self._credential_changes += 1

    def credential(self, credential_id: bytes) -> Credential | None:
        return self._by_id.get(credential_id)

    def credentials(self, rp_id_hash: bytes) -> Sequence[Credential]:
        return list(reversed(self._by_rp.get(rp_id_hash, {}).values()))

    @property
    def rp_id_hashes(self) -> Sequence[bytes]:
        return list(self._by_rp)

    @property
    def credential_count(self) -> int:
        return len(self._by_id)

    @property
    def credential_changes(self) -> int:
        return self._credential_changes

    @property
    def configuration(self) -> Configuration:
        return self._configuration

    def set_configuration(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        return self._fingerprints

    def set_fingerprints(self, fingerprints: tuple[Fingerprint, ...]) -> None:
        self._fingerprints = fingerprints

    @property
    def persistent_token(self) -> bytes | None:
        return self._persistent_token

    def set_persistent_token(self, token: bytes | None) -> None:
        self._persistent_token = token

    @property
    def large_blob_array(self) -> bytes:
        return self._large_blob_array

    def set_large_blob_array(self, serialized: bytes) -> None:
        self._large_blob_array = serialized

    @property
    def oath(self) -> bytes | None:
        return self._oath

    def set_oath(self, state: bytes) -> None:
        self._oath = state

    def snapshot(self) -> Snapshot:
        return Snapshot(
            master_secret=self._master_secret,
            user_verification=self._user_verification,
            sign_count=self._sign_count,
            credential_changes=self._credential_changes,
            configuration=self._configuration,
            fingerprints=self._fingerprints,
            persistent_token=self._persistent_token,
            large_blob_array=self._large_blob_array,
            credentials=tuple(self._by_id.values()),
            oath=self._oath,
        )

    def restore(self, snapshot: Snapshot) -> None:
        self._master_secret = snapshot.master_secret
        self._user_verification = snapshot.user_verification
        self._sign_count = snapshot.sign_count
        self._credential_changes = snapshot.credential_changes
        self._configuration = snapshot.configuration
        self._fingerprints = snapshot.fingerprints
        self._persistent_token = snapshot.persistent_token
        self._large_blob_array = snapshot.large_blob_array
        self._oath = snapshot.oath
        self._by_id: dict[bytes, Credential] = {}  # oldest first
        self._by_rp: dict[bytes, dict[bytes, Credential]] = {}  # RP ID hash -> user ID, oldest first
        for credential in snapshot.credentials:
            self._keep(credential)

    def _keep(self, credential: Credential) -> None:
        of_rp = self._by_rp.setdefault(credential.rp_id_hash, {})
        replaced = of_rp.pop(credential.user_id, None)
        if replaced is not None:
            del self._by_id[replaced.credential_id]
        of_rp[credential.user_id] = credential
        self._by_id[credential.credential_id] = credential
