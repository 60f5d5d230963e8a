"""Chromium with the DevTools protocol's virtual authenticator (WebAuthn domain), spoken to through a pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from fcntl import F_DUPFD, fcntl
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

PROGRAM = "chromium-headless-shell"
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe")
VIRTUAL_AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": False,
    "automaticPresenceSimulation": True,
}


class EmptyPage(BaseHTTPRequestHandler):
    """Somewhere on localhost, where WebAuthn is to be had without TLS."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Page:
    """One page in a Chromium of its own: ``page.run(expression)`` waits for what a script's promise gives."""

    def __init__(self, folder: Path, url: str) -> None:
        commands, self._commands = os.pipe()
        self._events, events = os.pipe()
        ends = [fcntl(end, F_DUPFD, 10) for end in (commands, events)]  # out of the way of 3 and 4
        script = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
        command = [
            "bash",
            "-c",
            script,
            "bash",
            *map(str, ends),
            PROGRAM,
            *FLAGS,
            f"--user-data-dir={folder}",
        ]
        self._process = subprocess.Popen(command, pass_fds=ends, stderr=subprocess.DEVNULL)
        for end in (commands, events, *ends):
            os.close(end)
        self._ids, self._unread, self._session = count(1), b"", None
        target = self.call("Target.createTarget", url=url)["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("WebAuthn.enable")
        self.call("WebAuthn.addVirtualAuthenticator", options=VIRTUAL_AUTHENTICATOR)
        while self.run("document.readyState + location.hostname") != "completelocalhost":
            pass

    def call(self, method: str, **parameters: Any) -> Any:
        """A command's result, whatever events come before it."""
        message = {"id": next(self._ids), "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != message["id"]:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def run(self, expression: str) -> Any:
        evaluated = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in evaluated, evaluated
        return evaluated["result"].get("value")

    def _read(self) -> Any:
        while b"\0" not in self._unread:
            more = os.read(self._events, 1 << 16)
            assert more, "Chromium has gone"
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return json.loads(message)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._commands)
        os.close(self._events)


@pytest.fixture
def chromium(tmp_path: Path, require: Callable[[object, str], None]) -> Iterator[Page]:
    require(shutil.which(PROGRAM), f"{PROGRAM}: apt-get install {PROGRAM}")
    server = HTTPServer(("localhost", 0), EmptyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = Page(tmp_path / "chromium", f"http://localhost:{server.server_port}/")
    yield page
    page.close()
    server.shutdown()
    server.server_close()
