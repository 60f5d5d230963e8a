"""One code, many doors, all at once: it opens one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from harness.platform import Browser

ATTEMPTS = 50
PASSWORD = "Correct-Horse-1"


def test_a_code_sent_fifty_times_at_once_to_console_and_sts_is_accepted_once(firm: Any) -> None:
    keys, device = firm.user("alice"), firm.device("alice")
    firm.iam.create_login_profile(UserName="alice", Password=PASSWORD)
    role = {"RoleArn": firm.role("deploy", {"Principal": {"AWS": firm.arn("user/alice")}})}
    proof = {"SerialNumber": device.serial, "TokenCode": device.code()}
    sts = firm.client("sts", keys)
    browsers: list[Browser] = []

    def at_the_console() -> Callable[[], bool]:
        browser = Browser(firm.url)
        browsers.append(browser)
        browser.sign_in("acme", "alice", PASSWORD)
        return lambda: "sign-out" in browser.enter_code(proof["TokenCode"]).forms

    def called(operation: Any, **request: str) -> Callable[[], bool]:
        def call() -> bool:
            try:
                return bool(operation(**request, **proof)["Credentials"])
            except ClientError as error:
                if error.response["Error"]["Code"] == "AccessDenied":
                    return False
                raise

        return call

    doors = [
        at_the_console,
        lambda: called(sts.get_session_token),
        lambda: called(sts.assume_role, **role, RoleSessionName="race"),
    ]
    attempts = [doors[number % len(doors)]() for number in range(ATTEMPTS)]
    barrier = threading.Barrier(ATTEMPTS)
    outcomes: list[bool] = []

    def run(attempt: Callable[[], bool]) -> None:
        barrier.wait()
        outcomes.append(attempt())

    threads = [threading.Thread(target=run, args=(attempt,)) for attempt in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for browser in browsers:
        browser.close()
    assert sorted(outcomes) == [False] * (ATTEMPTS - 1) + [True]
