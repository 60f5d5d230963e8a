"""authenticatorSelection: the user says by a touch which of several keys is meant (CTAP 2.3 §6.9)."""

from __future__ import annotations

import pytest

from harness.conformance.probe import CMD, ERR, Probe

pytestmark = pytest.mark.needs("FIDO_2_1")


@pytest.mark.spec("SELECTION-01", "CTAP 2.3 §6.9")
@pytest.mark.touches(1)
@pytest.mark.catches("selection-refused", "selection-talks")
def test_touch_selects(probe: Probe) -> None:
    """A touch selects the key, which says so and nothing else."""
    answer = probe.cbor(CMD.SELECTION)
    answer.succeeded()
    assert answer.data == b""


@pytest.mark.spec("SELECTION-02", "CTAP 2.3 §6.9")
@pytest.mark.touches(0)
@pytest.mark.slow(30)
@pytest.mark.catches("selection-without-touch")
def test_nobody_touches(probe: Probe) -> None:
    """A key that nobody touches was not selected.

    Otherwise the user of two keys is asked for the PIN of the one that is not in the hand.
    """
    probe.leave_alone()
    probe.cbor(CMD.SELECTION).refused(ERR.USER_ACTION_TIMEOUT, ERR.OPERATION_DENIED)
