"""A reproducible stand-in for ``os.urandom``: the same seed gives the same bytes, on every machine."""

from __future__ import annotations

import hashlib
import hmac

BLOCK_LENGTH = hashlib.sha256().digest_size


class RandomStream:
    """HMAC-SHA-256(seed, 0), HMAC-SHA-256(seed, 1), …, 8-byte counters; ``stream(n)`` is what comes next.

    However the bytes are divided among calls, the stream is one. An integer seed is its decimal digits and
    text is UTF-8. Anyone who knows the seed knows every key made from it: for tests, never for real secrets.
    """

    def __init__(self, seed: bytes | int | str) -> None:
        self._seed = seed if isinstance(seed, bytes) else str(seed).encode()
        self._counter = 0
        self._left = b""

    def __call__(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        blocks = [self._left]
        for _ in range(max(0, -(-(n - len(self._left)) // BLOCK_LENGTH))):
            blocks.append(hmac.digest(self._seed, self._counter.to_bytes(8, "big"), "sha256"))
            self._counter += 1
        data = b"".join(blocks)
        self._left = data[n:]
        return data[:n]
