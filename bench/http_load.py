"""Load over HTTP/1.1 with little work of its own, so that the server stays the bottleneck.

A request is bytes made once; an answer is read as far as its framing asks.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial

from bench.load import Load, Plan, drive, main

_LIMIT = 1 << 20


async def generate(plan: Plan) -> Load:
    host, port = plan.address.split(":")
    body = plan.message()
    request = (
        f"POST {plan.path} HTTP/1.1\r\nHost: {plan.address}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    pairs = [
        await asyncio.open_connection(host, int(port), limit=_LIMIT)
        for _ in range(plan.concurrency)
    ]
    load = await drive([partial(_exchange, *pair, request) for pair in pairs], plan.seconds)
    for _, writer in pairs:
        writer.close()
    return load


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> float:
    """Raises RuntimeError for an answer that is no success."""
    begin = time.perf_counter()
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(head.decode(errors="replace") + repr(await reader.read(500)))
    _, found, length = head.partition(b"\r\ncontent-length:")
    if found:
        await reader.readexactly(int(length.partition(b"\r\n")[0]))
        return time.perf_counter() - begin
    first = None
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
        first = first or time.perf_counter()
    await reader.readexactly(2)
    if first is None:
        raise RuntimeError("the answer has no body")
    return first - begin


if __name__ == "__main__":
    main(generate)
