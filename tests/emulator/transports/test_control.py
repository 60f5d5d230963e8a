from __future__ import annotations

import http.client
import json
import socket
import struct
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from urllib.error import HTTPError

import pytest
from fido2.ctap2 import Ctap2
from fido2.hid import CtapHidDevice

from emulator.transports.control import MAX_BODY, ControlEndpoint
from emulator.transports.port import PortError
from emulator.transports.robot import Robot

Client = Callable[[int], AbstractContextManager[CtapHidDevice]]
JSON = {"Content-Type": "application/json"}


class Endpoint:
    """The endpoint of two keys, as a program sees it."""

    def __init__(self, robots: list[Any], base_url: str) -> None:
        self.robots = robots
        self.authority = base_url.removeprefix("http://")

    def ask(
        self,
        path: str,
        verb: Any = None,
        *,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        data = json.dumps(verb).encode() if verb is not None else body
        connection = http.client.HTTPConnection(self.authority, timeout=20)
        given = {**(JSON if data is not None else {}), **(headers or {})}
        connection.request(method or ("GET" if data is None else "POST"), path, data, given)
        response = connection.getresponse()
        answer = json.loads(response.read())
        connection.close()
        return response.status, answer


@pytest.fixture
def endpoint(robots: Callable[..., Robot]) -> Iterator[Endpoint]:
    both = [robots(touch="never"), robots("passkey", touch="never", uv="never")]
    with ControlEndpoint(both) as served:
        yield Endpoint(both, served.base_url)


def test_status_of_every_key_is_told(endpoint: Endpoint) -> None:
    status, answer = endpoint.ask("/")
    assert status == 200
    assert [(key["number"], key["profile"], key["touch"]) for key in answer["keys"]] == [
        (1, "ctap21", "never"),
        (2, "passkey", "never"),
    ]
    assert endpoint.ask("/keys/2")[1]["name"] == f"udp:127.0.0.1:{endpoint.robots[1].port}"


def test_verbs_reach_the_key_they_are_for(endpoint: Endpoint, device_at: Client) -> None:
    robot = endpoint.robots[0]
    assert endpoint.ask("/keys/1", {"touch": "press"})[0] == 200
    with device_at(robot.port) as device:
        Ctap2(device).selection()
    for verb, shown in (
        ({"touch": "always"}, ("touch", "always")),
        ({"touch": {"after": 2}}, ("touch", 2)),
        ({"touch": {"hold": 1}}, ("touch", 2)),
        ({"touch": "release"}, ("touch", 2)),
        ({"touch": "now"}, ("touch", 2)),
        ({"uv": "refused"}, ("uv", "refused")),
        ({"uv": {"after": 0.5}}, ("uv", 0.5)),
        ({"uv": "accept"}, ("uv", 0.5)),
        ({"uv": "refuse"}, ("uv", 0.5)),
        ({"sample": "TOO_LEFT"}, ("uv", 0.5)),
        ({"power": "off"}, ("name", None)),
        ({"power": "on"}, ("name", f"udp:127.0.0.1:{robot.port}")),
        ({"power": "replug"}, ("name", f"udp:127.0.0.1:{robot.port}")),
        ({"state": {"save": "empty"}}, ("saved", ["empty"])),
        ({"state": {"restore": "empty"}}, ("saved", ["empty"])),
    ):
        status, answer = endpoint.ask("/keys/1", verb)
        assert (status, answer[shown[0]]) == (200, shown[1])
    before = endpoint.ask("/keys/1")[1]["clock"]
    assert endpoint.ask("/keys/1", {"clock": {"advance": 1000}})[1]["clock"] >= before + 1000
    assert endpoint.ask("/keys/2")[1]["touch"] == "never"


def test_log_is_told_from_where_one_left_off(endpoint: Endpoint, device_at: Client) -> None:
    with device_at(endpoint.robots[0].port) as device:
        for _ in range(3):
            Ctap2(device).get_info()
    _, everything = endpoint.ask("/keys/1/log")
    assert [exchange["command"] for exchange in everything] == [
        "getInfo"
    ] * 6  # each Ctap2 asks once by itself
    assert endpoint.ask(f"/keys/1/log?since={everything[1]['number']}")[1] == everything[2:]


def test_waiting_request_is_shown(endpoint: Endpoint, device_at: Client) -> None:
    with device_at(endpoint.robots[0].port) as device:
        device._connection.write_packet(
            device._channel_id.to_bytes(4, "big") + b"\x90\x00\x01\x0b" + bytes(56)
        )
        while (waiting := endpoint.ask("/keys/1")[1]["waiting"]) is None:
            pass
    assert waiting == {"command": "selection", "rp": None, "gesture": "presence"}


def test_controller_of_python_fido2s_device_tests_is_spoken(
    robots: Callable[..., Robot], device_at: Client
) -> None:
    """As their PicoController asks: urllib, GET, and a port number that is not ours."""
    robot: Any = robots(touch="never")
    with ControlEndpoint([robot]) as served:

        def request(path: str) -> bytes:
            with urllib.request.urlopen(served.base_url + path, timeout=5) as response:  # noqa: S310  # as they do
                content: bytes = response.read()
                return content

        request("/")
        request("/usb6/touch/off")
        request("/usb6/power/off")
        assert robot.name is None
        request("/usb6/power/on")
        request("/usb6/touch/off")
        request("/usb6/touch/on")
        with device_at(robot.port) as device:
            Ctap2(device).selection()
        with pytest.raises(HTTPError):
            request("/usb6/touch/sideways")


def test_controllers_number_says_which_of_several_keys(endpoint: Endpoint) -> None:
    assert endpoint.ask("/usb2/power/off")[1]["number"] == 2
    assert [robot.name is None for robot in endpoint.robots] == [False, True]
    assert endpoint.ask("/usb6/power/off") == (404, {"error": "there is no key 6, only 1 to 2"})


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
    ],
)
def test_web_page_cannot_drive_a_key(endpoint: Endpoint, headers: dict[str, str]) -> None:
    for path, verb in (("/usb1/power/off", None), ("/keys/1", {"power": "off"}), ("/", None)):
        assert endpoint.ask(path, verb, headers=headers)[0] == 403
    assert endpoint.robots[0].name is not None


def test_body_that_a_page_may_send_unasked_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.ask("/keys/1", {"power": "off"}, headers={"Content-Type": "text/plain"})[0] == 415
    assert endpoint.robots[0].name is not None


@pytest.mark.parametrize(
    ("path", "verb", "status", "why"),
    [
        ("/keys/3", {"touch": "now"}, 404, "only 1 to 2"),
        ("/keys/x", {"touch": "now"}, 400, "'x' is not a number"),
        ("/elsewhere", None, 404, "nothing at /elsewhere"),
        ("/elsewhere", {"touch": "now"}, 404, "nothing at /elsewhere"),
        ("/keys/1/log?since=-1", None, 400, "not a number"),
        ("/keys/1", {"touch": "sometimes"}, 400, "a body is one of"),
        ("/keys/1", {"touch": "now", "uv": "accept"}, 400, "a body is one of"),
        ("/keys/1", {"sample": "SIDEWAYS"}, 400, "a body is one of"),
        ("/keys/1", {}, 400, "a body is one of"),
        ("/keys/1", [], 400, "a body is one of"),
        ("/keys/1", {"touch": {"after": -1}}, 400, "seconds must be from 0"),
        ("/keys/1", {"clock": {"advance": 1e300}}, 400, "seconds must be from 0"),
        ("/keys/1", {"state": {"restore": "x"}}, 400, "nothing was saved"),
    ],
)
def test_what_cannot_be_done_is_answered_in_a_line(
    endpoint: Endpoint, path: str, verb: Any, status: int, why: str
) -> None:
    answered, answer = endpoint.ask(path, verb)
    assert answered == status
    assert why in answer["error"]
    assert "\n" not in answer["error"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"\xff\xff", {}, 400),
        (b"[" * 50_000, {}, 400),
        (b"", {"Content-Length": "many"}, 400),
        (b"", {"Content-Length": str(MAX_BODY + 1)}, 413),
    ],
)
def test_body_that_is_no_json_is_refused(
    endpoint: Endpoint, body: bytes, headers: dict[str, str], status: int
) -> None:
    assert endpoint.ask("/keys/1", body=body, method="POST", headers={**JSON, **headers})[0] == status


def test_power_that_cannot_come_back_is_no_success(endpoint: Endpoint) -> None:
    endpoint.ask("/keys/1", {"power": "off"})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
        thief.bind(("127.0.0.1", endpoint.robots[0].port))
        status, answer = endpoint.ask("/keys/1", {"power": "on"})
    assert status == 503
    assert "in use" in answer["error"]


def test_failure_of_ours_is_answered_and_the_next_is_served(robots: Callable[..., Robot]) -> None:
    robot = robots()
    with ControlEndpoint([robot]) as served:
        endpoint = Endpoint([robot], served.base_url)
        endpoint.ask("/keys/1", {"state": {"save": "x"}})
        robot._store = None  # type: ignore[assignment]  # as if the disk had gone
        assert endpoint.ask("/keys/1", {"state": {"restore": "x"}})[0] == 500
        assert endpoint.ask("/keys/1")[0] == 200


def test_client_that_leaves_early_is_not_talked_about(
    endpoint: Endpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    host, _, port = endpoint.authority.partition(":")
    for _ in range(20):
        with socket.create_connection((host, int(port))) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(f"GET / HTTP/1.1\r\nHost: {endpoint.authority}\r\n\r\n".encode())
    assert endpoint.ask("/")[0] == 200
    assert capsys.readouterr() == ("", "")


def test_port_that_is_taken_is_one_clear_line(endpoint: Endpoint) -> None:
    port = int(endpoint.authority.rpartition(":")[2])
    with pytest.raises(PortError, match=rf"^control port {port}: Address already in use; .*--control$"):
        ControlEndpoint([], port=port)
    with pytest.raises(PortError, match="no such port"):
        ControlEndpoint([], port=99_999)


def test_only_loopback_is_served(endpoint: Endpoint) -> None:
    assert endpoint.authority.startswith("127.0.0.1:")
