"""Forms and XML are judged by botocore: what it serialises we read, what we write it reads back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from harness.service.errors import InvalidAction, NoSuchEntity, ServiceFailure, ValidationError
from harness.service.operations import OPERATIONS
from harness.service.query_protocol import (
    _pattern,
    error_xml,
    find_operation,
    parse_parameters,
    response_xml,
    service_model,
)

IAM, STS = service_model("iam"), service_model("sts")
OURS = {name for operations in OPERATIONS.values() for name in operations}
EVERY_OPERATION = [model.operation_model(name) for model in (IAM, STS) for name in model.operation_names]
OUR_OPERATIONS = [operation for operation in EVERY_OPERATION if operation.name in OURS]
XML_TEXT = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"), max_size=12
)


def strings(shape: Any) -> st.SearchStrategy[str]:
    """Strings that satisfy the shape's constraints: digits nearly always do."""
    constraints = shape.metadata
    if "enum" in constraints:
        return st.sampled_from(constraints["enum"])
    low, high = max(constraints.get("min", 1), 1), constraints.get("max", 99)
    pattern = _pattern(constraints.get("pattern", ".*"))
    if pattern.fullmatch("0" * low):
        return st.text(alphabet="0123456789", min_size=low, max_size=min(high, low + 4))
    return st.from_regex(pattern, fullmatch=True).filter(lambda text: low <= len(text) <= high)


def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a shape of the service model, as boto3 takes and returns them."""
    match shape.type_name:
        case "structure":
            members = {name: values(member, depth + 1) for name, member in shape.members.items() if depth < 4}
            if shape.is_tagged_union:
                return st.one_of([st.fixed_dictionaries({name: member}) for name, member in members.items()])
            required = {name: members.pop(name) for name in shape.required_members if name in members}
            structure = st.fixed_dictionaries(required, optional=members)
            # A form has no way to write an empty structure.
            return structure.filter(bool) if depth and (members or required) else structure
        case "list":
            return st.lists(values(shape.member, depth + 1), min_size=1, max_size=3)
        case "map":
            return st.dictionaries(strings(shape.key), values(shape.value, depth + 1), max_size=3)
        case "integer" | "long":
            return st.integers(shape.metadata.get("min", 0), shape.metadata.get("max", 2**31))
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
        case "blob":
            return st.binary(max_size=12)
        case _:
            return strings(shape)


@given(operation=st.sampled_from(OUR_OPERATIONS), data=st.data())
def test_what_botocore_serialises_is_read_back(operation: Any, data: st.DataObject) -> None:
    parameters = data.draw(values(operation.input_shape)) if operation.input_shape else {}
    body = create_serializer("query").serialize_to_request(parameters, operation)["body"]
    form = {name: str(value) for name, value in body.items()}
    assert parse_parameters(operation, form) == parameters


def texts(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Like :func:`values`, with any text XML can carry for strings: answers are not constrained."""
    match shape.type_name:
        case "string":
            return XML_TEXT
        case "structure":
            members = {name: texts(member, depth + 1) for name, member in shape.members.items() if depth < 4}
            return st.fixed_dictionaries({}, optional=members)
        case "list":
            return st.lists(texts(shape.member, depth + 1), max_size=3)
        case _:
            return values(shape, depth)


def as_records(value: Any) -> Any:
    """An answer as the service has it: times are seconds since the epoch."""
    match value:
        case datetime():
            return value.timestamp()
        case dict():
            return {name: as_records(member) for name, member in value.items()}
        case list():
            return [as_records(member) for member in value]
    return value


@given(operation=st.sampled_from(EVERY_OPERATION), data=st.data())
def test_what_we_write_botocore_reads_back(operation: Any, data: st.DataObject) -> None:
    result = data.draw(texts(operation.output_shape)) if operation.output_shape else {}
    xml = response_xml(operation, as_records(result), "request-1")
    response = {"body": xml, "headers": {}, "status_code": 200}
    parsed = create_parser("query").parse(response, operation.output_shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "request-1"
    assert parsed == result


@given(message=st.text(max_size=40))
def test_any_message_becomes_an_error_that_botocore_reads(message: str) -> None:
    xml = error_xml(NoSuchEntity(message), "https://iam.amazonaws.com/doc/2010-05-08/", "request-1")
    parsed = create_parser("query").parse({"body": xml, "headers": {}, "status_code": 404}, None)
    assert (parsed["Error"]["Code"], parsed["Error"]["Type"]) == ("NoSuchEntity", "Sender")
    assert parsed["ResponseMetadata"]["RequestId"] == "request-1"
    if message.isprintable():
        assert parsed["Error"]["Message"] == (message or None)


def test_the_fault_of_a_failing_service_is_the_receivers() -> None:
    assert b"<Type>Receiver</Type><Code>ServiceFailure</Code>" in error_xml(ServiceFailure(), "n", "r")


def test_an_answer_has_the_namespace_and_the_wrapper_of_its_operation() -> None:
    operation = IAM.operation_model("ListAccountAliases")
    xml = response_xml(operation, {"AccountAliases": ["acme"], "IsTruncated": False}, "r")
    assert xml.decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<ListAccountAliasesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
        "<ListAccountAliasesResult><AccountAliases><member>acme</member></AccountAliases>"
        "<IsTruncated>false</IsTruncated></ListAccountAliasesResult>"
        "<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListAccountAliasesResponse>"
    )


SERIAL = "arn:aws:iam::123456789012:mfa/alice"
CODES = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}


@pytest.mark.parametrize(
    ("model", "action", "form", "message"),
    [
        (
            STS,
            "GetSessionToken",
            {"SerialNumber": SERIAL, "TokenCode": "1234567"},
            "1 validation error detected: Value '1234567' at 'tokenCode' failed to satisfy constraint: "
            "Member must have length less than or equal to 6",
        ),
        (
            STS,
            "GetSessionToken",
            {"DurationSeconds": "60"},
            "1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 900",
        ),
        (
            STS,
            "GetSessionToken",
            {"TokenCode": "12a4"},
            "2 validation errors detected: Value '12a4' at 'tokenCode' failed to satisfy constraint: "
            "Member must have length greater than or equal to 6; Value '12a4' at 'tokenCode' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: [\\d]*",
        ),
        (
            IAM,
            "EnableMFADevice",
            {"UserName": "alice", **CODES},
            "1 validation error detected: Value null at 'serialNumber' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            IAM,
            "EnableMFADevice",
            {"UserName": "al ice", "SerialNumber": SERIAL, **CODES},
            "1 validation error detected: Value 'al ice' at 'userName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            IAM,
            "ListVirtualMFADevices",
            {"AssignmentStatus": "Lost"},
            "1 validation error detected: Value 'Lost' at 'assignmentStatus' failed to satisfy constraint: "
            "Member must satisfy enum value set: [Assigned, Unassigned, Any]",
        ),
        (
            IAM,
            "ListUsers",
            {"MaxItems": "many"},
            "1 validation error detected: Value 'many' at 'maxItems' failed to satisfy constraint: "
            "Member must be an integer",
        ),
        (
            IAM,
            "CreateLoginProfile",
            {"PasswordResetRequired": "maybe"},
            "1 validation error detected: Value 'maybe' at 'passwordResetRequired' failed to satisfy "
            "constraint: Member must be a boolean",
        ),
        (
            IAM,
            "TagMFADevice",
            {"SerialNumber": SERIAL, "Tags.member.1.Key": "", "Tags.member.1.Value": "x"},
            "2 validation errors detected: Value '' at 'tags.1.member.key' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1; Value '' at 'tags.1.member.key' failed to "
            "satisfy constraint: Member must satisfy regular expression pattern: "
            "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+",
        ),
        (
            IAM,
            "TagMFADevice",
            {"SerialNumber": SERIAL, "Tags.member.1.Key": "team"},
            "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: "
            "Member must not be null",
        ),
    ],
)
def test_a_broken_constraint_is_told_in_awss_words(
    model: Any, action: str, form: dict[str, str], message: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        parse_parameters(model.operation_model(action), form)
    assert caught.value.message == message


def test_a_password_that_breaks_a_constraint_is_not_repeated() -> None:
    form = {"UserName": "alice", "Password": "hunter2" * 20}
    with pytest.raises(ValidationError, match="Value at 'password' failed") as caught:
        parse_parameters(IAM.operation_model("CreateLoginProfile"), form)
    assert "hunter2" not in caught.value.message


def test_too_long_a_list_is_refused() -> None:
    form = {"SerialNumber": SERIAL} | {f"TagKeys.member.{n}": f"key{n}" for n in range(1, 52)}
    with pytest.raises(ValidationError, match=r"Value at 'tagKeys' .* length less than or equal to 50"):
        parse_parameters(IAM.operation_model("UntagMFADevice"), form)


def test_a_list_is_read_in_the_order_of_its_numbers_and_may_be_empty() -> None:
    operation = IAM.operation_model("UntagMFADevice")
    form = {
        "SerialNumber": SERIAL,
        "TagKeys.member.10": "c",
        "TagKeys.member.2": "b",
        "TagKeys.member.x": "?",
    }
    assert parse_parameters(operation, form)["TagKeys"] == ["b", "c"]
    assert parse_parameters(operation, {"SerialNumber": SERIAL, "TagKeys": ""})["TagKeys"] == []


def test_parameters_the_model_does_not_know_are_ignored() -> None:
    assert parse_parameters(IAM.operation_model("GetUser"), {"UserName": "alice", "Colour": "red"}) == {
        "UserName": "alice"
    }


@pytest.mark.parametrize(
    ("action", "version", "text"),
    [
        ("EnableMfaDevice", "2010-05-08", "Could not find operation EnableMfaDevice for version 2010-05-08"),
        ("GetUser", "2011-06-15", "Could not find operation GetUser for version 2011-06-15"),
        ("GetUser", None, "Could not find operation GetUser for version NO_VERSION_SPECIFIED"),
    ],
)
def test_an_unknown_action_or_version_is_invalid(action: str, version: str | None, text: str) -> None:
    with pytest.raises(InvalidAction) as caught:
        find_operation(IAM, action, version)
    assert caught.value.message == text


@pytest.mark.parametrize(
    ("java", "text", "expected"),
    [
        (r"[\w+=,.@-]+", "Ünal", False),  # Java's \w is ASCII
        (r"[\d]+", "١٢٣٤٥٦", False),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "Größe 1\u3000東京", True),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "a\tb", False),
        (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", "a!b", False),
        (r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", "/a//b/", True),
        (r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)", "/a", False),
        (
            r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
            "\U0001f511",
            True,
        ),
    ],
)
def test_the_models_patterns_mean_what_java_means(java: str, text: str, expected: bool) -> None:
    assert (_pattern(java).fullmatch(text) is not None) is expected


def test_every_pattern_of_the_models_is_understood() -> None:
    for model in (IAM, STS):
        for name in model.shape_names:
            if pattern := model.shape_for(name).metadata.get("pattern"):
                _pattern(pattern)
