"""The trail: CloudTrail's records of who did what, without secrets, kept where they are to be kept."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from harness.platform import Browser
from harness.service.app import RunningService
from harness.service.errors import AccessDenied
from harness.service.events import KEPT, Event, EventFile, EventsError, Trail, new_event

SERIAL = "GAHT12345678"


def happening(name: str = "GetUser", **more: Any) -> Event:
    identity = {"type": "IAMUser", "userName": "alice"}
    return new_event(name, time=1.0, account_id="123456789012", identity=identity, region="us-east-1", **more)


# Sign-ins, as "AWS Management Console sign-in events" of the CloudTrail user guide has them.


def test_a_sign_in_with_mfa_is_a_check_and_a_login(office: Any) -> None:
    office.user("alice")
    token = office.token(SERIAL, "alice")
    with RunningService(office.identity) as service, Browser(service.base_url) as browser:
        browser.sign_in("example-corp", "alice", office.password)
        browser.enter_code("000000")
        browser.enter_code(token.code())
    check, failure, login = (event.record for event in list(office.identity.events)[-3:])
    assert (check["eventName"], check["responseElements"]) == ("CheckMfa", {"CheckMfa": "Success"})
    assert check["additionalEventData"] == {"MfaType": "Hardware MFA"}
    assert failure["errorMessage"] == "Failed authentication"
    assert failure["responseElements"] == {"ConsoleLogin": "Failure"}
    assert login["responseElements"] == {"ConsoleLogin": "Success"}
    assert login["eventSource"] == "signin.amazonaws.com"
    assert login["eventType"] == "AwsConsoleSignIn"
    assert login["requestParameters"] is None
    more = login["additionalEventData"]
    assert more["LoginTo"].startswith(service.base_url)
    assert (more["MobileVersion"], more["MFAUsed"], more["MFAIdentifier"]) == ("No", "Yes", SERIAL)
    assert login["sourceIPAddress"] == "127.0.0.1"
    assert login["userAgent"].startswith("python-httpx/")
    assert login["recipientAccountId"] == office.account_id
    identity = login["userIdentity"]
    assert (identity["type"], identity["userName"]) == ("IAMUser", "alice")
    assert identity["arn"] == "arn:aws:iam::123456789012:user/alice"


def test_several_kinds_of_device_are_called_so(office: Any, software_key: Callable[..., Any]) -> None:
    alice = office.user("alice", office.policy("*"))
    key = software_key()
    office.register(office.in_console(alice), None, "key", key)
    office.identity.sign_in("example-corp", "alice", office.password)
    assert office.identity.events[-1].additional == {"MfaType": "U2F MFA"}
    office.token(SERIAL, "alice")
    office.identity.sign_in("example-corp", "alice", office.password)
    assert office.identity.events[-1].additional == {"MfaType": "Multiple MFA Devices"}


def test_the_root_user_is_of_its_own_type(office: Any) -> None:
    office.identity.sign_in_root("root@example.com", office.password)
    event = office.identity.events[-1]
    assert (event.record["userIdentity"]["type"], event.user_name) == ("Root", "root")
    assert "userName" not in event.record["userIdentity"]


# Calls of the API.


@pytest.fixture
def call(office: Any) -> Iterator[Callable[..., Any]]:
    """Calls the API as an administrator does; answers the error's code or None, and the new event."""
    caller = office.administrator()
    office.identity.put_user_policy(
        office.root, "ada", "no-deleting", office.policy("iam:DeleteUser", effect="Deny")
    )
    key = office.identity.create_access_key(office.root, "ada")
    with RunningService(office.identity) as service:

        def call(service_name: str, operation: str, **parameters: Any) -> tuple[str | None, Event]:
            client = boto3.client(
                service_name,
                endpoint_url=service.base_url,
                region_name="us-east-1",
                aws_access_key_id=key.id,
                aws_secret_access_key=key.secret,
            )
            before = len(office.identity.events)
            try:
                getattr(client, operation)(**parameters)
                code = None
            except ClientError as error:
                code = error.response["Error"]["Code"]
            (event,) = list(office.identity.events)[before:]
            assert event.account_id == caller.account_id
            return code, event

        yield call


def test_every_call_is_one_event_with_its_parameters_and_answer(call: Callable[..., Any]) -> None:
    code, event = call("iam", "create_user", UserName="bob", Path="/staff/")
    record = event.record
    assert code is None
    assert record["requestParameters"] == {"userName": "bob", "path": "/staff/"}
    assert record["responseElements"]["user"]["userName"] == "bob"
    assert (record["eventSource"], record["eventType"]) == ("iam.amazonaws.com", "AwsApiCall")
    assert (record["readOnly"], record["awsRegion"]) == (False, "us-east-1")
    assert record["userIdentity"]["accessKeyId"].startswith("AKIA")
    assert record["requestID"] != record["eventID"]
    _, event = call("iam", "list_users")
    assert (event.record["readOnly"], event.record["responseElements"]) == (True, None)


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("get_user", {"UserName": "nobody"}, "NoSuchEntity"),
        ("delete_user", {"UserName": "ada"}, "AccessDenied"),
        ("list_users", {"MaxItems": 5, "Marker": "nonsense"}, "ValidationError"),
        ("create_service_linked_role", {"AWSServiceName": "x.amazonaws.com"}, "NotImplemented"),
    ],
)
def test_a_refused_call_is_an_event_with_the_code_and_the_message(
    call: Callable[..., Any], operation: str, parameters: dict[str, Any], code: str
) -> None:
    answered, event = call("iam", operation, **parameters)
    assert answered == event.error_code == code
    assert event.outcome == "Failure"
    assert event.record["errorMessage"]
    assert event.record["responseElements"] is None


def test_no_record_holds_a_secret_a_password_or_a_code(office: Any, call: Callable[..., Any]) -> None:
    token = office.token(SERIAL)
    pair = token.pair()
    call("iam", "create_virtual_mfa_device", VirtualMFADeviceName="phone")
    call("iam", "create_login_profile", UserName="ada2", Password="Sesame-open-1")
    call("iam", "change_password", OldPassword="Sesame-open-1", NewPassword="Sesame-open-2")
    call(
        *("iam", "enable_mfa_device"),
        UserName="ada",
        SerialNumber=SERIAL,
        AuthenticationCode1=pair[0],
        AuthenticationCode2=pair[1],
    )
    call("iam", "create_user", UserName="bob")
    _, made = call("iam", "create_access_key", UserName="bob")
    office.clock.advance(30)
    code, session = call("sts", "get_session_token", SerialNumber=SERIAL, TokenCode=token.code())
    assert code is None
    assert session.record["requestParameters"] == {"serialNumber": SERIAL}
    assert set(session.record["responseElements"]["credentials"]) == {"accessKeyId", "expiration"}
    assert set(made.record["responseElements"]["accessKey"]) >= {"accessKeyId", "status", "userName"}
    told = json.dumps([event.record for event in office.identity.events])
    for secret in ("Sesame", *pair, token.code(), "secretAccessKey", "sessionToken", "base32", "qRCode"):
        assert secret not in told.replace(SERIAL, "")


def test_the_diagnosis_of_a_refused_code_is_in_the_calls_own_event(
    office: Any, call: Callable[..., Any]
) -> None:
    office.token(SERIAL, "ada")
    code, event = call("sts", "get_session_token", SerialNumber=SERIAL, TokenCode="000000")
    assert (code, event.error_code) == ("AccessDenied", "AccessDenied")
    assert event.additional["diagnosis"]


def test_events_are_looked_up_newest_first_by_those_who_may(office: Any) -> None:
    ada, bob = office.administrator(), office.user("bob")
    for name in ("phone", "tablet"):
        office.identity.create_virtual_mfa_device(ada, name)
    events = office.identity.lookup_events(ada, name="CreateVirtualMFADevice")
    assert [event.additional["serialNumber"].rpartition("/")[2] for event in events] == ["tablet", "phone"]
    assert office.identity.lookup_events(ada, user_name="bob") == []
    assert len(office.identity.lookup_events(ada, limit=1)) == 1
    with pytest.raises(AccessDenied):
        office.identity.lookup_events(bob)


# Where they are kept.


def test_a_file_of_events_is_taken_up_again_and_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "events"
    file = EventFile(path)
    trail = Trail(file.read(), file.write)
    trail.append(happening("GetUser", more={"note": "π\n\u2028"}))
    file.close()
    with path.open("ab") as end:
        end.write(b'{"eventName":"cut o')
    again = EventFile(path)
    trail = Trail(again.read(), again.write)
    trail.append(happening("ListUsers"))
    assert [event.name for event in trail] == ["GetUser", "ListUsers"]
    assert trail[0].additional == {"note": "π\n\u2028"}
    assert trail.named("ListUsers") == [trail[1]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().splitlines()) >= 3
    third = EventFile(path)
    assert [event.name for event in third.read()] == ["GetUser", "ListUsers"]
    for each in (again, third):
        each.close()


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EventsError, match=r"cannot write events to .*: Is a directory"):
        EventFile(tmp_path)


@pytest.mark.parametrize("line", ["", "{", "[]", "null", "{}", '{"eventTime": 1}', '{"eventName": "X"}'])
def test_what_is_no_event_is_told(line: str) -> None:
    with pytest.raises(ValueError):
        Event.parse(line)


def test_the_trail_keeps_the_last_and_bears_many_threads() -> None:
    trail = Trail()
    event = happening()

    def add() -> None:
        for _ in range(KEPT // 4):
            trail.append(event)
            assert next(iter(trail)) is event

    threads = [threading.Thread(target=add) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(trail) == KEPT // 4 * 2


def test_an_event_that_cannot_be_written_is_kept_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    def full(event: Event) -> None:
        raise OSError(28, "No space left on device")

    trail = Trail(write=full)
    trail.append(happening())
    assert len(trail) == 1
    assert "cannot write the event GetUser: [Errno 28] No space left on device" in caplog.text
