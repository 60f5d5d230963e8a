"""Other people's clients and test suites, at keys that ``keyrig emulate`` serves in a process of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def device_suite() -> ModuleType:
    """The module of that name in this folder, which is on no path."""
    spec = importlib.util.spec_from_file_location("device_suite", Path(__file__).with_name("device_suite.py"))
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
