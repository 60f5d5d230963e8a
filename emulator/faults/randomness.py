"""Faults of a key's randomness."""

from __future__ import annotations

from collections.abc import Callable

from emulator.faults.fault import Family, Layer

_FEW = 2
"""Bytes that a weak source gives at most."""

Random = Callable[[int], bytes]


_fault = Family(
    prefix="random-",
    caught_by="nobody who looks at one answer alone; whoever compares several, or tries",
    layer=Layer.CRYPTOGRAPHY,
)


def _few_bits(random_bytes: Random) -> Random:
    return lambda n: random_bytes(min(n, _FEW)).rjust(n, b"\x00")


def _counted(random_bytes: Random) -> Random:
    """A random beginning, and one more each time."""
    count = int.from_bytes(random_bytes(64), "big")

    def counted(n: int) -> bytes:
        nonlocal count
        count += 1
        return (count % (1 << 8 * n)).to_bytes(n, "big")

    return counted


FAULTS = (
    # WebAuthn Level 3 §4, FIPS 186-5 §A.2, CTAP 2.3 §6.5.6
    _fault("few-bits", "has two bytes of randomness wherever it needs more", random_bytes=_few_bits),
    _fault(
        "counted", "counts where it should draw: each of its secrets tells the next", random_bytes=_counted
    ),
)
