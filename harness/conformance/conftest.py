"""Fixtures of the conformance tests that manage a key for its owner."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import Ceremony
from harness.conformance.management import Management
from harness.conformance.owner import Owner
from harness.conformance.pin import PinAuth
from harness.conformance.probe import Probe


@pytest.fixture
def owner(probe: Probe, ceremony: Ceremony, request: pytest.FixtureRequest) -> Owner:
    """Whom the key verifies from now on; a key that could have a PIN and has none gets one."""
    if probe.option("clientPin") is not None:
        ceremony.pin = request.getfixturevalue("pin")
    elif not probe.option("uv"):
        pytest.skip("needs a key that can verify its user")
    return Owner(PinAuth(probe, probe.info[6][0]), ceremony.pin)


@pytest.fixture
def management(owner: Owner) -> Management:
    """The key's credentials, managed for its owner."""
    return Management(owner)
