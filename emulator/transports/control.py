"""The hands at running keys over HTTP on loopback, for scripts, tests and other people's test suites.

``POST /keys/N`` takes one verb as JSON and answers the key's status; ``GET /`` and ``GET /keys/N`` answer
that alone, ``GET /keys/N/log?since=NUMBER`` what happened. ``/usbN/power/on``, ``off``, ``/usbN/touch/on``
and ``off`` are what the device tests of python-fido2 ask of their ``--controller``. A web page must not
be able to drive a key, so whatever a browser sends on a page's behalf is refused.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from emulator.fido.gesture import SampleStatus
from emulator.transports.port import PortError
from emulator.transports.robot import Robot, RobotError

LOOPBACK = "127.0.0.1"
MAX_BODY = 65_536
TIMEOUT = 10.0
"""Seconds that a client may take over its request."""

VERBS = (
    '{"touch": "now" | "press" | "release" | "always" | "never" | {"hold": SECONDS} | {"after": SECONDS}}',
    '{"uv": "accept" | "refuse" | "always" | "never" | "refused" | {"after": SECONDS}}',
    '{"sample": "GOOD" | "TOO_LEFT" | "POOR_QUALITY" | …}',
    '{"power": "on" | "off" | "replug"}',
    '{"state": {"save": NAME} | {"restore": NAME}}',
    '{"clock": {"advance": SECONDS}}',
)


class Refused(Exception):  # noqa: N818  # the client's fault, answered
    """A request that is not served: the status and one line that says why."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class ControlEndpoint:
    """Serves ``robots``, whose numbers count from 1, at ``base_url`` while a ``with`` block lasts.

    :raises PortError: when ``port`` is taken; 0 is a free one.
    """

    def __init__(self, robots: Sequence[Robot], *, port: int = 0) -> None:
        try:
            self._server = _Server((LOOPBACK, port), partial(_Handler, robots))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise PortError(f"control port {port}: {reason}; choose another with --control") from error
        self.base_url = f"http://{LOOPBACK}:{self._server.server_port}"
        serve = partial(self._server.serve_forever, poll_interval=0.05)
        self._thread = threading.Thread(target=serve, name="control", daemon=True)

    def __enter__(self) -> ControlEndpoint:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that left before its answer."""


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT

    def __init__(self, robots: Sequence[Robot], *more: Any) -> None:
        self._robots = robots
        super().__init__(*more)

    def do_GET(self) -> None:
        self._serve(self._get)

    def do_POST(self) -> None:
        self._serve(self._post)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the terminal is for the keys."""

    def _serve(self, serve: Callable[[], Any]) -> None:
        try:
            self._refuse_pages()
            status, answer = HTTPStatus.OK, serve()
        except Refused as refused:
            status, answer = refused.status, {"error": str(refused)}
        except RobotError as error:
            status, answer = HTTPStatus.BAD_REQUEST, {"error": str(error)}
        except PortError as error:
            status, answer = HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}
        except Exception as error:  # the endpoint's outer loop: the client is told, and the next is served
            status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": f"it failed: {error}"}
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def _refuse_pages(self) -> None:
        """Serve programs alone: what a page causes names the page, or a host that is not us."""
        port = self.connection.getsockname()[1]
        if self.headers.get("Host") not in (f"{LOOPBACK}:{port}", f"localhost:{port}"):
            raise Refused(HTTPStatus.FORBIDDEN, f"the Host of a request must be {LOOPBACK}:{port}")
        of_a_page = self.headers.get("Sec-Fetch-Site", "none") != "none"
        if of_a_page or "Origin" in self.headers or "Referer" in self.headers:
            raise Refused(HTTPStatus.FORBIDDEN, "a web page may not drive a key")

    def _get(self) -> Any:
        url = urlsplit(self.path)
        match url.path.strip("/").split("/"):
            case [""]:
                return {"keys": [self._status(number) for number in range(1, len(self._robots) + 1)]}
            case ["keys", number]:
                return self._status(_number(number))
            case ["keys", number, "log"]:
                since = _number(parse_qs(url.query).get("since", ["0"])[0])
                return [asdict(exchange) for exchange in self._robot(_number(number)).log(since)]
        return self._controller(url.path)

    def _post(self) -> Any:
        match self.path.strip("/").split("/"):
            case ["keys", text]:
                number = _number(text)
                perform(self._robot(number), self._verb())
                return self._status(number)
        return self._controller(self.path)

    def _controller(self, path: str) -> Any:
        """As python-fido2's device tests have it; their controller's ports are numbered otherwise."""
        match re.fullmatch(r"/usb(\d+)/(power|touch)/(on|off)", path):
            case None:
                raise Refused(HTTPStatus.NOT_FOUND, f"there is nothing at {path}; try / or /keys/1")
            case found:
                number = 1 if len(self._robots) == 1 else _number(found[1])
        robot = self._robot(number)
        match found[2], found[3]:
            case "power", "on":
                robot.power_on()
            case "power", "off":
                robot.power_off()
            case "touch", "on":
                robot.press()
            case _:
                robot.release()
        return self._status(number)

    def _robot(self, number: int) -> Robot:
        if not 1 <= number <= len(self._robots):
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no key {number}, only 1 to {len(self._robots)}")
        return self._robots[number - 1]

    def _status(self, number: int) -> dict[str, Any]:
        status = self._robot(number).status()
        shown = asdict(status)
        if status.waiting is not None:
            asked, gesture = status.waiting
            shown["waiting"] = {**asdict(asked), "gesture": gesture.value}
        return {"number": number, **shown}

    def _verb(self) -> Any:
        """The body, JSON and said to be so, which no page can send without asking first."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
        length = _number(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a verb has at most {MAX_BODY} bytes")
        try:
            return json.loads(self.rfile.read(length))
        except (ValueError, RecursionError) as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from error


def perform(robot: Robot, verb: Any) -> None:
    """Have one of :data:`VERBS` done; ``Refused`` for anything else, ``RobotError`` for what it cannot do."""
    if not isinstance(verb, dict) or len(verb) != 1:
        verb = None
    match verb:
        case {"touch": "now"}:
            robot.touch()
        case {"touch": "press"}:
            robot.press()
        case {"touch": "release"}:
            robot.release()
        case {"touch": {"hold": float() | int() as seconds}}:
            robot.press(seconds)
        case {"touch": ("always" | "never") as habit} | {"touch": {"after": float() | int() as habit}}:
            robot.set_touch(habit)
        case {"uv": "accept"}:
            robot.verify()
        case {"uv": "refuse"}:
            robot.verify(accepted=False)
        case {"uv": ("always" | "never" | "refused") as habit} | {"uv": {"after": float() | int() as habit}}:
            robot.set_uv(habit)
        case {"sample": str() as status} if status in SampleStatus.__members__:
            robot.sample(SampleStatus[status])
        case {"power": "on"}:
            robot.power_on()
        case {"power": "off"}:
            robot.power_off()
        case {"power": "replug"}:
            robot.replug()
        case {"state": {"save": str() as name}}:
            robot.save(name)
        case {"state": {"restore": str() as name}}:
            robot.restore(name)
        case {"clock": {"advance": float() | int() as seconds}}:
            robot.advance_clock(seconds)
        case _:
            raise Refused(HTTPStatus.BAD_REQUEST, f"a body is one of {', '.join(VERBS)}")


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Refused(HTTPStatus.BAD_REQUEST, f"{text!r} is not a number")
    return int(text)
