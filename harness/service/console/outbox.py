"""The outbox as a page and as JSON: the mailbox and the phone of whoever uses this test service.

It is open to anyone who reaches the service, as a mailbox of a test is, and so holds nothing of real people.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from harness.service.console.visit import Answer, GoTo, Page, Show, Visit
from harness.service.errors import AwsError
from harness.service.identity import Identity
from harness.service.model import OutboxMessage

_LONGEST = 4096


def show_outbox(visit: Visit) -> Answer:
    messages, waiting = visit.identity.outbox(), visit.identity.waiting_calls()
    context = {
        "messages": messages,
        "waiting": [message.id for message in messages if message.id in waiting],
        "last_email": next((message.id for message in messages if message.kind == "email"), None),
    }
    return Show(template="outbox.html", context=context)


def answer_call(visit: Visit) -> Answer:
    visit.identity.answer_call(visit.asked("call"), visit.asked("digits"))
    return GoTo(location="/outbox?done=digits")


PAGES = [Page(path="/outbox", show=show_outbox, submit=answer_call)]


def json_routes(identity: Identity) -> list[BaseRoute]:
    """``/outbox.json``: GET lists the messages; POST ``{"call": ID, "digits": "123456"}`` types on the phone.

    A page of another site cannot post here: a browser asks first before it sends JSON, and gets no answer.
    """

    async def read(request: Request) -> JSONResponse:
        messages = await run_in_threadpool(identity.outbox)
        waiting = await run_in_threadpool(identity.waiting_calls)
        return _answer({"messages": [_as_json(message, message.id in waiting) for message in messages]})

    async def write(request: Request) -> JSONResponse:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _answer({"error": "Send JSON, as application/json."}, 415)
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LONGEST:
                return _answer({"error": f"Send no more than {_LONGEST} bytes."}, 413)
        try:
            match json.loads(body):
                case {"call": str(call), "digits": str(digits)}:
                    await run_in_threadpool(identity.answer_call, call, digits)
                    return _answer({"verified": True})
        except AwsError as error:
            return _answer({"error": str(error.message)}, error.http_status)
        except (ValueError, RecursionError):
            pass
        return _answer({"error": 'Send {"call": ID, "digits": "123456"}.'}, 400)

    methods: Mapping[str, Callable[[Request], Awaitable[JSONResponse]]] = {"GET": read, "POST": write}
    return [Route("/outbox.json", endpoint, methods=[method]) for method, endpoint in methods.items()]


def _as_json(message: OutboxMessage, waiting: bool) -> dict[str, Any]:
    return {
        "id": message.id,
        "kind": message.kind,
        "to": message.to,
        "subject": message.subject,
        "sent_at": message.sent_at,
        "body": message.body,
        "link": message.link,
        "waiting": waiting,
    }


def _answer(content: Mapping[str, Any], status: int = 200) -> JSONResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return JSONResponse(content, status, headers=headers)
