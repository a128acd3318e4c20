"""The bare counterpart of the HTTP shim: an aiohttp server that posts each body on, and no more.

`python -m bench.relay URL` relays to URL and prints its port.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp
from aiohttp import web

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_HEADERS = {"Content-Type": "application/json"}


class Relay:
    """One upstream address, one connection pool."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with self._session.post(self._url, data=body, headers=_HEADERS) as upstream:
            headers = {"Content-Type": upstream.headers["Content-Type"]}
            if upstream.content_type != "text/event-stream":
                return web.Response(
                    status=upstream.status, body=await upstream.read(), headers=headers
                )
            response = web.StreamResponse(status=upstream.status, headers=headers)
            await response.prepare(request)
            async for piece in upstream.content.iter_any():
                await response.write(piece)
            return response


async def serve(url: str) -> None:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        app = web.Application()
        app.router.add_post("/{path:.*}", Relay(url, session).handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
