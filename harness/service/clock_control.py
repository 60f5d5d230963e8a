"""Moving a service's manual clock over HTTP: for scripts and tests, never for a web page.

``GET /clock`` answers the time; ``POST /clock`` takes ``{"advance": SECONDS}`` or ``{"set": TIME}`` as JSON,
TIME being seconds since the Unix epoch or ISO 8601, and answers the time there is then.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from emulator.clock import ManualClock

_LONGEST = 4096  # bytes
_FIRST, _LAST = 0.0, datetime(9000, 1, 1, tzinfo=UTC).timestamp()


class _Refused(Exception):  # noqa: N818 - the client's fault, answered
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def clock_control(clock: ManualClock) -> Starlette:
    """The endpoint as an application; it is to be served on loopback alone."""

    async def clock_endpoint(request: Request) -> Response:
        try:
            _refuse_pages(request)
            if request.method == "POST":
                _move(clock, await _body(request))
        except _Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status)
        return JSONResponse({"now": clock(), "time": datetime.fromtimestamp(clock(), UTC).isoformat()})

    return Starlette(routes=[Route("/clock", clock_endpoint, methods=["GET", "POST"])])


def _refuse_pages(request: Request) -> None:
    """What a page causes names the page, or a host that is not us."""
    name = request.headers.get("host", "").rpartition(":")[0]
    of_a_page = request.headers.get("sec-fetch-site", "none") != "none"
    if name not in ("127.0.0.1", "localhost") or of_a_page or {"origin", "referer"} & set(request.headers):
        raise _Refused(403, "a web page may not move time; send the request from a program of this machine")


async def _body(request: Request) -> Any:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise _Refused(415, "the Content-Type must be application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise _Refused(413, f"a body has at most {_LONGEST} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"the body is not JSON: {error}") from None


def _move(clock: ManualClock, verb: Any) -> None:
    match verb:
        case {"advance": int() | float() as seconds} if len(verb) == 1 and not isinstance(seconds, bool):
            then = clock() + max(-_LAST, min(seconds, _LAST))
        case {"set": int() | float() as then} if len(verb) == 1 and not isinstance(then, bool):
            pass
        case {"set": str() as text} if len(verb) == 1:
            then = _parsed(text)
        case _:
            raise _Refused(400, 'a body is {"advance": SECONDS} or {"set": TIME}')
    if not _FIRST <= then <= _LAST:  # nor is it NaN
        raise _Refused(400, "the time must be between 1970 and 9000")
    clock.set(float(then))


def _parsed(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _Refused(400, f"{text!r} is not a time of ISO 8601") from None
