"""python-fido2's device tests judge our keys over UDP: they pass, or are skipped for what a profile lacks."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from fido2.cose import CoseKey

PROFILES = ["ctap21", "ctap23", "biometric", "enterprise"]
OPTIONS = {"enterprise": ["--ep-rp-id", "enterprise.example"]}


@contextmanager
def emulated(profile: str, output: Path) -> Iterator[str]:
    """Serve a key in a process of its own, as a user would; the address of its control endpoint."""
    command = [sys.executable, "-m", "harness", "emulate", "--profile", profile, "--touch", "never"]
    command += ["--transport", "udp", "--port", "0", "--answer-port", "0", "--control", "0"]
    with output.open("w") as file, subprocess.Popen(command, stdout=file) as process:
        try:
            while not (told := re.search(r"^control (\S+)$", output.read_text(), re.MULTILINE)):
                assert process.poll() is None, "keyrig emulate has ended"
                time.sleep(0.05)
            yield told[1]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def outcomes(
    device_suite: ModuleType, tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]
) -> Iterator[dict[str, Future[Counter[str]]]]:
    """What the suite says of each profile's key; all at once, for it waits most of the time."""
    post_quantum = -48 in CoseKey.supported_algorithms()
    require(post_quantum, "ML-DSA in the cryptography package: pip install --upgrade cryptography")
    folder = tmp_path_factory.mktemp("python-fido2")
    try:
        source = device_suite.fetch(folder)
    except device_suite.SuiteError as error:
        require(False, str(error))

    def judged(profile: str) -> Counter[str]:
        with emulated(profile, folder / f"{profile}.txt") as controller:
            plugins, options = ["keys_over_udp", "impatience"], OPTIONS.get(profile, [])
            outcome: Counter[str] = device_suite.run(
                source, controller, folder / f"{profile}.xml", plugins=plugins, options=options
            )
            return outcome

    with ThreadPoolExecutor() as pool:
        yield {profile: pool.submit(judged, profile) for profile in PROFILES}


@pytest.mark.parametrize("profile", PROFILES)
def test_device_tests_pass_or_are_skipped_for_what_the_profile_lacks(
    device_suite: ModuleType, outcomes: dict[str, Future[Counter[str]]], profile: str
) -> None:
    assert outcomes[profile].result() == device_suite.EXPECTED[profile]
