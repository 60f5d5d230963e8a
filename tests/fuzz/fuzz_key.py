"""Fuzz a key, guided by the coverage of its code: ``python tests/fuzz/fuzz_key.py --seconds 60``.

What is found is left in the directory named by ``--findings``, and ``fuzz_key.py FILE…`` runs it again. The
exit code is not zero when a program of steps made a key raise an exception, answer what is not well formed,
or not answer in time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["emulator"]):
    import rig
from exchanges import seeds
from program import crossed, mutated

LONGEST_PROGRAM = 16_384
PATIENCE = 20
"""Seconds of the machine's that a program may take; most take some thousandths."""


def main() -> None:
    """Fuzz until the time is over or something is found."""
    parser = argparse.ArgumentParser(description="Fuzz an emulated key.")
    parser.add_argument("--seconds", type=int, default=60, help="how long")
    parser.add_argument("--corpus", type=Path, help="a directory that keeps what has led further")
    parser.add_argument("--findings", type=Path, default=Path(), help="where to leave what is found")
    parser.add_argument("programs", nargs="*", type=Path, help="programs to run instead, once each")
    given = parser.parse_args()
    for path in given.programs:
        rig.run(path.read_bytes())
    if not given.programs:
        with tempfile.TemporaryDirectory() as scratch:
            _fuzz(given.corpus or Path(scratch), given.findings, given.seconds)


def _fuzz(corpus: Path, findings: Path, seconds: int) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(parents=True, exist_ok=True)
    for number, program in enumerate(seeds()):
        (corpus / f"exchange-{number:03}").write_bytes(program)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST_PROGRAM,
        "timeout": PATIENCE,
        "artifact_prefix": f"{findings}/",
        "print_final_stats": 1,
    }
    arguments = [sys.argv[0], *(f"-{name}={value}" for name, value in options.items()), str(corpus)]
    atheris.Setup(
        arguments,
        rig.run,
        custom_mutator=lambda raw, longest, seed: mutated(raw, longest, seed, atheris.Mutate),
        custom_crossover=crossed,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
