"""One fake provider in this process: its listener, and the paths that steer it at run time.

GET /_fake/log, POST /_fake/behaviour and POST /_fake/reset answer on the provider's own port and on
a second one, which stays open while the provider itself refuses connections.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from router_service.testing.behaviour import Behaviour, Faults
from router_service.testing.desk import Desk
from router_service.testing.journal import Entry, Journal
from router_service.testing.sockets import listening_socket
from router_service.testing.wire import ProviderSpec

_MOST_BODY_BYTES = 64 * 1024 * 1024
_STOP_S = 0.2
_SETTLE_S = 0.02


class FakeProvider:
    """A provider in this process. Use as an async context manager."""

    def __init__(self, spec: ProviderSpec) -> None:
        self.spec = spec
        self.faults = Faults(spec.behaviour)
        self.journal = Journal()
        self._desk = Desk(spec, self.faults, self.journal)
        self._busy: set[asyncio.Transport | None] = set()
        self.port = spec.port
        self.control_port = 0
        self._site: web.SockSite | None = None
        self._runner: web.AppRunner | None = None

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def base_url(self) -> str:
        """As a routing config has it, once started."""
        return f"http://127.0.0.1:{self.port}{self.spec.base_path}"

    async def __aenter__(self) -> FakeProvider:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        app = web.Application(client_max_size=_MOST_BODY_BYTES)
        app.router.add_get("/_fake/log", self._show_log)
        app.router.add_post("/_fake/behaviour", self._take_behaviour)
        app.router.add_post("/_fake/reset", self._take_reset)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_STOP_S
        )
        await self._runner.setup()
        try:
            control = listening_socket(0)
            self.control_port = control.getsockname()[1]
            await web.SockSite(self._runner, control).start()
            await self._listen()
        except OSError:
            await self.stop()
            raise
        await self.behave(self.spec.behaviour)

    async def stop(self) -> None:
        """End everything at once; a second call does nothing."""
        await self.kill()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def kill(self) -> None:
        """Vanish as a killed process does: no listener, and every connection dropped."""
        self._desk.forget()
        await self._close_listener()
        for transport in self._transports():
            transport.abort()

    async def restart(self) -> None:
        """Come back after kill, on the same port, with the first behaviour and an empty log."""
        await self.reset()

    async def behave(self, behaviour: Behaviour) -> None:
        """Change how it behaves from the next request on. Counts of faults start again."""
        self.faults.set(behaviour)
        if not behaviour.refuses:
            await self._listen()
            return
        await self._close_listener()
        for transport in self._transports():
            if transport not in self._busy:
                transport.abort()
        await asyncio.sleep(_SETTLE_S)  # until clients have noticed, so that none uses an old one

    async def reset(self) -> None:
        """Back to the first behaviour, with an empty log."""
        self.journal.clear()
        await self.behave(self.spec.behaviour)

    async def log(self) -> list[Entry]:
        """What it saw, oldest first."""
        return self.journal.entries

    async def _listen(self) -> None:
        if self._site is None and self._runner is not None:
            listener = listening_socket(self.port)
            self.port = listener.getsockname()[1]
            self._site = web.SockSite(self._runner, listener)
            await self._site.start()

    async def _close_listener(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.stop()

    def _transports(self) -> list[asyncio.Transport]:
        """Connections to the provider's own port, not those that steer it."""
        server = self._runner.server if self._runner is not None else None
        connections = server.connections if server is not None else []
        transports = [connection.transport for connection in connections]
        return [
            transport
            for transport in transports
            if transport is not None and transport.get_extra_info("sockname")[1] == self.port
        ]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        self._busy.add(transport)
        try:
            response = await self._desk.handle(request)
        finally:
            self._busy.discard(transport)
        if self.faults.behaviour.refuses:
            response.force_close()
        return response

    async def _show_log(self, _: web.Request) -> web.Response:
        return web.json_response(self.journal.to_json())

    async def _take_behaviour(self, request: web.Request) -> web.Response:
        try:
            behaviour = Behaviour.from_json(await request.json())
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        await self.behave(behaviour)
        return web.json_response(self.faults.behaviour.to_json())

    async def _take_reset(self, _: web.Request) -> web.Response:
        await self.reset()
        return web.json_response(self.faults.behaviour.to_json())
