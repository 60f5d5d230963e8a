"""Entering API calls in the audit trail, and looking events up in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from harness.service.authorization import authorize
from harness.service.environment import CALL, ApiCall, Environment
from harness.service.errors import AwsError, ServiceFailure
from harness.service.events import Event
from harness.service.model import Caller

# What a record leaves out besides what the service model calls sensitive.
_SECRET = re.compile("password|secret|seed|qrcode|token$|code[12]?$", re.IGNORECASE)
_LONGEST = 4096  # characters of a text that a record shows


class Audit:
    """The verbs of the audit trail."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @contextmanager
    def audited_call(
        self, caller: Caller, operation: Any, access_key_id: str, request_id: str
    ) -> Iterator[ApiCall]:
        """Enter the call of an ``operation`` (botocore's model) when the ``with`` block ends, as it ended."""
        call = ApiCall(name=operation.name)
        token = CALL.set(call)
        failure: AwsError | None = None
        try:
            yield call
        except AwsError as error:
            failure = error
            raise
        except Exception:
            failure = ServiceFailure()
            raise
        finally:
            CALL.reset(token)
            call.asked = described(operation.input_shape, call.asked) or {}
            told = {} if _reads(call.name) else described(operation.output_shape, call.answered)
            call.answered = told or {}
            source = f"{operation.service_model.endpoint_prefix}.amazonaws.com"
            self._environment.called(
                call, caller, access_key_id, failure, source=source, request_id=request_id
            )

    def lookup_events(
        self,
        caller: Caller,
        *,
        name: str | None = None,
        user_name: str | None = None,
        limit: int = 50,
    ) -> list[Event]:
        """CloudTrail's LookupEvents: the account's, newest first, of one name or user if asked so."""
        authorize(self._environment, caller, "cloudtrail:LookupEvents", "*")
        found = [
            event
            for event in self._environment.events
            if event.account_id == caller.account_id
            and name in (None, event.name)
            and user_name in (None, event.user_name)
        ]
        return found[::-1][:limit]


def _reads(name: str) -> bool:
    return name.startswith(("Get", "List")) and name != "GetSessionToken"


def described(shape: Any, value: Any) -> Any:
    """What a record tells of a request or an answer: names in lower camel case, secrets left out."""
    match value:
        case Mapping() if shape is not None and shape.type_name == "structure":
            return {
                name[:1].lower() + name[1:]: described(shape.members[name], member)
                for name, member in value.items()
                if name in shape.members and member is not None and not _secret(name, shape.members[name])
            }
        case list() if shape is not None and shape.type_name == "list":
            return [described(shape.member, member) for member in value]
        case str():
            return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {str(name): described(None, member) for name, member in value.items()}
    return None


def _secret(name: str, shape: Any) -> bool:
    return shape.type_name in ("string", "blob") and bool(
        shape.metadata.get("sensitive") or _SECRET.search(name)
    )
