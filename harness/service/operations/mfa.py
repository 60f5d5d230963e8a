"""MFA devices."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Literal

import segno

from harness.service.identity import Identity
from harness.service.model import ROOT, Caller, VirtualMfaDevice
from harness.service.operations.answers import (
    Answer,
    Items,
    Operation,
    mfa_device_answer,
    tag_pairs,
    tags_answer,
    user_answer,
)
from harness.service.operations.shapes import paged, passed_on, tagging


def _create_virtual_mfa_device(
    identity: Identity,
    caller: Caller,
    *,
    virtual_mfa_device_name: str,
    path: str = "/",
    tags: Sequence[Mapping[str, str]] = (),
) -> Answer:
    """The one time the seed is told, as text and as a picture."""
    device = identity.create_virtual_mfa_device(caller, virtual_mfa_device_name, path, tag_pairs(tags))
    picture = io.BytesIO()
    segno.make(identity.provisioning_uri(device), micro=False).save(picture, kind="png", scale=4)
    seed = base64.b32encode(device.totp.secret).rstrip(b"=")
    return {
        "VirtualMFADevice": {
            "SerialNumber": device.serial_number,
            "Base32StringSeed": seed,
            "QRCodePNG": picture.getvalue(),
            "Tags": tags_answer(device.tags),
        }
    }


@paged("MFADevices")
def _list_mfa_devices(identity: Identity, caller: Caller, *, user_name: str | None = None) -> Items:
    devices = identity.list_mfa_devices(caller, user_name)
    return [(device.key, mfa_device_answer(device)) for device in devices]


@paged("VirtualMFADevices")
def _list_virtual_mfa_devices(
    identity: Identity,
    caller: Caller,
    *,
    assignment_status: Literal["Assigned", "Unassigned", "Any"] = "Any",
) -> Items:
    devices = identity.list_virtual_mfa_devices(caller, assignment_status)
    return [(device.key, _virtual_mfa_device(identity, device)) for device in devices]


def _get_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, user_name: str | None = None
) -> Answer:
    return {
        **mfa_device_answer(identity.get_mfa_device(caller, serial_number, user_name)),
        "Certifications": {},
    }


def _virtual_mfa_device(identity: Identity, device: VirtualMfaDevice) -> Answer:
    answer = {"SerialNumber": device.serial_number, "EnableDate": device.enabled_at}
    if device.user_name is None:
        return answer
    # Whoever may list the devices is told whose they are, without being let at the users.
    owner = identity.root_user(device.account_id)
    if device.user_name != ROOT:
        owner = identity.get_user(identity.root_caller(device.account_id), device.user_name)
    return {**answer, "User": user_answer(owner)}


_PAIR = ["user_name", "serial_number", "authentication_code1", "authentication_code2"]

IAM: Mapping[str, Operation] = {
    "CreateVirtualMFADevice": _create_virtual_mfa_device,
    "ListMFADevices": _list_mfa_devices,
    "ListVirtualMFADevices": _list_virtual_mfa_devices,
    "GetMFADevice": _get_mfa_device,
    **passed_on(
        {
            "DeleteVirtualMFADevice": ["serial_number"],
            "EnableMFADevice": _PAIR,
            "ResyncMFADevice": _PAIR,
            "DeactivateMFADevice": ["user_name?", "serial_number"],
        }
    ),
    **tagging("MFADevice", "serial_number"),
}
