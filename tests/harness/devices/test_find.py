"""Devices are found by name, and what is not there is one clear line."""

from pathlib import Path

import pytest
from fido2.ctap2.base import Ctap2

from emulator.clock import ManualClock
from harness.devices.find import DeviceError, find_key, find_token, key_names


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


def test_an_unknown_token_is_one_line_that_says_which_there_are() -> None:
    with pytest.raises(DeviceError, match=r"^no token is called 'paper'; tokens are: emulated$"):
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
