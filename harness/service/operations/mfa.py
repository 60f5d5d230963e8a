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
    PAGE,
    Answer,
    Operation,
    mfa_device_answer,
    page,
    tag_pairs,
    tags_answer,
    tags_page,
    user_answer,
)


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


def _delete_virtual_mfa_device(identity: Identity, caller: Caller, *, serial_number: str) -> None:
    identity.delete_virtual_mfa_device(caller, serial_number)


def _enable_mfa_device(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    serial_number: str,
    authentication_code1: str,
    authentication_code2: str,
) -> None:
    identity.enable_mfa_device(caller, user_name, serial_number, authentication_code1, authentication_code2)


def _resync_mfa_device(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str,
    serial_number: str,
    authentication_code1: str,
    authentication_code2: str,
) -> None:
    identity.resync_mfa_device(caller, user_name, serial_number, authentication_code1, authentication_code2)


def _deactivate_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, user_name: str | None = None
) -> None:
    identity.deactivate_mfa_device(caller, user_name, serial_number)


def _list_mfa_devices(
    identity: Identity,
    caller: Caller,
    *,
    user_name: str | None = None,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    devices = identity.list_mfa_devices(caller, user_name)
    return page(
        "MFADevices", [(device.key, mfa_device_answer(device)) for device in devices], marker, max_items
    )


def _list_virtual_mfa_devices(
    identity: Identity,
    caller: Caller,
    *,
    assignment_status: Literal["Assigned", "Unassigned", "Any"] = "Any",
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    devices = identity.list_virtual_mfa_devices(caller, assignment_status)
    listed = [(device.key, _virtual_mfa_device(identity, device)) for device in devices]
    return page("VirtualMFADevices", listed, marker, max_items)


def _get_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, user_name: str | None = None
) -> Answer:
    return {
        **mfa_device_answer(identity.get_mfa_device(caller, serial_number, user_name)),
        "Certifications": {},
    }


def _tag_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, tags: Sequence[Mapping[str, str]]
) -> None:
    identity.tag_mfa_device(caller, serial_number, tag_pairs(tags))


def _untag_mfa_device(
    identity: Identity, caller: Caller, *, serial_number: str, tag_keys: Sequence[str]
) -> None:
    identity.untag_mfa_device(caller, serial_number, tag_keys)


def _list_mfa_device_tags(
    identity: Identity,
    caller: Caller,
    *,
    serial_number: str,
    marker: str | None = None,
    max_items: int = PAGE,
) -> Answer:
    return tags_page(identity.list_mfa_device_tags(caller, serial_number), marker, max_items)


def _virtual_mfa_device(identity: Identity, device: VirtualMfaDevice) -> Answer:
    answer = {"SerialNumber": device.serial_number, "EnableDate": device.enabled_at}
    if device.user_name is None:
        return answer
    # Whoever may list the devices is told whose they are, without being let at the users.
    owner = identity.root_user(device.account_id)
    if device.user_name != ROOT:
        owner = identity.get_user(identity.root_caller(device.account_id), device.user_name)
    return {**answer, "User": user_answer(owner)}


IAM: Mapping[str, Operation] = {
    "CreateVirtualMFADevice": _create_virtual_mfa_device,
    "DeleteVirtualMFADevice": _delete_virtual_mfa_device,
    "EnableMFADevice": _enable_mfa_device,
    "ResyncMFADevice": _resync_mfa_device,
    "DeactivateMFADevice": _deactivate_mfa_device,
    "ListMFADevices": _list_mfa_devices,
    "ListVirtualMFADevices": _list_virtual_mfa_devices,
    "GetMFADevice": _get_mfa_device,
    "TagMFADevice": _tag_mfa_device,
    "UntagMFADevice": _untag_mfa_device,
    "ListMFADeviceTags": _list_mfa_device_tags,
}
