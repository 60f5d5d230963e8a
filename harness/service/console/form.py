"""Reading a form that was sent, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from harness.service.console.visit import PageError
from harness.service.words import say

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 32


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; one too long, of another kind or with a field twice is a ``PageError``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise PageError(415, say("Not a form"), say("Send the form as application/x-www-form-urlencoded."))
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            message = say("A form may have {limit} bytes.", limit=MAX_FORM_BYTES)
            raise PageError(413, say("Too long"), message)
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise PageError(400, say("Not a form"), say("The form cannot be read.")) from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise PageError(400, say("Not a form"), say("The form has a field twice."))
    return form
