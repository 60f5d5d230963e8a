"""Root without its device: in by e-mail and phone, which the outbox stands for (S4), or by asking support."""

from __future__ import annotations

from typing import Any


def test_root_recovers_by_e_mail_and_phone_and_removes_the_lost_device(visitor: Any) -> None:
    visitor.open("/outbox")
    assert visitor.has("outbox-empty")
    visitor.sign_in("root")
    visitor.assign_app("lost-phone")
    visitor.sign_in("root")
    visitor.follow("troubleshoot-mfa")
    visitor.follow("alternative-factors")
    assert visitor.text("masked-email") == "r*****@example.com"
    visitor.submit("send-email")
    assert visitor.has("email-sent")
    visitor.submit("send-email")

    # The e-mail is read in another tab.
    mailbox = visitor.page.context.new_page()
    mailbox.goto(f"{visitor.world.service.base_url}/outbox")
    sign_in, visitor.page = visitor.page, mailbox
    visitor.follow("verify-email")
    assert visitor.has("email-verified")
    visitor.page = sign_in
    mailbox.close()
    visitor.open("/sign-in/mfa/recovery")
    assert visitor.text("masked-phone").startswith("*****")
    visitor.submit("call-phone")
    visitor.open("/outbox")
    visitor.submit("answer-call", digits="000000")
    assert visitor.alert
    assert not visitor.has("answer-call"), "wrong digits end the call"
    visitor.open("/sign-in/mfa/recovery")
    assert not visitor.has("recovery-code")
    visitor.submit("call-phone")
    digits = visitor.text("recovery-code")
    visitor.open("/outbox")
    visitor.submit("answer-call", digits=digits)
    assert visitor.done
    visitor.open("/sign-in/mfa/recovery")
    assert visitor.has("phone-verified")
    visitor.submit("finish-recovery")
    assert visitor.done
    assert visitor.has("mfa-devices")
    visitor.follow("mfa-devices .actions a >> nth=1")
    visitor.submit("remove-device")
    assert visitor.has("no-mfa-assigned")
    visitor.submit("sign-out")
    visitor.sign_in("root")
    assert visitor.path == "/home"


def test_support_is_asked_in_a_language_of_choice(visitor: Any) -> None:
    visitor.open("/support")
    assert visitor.page.input_value("#support_language") == visitor.kind.language
    visitor.submit("ask-support", account=" ", reach="+81 3 1234 5678", text="Lost.\nAll of it.")
    assert visitor.alert
    assert visitor.page.input_value("#text") == "Lost.\nAll of it."
    visitor.submit("ask-support", account="root@example.com", support_language="ja")
    assert visitor.done
    visitor.open("/outbox")
    told = visitor.page.inner_text("pre")
    assert told.startswith("+81 3 1234 5678\nJapanese")
    assert told.endswith("Lost.\nAll of it.")


def test_whoever_runs_the_service_answers_as_support(visitor: Any) -> None:
    visitor.sign_in("root")
    visitor.assign_app("root-phone")
    visitor.submit("sign-out")
    visitor.open("/support")
    visitor.submit("ask-support", account="root@example.com", reach="me@example.net", text="Lost.")
    case = visitor.page.url.partition("case=")[2]
    visitor.open("/outbox")
    visitor.submit("answer-support", decision="reset", note="Welcome back.")
    assert visitor.done
    assert visitor.page.locator("article").count() == 2
    visitor.open(f"/support?case={case}")
    assert visitor.has("support-state")
    visitor.sign_in("root")
    assert visitor.path == "/home"
    assert visitor.has("no-mfa-used")
