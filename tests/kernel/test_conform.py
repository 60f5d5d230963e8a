"""The conformance suite on keys that Linux sees: under /dev/uhid, and as a USB device at its device port.

Python is many times slower in the guest: what each door adds to a key is its packets, and that it can be
unplugged, so these are tested, and each command once. In simulated time and over UDP every test is run, on
the host.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

GUEST_TIMEOUT = 900

ROOT = Path(__file__).parent.parent.parent
CHANNELS = "ctaphid_init or ctaphid_transactions"
COMMANDS = "members_of_the_response or rp_id_hash"
REPLUGS = "test_reset"
LEAN = ["--", "-p", "no:hypothesispytest", "-p", "no:benchmark"]


@pytest.mark.parametrize(
    ("transport", "tests", "least"),
    [
        ("uhid", f"{CHANNELS} or ctaphid_messages or {COMMANDS} or {REPLUGS}", 65),
        ("gadget", f"{CHANNELS} or {COMMANDS}", 25),
    ],
)
def test_the_suite_passes_through_the_kernel(
    transport: str, tests: str, least: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if transport == "gadget":
        request.getfixturevalue("_gadgets")
    emulate = [sys.executable, "-m", "emulator.emulate", "--transport", transport, "--profile", "ctap23"]
    with subprocess.Popen(
        [*emulate, "--touch", "never", "--control", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as emulator:
        assert emulator.stdout is not None
        node = emulator.stdout.readline().partition(",")[0]
        control = emulator.stdout.readline().split()[-1]
        try:
            report = tmp_path / "report.json"
            words = ["--key", f"hid:{node}", "--touch-url", f"{control}/keys/1", "--longest-wait", "2"]
            words += ["--destructive", "-k", tests]
            done = subprocess.run(
                [sys.executable, "-m", "harness", "conform", *words, "--json", report, *LEAN],
                cwd=ROOT,
                input=f"{_serial_number(node)}\n",
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            emulator.terminate()
            emulator.communicate(timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = [test["outcome"] for test in json.loads(report.read_text())["tests"]]
    assert outcomes.count("failed") == 0
    assert outcomes.count("passed") >= least


def _serial_number(node: str) -> str:
    """What the kernel knows the key at ``node`` by."""
    uevent = Path("/sys/class/hidraw", Path(node).name, "device", "uevent").read_text()
    [name] = [line for line in uevent.splitlines() if line.startswith("HID_UNIQ=")]
    return name.removeprefix("HID_UNIQ=")
