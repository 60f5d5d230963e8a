"""The account's page: its names, and the phone number that root's recovery calls (S4)."""

from __future__ import annotations

from harness.service.console.visit import Answer, FieldError, GoTo, Page, Show, Visit
from harness.service.errors import ValidationError


def show_account(visit: Visit) -> Answer:
    account = visit.identity.get_account(visit.caller)
    typed = visit.form.get("phone_number", account.phone_number or "")
    return Show(template="account.html", context={"account": account, "phone_number": typed})


def change_phone_number(visit: Visit) -> Answer:
    try:
        visit.identity.update_phone_number(visit.caller, visit.asked("phone_number"))
    except ValidationError as error:
        raise FieldError("phone_number", error.message) from None
    return GoTo(location="/account?done=phone-number")


PAGES = [Page(path="/account", show=show_account, submit=change_phone_number, beyond_mfa=True)]
