"""The audit trail: who did what, when, from where, and why it was refused, in CloudTrail's records.

Shapes: AWS CloudTrail User Guide, "CloudTrail record contents", "CloudTrail userIdentity element" and "AWS
Management Console sign-in events". No record holds a secret, a password or a code.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

ROOT = "root"
EVENT_VERSION = "1.11"
KEPT = 10_000

# CloudTrail User Guide, "AWS Management Console sign-in events": why one failed, and a name that is nobody's.
FAILED = "Failed authentication"
UNKNOWN = "No username found in supplied account"
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"

SIGN_IN_EVENTS = {"ConsoleLogin", "CheckMfa"}
_MEMBERS = {"eventTime": str, "eventName": str, "recipientAccountId": str, "userIdentity": dict}


class EventsError(Exception):
    """The file of events cannot be used; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Where a request came from; ``login_to`` is the console's address, if it came to the console."""

    source_ip_address: str
    user_agent: str
    login_to: str


_log = logging.getLogger(__name__)

# Whose request the present task or thread answers; the door that took it in says so.
SENDER: ContextVar[Sender | None] = ContextVar("sender", default=None)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the trail: CloudTrail's ``record``, and the parts of it that are asked for most."""

    record: Mapping[str, Any]

    @classmethod
    def parse(cls, line: str) -> Event:
        """The event of a JSON line; ``ValueError`` if it holds none."""
        record = json.loads(line)
        if not isinstance(record, dict) or any(
            not isinstance(record.get(name), kind) for name, kind in _MEMBERS.items()
        ):
            raise ValueError("not the record of an event")
        return cls(record)

    @property
    def time(self) -> float:
        """When it happened: the world's time, in whole seconds since the Unix epoch."""
        return datetime.fromisoformat(self.record["eventTime"]).timestamp()

    @property
    def name(self) -> str:
        """The operation's name, or the sign-in's: ConsoleLogin, CheckMfa."""
        return str(self.record["eventName"])

    @property
    def account_id(self) -> str:
        """The account in which it happened."""
        return str(self.record["recipientAccountId"])

    @property
    def user_name(self) -> str:
        """Who did it: a user's name, ``root``, ``ROLE/SESSION``, or a service: ``support.amazonaws.com``."""
        match self.record["userIdentity"]:
            case {"type": "Root"}:
                return ROOT
            case {"type": "AssumedRole", "arn": str(arn)}:
                return arn.partition("/")[2]
            case {"type": "AWSService", "invokedBy": str(service)}:
                return service
            case who:
                return str(who.get("userName", ""))

    @property
    def outcome(self) -> Literal["Success", "Failure"]:
        """Whether it was done."""
        return "Failure" if "errorCode" in self.record or "errorMessage" in self.record else "Success"

    @property
    def error_code(self) -> str | None:
        """AWS's code for the refusal; ``None`` if it was done, or is a sign-in."""
        return self.record.get("errorCode")

    @property
    def additional(self) -> Mapping[str, Any]:
        """What was asked for and what more is known, such as the device or the diagnosis of a refusal."""
        asked, more = self.record.get("requestParameters"), self.record.get("additionalEventData")
        return {**(asked or {}), **(more or {})}

    @property
    def line(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(self.record, ensure_ascii=False, separators=(",", ":"), default=str)


def new_event(
    name: str,
    *,
    time: float,
    account_id: str,
    identity: Mapping[str, Any],
    region: str,
    error_code: str | None = None,
    error_message: str | None = None,
    source: str = "iam.amazonaws.com",
    asked: Mapping[str, Any] | None = None,
    answered: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> Event:
    """The event of something that happened just now, at the request of :data:`SENDER` if there is one."""
    sender = SENDER.get() or Sender(source_ip_address="keyrig", user_agent="keyrig", login_to="")
    sign_in = name in SIGN_IN_EVENTS
    refused = error_code is not None or error_message is not None
    if sign_in:
        answered = {name: "Failure" if refused else "Success"}
    if name == "ConsoleLogin":
        more = {"LoginTo": sender.login_to, "MobileVersion": "No", **(more or {})}
    record = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": identity,
        "eventTime": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "signin.amazonaws.com" if sign_in else source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": sender.source_ip_address,
        "userAgent": sender.user_agent,
        **({} if error_code is None else {"errorCode": error_code}),
        **({} if error_message is None else {"errorMessage": error_message}),
        "requestParameters": asked or None,
        "responseElements": answered or None,
        **({"additionalEventData": dict(more)} if more else {}),
        **({} if request_id is None else {"requestID": request_id}),
        "eventID": str(uuid.uuid4()),
        "readOnly": name.startswith(("Get", "List", "Simulate", "Generate")),
        "eventType": "AwsConsoleSignIn" if sign_in else "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": account_id,
        "eventCategory": "Management",
    }
    return Event(record)


class Trail:
    """The last events, oldest first; ``write`` gets each one as it happens. Safe to use from many threads."""

    def __init__(self, before: Iterator[Event] | None = None, write: Callable[[Event], None] | None = None):
        self._events = deque(before or (), maxlen=KEPT)
        self._write = write
        self._lock = threading.Lock()

    def append(self, event: Event) -> None:
        """Enter an event, and write it where it is kept; what it tells of has happened, written or not."""
        with self._lock:
            self._events.append(event)
            try:
                if self._write is not None:
                    self._write(event)
            except OSError as error:
                _log.error("cannot write the event %s: %s", event.name, error)

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        with self._lock:
            return iter(tuple(self._events))

    def __getitem__(self, index: int) -> Event:
        return self._events[index]

    def __repr__(self) -> str:
        return f"Trail({list(self)!r})"

    def named(self, *names: str) -> list[Event]:
        """The events of these names, oldest first."""
        return [event for event in self if event.name in names]


class EventFile:
    """Events as JSON lines in a file for its owner alone (0600), appended one by one.

    A line is in the file before the request that caused it is answered, so a killed process leaves it there;
    it is not forced to the disk, so that a power cut may lose the last ones. EventsError.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise EventsError(f"cannot write events to {path}: {error.strerror or error}") from error
        self._end_last_line()

    def read(self) -> Iterator[Event]:
        """The events of earlier runs, oldest first. A line that a kill cut off is passed over."""
        with open(self._path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with suppress(ValueError):
                    yield Event.parse(line)

    def write(self, event: Event) -> None:
        """Append an event."""
        os.write(self._file, event.line.encode("utf-8", "replace") + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _end_last_line(self) -> None:
        try:
            size = os.fstat(self._file).st_size
            if size and os.pread(self._file, 1, size - 1) != b"\n":
                os.write(self._file, b"\n")
        except OSError as error:
            raise EventsError(f"cannot write events to {self._path}: {error.strerror or error}") from error
