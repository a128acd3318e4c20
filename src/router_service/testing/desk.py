"""Takes one request to a fake provider from arrival to answer: key, shape, fault, slot, carriage.

Everything it saw ends up in the journal, however the request ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from router_service.testing.behaviour import FaultKind, Faults
from router_service.testing.carriage import Carriage, hang
from router_service.testing.journal import Entry, Journal, kept
from router_service.testing.load_pages import LOAD_PATHS, malformed, missing
from router_service.testing.ollama import OllamaDialect
from router_service.testing.openai import OpenAIDialect
from router_service.testing.reading import Unreadable
from router_service.testing.room import Full, Room
from router_service.testing.wire import (
    Ask,
    Dialect,
    Endpoint,
    Load,
    Page,
    ProviderSpec,
    Reason,
    Refusal,
    Server,
)


class Desk:
    """Where all requests of one provider arrive."""

    def __init__(self, spec: ProviderSpec, faults: Faults, journal: Journal) -> None:
        self._spec = spec
        self._faults = faults
        self._journal = journal
        self._room = Room()
        self._loaded: dict[str, None] = {}
        self._prompt_tokens = 0
        self._completion_tokens = 0
        self._endpoints: dict[str, tuple[Dialect, Endpoint]] = {}
        self._pages: dict[str, tuple[Dialect, Callable[[Load], Page]]] = {}
        for dialect in _dialects(spec):
            self._endpoints |= {path: (dialect, end) for path, end in dialect.endpoints.items()}
            self._pages |= {path: (dialect, page) for path, page in dialect.pages.items()}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        entry = self._journal.open(request.method, request.path, request.headers)
        try:
            if request.method == "POST" and request.path in self._endpoints:
                return await self._answer(request, entry, *self._endpoints[request.path])
            if request.method in ("GET", "HEAD") and request.path in self._pages:
                return await self._show(request, entry, *self._pages[request.path])
            entry.status = 404
            entry.end("refused: no such path")
            return web.json_response({"error": f"no such path: {request.path}"}, status=404)
        except ConnectionError:
            entry.end("client closed")
            return web.Response()  # for aiohttp, which finds nobody to send it to
        except asyncio.CancelledError:
            entry.end("client closed")
            raise

    def forget(self) -> None:
        """Nothing is in memory any more, as after the process ended."""
        self._loaded.clear()

    async def _show(
        self, request: web.Request, entry: Entry, dialect: Dialect, page: Callable[[Load], Page]
    ) -> web.Response:
        try:
            self._check_key(request, dialect)
        except Refusal as refusal:
            return self._carriage(request, entry, dialect).refused(refusal)
        if request.path in LOAD_PATHS:
            instead = await self._poll_fault(request.path)
            if instead is not None:
                return instead
        shown = page(self._load())
        entry.status = 200
        entry.end("finished")
        return web.Response(body=shown.body, headers={"Content-Type": shown.content_type})

    async def _poll_fault(self, path: str) -> web.Response | None:
        """What a poll for load gets instead of the page; None is the page itself."""
        fault = self._faults.take_poll(path)
        if fault is None:
            return None
        if fault.kind is FaultKind.LOAD_SILENCE:
            await hang(fault.seconds)
            return None
        if fault.kind is FaultKind.LOAD_MALFORMED:
            return web.Response(text=malformed(path))
        status, body = missing(self._spec.server, path)
        return web.json_response(body, status=status)

    async def _answer(
        self, request: web.Request, entry: Entry, dialect: Dialect, endpoint: Endpoint
    ) -> web.StreamResponse:
        body = await request.read()
        entry.body = kept(body)
        carriage = self._carriage(request, entry, dialect)
        try:
            self._check_key(request, dialect)
            ask = _understood(body, dialect, endpoint)
            carriage.fault = self._faults.take(prefilled=ask.prefilled)
            async with self._room.enter(carriage.behaviour):
                return await self._carry(carriage, ask, endpoint)
        except Refusal as refusal:
            return carriage.refused(refusal)
        except Full:
            return carriage.refused(
                dialect.refusal(Reason.BUSY, "server busy, all slots are taken")
            )

    async def _carry(self, carriage: Carriage, ask: Ask, endpoint: Endpoint) -> web.StreamResponse:
        instead = await carriage.before_headers()
        if instead is not None:
            return instead
        self._loaded[ask.model] = None
        said = ask.twisted(carriage.fault) if carriage.fault is not None else ask
        self._prompt_tokens += said.prompt_tokens
        self._completion_tokens += said.completion_tokens
        return await carriage.send(said, endpoint.render(said))

    def _carriage(self, request: web.Request, entry: Entry, dialect: Dialect) -> Carriage:
        return Carriage(request, entry, dialect, self._faults.behaviour)

    def _check_key(self, request: web.Request, dialect: Dialect) -> None:
        key = self._spec.api_key
        if key is not None and request.headers.get("Authorization") != f"Bearer {key}":
            raise dialect.refusal(Reason.UNAUTHORIZED, "unauthorized")

    def _load(self) -> Load:
        return Load(
            self._room.running,
            self._room.waiting,
            self._faults.behaviour.slots,
            self._prompt_tokens,
            self._completion_tokens,
            (self._spec.models or ("default",))[0],
            tuple(dict.fromkeys((*self._faults.behaviour.loaded, *self._loaded))),
        )


def _understood(body: bytes, dialect: Dialect, endpoint: Endpoint) -> Ask:
    """The request, read. Raises Refusal in the server's own words."""
    try:
        parsed: Any = json.loads(body)
    except ValueError as error:
        raise dialect.refusal(Reason.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise dialect.refusal(Reason.BAD_REQUEST, "the body must be a JSON object")
    try:
        return endpoint.read(parsed)
    except Unreadable as error:
        raise dialect.refusal(Reason.BAD_REQUEST, str(error)) from None


def _dialects(spec: ProviderSpec) -> list[Dialect]:
    openai = OpenAIDialect(spec)
    return [OllamaDialect(spec), openai] if spec.server is Server.OLLAMA else [openai]
