"""The console: plain pages and forms over the identity, in AWS's manner but under its own name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from harness.service.console import account, credentials, outbox, recovery, sign_in, users, wizard
from harness.service.console.language import LANGUAGES
from harness.service.console.rendering import templates
from harness.service.console.shell import SECURITY_HEADERS, Shell
from harness.service.console.visit import Answer, GoTo, Page, PageError, Visit
from harness.service.identity import Identity
from harness.service.words import say

_MEDIA_TYPES = {"console.css": "text/css", "webauthn.js": "text/javascript"}


def console_routes(
    identity: Identity, *, random_bytes: Callable[[int], bytes] = os.urandom
) -> list[BaseRoute]:
    """The console's pages and static files, and last a page for every other address.

    Forms opened before the service was restarted are refused after it: their CSRF key is new each time.
    """
    shell = partial(
        Shell,
        identity=identity,
        templates=templates,
        csrf_key=random_bytes(32),
        random_bytes=random_bytes,
    )
    pages = [
        *sign_in.PAGES,
        *recovery.PAGES,
        *users.PAGES,
        *account.PAGES,
        *outbox.PAGES,
        *credentials.pages("/security-credentials"),
        *wizard.pages("/security-credentials"),
        *(
            replace(page, beyond_mfa=True)
            for page in (*credentials.pages("/users/{user_name}"), *wizard.pages("/users/{user_name}"))
        ),
        Page(path="/language", submit=_switch_language),
        Page(path="/{path:path}", show=_nowhere, submit=_nowhere),
    ]
    static = [Route(f"/static/{name}", _static(name)) for name in _MEDIA_TYPES]
    return [*static, *outbox.json_routes(identity), *(Route(page.path, shell(page)) for page in pages)]


def _static(name: str) -> Callable[[Request], Response]:
    content = files("harness.service").joinpath("static", name).read_bytes()

    def serve(request: Request) -> Response:
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-cache"}
        return Response(content, media_type=_MEDIA_TYPES[name], headers=headers)

    return serve


def _nowhere(visit: Visit) -> Answer:
    raise PageError(404, say("Not found"), say("The console has no page at this address."))


def _switch_language(visit: Visit) -> Answer:
    """On in another language, on the page that the switch was on."""
    language, back = visit.asked("language"), visit.asked("back")
    if language not in LANGUAGES:
        raise PageError(400, say("Not possible"), say("The console does not speak this language."))
    return GoTo(location=back if _OWN_ADDRESS.fullmatch(back) else "/", language=language)


# A path and query of this site: "//" and "/\\" would lead to another.
_OWN_ADDRESS = re.compile(r"/(?![/\\])[!-~]*")
