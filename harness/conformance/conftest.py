"""Fixtures of conformance tests in more than one file."""

from __future__ import annotations

import pytest

from harness.conformance.ceremony import Assertion, Ceremony, Registration
from harness.conformance.config import TOGGLE_ALWAYS_UV, Config
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


@pytest.fixture
def config(probe: Probe, ceremony: Ceremony, pin_auth: PinAuth, pin: str) -> Config:
    ceremony.pin = pin
    return Config(probe, pin_auth, pin)


@pytest.fixture
def always_uv(probe: Probe, config: Config) -> Probe:
    """The key with alwaysUv on."""
    if not probe.option("alwaysUv"):
        config.send(TOGGLE_ALWAYS_UV).succeeded()
        probe.info_now()
    return probe


@pytest.fixture
def registration(ceremony: Ceremony) -> Registration:
    return ceremony.register()


@pytest.fixture
def three(probe: Probe, ceremony: Ceremony) -> list[Registration]:
    """Discoverable credentials of three users, the newest last."""
    if probe.info.get(0x14, 3) < 3:
        pytest.skip("needs room for three credentials")
    return [ceremony.register(rk=True, user_id=bytes([number])) for number in (1, 2, 3)]


@pytest.fixture
def signed_in(ceremony: Ceremony, registration: Registration) -> Assertion:
    return ceremony.sign_in(registration)


@pytest.fixture
def kept(owner: Owner, ceremony: Ceremony) -> Registration:
    """A discoverable credential of one user."""
    return ceremony.register(rk=True)


@pytest.fixture
def two(owner: Owner, ceremony: Ceremony) -> list[Registration]:
    """Discoverable credentials of two users of one relying party, the newest last."""
    return [ceremony.register(rk=True, user_id=bytes((number,))) for number in (1, 2)]
