"""udev rules that let people use keyrig's keys without being root: ``keyrig udev install``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.machine import Machine

RULES = "70-keyrig.rules"
GROUP = "keyrig"
INSTALLED = Path("etc/udev/rules.d", RULES)
"""Where the rules go, below the root of the file system."""


class UdevError(Exception):
    """The rules cannot be installed; one sentence that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do as root: write ``content`` to ``file``, or run ``command``."""

    what: str
    command: Sequence[str] = ()
    file: Path | None = None
    content: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.file or shlex.join(self.command)}"


def rules_text() -> str:
    """The rules, which a wheel has in this package and a checkout at its top."""
    here = Path(__file__).parent
    packaged = here / RULES
    return (packaged if packaged.exists() else here.parent / "udev" / RULES).read_text(encoding="utf-8")


def are_installed(machine: Machine) -> bool:
    """Whether the rules are there, and these ones."""
    file = machine.root / INSTALLED
    return file.is_file() and file.read_text(encoding="utf-8", errors="replace") == rules_text()


def steps(machine: Machine) -> Iterator[Step]:
    """What is to be done on ``machine``, in order."""
    if machine.group(GROUP) is None:
        yield Step(what="make a group", command=["groupadd", "--system", GROUP])
    yield Step(what="write the rules", file=machine.root / INSTALLED, content=rules_text())
    if not (machine.root / "dev/uhid").exists() and machine.has_module("uhid"):
        yield Step(what="make /dev/uhid", command=["modprobe", "uhid"])
    if (machine.root / "run/udev/control").exists():
        yield Step(what="have udev read them", command=["udevadm", "control", "--reload"])
        for subsystem in ("misc", "hidraw"):
            trigger = ["udevadm", "trigger", "--action=change", f"--subsystem-match={subsystem}"]
            yield Step(what="have udev apply them", command=trigger)
        yield Step(what="wait until it has", command=["udevadm", "settle"])


def carry_out(step: Step, run: Callable[[Sequence[str]], None] | None = None) -> None:
    """Do it; ``run`` runs a command and raises what :func:`subprocess.run` does when it fails.

    :raises UdevError: when it cannot be done.
    """
    try:
        if step.file is None:
            (run or _run)(step.command)
        else:
            step.file.parent.mkdir(parents=True, exist_ok=True)
            step.file.write_text(step.content, encoding="utf-8")
    except subprocess.CalledProcessError as error:
        said = (error.stderr or f"exit code {error.returncode}").strip().splitlines()[-1]
        raise UdevError(f"cannot {step}: {said}") from None
    except OSError as error:
        raise UdevError(f"cannot {step}: {error.strerror}") from None


def this_command() -> str:
    """What runs keyrig in any shell, also in ``sudo``'s: its path."""
    if Path(sys.argv[0]).name == "keyrig":
        return shlex.quote(os.path.abspath(sys.argv[0]))
    return f"{shlex.quote(sys.executable)} -m harness"


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - commands of steps()
