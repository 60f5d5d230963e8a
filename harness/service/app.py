"""The service over HTTP: one Starlette application, run by uvicorn on loopback in a thread."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import suppress
from types import TracebackType

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from emulator.clock import Clock
from harness.service.api import api_endpoint
from harness.service.console import console_routes
from harness.service.identity import Identity

_LOOPBACK = "127.0.0.1"
_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 2.0
_TICK_S = 0.1  # on_tick counts tenths of a second


class ServiceError(Exception):
    """The service cannot be started; the message is one line that says what to do."""


def build_app(identity: Identity, *, signature_clock: Clock | None = None) -> Starlette:
    """One application of both doors: ``POST /`` is the Query API, signed or not, the rest is the console.

    ``signature_clock`` judges request signatures; by default the machine's.
    """
    api = api_endpoint(identity, signature_clock=signature_clock)
    return Starlette(routes=[Route("/", api, methods=["POST"]), *console_routes(identity)])


class RunningService:
    """The service, served for as long as a ``with`` block lasts, at ``base_url``.

    ``port`` 0 takes a free one. The address is ``http://localhost:PORT``, because a browser treats that as
    secure enough for WebAuthn; it is added to the identity's origins. ServiceError if the port is taken.
    """

    def __init__(self, identity: Identity, *, port: int = 0, signature_clock: Clock | None = None) -> None:
        self._identity = identity
        self._app = build_app(identity, signature_clock=signature_clock)
        self._port = port
        self.base_url = ""

    def __enter__(self) -> RunningService:
        listener = _listen(self._port)
        self.base_url = f"http://localhost:{listener.getsockname()[1]}"
        self._server = _Server(self._app)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._identity.origins.append(self.base_url)
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
        self._identity.origins.remove(self.base_url)


class _Server(uvicorn.Server):
    """Uvicorn, quiet, that says when it is ready and stops at once.

    Its own loop and shutdown look around every tenth of a second, which many short scenarios would feel.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off")
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


def _listen(port: int) -> socket.socket:
    # TCP by name: only then does asyncio turn Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_LOOPBACK, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            raise ServiceError(f"port {port} is in use; choose another, or 0 for a free one") from error
        raise ServiceError(f"cannot listen on port {port}: {error}") from error
    return listener
