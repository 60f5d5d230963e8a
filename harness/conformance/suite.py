"""The pytest plugin of the conformance suite: fixtures, markers, and the proof that its tests can fail.

``keyrig conform`` loads it with ``-p harness.conformance.suite``. With ``--keyrig-prove`` each test is run
once for every fault that it says it catches, on a key with that fault, and passes if it fails each time.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import runtestprotocol

from harness.conformance.report import Report, now, summary
from harness.conformance.results import RESULT, Results, identify, result_of, said_of
from harness.plugin import key_source
from harness.runner import version

if TYPE_CHECKING:
    from harness.conformance.ceremony import Ceremony
    from harness.conformance.pin import PinAuth
    from harness.conformance.probe import Probe
    from harness.conformance.trace import Trace
    from harness.conformance.wire import Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the key under test has, and its getInfo by the members' names."""

    features: frozenset[str]
    info: Mapping[str, Any]


PIN = "conform 1"
"""The PIN that tests give a key that has none."""

TRACE: pytest.StashKey[Trace] = pytest.StashKey()
FAULT: pytest.StashKey[str] = pytest.StashKey()
FOUND: pytest.StashKey[_Found] = pytest.StashKey()
RESULTS: pytest.StashKey[Results] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("keyrig")
    group.addoption(
        "--keyrig-prove", action="store_true", help="show that each test fails on the broken keys it names"
    )
    group.addoption("--keyrig-json", metavar="FILE", help="write the conformance results there")
    group.addoption("--keyrig-html", metavar="FILE", help="write them there as a page")
    group.addoption("--keyrig-spec", metavar="PREFIX", help="only tests whose identifier begins so")
    group.addoption("--keyrig-list", action="store_true", help="list the tests instead of running them")


def pytest_configure(config: pytest.Config) -> None:
    for line in (
        "spec(identifier, section): a conformance test's name for ever, and what it rests on",
        "catches(fault, ...): faults of a key on which the test fails",
        "destructive(what): changes the key for good: its PIN, what it stores, a reset",
        "touches(count): how often it has a person touch the key; once unless said",
        "slow(seconds): how long it takes with a key that lives in real time",
    ):
        config.addinivalue_line("markers", line)
    if not hasattr(config, "workerinput"):  # where pytest-xdist runs, not in its workers
        config.stash[RESULTS] = Results()
        config.pluginmanager.register(config.stash[RESULTS])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if prefix := config.getoption("keyrig_spec"):
        kept = [item for item in items if identify(item)[0].startswith(prefix.upper())]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    if not session.config.getoption("keyrig_list"):
        return None
    for item in session.items:
        identifier, section = identify(item)
        print(f"{identifier:<30} {section:<44} {said_of(item)[0]}")
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    report = _report(config)
    if report is None or config.getoption("keyrig_list"):
        return
    terminalreporter.ensure_newline()
    for line in summary(report):
        terminalreporter.write_line(line, red=line.startswith("✘"))
    for option, content in (("keyrig_json", report.to_json), ("keyrig_html", report.to_html)):
        if path := config.getoption(option):
            try:
                Path(path).write_text(content(), "utf-8")
            except OSError as error:
                terminalreporter.write_line(f"could not write {path}: {error.strerror}", red=True)
            else:
                terminalreporter.write_line(f"written: {path}")


def _report(config: pytest.Config) -> Report | None:
    """What was found so far; None where nothing was run."""
    results = list(config.stash.get(RESULTS, ()))
    if not results:
        return None
    found = _found(config)
    return Report(
        key=str(key_source(config)),
        version=version(),
        features=sorted(found.features),
        info=found.info,
        results=results,
        date=now(),
    )


@pytest.fixture
def probe(request: pytest.FixtureRequest) -> Iterator[Probe]:
    """The key under test: a new one if it is emulated. Skips what it lacks, or may not be done to it."""
    from emulator.clock import ManualClock
    from harness.conformance.probe import Probe
    from harness.conformance.trace import Trace
    from harness.devices.find import find_key

    item, config = request.node, request.config
    source = key_source(config)
    needed = [need for mark in item.iter_markers("needs") for need in mark.args]
    found = _found(config).features
    if missing := [need for need in needed if need not in found]:
        pytest.skip(f"needs {', '.join(missing)}, which {source} does not have")
    if (mark := item.get_closest_marker("destructive")) and "destructive" not in source.capabilities:
        pytest.skip(f"{mark.args[0]}: only with --destructive is that done to {source}")
    if fault := item.stash.get(FAULT, None):
        source = find_key(f"{source}+{fault}")
    trace = item.stash[TRACE] = Trace()
    key = source.new(clock=ManualClock(), seed=f"{config.getoption('keyrig_seed')} {item.nodeid}")
    try:
        yield Probe(key, trace)
    finally:
        key.close()


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
        return probe.key.pin() or PIN
    pin_auth.set_pin(PIN).succeeded()
    probe.info_now()
    return PIN


@pytest.fixture
def pin_auth(probe: Probe) -> PinAuth:
    """The key's preferred PIN/UV auth protocol."""
    from harness.conformance.pin import PinAuth

    return PinAuth(probe, probe.info[6][0])


def _found(config: pytest.Config) -> _Found:
    """What the key is; of one with a fault, what it would be without."""
    from emulator.clock import ManualClock
    from harness.conformance.features import features, named_info
    from harness.conformance.probe import Probe
    from harness.conformance.trace import Trace
    from harness.devices.find import find_key

    if FOUND not in config.stash:
        source = key_source(config)
        name = str(source)
        if name.startswith("emulated:"):
            source = find_key(name.partition("+")[0])
        key = source.new(clock=ManualClock(), seed="")
        probe = Probe(key, Trace())
        config.stash[FOUND] = _Found(
            features=features(probe) | source.capabilities, info=named_info(probe.info)
        )
        key.close()
    return config.stash[FOUND]


# The proof.


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    if not item.config.getoption("keyrig_prove"):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in _proof(item, nextitem):
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _proof(item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """One report: passed if the test fails on every broken key that it names."""
    faults = [name for mark in item.iter_markers("catches") for name in mark.args]
    unnoticed = [] if faults else ["it names no fault that it catches"]
    reports: list[pytest.TestReport] = []
    for fault in faults:
        item.stash[FAULT] = fault
        item._initrequest()  # type: ignore[attr-defined]  # the fixtures of a further run
        reports = runtestprotocol(item, nextitem=item if fault != faults[-1] else nextitem, log=False)
        outcomes = {report.when: report for report in reports}
        if any(report.skipped for report in reports):
            return reports
        if "call" not in outcomes:
            unnoticed.append(
                f"with {fault} it does not get as far as its own claim: {_why(outcomes['setup'])}"
            )
        elif outcomes["call"].passed:
            unnoticed.append(f"it passes on a key with {fault}")
    report = pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict(item.keywords),
        outcome="failed" if unnoticed else "passed",
        longrepr="; ".join(unnoticed) or None,
        when="call",
        user_properties=[("fault", fault) for fault in faults],
    )
    setattr(report, RESULT, result_of(item, report, None))
    return [report]


def _why(setup: pytest.TestReport) -> str:
    crash = getattr(setup.longrepr, "reprcrash", None)
    return str(crash.message).splitlines()[0] if crash else setup.longreprtext


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "setup":
        item.user_properties.append(("spec", " ".join(identify(item))))
    setattr(report, RESULT, result_of(item, report, item.stash.get(TRACE, None)))
    return report
