"""The table of capabilities is what keys answer, and the README has it as it is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fido2.ctap2.base import Ctap2

from harness.capabilities import table
from harness.devices.emulated import EmulatedKey

README = Path(__file__).parent.parent.parent / "README.md"


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, str]]:
    """Each feature's cells, by the key's name."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table().splitlines()]
    return {line[0]: dict(zip(lines[0][1:], line[1:], strict=True)) for line in lines[2:]}


def test_the_readme_has_the_table_that_is_generated() -> None:
    text = README.read_text(encoding="utf-8")
    marked = re.findall(r"<!-- capabilities -->\n(.*?)<!-- /capabilities -->", text, re.DOTALL)
    assert marked == [f"\n{table()}\n"], "put what 'keyrig list --markdown' prints between README's marks"


def test_the_command_prints_it() -> None:
    command = [sys.executable, "-m", "harness", "list", "--markdown"]
    assert subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout == table()


def extensions_of(profile: str) -> list[str]:
    return [] if profile == "u2f-only" else Ctap2(EmulatedKey(profile)).info.extensions


@pytest.mark.parametrize("profile", sorted(set(EmulatedKey.profiles()) - {"u2f-only"}))
def test_a_key_has_what_its_getinfo_says_and_nothing_else(
    rows: dict[str, dict[str, str]], profile: str
) -> None:
    info = Ctap2(EmulatedKey(profile)).info
    told = {feature.strip("`") for feature, cells in rows.items() if cells[profile]}
    extensions = {extension for name in EmulatedKey.profiles() for extension in extensions_of(name)}
    assert told & extensions == set(info.extensions)
    has = {feature: bool(cells[profile]) for feature, cells in rows.items()}
    assert has["PIN, characters"] is ("clientPin" in info.options)
    assert has["built-in user verification"] is ("uv" in info.options)
    assert has["credential management"] is ("credMgmt" in info.options)
    assert has["large blobs, bytes"] is bool(info.max_large_blob)


def test_a_key_without_ctap2_has_u2f_alone(rows: dict[str, dict[str, str]]) -> None:
    has = {feature: cells["u2f-only"] for feature, cells in rows.items() if cells["u2f-only"]}
    assert has == {"U2F": "✔", "ES256": "✔", "attestation": "fido-u2f", "signature counter": "✔"}
