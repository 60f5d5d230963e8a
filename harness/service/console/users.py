"""The console's home page, the list of users with what MFA each has, and the audit trail."""

from __future__ import annotations

import json

from harness.service.console.devices import TYPES, type_of
from harness.service.console.visit import Answer, Page, Show, Visit
from harness.service.errors import AccessDenied
from harness.service.model import Caller, User
from harness.service.words import Said, say

_EVENTS_SHOWN = 100
_SMS = say("SMS")


def home(visit: Visit) -> Answer:
    """Who has signed in, how and for how long; root without MFA is told by when to have it."""
    session = visit.signed_in
    context = {
        "user": visit.caller.user,
        "due": visit.identity.root_mfa_due(session),
        "now": visit.identity.clock(),
    }
    return Show(template="home.html", context=context)


def show_users(visit: Visit) -> Answer:
    caller = visit.caller
    users = visit.identity.list_users(caller)
    return Show(
        template="users.html", context={"users": [(user, _mfa(visit, caller, user)) for user in users]}
    )


def _mfa(visit: Visit, caller: Caller, user: User) -> list[Said]:
    """What kinds of device the user has, as far as the visitor may know."""
    try:
        devices = visit.identity.list_mfa_devices(caller, user.name)
        sms = visit.identity.sms_mfa_device(caller, user.name)
    except AccessDenied:
        return [say("not allowed to see")]
    kinds = {type_of(device) for device in devices}
    found = [kind for kind in TYPES if kind in kinds]
    return [*found, *([] if sms is None else [_SMS])] or [say("none")]


def show_events(visit: Visit) -> Answer:
    """The account's audit trail, newest first; one name or user's if asked so."""
    name, user_name = visit.asked("name"), visit.asked("user_name")
    events = visit.identity.lookup_events(
        visit.caller, name=name or None, user_name=user_name or None, limit=_EVENTS_SHOWN
    )
    rows = [(event, json.dumps(event.record, indent=2, ensure_ascii=False, default=str)) for event in events]
    context = {"events": rows, "name": name, "user_name": user_name, "limit": _EVENTS_SHOWN}
    return Show(template="events.html", context=context)


PAGES = [
    Page(path="/home", show=home, beyond_mfa=True),
    Page(path="/users", show=show_users, beyond_mfa=True),
    Page(path="/events", show=show_events, beyond_mfa=True),
]
