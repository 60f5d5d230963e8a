"""Signing in: the account, the password, the second page for MFA, and resync on the way in.

IAM users and the root user each have their own page (S0); which accounts and users exist shows on none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from harness.service.console.devices import DeviceRow, device_rows
from harness.service.console.visit import Answer, FieldError, GoTo, Page, PageError, Remembered, Show, Visit
from harness.service.model import ROOT, AwaitingMfa, MfaDevice, SignedIn, SignInSession
from harness.service.sign_in import MfaRefused, SignInFailed
from harness.service.words import say

# IAM guide, "Account identifiers" and "Creating an account alias".
_ACCOUNT = re.compile(r"[0-9]{12}|(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")


def front(visit: Visit) -> Answer:
    """The address without a path: on to where this visitor left off."""
    match visit.session:
        case SignedIn():
            return GoTo(location="/home")
        case AwaitingMfa():
            return GoTo(location="/sign-in/mfa")
        case _:
            return GoTo(location="/sign-in")


# The first page.


def start(visit: Visit) -> Answer:
    """The sign-in address: the remembered account's page, or the one that asks for an account (S0)."""
    return show_iam(visit) if visit.remembered else show_account(visit)


def show_account(visit: Visit) -> Answer:
    return Show(template="sign_in_account.html", context={"account": visit.asked("account")})


def choose_account(visit: Visit) -> Answer:
    account = visit.asked("account")
    if not _ACCOUNT.fullmatch(account):
        raise FieldError(
            "account",
            say(
                "An account ID has 12 digits; "
                "an alias has 3 to 63 lower-case letters, digits and single hyphens."
            ),
        )
    return GoTo(location=f"/sign-in/iam?{urlencode({'account': account})}")


def choose_root(visit: Visit) -> Answer:
    if "@" not in visit.asked("email"):
        raise FieldError("email", say("Enter the e-mail address of the account's root user."))
    return show_root(visit)


def show_iam(visit: Visit) -> Answer:
    account, user_name = visit.asked("account"), visit.asked("user_name")
    if visit.remembered and account in ("", visit.remembered.account):
        account, user_name = visit.remembered.account, user_name or visit.remembered.user_name
    return Show(template="sign_in_iam.html", context={"account": account, "user_name": user_name})


def sign_in(visit: Visit) -> Answer:
    account, user_name = visit.asked("account"), visit.asked("user_name")
    try:
        session = visit.identity.sign_in(account, user_name, visit.secret("password"))
    except SignInFailed as error:
        message = error.args[0]
        if "@" in user_name or user_name.lower() == ROOT:
            hint = say("The root user cannot sign in on this page: choose “Sign in using root user e-mail”.")
            message = say("{message} {hint}", message=message, hint=hint)
        return _again(show_iam, visit, message)
    return _past_the_password(visit, session, Remembered(account=account, user_name=user_name))


def show_root(visit: Visit) -> Answer:
    return Show(template="sign_in_root.html", context={"email": visit.asked("email")})


def sign_in_root(visit: Visit) -> Answer:
    try:
        session = visit.identity.sign_in_root(visit.asked("email"), visit.secret("password"))
    except SignInFailed as error:
        return _again(show_root, visit, error.args[0])
    return _past_the_password(visit, session)


def _past_the_password(visit: Visit, session: SignInSession, remember: Remembered | None = None) -> Answer:
    if visit.session is not None:
        visit.identity.sign_out(visit.session.id)
    location = "/home" if isinstance(session, SignedIn) else "/sign-in/mfa"
    return GoTo(location=location, session=session, remember=remember)


def sign_out(visit: Visit) -> Answer:
    if visit.session is not None:
        visit.identity.sign_out(visit.session.id)
    return GoTo(location="/sign-in?done=signed-out", session="end")


# The second page.


def show_mfa(visit: Visit) -> Answer:
    """Ask for a code; after failures, for two codes to resync with (S3). With keys only, for the key."""
    codes, keys = _methods(visit)
    if not codes:
        return GoTo(location="/sign-in/mfa/security-key")
    template = "mfa_resync.html" if _resync_is_offered(visit) else "mfa.html"
    return Show(template=template, context=_mfa_context(codes, "security-key" if keys else None))


def enter_code(visit: Visit) -> Answer:
    device = visit.asked("device") or None
    return _present(
        visit,
        show_mfa,
        lambda session_id: visit.identity.present_code(session_id, visit.asked("code"), device),
    )


def resync_and_sign_in(visit: Visit) -> Answer:
    """Two consecutive codes resync the device and sign in at once (S3), where that was offered."""
    if not _resync_is_offered(visit):
        message = say("Resync is offered here once several codes were refused.")
        raise PageError(409, say("Not offered yet"), message)
    device, code_1, code_2 = visit.asked("device") or None, visit.asked("code_1"), visit.asked("code_2")
    return _present(
        visit,
        show_mfa,
        lambda session_id: visit.identity.resync_and_sign_in(session_id, device, code_1, code_2),
    )


def show_security_key(visit: Visit) -> Answer:
    codes, keys = _methods(visit)
    if not keys:
        return GoTo(location="/sign-in/mfa")
    options = visit.identity.begin_assertion(visit.awaiting_mfa.id)
    context = {**_mfa_context(codes, "code" if codes else None), "options": options}
    return Show(template="mfa_security_key.html", context=context)


def use_security_key(visit: Visit) -> Answer:
    return _present(
        visit,
        show_security_key,
        lambda session_id: visit.identity.finish_assertion(session_id, visit.asked("response")),
    )


def show_troubleshooting(visit: Visit) -> Answer:
    """What to do about a device that does not work; root can resync it here before signing in (S2)."""
    codes, _ = _methods(visit)
    context = {
        **_mfa_context(codes, None),
        "root": visit.awaiting_mfa.user_name == ROOT,
        "alternative_factors": visit.identity.profile.alternative_factors,
        "failures_before_resync": visit.identity.profile.failures_before_resync,
    }
    return Show(template="mfa_troubleshoot.html", context=context)


def resync_before_sign_in(visit: Visit) -> Answer:
    try:
        visit.identity.resync_before_sign_in(
            visit.awaiting_mfa.id, visit.asked("device") or None, visit.asked("code_1"), visit.asked("code_2")
        )
    except MfaRefused as error:
        return _again(show_troubleshooting, visit, error.args[0])
    return GoTo(location="/sign-in/mfa?done=resynced-before-sign-in")


def _present(visit: Visit, show: Callable[[Visit], Answer], complete: Callable[[str], SignedIn]) -> Answer:
    """Complete the sign-in; refused, show the page again as it stands after one more failure."""
    session = visit.awaiting_mfa
    try:
        return GoTo(location="/home", session=complete(session.id))
    except MfaRefused as error:
        return _again(show, replace(visit, session=visit.identity.session(session.id)), error.args[0])


def _again(show: Callable[[Visit], Answer], visit: Visit, alert: str) -> Answer:
    shown = show(visit)
    return replace(shown, alert=alert, status=403) if isinstance(shown, Show) else shown


def _methods(visit: Visit) -> tuple[list[DeviceRow], list[DeviceRow]]:
    """The visitor's devices: those that show codes, and the security keys."""
    devices: list[MfaDevice] = visit.identity.mfa_methods(visit.awaiting_mfa)
    rows = device_rows(devices)
    return [row for row in rows if row.resyncs], [row for row in rows if not row.resyncs]


def _resync_is_offered(visit: Visit) -> bool:
    return visit.awaiting_mfa.failures >= visit.identity.profile.failures_before_resync


def _mfa_context(codes: list[DeviceRow], other_method: str | None) -> Mapping[str, Any]:
    return {"choices": codes, "other_method": other_method}


PAGES = [
    Page(path="/", show=front),
    Page(path="/sign-in", show=start),
    Page(path="/sign-in/account", show=show_account, submit=choose_account),
    Page(path="/sign-in/email", show=show_account, submit=choose_root),
    Page(path="/sign-in/iam", show=show_iam, submit=sign_in),
    Page(path="/sign-in/root", show=show_root, submit=sign_in_root),
    Page(path="/sign-in/mfa", show=show_mfa, submit=enter_code),
    Page(path="/sign-in/mfa/resync", show=show_mfa, submit=resync_and_sign_in),
    Page(path="/sign-in/mfa/security-key", show=show_security_key, submit=use_security_key),
    Page(path="/sign-in/mfa/troubleshoot", show=show_troubleshooting, submit=resync_before_sign_in),
    Page(path="/sign-out", submit=sign_out),
]
