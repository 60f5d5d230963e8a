"""The console's home page and the list of users with what MFA each has."""

from __future__ import annotations

from harness.service.console.devices import TYPES
from harness.service.console.visit import Answer, Page, Show, Visit
from harness.service.errors import AccessDenied
from harness.service.model import Caller, User


def home(visit: Visit) -> Answer:
    return Show(template="home.html", context={"user": visit.caller.user})


def show_users(visit: Visit) -> Answer:
    caller = visit.caller
    users = visit.identity.list_users(caller)
    return Show(
        template="users.html", context={"users": [(user, _mfa(visit, caller, user)) for user in users]}
    )


def _mfa(visit: Visit, caller: Caller, user: User) -> str:
    """What kinds of device the user has, as far as the visitor may know."""
    try:
        devices = visit.identity.list_mfa_devices(caller, user.name)
    except AccessDenied:
        return "not allowed to see"
    kinds = {type(device) for device in devices}
    return ", ".join(label for kind, label in TYPES.items() if kind in kinds) or "none"


PAGES = [Page(path="/home", show=home), Page(path="/users", show=show_users)]
