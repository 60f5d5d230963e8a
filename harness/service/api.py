"""The IAM and STS Query API over HTTP: a signed form in the body or the query of /, answered in XML.

A request's signature is judged by the machine's clock, as SDKs sign with it; whatever MFA decides is judged
inside identity, by the world's.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from botocore import xform_name
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.clock import Clock, SystemClock
from harness.service import sigv4
from harness.service.errors import (
    AwsError,
    MalformedQueryString,
    MissingAction,
    NotImplementedHere,
    RequestEntityTooLarge,
    ServiceFailure,
)
from harness.service.identity import Identity
from harness.service.model import Caller
from harness.service.operations import OPERATIONS
from harness.service.query_protocol import (
    FAULT_NAMESPACE,
    error_xml,
    find_operation,
    parse_parameters,
    response_xml,
    service_model,
)
from harness.service.sigv4 import HttpRequest, Signer

MAX_BODY = 1 << 20  # bytes: the longest policy document (131 072 characters) percent-encoded, and room
MAX_FIELDS = 1000

_log = logging.getLogger(__name__)


def api_endpoint(identity: Identity, *, signature_clock: Clock | None = None) -> ASGIApp:
    """The API as an ASGI application. ``signature_clock`` judges signatures; by default the machine's."""
    return _Endpoint(identity, signature_clock or SystemClock())


class ApiRoute(Route):
    """The API's place beside the console: ``POST /``, and ``GET /`` of a URL that asks for an action."""

    def __init__(self, identity: Identity, *, signature_clock: Clock | None = None) -> None:
        endpoint = api_endpoint(identity, signature_clock=signature_clock)
        super().__init__("/", endpoint, methods=["GET", "POST"])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        asks = scope.get("method") == "POST" or b"Action=" in scope.get("query_string", b"")
        return super().matches(scope) if asks else (Match.NONE, {})


class _Endpoint:
    def __init__(self, identity: Identity, signature_clock: Clock) -> None:
        self._identity = identity
        self._signature_clock = signature_clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(uuid.uuid4())
        request = Request(scope, receive)
        try:
            body = await _read_body(request)
        except ClientDisconnect:
            return
        except RequestEntityTooLarge as error:
            status, xml = error.http_status, error_xml(error, FAULT_NAMESPACE, request_id)
        else:
            # Verbs hash passwords and wait for the store: not on the event loop.
            signed = HttpRequest(
                method=request.method,
                path=scope.get("raw_path") or request.url.path.encode(),
                query=scope["query_string"],
                headers=tuple(scope["headers"]),
                body=body,
            )
            status, xml = await asyncio.to_thread(self._answer, signed, request_id)
        response = Response(xml, status, {"x-amzn-RequestId": request_id}, "text/xml")
        await response(scope, receive, send)

    def _answer(self, request: HttpRequest, request_id: str) -> tuple[int, bytes]:
        """The status and body for ``request``; the one place where errors become XML."""
        namespace = FAULT_NAMESPACE
        try:
            signer = sigv4.verify(
                request,
                secret_of=self._identity.secret_of_access_key,
                services=OPERATIONS.keys(),
                now=self._signature_clock(),
                max_skew_s=self._identity.profile.signature_skew_s,
            )
            namespace = service_model(signer.service).metadata["xmlNamespace"]
            caller = self._identity.caller_for_access_key(
                signer.access_key_id, signer.session_token, signed_for=(signer.region, signer.service)
            )
            form = _parse_form(b"&".join(filter(None, [request.query, request.body])))
            return 200, self._perform(signer, caller, form, request_id)
        except AwsError as error:
            return error.http_status, error_xml(error, namespace, request_id)
        except Exception:
            _log.exception("request %s failed", request_id)
            failure = ServiceFailure()
            return failure.http_status, error_xml(failure, namespace, request_id)

    def _perform(self, signer: Signer, caller: Caller, form: Mapping[str, str], request_id: str) -> bytes:
        if not form.get("Action"):
            raise MissingAction("The request must contain the parameter Action")
        model = find_operation(service_model(signer.service), form["Action"], form.get("Version"))
        with self._identity.audited_call(caller, model, signer.access_key_id, request_id) as call:
            call.asked = parameters = parse_parameters(model, form)
            call.answered = answer = self._call(signer.service, model, caller, parameters)
        return response_xml(model, answer, request_id)

    def _call(
        self, service: str, model: Any, caller: Caller, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        operation = OPERATIONS[service].get(model.name)
        if operation is None:
            raise NotImplementedHere(
                f"{model.name} is an operation of AWS that this emulator does not implement."
            )
        arguments: dict[str, Any] = {}
        for name, value in parameters.items():
            arguments[xform_name(name)] = value
            if xform_name(name) not in inspect.signature(operation).parameters:
                raise NotImplementedHere(
                    f"This emulator does not implement the parameter {name} of {model.name}."
                )
        return operation(self._identity, caller, **arguments) or {}


async def _read_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise RequestEntityTooLarge(f"The request is longer than {MAX_BODY} bytes.")
    return body


def _parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form, each once; MalformedQueryString says what cannot be read."""
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise MalformedQueryString(f"This is not a form in UTF-8 of at most {MAX_FIELDS} fields.") from error
    form = dict(fields)
    if len(form) != len(fields):
        raise MalformedQueryString("The form has the same parameter twice.")
    return form
