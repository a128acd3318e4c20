"""The bare counterpart of Route: a grpc.aio handler that returns an answer built beforehand.

`python -m bench.bare_grpc FILE` reads the answer from FILE and prints its port.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import grpc.aio

from router_service.v1 import router_pb2, router_pb2_grpc


class BareRouter(router_pb2_grpc.RouterServiceServicer):
    """Route alone, without a router behind it."""

    def __init__(self, answer: router_pb2.RouteResponse) -> None:
        self._answer = answer

    async def Route(  # noqa: N802
        self,
        _request: router_pb2.RouteRequest,
        _context: grpc.aio.ServicerContext[router_pb2.RouteRequest, router_pb2.RouteResponse],
    ) -> router_pb2.RouteResponse:
        return self._answer


async def serve(answer: router_pb2.RouteResponse) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    router_pb2_grpc.add_RouterServiceServicer_to_server(BareRouter(answer), server)  # type: ignore[no-untyped-call]
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(router_pb2.RouteResponse.FromString(Path(sys.argv[1]).read_bytes())))
