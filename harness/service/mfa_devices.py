"""MFA devices: making virtual ones, enabling and resyncing with two codes, deactivating, listing, tagging."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Literal
from urllib.parse import quote

from harness.service import totp_rules
from harness.service.authorization import authorize
from harness.service.device_limits import refuse_another_device, refuse_taken_name, require_existing_device
from harness.service.directory import (
    Tags,
    check_name,
    check_path,
    check_serial_number,
    device_of,
    devices_of,
    find_device,
    release,
    request_tags,
    target,
    with_tags,
    without_tags,
)
from harness.service.environment import Environment
from harness.service.errors import (
    DeleteConflict,
    EntityAlreadyExists,
    InvalidAuthenticationCode,
    InvalidInput,
    NoSuchEntity,
)
from harness.service.model import (
    Account,
    Caller,
    FidoSecurityKey,
    HardwareTotpDevice,
    MfaDevice,
    TotpDevice,
    User,
    VirtualMfaDevice,
)
from harness.service.store import Transaction
from harness.service.totp_rules import Accepted, Algorithm, Outcome, TotpState


class MfaDevices:
    """The verbs of MFA devices that AWS's API has. Enabling a FIDO security key is the console's alone."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._profile = environment.profile

    def import_hardware_token(
        self,
        serial_number: str,
        secret: bytes,
        digits: int | None = None,
        period: int | None = None,
        algorithm: Algorithm | None = None,
    ) -> HardwareTotpDevice:
        """Make a hardware token known, as its vendor does before selling it. The operator's: no caller.

        What is not given is the profile's. ``ValueError`` if the secret is too short or a number out of
        range; ValidationError or EntityAlreadyExists if the serial number is none or is known.
        """
        check_serial_number(self._profile, serial_number)
        totp = TotpState(
            secret=secret,
            digits=self._profile.totp_digits if digits is None else digits,
            period=self._profile.totp_period if period is None else period,
            algorithm=self._profile.totp_algorithm if algorithm is None else algorithm,
        )
        device = HardwareTotpDevice(serial_number=serial_number, totp=totp)
        with self._environment.store.transaction() as transaction:
            if transaction.get(HardwareTotpDevice, serial_number) is not None:
                raise EntityAlreadyExists(self._profile.say("device_exists"))
            transaction.put(device)
        return device

    def knows_hardware_token(self, serial_number: str, secret: bytes) -> bool:
        """Whether there is a hardware token of that serial number with that secret; the operator's, too."""
        with self._environment.store.transaction() as transaction:
            device = transaction.get(HardwareTotpDevice, serial_number)
        return device is not None and hmac.compare_digest(device.totp.secret, secret)

    def create_virtual_mfa_device(
        self, caller: Caller, name: str, path: str = "/", tags: Tags = ()
    ) -> VirtualMfaDevice:
        """CreateVirtualMFADevice: unassigned, with a secret of its own."""
        serial_number = self._profile.virtual_arn.format(account_id=caller.account_id, path=path, name=name)
        with self._acting("CreateVirtualMFADevice", caller, serial_number):
            check_name(self._profile, "virtualMFADeviceName", name, self._profile.device_name_length)
            check_path(self._profile, path)
            device = self._new(caller, serial_number, name, path, tags)
            context = request_tags(device.tags)
            authorize(self._environment, caller, "iam:CreateVirtualMFADevice", serial_number, context)
            with self._environment.store.transaction() as transaction:
                refuse_taken_name(self._profile, transaction, caller.account_id, name)
                transaction.put(device)
        return device

    def provisioning_uri(self, device: VirtualMfaDevice) -> str:
        """What the QR code says to an authenticator app."""
        with self._environment.store.transaction() as transaction:
            account = transaction.get(Account, device.account_id)
        issuer = quote(self._profile.provisioning_issuer)
        alias = device.account_id if account is None or account.alias is None else account.alias
        secret = base64.b32encode(device.totp.secret).decode().rstrip("=")
        return f"otpauth://totp/{issuer}:{quote(device.name)}@{quote(alias)}?secret={secret}&issuer={issuer}"

    def delete_virtual_mfa_device(self, caller: Caller, serial_number: str) -> None:
        """DeleteVirtualMFADevice; DeleteConflict while it is a user's."""
        with self._acting("DeleteVirtualMFADevice", caller, serial_number):
            authorize(self._environment, caller, "iam:DeleteVirtualMFADevice", serial_number)
            with self._environment.store.transaction() as transaction:
                device = self._virtual(transaction, caller, serial_number)
                if device.user_name is not None:
                    raise DeleteConflict(self._profile.say("device_assigned"))
                transaction.delete(device)

    def enable_mfa_device(
        self,
        caller: Caller,
        user_name: str | None,
        serial_number: str,
        authentication_code_1: str,
        authentication_code_2: str,
    ) -> None:
        """EnableMFADevice: two consecutive codes make the device the user's.

        EntityAlreadyExists if it is someone's, LimitExceeded if the user has as many as a user may have,
        InvalidAuthenticationCode.
        """
        with self._acting("EnableMFADevice", caller, serial_number, user_name) as told:
            with self._environment.store.transaction() as transaction:
                user = target(self._environment, transaction, caller, user_name, "iam:EnableMFADevice")
                device = self._free(transaction, caller, user, serial_number)
                outcome = self._judge(totp_rules.enable, device, authentication_code_1, authentication_code_2)
                if isinstance(outcome, Accepted):
                    transaction.put(
                        replace(
                            device,
                            totp=outcome.state,
                            account_id=user.account_id,
                            user_name=user.name,
                            enabled_at=self._environment.clock(),
                        )
                    )
            _refuse_codes(outcome, told)

    def _judge(self, rule: Callable[..., Outcome], device: TotpDevice, code_1: str, code_2: str) -> Outcome:
        """What a rule of two codes says of a device now."""
        return rule(device.totp, code_1, code_2, self._environment.clock(), self._environment.totp_limits)

    def _free(self, transaction: Transaction, caller: Caller, user: User, serial_number: str) -> TotpDevice:
        """The device of that serial number, that the user can have."""
        require_existing_device(self._profile, transaction, caller, user)
        device = find_device(transaction, user.account_id, serial_number)
        if device is None and transaction.get(HardwareTotpDevice, serial_number) is None:
            raise NoSuchEntity(self._profile.say("device_not_found", serial_number=serial_number))
        if device is None or device.user_name is not None or isinstance(device, FidoSecurityKey):
            raise EntityAlreadyExists(self._profile.say("device_in_use"))
        refuse_another_device(self._profile, transaction, user)
        return device

    def resync_mfa_device(
        self,
        caller: Caller,
        user_name: str | None,
        serial_number: str,
        authentication_code_1: str,
        authentication_code_2: str,
    ) -> None:
        """ResyncMFADevice: two consecutive codes tell the service how the device's clock stands."""
        with self._acting("ResyncMFADevice", caller, serial_number, user_name) as told:
            with self._environment.store.transaction() as transaction:
                user = target(self._environment, transaction, caller, user_name, "iam:ResyncMFADevice")
                device = device_of(self._profile, transaction, user, serial_number)
                if isinstance(device, FidoSecurityKey):
                    raise InvalidInput(self._profile.say("security_key_never_drifts"))
                outcome = self._judge(totp_rules.resync, device, authentication_code_1, authentication_code_2)
                if isinstance(outcome, Accepted):
                    transaction.put(replace(device, totp=outcome.state))
            _refuse_codes(outcome, told)

    def deactivate_mfa_device(self, caller: Caller, user_name: str | None, serial_number: str) -> None:
        """DeactivateMFADevice: no longer the user's. A security key's credential is forgotten."""
        with (
            self._acting("DeactivateMFADevice", caller, serial_number, user_name),
            self._environment.store.transaction() as transaction,
        ):
            user = target(self._environment, transaction, caller, user_name, "iam:DeactivateMFADevice")
            require_existing_device(self._profile, transaction, caller, user)
            release(transaction, device_of(self._profile, transaction, user, serial_number))

    def list_mfa_devices(self, caller: Caller, user_name: str | None = None) -> list[MfaDevice]:
        """ListMFADevices: a user's, oldest first."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, user_name, "iam:ListMFADevices")
            return sorted(devices_of(transaction, user), key=lambda device: device.enabled_at or 0)

    def list_virtual_mfa_devices(
        self, caller: Caller, assignment: Literal["Assigned", "Unassigned", "Any"] = "Any"
    ) -> list[VirtualMfaDevice]:
        """ListVirtualMFADevices: the account's, root's among them."""
        resource = self._profile.virtual_arn.format(account_id=caller.account_id, path="/", name="")
        authorize(self._environment, caller, "iam:ListVirtualMFADevices", resource)
        wanted = {"Assigned": (True,), "Unassigned": (False,), "Any": (True, False)}[assignment]
        with self._environment.store.transaction() as transaction:
            devices = transaction.list(VirtualMfaDevice, account_id=caller.account_id)
            return [device for device in devices if (device.user_name is not None) in wanted]

    def get_mfa_device(self, caller: Caller, serial_number: str, user_name: str | None = None) -> MfaDevice:
        """GetMFADevice: one of a user's."""
        with self._environment.store.transaction() as transaction:
            user = target(self._environment, transaction, caller, user_name, "iam:GetMFADevice")
            return device_of(self._profile, transaction, user, serial_number)

    def tag_mfa_device(self, caller: Caller, serial_number: str, tags: Tags) -> None:
        """TagMFADevice: virtual devices only."""
        tags = dict(tags)
        authorize(self._environment, caller, "iam:TagMFADevice", serial_number, request_tags(tags))
        with self._environment.store.transaction() as transaction:
            device = self._virtual(transaction, caller, serial_number)
            transaction.put(replace(device, tags=with_tags(self._profile, device.tags, tags)))

    def untag_mfa_device(self, caller: Caller, serial_number: str, tag_keys: Iterable[str]) -> None:
        """UntagMFADevice: keys it does not have are passed over."""
        keys = tuple(tag_keys)
        authorize(self._environment, caller, "iam:UntagMFADevice", serial_number, {"aws:TagKeys": keys})
        with self._environment.store.transaction() as transaction:
            device = self._virtual(transaction, caller, serial_number)
            transaction.put(replace(device, tags=without_tags(device.tags, keys)))

    def list_mfa_device_tags(self, caller: Caller, serial_number: str) -> Mapping[str, str]:
        """ListMFADeviceTags, by key."""
        authorize(self._environment, caller, "iam:ListMFADeviceTags", serial_number)
        with self._environment.store.transaction() as transaction:
            return dict(sorted(self._virtual(transaction, caller, serial_number).tags.items()))

    def _virtual(self, transaction: Transaction, caller: Caller, serial_number: str) -> VirtualMfaDevice:
        device = find_device(transaction, caller.account_id, serial_number)
        if not isinstance(device, VirtualMfaDevice):
            raise NoSuchEntity(self._profile.say("device_not_found", serial_number=serial_number))
        return device

    def _new(self, caller: Caller, serial_number: str, name: str, path: str, tags: Tags) -> VirtualMfaDevice:
        return VirtualMfaDevice(
            serial_number=serial_number,
            name=name,
            path=path,
            account_id=caller.account_id,
            totp=TotpState(
                secret=self._environment.random_bytes(self._profile.virtual_secret_bytes),
                digits=self._profile.totp_digits,
                period=self._profile.totp_period,
                algorithm=self._profile.totp_algorithm,
            ),
            created_at=self._environment.clock(),
            tags=with_tags(self._profile, {}, tags),
        )

    def _acting(
        self, name: str, caller: Caller, serial_number: str, user_name: str | None = ""
    ) -> AbstractContextManager[dict[str, str]]:
        """What is done to a device, for the trail; ``user_name`` ``None`` is the caller, "" nobody."""
        whose = caller.user.name if user_name is None else user_name
        if not whose:
            return self._environment.acting(name, caller, serialNumber=serial_number)
        return self._environment.acting(name, caller, serialNumber=serial_number, userName=whose)


def _refuse_codes(outcome: Outcome, told: dict[str, str]) -> None:
    """InvalidAuthenticationCode for a pair of codes that was refused; the trail is told why."""
    if not isinstance(outcome, Accepted):
        told["diagnosis"] = str(outcome)
        raise InvalidAuthenticationCode
