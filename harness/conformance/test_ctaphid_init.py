"""CTAPHID_INIT (CTAP 2.3 §11.2.9.1.3)."""

from __future__ import annotations

import pytest

from harness.conformance.wire import BROADCAST, Wire

pytestmark = pytest.mark.needs("ctaphid")


@pytest.mark.spec("CTAPHID-INIT-01", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-nonce-changed")
def test_nonce_is_echoed(wire: Wire) -> None:
    """INIT is answered with the nonce it was sent.

    Every client hears every answer on the broadcast channel; by the nonce it knows its own.
    """
    nonce = bytes.fromhex("c0ffee0102030405")
    assert wire.init(nonce=nonce).nonce == nonce


@pytest.mark.spec("CTAPHID-INIT-02", "CTAP 2.3 §11.2.9.1.3")
@pytest.mark.catches("hid-init-on-new-channel")
def test_answer_comes_on_the_broadcast_channel(wire: Wire) -> None:
    """INIT on the broadcast channel is answered there, and not on the channel that it gives out."""
    assert wire.answer(BROADCAST, 0x06, bytes(8)).channel == BROADCAST
