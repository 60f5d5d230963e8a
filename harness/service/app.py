"""The service over HTTP or HTTPS: one Starlette application, run by uvicorn in a thread."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import string
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from emulator.clock import Clock
from harness.service.api import ApiRoute
from harness.service.console import console_routes
from harness.service.events import SENDER, Sender
from harness.service.identity import Identity

LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 2.0
_BACKLOG = 1024
_TICK_S = 0.1  # on_tick counts tenths of a second
_LONGEST_HEADER = 1024  # characters of a header that the trail keeps; CloudTrail's bound on userAgent


class ServiceError(Exception):
    """The service cannot be started; the message is one line that says what to do."""


def build_app(identity: Identity, *, signature_clock: Clock | None = None) -> Starlette:
    """One application of both doors: ``/`` is the Query API where it is asked, the rest is the console.

    ``signature_clock`` judges request signatures; by default the machine's.
    """
    routes = [ApiRoute(identity, signature_clock=signature_clock), *console_routes(identity)]
    return Starlette(routes=routes, middleware=[Middleware(_Porch)])


class _Porch:
    """What every request passes: the trail is told where it came from, and odd bytes are percent-encoded."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers, client = Headers(scope=scope), scope.get("client")
            host = headers.get("host", "")[:_LONGEST_HEADER]
            SENDER.set(
                Sender(
                    source_ip_address=client[0] if client else "",
                    user_agent=headers.get("user-agent", "")[:_LONGEST_HEADER],
                    login_to=f"{scope['scheme']}://{host}{scope['path'][:_LONGEST_HEADER]}",
                )
            )
            # RFC 3986 §2: an address is ASCII; what reads it later expects that.
            scope["query_string"] = quote(scope["query_string"], safe=string.printable).encode()
            scope["path"] = scope["path"].replace("\n", "%0A")  # no route's pattern takes a line feed
        await self._app(scope, receive, send)


class RunningApp:
    """An application, served for as long as a ``with`` block lasts, at ``base_url``.

    ``port`` 0 takes a free one. On loopback the address is ``http://localhost:PORT``, because a browser
    treats that as secure enough for WebAuthn. ``certificate`` is the path of a certificate and its key in
    PEM; with it the address begins with ``https``. ServiceError if the port is taken or the host is not here.
    """

    def __init__(
        self, app: ASGIApp, *, host: str = LOOPBACK, port: int = 0, certificate: Path | None = None
    ) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._certificate = certificate
        self.base_url = ""

    def __enter__(self) -> Self:
        listener = _listen(self._host, self._port)
        scheme = "http" if self._certificate is None else "https"
        self.base_url = f"{scheme}://{_name(self._host)}:{listener.getsockname()[1]}"
        self._server = _Server(self._app, self._certificate)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        if not self._server.ready.wait(_START_TIMEOUT_S):
            self.__exit__(None, None, None)
            raise ServiceError(
                f"the service at {self.base_url} did not start within {_START_TIMEOUT_S:.0f} s"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.stop()
        self._thread.join()


class RunningService(RunningApp):
    """The service, running; while it does, its address is one of the identity's origins."""

    def __init__(
        self,
        identity: Identity,
        *,
        host: str = LOOPBACK,
        port: int = 0,
        certificate: Path | None = None,
        signature_clock: Clock | None = None,
    ) -> None:
        app = build_app(identity, signature_clock=signature_clock)
        super().__init__(app, host=host, port=port, certificate=certificate)
        self._identity = identity

    def __enter__(self) -> Self:
        super().__enter__()
        self._identity.origins.append(self.base_url)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, traceback)
        with suppress(ValueError):
            self._identity.origins.remove(self.base_url)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on ``host``."""
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _name(host: str) -> str:
    """What to call the host in an address."""
    if is_loopback(host) or host in ("0.0.0.0", "::"):  # noqa: S104 - named, not listened on
        return "localhost"
    return f"[{host}]" if ":" in host else host


class _Server(uvicorn.Server):
    """Uvicorn, quiet, that says when it is ready and stops at once.

    Its own loop and shutdown look around every tenth of a second, which many short scenarios would feel.
    """

    def __init__(self, app: ASGIApp, certificate: Path | None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="off",
                loop="asyncio",  # by name: to look for other loops and protocols takes longer than to start
                http="h11",
                ws="none",
                timeout_keep_alive=75,  # a slow client's next request is not met by a closing connection
                ssl_certfile=certificate,
                ssl_keyfile=certificate,
            )
        )
        self.ready = threading.Event()

    def stop(self) -> None:
        """Ask the server to stop, from another thread."""
        self.should_exit = True
        if self.ready.is_set():
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _TICK_S)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        # Answers under way are finished, within reason.
        deadline = self._loop.time() + _STOP_TIMEOUT_S
        while (self.server_state.connections or self.server_state.tasks) and self._loop.time() < deadline:
            await asyncio.sleep(0.002)
        for task in self.server_state.tasks:
            task.cancel()


def _listen(host: str, port: int) -> socket.socket:
    address = LOOPBACK if host == "localhost" else host
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # TCP by name: only then does asyncio turn Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ServiceError(f"port {port} is in use; choose another, or 0 for a free one") from error
        if isinstance(error, OverflowError):
            raise ServiceError(f"cannot listen on port {port}: {error}") from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ServiceError(f"cannot listen on {host} port {port}: {reason}") from error
    return listener
