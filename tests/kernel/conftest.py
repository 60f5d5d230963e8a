"""Tests of this folder run in a guest: here all of them are sent there, and its reports are played back.

A test is written as for a machine with ``/dev/uhid`` and root. Files that ask for the same memory by
``GUEST_MEMORY_MB`` share one boot, which may take what their ``GUEST_TIMEOUT`` (seconds) come to. What a file
needs of the network its function ``before_boot`` puts into the folder shared with the guest.
``KEYRIG_GUEST_CACHE`` names the folder that keeps the kernel; unless set it is in the user's cache folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPORTS = "KEYRIG_GUEST_REPORTS"
"""In the guest, the environment variable that names the file for reports."""

FOLDER = Path(__file__).parent
MEMORY_MB = 2048
TIMEOUT = 300


def _sibling(name: str) -> ModuleType:
    """A module of this folder, which is on no path."""
    spec = importlib.util.spec_from_file_location(f"keyrig_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


guest = _sibling("guest")


def pytest_configure(config: pytest.Config) -> None:
    plugin = InGuest(Path(os.environ[REPORTS])) if REPORTS in os.environ else OnHost()
    config.pluginmanager.register(plugin)


class InGuest:
    """Writes every report down at once, so that nothing is lost if the guest stops."""

    def __init__(self, reports: Path) -> None:
        self.reports = reports

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        with self.reports.open("a") as file:
            file.write(json.dumps(report._to_json()) + "\n")


class OnHost:
    """Instead of running a test plays back what a guest reported of it."""

    def __init__(self) -> None:
        self.reports: dict[int, dict[str, list[pytest.TestReport]]] = {}
        self.endings: dict[int, str] = {}

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if not item.path.is_relative_to(FOLDER) or _lacking():
            return None  # the fixture below says what is missing
        memory_mb = _asked(item, "GUEST_MEMORY_MB", MEMORY_MB)
        if memory_mb not in self.reports:
            self.reports[memory_mb] = self._run(item, memory_mb)
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self.reports[memory_mb].get(item.nodeid) or [self._no_result(item, memory_mb)]:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _run(self, item: pytest.Item, memory_mb: int) -> dict[str, list[pytest.TestReport]]:
        """Run the session's tests that ask for this memory in one guest; their reports by test."""
        config, items = item.config, item.session.items
        ours = [one for one in items if one.path.is_relative_to(FOLDER)]
        ours = [one for one in ours if _asked(one, "GUEST_MEMORY_MB", MEMORY_MB) == memory_mb]
        timeout = sum({one.path: _asked(one, "GUEST_TIMEOUT", TIMEOUT) for one in ours}.values())
        # Every import takes seconds in the guest: no plugins, and no conftest above this one.
        options = ["-q", "--basetemp=/run/pytest", f"--confcutdir={FOLDER}"]
        options += ["-o", "addopts=--import-mode=importlib"]
        job = (
            f"cd {shlex.quote(str(config.rootpath))}\n"
            f"export {REPORTS}=/share/reports PYTEST_DISABLE_PLUGIN_AUTOLOAD=1\n"
            f"{shlex.join([sys.executable, '-m', 'pytest', *options, *(one.nodeid for one in ours)])}\n"
        )
        share = config._tmp_path_factory.mktemp("guest")  # type: ignore[attr-defined]
        for prepare in {one.path: _asked(one, "before_boot", None) for one in ours}.values():
            if prepare is not None:
                prepare(share)
        try:
            done = guest.Guest.build(cache_folder()).run(job, share, timeout=timeout, memory_mb=memory_mb)
            self.endings[memory_mb] = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        except guest.GuestError as error:
            self.endings[memory_mb] = str(error)
        reports: dict[str, list[pytest.TestReport]] = {}
        for report in _read(share / "reports"):
            reports.setdefault(report.nodeid, []).append(report)
        return reports

    def _no_result(self, item: pytest.Item, memory_mb: int) -> pytest.TestReport:
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"the guest left no result for this test; its end:\n{self.endings[memory_mb]}",
            when="call",
        )


def _lacking() -> str:
    """What is missing for tests in a guest, and the line that would run them; empty if nothing is."""
    if missing := guest.missing_parts():
        return f"what tests in a guest need; as root, run 'apt-get install {' '.join(missing)}'"
    if os.geteuid() != 0:  # the guest's root sees the host's files as whoever runs it
        return "root, for tests in a guest; run 'sudo .venv/bin/pytest tests/kernel'"
    return ""


def cache_folder() -> Path:
    """Where kernels are kept."""
    user_cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("KEYRIG_GUEST_CACHE") or Path(user_cache, "keyrig", "guest"))


def _asked(item: pytest.Item, name: str, default: Any) -> Any:
    """What an item's file asks for by that name."""
    module: Any = item.getparent(pytest.Module)
    return getattr(module.obj, name, default)


def _read(path: Path) -> Iterator[pytest.TestReport]:
    if path.exists():
        for line in path.read_text().splitlines():
            yield pytest.TestReport._from_json(json.loads(line))


@pytest.fixture(scope="session", autouse=True)
def _a_guest_or_what_it_needs(request: pytest.FixtureRequest) -> None:
    if REPORTS not in os.environ:
        lacking = _lacking()
        request.getfixturevalue("require")(not lacking, lacking)


# What follows is for tests, in the guest.


@pytest.fixture(scope="session")
def share() -> Path:
    """The folder shared with the host."""
    return Path(os.environ[REPORTS]).parent


@pytest.fixture(scope="session")
def _gadgets() -> None:
    """USB device controllers whose other end is this machine."""
    subprocess.run(["modprobe", "-a", "libcomposite", "usb_f_hid", "usbhid"], check=True)
    subprocess.run(["modprobe", "dummy_hcd", "num=2"], check=True)
    if not Path("/sys/kernel/config/usb_gadget").exists():  # who mends a machine may have mounted it
        subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"], check=True)


@pytest.fixture
def keys(request: pytest.FixtureRequest) -> Iterator[Callable[..., list[Any]]]:
    """Plugs keys in and returns their robots; takes what ``KeyRing`` does, ``profile`` by its name."""
    from emulator.keyring import KeyRing
    from emulator.profile import Profile

    with ExitStack() as stack:

        def plug_in(profile: str = "ctap21", transport: str = "uhid", **more: Any) -> list[Any]:
            if transport == "gadget":
                request.getfixturevalue("_gadgets")
            ring: Any = KeyRing(
                profile=Profile.load(profile),
                random_bytes=os.urandom,
                transport=transport,  # type: ignore[arg-type]  # a test's parameter
                **more,
            )
            return stack.enter_context(ring.plugged_in(on_exchange=print, on_waiting=print))

        yield plug_in


@pytest.fixture
def run(record_property: Callable[[str, object], None]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a client to its end, which must be success unless ``code`` says otherwise; notes its version."""

    def run(
        *command: object, input: str = "", code: int | None = 0, **more: Any
    ) -> subprocess.CompletedProcess[str]:
        words = [str(word) for word in command]
        done = subprocess.run(words, input=input, capture_output=True, text=True, timeout=120, **more)
        if (version := _version(words[0])) is not None:
            record_property("client", version)
        told = f"{shlex.join(words)}\n{done.stdout}{done.stderr}"
        assert code is None or done.returncode == code, f"exit code {done.returncode} of {told}"
        return done

    return run


def _version(client: str) -> str | None:
    """A client's name and version in its own words."""
    asks = {
        "fido2-": ["fido2-token", "-V"],
        "ssh-": ["ssh", "-V"],
        "pam": ["dpkg-query", "-Wf", "${Version}", "libpam-u2f"],
    }
    for prefix, ask in asks.items():
        if client.startswith(prefix):
            done = subprocess.run(ask, capture_output=True, text=True, check=False)
            return f"{ask[-1] if prefix == 'pam' else ask[0]} {(done.stdout or done.stderr).strip()}"
    return None
