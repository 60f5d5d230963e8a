"""python-fido2's own device tests, from its source distribution: fetched, run against a key, counted."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

VERSION = "2.2.1"
REQUIREMENT = (
    f"fido2=={VERSION} --hash=sha256:85787428a94c3f8eaf72f0ff30afba983b559a1b1b795c93318c81b4ad4062c4\n"
)
HERE = Path(__file__).parent
PASSED = "passed"
TIME_LIMIT = 300.0

# What the tests skip, in their words, and how many that is.
NO_KEY_HAS = {
    "previewSign not supported by authenticator": 273,
    "Algorithm PS256 not supported": 4,
    "Algorithm ES256K not supported": 4,
}
NO_SENSOR = {"BioEnrollment not supported by authenticator": 3}
NO_CONFIG = {"Config not supported by authenticator": 8}
NO_ENTERPRISE = {"Enterprise Attestation not supported": 2}
NOT_OF_CTAP23 = {
    "thirdPartyPayment not supported by authenticator": 2,
    "hmac-secret-mc not supported by authenticator": 2,
}
NO_PERSISTENT_TOKEN = {"Persistent PUAT not supported": 2}


def _no_algorithms(*names: str) -> dict[str, int]:
    return {f"Algorithm {name} not supported": 4 for name in names}


NO_ML_DSA = _no_algorithms("MLDSA44", "MLDSA65", "MLDSA87")
NO_LONGER_KEYS = _no_algorithms("ES384", "ES512", "RS256") | NO_ML_DSA

EXPECTED = {
    "ctap21": {
        PASSED: 44,
        **NO_KEY_HAS, **NO_SENSOR, **NO_CONFIG, **NO_LONGER_KEYS, **NOT_OF_CTAP23, **NO_PERSISTENT_TOKEN,
    },
    "ctap23": {PASSED: 80, **NO_KEY_HAS, **NO_SENSOR, **NO_ENTERPRISE},
    "biometric": {
        PASSED: 53,
        **NO_KEY_HAS, **NO_ENTERPRISE, **NO_LONGER_KEYS, **NOT_OF_CTAP23, **NO_PERSISTENT_TOKEN,
    },
    "enterprise": {
        PASSED: 58,
        **NO_KEY_HAS, **NO_SENSOR, **_no_algorithms("ES512", "RS256"), **NO_ML_DSA, **NOT_OF_CTAP23,
    },
}  # fmt: skip


class SuiteError(Exception):
    """The suite could not be had or did not run to its end; what pip or pytest said."""


def fetch(folder: Path) -> Path:
    """Have pip download the source distribution into ``folder``; the folder that it unpacks to.

    :raises SuiteError: when pip cannot, or its contents are not what they were.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(REQUIREMENT)
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary=:all:", "--require-hashes"]
    command = [sys.executable, "-m", "pip", "download", *options, "-d", folder, "-r", requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SuiteError(f"python-fido2's source distribution was not fetched: {done.stderr.strip()[-1000:]}")
    with tarfile.open(folder / f"fido2-{VERSION}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"fido2-{VERSION}"


def run(
    source: Path, controller: str, report: Path, *, plugins: Sequence[str], options: Sequence[str] = ()
) -> Counter[str]:
    """Run the tests under ``source``, with its own python-fido2, against the key that ``controller`` moves.

    ``plugins`` are modules beside this one. How many tests passed, were skipped by each reason, and each
    that failed; ``report`` is where pytest writes them down.

    :raises SuiteError: when pytest did not come to its end.
    """
    of_ours = [argument for plugin in plugins for argument in ("-p", plugin)]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *of_ours, *options]
    command += ["--controller", controller, f"--junit-xml={report}", "tests/device"]
    path = os.pathsep.join([str(HERE), str(HERE.parent.parent)])
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
    )
    if done.returncode not in (0, 1):
        raise SuiteError(f"exit code {done.returncode}: {done.stdout[-3000:]}{done.stderr[-1000:]}")
    return Counter(_outcome(case) for case in ElementTree.parse(report).iter("testcase"))  # noqa: S314  # ours


def _outcome(case: ElementTree.Element) -> str:
    for kind in ("failure", "error"):
        if (found := case.find(kind)) is not None:
            return f"{case.get('classname')}.{case.get('name')}: {found.get('message')}"
    skipped = case.find("skipped")
    return PASSED if skipped is None else str(skipped.get("message"))
