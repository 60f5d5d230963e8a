"""The fuzzer for a minute, and whether it would see what it looks for."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "fuzz_key.py"
SECONDS = 55


def fuzz(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=600)


def test_a_minute_of_fuzzing_finds_nothing(require, tmp_path: Path) -> None:
    require(find_spec("atheris"), "atheris: pip install '.[fuzz]', where there is one for this Python")
    ran = fuzz("--seconds", SECONDS, "--findings", tmp_path / "findings")
    assert ran.returncode == 0, ran.stderr[-4000:]
    assert not list((tmp_path / "findings").iterdir())
    (executed,) = re.findall(r"number_of_executed_units: (\d+)", ran.stderr)
    assert int(executed) > 500  # the exchanges it begins with, and more


@pytest.mark.usefixtures("parts")
class TestOracle:
    """What is not well formed is a finding."""

    @pytest.mark.parametrize(
        "answer",
        [
            b"\x00\xbf\xff",  # of indefinite length
            b"\x00\xa2\x02\x00\x01\x00",  # keys out of order
            b"\x00\x18\x01",  # an integer in more bytes than it needs
            b"\x2e\xa0",  # data after a refusal
            b"\x00" + b"\x59\x10\x00" + bytes(4096),  # longer than getInfo says
            b"\x99",  # no status that there is
        ],
    )
    def test_an_answer_that_is_not_well_formed_is_found(self, answer: bytes) -> None:
        from rig import Rig

        rig = Rig(0) if len(answer) < 4096 else Rig(3)
        rig._check_cbor(b"\x00\xa1\x01\x02")
        with pytest.raises((AssertionError, ValueError)):
            rig._check_cbor(answer)

    def test_an_exception_in_the_key_is_found(self) -> None:
        from program import Op, Step
        from rig import Rig

        rig = Rig(0)
        rig.store.credentials = lambda rp_id_hash: 1 // 0  # type: ignore[method-assign,assignment,return-value]
        request = bytes.fromhex("02a2016b6578616d706c652e636f6d025820") + bytes(32)
        with pytest.raises(ZeroDivisionError):
            rig.run(Step(Op.CBOR, request))

    def test_a_request_that_never_ends_is_found(self) -> None:
        from rig import Finding, Rig

        rig = Rig(0)
        rig.key.next_timer = lambda: rig.now + 1  # type: ignore[method-assign]
        with pytest.raises(Finding, match="never ends"):
            rig.settle()


@pytest.mark.usefixtures("parts")
def test_seeds_are_exchanges_in_which_much_succeeds() -> None:
    from exchanges import seeds
    from program import Op, Program
    from rig import Rig

    succeeded = set()
    for raw in seeds():
        program = Program.parse(raw)
        rig = Rig.of(program)
        for step in program.steps:
            answer = rig.run(step)
            if step.op in (Op.CBOR, Op.SIGNED) and answer is not None and answer.data[0] == 0:
                succeeded.add(step.payload[0])
    assert succeeded == {1, 2, 4, 6, 7, 8, 9, 0x0A, 0x0B, 0x0C, 0x0D}


@pytest.mark.usefixtures("parts")
def test_any_bytes_are_a_program_and_mutants_are_programs_too() -> None:
    from program import MOST_STEPS, Program, crossed, mutated

    chance = random.Random(0)  # noqa: S311  # to be reproducible
    raw = b""
    for seed in range(2000):
        other = chance.randbytes(chance.randrange(200))
        raw = mutated(raw, 4096, seed, lambda data, longest: chance.randbytes(1 + len(data) % 90))
        raw = crossed(raw, other, 4096, seed) if seed % 3 == 0 else raw
        program = Program.parse(raw)
        assert len(program.steps) <= MOST_STEPS
        assert Program.parse(program.encode()) == program
