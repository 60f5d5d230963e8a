"""Every operation fits the published model, and every verb an SDK may ask for is an operation."""

from __future__ import annotations

import inspect

import pytest
from botocore import xform_name

from harness.service.errors import InvalidInput, ValidationError
from harness.service.operations import OPERATIONS, Operation, _page, _pairs
from harness.service.query_protocol import service_model

ENTRIES = [
    pytest.param(service, action, operation, id=action)
    for service, operations in OPERATIONS.items()
    for action, operation in operations.items()
]
VERBS = {
    "create_user", "get_user", "list_users", "delete_user", "create_login_profile", "get_login_profile",
    "update_login_profile", "delete_login_profile", "change_password", "create_access_key",
    "list_access_keys", "update_access_key", "delete_access_key", "put_user_policy", "get_user_policy",
    "list_user_policies", "delete_user_policy", "get_account_summary", "list_account_aliases",
    "create_account_alias", "delete_account_alias", "create_virtual_mfa_device",
    "delete_virtual_mfa_device", "enable_mfa_device", "resync_mfa_device", "deactivate_mfa_device",
    "list_mfa_devices", "list_virtual_mfa_devices", "get_mfa_device", "tag_mfa_device", "untag_mfa_device",
    "list_mfa_device_tags", "get_session_token", "get_caller_identity",
}  # fmt: skip


@pytest.mark.parametrize(("service", "action", "operation"), ENTRIES)
def test_an_operations_parameters_are_the_models(service: str, action: str, operation: Operation) -> None:
    shape = service_model(service).operation_model(action).input_shape
    ours = list(inspect.signature(operation).parameters.values())[2:]
    modelled = {xform_name(name): name for name in shape.members} if shape else {}
    required = set(shape.required_members) if shape else set()
    assert {parameter.name for parameter in ours} <= modelled.keys()
    assert {modelled[p.name] for p in ours if p.default is inspect.Parameter.empty} == required


def test_every_verb_of_identity_that_an_sdk_has_is_an_operation() -> None:
    exposed = {xform_name(action) for operations in OPERATIONS.values() for action in operations}
    assert exposed == VERBS


NUMBERED = [(str(number), number) for number in range(5)]


@pytest.mark.parametrize(("max_items", "pages"), [(2, [[0, 1], [2, 3], [4]]), (5, [[0, 1, 2, 3, 4]])])
def test_pages_follow_their_markers_to_the_end(max_items: int, pages: list[list[int]]) -> None:
    found, marker = [], None
    while True:
        page = _page("Numbers", NUMBERED, marker, max_items)
        found.append(page["Numbers"])
        marker = page.get("Marker")
        assert page["IsTruncated"] is (marker is not None)
        if marker is None:
            break
    assert found == pages


def test_a_page_goes_on_where_it_stood_when_what_was_read_is_deleted_meanwhile() -> None:
    marker = _page("Numbers", NUMBERED, None, 2)["Marker"]
    assert _page("Numbers", NUMBERED[2:], marker, 2)["Numbers"] == [2, 3]


@pytest.mark.parametrize("marker", ["", "7", "Mg", "=="])
def test_a_marker_of_nobodys_is_invalid(marker: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _page("Numbers", NUMBERED, marker, 2)
    assert caught.value.message == "Invalid Marker."


def test_a_tag_key_given_twice_in_other_case_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Duplicate tag keys"):
        _pairs([{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}])
