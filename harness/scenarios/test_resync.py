"""A TOTP device out of sync is resynced with two consecutive codes."""

import os
import subprocess
import sys
from typing import Any

import pytest

from harness.devices.token import Token
from harness.platform import Sdk
from harness.world import World

SLOW = -9.4
"""ppm: a minute behind after 74 days."""


@pytest.mark.source("S2")
@pytest.mark.needs("several-devices")
def test_by_the_user(world: World) -> None:
    """Drift beyond the window is refused, then the user resyncs."""
    alice, token, key = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    assert alice.enable_hardware(token).accepted
    world.wait(days=74, seconds=1)
    refused = alice.sign_in(token)
    assert refused.refused
    assert refused.diagnosis == "code 61 s old"
    assert alice.sign_in(key).accepted
    assert alice.resync(token).accepted
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("S2")
def test_by_an_administrator(world: World) -> None:
    """An administrator resyncs another user's device."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    token = world.token("GAHT12345678", drift_ppm=SLOW)
    assert bob.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    assert bob.sign_in(token).refused
    assert admin.sign_in().accepted
    resynced = admin.resync(token, of=bob)
    assert resynced.accepted
    world.wait(minutes=1)
    assert bob.sign_in(token).accepted


@pytest.mark.source("S2", "IAM API")
def test_by_api(world: World) -> None:
    """A tool resyncs a device by API."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    assert alice.session_token(token).refused
    assert alice.resync(token, via="api").accepted
    world.wait(minutes=1)
    assert alice.session_token(token).accepted


@pytest.mark.source("S3")
def test_offered_after_three_failures(world: World) -> None:
    """Three refused codes, then an offer to resync."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    first = alice.sign_in(token)
    assert first.refused
    assert "resync-and-sign-in" not in first.page.forms
    world.wait(minutes=1)
    assert alice.enter_code(token).refused
    world.wait(minutes=1)
    third = alice.enter_code(token)
    assert third.refused
    assert "resync-and-sign-in" in third.page.forms
    assert alice.resync_and_sign_in(token).accepted
    world.wait(minutes=1)
    assert alice.sign_in(token).accepted


@pytest.mark.source("S2")
def test_codes_that_are_not_consecutive(world: World) -> None:
    """Codes that are not consecutive are refused."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    first, _, third = token.read(), token.read_next(), token.read_next()
    refused = alice.resync(token, via="api", codes=(first, third))
    assert refused.refused
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")
    assert alice.sign_in(token).refused
    assert alice.resync(token, via="api").accepted


@pytest.mark.source("S2")
@pytest.mark.needs("late-pairs")
def test_pair_sent_too_late(world: World) -> None:
    """A pair sent late enables, but out of sync; resync mends it."""
    alice, phone = world.user("alice"), world.app()

    def late(token: Token) -> tuple[str, str]:
        codes = token.read_two()
        world.wait(minutes=10)
        return codes

    assert alice.sign_in().accepted
    enabled = alice.enable_virtual(phone, "alice-phone", codes=late)
    assert enabled.accepted
    out_of_sync = alice.sign_in(enabled.token)
    assert out_of_sync.refused
    assert out_of_sync.diagnosis == "code 600 s ahead"
    assert alice.resync(enabled.token, via="api").accepted
    world.wait(minutes=1)
    assert alice.sign_in(enabled.token).accepted


@pytest.mark.source("S2")
def test_by_root_before_signing_in(world: World) -> None:
    """Root, locked out by drift, resyncs before signing in."""
    token = world.token("GAHT12345678", drift_ppm=SLOW)
    assert world.root.sign_in().accepted
    assert world.root.enable_hardware(token).accepted
    world.wait(days=90)
    assert world.root.sign_in(token).refused
    assert world.root.resync_before_sign_in(token).accepted
    world.wait(minutes=1)
    assert world.root.sign_in(token).accepted


@pytest.mark.source("S2")
@pytest.mark.needs("late-pairs")
def test_late_resync_seems_to_work(world: World) -> None:
    """A resync sent late seems to work, and helps nothing."""
    alice, token = world.user("alice"), world.token("GAHT12345678", drift_ppm=SLOW)
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    codes = token.read_two()
    world.story.tell("alice writes two codes down, and is called away")
    world.wait(minutes=20)
    assert alice.resync(token, via="api", codes=codes).accepted
    still = alice.sign_in(token)
    assert still.refused
    assert still.diagnosis == "code 1157 s ahead"
    assert alice.resync(token, via="api").accepted
    assert alice.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("S2")
@pytest.mark.service(late_pair="refuse")
def test_pair_sent_too_late_where_that_is_refused(world: World) -> None:
    """Read strictly: a pair sent late is refused at once."""
    alice, phone, pairs = world.user("alice"), world.app(), []

    def late(token: Token) -> tuple[str, str]:
        codes = token.read_two()
        pairs.append(codes)
        world.wait(minutes=10)
        return codes

    refused = alice.enable_virtual(phone, "alice-phone", via="api", codes=late)
    assert (refused.status, refused.code) == (403, "InvalidAuthenticationCode")
    assert refused.diagnosis == "pair 600 s late"
    prompt = alice.call(
        "enables alice-phone with two codes read now",
        lambda sdk: _enable(sdk.iam, refused.token, refused.token.read_two()),
    )
    assert prompt.accepted
    assert alice.sign_in(refused.token, code=refused.token.read_next()).accepted


@pytest.mark.source("S2", "RFC 6238 §5.2")
def test_captured_pair_resyncs_nothing(world: World) -> None:
    """A pair of codes that somebody saw resyncs nothing."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    world.wait(days=1)
    seen = token.read_two()
    assert alice.resync(token, via="api", codes=seen).accepted
    world.story.tell("somebody looked over alice's shoulder")
    world.wait(minutes=10)
    again = alice.resync(token, via="api", codes=seen)
    assert (again.status, again.code) == (403, "InvalidAuthenticationCode")
    assert again.diagnosis == "code already used"
    assert alice.sign_in(token).accepted


@pytest.mark.source("S2")
@pytest.mark.needs("several-devices")
def test_by_root_after_signing_in(world: World) -> None:
    """Root, in by its key, resyncs its token in the console."""
    root, key, token = world.root, world.key(), world.token("GAHT12345678", drift_ppm=SLOW)
    assert root.sign_in().accepted
    assert root.register_key(key, "root-key").accepted
    assert root.enable_hardware(token).accepted
    world.wait(days=90)
    assert root.sign_in(token).refused
    assert root.sign_in(key).accepted
    assert root.resync(token).accepted
    assert world.events.named("ResyncMFADevice")[-1].user_name == "root"
    assert root.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("S2")
def test_only_root_resyncs_before_signing_in(world: World) -> None:
    """Only root may resync before signing in; users are told what to do."""
    alice, token = world.user("alice"), world.token("GAHT12345678")
    assert alice.enable_hardware(token, via="api").accepted
    asked = alice.sign_in()
    page = alice.browser.follow("troubleshoot-mfa")
    world.story.tell("alice has problems with her device", f"shown “{page.heading}”")
    assert asked.refused
    assert "resync-before-sign-in" not in page.forms
    assert "After 3 refused codes this console offers to resync" in page.text


@pytest.mark.source("S2")
def test_by_the_command_line(world: World) -> None:
    """aws iam resync-mfa-device, as the guide has it."""
    pytest.importorskip("awscli", reason="needs the AWS CLI: pip install awscli")
    richard, token = world.user("Richard"), world.token("ABCD12345678", drift_ppm=SLOW)
    assert richard.enable_hardware(token, via="api").accepted
    world.wait(days=90)
    code_1, code_2 = token.read_two()
    command = ["iam", "resync-mfa-device", "--user-name", "Richard", "--serial-number", "ABCD12345678"]
    command += ["--authentication-code-1", code_1, "--authentication-code-2", code_2]
    resynced = richard.call("types aws iam resync-mfa-device", lambda sdk: _aws(sdk, command))
    assert resynced.accepted
    assert world.events[-1].name == "ResyncMFADevice"
    assert richard.sign_in(token, code=token.read_next()).accepted


@pytest.mark.source("S3")
def test_signing_in_too_soon_after_enabling(world: World) -> None:
    """In a hurry after setting up: used codes are refused, and resync helps."""
    alice = world.user("alice")
    assert alice.sign_in().accepted
    phone = alice.enable_virtual(world.app(), "alice-phone")
    assert phone.accepted
    assert alice.sign_in(phone.token).diagnosis == "code already used"
    for _ in range(2):
        last = alice.enter_code(phone.token)
        assert last.refused
    assert "resync-and-sign-in" in last.page.forms
    world.wait(seconds=30)
    assert alice.resync_and_sign_in(phone.token).accepted


def _aws(sdk: Sdk, words: list[str]) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    subprocess.run(  # noqa: S603 - the AWS CLI of this Python
        [sys.executable, "-m", "awscli", *words],
        env={**kept, **sdk.environment()},
        check=True,
        capture_output=True,
    )


def _enable(iam: Any, token: Token, codes: tuple[str, str]) -> Any:
    return iam.enable_mfa_device(
        UserName="alice",
        SerialNumber=token.serial_number,
        AuthenticationCode1=codes[0],
        AuthenticationCode2=codes[1],
    )
