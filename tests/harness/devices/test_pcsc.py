"""Keys and tokens behind a reader of a real pcscd; nothing is known of them here but what they answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest

pytest.importorskip(
    "smartcard", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from fido2.ctap1 import Ctap1
from fido2.ctap2 import Ctap2

from emulator.clock import ManualClock
from harness.devices.attendant import Attendant
from harness.devices.find import find_key, find_token, names_at_hand
from harness.devices.key import DeviceError, Key
from harness.devices.pcsc import Card, find_reader, readers_with_cards
from harness.devices.ykoath import ISSUER, YkOathCard

READER = "Virtual PCD 00 00"
PATIENCE = 20.0
ES256 = {"type": "public-key", "alg": -7}


@pytest.fixture(scope="module")
def card(pcscd: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pcscd.card("--control", "0", output=tmp_path_factory.mktemp("card") / "said") as card:
        yield card


@pytest.fixture
def key(card: Any, attendant: Attendant) -> Iterator[Key]:
    key = find_key(f"pcsc:{READER}", lambda: attendant).new(clock=ManualClock(), seed="")
    yield key
    key.close()


@pytest.fixture
def power(card: Any) -> Callable[[str], None]:
    def power(what: str) -> None:
        data = f'{{"power": "{what}"}}'.encode()
        where, headers = f"{card.controller}/keys/1", {"Content-Type": "application/json"}
        asked = urllib.request.Request(where, data, headers)  # noqa: S310
        urllib.request.urlopen(asked, timeout=20).close()  # noqa: S310  # loopback

    return power


def issue(clock: ManualClock, **more: Any) -> Any:
    how = {"offset": 0.0, "drift_ppm": 0.0, "digits": 6, "period": 30, **more}
    return find_token(f"ykoath:{READER}").issue("GAHT12345678", clock=clock, random_bytes=bytes, **how)


def make(key: Key, **more: Any) -> Any:
    return Ctap2(key).make_credential(b"c" * 32, {"id": "example.com"}, {"id": b"a"}, [ES256], **more)


def test_readers_with_cards_are_at_hand_and_found_by_part_of_their_name(card: Any) -> None:
    assert readers_with_cards() == [READER]
    assert f"pcsc:{READER}" in names_at_hand()
    assert find_reader("") == find_reader("Virtual") == READER


def test_key_tells_what_it_can_do(card: Any, attendant: Attendant) -> None:
    capabilities = find_key("pcsc", lambda: attendant).capabilities
    assert {"ctap2", "u2f", "rk", "power-cycle"} <= capabilities
    assert "destructive" not in capabilities


def test_key_makes_credentials_and_is_asked_by_u2f_also_while_another_applet_was_selected(key: Key) -> None:
    token = issue(ManualClock())
    assert make(key).auth_data.is_user_present()
    token.read()
    assert make(key).auth_data.is_user_present()
    token.read()
    assert Ctap1(key).get_version() == "U2F_V2"
    token.close()


def test_key_is_not_changed_and_has_no_packets(key: Key) -> None:
    with pytest.raises(DeviceError, match="a reset would change key in reader"):
        Ctap2(key).reset()
    assert not key.has_packets
    for act in (key.open, lambda: key.send_packet(bytes(64)), lambda: key.receive_packet(0)):
        with pytest.raises(DeviceError, match="neither channels nor packets"):
            act()


def test_power_is_cut_without_a_hand(key: Key) -> None:
    key.power_cycle()
    assert make(key).auth_data.is_user_present()


def test_card_pulled_out_is_one_line_and_one_put_in_again_works(
    key: Key, power: Callable[[str], None]
) -> None:
    power("off")
    try:
        with pytest.raises(DeviceError, match=f"{READER} has failed, or its card was pulled out"):
            make(key)
        until = time.monotonic() + PATIENCE  # pcscd looks now and then
        while readers_with_cards() and time.monotonic() < until:
            time.sleep(0.1)
        with pytest.raises(DeviceError, match=f"no card is in {READER}; put one in"):
            find_key(f"pcsc:{READER}")
    finally:
        power("on")
    key.power_cycle()
    assert make(key).auth_data.is_user_present()


def test_card_that_refuses_the_applet_is_no_key(card: Any) -> None:
    with pytest.raises(DeviceError, match="no reader is called 'nobody'; readers are: Virtual PCD"):
        find_key("pcsc:nobody")
    found = Card(READER)
    assert found.transmit(bytes.fromhex("00A4040005A000000308")) == (b"", 0x6A82)
    found.close()


def test_codes_are_those_of_the_worlds_time_on_a_wrong_clock_and_the_account_goes(card: Any) -> None:
    clock = ManualClock()
    token = issue(clock, offset=-40.0, digits=8, period=60)
    judge = pyotp.TOTP("A" * 32, digits=8, interval=60)
    assert token.secret == bytes(20)
    assert token.read() == judge.at(int(clock()) - 40)
    first, second = token.read_two()
    assert second == judge.at(int(clock()) - 40) != first
    token.step_clock(3600)
    assert token.read() == judge.at(int(clock()) + 3560)
    token.close()
    applet = YkOathCard(READER)
    with pytest.raises(DeviceError, match="is asked for a code, and refuses: status word 6984"):
        applet.code(f"60/{ISSUER}:GAHT12345678", 1)
    applet.close()


def test_password_is_needed_and_comes_from_the_environment(
    card: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ykman = [sys.executable, "-m", "ykman._cli", "--reader", READER, "oath"]
    set_password = [*ykman, "access", "change", "--new-password", "right"]
    subprocess.run(set_password, check=True, capture_output=True)
    try:
        with pytest.raises(DeviceError, match="put it in the environment variable KEYRIG_OATH_PASSWORD"):
            find_token(f"ykoath:{READER}")
        monkeypatch.setenv("KEYRIG_OATH_PASSWORD", "wrong")
        with pytest.raises(DeviceError, match="is unlocked with KEYRIG_OATH_PASSWORD, and refuses"):
            find_token(f"ykoath:{READER}")
        monkeypatch.setenv("KEYRIG_OATH_PASSWORD", "right")
        token = issue(ManualClock())
        assert len(token.read()) == 6
        token.close()
    finally:
        subprocess.run([*ykman, "reset", "--force"], check=True, capture_output=True)


def test_without_a_service_the_line_names_the_package() -> None:
    script = "from harness.devices.find import find_key; find_key('pcsc:x')"
    environment = {**os.environ, "PCSCLITE_CSOCK_NAME": "/nowhere/comm"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert "apt-get install pcscd" in done.stderr


def test_without_pyscard_the_line_names_the_extra() -> None:
    script = "import sys; sys.modules['smartcard'] = None\nfrom harness.devices import pcsc\n"
    script += "assert pcsc.readers_with_cards() == []\npcsc.find_reader('x')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'keyrig[pcsc]', after apt-get install swig libpcsclite-dev" in done.stderr


def test_scenarios_run_with_key_and_token_on_one_card(card: Any) -> None:
    command = [sys.executable, "-m", "harness", "run", "--key", "pcsc", "--token", "ykoath", "-q"]
    done = subprocess.run(
        [*command, "-k", "resync or any_of"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed, failed = re.findall(r"(\d+) passed, (\d+) failed", done.stdout)[0]
    assert int(passed) >= 9
    assert failed == "0"
