"""pam_u2f, the PAM module behind ``sudo`` and logins with a key: pamu2fcfg enrols, pamtester and sudo ask."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Keys = Callable[..., list[Any]]
Run = Callable[..., subprocess.CompletedProcess[str]]

SITE = "pam://keyrig"
SERVICE = "keyrig"


@pytest.fixture(scope="module")
def person() -> str:
    """Somebody who may become root if PAM lets them; the guest forgets them."""
    subprocess.run(["useradd", "petra"], check=True)
    Path("/etc/sudoers.d/keyrig").write_text("petra ALL=(root) ALL\n")
    return "petra"


@pytest.fixture
def key(keys: Keys) -> Any:
    (robot,) = keys()
    return robot


@pytest.fixture
def mappings(person: str, key: Any, run: Run, tmp_path: Path) -> Path:
    """The file where pam_u2f finds the person's credential, which is the key's."""
    mappings = tmp_path / "u2f_mappings"
    mappings.write_text(run("pamu2fcfg", "-u", person, "-o", SITE, "-i", SITE).stdout + "\n")
    for service in (SERVICE, "sudo"):
        Path("/etc/pam.d", service).write_text(
            f"auth required pam_u2f.so authfile={mappings} origin={SITE} appid={SITE}\n"
            "account required pam_permit.so\n"
        )
    return mappings


def test_the_enrolled_key_is_accepted(mappings: Path, person: str, run: Run) -> None:
    assert "successfully authenticated" in run("pamtester", SERVICE, person, "authenticate").stdout


def test_a_corrupt_key_handle_is_refused(mappings: Path, person: str, run: Run) -> None:
    name, credential = mappings.read_text().split(":")
    handle, more = credential.split(",", 1)
    mappings.write_text(f"{name}:{handle.swapcase()},{more}")
    assert "Authentication failure" in run("pamtester", SERVICE, person, "authenticate", code=1).stderr


def test_without_the_key_nobody_is_accepted(mappings: Path, person: str, key: Any, run: Run) -> None:
    key.power_off()
    assert "Authentication failure" in run("pamtester", SERVICE, person, "authenticate", code=1).stderr


def test_sudo_asks_for_a_touch_instead_of_a_password(
    mappings: Path, person: str, key: Any, run: Run, record_property: Callable[[str, object], None]
) -> None:
    record_property("client", run("sudo", "--version").stdout.splitlines()[0])
    asked = ["sudo", "--reset-timestamp", "id", "--user"]
    assert run(*asked, user=person).stdout == "0\n"
    key.power_off()
    assert run(*asked, user=person, code=1).stdout == ""
