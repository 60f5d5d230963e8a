"""Root can be reached neither by e-mail nor by phone: a request to support, and what comes of it."""

import pytest

from harness.devices.token import Token
from harness.world import World


@pytest.mark.source("S4")
def test_support_removes_the_lost_device(world: World) -> None:
    """Support is sure of root, and removes its lost device."""
    root, lost, fresh = world.root, world.token("GAHT12345678"), world.token("GAHT87654321")
    _enable_lose_and_ask(world, lost, "en", "The token and the phone are gone.")
    answer = _answer(world, "reset")
    assert answer.startswith("We have removed the MFA devices of your account's root user.")
    assert root.sign_in().accepted
    assert root.enable_hardware(fresh).accepted
    world.wait(minutes=1)
    assert root.sign_in(lost).refused
    assert root.sign_in(fresh).accepted
    (removed,) = world.events.named("DeactivateMFADevice")
    assert removed.user_name == "support.amazonaws.com"
    assert removed.additional["serialNumber"] == "GAHT12345678"


@pytest.mark.source("S4")
def test_support_answers_in_japanese(world: World) -> None:
    """Support is asked in Japanese, is not convinced, and says so in Japanese."""
    root, lost = world.root, world.token("GAHT12345678")
    _enable_lose_and_ask(world, lost, "ja", "MFA デバイスを紛失しました。")
    answer = _answer(world, "refuse")
    assert answer == "お客様のアカウントであることを確認できなかったため、何も削除していません。"
    assert root.sign_in().refused
    assert root.sign_in(lost).accepted


def _enable_lose_and_ask(world: World, token: Token, language: str, text: str) -> None:
    root = world.root
    assert root.sign_in().accepted
    assert root.enable_hardware(token).accepted
    world.wait(days=30)
    world.story.tell(f"root loses {token.serial_number}, and can be reached neither by e-mail nor by phone")
    assert root.ask_for_another_way().accepted
    answers = {"account": world.account.id, "reach": "taro@example.net", "text": text}
    assert root.ask_support({**answers, "support_language": language}).accepted
    world.wait(days=2)


def _answer(world: World, decision: str) -> str:
    """What support writes, in the name of whoever runs the service."""
    desk = world.root.browser
    desk.open("/outbox")
    assert desk.submit("answer-support", {"decision": decision}).status == 200
    letter = world.identity.outbox()[0]
    world.story.tell("support answers root's request", f"“{letter.body.partition('. ')[0]}”")
    return letter.body
