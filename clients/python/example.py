"""A small client of the router: ask where a request should go, have it carried out, stream it.
It needs router_service.v1 on the path: install router-service, or generate it from proto/."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

import grpc.aio
from grpc_status import rpc_status

from router_service.v1 import router_pb2, router_pb2_grpc, types_pb2

TIMEOUT_S = 60.0


def metadata() -> tuple[tuple[str, str], ...]:
    """The key, where one is set; routers on loopback may need none."""
    key = os.environ.get("ROUTER_API_KEY")
    return (("authorization", f"Bearer {key}"),) if key else ()


async def route(stub: router_pb2_grpc.RouterServiceStub, model: str, prompt: str) -> None:
    """Ask for targets, call none of them, and give the slot back."""
    request = router_pb2.RouteRequest(model=model, prompt=prompt)
    answer = await stub.Route(request, timeout=TIMEOUT_S, metadata=metadata())
    decision = answer.decision
    print(f"{types_pb2.Rule.Name(decision.rule)} by {decision.strategy}: {decision.matched}")
    for target in decision.targets:
        kind = types_pb2.ProviderKind.Name(target.provider.kind)
        print(f"  {target.upstream_model} at {target.provider.base_url} ({kind})")

    # A caller that goes on to call the first target reports what really happened, with times and
    # tokens. This one leaves, which counts against nobody.
    permit = decision.targets[0].permit
    if not permit:
        print("every target is full: no slot was reserved")
        return
    outcome = types_pb2.Outcome(outcome_class=types_pb2.OUTCOME_CLASS_CANCELLED)
    report = router_pb2.ReportOutcomeRequest(permit=permit, outcome=outcome)
    done = await stub.ReportOutcome(report, timeout=TIMEOUT_S, metadata=metadata())
    print(f"report: {router_pb2.ReportStatus.Name(done.status)}")


async def generate(stub: router_pb2_grpc.RouterServiceStub, model: str, prompt: str) -> None:
    """Have it carried out and print the whole answer."""
    request = router_pb2.GenerateRequest(model=model, prompt=prompt, max_tokens=200)
    answer = await stub.Generate(request, timeout=TIMEOUT_S, metadata=metadata())
    print(answer.text)
    print(f"[{answer.finish_reason}] {describe(answer.served)}")


async def stream(stub: router_pb2_grpc.RouterServiceStub, model: str, prompt: str) -> None:
    """Have it carried out and print the answer as it comes."""
    generate = router_pb2.GenerateRequest(model=model, prompt=prompt, max_tokens=200)
    request = router_pb2.GenerateStreamRequest(generate=generate)
    served = types_pb2.Served()
    async for event in stub.GenerateStream(request, timeout=TIMEOUT_S, metadata=metadata()):
        kind = event.WhichOneof("event")
        if kind == "opened":
            served = event.opened.served
        elif kind == "delta":
            print(event.delta.text, end="", flush=True)
        else:
            print(f"\n[{event.finished.finish_reason}] {describe(served)}")


def describe(served: types_pb2.Served) -> str:
    """What really answered, on one line."""
    return f"{served.model} on {served.provider}, attempts: {served.attempts}"


def explain_failure(error: grpc.aio.AioRpcError) -> str:
    """Code, message and the names of the details of a refused call."""
    status = rpc_status.from_call(error)
    details = [detail.TypeName() for detail in status.details] if status is not None else []
    return f"{error.code().name}: {error.details()} {details or ''}"


CALLS = {"route": route, "generate": generate, "stream": stream}


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("call", choices=CALLS)
    parser.add_argument("--address", default="127.0.0.1:50051")
    parser.add_argument("--model", default="llama3.1:latest")
    parser.add_argument("--prompt", default="Say hello in one short sentence.")
    options = parser.parse_args()
    async with grpc.aio.insecure_channel(options.address) as channel:
        stub = router_pb2_grpc.RouterServiceStub(channel)
        try:
            await CALLS[options.call](stub, options.model, options.prompt)
        except grpc.aio.AioRpcError as error:
            print(explain_failure(error), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
