"""What every test shares: how a missing part of the machine is treated, and smart-card readers."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, not about us.
settings.register_profile("keyrig", deadline=None)
settings.load_profile("keyrig")

# No test sees this machine's readers: pyscard keeps to the first socket of pcscd that it was told of.
_pcscd_folder = tempfile.TemporaryDirectory(prefix="keyrig-pcscd-")
os.environ["PCSCLITE_CSOCK_NAME"] = str(Path(_pcscd_folder.name) / "comm")


@pytest.fixture(scope="session")
def require() -> Callable[[object, str], None]:
    """``require(found, what)``: skip where a part is missing; fail instead when everything is required.

    The gate sets ``KEYRIG_REQUIRE_ALL=1``, so that nothing it should have run is silently skipped.
    """

    def require(found: object, what: str) -> None:
        if found:
            return
        if os.environ.get("KEYRIG_REQUIRE_ALL"):
            pytest.fail(f"required here, but missing: {what}")
        pytest.skip(f"missing: {what}")

    return require


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A file that leaves its tests out, for want of a library, is no different."""
    report = yield
    if report.skipped and os.environ.get("KEYRIG_REQUIRE_ALL"):
        report.outcome = "failed"
        report.longrepr = f"required here, but {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def smart_cards() -> ModuleType:
    """The module of that name in this folder, which is on no path."""
    spec = importlib.util.spec_from_file_location("smart_cards", Path(__file__).with_name("smart_cards.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pcscd(
    smart_cards: ModuleType, require: Callable[[object, str], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A ``smart_cards.Pcscd`` that runs: two virtual readers, and ``with pcscd.card(...)`` to fill them."""
    missing = smart_cards.missing()
    require(missing is None, str(missing))
    pcscd = smart_cards.Pcscd(tmp_path_factory.mktemp("pcscd"))
    yield pcscd
    pcscd.close()
