"""MFA devices: made, enabled with two codes, resynced, deactivated, listed, tagged; every refusal."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyotp
import pytest

from harness.service.errors import (
    AccessDenied,
    DeleteConflict,
    EntityAlreadyExists,
    InvalidAuthenticationCode,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
    ValidationError,
)
from harness.service.profile import ServiceProfile

SERIAL = "GAHT12345678"


@pytest.fixture
def alice(office: Any) -> Any:
    """Alice, who may do everything, by access key."""
    return office.user("alice", office.policy("*"))


@pytest.fixture
def enable_virtual(office: Any) -> Callable[..., Any]:
    """Create a virtual device and enable it for a user; the device as it was made."""

    def enable(caller: Any, user_name: str | None, name: str) -> Any:
        device = office.identity.create_virtual_mfa_device(caller, name)
        codes = pyotp.TOTP(base64.b32encode(device.totp.secret).decode())
        now = int(office.clock())
        office.identity.enable_mfa_device(
            caller, user_name, device.serial_number, codes.at(now - 30), codes.at(now)
        )
        return device

    return enable


# Hardware tokens become known.


def test_a_hardware_token_is_known_once(office: Any) -> None:
    device = office.identity.import_hardware_token(SERIAL, bytes(20))
    assert (device.totp.digits, device.totp.period, device.totp.algorithm) == (6, 30, "SHA1")
    assert (device.account_id, device.user_name) == (None, None)
    with pytest.raises(EntityAlreadyExists):
        office.identity.import_hardware_token(SERIAL, bytes(20))


@pytest.mark.parametrize("serial_number", ["", "GAHT1234", "GAHT 12345678", "GAHT1234567é", "G" * 257])
def test_a_serial_number_that_iam_would_not_take_is_refused(office: Any, serial_number: str) -> None:
    with pytest.raises(ValidationError, match="'serialNumber' failed to satisfy constraint"):
        office.identity.import_hardware_token(serial_number, bytes(20))


def test_a_hardware_token_may_have_other_digits_and_another_period(office: Any) -> None:
    device = office.identity.import_hardware_token(SERIAL, bytes(20), 8, 60, "SHA256")
    assert (device.totp.digits, device.totp.period, device.totp.algorithm) == (8, 60, "SHA256")
    with pytest.raises(ValueError, match="14 bytes"):
        office.identity.import_hardware_token("GAHT87654321", b"short")


# Virtual devices are made.


def test_a_virtual_device_has_an_arn_a_secret_of_its_own_and_no_user(office: Any, alice: Any) -> None:
    device = office.identity.create_virtual_mfa_device(alice, "phone", "/a//b/", {"owner": "alice"})
    assert device.serial_number == "arn:aws:iam::123456789012:mfa/a//b/phone"
    assert len(base64.b32encode(device.totp.secret)) == 64
    assert (device.user_name, device.enabled_at) == (None, None)
    other = office.identity.create_virtual_mfa_device(alice, "tablet")
    assert other.serial_number == "arn:aws:iam::123456789012:mfa/tablet"
    assert other.totp.secret != device.totp.secret


def test_the_qr_code_says_what_aws_says(office: Any, alice: Any) -> None:
    device = office.identity.create_virtual_mfa_device(alice, "al=ice@phone")
    uri = office.identity.provisioning_uri(device)
    secret = base64.b32encode(device.totp.secret).decode()
    assert uri == (
        "otpauth://totp/Amazon%20Web%20Services:al%3Dice%40phone@example-corp"
        f"?secret={secret}&issuer=Amazon%20Web%20Services"
    )
    parsed = pyotp.parse_uri(uri)
    assert (parsed.issuer, parsed.name) == ("Amazon Web Services", "al=ice@phone@example-corp")
    office.identity.delete_account_alias(office.root, "example-corp")
    assert "@123456789012?" in office.identity.provisioning_uri(device)


def test_a_device_name_is_given_once_in_an_account_whatever_the_path(office: Any, alice: Any) -> None:
    office.identity.create_virtual_mfa_device(alice, "phone")
    for caller in (alice, office.root):
        with pytest.raises(EntityAlreadyExists, match=r"MFA device already exists\."):
            office.identity.create_virtual_mfa_device(caller, "phone", "/other/")
    other = office.identity.create_account("other", "other@example.com", office.password)
    office.identity.create_virtual_mfa_device(office.identity.root_caller(other.id), "phone")


def test_a_name_or_path_that_iam_would_not_take_is_refused(office: Any, alice: Any) -> None:
    for name, path in (("a b", "/"), ("", "/"), ("a" * 227, "/"), ("phone", "x")):
        with pytest.raises(ValidationError):
            office.identity.create_virtual_mfa_device(alice, name, path)


def test_a_virtual_device_is_deleted_once_it_is_nobodys(
    office: Any, alice: Any, enable_virtual: Callable[..., Any]
) -> None:
    serial_number = enable_virtual(alice, None, "phone").serial_number
    with pytest.raises(DeleteConflict, match=r"MFA VirtualDevice in use. Must deactivate first\."):
        office.identity.delete_virtual_mfa_device(alice, serial_number)
    office.identity.deactivate_mfa_device(alice, None, serial_number)
    office.identity.delete_virtual_mfa_device(alice, serial_number)
    with pytest.raises(NoSuchEntity, match=re.escape(f"serial number {serial_number} does not exist")):
        office.identity.delete_virtual_mfa_device(alice, serial_number)


def test_a_hardware_token_cannot_be_deleted(office: Any, alice: Any) -> None:
    office.token(SERIAL)
    with pytest.raises(NoSuchEntity):
        office.identity.delete_virtual_mfa_device(alice, SERIAL)


# Devices are enabled.


def test_the_previous_and_the_current_code_enable_a_device(office: Any, alice: Any) -> None:
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(alice, "alice", SERIAL, *token.pair())
    [device] = office.identity.list_mfa_devices(alice)
    assert (device.serial_number, device.user_name) == (SERIAL, "alice")
    assert device.enabled_at == office.clock()
    assert device.totp.last_step == int(office.clock()) // 30
    event = office.identity.events[-1]
    assert (event.name, event.outcome, event.user_name) == ("EnableMFADevice", "Success", "alice")


@pytest.mark.parametrize(
    "codes",
    [("000000", "000000"), ("", ""), ("١٢٣٤٥٦", "١٢٣٤٥٦"), ("1234567", "123456")],
    ids=["wrong", "empty", "not ASCII", "long"],
)
def test_other_codes_do_not_enable_a_device(office: Any, alice: Any, codes: tuple[str, str]) -> None:
    office.token(SERIAL)
    with pytest.raises(InvalidAuthenticationCode, match=r"^.*Authentication code for device is not valid\.$"):
        office.identity.enable_mfa_device(alice, "alice", SERIAL, *codes)
    assert office.identity.list_mfa_devices(alice) == []
    assert office.identity.events[-1].outcome == "Failure"
    assert office.identity.events[-1].additional["diagnosis"]


def test_codes_that_are_swapped_equal_or_apart_do_not_enable_a_device(office: Any, alice: Any) -> None:
    token = office.token(SERIAL)
    for first, second in ((0, -1), (0, 0), (-2, 0)):
        with pytest.raises(InvalidAuthenticationCode):
            office.identity.enable_mfa_device(alice, "alice", SERIAL, token.code(first), token.code(second))


def test_a_device_that_is_someones_cannot_be_enabled_again(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    office.user("bob")
    for user_name in ("alice", "bob"):
        with pytest.raises(EntityAlreadyExists, match=r"MFA Device is already in use\."):
            office.identity.enable_mfa_device(office.root, user_name, SERIAL, *token.pair())


def test_a_token_of_another_account_is_in_use_there(office: Any) -> None:
    other = office.identity.root_caller(
        office.identity.create_account("other", "other@example.com", office.password).id
    )
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(other, None, SERIAL, *token.pair())
    office.user("alice")
    with pytest.raises(EntityAlreadyExists):
        office.identity.enable_mfa_device(office.root, "alice", SERIAL, *token.pair())
    with pytest.raises(NoSuchEntity):
        office.identity.resync_mfa_device(office.root, "alice", SERIAL, *token.pair())


def test_a_virtual_device_of_another_account_does_not_exist(office: Any, alice: Any) -> None:
    other = office.identity.root_caller(
        office.identity.create_account("other", "other@example.com", office.password).id
    )
    device = office.identity.create_virtual_mfa_device(other, "phone")
    for ask in (
        lambda: office.identity.enable_mfa_device(alice, "alice", device.serial_number, "123456", "123456"),
        lambda: office.identity.delete_virtual_mfa_device(alice, device.serial_number),
        lambda: office.identity.list_mfa_device_tags(alice, device.serial_number),
    ):
        with pytest.raises(NoSuchEntity, match="does not exist"):
            ask()


def test_a_device_or_user_that_does_not_exist_is_not_found(office: Any, alice: Any) -> None:
    token = office.token(SERIAL)
    with pytest.raises(NoSuchEntity, match=r"MFA Device with serial number ABCD12345678 does not exist\."):
        office.identity.enable_mfa_device(alice, "alice", "ABCD12345678", *token.pair())
    with pytest.raises(NoSuchEntity, match=r"The user with name nobody cannot be found\."):
        office.identity.enable_mfa_device(alice, "nobody", SERIAL, *token.pair())


def test_a_user_has_eight_devices_of_any_mix_and_no_ninth(
    office: Any, alice: Any, enable_virtual: Callable[..., Any], software_key: Callable[..., Any]
) -> None:
    office.register(office.in_console(alice, mfa=True), None, "key", software_key())
    office.token(SERIAL, "alice")
    for number in range(6):
        enable_virtual(alice, None, f"phone{number}")
    assert len(office.identity.list_mfa_devices(alice)) == 8
    with pytest.raises(LimitExceeded, match="MFADevicesPerUser: 8"):
        enable_virtual(alice, None, "phone6")
    with pytest.raises(LimitExceeded):
        office.register(office.in_console(alice, mfa=True), None, "key2", software_key())


def test_by_the_older_rule_a_user_has_one(open_office: Callable[..., Any]) -> None:
    office = open_office(profile=ServiceProfile.load("aws-2020"))
    office.user("alice")
    office.token(SERIAL, "alice")
    token = office.token("GAHT87654321")
    with pytest.raises(LimitExceeded, match="MFADevicesPerUser: 1"):
        office.identity.enable_mfa_device(office.root, "alice", "GAHT87654321", *token.pair())


def test_root_has_devices_of_its_own_but_not_by_its_name_in_the_api(office: Any) -> None:
    token = office.token(SERIAL)
    with pytest.raises(NoSuchEntity):
        office.identity.enable_mfa_device(office.root, "root", SERIAL, *token.pair())
    office.identity.enable_mfa_device(office.in_console(office.root), "root", SERIAL, *token.pair())
    [device] = office.identity.list_mfa_devices(office.root)
    assert device.user_name == "root"


def test_an_administrator_cannot_touch_roots_devices(office: Any) -> None:
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(office.root, None, SERIAL, *token.pair())
    ada = office.administrator()
    for caller in (ada, office.in_console(ada)):
        with pytest.raises(NoSuchEntity):
            office.identity.deactivate_mfa_device(caller, "root", SERIAL)
        with pytest.raises(NoSuchEntity):
            office.identity.list_mfa_devices(caller, "root")


# One's own devices, changed in the console, need one of them (S1).


def test_in_the_console_a_second_device_needs_a_sign_in_with_the_first(office: Any, alice: Any) -> None:
    console = office.in_console(alice)
    token = office.token(SERIAL)
    office.identity.enable_mfa_device(console, None, SERIAL, *token.pair())
    second = office.token("GAHT87654321")
    for ask in (
        lambda caller: office.identity.enable_mfa_device(caller, None, "GAHT87654321", *second.pair()),
        lambda caller: office.identity.deactivate_mfa_device(caller, None, SERIAL),
    ):
        with pytest.raises(AccessDenied, match="Sign in with an MFA device of yours"):
            ask(console)
        ask(office.in_console(alice, mfa=True))


@pytest.mark.parametrize(("rule", "denied"), [("always", True), ("console", False), ("never", False)])
def test_where_that_rule_is_enforced_is_the_profiles(
    open_office: Callable[..., Any], rule: Any, denied: bool
) -> None:
    office = open_office(profile=replace(ServiceProfile.load(), change_devices_needs_mfa=rule))
    ada = office.administrator()
    office.token(SERIAL, "ada")
    if denied:
        with pytest.raises(AccessDenied):
            office.identity.deactivate_mfa_device(ada, None, SERIAL)
    else:
        office.identity.deactivate_mfa_device(ada, None, SERIAL)


def test_an_administrator_changes_anothers_devices_without_mfa(office: Any, alice: Any) -> None:
    office.token(SERIAL, "alice")
    ada = office.in_console(office.administrator())
    office.identity.deactivate_mfa_device(ada, "alice", SERIAL)
    assert office.identity.list_mfa_devices(alice) == []


# Devices drift and are resynced.


def test_two_consecutive_codes_resync_a_device(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    token.offset = 3_000.0
    office.identity.resync_mfa_device(alice, "alice", SERIAL, *token.pair())
    [device] = office.identity.list_mfa_devices(alice)
    assert device.totp.learned_drift == 100
    assert office.identity.events[-1].name == "ResyncMFADevice"


def test_a_used_pair_and_a_wrong_pair_resync_nothing(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    pair = token.pair()
    with pytest.raises(InvalidAuthenticationCode):
        office.identity.resync_mfa_device(alice, "alice", SERIAL, *pair)
    assert office.identity.events[-1].additional["diagnosis"] == "code already used"
    with pytest.raises(InvalidAuthenticationCode):
        office.identity.resync_mfa_device(alice, "alice", SERIAL, "000000", "000000")


def test_only_the_users_own_device_is_resynced(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    office.user("bob")
    text = f"MFA device with serial number {SERIAL} is not assigned to user bob"
    with pytest.raises(NoSuchEntity, match=text):
        office.identity.resync_mfa_device(alice, "bob", SERIAL, *token.pair())
    with pytest.raises(NoSuchEntity, match="does not exist"):
        office.identity.resync_mfa_device(alice, "alice", "ABCD12345678", *token.pair())


def test_a_security_key_is_never_out_of_sync(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    key = office.register(office.in_console(alice), None, "key", software_key())
    with pytest.raises(InvalidInput, match="never out of sync"):
        office.identity.resync_mfa_device(alice, "alice", key.serial_number, "123456", "654321")


@pytest.mark.parametrize(("late_pair", "accepted"), [("associate-out-of-sync", True), ("refuse", False)])
def test_what_becomes_of_a_late_pair_is_the_profiles(
    open_office: Callable[..., Any], late_pair: Any, accepted: bool
) -> None:
    office = open_office(profile=replace(ServiceProfile.load(), late_pair=late_pair))
    alice = office.user("alice", office.policy("*"))
    token = office.token(SERIAL)
    pair = token.pair()
    office.clock.advance(300)
    if accepted:
        office.identity.enable_mfa_device(alice, "alice", SERIAL, *pair)
        [device] = office.identity.list_mfa_devices(alice)
        assert device.totp.learned_drift == -10
    else:
        with pytest.raises(InvalidAuthenticationCode):
            office.identity.enable_mfa_device(alice, "alice", SERIAL, *pair)


# Devices are deactivated.


def test_a_deactivated_token_can_be_enabled_for_another_user(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    office.user("bob")
    office.identity.deactivate_mfa_device(alice, "alice", SERIAL)
    assert office.identity.list_mfa_devices(alice) == []
    office.clock.advance(60)
    office.identity.enable_mfa_device(alice, "bob", SERIAL, *token.pair())
    assert len(office.identity.list_mfa_devices(alice, "bob")) == 1


def test_the_codes_a_device_was_used_with_stay_used_when_it_is_enabled_anew(office: Any, alice: Any) -> None:
    token = office.token(SERIAL, "alice")
    pair = token.code(-1), token.code(0)
    office.identity.deactivate_mfa_device(alice, "alice", SERIAL)
    with pytest.raises(InvalidAuthenticationCode):
        office.identity.enable_mfa_device(alice, "alice", SERIAL, *pair)


def test_a_deactivated_security_key_is_forgotten_and_its_name_is_free(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    console = office.in_console(alice, mfa=True)
    key = office.register(console, None, "key", software_key())
    office.identity.deactivate_mfa_device(console, None, key.serial_number)
    with pytest.raises(NoSuchEntity):
        office.identity.get_mfa_device(alice, key.serial_number)
    office.register(console, None, "key", software_key())


def test_what_is_not_the_users_cannot_be_deactivated(office: Any, alice: Any) -> None:
    office.token(SERIAL)
    with pytest.raises(NoSuchEntity, match="is not assigned to user alice"):
        office.identity.deactivate_mfa_device(alice, "alice", SERIAL)
    with pytest.raises(NoSuchEntity, match="does not exist"):
        office.identity.deactivate_mfa_device(alice, None, "ABCD12345678")


# Devices are listed and tagged.


def test_a_users_devices_are_listed_oldest_first(
    office: Any, alice: Any, enable_virtual: Callable[..., Any], software_key: Callable[..., Any]
) -> None:
    office.register(office.in_console(alice), None, "key", software_key())
    office.clock.advance(1)
    office.token(SERIAL, "alice")
    enable_virtual(alice, None, "phone")
    names = [device.serial_number.rpartition("/")[2] for device in office.identity.list_mfa_devices(alice)]
    assert names[0].startswith("key-")
    assert names[1:] == [SERIAL, "phone"]


def test_virtual_devices_are_listed_by_whether_they_are_assigned(
    office: Any, alice: Any, enable_virtual: Callable[..., Any]
) -> None:
    enable_virtual(alice, None, "phone")
    office.identity.create_virtual_mfa_device(alice, "spare")
    office.token(SERIAL, "alice")
    for assignment, names in (
        ("Any", ["phone", "spare"]),
        ("Assigned", ["phone"]),
        ("Unassigned", ["spare"]),
    ):
        listed = office.identity.list_virtual_mfa_devices(alice, assignment)
        assert [device.name for device in listed] == names


def test_a_device_is_got_by_its_serial_number_from_its_user_alone(
    office: Any, alice: Any, software_key: Callable[..., Any]
) -> None:
    key = office.register(office.in_console(alice), None, "key", software_key())
    assert office.identity.get_mfa_device(alice, key.serial_number) == key
    office.user("bob")
    with pytest.raises(NoSuchEntity):
        office.identity.get_mfa_device(alice, key.serial_number, "bob")


def test_tags_are_added_replaced_removed_and_counted(office: Any, alice: Any) -> None:
    identity = office.identity
    serial_number = identity.create_virtual_mfa_device(alice, "phone", tags=[("b", "1")]).serial_number
    identity.tag_mfa_device(alice, serial_number, {"a": "2", "b": "3"})
    assert list(identity.list_mfa_device_tags(alice, serial_number).items()) == [("a", "2"), ("b", "3")]
    identity.untag_mfa_device(alice, serial_number, ["b", "absent"])
    assert identity.list_mfa_device_tags(alice, serial_number) == {"a": "2"}
    many = {f"key{number}": "" for number in range(50)}
    with pytest.raises(LimitExceeded, match="TagsPerMFADevice: 50"):
        identity.tag_mfa_device(alice, serial_number, many)
    with pytest.raises(LimitExceeded):
        identity.create_virtual_mfa_device(alice, "other", tags={**many, "one-more": ""})
    identity.create_virtual_mfa_device(alice, "full", tags=many)


def test_every_verb_of_devices_needs_permission(office: Any) -> None:
    bob, identity = office.user("bob"), office.identity
    token = office.token(SERIAL)
    office.identity.create_virtual_mfa_device(office.root, "phone")
    phone = "arn:aws:iam::123456789012:mfa/phone"
    for action, ask in {
        "CreateVirtualMFADevice": lambda: identity.create_virtual_mfa_device(bob, "new"),
        "DeleteVirtualMFADevice": lambda: identity.delete_virtual_mfa_device(bob, phone),
        "EnableMFADevice": lambda: identity.enable_mfa_device(bob, "bob", SERIAL, *token.pair()),
        "ResyncMFADevice": lambda: identity.resync_mfa_device(bob, "bob", SERIAL, *token.pair()),
        "DeactivateMFADevice": lambda: identity.deactivate_mfa_device(bob, "bob", SERIAL),
        "ListMFADevices": lambda: identity.list_mfa_devices(bob),
        "ListVirtualMFADevices": lambda: identity.list_virtual_mfa_devices(bob),
        "GetMFADevice": lambda: identity.get_mfa_device(bob, SERIAL),
        "TagMFADevice": lambda: identity.tag_mfa_device(bob, phone, {}),
        "UntagMFADevice": lambda: identity.untag_mfa_device(bob, phone, []),
        "ListMFADeviceTags": lambda: identity.list_mfa_device_tags(bob, phone),
    }.items():
        with pytest.raises(AccessDenied, match=f"not authorized to perform: iam:{action} on resource: arn:"):
            ask()
