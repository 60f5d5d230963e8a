"""AWS's Query protocol, driven by the published service models: forms in, XML out.

A request is a form (``Action``, ``Version``, ``Tags.member.1.Key`` …), an answer is XML. Names, types,
constraints and the shape of answers come from botocore's copy of the models that AWS publishes; no operation
is written out here. Source: IAM API reference, "Making query requests".
"""

from __future__ import annotations

import base64
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from harness.service.errors import AwsError, InvalidAction, ValidationError

# The namespace of errors that belong to no service, such as an unsigned request's.
FAULT_NAMESPACE = "http://webservices.amazon.com/AWSFault/2005-15-09"


@cache
def service_model(service: str) -> Any:
    """The published model of ``service`` (``iam`` or ``sts``): a ``botocore.model.ServiceModel``."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def find_operation(model: Any, action: str, version: str | None) -> Any:
    """The operation's model, or InvalidAction if this version of the service has none of that name."""
    if version != model.api_version or action not in model.operation_names:
        raise InvalidAction(
            f"Could not find operation {action} for version {version or 'NO_VERSION_SPECIFIED'}"
        )
    return model.operation_model(action)


# Requests.


def parse_parameters(operation: Any, form: Mapping[str, str]) -> dict[str, Any]:
    """The operation's parameters, typed; what the model does not know is ignored, as AWS does.

    Raises ValidationError in AWS's words, naming every constraint that a value breaks.
    """
    if operation.input_shape is None:
        return {}
    parameters = _structure(operation.input_shape, "", form)
    if failures := list(_failures(operation.input_shape, parameters, ())):
        raise _invalid(failures)
    return parameters


def _value(shape: Any, name: str, form: Mapping[str, str]) -> Any:
    """The value of the parameter ``name``, ``None`` if the form does not have it."""
    match shape.type_name, form.get(name):
        case "structure", _:
            present = any(key.startswith(f"{name}.") for key in form)
            return _structure(shape, f"{name}.", form) if present else None
        case "list", text:
            return _list(shape, name, form) or (None if text is None else [])
        case _, None:
            return None
        case "integer" | "long", text:
            if re.fullmatch("[+-]?[0-9]{1,18}", text) is None:
                raise _invalid([_failure(f" '{text}'", name.split("."), "Member must be an integer")])
            return int(text)
        case "boolean", text:
            if text.lower() not in ("true", "false"):
                raise _invalid([_failure(f" '{text}'", name.split("."), "Member must be a boolean")])
            return text.lower() == "true"
        case _, text:
            return text


def _structure(shape: Any, prefix: str, form: Mapping[str, str]) -> dict[str, Any]:
    values = {
        name: _value(member, f"{prefix}{member.serialization.get('name', name)}", form)
        for name, member in shape.members.items()
    }
    return {name: value for name, value in values.items() if value is not None}


def _list(shape: Any, name: str, form: Mapping[str, str]) -> list[Any]:
    """``Name.member.1``, ``Name.member.2.Key`` … in the order of their numbers."""
    prefix = f"{name}.{shape.member.serialization.get('name', 'member')}."
    numbers = {key.removeprefix(prefix).partition(".")[0] for key in form if key.startswith(prefix)}
    ordered = sorted((number for number in numbers if re.fullmatch("[0-9]{1,4}", number)), key=int)
    values = (_value(shape.member, f"{prefix}{number}", form) for number in ordered)
    return [value for value in values if value is not None]


def _invalid(failures: Sequence[str]) -> ValidationError:
    errors = "error" if len(failures) == 1 else "errors"
    return ValidationError(f"{len(failures)} validation {errors} detected: {'; '.join(failures)}")


def _failure(shown: str, path: Sequence[str], breach: str) -> str:
    """One failed constraint; ``path`` is shown as AWS does, ``tags.1.member.key``."""
    member = ".".join(part[:1].lower() + part[1:] for part in path)
    return f"Value{shown} at '{member}' failed to satisfy constraint: {breach}"


def _failures(shape: Any, value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with ``value`` and all it holds. Of a secret, AWS does not show the value."""
    shown = f" '{value}'"
    match value:
        case dict():
            for name in shape.required_members:
                if name not in value:
                    yield _failure(" null", (*path, name), "Member must not be null")
            for name, member in value.items():
                yield from _failures(shape.members[name], member, (*path, name))
            return
        case list():
            shown = ""
            for number, member in enumerate(value, start=1):
                yield from _failures(shape.member, member, (*path, str(number), "member"))
        case bool():
            return
    for breach in _breaches(shape.metadata, value):
        yield _failure("" if shape.metadata.get("sensitive") else shown, path, breach)


def _breaches(constraints: Mapping[str, Any], value: str | int | list[Any]) -> Iterator[str]:
    size, what = (value, "value") if isinstance(value, int) else (len(value), "length")
    if "max" in constraints and size > constraints["max"]:
        yield f"Member must have {what} less than or equal to {constraints['max']}"
    if "min" in constraints and size < constraints["min"]:
        yield f"Member must have {what} greater than or equal to {constraints['min']}"
    if not isinstance(value, str):
        return
    if "pattern" in constraints and _pattern(constraints["pattern"]).fullmatch(value) is None:
        yield f"Member must satisfy regular expression pattern: {constraints['pattern']}"
    if "enum" in constraints and value not in constraints["enum"]:
        yield f"Member must satisfy enum value set: [{', '.join(constraints['enum'])}]"


@cache
def _pattern(java: str) -> re.Pattern[str]:
    """A pattern of the model, which is Java's, in Python's dialect.

    Java's ``\\w`` and ``\\d`` are ASCII; ``\\p{L}``, ``\\p{N}``, ``\\p{Z}`` letters, numbers, separators.
    """
    if r"\p{" not in java:
        return re.compile(java.replace(r"\u10000-\u10FFFF", r"\U00010000-\U0010FFFF"), re.ASCII)
    separators = r"\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000"
    return re.compile(java.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\d").replace(r"\p{Z}", separators))


# Answers.


def response_xml(operation: Any, result: Mapping[str, Any], request_id: str) -> bytes:
    """The answer of a successful ``operation``; ``result`` is named and nested as its output shape is.

    Times are seconds since the epoch, blobs bytes; what is ``None`` is left out.
    """
    namespace = operation.service_model.metadata["xmlNamespace"]
    root = ET.Element(f"{operation.name}Response", xmlns=namespace)
    if operation.output_shape is not None:
        wrapper = operation.output_shape.serialization["resultWrapper"]
        _append(root, wrapper, operation.output_shape, result)
    ET.SubElement(ET.SubElement(root, "ResponseMetadata"), "RequestId").text = request_id
    return _document(root)


def error_xml(error: AwsError, namespace: str, request_id: str) -> bytes:
    """The answer of a refusal."""
    root = ET.Element("ErrorResponse", xmlns=namespace)
    body = ET.SubElement(root, "Error")
    ET.SubElement(body, "Type").text = error.fault
    ET.SubElement(body, "Code").text = error.code
    ET.SubElement(body, "Message").text = _xml_text(error.message)
    ET.SubElement(root, "RequestId").text = request_id
    return _document(root)


def _append(parent: ET.Element, name: str, shape: Any, value: Any) -> None:
    """Add ``value`` to ``parent`` as an element called ``name``."""
    if shape.type_name == "list" and shape.serialization.get("flattened"):
        for member in value:
            _append(parent, shape.member.serialization.get("name", name), shape.member, member)
        return
    element = ET.SubElement(parent, name)
    match shape.type_name:
        case "structure":
            for member_name, member in shape.members.items():
                if value.get(member_name) is not None:
                    _append(
                        element, member.serialization.get("name", member_name), member, value[member_name]
                    )
        case "list":
            for member in value:
                _append(element, shape.member.serialization.get("name", "member"), shape.member, member)
        case "map":
            for key, item in value.items():
                entry = ET.SubElement(element, "entry")
                _append(entry, shape.key.serialization.get("name", "key"), shape.key, key)
                _append(entry, shape.value.serialization.get("name", "value"), shape.value, item)
        case scalar:
            element.text = _scalar(scalar, value)


def _scalar(type_name: str, value: Any) -> str:
    match type_name:
        case "boolean":
            return "true" if value else "false"
        case "timestamp":
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case "blob":
            return base64.b64encode(value).decode()
        case _:
            return _xml_text(str(value))


def _xml_text(text: str) -> str:
    """``text`` with U+FFFD for what XML 1.0 §2.2 has no way to write."""
    return re.sub("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def _document(root: ET.Element) -> bytes:
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document
