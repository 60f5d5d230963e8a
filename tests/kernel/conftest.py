"""Tests of this folder run in a guest: here all of them are sent there, and its reports are played back.

A test is written as for a machine with ``/dev/uhid`` and root. Files that ask for the same memory by
``GUEST_MEMORY_MB`` share one boot, which may take what their ``GUEST_TIMEOUT`` (seconds) come to. What a file
needs of the network its function ``before_boot`` puts into the folder shared with the guest.
``KEYRIG_GUEST_CACHE`` names the folder that keeps the kernel; unless set it is in the user's cache folder.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import ModuleType
from typing import IO, Any

import pytest

REPORTS = "KEYRIG_GUEST_REPORTS"
"""In the guest, the environment variable that names the file for reports."""

FOLDER = Path(__file__).parent
MEMORY_MB = 2048
TIMEOUT = 600


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
    """Boots the guests at once, beside the host's tests; then plays back what they reported of their own.

    Of the processes that share a session one boots the guests, and each plays back what falls to it.
    """

    def __init__(self) -> None:
        self.runs: dict[int, Run] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=_ours)  # ours last

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        config, items = session.config, [item for item in session.items if _ours(item)]
        if not items or config.option.collectonly or _lacking():
            return
        folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        if hasattr(config, "workerinput"):
            folder = folder.parent  # which pytest-xdist's processes share
        turn = Turn(folder / "guests.lock")
        for memory_mb in sorted({_memory_mb(item) for item in items}):
            self.runs[memory_mb] = Run(folder / f"guest-{memory_mb}", turn)
        if turn.is_ours:
            for memory_mb, run in self.runs.items():
                run.start(memory_mb, [item for item in items if _memory_mb(item) == memory_mb])

    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        if not _ours(item) or _lacking():
            return None  # the fixture below says what is missing
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self.runs[_memory_mb(item)].reports_of(item):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """A guest ends with the process that booted it, where others may not have read all its reports."""
        if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not session.shouldfail:
            for run in self.runs.values():
                run.join()


class Turn:
    """Which process of a session boots its guests: the first that asks, for as long as it lives."""

    def __init__(self, path: Path) -> None:
        self._lock: IO[Any] = NamedTemporaryFile(dir=path.parent)  # noqa: SIM115 - open while this lives
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            os.link(self._lock.name, path)
            self.is_ours = True
        except FileExistsError:
            self._lock = path.open()
            self.is_ours = False

    def is_over(self) -> bool:
        """Whether the process whose turn it was is gone."""
        if self.is_ours:
            return False
        try:
            fcntl.flock(self._lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Run:
    """A guest's run, in a folder where whoever waits for its tests reads of them."""

    _building = threading.Lock()

    def __init__(self, folder: Path, turn: Turn) -> None:
        self._share, self._ending, self._turn = folder, folder / "ending", turn
        self._thread: threading.Thread | None = None
        self._reports: dict[str, list[pytest.TestReport]] = {}
        self._read = 0

    def start(self, memory_mb: int, items: list[pytest.Item]) -> None:
        """Run these tests in a guest of that memory, beside whatever else this process does."""
        self._share.mkdir()
        self._thread = threading.Thread(target=self._boot, args=(memory_mb, items), daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the guest's end, if it is this process's."""
        if self._thread is not None:
            self._thread.join()

    def reports_of(self, item: pytest.Item) -> list[pytest.TestReport]:
        """All that is reported of a test, as soon as it is all there, or no more will come."""
        while True:
            over = self._ending.exists() or self._turn.is_over()  # asked before the last reports are read
            self._read_on()
            reports = self._reports.get(item.nodeid, [])
            if any(report.when == "teardown" for report in reports):
                return reports
            if over:
                return [*reports, self._no_result(item)]
            time.sleep(0.2)

    def _boot(self, memory_mb: int, items: list[pytest.Item]) -> None:
        ending = "it was not booted"
        try:
            for prepare in {item.path: _asked(item, "before_boot", None) for item in items}.values():
                if prepare is not None:
                    prepare(self._share)
            timeout = sum({item.path: _asked(item, "GUEST_TIMEOUT", TIMEOUT) for item in items}.values())
            with self._building:
                built = guest.Guest.build(cache_folder())
            done = built.run(self._job(items), self._share, timeout=timeout, memory_mb=memory_mb)
            ending = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        except guest.GuestError as error:
            ending = str(error)
        finally:
            self._ending.with_suffix(".new").write_text(ending)
            self._ending.with_suffix(".new").rename(self._ending)

    @staticmethod
    def _job(items: list[pytest.Item]) -> str:
        # Every import takes seconds in the guest: no plugins, and no conftest above this one.
        options = ["-q", "--basetemp=/run/pytest", f"--confcutdir={FOLDER}"]
        options += ["-o", "addopts=--import-mode=importlib"]
        command = [sys.executable, "-m", "pytest", *options, *(item.nodeid for item in items)]
        return (
            f"cd {shlex.quote(str(items[0].config.rootpath))}\n"
            f"export {REPORTS}=/share/reports PYTEST_DISABLE_PLUGIN_AUTOLOAD=1\n"
            f"{shlex.join(command)}\n"
        )

    def _read_on(self) -> None:
        """Read what the guest has reported since; of a line that it still writes nothing."""
        if not (path := self._share / "reports").exists():
            return
        with path.open("rb") as file:
            file.seek(self._read)
            lines = file.read().rpartition(b"\n")
        for line in lines[0].splitlines():
            report = pytest.TestReport._from_json(json.loads(line))
            if isinstance(report.longrepr, list):  # why a test was skipped, and JSON knows no tuples
                report.longrepr = tuple(report.longrepr)
            self._reports.setdefault(report.nodeid, []).append(report)
        self._read += len(lines[0] + lines[1])

    def _no_result(self, item: pytest.Item) -> pytest.TestReport:
        ending = self._ending.read_text() if self._ending.exists() else "whoever booted it is gone"
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"the guest left no result for this test; its end:\n{ending}",
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


def _ours(item: pytest.Item) -> bool:
    return item.path.is_relative_to(FOLDER)


def _memory_mb(item: pytest.Item) -> int:
    memory_mb: int = _asked(item, "GUEST_MEMORY_MB", MEMORY_MB)
    return memory_mb


def _asked(item: pytest.Item, name: str, default: Any) -> Any:
    """What an item's file asks for by that name."""
    module: Any = item.getparent(pytest.Module)
    return getattr(module.obj, name, default)


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
        done = subprocess.run(words, input=input, capture_output=True, text=True, timeout=600, **more)
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
