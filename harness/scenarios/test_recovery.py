"""A device is lost; its user, or an administrator, detaches it."""

from dataclasses import replace
from typing import Any

import pytest

from harness.devices.token import Token
from harness.world import World

# S4: who may update the account's phone number.
BILLING: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["aws-portal:ViewAccount", "aws-portal:ModifyAccount"],
            "Resource": "*",
        }
    ],
}


@pytest.mark.source("S1")
@pytest.mark.needs("several-devices")
def test_second_device_signs_in_and_detaches_the_lost_one(world: World) -> None:
    """A second device signs in and detaches the lost one."""
    alice, key = world.user("alice"), world.key()
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    assert alice.sign_in(key).accepted
    phone = alice.enable_virtual(world.app(), "alice-phone")
    assert phone.accepted
    world.wait(days=30)
    world.story.tell("alice loses her phone")
    assert alice.sign_in(key).accepted
    removed = alice.remove("alice-phone")
    assert removed.accepted
    assert [row["Name"] for row in removed.page.tables["mfa-devices"]] == ["alice-key"]
    listed = alice.sdk.iam.list_mfa_devices()["MFADevices"]
    assert len(listed) == 1
    assert "/alice-key-" in listed[0]["SerialNumber"]


@pytest.mark.source("S1")
def test_administrator_detaches_the_only_device(world: World) -> None:
    """An administrator detaches a lost only device."""
    admin, bob = world.user("admin", administrator=True), world.user("bob")
    assert bob.enable_hardware(world.token("GAHT12345678"), via="api").accepted
    assert bob.sign_in().refused
    assert admin.sign_in().accepted
    assert admin.remove("GAHT12345678", of=bob).accepted
    assert bob.sign_in().accepted
    token = world.token("GAHT87654321")
    assert bob.enable_hardware(token).accepted
    world.wait(minutes=1)
    assert bob.sign_in(token).accepted


@pytest.mark.source("S4")
def test_root_by_e_mail_and_phone(world: World) -> None:
    """Root's only device is lost: e-mail, phone, in, and a new one."""
    root, lost, fresh = world.root, world.token("GAHT12345678"), world.token("GAHT87654321")
    _enable_and_lose(world, lost)
    offered = root.ask_for_another_way()
    assert offered.accepted
    assert offered.page.texts["masked-email"] == "r*****@example.com"
    assert root.have_email_sent().accepted
    assert "E-mail: AWS Email Verification" in root.browser.open("/outbox").text
    verified = root.follow_email()
    assert verified.accepted
    assert verified.page.texts["masked-phone"] == "*****0100"
    assert root.take_call().accepted
    signed_in = root.finish_recovery()
    assert signed_in.accepted
    assert signed_in.page.heading == "My security credentials (root user)"
    removed = root.remove("GAHT12345678")
    assert removed.accepted
    assert "mfa-devices" not in removed.page.tables
    assert root.enable_hardware(fresh).accepted
    world.wait(minutes=1)
    assert root.sign_in(lost).refused
    assert root.sign_in(fresh).accepted
    by_phone = world.events.named("ConsoleLogin")[-3]
    assert by_phone.additional["AlternativeFactors"] == "Yes"


@pytest.mark.source("S4")
def test_root_has_the_e_mail_sent_again(world: World) -> None:
    """The e-mail is sent again, and the first one's link is void."""
    root = world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    assert root.ask_for_another_way().accepted
    first = root.have_email_sent()
    assert first.page.form("send-email").button == "Resend the e-mail"
    old_link = root.browser.open("/outbox").link("verify-email").href
    root.browser.open("/sign-in/mfa/recovery")
    assert root.have_email_sent().accepted
    void = root.browser.open(old_link)
    world.story.tell("root follows the link in the first e-mail", f"refused, {void.error}", False)
    assert void.status == 403
    assert root.follow_email().accepted


@pytest.mark.source("S4")
def test_root_types_the_wrong_digits(world: World) -> None:
    """Wrong digits end the call; another one may be asked for."""
    root = world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    assert root.ask_for_another_way().accepted
    assert root.have_email_sent().accepted
    assert root.follow_email().accepted
    wrong = root.take_call("000000")
    assert wrong.refused
    assert wrong.status == 403
    root.browser.open("/sign-in/mfa/recovery")
    assert root.take_call().accepted
    assert root.finish_recovery().accepted


@pytest.mark.source("S4")
def test_phone_before_e_mail(world: World) -> None:
    """No phone call before the e-mail, no way in before both."""
    root = world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    offered = root.ask_for_another_way()
    assert "call-phone" not in offered.page.forms
    token = offered.page.form("send-email").fields["csrf"].value
    for step, path in (("is called", "call"), ("signs in", "finish")):
        form = replace(offered.page.form("send-email"), action=f"/sign-in/mfa/recovery/{path}")
        page = root.browser.send(form, {"csrf": token})
        world.story.tell(f"root {step} out of turn", f"refused, {page.error}", False)
        assert page.status == 403


@pytest.mark.source("S4")
def test_an_administrator_updates_the_phone_number_first(world: World) -> None:
    """The phone is gone, too: an administrator enters a new number."""
    admin, root = world.user("admin", policies=[BILLING]), world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    world.story.tell("the account's phone number is no longer in use")
    assert admin.sign_in().accepted
    assert admin.change_phone_number("+81 3 1234 5678").accepted
    assert world.events[-1].name == "PutContactInformation"
    assert root.ask_for_another_way().accepted
    assert root.have_email_sent().accepted
    assert root.follow_email().page.texts["masked-phone"] == "*****5678"
    assert root.take_call().accepted
    assert world.identity.outbox()[0].to == "+81312345678"
    assert root.finish_recovery().accepted


@pytest.mark.source("S4")
def test_not_everybody_updates_the_phone_number(world: World) -> None:
    """A user without that right cannot divert root's calls."""
    mallory = world.user("mallory")
    assert mallory.sign_in().accepted
    page = mallory.browser.open("/account")
    world.story.tell("mallory opens the account's page", f"refused, {page.error}", False)
    assert page.status == 403
    assert "aws-portal:ViewAccount" in str(page.error)


@pytest.mark.source("S4")
def test_neither_e_mail_nor_phone(world: World) -> None:
    """Neither e-mail nor phone: the form to support, in Japanese."""
    root = world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    assert root.ask_for_another_way().accepted
    asked = root.ask_support(
        {
            "account": world.account.id,
            "reach": "taro@example.net",
            "support_language": "ja",
            "text": "MFA デバイスを紛失しました。",
        }
    )
    assert asked.accepted
    request = world.identity.outbox()[0]
    assert (request.kind, request.subject) == ("support", world.account.id)
    assert "Japanese" in request.body


@pytest.mark.source("S0")
@pytest.mark.service(alternative_factors=False)
def test_no_other_way_where_support_has_turned_it_off(world: World) -> None:
    """Support can turn the other way in off."""
    root = world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    assert root.sign_in().refused
    page = root.browser.follow("troubleshoot-mfa")
    world.story.tell("root has problems with the device", f"shown “{page.heading}”")
    assert all(link.id != "alternative-factors" for link in page.links)
    assert root.browser.open("/sign-in/mfa/recovery").status == 403


@pytest.mark.source("S4")
def test_the_other_way_is_roots_alone(world: World) -> None:
    """An IAM user has no such way; root removes their device."""
    alice, root = world.user("alice"), world.root
    assert alice.enable_hardware(world.token("GAHT12345678"), via="api").accepted
    world.story.tell("alice loses GAHT12345678")
    assert alice.sign_in().refused
    refused = alice.browser.open("/sign-in/mfa/recovery")
    world.story.tell("alice asks for another way in", f"refused, {refused.error}", False)
    assert refused.status == 403
    assert root.sign_in().accepted
    assert root.remove("GAHT12345678", of=alice).accepted
    assert alice.sign_in().accepted


@pytest.mark.source("S4", "S0")
def test_no_other_way_without_the_password(world: World) -> None:
    """Mailbox and phone are no use without the password."""
    root = world.root
    _enable_and_lose(world, world.token("GAHT12345678"))
    page = root.browser.sign_in_root("root@example.com", "not the password")
    world.story.tell("somebody tries root's password", f"refused, {page.error}", False)
    assert page.status == 403
    page = root.browser.open("/sign-in/mfa/recovery")
    world.story.tell("they go for the other way in", f"shown “{page.heading}”")
    assert "send-email" not in page.forms


@pytest.mark.source("S0")
def test_lost_key_is_replaced_by_a_token(world: World) -> None:
    """A lost key is deactivated, and a device of another type enabled."""
    admin, alice, key = world.user("admin", administrator=True), world.user("alice"), world.key()
    token = world.token("GAHT12345678")
    assert alice.sign_in().accepted
    assert alice.register_key(key, "alice-key").accepted
    world.story.tell("alice loses her key")
    assert admin.sign_in().accepted
    assert admin.remove("alice-key", of=alice).accepted
    assert alice.sign_in().accepted
    assert alice.enable_hardware(token).accepted
    assert alice.sign_in(token, code=token.read_next()).accepted
    found = world.events.named("DeactivateMFADevice", "EnableMFADevice")[-2:]
    assert [event.user_name for event in found] == ["admin", "alice"]


def _enable_and_lose(world: World, token: Token) -> None:
    assert world.root.sign_in().accepted
    assert world.root.enable_hardware(token).accepted
    world.wait(days=30)
    world.story.tell(f"root loses {token.serial_number}")
