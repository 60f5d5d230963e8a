"""A key that exists becomes a profile, and what is emulated by it says the same of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from emulator.profile import Profile, profile_names
from harness.cli import main
from harness.conformance.features import named_info
from harness.conformance.probe import Probe
from harness.conformance.trace import Trace
from harness.devices.emulated import EmulatedKey
from harness.profile_from import Model, fit

NOT_TO_BE_SEEN = {
    "name", "title", "touch_timeout", "always_uv_can_be_disabled", "enterprise_attestation",
    "enterprise_rp_ids", "fingerprints", "uv_attempts", "pin_complexity_policy_url",
    "discoverable_credentials",
}  # fmt: skip
"""What no key tells: each is said in the file's first lines, or is the model's name."""


def profile_from(key: str, file: Path, *more: str) -> Any:
    return CliRunner().invoke(main, ["profile", "from", "--key", key, str(file), *more])


def info(profile: str) -> dict[str, str]:
    return named_info(Probe(EmulatedKey(profile, seed="profile"), Trace()).info)


@pytest.mark.parametrize("name", profile_names())
def test_what_is_read_from_a_packaged_key_says_the_same_of_itself(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.toml"
    done = profile_from(f"emulated:{name}", file)
    assert done.exit_code == 0, done.output
    assert " is emulated as " not in done.output
    assert info(str(file)) == info(name)
    read, packaged = Profile.load(str(file)), Profile.load(name)
    unlike = {f.name for f in fields(Profile) if getattr(read, f.name) != getattr(packaged, f.name)}
    assert unlike <= NOT_TO_BE_SEEN


@pytest.mark.parametrize("name", ["ctap23", "u2f-only"])
def test_a_key_at_hand_is_read(name: str, tmp_path: Path, plugged_in: Callable[..., Any]) -> None:
    file = tmp_path / "mine.toml"
    done = profile_from(plugged_in("--profile", name).name, file)
    assert done.exit_code == 0, done.output
    assert info(str(file)) == info(name)


def test_what_no_profile_can_say_is_left_out_or_put_right_and_told(tmp_path: Path) -> None:
    model, file = Model(), tmp_path / "theirs.toml"
    model.values.update(title="Theirs", versions=["FIDO_2_0"], aaguid="aae23e1a-91df-4334-98f5-05f1ff3a23fd")
    model.values.update(max_credential_id_length=64, credential_management=True)
    fit(model, file)
    assert Profile.load(str(file)).max_credential_id_length == 191
    assert not Profile.load(str(file)).credential_management
    assert model.notes == [
        "Its max_credential_id_length, 64, is 191 here: it must be from 191 to 1023.",
        "Its credential_management, true, is left out: it must be false unless the key has FIDO_2_1, "
        "client_pin or built_in_uv, and discoverable_credentials.",
    ]
    assert all(f"# {note}\n" in file.read_text() for note in model.notes)


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    there = tmp_path / "there.toml"
    there.write_text("mine")
    for done, why in (
        (profile_from("emulated:nobody", tmp_path / "x.toml"), "no key is called 'emulated:nobody'"),
        (profile_from("emulated:ctap21", tmp_path / "x.txt"), "does not end in .toml"),
        (profile_from("emulated:ctap21", there), "is there already; --force writes over it"),
        (profile_from("emulated:ctap21", tmp_path / "no" / "x.toml"), "cannot be written: No such file"),
    ):
        assert done.exit_code == 2
        assert why in done.output
        assert len(done.output.splitlines()) == 1
    assert there.read_text() == "mine"
