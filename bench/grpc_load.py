"""Load for Route: ghz where it is on the path, because it costs the machine less, else grpc.aio.

Which one was used shows in the report; a run uses one for both sides.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path

import grpc.aio
from google.protobuf import descriptor_pb2

from bench.load import Load, Plan, drive, main, run
from router_service.v1 import errors_pb2, router_pb2, types_pb2

_TIMEOUT_S = 10.0
_SPARE_S = 30.0


def generator() -> str:
    return "ghz" if shutil.which("ghz") else "grpc.aio client"


async def route(plan: Plan) -> Load:
    """Raises RuntimeError where a request failed."""
    return await (_ghz(plan) if shutil.which("ghz") else run("bench.grpc_load", plan))


async def _ghz(plan: Plan) -> Load:
    process = await asyncio.create_subprocess_exec(
        "ghz",
        "--insecure",
        f"--protoset={_descriptors(Path(plan.body).parent)}",
        f"--call={plan.path.strip('/')}",
        f"--binary-file={plan.body}",
        f"--concurrency={plan.concurrency}",
        f"--duration={plan.seconds * 1.1}s",
        "--duration-stop=wait",
        "--format=json",
        plan.address,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(plan.seconds * 1.1 + _SPARE_S):
        output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"ghz against {plan.address} failed; its message is on stderr")
    found = json.loads(output)
    if found["errorDistribution"]:
        raise RuntimeError(f"Route at {plan.address} failed: {found['errorDistribution']}")
    middle = next(row for row in found["latencyDistribution"] if row["percentage"] == 50)
    return Load(found["count"], found["rps"], middle["latency"] / 1e9)


def _descriptors(folder: Path) -> Path:
    """Our protos for ghz, compiled: older ones cannot parse `optional`."""
    wanted = descriptor_pb2.FileDescriptorSet()
    for file in (types_pb2, errors_pb2, router_pb2):
        file.DESCRIPTOR.CopyToProto(wanted.file.add())
    path = folder / "router.protoset"
    path.write_bytes(wanted.SerializeToString())
    return path


async def generate(plan: Plan) -> Load:
    message = plan.message()
    async with grpc.aio.insecure_channel(plan.address) as channel:
        call = channel.unary_unary(
            plan.path,
            request_serializer=bytes,
            response_deserializer=router_pb2.RouteResponse.FromString,
        )

        async def exchange() -> float:
            begin = time.perf_counter()
            await call(message, timeout=_TIMEOUT_S)
            return time.perf_counter() - begin

        return await drive([exchange] * plan.concurrency, plan.seconds)


if __name__ == "__main__":
    main(generate)
