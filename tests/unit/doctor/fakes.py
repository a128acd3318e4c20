"""A server that answers lists in ways the fake fleet does not, and tables with one provider."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from router_service.core import Table
from router_service.testing.sockets import listening_socket

HANG_S = 5.0


class Lists:
    """What each path answers: a status and a body; any other path is a 404. `None` hangs."""

    def __init__(self, answers: Mapping[str, tuple[int, str] | None]) -> None:
        self._answers = answers
        self._running = 0
        self.most_at_once = 0
        self.asked: list[str] = []
        """The paths, in order."""

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        try:
            answer = self._answers.get(request.path, (404, "no such page"))
            await asyncio.sleep(HANG_S if answer is None else 0.01)
            status, text = answer or (200, "")
            return web.Response(status=status, text=text)
        finally:
            self._running -= 1


@contextlib.asynccontextmanager
async def serving(lists: Lists) -> AsyncIterator[str]:
    """Its address, as long as it listens."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", lists.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        listener = listening_socket(0)
        await web.SockSite(runner, listener).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


def table(
    providers: Mapping[str, Mapping[str, Any]], models: Mapping[str, Mapping[str, Any]]
) -> Table:
    return Table.compile(json.dumps({"providers": providers, "models": models}).encode())


def one(base_url: str, *models: str, kind: str = "openai", **settings: Any) -> Table:
    """A provider `p` with these models, whose upstream names are their own."""
    provider = {"kind": kind, "base_url": base_url, **settings}
    return table({"p": provider}, {model: {"provider": "p"} for model in models})
