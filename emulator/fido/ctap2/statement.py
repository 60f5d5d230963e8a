"""Which attestation a new credential gets, in which format (CTAP 2.3 §6.1.2, steps 9 and 19)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from emulator.fido.attestation import Attestation, self_statement
from emulator.fido.cose import Algorithm, PrivateKey
from emulator.fido.credential import Credential
from emulator.fido.state import AuthenticatorState
from emulator.fido.status import CtapError, CtapStatus
from emulator.profile import Profile
from emulator.profile_values import ATTESTATION_FORMATS, PLATFORM_MANAGED, VENDOR_FACILITATED


class EnterpriseAttestation(IntEnum):
    """The values of enterpriseAttestation (§7.1)."""

    VENDOR_FACILITATED = 1
    PLATFORM_MANAGED = 2


def check_enterprise(state: AuthenticatorState, asked: int | None) -> None:
    """Steps 9.1 and 9.2.1; before CTAP 2.1 the parameter is not known."""
    if asked is None or not state.profile.ctap21:
        return
    if not state.profile.enterprise_attestation or not state.store.configuration.enterprise_attestation:
        raise CtapError(CtapStatus.INVALID_PARAMETER)
    if asked not in set(EnterpriseAttestation):
        raise CtapError(CtapStatus.INVALID_OPTION)


def _may_identify_key(profile: Profile, rp_id: str, asked: int | None) -> bool:
    """Step 9.2.2: whether the attestation may tell which of its model's keys this is."""
    listed = rp_id in profile.enterprise_rp_ids
    if profile.enterprise_attestation == (VENDOR_FACILITATED,):
        return asked is not None and listed  # whichever the value
    if asked == EnterpriseAttestation.PLATFORM_MANAGED:
        return PLATFORM_MANAGED in profile.enterprise_attestation  # whom the platform has vetted
    vendor_facilitated = VENDOR_FACILITATED in profile.enterprise_attestation
    return vendor_facilitated and asked == EnterpriseAttestation.VENDOR_FACILITATED and listed


@dataclass(slots=True, kw_only=True)
class Choice:
    """An attestation of the profile's by name, its format, and whether it tells which key this is."""

    attestation: str
    identifies_key: bool

    @property
    def fmt(self) -> str:
        """The attestation statement format identifier."""
        return ATTESTATION_FORMATS[self.attestation]


def choose(
    profile: Profile, *, rp_id: str, asked: int | None, preference: Sequence[str], algorithm: Algorithm
) -> Choice:
    """Step 19: what becomes of enterpriseAttestation (``asked``) and attestationFormatsPreference.

    An enterprise attestation is packed; one who prefers another format gets that, and not epAtt.
    """
    name = _preferred(profile, preference, algorithm)
    packed = ATTESTATION_FORMATS[name] == "packed"
    return Choice(attestation=name, identifies_key=packed and _may_identify_key(profile, rp_id, asked))


def _preferred(profile: Profile, preference: Sequence[str], algorithm: Algorithm) -> str:
    names = [profile.attestation, *profile.further_attestations]
    if algorithm is not Algorithm.ES256:
        names = [name for name in names if name != "fido-u2f"]  # WebAuthn Level 3 §8.6
    if not profile.ctap23:  # to whom the parameter is not known
        return names[0]
    if list(preference) == ["none"]:
        return "none"
    preferred = [name for wanted in preference for name in names if ATTESTATION_FORMATS[name] == wanted]
    return (preferred or names)[0]


def make(
    state: AuthenticatorState,
    choice: Choice,
    *,
    credential: Credential,
    key: PrivateKey,
    auth_data: bytes,
    client_data_hash: bytes,
) -> dict[str, Any]:
    """The attestation statement."""
    match choice.attestation:
        case _ if choice.identifies_key:
            enterprise = Attestation.of_key(state.profile.aaguid, state.serial_number)
            return enterprise.packed_statement(auth_data, client_data_hash)
        case "packed" | "packed-chain":
            return state.attestation.packed_statement(auth_data, client_data_hash)
        case "packed-self":
            return self_statement(auth_data, client_data_hash, key)
        case "fido-u2f":
            return state.attestation.u2f_statement(
                credential.rp_id_hash, client_data_hash, credential.credential_id, key.cose_key()
            )
        case _:
            return {}
