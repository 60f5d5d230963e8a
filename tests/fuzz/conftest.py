"""The fuzzer's parts, which are a script's modules and no package's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def parts(monkeypatch):
    """``import`` finds the script's modules, as when the script runs."""
    monkeypatch.syspath_prepend(str(HERE))
    yield
    for name in ("exchanges", "program", "rig"):
        sys.modules.pop(name, None)
