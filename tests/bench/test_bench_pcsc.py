"""What a code costs through a real pcscd: ours, against a card that echoes bytes, in the same readers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from emulator.transports.vpcd import ATR, VpcdPort
from harness.devices.key import DeviceError
from harness.devices.pcsc import Card
from harness.devices.ykoath import YkOathCard

ROUNDS = 1000
CALCULATE = bytes.fromhex("00A20001 0D 710161 7408 0000000000000001")
ANSWER = bytes.fromhex("7605 06 12345678 9000")


@pytest.fixture(scope="module")
def ours(pcscd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pcscd.card(output=tmp_path_factory.mktemp("card") / "said") as card:
        yield card


@contextmanager
def echo(port: int) -> Iterator[None]:
    """A card in this process that answers every APDU with the same bytes at once."""
    vpcd = VpcdPort(port=port)

    def serve() -> None:
        while (message := vpcd.read()) is not None:
            if len(message) > 1:
                vpcd.write(ANSWER)
            elif message == b"\x04":
                vpcd.write(ATR)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        vpcd.close()
        thread.join()


def _inserted(reader: str) -> Card:
    """The card in ``reader``, which pcscd takes a while to see."""
    for _ in range(100):
        with suppress(DeviceError):
            return Card(reader)
        time.sleep(0.2)
    return Card(reader)


@pytest.mark.benchmark(group="codes through pcscd")
def test_calculate(ours: Any, smart_cards: ModuleType, benchmark: BenchmarkFixture) -> None:
    applet = YkOathCard(smart_cards.READER)
    applet.put("a", b"12345678901234567890", digits=6)
    applet.close()
    card = Card(smart_cards.READER)
    card.transmit(bytes.fromhex("00A4040007A0000005272101"))
    answer, status_word = benchmark.pedantic(card.transmit, [CALCULATE], rounds=ROUNDS)
    assert (len(answer), status_word) == (7, 0x9000)
    card.close()


@pytest.mark.benchmark(group="codes through pcscd")
def test_floor_bare_echo(pcscd: Any, smart_cards: ModuleType, benchmark: BenchmarkFixture) -> None:
    with echo(pcscd.port + 1):
        card = _inserted(smart_cards.READER[:-1] + "1")
        answer, status_word = benchmark.pedantic(card.transmit, [CALCULATE], rounds=ROUNDS)
        assert (answer, status_word) == (ANSWER[:-2], 0x9000)
        card.close()
