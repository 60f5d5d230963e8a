"""The command in a process of its own, over UDP: what it says, what it obeys, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fido2.ctap import CtapError
from fido2.ctap1 import Ctap1
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CtapHidDevice

from emulator.emulate import emulate

Client = Callable[[int], AbstractContextManager[CtapHidDevice]]
UDP = ["--transport", "udp", "--port", "0", "--answer-port", "0"]


class Running:
    """A ``keyrig emulate``."""

    def __init__(self, *options: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulator.emulate", *UDP, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.created = self.line()
        self.ports = [int(port) for port in re.findall(r"udp:127\.0\.0\.1:(\d+)", self.created)]

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def enter(self, text: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str, str]:
        """Exit code and what it still said on standard output and error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@pytest.fixture
def running() -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*options: str, **environment: str) -> Running:
        started.append(Running(*options, **environment))
        return started[-1]

    yield start
    for one in started:
        with one.process:
            one.process.kill()


def words(line: str) -> str:
    return " ".join(line.split())


def test_it_says_what_it_created_and_each_request_in_a_line(
    running: Callable[..., Running], device_at: Client
) -> None:
    keys = running("-n", "2", "--profile", "ctap20")
    a, b = keys.ports
    assert keys.created == f"udp:127.0.0.1:{a} udp:127.0.0.1:{b}, 2 keys, ctap20"
    with device_at(b) as device:
        ctap = Ctap2(device)
        rp, user = {"id": "example.com"}, {"id": b"alice"}
        ctap.make_credential(b"c" * 32, rp, user, [{"type": "public-key", "alg": -7}])
    shown = [words(keys.line()) for _ in range(2)]
    assert re.fullmatch(r"\d\d:\d\d:\d\d key 2 getInfo - SUCCESS \d+\.\d ms", shown[0])
    assert re.fullmatch(r"\d\d:\d\d:\d\d key 2 makeCredential example.com SUCCESS \d+\.\d ms", shown[1])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_cleanly_whatever_runs(
    running: Callable[..., Running], device_at: Client, number: signal.Signals
) -> None:
    key = running("--touch", "never")
    assert key.created == f"udp:127.0.0.1:{key.ports[0]}, 1 key, ctap21"
    with device_at(key.ports[0]) as device:
        device._connection.write_packet(
            device._channel_id.to_bytes(4, "big") + b"\x90\x00\x01\x0b" + bytes(56)
        )
        device._connection.read_packet()  # a keepalive: it waits
        code, out, err = key.end(number)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "selection" in lines[0]
    assert "abandoned" in lines[0]
    assert lines[1:] == ["stopped"]


def test_prompt_shows_the_request_and_wakes_on_enter(
    running: Callable[..., Running], device_at: Client
) -> None:
    key = running("--profile", "passkey", "--touch", "prompt", "--uv", "prompt")
    with device_at(key.ports[0]) as device:
        ctap = Ctap2(device)
        key.line()
        answers: list[Any] = []

        def make() -> None:
            rp, user = {"id": "example.com"}, {"id": b"alice"}
            try:
                answers.append(
                    ctap.make_credential(
                        b"c" * 32, rp, user, [{"type": "public-key", "alg": -7}], options={"uv": True}
                    )
                )
            except CtapError as error:
                answers.append(error)

        for replies in (["n", "n", "n"], [""]):
            client = threading.Thread(target=make)
            client.start()
            for reply in replies:
                assert key.line() == (
                    "makeCredential for example.com: press Enter to be verified, or n and Enter to be refused"
                )
                key.enter(reply)
            client.join(20)
            assert "makeCredential" in key.line()
        assert isinstance(answers[0], CtapError)
        assert answers[1].auth_data.is_user_verified()

        client = threading.Thread(target=lambda: answers.append(ctap.selection()))
        client.start()
        assert key.line() == "selection: press Enter to touch the key"
        key.enter()
        client.join(20)
        assert answers[2] is None
    assert re.search(r"selection - SUCCESS \d+\.\d ms \+ \d+\.\d s waiting for the user", words(key.line()))


def test_prompt_asks_for_a_long_touch_too(running: Callable[..., Running], device_at: Client) -> None:
    key = running("--profile", "ctap23", "--touch", "prompt", "--control", "0")
    url = key.line().removeprefix("control ")
    with device_at(key.ports[0]) as device:
        Ctap2(device).send_cbor(0x0D, {1: 4})  # enableLongTouchForReset
        key.line()
        key.line()
        client = threading.Thread(target=lambda: Ctap2(device).reset())
        client.start()
        key.line()
        assert key.line() == "reset: press Enter to hold the key for 5 s"
        key.enter()
        post(f"{url}/keys/1", {"clock": {"advance": 6}})
        client.join(20)
    assert re.search("reset +- +SUCCESS", key.line())


def post(url: str, verb: Any) -> Any:
    request = urllib.request.Request(  # noqa: S310  # ours
        url, json.dumps(verb).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        return json.load(response)


def test_prompt_is_for_u2f_as_well(running: Callable[..., Running], device_at: Client) -> None:
    key = running("--profile", "u2f-only", "--touch", "prompt")
    with device_at(key.ports[0]) as device:
        answers: list[Any] = []

        def register() -> None:
            while not answers:
                try:
                    answers.append(Ctap1(device).register(b"c" * 32, b"a" * 32))
                except Exception:  # noqa: S112  # 6985: asked again, as a platform does
                    continue

        client = threading.Thread(target=register)
        client.start()
        assert key.line() == f"U2F register for sha256:{(b'a' * 6).hex()}…: press Enter to touch the key"
        assert "CONDITIONS_NOT_SATISFIED" in key.line()
        key.enter()
        client.join(20)
    assert answers
    assert "NO_ERROR" in key.line()


def test_end_of_standard_input_is_told_and_ends_nothing(
    running: Callable[..., Running], device_at: Client
) -> None:
    key = running("--touch", "prompt")
    assert key.process.stdin is not None
    key.process.stdin.close()
    assert key.line() == "standard input has ended: nobody can press Enter any more"
    with device_at(key.ports[0]) as device:
        assert device.ping(b"x") == b"x"


def test_control_endpoint_is_told_and_drives_the_key(
    running: Callable[..., Running], device_at: Client
) -> None:
    key = running("--touch", "never", "--control", "0")
    found = re.fullmatch(r"control (http://127\.0\.0\.1:\d+)", key.line())
    assert found is not None
    assert post(f"{found[1]}/keys/1", {"touch": "press"})["profile"] == "ctap21"
    with device_at(key.ports[0]) as device:
        Ctap2(device).selection()
    assert key.end()[0] == 0


def test_touch_after_seconds_comes_by_itself(running: Callable[..., Running], device_at: Client) -> None:
    key = running("--touch", "after=0.2s")
    with device_at(key.ports[0]) as device:
        Ctap2(device).selection()
        key.line()
    assert "+ 0.2 s waiting" in key.line()


def test_store_and_pin_last_and_no_secret_is_shown(
    running: Callable[..., Running], device_at: Client, tmp_path: Path
) -> None:
    store = str(tmp_path / "keys.db")
    shown = ""
    for environment in ({"KEYRIG_PIN": "s3cret-pin"}, {}):
        key = running("--store", store, KEYRIG_STORE_PASSPHRASE="s3cret-phrase", **environment)
        with device_at(key.ports[0]) as device:
            assert ClientPin(Ctap2(device)).get_pin_token("s3cret-pin", 2, "example.com")
        shown += "".join(key.end()[1:])
    assert "clientPIN" in shown
    assert "s3cret" not in shown
    assert not (tmp_path / "keys.db.key").exists()


def test_nobody_reading_its_output_ends_it(running: Callable[..., Running], device_at: Client) -> None:
    key = running()
    assert key.process.stdout is not None
    key.process.stdout.close()
    with device_at(key.ports[0]) as device:
        Ctap2(device)
    assert key.process.wait(30) == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--profile", "nope"], "unknown profile 'nope'; known: "),
        (["--profile", "u2f-only", "--pin", "123456"], "profile u2f-only has no PIN"),
        (["--pin", "123"], "at least 4 characters"),
        (["--store", "/nowhere/keys.db"], "/nowhere/keys.db: No such file or directory"),
        (["--touch", "sometimes"], "'sometimes' is not one of always|never|prompt|after=2s"),
        (["--uv", "after=2s"], "'after=2s' is not one of always|never|prompt"),
        (["-n", "0"], "0 is not in the range"),
        (["--transport", "carrier-pigeon"], "'carrier-pigeon' is not one of"),
    ],
)
def test_misuse_is_one_clear_line_and_exit_code_two(options: list[str], why: str) -> None:
    result = CliRunner().invoke(emulate, [*UDP, *options])
    assert result.exit_code == 2
    (line,) = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert why in line
    assert "Traceback" not in result.output


def test_pin_is_asked_for_without_showing_it() -> None:
    result = CliRunner().invoke(
        emulate, [*UDP, "--profile", "u2f-only", "--pin", "-"], input="s3cret\ns3cret\n"
    )
    assert "profile u2f-only has no PIN" in result.output
    assert "s3cret" not in result.output


def test_port_that_is_taken_is_one_line(running: Callable[..., Running]) -> None:
    taken = str(running().ports[0])
    result = CliRunner().invoke(emulate, [*UDP, "--port", taken])
    assert result.exit_code == 2
    assert result.output == f"Error: UDP port {taken}: Address already in use; choose another with --port\n"


@pytest.mark.parametrize("address", ["here", "127.0.0.1:", ":35963", "127.0.0.1:0", "127.0.0.1:65536"])
def test_address_of_a_reader_that_is_none_is_a_usage_error(address: str) -> None:
    done = CliRunner().invoke(emulate, ["--transport", "pcsc", "--reader-address", address])
    assert done.exit_code == 2
    assert f"'{address}' is not as in 127.0.0.1:35963" in done.output


def test_a_fault_breaks_the_key_that_is_plugged_in(
    running: Callable[..., Running], device_at: Client
) -> None:
    key = running("--fault", "mc-up-not-set")
    assert key.created.endswith("1 key, ctap21+mc-up-not-set")
    with device_at(key.ports[0]) as device:
        rp, user = {"id": "example.com"}, {"id": b"alice"}
        made = Ctap2(device).make_credential(b"c" * 32, rp, user, [{"type": "public-key", "alg": -7}])
    assert not made.auth_data.is_user_present()


def test_a_fault_that_does_not_exist_is_named_with_those_near_it() -> None:
    done = CliRunner().invoke(emulate, [*UDP, "--fault", "mc-up-not-sett"])
    assert done.exit_code == 2
    assert "no fault is called 'mc-up-not-sett'; near it: " in done.stderr
    assert "mc-up-not-set" in done.stderr.partition("near it")[2]
