"""The wizard that assigns an MFA device: name and type, then the device itself (S0, S1, S3)."""

from __future__ import annotations

import base64
import re
from typing import Literal
from urllib.parse import urlencode

import segno

from harness.service.console.devices import Subject
from harness.service.console.visit import Answer, FieldError, GoTo, Page, Show, Visit
from harness.service.model import VirtualMfaDevice
from harness.service.words import say

Kind = Literal["security-key", "authenticator-app", "hardware-token"]

KINDS: list[tuple[Kind, str, str]] = [
    (
        "security-key",
        say("Passkey or security key"),
        say("Touch a FIDO key, or use your finger, face or PIN; it cannot be phished and needs no clock."),
    ),
    ("authenticator-app", say("Authenticator app"), say("Enter a code that an app on your phone makes.")),
    (
        "hardware-token",
        say("Hardware TOTP token"),
        say("Enter a code that a token with a serial number shows."),
    ),
]
_NAME = re.compile(r"[\w+=,.@-]+", re.ASCII)  # IAM API: virtualMFADeviceName


def show_choice(visit: Visit) -> Answer:
    subject = Subject.of(visit)
    context = {"subject": subject, "kinds": KINDS, "name": visit.asked("name"), "type": visit.asked("type")}
    return Show(template="assign_choose.html", context=context)


def choose(visit: Visit) -> Answer:
    name, limit = visit.asked("name"), visit.identity.profile.device_name_length
    if len(name) > limit or not _NAME.fullmatch(name):
        message = say(
            "A device name has 1 to {limit} letters, digits and +=,.@_- without spaces.", limit=limit
        )
        raise FieldError("name", message)
    match visit.asked("type"):
        case "security-key" | "hardware-token" as kind:
            return GoTo(location=f"{Subject.of(visit).address}/assign-mfa/{kind}?{urlencode({'name': name})}")
        case "authenticator-app":
            return _new_app(visit, name)
        case _:
            raise FieldError(f"type-{KINDS[0][0]}", say("Choose a type of device."))


# An authenticator app. Its secret is shown in the answer that creates the device, and nowhere else.


def _new_app(visit: Visit, name: str) -> Answer:
    device = visit.identity.create_virtual_mfa_device(visit.caller, name)
    return _show_app(visit, device.serial_number, name, device)


def _show_app(visit: Visit, serial_number: str, name: str, device: VirtualMfaDevice | None = None) -> Answer:
    context = {
        "subject": Subject.of(visit),
        "serial_number": serial_number,
        "name": name,
        "qr_code": None,
        "secret": None,
    }
    if device is not None:
        picture = segno.make(visit.identity.provisioning_uri(device), micro=False)
        context["qr_code"] = picture.png_data_uri(scale=4, border=4)
        context["secret"] = base64.b32encode(device.totp.secret).decode("ascii").rstrip("=")
    where = f"{Subject.of(visit).address}/assign-mfa/authenticator-app"
    address = f"{where}?{urlencode({'serial_number': serial_number, 'name': name})}"
    return Show(template="assign_app.html", context=context, address=address)


def show_app(visit: Visit) -> Answer:
    serial_number = visit.asked("serial_number")
    if not serial_number:
        return GoTo(location=f"{Subject.of(visit).address}/assign-mfa")
    return _show_app(visit, serial_number, visit.asked("name"))


def start_app_again(visit: Visit) -> Answer:
    """A new secret for an app that did not take in the first."""
    visit.identity.delete_virtual_mfa_device(visit.caller, visit.asked("serial_number"))
    return _new_app(visit, visit.asked("name"))


def cancel_app(visit: Visit) -> Answer:
    """Leave the wizard and nothing behind."""
    visit.identity.delete_virtual_mfa_device(visit.caller, visit.asked("serial_number"))
    return GoTo(location=Subject.of(visit).address)


# A hardware token.


def show_token(visit: Visit) -> Answer:
    context = {"subject": Subject.of(visit), "serial_number": visit.asked("serial_number")}
    return Show(template="assign_hardware.html", context=context)


def enable_with_codes(visit: Visit) -> Answer:
    subject = Subject.of(visit)
    visit.identity.enable_mfa_device(
        visit.caller, subject.name, visit.asked("serial_number"), visit.asked("code_1"), visit.asked("code_2")
    )
    return GoTo(location=f"{subject.address}?done=assigned")


# A security key.


def show_security_key(visit: Visit) -> Answer:
    subject, name = Subject.of(visit), visit.asked("name")
    options = visit.identity.begin_security_key_registration(visit.caller, subject.name, name)
    return Show(
        template="assign_security_key.html", context={"subject": subject, "name": name, "options": options}
    )


def register_security_key(visit: Visit) -> Answer:
    subject = Subject.of(visit)
    visit.identity.finish_security_key_registration(
        visit.caller, subject.name, visit.asked("name"), visit.asked("response")
    )
    return GoTo(location=f"{subject.address}?done=assigned")


def pages(address: str) -> list[Page]:
    """The pages below ``address``, a path that may have ``{user_name}`` in it."""
    start = f"{address}/assign-mfa"
    return [
        Page(path=start, show=show_choice, submit=choose),
        Page(path=f"{start}/authenticator-app", show=show_app, submit=enable_with_codes),
        Page(path=f"{start}/authenticator-app/start-again", submit=start_app_again),
        Page(path=f"{start}/authenticator-app/cancel", submit=cancel_app),
        Page(path=f"{start}/hardware-token", show=show_token, submit=enable_with_codes),
        Page(path=f"{start}/security-key", show=show_security_key, submit=register_security_key),
    ]
