"""The pytest plugin of the conformance suite: its options, markers and fixtures.

``keyrig conform`` loads it with ``-p harness.conformance.suite``.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from harness.conformance.proof import FAULT, Proof
from harness.conformance.record import LEFT, Record, reported
from harness.conformance.results import RESULT, identify, result_of, said_of
from harness.conformance.table import table, tested, untested
from harness.plugin import KEY_SOURCE, key_source

if TYPE_CHECKING:
    from harness.conformance.ceremony import Ceremony
    from harness.conformance.pin import PinAuth
    from harness.conformance.probe import Probe
    from harness.conformance.trace import Trace
    from harness.conformance.wire import Wire
    from harness.devices.key import Key

PIN = "conform 1"
"""The PIN that tests give a key that has none."""

TRACE: pytest.StashKey[Trace] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("keyrig")
    group.addoption(
        "--keyrig-prove", action="store_true", help="show that each test fails on the broken keys it names"
    )
    group.addoption("--keyrig-json", metavar="FILE", help="write the conformance results there")
    group.addoption("--keyrig-html", metavar="FILE", help="write them there as a page")
    group.addoption("--keyrig-resume", metavar="FILE", help="go on where the run that wrote FILE stopped")
    group.addoption("--keyrig-spec", metavar="PREFIX", help="only tests whose identifier begins so")
    group.addoption("--keyrig-list", action="store_true", help="list the tests instead of running them")
    group.addoption("--keyrig-table", action="store_true", help="print what is tested and what is not")
    group.addoption("--keyrig-touch-command", metavar="COMMAND", help="run this for each touch of a key")
    group.addoption("--keyrig-touch-url", metavar="URL", help='post {"touch": "now"} there for each')
    group.addoption(
        "--keyrig-longest-wait",
        type=float,
        default=float("inf"),
        metavar="SECONDS",
        help="leave out tests that wait longer, where time is real",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "spec(identifier, section): a conformance test's name for ever, and what it rests on",
        "catches(fault, ...): faults of a key on which the test fails",
        "destructive(what): changes the key for good: its PIN, what it stores, a reset",
        "touches(count): how often it has a person touch the key; once unless said",
        "slow(seconds): how long it takes with a key that lives in real time",
    ):
        config.addinivalue_line("markers", line)
    _take_key(config)
    if config.getoption("keyrig_prove"):
        config.pluginmanager.register(Proof())
    if not hasattr(config, "workerinput"):  # where pytest-xdist runs, not in its workers
        config.pluginmanager.register(Record(config))


def _take_key(config: pytest.Config) -> None:
    """Find the key of this run; one at hand is touched by whom the options say, and its run has a course."""
    from harness.conformance.attendance import attendant
    from harness.conformance.course import Course
    from harness.devices.find import HardwareSource, find_key
    from harness.devices.key import DeviceError

    try:
        source = find_key(
            config.getoption("keyrig_key"),
            lambda: attendant(config),
            destructive=config.getoption("keyrig_destructive"),
        )
    except DeviceError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[KEY_SOURCE] = source
    if isinstance(source, HardwareSource):
        config.pluginmanager.register(Course(config, source))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    prefix = config.getoption("keyrig_spec") or ""
    done = {result["identifier"] for result in reported(config)}
    kept = [
        item for item in items if (name := identify(item)[0]).startswith(prefix.upper()) and name not in done
    ]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if session.config.getoption("keyrig_table"):
        everything = not session.config.getoption("keyrig_spec")
        print("\n".join(table([*tested(session.items), *(untested() if everything else ())])))
        return True
    if not session.config.getoption("keyrig_list"):
        return None
    for item in session.items:
        identifier, section = identify(item)
        print(f"{identifier:<30} {section:<44} {said_of(item)[0]}")
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    return (yield from _skipping_what_cannot_be(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    return (yield from _skipping_what_cannot_be(item))


def _skipping_what_cannot_be(item: pytest.Item) -> Generator[None, None, None]:
    """Skip a test of what the key cannot do, or what may not be done to it; for a PIN at risk, all others."""
    from harness.conformance.attendance import wrong_pin
    from harness.conformance.probe import UnexpectedStatusError
    from harness.devices.key import NotCapable, PinAtRisk, PinUnknown, Unchangeable

    try:
        return (yield)
    except (NotCapable, PinUnknown, Unchangeable) as reason:
        pytest.skip(str(reason))
    except (PinAtRisk, UnexpectedStatusError) as error:
        why = str(error) if isinstance(error, PinAtRisk) else wrong_pin(item)
        if why is None:
            raise
        item.session.shouldfail = why
        pytest.skip(why)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    from harness.conformance.attendance import leave
    from harness.devices.find import HardwareSource

    source = session.config.stash.get(KEY_SOURCE, None)
    if isinstance(source, HardwareSource):
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        session.config.stash[LEFT] = leave(session.config, source, interrupted=interrupted)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "setup":
        item.user_properties.append(("spec", " ".join(identify(item))))
    setattr(report, RESULT, result_of(item, report, item.stash.get(TRACE, None)))
    return report


# The fixtures that tests are written with.


@pytest.fixture
def probe(request: pytest.FixtureRequest) -> Iterator[Probe]:
    """The key under test: a new one if it is emulated. Skips what it lacks, or may not be done to it."""
    from harness.conformance.attendance import left_with
    from harness.conformance.course import missing
    from harness.conformance.found import found
    from harness.conformance.probe import Probe
    from harness.conformance.trace import Trace
    from harness.devices.find import HardwareSource

    item, config = request.node, request.config
    source, known = key_source(config), found(config)
    if lacks := missing(item, known.features):
        pytest.skip(f"needs {', '.join(lacks)}, which {source} does not have")
    if (mark := item.get_closest_marker("destructive")) and "destructive" not in source.capabilities:
        pytest.skip(f"{mark.args[0]}: only with --destructive is that done to {source}")
    trace = item.stash[TRACE] = Trace()
    with closing(_key(item)) as key:
        probe = Probe(key, trace, waits=known.waits)
        yield probe
        if isinstance(source, HardwareSource):
            left_with(config, probe.pin_set)


def _key(item: pytest.Item) -> Key:
    """The key under test, as if it were new where that matters."""
    from emulator.clock import ManualClock
    from harness.conformance.attendance import key_at_hand
    from harness.devices.find import HardwareSource, find_key

    source = key_source(item.config)
    if isinstance(source, HardwareSource):
        return key_at_hand(item, source)
    if fault := item.stash.get(FAULT, None):
        source = find_key(f"{source}+{fault}")
    return source.new(clock=ManualClock(), seed=f"{item.config.getoption('keyrig_seed')} {item.nodeid}")


@pytest.fixture
def wire(probe: Probe) -> Wire:
    """The raw packets of the key under test."""
    from harness.conformance.wire import Wire

    return Wire(probe.key, probe.trace)


@pytest.fixture
def ceremony(probe: Probe) -> Ceremony:
    """Registers and signs in with the key under test."""
    from harness.conformance.ceremony import Ceremony

    return Ceremony(probe)


@pytest.fixture
def pin(probe: Probe, pin_auth: PinAuth) -> str:
    """The PIN of the key under test; one that has none gets one, which is destructive."""
    if probe.option("clientPin"):
        return probe.pin() or PIN
    pin_auth.set_pin(PIN).succeeded()
    probe.info_now()
    return PIN


@pytest.fixture
def pin_auth(probe: Probe) -> PinAuth:
    """The key's preferred PIN/UV auth protocol."""
    from harness.conformance.pin import PinAuth

    return PinAuth(probe, probe.info[6][0])
