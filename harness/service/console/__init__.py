"""The console: plain pages and forms over the identity, in AWS's manner but under its own name."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from harness.service.console import credentials, sign_in, users, wizard
from harness.service.console.shell import SECURITY_HEADERS, Shell, templates
from harness.service.console.visit import Answer, Page, PageError, Visit
from harness.service.identity import Identity

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
        environment=templates(),
        csrf_key=random_bytes(32),
        random_bytes=random_bytes,
    )
    pages = [
        *sign_in.PAGES,
        *users.PAGES,
        *(
            page
            for address in ("/security-credentials", "/users/{user_name}")
            for page in (*credentials.pages(address), *wizard.pages(address))
        ),
        Page(path="/{path:path}", show=_nowhere, submit=_nowhere),
    ]
    static = [Route(f"/static/{name}", _static(name)) for name in _MEDIA_TYPES]
    return [*static, *(Route(page.path, shell(page)) for page in pages)]


def _static(name: str) -> Callable[[Request], Response]:
    content = files("harness.service").joinpath("static", name).read_bytes()

    def serve(request: Request) -> Response:
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-cache"}
        return Response(content, media_type=_MEDIA_TYPES[name], headers=headers)

    return serve


def _nowhere(visit: Visit) -> Answer:
    raise PageError(404, "Not found", "The console has no page at this address.")
