"""Sockets of fake providers: a port to listen on, and connections torn down the hard way.

Ports come from below the range systems lend to outgoing connections, so that nobody takes the port
of a provider that is down and is to come back on it.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import struct

_FIRST_PORT, _PORTS = 20_000, 12_000
_STRIDE = 61
"""Processes start their search this far apart."""
_TRIES = 500
_BACKLOG = 1024


def listening_socket(port: int) -> socket.socket:
    """A socket listening on loopback. Port 0 takes a free one.

    Raises OSError naming the port where it is taken, or where no free one is found.
    """
    if port:
        return _listen(port)
    start = os.getpid() * _STRIDE
    for step in itertools.islice(itertools.count(start), _TRIES):
        try:
            return _listen(_FIRST_PORT + step % _PORTS)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, f"no free port among {_TRIES} from {_FIRST_PORT} on")


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(("127.0.0.1", port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from None
    return listener


def reset(transport: asyncio.Transport | None) -> None:
    """Drop the connection so that the peer sees a reset rather than an end of file."""
    if transport is None:
        return
    peer = transport.get_extra_info("socket")
    if peer is not None:
        # Lingering for zero seconds makes the kernel answer a close with RST.
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
