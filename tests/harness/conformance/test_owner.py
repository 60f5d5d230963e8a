"""What a run leaves somebody's own key like: its PIN, its tries, and what it says of that at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "smartcard", reason="missing: pip install '.[test-cards]', which takes swig and libpcsclite-dev"
)

from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Ctap2
from fido2.pcsc import CtapPcscDevice

from harness.devices.pcsc import Card

READER = "Virtual PCD 00 00"
KEY = f"pcsc:{READER}"
PIN, WRONG = "24681357", "13572468"

Conform = Callable[..., Any]
Owned = Callable[[], int | None]


def ask(what: Callable[[ClientPin, Ctap2], Any]) -> Any:
    """What the key in the reader answers, its power cut afterwards."""
    card = Card(READER)
    try:
        key = Ctap2(CtapPcscDevice(card.connection, READER))
        return what(ClientPin(key), key)
    finally:
        card.close(unpower=True)


@pytest.fixture
def owned(pcscd: Any, tmp_path: Path) -> Iterator[Owned]:
    """A key in a reader, with its owner's PIN; ``owned()``: how often that can be tried, if it is there."""
    with pcscd.card("--profile", "ctap23", output=tmp_path / "said"):
        ask(lambda pin, _: pin.set_pin(PIN))
        yield lambda: ask(
            lambda pin, key: pin.get_pin_retries()[0] if key.info.options["clientPin"] else None
        )


def wrong(tries: int) -> None:
    for _ in range(tries):
        with pytest.raises(CtapError, match="PIN_INVALID"):
            ask(lambda pin, _: pin.get_pin_token(WRONG))


def test_with_its_pin_a_key_is_left_as_it_was(
    owned: Owned, conform: Conform, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(4)
    monkeypatch.setenv("KEYRIG_PIN", PIN)
    run = conform("--key", KEY, "--spec", "MC-RESPONSE")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert sum(test["outcome"] == "passed" for test in run.tests) > 3
    assert owned() == 8
    assert "reset" not in run.out


def test_without_its_pin_what_wants_it_is_skipped(
    owned: Owned, conform: Conform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEYRIG_PIN", raising=False)
    run = conform("--key", KEY, "--spec", "MC-RESPONSE", start_new_session=True)
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert "put it in the environment variable KEYRIG_PIN" in run.out
    assert owned() == 8


def test_the_last_tries_are_not_risked(
    owned: Owned, conform: Conform, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong(5)
    monkeypatch.setenv("KEYRIG_PIN", PIN)
    run = conform("--key", KEY, "--spec", "MC-RESPONSE")
    assert run.code == 1
    assert run.failures == []
    assert f"{KEY} can be tried 3 more times, and that is not risked; sign in with it somewhere" in run.out
    assert "tests were not run" in run.out
    assert owned() == 3


def test_a_wrong_pin_is_tried_once_and_is_not_the_keys_fault(
    owned: Owned, conform: Conform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYRIG_PIN", WRONG)
    run = conform("--key", KEY, "--spec", "MC-RESPONSE")
    assert run.code == 1
    assert run.failures == []
    assert f"the PIN of key in reader {READER}, {KEY} was wrong; it is not tried again" in run.out
    assert owned() == 7


def test_destructive_tests_begin_and_end_with_a_new_key(
    owned: Owned, conform: Conform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYRIG_PIN", WRONG)  # which is never tried
    words = ["--key", KEY, "--destructive", "--longest-wait", "2", "--spec"]
    run = conform(*words, "PIN-SET", typed=f"{KEY}\n")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert f"▶ key in reader {READER}, {KEY} has been reset: it has no PIN, and nothing is on it" in run.out
    assert owned() is None


def test_a_key_that_cannot_be_reset_is_told_of_as_it_is_left(
    plugged_in: Callable[..., Any], conform: Conform
) -> None:
    key = plugged_in("--profile", "ctap23")
    words = ["--key", key.name, "--destructive", "--spec", "PIN-RETRIES-0"]
    run = conform(*words, typed=f"{key.name.removesuffix(':0')}\n")
    assert (run.code, run.failures) == (0, []), run.out + run.err
    assert "is left as the last test left it, with the PIN 'conform 1', and with what tests" in run.out
    assert "reset it before you use it, for example by 'ykman fido reset'" in run.out
