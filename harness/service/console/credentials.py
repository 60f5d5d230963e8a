"""Security credentials, one's own or another user's: list, resync and remove MFA devices."""

from __future__ import annotations

from harness.service.console.devices import Subject, device_rows
from harness.service.console.visit import Answer, GoTo, Page, Show, Visit
from harness.service.errors import AccessDenied


def show_credentials(visit: Visit) -> Answer:
    subject, caller = Subject.of(visit), visit.caller
    whose = None if subject.own else subject.name
    devices = visit.identity.list_mfa_devices(caller, whose)
    context = {
        "subject": subject,
        "root": subject.own and caller.user.root,
        "devices": device_rows(devices),
        "limit": visit.identity.profile.max_devices,
        "sms": visit.identity.sms_mfa_device(caller, whose),
        "due": visit.identity.root_mfa_due(visit.signed_in) if subject.own else None,
        "now": visit.identity.clock(),
    }
    return Show(template="credentials.html", context=context)


def show_resync(visit: Visit) -> Answer:
    return _about_a_device(visit, "resync.html")


def resync(visit: Visit) -> Answer:
    subject = Subject.of(visit)
    visit.identity.resync_mfa_device(
        visit.caller, subject.name, visit.asked("serial_number"), visit.asked("code_1"), visit.asked("code_2")
    )
    return GoTo(location=f"{subject.address}?done=resynced")


def show_removal(visit: Visit) -> Answer:
    return _about_a_device(visit, "remove.html")


def remove(visit: Visit) -> Answer:
    """Deactivate the device, and delete it if it is virtual, as far as the visitor may."""
    subject, caller, serial_number = Subject.of(visit), visit.caller, visit.asked("serial_number")
    visit.identity.deactivate_mfa_device(caller, subject.name, serial_number)
    if ":mfa/" in serial_number:
        try:
            visit.identity.delete_virtual_mfa_device(caller, serial_number)
        except AccessDenied:
            return GoTo(location=f"{subject.address}?done=deactivated")
    return GoTo(location=f"{subject.address}?done=removed")


def _about_a_device(visit: Visit, template: str) -> Answer:
    subject, serial_number = Subject.of(visit), visit.asked("serial_number")
    if not serial_number:
        return GoTo(location=subject.address)
    return Show(template=template, context={"subject": subject, "serial_number": serial_number})


def pages(address: str) -> list[Page]:
    """The pages below ``address``, a path that may have ``{user_name}`` in it."""
    return [
        Page(path=address, show=show_credentials),
        Page(path=f"{address}/resync", show=show_resync, submit=resync),
        Page(path=f"{address}/remove", show=show_removal, submit=remove),
    ]
