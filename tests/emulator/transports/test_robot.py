from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any

import pytest
from fido2.ctap import CtapError
from fido2.ctap1 import ApduError, Ctap1
from fido2.ctap2 import ClientPin, Ctap2
from fido2.hid import CTAPHID, CtapHidDevice

from emulator.exchange import Asked
from emulator.fido.gesture import Command, Gesture, SampleStatus
from emulator.transports.port import PortError
from emulator.transports.robot import LONGEST_ADVANCE, Robot, RobotError
from emulator.transports.udp import UdpPort

Client = Callable[[int], AbstractContextManager[CtapHidDevice]]
ERR = CtapError.ERR


def in_background(run: Callable[[], Any]) -> Future[Any]:
    future: Future[Any] = Future()

    def work() -> None:
        try:
            future.set_result(run())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def wait_until_asked(robot: Robot, gesture: Gesture) -> Asked:
    while (waiting := robot.status().waiting) is None or waiting[1] is not gesture:
        pass
    return waiting[0]


def test_touch_answers_the_command_that_waits(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots(touch="never")
    with device_at(robot.port) as device:
        selection = in_background(Ctap2(device).selection)
        assert wait_until_asked(robot, Gesture.PRESENCE) == Asked(command="selection", rp=None)
        assert not selection.done()
        robot.touch()
        assert selection.result(20) is None
    assert robot.status().waiting is None


def test_touch_before_the_command_is_not_for_it(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots(touch="never")
    robot.touch()
    with device_at(robot.port) as device:
        selection = in_background(Ctap2(device).selection)
        wait_until_asked(robot, Gesture.PRESENCE)
        robot.advance_clock(30)
        with pytest.raises(CtapError) as refused:
            selection.result(20)
    assert refused.value.code == ERR.USER_ACTION_TIMEOUT


def test_finger_left_on_the_key_serves_one_command_to_come(
    device_at: Client, robots: Callable[..., Any]
) -> None:
    robot = robots(touch="never")
    robot.press()
    with device_at(robot.port) as device:
        ctap = Ctap2(device)
        ctap.selection()
        second = in_background(ctap.selection)
        wait_until_asked(robot, Gesture.PRESENCE)
        assert not second.done()
        robot.press()
        second.result(20)


def test_finger_lifted_or_held_too_short_serves_nothing(
    device_at: Client, robots: Callable[..., Any]
) -> None:
    robot = robots(touch="never")
    robot.press()
    robot.release()
    robot.press(5.0)
    robot.advance_clock(5.0)
    with device_at(robot.port) as device:
        selection = in_background(Ctap2(device).selection)
        wait_until_asked(robot, Gesture.PRESENCE)
        robot.advance_clock(30)
        with pytest.raises(CtapError, match="USER_ACTION_TIMEOUT"):
            selection.result(20)


class Asks:
    """An authenticator whose every command asks for one gesture, and answers with the sample it got."""

    def __init__(self, gesture: Gesture) -> None:
        self.gesture = gesture

    def cbor(self, message: bytes, now: float) -> Command:
        given = yield self.gesture
        return bytes((0, given.sample))

    def msg(self, apdu: bytes, now: float) -> Command:
        raise NotImplementedError

    def power_cycle(self, now: float) -> None:
        pass


def test_long_touch_must_last_and_what_it_lasted_before_does_not_count(
    device_at: Client, robots: Callable[..., Any]
) -> None:
    robot = robots(authenticator=Asks(Gesture.LONG_TOUCH), touch="never")
    robot.press()
    robot.advance_clock(4.9)
    with device_at(robot.port) as device:
        answer = in_background(lambda: device.call(CTAPHID.CBOR, b"\x07"))
        wait_until_asked(robot, Gesture.LONG_TOUCH)
        robot.advance_clock(4.5)
        assert not answer.done()
        robot.touch()
        assert not answer.done()
        robot.advance_clock(0.6)
        assert answer.result(20) == b"\x00\x00"


def test_samples_of_a_finger_are_as_told(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots(authenticator=Asks(Gesture.SAMPLE), uv="never")
    with device_at(robot.port) as device:
        for make, status in (
            (robot.verify, SampleStatus.GOOD),
            (lambda: robot.verify(accepted=False), SampleStatus.POOR_QUALITY),
            (lambda: robot.sample(SampleStatus.TOO_LEFT), SampleStatus.TOO_LEFT),
            (lambda: robot.set_uv("refused"), SampleStatus.POOR_QUALITY),
        ):
            answer = in_background(lambda: device.call(CTAPHID.CBOR, b"\x09"))
            wait_until_asked(robot, Gesture.SAMPLE)
            make()
            assert answer.result(20) == bytes((0, status))


def test_finger_on_the_key_is_a_touch_for_a_platform_that_polls(
    device_at: Client, robots: Callable[..., Any]
) -> None:
    robot = robots("u2f-only", touch="never")
    with device_at(robot.port) as device:
        ctap = Ctap1(device)
        with pytest.raises(ApduError):
            ctap.register(b"c" * 32, b"a" * 32)
        robot.press()
        assert ctap.register(b"c" * 32, b"a" * 32)
        with pytest.raises(ApduError):
            ctap.register(b"c" * 32, b"a" * 32)


def test_habits_change_while_a_command_waits(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots(touch="never")
    with device_at(robot.port) as device:
        for habit in ("always", 0.1):
            robot.set_touch("never")
            selection = in_background(Ctap2(device).selection)
            wait_until_asked(robot, Gesture.PRESENCE)
            robot.set_touch(habit)
            selection.result(20)


def uv_token(device: CtapHidDevice) -> bytes:
    return ClientPin(Ctap2(device)).get_uv_token(ClientPin.PERMISSION.MAKE_CREDENTIAL, "example.com")


def test_user_is_verified_refused_or_awaited(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots("passkey", uv="never")
    with device_at(robot.port) as device:
        for accepted in (True, False):
            token = in_background(lambda: uv_token(device))
            wait_until_asked(robot, Gesture.VERIFICATION)
            robot.verify(accepted)
            if accepted:
                assert token.result(20)
            else:
                assert isinstance(token.exception(20), CtapError)
        robot.set_uv("refused")
        with pytest.raises(CtapError) as refused:
            uv_token(device)
        assert refused.value.code == ERR.UV_INVALID
        robot.set_uv("always")
        assert uv_token(device)


def test_unknown_habit_changes_nothing(robots: Callable[..., Any]) -> None:
    robot = robots(touch=2.0)
    for habit in ("sometimes", -1.0, float("nan"), float("inf")):
        with pytest.raises(RobotError):
            robot.set_touch(habit)
    assert robot.status().touch == 2.0


def test_power_goes_and_comes_back(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots()
    robot.power_off()
    assert robot.status().name is robot.name is None
    taken = UdpPort(port=robot.port)
    with pytest.raises(PortError, match="in use"):
        robot.power_on()
    taken.close()
    robot.power_on()
    robot.replug()
    with device_at(robot.port) as device:
        assert device.ping(b"x") == b"x"


def test_saved_state_comes_back_as_after_a_power_cycle(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots()
    with device_at(robot.port) as device:
        ClientPin(Ctap2(device)).set_pin("123456")
        robot.save("with a PIN")
        robot.advance_clock(1)
        robot.replug()
    with device_at(robot.port) as device:
        Ctap2(device).reset()
        assert Ctap2(device).info.options["clientPin"] is False
        robot.restore("with a PIN")
    with device_at(robot.port) as device:
        assert Ctap2(device).info.options["clientPin"] is True
        assert ClientPin(Ctap2(device)).get_pin_token("123456", 1, "example.com")
    with pytest.raises(RobotError, match="nothing was saved as 'x'; saved: with a PIN"):
        robot.restore("x")


def test_clock_that_moves_closes_the_time_for_a_reset(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots()
    before = robot.status().clock
    robot.advance_clock(11)
    assert robot.status().clock - before == pytest.approx(11, abs=5)
    with device_at(robot.port) as device, pytest.raises(CtapError, match="NOT_ALLOWED"):
        Ctap2(device).reset()


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 2 * LONGEST_ADVANCE])
def test_clock_moves_forwards_and_not_for_ever(robots: Callable[..., Any], seconds: float) -> None:
    with pytest.raises(RobotError, match="seconds must be from 0"):
        robots().advance_clock(seconds)


def test_log_tells_what_happened_since(device_at: Client, robots: Callable[..., Any]) -> None:
    robot = robots()
    with device_at(robot.port) as device:
        Ctap2(device).selection()
    heard = robot.log()
    assert [exchange.command for exchange in heard] == ["getInfo", "selection"]
    assert robot.log(since=heard[0].number) == heard[1:]
