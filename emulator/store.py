"""What an authenticator keeps without power: credentials, signature counter, PIN state, master secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from emulator.fido.credential import Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class UserVerificationState:
    """The PIN and the retries left to it and to built-in user verification (CTAP 2.3 §6.5.1, §6.5.2.2).

    ``pin_hash`` is the first 16 bytes of the PIN's SHA-256, ``None`` before a PIN is set;
    ``min_pin_length`` and ``pin_length`` (that of the PIN that is set) count Unicode code points.
    """

    pin_hash: bytes | None = field(default=None, repr=False)
    pin_length: int = 0
    pin_retries: int
    uv_retries: int
    min_pin_length: int
    force_pin_change: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a store holds, for comparing and for :meth:`CredentialStore.restore`; full of secrets."""

    master_secret: bytes | None = field(repr=False)
    user_verification: UserVerificationState | None
    sign_count: int
    credentials: tuple[Credential, ...]


class CredentialStore(Protocol):
    """The authenticator's memory. A method that writes writes all of it or nothing.

    Credentials here are the discoverable ones; the others live in their own IDs.
    """

    def initialize(self, master_secret: bytes, user_verification: UserVerificationState) -> None:
        """Forget everything and begin anew with these (CTAP 2.3 §6.6)."""

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

    def credential(self, credential_id: bytes) -> Credential | None:
        """The one with this ID."""

    def credentials(self, rp_id_hash: bytes) -> Sequence[Credential]:
        """Those of a relying party, the newest first."""

    @property
    def credential_count(self) -> int:
        """How many there are."""

    def snapshot(self) -> Snapshot:
        """All of it, as it is now."""

    def restore(self, snapshot: Snapshot) -> None:
        """Become what ``snapshot`` shows, be it this store's own past or a copy of another."""


class MemoryStore:
    """A store that lasts as long as the process; ``MemoryStore(other.snapshot())`` is a copy of another."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self._master_secret: bytes | None = None
        self._user_verification: UserVerificationState | None = None
        self._sign_count = 0
        self._by_id: dict[bytes, Credential] = {}  # oldest first
        self._by_rp: dict[bytes, dict[bytes, Credential]] = {}  # RP ID hash -> user ID, oldest first
        if snapshot is not None:
            self.restore(snapshot)

    def initialize(self, master_secret: bytes, user_verification: UserVerificationState) -> None:
        self.restore(
            Snapshot(
                master_secret=master_secret,
                user_verification=user_verification,
                sign_count=0,
                credentials=(),
            )
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
        of_rp = self._by_rp.setdefault(credential.rp_id_hash, {})
        replaced = of_rp.pop(credential.user_id, None)
        if replaced is not None:
            del self._by_id[replaced.credential_id]
        of_rp[credential.user_id] = credential
        self._by_id[credential.credential_id] = credential

    def credential(self, credential_id: bytes) -> Credential | None:
        return self._by_id.get(credential_id)

    def credentials(self, rp_id_hash: bytes) -> Sequence[Credential]:
        return list(reversed(self._by_rp.get(rp_id_hash, {}).values()))

    @property
    def credential_count(self) -> int:
        return len(self._by_id)

    def snapshot(self) -> Snapshot:
        return Snapshot(
            master_secret=self._master_secret,
            user_verification=self._user_verification,
            sign_count=self._sign_count,
            credentials=tuple(self._by_id.values()),
        )

    def restore(self, snapshot: Snapshot) -> None:
        self._master_secret = snapshot.master_secret
        self._user_verification = snapshot.user_verification
        self._sign_count = snapshot.sign_count
        self._by_id, self._by_rp = {}, {}
        for credential in snapshot.credentials:
            self.put(credential)
