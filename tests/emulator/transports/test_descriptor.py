from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator

import pytest

from emulator.transports.descriptor import Descriptor


@pytest.fixture
def pipe() -> Iterator[tuple[Descriptor, int]]:
    out, into = os.pipe()
    file = Descriptor(out)
    yield file, into
    file.close()
    os.close(into)


def test_wait_returns_what_is_there(pipe: tuple[Descriptor, int]) -> None:
    file, into = pipe
    os.write(into, b"x")
    assert file.wait() == select.POLLIN


def test_wait_times_out_with_nothing(pipe: tuple[Descriptor, int]) -> None:
    assert pipe[0].wait(timeout=0.01) == 0


def test_ring_wakes_the_one_that_waits_once(pipe: tuple[Descriptor, int]) -> None:
    file, _ = pipe
    threading.Timer(0.05, file.ring).start()
    assert file.wait(timeout=30) == 0
    assert file.wait(timeout=0.01) == 0


def test_many_rings_do_not_block_the_ringer(pipe: tuple[Descriptor, int]) -> None:
    for _ in range(100_000):
        pipe[0].ring()
    assert pipe[0].wait(timeout=30) == 0


def test_close_wakes_the_one_that_waits_and_only_then_closes_the_file(pipe: tuple[Descriptor, int]) -> None:
    file, _ = pipe
    states: list[int] = []

    def wait() -> None:
        with file.in_use:
            states.append(file.wait())
            os.fstat(file.fd)  # still ours
            states.append(-1)

    waiter = threading.Thread(target=wait)
    waiter.start()
    while file.in_use.acquire(blocking=False):  # until the other waits
        file.in_use.release()
    file.close()
    waiter.join()
    assert states == [0, -1]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file.fd)
    assert file.wait() == 0
