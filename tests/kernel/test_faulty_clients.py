"""libfido2 and Chromium at keys that are broken on purpose: what they notice, what they leave to others."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import SimpleQueue
from subprocess import CompletedProcess
from typing import Any

import pytest

from emulator.faults import faults_named

GUEST_TIMEOUT = 900

Keys = Callable[..., list[Any]]
Run = Callable[..., CompletedProcess[str]]
RP_ID = "localhost"
PATIENCE = 900.0
"""Seconds for a ceremony, with the browser's start before the first, in an emulated machine."""

PAGE = b"""<!doctype html><script>
const bytes = length => crypto.getRandomValues(new Uint8Array(length));
const create = () => navigator.credentials.create({publicKey: {
  challenge: bytes(32), rp: {name: "A site"}, user: {id: bytes(16), name: "alice", displayName: "Alice"},
  pubKeyCredParams: [{type: "public-key", alg: -7}], attestation: "none", timeout: 15000,
  authenticatorSelection: {authenticatorAttachment: "cross-platform", userVerification: "discouraged"},
}});
(async () => {
  for (;;) {
    await fetch("/wanted");
    const outcome = await create().then(made => "made", error => error.name);
    await fetch("/outcome", {method: "POST", body: outcome});
  }
})();
</script>"""


def lines(*values: bytes | str) -> str:
    """Parameters as libfido2's tools read them: bytes in Base64, one a line."""
    shown = (value if isinstance(value, str) else base64.b64encode(value).decode() for value in values)
    return "".join(f"{line}\n" for line in shown)


def plugged_in(keys: Keys, fault: str) -> Any:
    """A key with this fault, or a sound one."""
    return keys("ctap21", faults=faults_named([fault] if fault else []))[0]


@pytest.mark.parametrize(
    ("fault", "refused_by"),
    [
        ("", None),
        ("mc-trailing-bytes", None),  # it reads what it needs, and no further
        ("mc-algorithm-other", "fido2-cred -M"),
        ("mc-rp-id-hash-wrong", "fido2-cred -V"),
        ("mc-up-not-set", "fido2-cred -V"),
        ("mc-attestation-bad", "fido2-cred -V"),
        ("ga-signature-bad", "fido2-assert -V"),
        ("ga-count-stuck", None),
    ],
)
def test_libfido2_refuses_what_it_can_see_and_leaves_the_count_to_the_relying_party(
    keys: Keys, run: Run, tmp_path: Path, fault: str, refused_by: str | None
) -> None:
    node = plugged_in(keys, fault).name
    asked = lines(os.urandom(32), RP_ID, "alice", os.urandom(16))

    def step(name: str, *words: object, input: str) -> str:
        program, mode = name.split()
        done = run(program, mode, *words, input=input, code=1 if name == refused_by else 0)
        if name == refused_by:
            raise Refused
        return done.stdout

    try:
        made = step("fido2-cred -M", node, "es256", input=asked)
        credential_id, public_key = step("fido2-cred -V", "es256", input=made).split("\n", 1)
        (tmp_path / "key.pem").write_text(public_key)
        signed = step("fido2-assert -G", node, input=lines(os.urandom(32), RP_ID, credential_id))
        step("fido2-assert -V", tmp_path / "key.pem", "es256", input=signed)
    except Refused:
        return
    assert refused_by is None


class Refused(Exception):  # noqa: N818  # as is wanted
    """The client refused what was to be refused."""


class Site:
    """A page that registers whenever it is asked to, and says what came of it."""

    def __init__(self) -> None:
        self.wanted: SimpleQueue[None] = SimpleQueue()
        self.outcomes: SimpleQueue[str] = SimpleQueue()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def register(self) -> str:
        """``made``, or the name of the DOMException that the page got."""
        self.wanted.put(None)
        return self.outcomes.get(timeout=PATIENCE)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, site: Site, *more: Any) -> None:
        self._site = site
        super().__init__(*more)

    def do_GET(self) -> None:
        if self.path == "/wanted":
            self._site.wanted.get()
        self._send(PAGE if self.path == "/" else b"")

    def do_POST(self) -> None:
        self._site.outcomes.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._send(b"")

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site, folder = Site(), tmp_path_factory.mktemp("profile")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
    flags += ["--remote-debugging-port=0", "--disable-background-networking", "--disable-extensions"]
    flags += [f"--user-data-dir={folder}", "--enable-features=NetworkServiceInProcess2"]
    with (folder / "log").open("wb") as log:
        browser = subprocess.Popen(
            ["chromium-headless-shell", *flags, f"http://{RP_ID}:{site.server.server_port}/"],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    yield site
    os.killpg(browser.pid, signal.SIGKILL)
    browser.wait()
    site.server.shutdown()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("", "made"),
        ("mc-rp-id-hash-wrong", "NotAllowedError"),
        ("mc-attestation-bad", "made"),  # the relying party's to verify
    ],
)
def test_chromium_gives_its_page_nothing_that_it_can_see_is_wrong(
    keys: Keys, site: Site, fault: str, outcome: str
) -> None:
    plugged_in(keys, fault)
    assert site.register() == outcome
