"""The outbox as a page and as JSON: mailbox, phone and support's desk of whoever uses this test service.

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

from harness.service.console.language import LANGUAGES, translator
from harness.service.console.visit import Answer, FieldError, GoTo, Page, Show, Visit
from harness.service.errors import AwsError
from harness.service.identity import Identity
from harness.service.model import OutboxMessage
from harness.service.words import say, spoken

_LONGEST = 4096


def show_outbox(visit: Visit) -> Answer:
    messages, waiting = visit.identity.outbox(), visit.identity.waiting_calls()
    context = {
        "messages": messages,
        "waiting": [message.id for message in messages if message.id in waiting],
        "decisions": DECISIONS,
        "open_requests": [one.id for one in messages if one.kind == "support" and one.answer is None],
        "last_email": next((message.id for message in messages if message.kind == "email"), None),
    }
    return Show(template="outbox.html", context=context)


def answer_call(visit: Visit) -> Answer:
    visit.identity.answer_call(visit.asked("call"), visit.asked("digits"))
    return GoTo(location="/outbox?done=digits")


def answer_request(visit: Visit) -> Answer:
    if visit.asked("decision") not in DECISIONS:
        raise FieldError("decision", say("Choose what to answer."))
    if len(visit.asked("note")) > _LONGEST:
        raise FieldError("note", say("That is longer than {limit} characters.", limit=_LONGEST))
    _answer_support(visit.identity, visit.asked("case"), visit.asked("decision"), visit.asked("note"))
    return GoTo(location="/outbox?done=support-answered")


DECISIONS = {"reset": say("Remove the root user's MFA devices"), "refuse": say("Refuse")}


def _answer_support(identity: Identity, case: str, decision: str, note: str) -> None:
    """Answer in the language that the request asks for."""
    language = identity.support_request(case).language
    translate = translator(language if language in LANGUAGES else next(iter(LANGUAGES)))
    if decision == "reset":
        subject = say("Request {case}: the MFA devices are removed", case=case)
        text = say(
            "We have removed the MFA devices of your account's root user. Sign in with the root user's "
            "e-mail address and password, and assign a new device at once."
        )
    else:
        subject = say("Request {case}: nothing was removed", case=case)
        text = say("We could not confirm that the account is yours, and have removed nothing.")
    identity.answer_support(
        case,
        reset=decision == "reset",
        subject=spoken(subject, translate),
        letter="\n\n".join(filter(None, (spoken(text, translate), note))),
    )


PAGES = [
    Page(path="/outbox", show=show_outbox, submit=answer_call),
    Page(path="/outbox/support", show=show_outbox, submit=answer_request),
]


def json_routes(identity: Identity) -> list[BaseRoute]:
    """``/outbox.json``: GET lists the messages; POST ``{"call": ID, "digits": "123456"}`` types on the phone.

    POST ``{"case": ID, "decision": "reset"}``, or ``"refuse"``, answers a request to support, with a ``note``
    if there is one.
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
                case {"case": str(case), "decision": "reset" | "refuse" as decision} as verb:
                    if isinstance(note := verb.get("note", ""), str):
                        await run_in_threadpool(_answer_support, identity, case, decision, note)
                        return _answer({"answered": decision})
        except AwsError as error:
            return _answer({"error": str(error.message)}, error.http_status)
        except (ValueError, RecursionError):
            pass
        forms = '{"call": ID, "digits": "123456"} or {"case": ID, "decision": "reset" or "refuse"}'
        return _answer({"error": f"Send {forms}."}, 400)

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
        "waiting": waiting or (message.kind == "support" and message.answer is None),
        "answer": message.answer,
    }


def _answer(content: Mapping[str, Any], status: int = 200) -> JSONResponse:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return JSONResponse(content, status, headers=headers)
