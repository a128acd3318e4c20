"""Serves the HTTP application on one address, and stops it gracefully. A client's leaving cancels
its request at once, which is how an upstream answer nobody waits for is given up."""

from __future__ import annotations

import errno
import logging
from dataclasses import dataclass

from aiohttp import web
from aiohttp.http import HttpProcessingError

from router_service.errors import ServiceConfigRejected

logger = logging.getLogger(__name__)
_protocol_logger = logging.getLogger(f"{__name__}.protocol")

_BACKLOG = 1024
_KEEPALIVE_S = 75.0
_READ_BYTES = 64 * 1024
"""About half of what a connection buffers of a body that nobody reads yet."""


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A listening server."""

    runner: web.AppRunner
    host: str
    port: int
    """The port it listens on, also where 0 was asked for."""

    async def stop(self) -> None:
        """Refuse new connections, let requests finish within the drain timeout, then cut them."""
        await self.runner.cleanup()


async def start_http(
    app: web.Application, host: str, port: int, *, drain_timeout_s: float
) -> HttpServer:
    """Listen and serve. Raises ServiceConfigRejected where the address cannot be bound."""
    runner = web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=_KEEPALIVE_S,
        read_bufsize=_READ_BYTES,
        shutdown_timeout=drain_timeout_s,
        logger=_protocol_logger,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=_BACKLOG).start()
    except OSError as error:
        await runner.cleanup()
        raise ServiceConfigRejected(_bind_failure(host, port, error)) from None
    return HttpServer(runner, host, runner.addresses[0][1])


def _bind_failure(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port in use: {host}:{port}; stop the other process or set http.port"
    return f"cannot listen on {host}:{port} ({error.strerror}); set http.host and http.port"


def _without_traceback(record: logging.LogRecord) -> bool:
    """Bytes that are no HTTP are the client's fault: one line says so, and no traceback of ours."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
        record.msg = f"{record.getMessage()}: not HTTP/1.1 ({type(error).__name__})"
        record.args = None
        record.exc_info = None
    return True


_protocol_logger.addFilter(_without_traceback)
