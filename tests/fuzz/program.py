"""What the fuzzer feeds a key: a program of steps, and how one program becomes another."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import cbor2

MOST_STEPS = 40
LONGEST_PAYLOAD = 8000


class Op(IntEnum):
    """What a step does; its payload is what is in brackets."""

    PACKET = 0
    """A CTAPHID packet [64 bytes]."""
    MESSAGE = 1
    """A CTAPHID message, whole, on a channel that was given out [command, data]."""
    CBOR = 2
    """A CTAP2 command as CTAPHID message [command byte, CBOR]."""
    SIGNED = 3
    """The same, but what only a platform with a token can know is put in first."""
    TOKEN = 4
    """A platform with the right PIN gets a token [permissions]."""
    APDU = 5
    """A U2F APDU as CTAPHID message [APDU]."""
    TRANSMIT = 6
    """An APDU without CTAPHID [APDU]."""
    WAIT = 7
    """Time passes [an index of seconds]."""
    TOUCH = 8
    """The key is touched [tenths of a second that it has lasted]."""
    FINGER = 9
    """A finger comes [a sample status, or 0x80 for one that is not recognised]."""
    HABIT = 10
    """The person behaves otherwise [an index for touches, one for fingers]."""
    POWER_CYCLE = 11
    CARD = 12
    """An APDU to the key as a smart card [APDU]."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done to the key."""

    op: Op
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Program:
    """An index of the key that is meant, and what is done to it."""

    key: int
    steps: tuple[Step, ...]

    @classmethod
    def parse(cls, raw: bytes) -> Program:
        """Any bytes are a program: operation, two bytes of length, payload, again and again."""
        steps: list[Step] = []
        at = 1
        while at < len(raw) and len(steps) < MOST_STEPS:
            length = int.from_bytes(raw[at + 1 : at + 3], "little")
            steps.append(Step(Op(raw[at] % len(Op)), raw[at + 3 : at + 3 + length]))
            at += 3 + length
        return cls(raw[0] if raw else 0, tuple(steps))

    def encode(self) -> bytes:
        """The bytes that :meth:`parse` makes this of."""
        steps = (
            bytes((step.op,)) + len(step.payload).to_bytes(2, "little") + step.payload for step in self.steps
        )
        return bytes((self.key,)) + b"".join(steps)


def mutated(raw: bytes, longest: int, seed: int, mutate_bytes: Callable[[bytes, int], bytes]) -> bytes:
    """Another program of at most ``longest`` bytes; ``mutate_bytes`` is what libFuzzer does to bytes."""
    chance = random.Random(seed)  # noqa: S311  # libFuzzer's seed decides
    program = Program.parse(raw)
    steps, key = list(program.steps) or [Step(Op.CBOR, b"\x04")], program.key
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(len(steps))
        match chance.randrange(12):
            case 0:
                steps.insert(at, Step(chance.choice(list(Op)), bytes((chance.randrange(256),))))
            case 1 if len(steps) > 1:
                del steps[at]
            case 2:
                steps.insert(at, steps[chance.randrange(len(steps))])
            case 3:
                other = chance.randrange(len(steps))
                steps[at], steps[other] = steps[other], steps[at]
            case 4:
                key = chance.randrange(256)
            case 5:
                steps[at] = Step(chance.choice(list(Op)), steps[at].payload)
            case 6 | 7 | 8 | 9 if steps[at].op in (Op.CBOR, Op.SIGNED):
                steps[at] = Step(steps[at].op, _other_message(steps[at].payload, chance))
            case _:
                payload = mutate_bytes(steps[at].payload or b"\x00", LONGEST_PAYLOAD)
                steps[at] = Step(steps[at].op, payload)
    return Program(key, tuple(steps[:MOST_STEPS])).encode()[:longest]


def crossed(one: bytes, other: bytes, longest: int, seed: int) -> bytes:
    """The beginning of one program, and the end of another."""
    chance = random.Random(seed)  # noqa: S311  # libFuzzer's seed decides
    first, second = Program.parse(one), Program.parse(other)
    head = first.steps[: chance.randint(0, len(first.steps))]
    tail = second.steps[chance.randint(0, len(second.steps)) :]
    return Program(first.key, (head + tail)[:MOST_STEPS]).encode()[:longest]


def _other_message(message: bytes, chance: random.Random) -> bytes:
    """A CTAP2 message with a value of its CBOR changed; the result is canonical CBOR if it can be."""
    try:
        value = cbor2.loads(message[1:])
    except (cbor2.CBORError, ValueError, TypeError, RecursionError):
        value = {}
    command = message[:1] if chance.random() < 0.95 else bytes((chance.choice(_COMMANDS),))
    return command + encoded(_other_value(value, chance))


def encoded(value: Any) -> bytes:
    """CTAP2 canonical CBOR, as far as ``value`` allows."""
    try:
        return cbor2.dumps(_ordered(value))
    except (cbor2.CBORError, ValueError, TypeError, RecursionError):
        return b"\xa0"


def _ordered(value: Any) -> Any:
    match value:
        case dict():
            entries = sorted((cbor2.dumps(key), key) for key in value)
            entries.sort(key=lambda entry: (entry[0][0] >> 5, len(entry[0]), entry[0]))
            return {key: _ordered(value[key]) for _, key in entries}
        case list() | tuple():
            return [_ordered(item) for item in value]
    return value


def _other_value(value: Any, chance: random.Random) -> Any:
    """``value`` with one thing in it changed."""
    match value:
        case dict() if value and chance.random() < 0.8:
            key = chance.choice(list(value))
            changed = dict(value)
            if chance.random() < 0.15:
                del changed[key]
            else:
                changed[key] = _other_value(value[key], chance)
            return changed
        case dict():
            return value | {chance.choice(_KEYS): chance.choice(_VALUES)}
        case list() if value and chance.random() < 0.7:
            at = chance.randrange(len(value))
            return [*value[:at], _other_value(value[at], chance), *value[at + 1 :]]
        case list():
            return value * chance.choice((0, 2, 5)) + [chance.choice(_VALUES)]
        case bool():
            return not value if chance.random() < 0.8 else chance.choice(_VALUES)
        case int() if chance.random() < 0.8:
            return chance.choice((value + 1, value - 1, -value, value * 256, chance.randrange(16)))
        case bytes() | str() if chance.random() < 0.7:
            cut = chance.randint(0, len(value))
            return chance.choice((value[:cut], value[cut:], value + value[:cut]))
    return chance.choice(_VALUES)


_COMMANDS = (1, 2, 4, 6, 7, 8, 9, 0x0A, 0x0B, 0x0C, 0x0D, 0x40, 0x41)
_KEYS: Iterable[Any] = (
    *range(1, 13), "id", "type", "alg", "rk", "up", "uv", "name", "displayName", "credProtect", "hmac-secret",
    "hmac-secret-mc", "credBlob", "largeBlobKey", "minPinLength", "pinComplexityPolicy", "thirdPartyPayment",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, 3, 255, -1, -7, -8, 2**31, 2**64 - 1, -(2**64), "", "example.com", "none",
    "\ud7ff", b"", b"1234", bytes(16), bytes(17), bytes(32), bytes(64), bytes(1024), [], {}, {1: 2, 3: -25},
    [{"type": "public-key", "id": bytes(32)}], ["packed", "fido-u2f"], ["example.com"] * 9, [[[[[]]]]],
)  # fmt: skip
