"""The account's phone number, and phones that once got codes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.service.errors import AccessDenied, NoSuchEntity, ValidationError


def test_an_administrator_changes_the_phone_number(office: Any) -> None:
    ada = office.administrator()
    assert office.identity.get_account(ada).phone_number is None
    office.identity.update_phone_number(ada, "+81 (3) 1234-5678")
    assert office.identity.get_account(ada).phone_number == "+81312345678"
    assert office.identity.events[-1].name == "PutContactInformation"


def test_two_permissions_are_enough_and_needed(office: Any) -> None:
    clerk = office.user("clerk", office.policy("aws-portal:ViewAccount", "aws-portal:ModifyAccount"))
    office.identity.update_phone_number(clerk, "+12025550123")
    assert office.identity.get_account(clerk).phone_number == "+12025550123"
    reader = office.user("reader", office.policy("aws-portal:ViewAccount"))
    with pytest.raises(AccessDenied):
        office.identity.update_phone_number(reader, "+12025550199")
    with pytest.raises(AccessDenied):
        office.identity.get_account(office.user("bob"))


@pytest.mark.parametrize(
    "number", ["", "+", "0312345678", "+0123456789", "+81", "+1234567890123456", "+٣١٢٣٤٥٦٧٨"]
)
def test_what_is_no_phone_number_is_refused(office: Any, number: str) -> None:
    with pytest.raises(ValidationError, match="country code"):
        office.identity.update_phone_number(office.root, number)


def test_a_phone_for_sms_codes_shows_and_goes_with_its_user(office: Any) -> None:
    office.user("alice", password=False)
    office.identity.keep_sms_mfa_device(office.account_id, "alice", "+819012345678")
    found = office.identity.sms_mfa_device(office.root, "alice")
    assert found.phone_number == "+819012345678"
    assert office.identity.list_mfa_devices(office.root, "alice") == []
    with pytest.raises(NoSuchEntity):
        office.identity.keep_sms_mfa_device(office.account_id, "nobody", "+1")
    for key in office.identity.list_access_keys(office.root, "alice"):
        office.identity.delete_access_key(office.root, "alice", key.id)
    office.identity.delete_user(office.root, "alice")
    office.identity.create_user(office.root, "alice")
    assert office.identity.sms_mfa_device(office.root, "alice") is None
