"""How the console speaks of a user's MFA devices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from harness.service.console.visit import Visit
from harness.service.model import FidoSecurityKey, HardwareTotpDevice, MfaDevice, VirtualMfaDevice
from harness.service.words import Said, say

_PASSKEY = say("Synced passkey")
_TYPES: dict[type[MfaDevice], Said] = {
    FidoSecurityKey: say("Security key"),
    VirtualMfaDevice: say("Authenticator app"),
    HardwareTotpDevice: say("Hardware TOTP token"),
}
TYPES = (_PASSKEY, *_TYPES.values())


def type_of(device: MfaDevice) -> Said:
    """What kind of device it is; a credential that may be backed up is a synced passkey (S1)."""
    if isinstance(device, FidoSecurityKey) and device.backup_eligible:
        return _PASSKEY
    return _TYPES[type(device)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device as a list shows it; a hardware token goes by its serial number."""

    name: str
    type: Said
    serial_number: str
    enabled_at: float
    resyncs: bool
    certifications: str


def device_rows(devices: Iterable[MfaDevice]) -> list[DeviceRow]:
    """The devices, in their order."""
    return [
        DeviceRow(
            name=device.serial_number if isinstance(device, HardwareTotpDevice) else device.name,
            type=type_of(device),
            serial_number=device.serial_number,
            enabled_at=device.enabled_at or 0,
            resyncs=not isinstance(device, FidoSecurityKey),
            certifications=_certifications(device),
        )
        for device in devices
    ]


def _certifications(device: MfaDevice) -> str:
    levels = device.certifications if isinstance(device, FidoSecurityKey) else {}
    return ", ".join(f"{name} {level}" for name, level in levels.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose devices a page is about: the visitor's own, or for an administrator another user's."""

    name: str
    own: bool
    address: str

    @classmethod
    def of(cls, visit: Visit) -> Subject:
        """The user that the page's address names; without one, whoever is signed in."""
        name = visit.path_params.get("user_name")
        if name is None:
            return cls(name=visit.signed_in.user_name, own=True, address="/security-credentials")
        return cls(name=name, own=False, address=f"/users/{quote(name, safe='')}")
