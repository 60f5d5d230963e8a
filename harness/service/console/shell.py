"""The console's shell: HTTP in, a visit to a page, HTTP out.

Everything that guards a page stands here: cookies, the CSRF token, the bounds of a form, the security
headers, and what becomes of an error. The pages themselves decide nothing about HTTP.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import parse_qsl

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from harness.service.console.visit import (
    Answer,
    GoTo,
    NotSignedInError,
    Page,
    PageError,
    Remembered,
    Show,
    Visit,
)
from harness.service.errors import AwsError
from harness.service.identity import Identity
from harness.service.model import AwaitingMfa, SignedIn, SignInSession
from harness.service.sign_in import SessionEnded

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 32
REMEMBER_S = 365 * 24 * 3600
SESSION_COOKIE, BROWSER_COOKIE, ACCOUNT_COOKIE = "keyrig-session", "keyrig-browser", "keyrig-account"

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

# What a page may say was done, by the name that its address carries.
DONE = {
    "assigned": "The MFA device is assigned.",
    "resynced": "The MFA device is in sync again.",
    "removed": "The MFA device is removed.",
    "deactivated": "The MFA device is deactivated, but you may not delete it: its name stays taken.",
    "signed-out": "You are signed out.",
    "resynced-before-sign-in": "The device is in sync again. Sign in with its next code.",
}

_log = logging.getLogger(__name__)


@cache
def templates() -> jinja2.Environment:
    """The console's templates: everything put into a page is escaped, a name left out is an error.

    One for the process: compiling them anew takes longer than the rest of a service's start.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.service"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = _moment
    return environment


class Shell:
    """Serves one page of the console as an ASGI application; ``csrf_key`` is the service's secret."""

    def __init__(
        self,
        page: Page,
        *,
        identity: Identity,
        environment: jinja2.Environment,
        csrf_key: bytes,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._page = page
        self._identity = identity
        self._environment = environment
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
            response = HTMLResponse(_FAILURE, HTTPStatus.INTERNAL_SERVER_ERROR)
        response.headers.update(SECURITY_HEADERS)
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        try:
            form = await _read_form(request) if request.method == "POST" else {}
            refused = None
        except PageError as error:
            form, refused = {}, error
        return await run_in_threadpool(self._visit, request, form, refused)

    def _visit(self, request: Request, form: Mapping[str, str], refused: PageError | None) -> Response:
        browser = request.cookies.get(BROWSER_COOKIE, "")
        if not re.fullmatch(r"[0-9a-f]{64}", browser):
            browser = self._random_bytes(32).hex()
        visit = Visit(
            identity=self._identity,
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
            answer = self._answer(request.method, visit, csrf)
        except (NotSignedInError, SessionEnded):
            sign_in = GoTo(location="/sign-in")
            answer = sign_in if request.method != "POST" else _error_page(NotSignedInError())
        except PageError as error:
            answer = _error_page(error)
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

    def _answer(self, method: str, visit: Visit, csrf: str) -> Answer:
        match method:
            case "GET" | "HEAD" if self._page.show is not None:
                return self._page.show(visit)
            case "POST" if self._page.submit is not None:
                if not hmac.compare_digest(visit.form.get("csrf", "").encode(), csrf.encode()):
                    raise PageError(
                        403,
                        "This form is out of date",
                        "It was made for another visit. Go back, reload the page and send it again.",
                    )
                return self._submit(visit)
            case _:
                raise PageError(405, "Not possible here", f"This address does not answer {method} requests.")

    def _submit(self, visit: Visit) -> Answer:
        """Submit the form; refused by rule, the page is shown again and says why."""
        assert self._page.submit is not None
        try:
            return self._page.submit(visit)
        except AwsError as error:
            if self._page.show is None:
                raise
            shown = self._page.show(visit)
            if isinstance(shown, GoTo):
                raise
            return replace(shown, alert=error.message, status=error.http_status)

    def _csrf_token(self, browser: str, session_id: str) -> str:
        """The token of this browser's forms; another browser's, or another session's, is another."""
        return hmac.new(self._csrf_key, f"{browser}\0{session_id}".encode(), hashlib.sha256).hexdigest()

    def _response(self, answer: Answer, visit: Visit, csrf: str) -> Response:
        match answer:
            case GoTo():
                return RedirectResponse(answer.location, HTTPStatus.SEE_OTHER)
            case Show():
                html = self._environment.get_template(answer.template).render(
                    answer.context,
                    alert=answer.alert,
                    notice=DONE.get(visit.query.get("done", "")) if answer.alert is None else None,
                    csrf=csrf,
                    signed_in=visit.session if isinstance(visit.session, SignedIn) else None,
                )
                return HTMLResponse(html, answer.status)


async def _read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; one too long, of another kind or with a field twice is a ``PageError``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise PageError(415, "Not a form", "Send the form as application/x-www-form-urlencoded.")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            raise PageError(413, "Too long", f"A form may have {MAX_FORM_BYTES} bytes.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise PageError(400, "Not a form", "The form cannot be read.") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise PageError(400, "Not a form", "The form has a field twice.")
    return form


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


def _error_page(error: PageError) -> Show:
    return Show(
        template="error.html", context={"heading": error.heading}, alert=error.message, status=error.status
    )


def _heading(status: int) -> str:
    return {403: "Not allowed", 404: "Not found", 409: "Not possible now", 429: "Too many attempts"}.get(
        status, "Not possible"
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


_FAILURE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Failure · keyrig console</title>
<link rel="stylesheet" href="/static/console.css"></head>
<body><p class="test-service">This is a test service, not AWS.</p>
<main class="narrow"><h1>Something went wrong</h1>
<p class="alert" role="alert">The console failed on this request; its log says how. Go back and try again.</p>
</main></body></html>
"""
