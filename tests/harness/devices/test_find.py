"""Devices are found by name, and what is not there is one clear line."""

import subprocess
import sys
from pathlib import Path

import pytest
from fido2.ctap2.base import Ctap2
from fido2.ctap2.pin import ClientPin

import emulator
from emulator.clock import ManualClock
from harness.devices.find import DeviceError, find_key, find_token, key_names
from harness.world import World


@pytest.mark.parametrize("name", key_names())
def test_every_packaged_key_is_found_under_its_own_name(name: str) -> None:
    source = find_key(name)
    assert str(source) == name
    assert source.new(clock=ManualClock(), seed="1").name == name


def test_the_packaged_keys_include_those_that_were_asked_for() -> None:
    wanted = {"u2f-only", "ctap20", "ctap21", "security-key", "passkey"}
    assert {f"emulated:{profile}" for profile in wanted} <= set(key_names())


def test_the_same_seed_gives_the_same_key() -> None:
    source = find_key("emulated:ctap21")
    challenge = bytes(32)

    def made(seed: str) -> bytes:
        key = Ctap2(source.new(clock=ManualClock(), seed=seed))
        parameters = [{"type": "public-key", "alg": -7}]
        attestation = key.make_credential(
            challenge, {"id": "localhost", "name": "localhost"}, {"id": b"1", "name": "alice"}, parameters
        )
        return bytes(attestation.auth_data)

    assert made("a") == made("a")
    assert made("a") != made("b")


@pytest.mark.parametrize(
    "name",
    [
        "emulated:nothing-like-it",
        "emulated:",
        "emulated",
        "",
        "emulated:nowhere.toml",
        "floppy:a",
        "udp",
        "udp:127.0.0.1",
        "udp:127.0.0.1:many",
        "udp:127.0.0.1:1:2:3",
        "udp:no.such.name.invalid:8111",
    ],
)
def test_an_unknown_key_is_one_line_that_repeats_the_name(name: str) -> None:
    with pytest.raises(DeviceError) as error:
        find_key(name)
    assert repr(name.removeprefix("udp:")) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_profile_is_told_which_there_are() -> None:
    with pytest.raises(DeviceError, match="ctap21"):
        find_key("emulated:nothing-like-it")


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text('title = "mine"\nversions = ["U2F_V2"]\n', encoding="utf-8")
    assert "ctap2" not in find_key(f"emulated:{own}").capabilities


@pytest.mark.parametrize("name", key_names())
def test_every_packaged_key_is_registered_and_signs_in(name: str) -> None:
    with World(key_source=find_key(name)) as world:
        alice, key = world.user("alice"), world.key()
        assert alice.sign_in().accepted
        assert alice.register_key(key, "key").accepted
        assert alice.sign_in(key).accepted
        assert alice.sign_in().refused


def test_only_a_key_that_cannot_be_without_a_pin_has_one_and_its_owner_knows_it() -> None:
    owners = {name: find_key(name).new(clock=ManualClock(), seed="1") for name in key_names()}
    assert {name for name, key in owners.items() if key.pin() is not None} == {"emulated:fips-like"}
    key = owners["emulated:fips-like"]
    assert Ctap2(key).info.options["clientPin"] is True
    assert ClientPin(Ctap2(key)).get_pin_token(
        key.pin() or "", ClientPin.PERMISSION.GET_ASSERTION, "a.example"
    )


def test_a_pin_is_as_long_as_the_key_wants_it(tmp_path: Path) -> None:
    lines = (Path(emulator.__file__).parent / "profiles" / "fips-like.toml").read_text(encoding="utf-8")
    own = tmp_path / "mine.toml"
    own.write_text(lines.replace("min_pin_length = 6", "min_pin_length = 63"), encoding="utf-8")
    assert len(find_key(f"emulated:{own}").new(clock=ManualClock(), seed="1").pin() or "") == 63


def test_every_scenario_runs_on_a_key_that_always_verifies_its_user(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "harness", "run", "-q", "--key", "emulated:fips-like"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert "skipped" not in done.stdout


def test_an_unknown_token_is_one_line_that_says_which_there_are() -> None:
    known = "emulated, ykoath:READER, prompt"
    with pytest.raises(DeviceError, match=rf"^no token is called 'paper'; tokens are: {known}$"):
        find_token("paper")


@pytest.mark.parametrize(
    ("profile", "has", "has_not"),
    [
        ("u2f-only", {"u2f"}, {"ctap2", "rk", "clientPin"}),
        ("ctap20", {"u2f", "ctap2", "rk", "clientPin"}, {"uv", "credProtect"}),
        ("ctap21", {"u2f", "ctap2", "rk", "clientPin", "credProtect", "hmac-secret"}, {"uv"}),
        ("security-key", {"ctap2"}, {"clientPin", "uv"}),
        ("passkey", {"ctap2", "rk", "uv"}, {"u2f"}),
    ],
)
def test_a_key_says_itself_what_it_can_do(profile: str, has: set[str], has_not: set[str]) -> None:
    capabilities = find_key(f"emulated:{profile}").capabilities
    assert has <= capabilities
    assert not has_not & capabilities
