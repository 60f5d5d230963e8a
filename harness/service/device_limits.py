"""What stands between a user and one more MFA device: its name, the number of devices, and MFA itself."""

from __future__ import annotations

from harness.service.directory import devices_of
from harness.service.errors import AccessDenied, EntityAlreadyExists, LimitExceeded
from harness.service.model import Caller, FidoSecurityKey, User, VirtualMfaDevice
from harness.service.profile import ServiceProfile
from harness.service.store import Transaction


def refuse_taken_name(profile: ServiceProfile, transaction: Transaction, account_id: str, name: str) -> None:
    """EntityAlreadyExists if the account has a device of that name (S1: root's and users' devices alike)."""
    named: list[VirtualMfaDevice | FidoSecurityKey] = [
        *transaction.list(VirtualMfaDevice, account_id=account_id),
        *transaction.list(FidoSecurityKey, account_id=account_id),
    ]
    if any(device.name == name for device in named):
        raise EntityAlreadyExists(profile.say("device_exists"))


def refuse_another_device(profile: ServiceProfile, transaction: Transaction, user: User) -> None:
    """LimitExceeded if the user has as many devices as a user may have."""
    if len(devices_of(transaction, user)) >= profile.max_devices:
        raise LimitExceeded(profile.say("too_many_devices", limit=profile.max_devices))


def require_existing_device(
    profile: ServiceProfile, transaction: Transaction, caller: Caller, user: User
) -> None:
    """AccessDenied if IAM users change their own devices without having used one of them to sign in (S1)."""
    applies = profile.change_devices_needs_mfa == "always" or (
        profile.change_devices_needs_mfa == "console" and caller.via == "console"
    )
    own = caller.user.key == user.key and not user.root
    if applies and own and caller.mfa_authenticated_at is None and devices_of(transaction, user):
        raise AccessDenied(profile.say("mfa_needed_to_change_devices"))
