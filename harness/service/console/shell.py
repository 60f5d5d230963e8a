"""The console's shell: HTTP in, a visit to a page, HTTP out.

Everything that guards a page stands here: cookies, the CSRF token, the bounds of a form, the security
headers, and what becomes of an error. The pages themselves decide nothing about HTTP.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

import jinja2
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harness.service.console.form import read_form
from harness.service.console.language import preferred
from harness.service.console.rendering import DONE, failure
from harness.service.console.visit import (
    Answer,
    FieldError,
    GoTo,
    NotSignedInError,
    Page,
    PageError,
    Remembered,
    Show,
    Visit,
)
from harness.service.errors import AwsError
from harness.service.events import SENDER, Sender
from harness.service.identity import Identity
from harness.service.model import AwaitingMfa, SignedIn, SignInSession
from harness.service.sessions import SessionEnded
from harness.service.words import say

REMEMBER_S = 365 * 24 * 3600
SESSION_COOKIE, BROWSER_COOKIE = "keyrig-session", "keyrig-browser"
ACCOUNT_COOKIE, LANGUAGE_COOKIE = "keyrig-account", "keyrig-language"

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-create=(self), publickey-credentials-get=(self)",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_log = logging.getLogger(__name__)


class Shell:
    """Serves one page of the console as an ASGI application; ``csrf_key`` is the service's secret."""

    def __init__(
        self,
        page: Page,
        *,
        identity: Identity,
        templates: Callable[[str], jinja2.Environment],
        csrf_key: bytes,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._page = page
        self._identity = identity
        self._templates = templates
        self._csrf_key = csrf_key
        self._random_bytes = random_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        except Exception:
            _log.exception("%s %s failed", request.method, request.url.path)
            response = HTMLResponse(failure(_language(request)), HTTPStatus.INTERNAL_SERVER_ERROR)
        response.headers.update(SECURITY_HEADERS)
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            form = await read_form(request) if request.method == "POST" else {}
            refused = None
        except PageError as error:
            form, refused = {}, error
        return await asyncio.to_thread(self._visit, request, form, refused)

    def _visit(self, request: Request, form: Mapping[str, str], refused: PageError | None) -> Response:
        browser = request.cookies.get(BROWSER_COOKIE, "")
        if not re.fullmatch(r"[0-9a-f]{64}", browser):
            browser = self._random_bytes(32).hex()
        SENDER.set(_sender(request))
        visit = Visit(
            identity=self._identity,
            language=_language(request),
            address=_address(request),
            session=self._session(request),
            remembered=Remembered.parse(request.cookies.get(ACCOUNT_COOKIE, "")),
            path_params=request.path_params,
            query=request.query_params,
            form=form,
        )
        csrf = self._csrf_token(browser, request.cookies.get(SESSION_COOKIE, ""))
        try:
            if refused is not None:
                raise refused
            answer = self._kept_from(visit) or self._answer(request.method, visit, csrf)
        except (NotSignedInError, SessionEnded):
            sign_in = GoTo(location="/sign-in")
            answer = sign_in if request.method != "POST" else _error_page(NotSignedInError())
        except PageError as error:
            answer = _error_page(error)
        except FieldError as error:
            answer = _error_page(PageError(400, _heading(400), error.message))
        except AwsError as error:
            answer = _error_page(PageError(error.http_status, _heading(error.http_status), error.message))
        response = self._response(answer, visit, csrf)
        _set_cookies(response, answer, browser, secure=request.url.scheme == "https")
        return response

    def _session(self, request: Request) -> SignInSession | None:
        session_id = request.cookies.get(SESSION_COOKIE)
        if not session_id:
            return None
        try:
            return self._identity.session(session_id)
        except SessionEnded:
            return None

    def _kept_from(self, visit: Visit) -> Answer | None:
        """Where root is sent instead, once it is overdue to assign an MFA device."""
        session = visit.session
        if not self._page.beyond_mfa or not isinstance(session, SignedIn):
            return None
        due = self._identity.root_mfa_due(session)
        overdue = due is not None and self._identity.clock() >= due
        return GoTo(location="/security-credentials") if overdue else None

    def _answer(self, method: str, visit: Visit, csrf: str) -> Answer:
        match method:
            case "GET" | "HEAD" if self._page.show is not None:
                return self._page.show(visit)
            case "POST" if self._page.submit is not None:
                if not hmac.compare_digest(visit.form.get("csrf", "").encode(), csrf.encode()):
                    raise PageError(
                        403,
                        say("This form is out of date"),
                        say("It was made for another visit. Go back, reload the page and send it again."),
                    )
                return self._submit(visit)
            case _:
                message = say("This address does not answer {method} requests.", method=method)
                raise PageError(405, say("Not possible here"), message)

    def _submit(self, visit: Visit) -> Answer:
        """Submit the form; refused by rule, the page is shown again and says why."""
        assert self._page.submit is not None
        try:
            return self._page.submit(visit)
        except (AwsError, FieldError) as error:
            field, status = (error.field, 400) if isinstance(error, FieldError) else (None, error.http_status)
            shown = None if self._page.show is None else self._page.show(visit)
            if not isinstance(shown, Show):
                raise
            return replace(shown, alert=error.message, fault=field, status=status)

    def _csrf_token(self, browser: str, session_id: str) -> str:
        """The token of this browser's forms; another browser's, or another session's, is another."""
        return hmac.new(self._csrf_key, f"{browser}\0{session_id}".encode(), hashlib.sha256).hexdigest()

    def _response(self, answer: Answer, visit: Visit, csrf: str) -> Response:
        match answer:
            case GoTo():
                return RedirectResponse(answer.location, HTTPStatus.SEE_OTHER)
            case Show():
                notice = DONE.get(visit.query.get("done", "")) if answer.alert is None else None
                template = self._templates(visit.language).get_template(answer.template)
                html = template.render(
                    answer.context,
                    alert=answer.alert,
                    fault=answer.fault,
                    notice=notice,
                    csrf=csrf,
                    address=answer.address or visit.address,
                    signed_in=visit.session if isinstance(visit.session, SignedIn) else None,
                )
                return HTMLResponse(html, answer.status)


def _set_cookies(response: Response, answer: Answer, browser: str, *, secure: bool) -> None:
    def keep(name: str, value: str, max_age: int | None = None) -> None:
        response.set_cookie(name, value, max_age=max_age, httponly=True, samesite="lax", secure=secure)

    keep(BROWSER_COOKIE, browser)
    match answer:
        case GoTo(session="end"):
            response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=secure)
        case GoTo(session=AwaitingMfa(id=session_id) | SignedIn(id=session_id)):
            keep(SESSION_COOKIE, session_id)
        case _:
            pass
    if isinstance(answer, GoTo) and answer.remember is not None:
        keep(ACCOUNT_COOKIE, str(answer.remember), REMEMBER_S)
    if isinstance(answer, GoTo) and answer.language is not None:
        keep(LANGUAGE_COOKIE, answer.language, REMEMBER_S)


def _error_page(error: PageError) -> Show:
    return Show(
        template="error.html", context={"heading": error.heading}, alert=error.message, status=error.status
    )


_HEADINGS = {
    403: say("Not allowed"),
    404: say("Not found"),
    409: say("Not possible now"),
    429: say("Too many attempts"),
}


def _heading(status: int) -> str:
    return _HEADINGS.get(status, say("Not possible"))


def _language(request: Request) -> str:
    accepted = request.headers.get("accept-language", "")
    return preferred(request.cookies.get(LANGUAGE_COOKIE, ""), accepted)


def _address(request: Request) -> str:
    """The path and query of a page; what a form was sent to has the path alone."""
    query = request.url.query if request.method == "GET" else ""
    return request.url.path + (f"?{query}" if query else "")


def _sender(request: Request) -> Sender:
    return Sender(
        source_ip_address=request.client.host if request.client is not None else "",
        user_agent=request.headers.get("user-agent", ""),
        login_to=str(request.base_url),
    )
