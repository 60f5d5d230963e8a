"""The course of a run with a key at hand: in which order, with how many touches, and where to go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from harness.conformance.found import Found, found
from harness.conformance.results import only_tells
from harness.devices.find import HardwareSource

TOUCH_TIME = 3.0
"""Seconds that a person takes for a touch."""
REPLUG_TIME = 5.0
"""Seconds to pull a key out and plug it in again."""
TEST_TIME = 0.05
"""Seconds that a test takes besides, of a key that is quick."""
ANSWERS = 2
"""A test takes so many times what the key takes to tell what it is, which is much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run will ask of the person: so many ``touches``; and how long it will take, in ``seconds``.

    ``resets`` is how often it may have to be plugged in anew, to be made as new for a test that changes it;
    ``waits`` is what tests wait in all, and ``each`` what one takes besides, in seconds.
    """

    tests: int
    touches: int
    resets: int
    waits: float
    each: float
    tireless: bool

    @property
    def seconds(self) -> float:
        """In all, about."""
        asked = 0 if self.tireless else TOUCH_TIME * self.touches + REPLUG_TIME * self.resets
        return self.tests * self.each + self.waits + asked

    def __str__(self) -> str:
        if not self.touches:
            touched = "no touch is asked for"
        else:
            by = "by your robot" if self.tireless else "announced one by one"
            touched = f"{self.touches} {'touch' if self.touches == 1 else 'touches'}, {by}"
        minutes, seconds = divmod(round(self.seconds), 60)
        lasts = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        resets = f", {self.resets} resets at most, each of a key plugged in anew" if self.resets else ""
        return f"{self.tests} tests, {touched}{resets}; about {lasts}"


def slow(item: pytest.Item) -> float:
    """Seconds of real time that a test waits."""
    mark = item.get_closest_marker("slow")
    return float(mark.args[0]) if mark else 0.0


def touches(item: pytest.Item) -> int:
    """How often a test has a person touch the key."""
    mark = item.get_closest_marker("touches")
    return int(mark.args[0]) if mark else 1


def missing(item: pytest.Item, features: Iterable[str]) -> list[str]:
    """What a test needs and the key does not have."""
    needed = dict.fromkeys(need for mark in item.iter_markers("needs") for need in mark.args)
    return [need for need in needed if need not in features]


def in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """First what leaves the key as it was; of that first what nobody has to touch, and last what waits."""
    return sorted(
        items,
        key=lambda item: (
            item.get_closest_marker("destructive") is not None,
            slow(item) > 0,
            touches(item) > 0,
        ),
    )


def plan(items: Iterable[pytest.Item], key: Found, source: HardwareSource, longest_wait: float) -> Plan:
    """What running ``items`` will take."""
    run = [
        item
        for item in items
        if not missing(item, key.features)
        and slow(item) <= longest_wait
        and ("destructive" in key.features or item.get_closest_marker("destructive") is None)
    ]
    changing = sum(item.get_closest_marker("destructive") is not None for item in run)
    resets = changing if "power-cycle" in key.features and not source.attendant.replugs else 0
    return Plan(
        tests=len(run),
        touches=sum(map(touches, run)) + resets if key.waits else 0,
        resets=resets if "ctaphid" in key.features else 0,  # a reader cuts the power by itself
        waits=sum(map(slow, run)),
        each=TEST_TIME + ANSWERS * key.seconds,
        tireless=source.attendant.tireless,
    )


class Course:
    """A pytest plugin that orders and announces a run with the key of ``source``."""

    def __init__(self, config: pytest.Config, source: HardwareSource) -> None:
        self._config = config
        self._source = source

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = in_order(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if only_tells(self._config) or not session.items:
            return
        made = plan(
            session.items, found(self._config), self._source, self._config.getoption("keyrig_longest_wait")
        )
        self._source.attendant.expected = made.touches
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            terminal.write_line(f"{self._source.title}: {made}")
