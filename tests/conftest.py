"""What every test shares: how a missing part of the machine is treated."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, not about us.
settings.register_profile("keyrig", deadline=None)
settings.load_profile("keyrig")


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
