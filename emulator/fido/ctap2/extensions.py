"""Extensions: credProtect, credBlob, largeBlobKey, hmac-secret and others (CTAP 2.3 §12)."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from emulator.fido.credential import Credential
from emulator.fido.ctap2.parameters import optional, required, sized
from emulator.fido.pin_protocol import PinProtocolOne
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus

CRED_PROTECT = "credProtect"
HMAC_SECRET = "hmac-secret"  # noqa: S105  # an extension identifier
HMAC_SECRET_MC = "hmac-secret-mc"  # noqa: S105  # likewise
MIN_PIN_LENGTH = "minPinLength"
PIN_COMPLEXITY_POLICY = "pinComplexityPolicy"
CRED_BLOB = "credBlob"
LARGE_BLOB_KEY = "largeBlobKey"
THIRD_PARTY_PAYMENT = "thirdPartyPayment"

UV_OPTIONAL, UV_OPTIONAL_WITH_CREDENTIAL_ID_LIST, UV_REQUIRED = 1, 2, 3
"""credProtect levels."""

KEY_AGREEMENT = 0x01
SALT_ENC = 0x02
SALT_AUTH = 0x03
PIN_UV_AUTH_PROTOCOL = 0x04
SALT_LENGTH = 32


def usable(credential: Credential, *, uv: bool, by_id: bool) -> bool:
    """Whether its protection lets a credential be used, or even be seen, by one who is (not) verified.

    ``by_id`` says that the relying party named it.
    """
    level = credential.cred_protect
    if level == UV_REQUIRED:
        return uv
    return level != UV_OPTIONAL_WITH_CREDENTIAL_ID_LIST or uv or by_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationInput:
    """What makeCredential is asked for: a credProtect level, a credBlob; to have hmac-secret and others.

    ``policies`` are those about PINs that it is to tell of.
    """

    cred_protect: int | None = None
    hmac_secret: bool = False
    hmac_secret_mc: HmacSecretInput | None = None
    policies: tuple[str, ...] = ()
    cred_blob: bytes | None = None
    large_blob_key: bool = False
    third_party_payment: bool = False

    @classmethod
    def parse(
        cls, data: Mapping[Any, Any], supported: tuple[str, ...], *, discoverable: bool
    ) -> CreationInput:
        """Inputs to extensions that are not ``supported`` are not looked at (§6.1.2 step 15)."""
        if not data:
            return _NOTHING_ASKED
        level = optional(data, CRED_PROTECT, int) if CRED_PROTECT in supported else None
        if level not in (None, UV_OPTIONAL, UV_OPTIONAL_WITH_CREDENTIAL_ID_LIST, UV_REQUIRED):
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        wanted = optional(data, HMAC_SECRET, bool) if HMAC_SECRET in supported else None
        cred_blob = optional(data, CRED_BLOB, bytes) if CRED_BLOB in supported else None
        payment = optional(data, THIRD_PARTY_PAYMENT, bool) if THIRD_PARTY_PAYMENT in supported else None
        large_blob_key = _large_blob_key(data, supported)
        if large_blob_key and not discoverable:
            raise CtapError(CtapStatus.INVALID_OPTION)  # §12.3
        hmac_secret_mc = HmacSecretInput.parse(data, supported, HMAC_SECRET_MC)
        if hmac_secret_mc is not None and not wanted:
            raise CtapError(CtapStatus.MISSING_PARAMETER)  # §12.8
        policies = (MIN_PIN_LENGTH, PIN_COMPLEXITY_POLICY)
        return cls(
            hmac_secret_mc=hmac_secret_mc,
            policies=tuple(name for name in policies if name in supported and optional(data, name, bool)),
            cred_protect=level,
            hmac_secret=bool(wanted),
            cred_blob=cred_blob,
            large_blob_key=large_blob_key,
            third_party_payment=bool(payment),
        )

    def outputs(self, credential: Credential) -> dict[str, Any]:
        """The authenticator extension outputs for the new credential: of what was asked for, no more."""
        given: dict[str, Any] = {}
        if self.cred_protect is not None:
            given[CRED_PROTECT] = self.cred_protect
        if self.hmac_secret:
            given[HMAC_SECRET] = True
        if self.cred_blob is not None:
            given[CRED_BLOB] = credential.cred_blob is not None
        return given

    def policy_outputs(self, state: AuthenticatorState, rp_id: str) -> dict[str, Any]:
        """What relying parties named by setMinPINLength, and no others, may know of PINs (§12.5, §12.6)."""
        if rp_id not in state.store.configuration.min_pin_length_rp_ids:
            return {}
        told = {
            MIN_PIN_LENGTH: state.store.user_verification.min_pin_length,
            PIN_COMPLEXITY_POLICY: state.pin_complexity_policy,
        }
        return {name: told[name] for name in self.policies}


_NOTHING_ASKED = CreationInput()


def _large_blob_key(data: Mapping[Any, Any], supported: tuple[str, ...]) -> bool:
    """Whether the key to a large blob is asked for; there is no asking not to have it (§12.3)."""
    asked = optional(data, LARGE_BLOB_KEY, bool) if LARGE_BLOB_KEY in supported else None
    if asked is False:
        raise CtapError(CtapStatus.INVALID_OPTION)
    return asked is True


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertionInput:
    """What getAssertion is asked to tell of a credential, besides hmac-secret."""

    cred_blob: bool = False
    large_blob_key: bool = False
    third_party_payment: bool = False

    @classmethod
    def parse(cls, data: Mapping[Any, Any], supported: tuple[str, ...]) -> AssertionInput:
        """Inputs to extensions that are not ``supported`` are not looked at."""
        if not data:
            return _NOTHING
        return cls(
            cred_blob=CRED_BLOB in supported and bool(optional(data, CRED_BLOB, bool)),
            large_blob_key=_large_blob_key(data, supported),
            third_party_payment=THIRD_PARTY_PAYMENT in supported
            and bool(optional(data, THIRD_PARTY_PAYMENT, bool)),
        )

    def outputs(self, credential: Credential) -> dict[str, Any]:
        """The authenticator extension outputs; a credential without a blob has an empty one (§12.2)."""
        given: dict[str, Any] = {}
        if self.cred_blob:
            given[CRED_BLOB] = credential.cred_blob or b""
        if self.third_party_payment:
            given[THIRD_PARTY_PAYMENT] = credential.third_party_payment
        return given


_NOTHING = AssertionInput()


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacSecretInput:
    """One or two salts, encrypted and authenticated by the platform.

    ``name`` is the extension that they came with: hmac-secret, or hmac-secret-mc in makeCredential.
    """

    name: str
    key_agreement: Mapping[Any, Any]
    salt_enc: bytes
    salt_auth: bytes
    pin_uv_auth_protocol: int

    @classmethod
    def parse(
        cls, data: Mapping[Any, Any], supported: tuple[str, ...], name: str = HMAC_SECRET
    ) -> HmacSecretInput | None:
        """``None`` if the extension is not asked for, or not ``supported``."""
        if name not in data:
            return None
        given = optional(data, name, dict) if name in supported else None
        if given is None:
            return None
        protocol = optional(given, PIN_UV_AUTH_PROTOCOL, int)
        return cls(
            name=name,
            key_agreement=required(given, KEY_AGREEMENT, dict),
            salt_enc=required(given, SALT_ENC, bytes),
            salt_auth=required(given, SALT_AUTH, bytes),
            pin_uv_auth_protocol=1 if protocol is None else protocol,
        )

    def open(self, state: AuthenticatorState) -> Salts:
        """The salts, checked and decrypted."""
        protocol = state.session.protocols.get(self.pin_uv_auth_protocol)
        if protocol is None:
            raise CtapError(CtapStatus.INVALID_PARAMETER)
        shared_secret = protocol.decapsulate(self.key_agreement)
        if not protocol.verify(shared_secret, self.salt_enc, self.salt_auth):
            raise CtapError(CtapStatus.PIN_AUTH_INVALID)
        salts = sized(protocol.decrypt(shared_secret, self.salt_enc), SALT_LENGTH, 2 * SALT_LENGTH)
        if len(salts) % SALT_LENGTH:
            raise CtapError(CtapStatus.INVALID_LENGTH)
        return Salts(name=self.name, protocol=protocol, shared_secret=shared_secret, salts=salts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Salts:
    """One or two salts of 32 bytes, and the secret under which their outputs are to travel."""

    name: str
    protocol: PinProtocolOne
    shared_secret: bytes = field(repr=False)
    salts: bytes = field(repr=False)

    def outputs(
        self, credential: Credential, *, uv: bool, random_bytes: Callable[[int], bytes]
    ) -> dict[str, Any]:
        """The authenticator extension outputs; none for a credential made without hmac-secret."""
        secret = credential.cred_random_with_uv if uv else credential.cred_random_without_uv
        if secret is None:
            return {}
        halves = (self.salts[:SALT_LENGTH], self.salts[SALT_LENGTH:])
        output = b"".join(hmac.digest(secret, salt, "sha256") for salt in halves if salt)
        return {self.name: self.protocol.encrypt(self.shared_secret, output, random_bytes)}
