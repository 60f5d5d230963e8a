"""Root's way in without its MFA device: e-mail, phone, signed in (S4); and the form to support."""

from __future__ import annotations

from harness.service.console.language import LANGUAGES
from harness.service.console.visit import (
    Answer,
    FieldError,
    GoTo,
    NotSignedInError,
    Page,
    PageError,
    Show,
    Visit,
)
from harness.service.recovery import VERIFY_EMAIL
from harness.service.words import say

_START = "/sign-in/mfa/recovery"
_TEXT_LENGTH = 4000


def show_recovery(visit: Visit) -> Answer:
    """The three steps, each as far as it has come."""
    state = visit.identity.recovery(visit.awaiting_mfa.id)
    return Show(template="recovery.html", context={"state": state}, address=_START)


def send_email(visit: Visit) -> Answer:
    visit.identity.send_recovery_email(visit.awaiting_mfa.id)
    return GoTo(location=f"{_START}#step-1")


def verify_email(visit: Visit) -> Answer:
    """Where the e-mail's link leads; it counts in the browser that gave the password, and in no other."""
    try:
        session = visit.awaiting_mfa
    except NotSignedInError:
        message = say("Open the link in the browser in which you gave the password, while it waits for you.")
        raise PageError(403, say("This link cannot be used here"), message) from None
    visit.identity.verify_recovery_email(session.id, visit.asked("token"))
    return GoTo(location=f"{_START}#step-2")


def call_phone(visit: Visit) -> Answer:
    visit.identity.call_recovery_phone(visit.awaiting_mfa.id)
    return GoTo(location=f"{_START}#step-2")


def finish(visit: Visit) -> Answer:
    session = visit.identity.finish_recovery(visit.awaiting_mfa.id)
    return GoTo(location="/security-credentials?done=recovered", session=session)


# Neither e-mail nor phone can be reached.


def show_support(visit: Visit) -> Answer:
    asked = {name: visit.asked(name) for name in ("account", "reach", "support_language", "text")}
    case = visit.query.get("case", "")
    answered = bool(case) and visit.identity.support_request(case).answer is not None
    return Show(template="support.html", context={**asked, "case": case, "answered": answered})


def ask_support(visit: Visit) -> Answer:
    account, reach, text = visit.asked("account"), visit.asked("reach"), visit.asked("text")
    for field, value, message in (
        ("account", account, say("Enter the account ID or the root user's e-mail address.")),
        ("reach", reach, say("Enter how support can reach you.")),
        ("text", text, say("Say what happened.")),
    ):
        if not value:
            raise FieldError(field, message)
        if len(value) > _TEXT_LENGTH:
            raise FieldError(field, say("That is longer than {limit} characters.", limit=_TEXT_LENGTH))
    language = visit.asked("support_language") or next(iter(LANGUAGES))
    if language not in LANGUAGES:
        raise FieldError("support_language", say("Support does not speak this language."))
    case = visit.identity.ask_support(account=account, reach=reach, language=language, text=text)
    return GoTo(location=f"/support?case={case}")


PAGES = [
    Page(path=_START, show=show_recovery),
    Page(path=f"{_START}/send-email", show=show_recovery, submit=send_email),
    Page(path=VERIFY_EMAIL, show=verify_email),
    Page(path=f"{_START}/call", show=show_recovery, submit=call_phone),
    Page(path=f"{_START}/finish", show=show_recovery, submit=finish),
    Page(path="/support", show=show_support, submit=ask_support),
]
