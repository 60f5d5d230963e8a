"""Every operation fits the published model, and every verb an SDK may ask for is an operation."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from botocore import xform_name

from harness.service.errors import InvalidInput, ValidationError
from harness.service.operations import OPERATIONS
from harness.service.operations.answers import Operation, page, tag_pairs
from harness.service.query_protocol import service_model

ENTRIES = [
    pytest.param(service, action, operation, id=action)
    for service, operations in OPERATIONS.items()
    for action, operation in operations.items()
]


@pytest.mark.parametrize(("service", "action", "operation"), ENTRIES)
def test_an_operations_parameters_are_the_models(service: str, action: str, operation: Operation) -> None:
    shape = service_model(service).operation_model(action).input_shape
    ours = list(inspect.signature(operation).parameters.values())[2:]
    modelled = {xform_name(name): name for name in shape.members} if shape else {}
    required = set(shape.required_members) if shape else set()
    assert {parameter.name for parameter in ours} <= modelled.keys()
    assert {modelled[p.name] for p in ours if p.default is inspect.Parameter.empty} == required


def test_every_verb_of_identity_that_an_sdk_has_is_an_operation(office: Any) -> None:
    modelled = {
        xform_name(action) for service in OPERATIONS for action in service_model(service).operation_names
    }
    exposed = {xform_name(action) for operations in OPERATIONS.values() for action in operations}
    aliased = {"update_role_description"}  # UpdateRole by its older name
    assert exposed - aliased == modelled & set(vars(office.identity))


NUMBERED = [(str(number), number) for number in range(5)]


@pytest.mark.parametrize(("max_items", "pages"), [(2, [[0, 1], [2, 3], [4]]), (5, [[0, 1, 2, 3, 4]])])
def test_pages_follow_their_markers_to_the_end(max_items: int, pages: list[list[int]]) -> None:
    found, marker = [], None
    while True:
        answer = page("Numbers", NUMBERED, marker, max_items)
        found.append(answer["Numbers"])
        marker = answer.get("Marker")
        assert answer["IsTruncated"] is (marker is not None)
        if marker is None:
            break
    assert found == pages


def test_a_page_goes_on_where_it_stood_when_what_was_read_is_deleted_meanwhile() -> None:
    marker = page("Numbers", NUMBERED, None, 2)["Marker"]
    assert page("Numbers", NUMBERED[2:], marker, 2)["Numbers"] == [2, 3]


@pytest.mark.parametrize("marker", ["", "7", "Mg", "=="])
def test_a_marker_of_nobodys_is_invalid(marker: str) -> None:
    with pytest.raises(ValidationError) as caught:
        page("Numbers", NUMBERED, marker, 2)
    assert caught.value.message == "Invalid Marker."


def test_a_tag_key_given_twice_in_other_case_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Duplicate tag keys"):
        tag_pairs([{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}])
