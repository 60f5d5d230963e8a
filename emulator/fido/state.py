"""All that a command may touch: the profile, the store, the session and a source of randomness."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from emulator.fido import cose
from emulator.fido.attestation import Attestation
from emulator.fido.authdata import Flags
from emulator.fido.credential import Credential
from emulator.fido.gesture import Gesture, Given, Within
from emulator.fido.pin_protocol import TOKEN_LENGTH
from emulator.fido.session import Session
from emulator.profile import Profile
from emulator.store import CredentialStore, UserVerificationState

MASTER_SECRET_LENGTH = 32

# By user presence, user verification and backup (WebAuthn Level 3 §6.1, §6.1.3).
_FLAGS = {
    (up, uv, synced): Flags(up * Flags.UP | uv * Flags.UV | synced * (Flags.BE | Flags.BS))
    for up in (False, True)
    for uv in (False, True)
    for synced in (False, True)
}

Running = Generator[Gesture | Within, Given, dict[int, Any] | None]
"""A CTAP2 command under way: yields the gestures it waits for, returns the members of its response."""


@dataclass(slots=True, kw_only=True)
class AuthenticatorState:
    """What the authenticator is (``profile``), keeps (``store``) and only remembers (``session``)."""

    profile: Profile
    store: CredentialStore
    random_bytes: Callable[[int], bytes]
    session: Session
    attestation: Attestation
    serial_number: str

    @property
    def master_secret(self) -> bytes:
        """The key under which credential IDs are sealed."""
        secret = self.store.master_secret
        assert secret is not None, "a store is initialized when its authenticator is made"
        return secret

    @property
    def algorithms(self) -> tuple[int, ...]:
        """The profile's, the preferred one first, as far as the installed cryptography has them."""
        return tuple(alg for alg in self.profile.algorithm_identifiers if cose.supported(alg))

    @property
    def protected(self) -> bool:
        """Whether some form of user verification is set up (CTAP 2.3 §6.1.2, "protected by")."""
        return self.built_in_uv or self.store.user_verification.pin_hash is not None

    @property
    def built_in_uv(self) -> bool:
        """Whether there is a built-in form of user verification, and it is set up."""
        return self.profile.built_in_uv and bool(self.store.fingerprints or not self.profile.fingerprints)

    @property
    def always_uv(self) -> bool:
        """Whether user verification is asked for whatever the relying party says (CTAP 2.3 §7.2)."""
        configured = self.store.configuration.always_uv
        return self.profile.always_uv if configured is None else configured

    @property
    def make_cred_uv_not_rqd(self) -> bool:
        """Whether non-discoverable credentials are made without user verification (CTAP 2.3 §6.4)."""
        return self.profile.make_cred_uv_not_rqd and not self.always_uv

    @property
    def u2f(self) -> bool:
        """Whether U2F is there now; it cannot verify a user (CTAP 2.3 §7.2.4)."""
        return self.profile.u2f and not self.always_uv

    @property
    def pin_complexity_policy(self) -> bool:
        """Whether PINs that are too easy to guess are refused."""
        return self.store.configuration.pin_complexity_policy

    def flags(self, *, up: bool, uv: bool) -> Flags:
        """Authenticator data's flags of the user; BE and BS too where credentials are backed up."""
        return _FLAGS[up, uv, self.profile.synced]

    def initialize(self) -> None:
        """Put the store into the state it leaves the factory in."""
        fresh = UserVerificationState(
            pin_retries=self.profile.pin_retries,
            uv_retries=self.profile.uv_retries,
            min_pin_length=self.profile.min_pin_length,
        )
        with self.store.transaction():
            self.store.initialize(self.random_bytes(MASTER_SECRET_LENGTH), fresh)
            if self.profile.persistent_credential_management:
                self.renew_persistent_token()

    @property
    def identifier(self) -> bytes:
        """16 bytes that are this key's until it is reset (CTAP 2.3 §6.4, encIdentifier)."""
        return self._derived(b"identifier")

    @property
    def credential_store_state(self) -> bytes:
        """16 bytes, others after every change of a credential (CTAP 2.3 §6.4, encCredStoreState)."""
        return self._derived(b"credential store state" + self.store.credential_changes.to_bytes(8, "big"))

    def _derived(self, label: bytes) -> bytes:
        return hmac.digest(self.master_secret, label, "sha256")[:16]

    def renew_persistent_token(self) -> bytes:
        """resetPersistentPinUvAuthToken(): a fresh one, kept (CTAP 2.3 §6.5.2.2)."""
        token = self.random_bytes(TOKEN_LENGTH)
        self.store.set_persistent_token(token)
        return token

    def find(self, credential_id: bytes, rp_id_hash: bytes) -> Credential | None:
        """The credential with this ID, kept or carried in the ID, if it is ours and this relying party's."""
        kept = self.store.credential(credential_id)
        if kept is not None:
            return kept if kept.rp_id_hash == rp_id_hash else None
        return self.session.unwrap(credential_id, rp_id_hash, self.master_secret)

    def next_sign_count(self) -> int:
        """The signature counter for one more signature; always 0 where there is none."""
        return self.store.next_sign_count() if self.profile.sign_counter else 0
