"""Nonsense in fields: refused before anything below sees it, naming the field and the fix."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from router_service.v1 import router_pb2, types_pb2

LONG = "x" * 10_000_000
Attributes = types_pb2.Attributes
Message = router_pb2.ChatMessage


def chat(*messages: router_pb2.ChatMessage) -> router_pb2.ChatInput:
    return router_pb2.ChatInput(messages=messages)


def success(**fields: Any) -> types_pb2.Outcome:
    return types_pb2.Outcome(**{"outcome_class": types_pb2.OUTCOME_CLASS_SUCCESS, **fields})


ROUTE: list[tuple[dict[str, Any], str]] = [
    ({}, "model"),
    ({"prompt": "p"}, "model"),
    ({"attributes": Attributes(capability="")}, "model"),
    ({"model": LONG}, "model"),
    ({"model": "m", "operation": 99}, "operation"),
    ({"model": "m", "operation": -1}, "operation"),
    ({"model": "m", "prompt_tokens": -1}, "prompt_tokens"),
    ({"model": "m", "prompt_tokens": 2**31 - 1}, "prompt_tokens"),
    ({"model": "m", "max_tokens": 0}, "max_tokens"),
    ({"model": "m", "max_tokens": 2**31 - 1}, "max_tokens"),
    ({"attributes": Attributes(capability=LONG)}, "attributes.capability"),
    ({"model": "m", "attributes": Attributes(session=LONG)}, "attributes.session"),
    ({"model": "m", "attributes": Attributes(batch_size=0)}, "attributes.batch_size"),
    ({"model": "m", "attributes": Attributes(batch_size=2**31 - 1)}, "attributes.batch_size"),
    ({"model": "m", "attributes": Attributes(request_count=-5)}, "attributes.request_count"),
    (
        {"model": "m", "attributes": Attributes(allowed_deployments=["a"] * 1001)},
        "attributes.allowed_deployments",
    ),
    (
        {"model": "m", "attributes": Attributes(allowed_deployments=[LONG])},
        "attributes.allowed_deployments",
    ),
]

GENERATE: list[tuple[dict[str, Any], str]] = [
    ({}, "model"),
    ({"model": "m"}, "input"),
    ({"model": "m", "prompt": ""}, "prompt"),
    ({"model": LONG, "prompt": "p"}, "model"),
    ({"model": "m", "prompt": "p", "operation": 77}, "operation"),
    ({"model": "m", "prompt": "p", "max_tokens": -1}, "max_tokens"),
    ({"model": "m", "prompt": "p", "temperature": float("nan")}, "temperature"),
    ({"model": "m", "prompt": "p", "temperature": -0.1}, "temperature"),
    ({"model": "m", "prompt": "p", "temperature": 1e308}, "temperature"),
    ({"model": "m", "prompt": "p", "top_p": float("inf")}, "top_p"),
    ({"model": "m", "prompt": "p", "stop": ["x"] * 65}, "stop"),
    ({"model": "m", "prompt": "p", "stop": [LONG]}, "stop"),
    ({"model": "m", "prompt": "p", "tools": b"{}"}, "tools"),
    ({"model": "m", "prompt": "p", "tools": b"[NaN]"}, "tools"),
    ({"model": "m", "prompt": "p", "tools": b"[\xff]"}, "tools"),
    ({"model": "m", "prompt": "p", "tools": b"[" * 200_000}, "tools"),
    ({"model": "m", "prompt": "p", "tools": b"[1" + b"0" * 5000 + b"]"}, "tools"),
    ({"model": "m", "prompt": "p", "tool_choice": b"7"}, "tool_choice"),
    ({"model": "m", "prompt": "p", "response_format": b'{"a":}'}, "response_format"),
    ({"model": "m", "messages": chat()}, "messages"),
    (
        {
            "model": "m",
            "messages": chat(Message(role="user", text="x")),
            "operation": types_pb2.OPERATION_EMBEDDING,
        },
        "messages",
    ),
    ({"model": "m", "messages": chat(Message(text="x"))}, "messages[0].role"),
    ({"model": "m", "messages": chat(Message(role="user"))}, "messages[0]"),
    (
        {
            "model": "m",
            "messages": chat(Message(role="u", text="x"), Message(role="u", parts=b"{")),
        },
        "messages[1].parts",
    ),
    ({"model": "m", "openai_body": b""}, "openai_body"),
    ({"model": "m", "openai_body": b"[1]"}, "openai_body"),
    ({"model": "m", "openai_body": b'{"model": '}, "openai_body"),
]

REPORT: list[tuple[dict[str, Any], str]] = [
    ({"outcome": success()}, "permit"),
    ({"permit": LONG, "outcome": success()}, "permit"),
    ({"permit": "p"}, "outcome.outcome_class"),
    ({"permit": "p", "outcome": success(outcome_class=4242)}, "outcome.outcome_class"),
    ({"permit": "p", "outcome": success(status=7)}, "outcome.status"),
    ({"permit": "p", "outcome": success(ttft_us=-1)}, "outcome.ttft_us"),
    ({"permit": "p", "outcome": success(total_us=2**63 - 1)}, "outcome.total_us"),
    ({"permit": "p", "outcome": success(retry_after_us=-(2**63))}, "outcome.retry_after_us"),
    ({"permit": "p", "outcome": success(served_model=LONG)}, "outcome.served_model"),
    (
        {"permit": "p", "outcome": success(usage=types_pb2.Usage(prompt_tokens=-1))},
        "outcome.usage.prompt_tokens",
    ),
]


async def refused(face: Any, requests: Any, call: Any, field: str) -> None:
    code, message, details, _ = await face.failure(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(f"{field}:")
    assert len(message) < 300
    bad = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad) for detail in details)
    assert bad.field_violations[0].field == field
    assert requests.seen == []


@pytest.mark.parametrize(("fields", "field"), ROUTE)
async def test_route_refuses(face: Any, requests: Any, fields: dict[str, Any], field: str) -> None:
    request = router_pb2.RouteRequest(**fields)
    await refused(face, requests, face.router.Route(request), field)
    explain = router_pb2.ExplainRequest(route=request)
    await refused(face, requests, face.router.Explain(explain), field)


@pytest.mark.parametrize(("fields", "field"), GENERATE)
async def test_generate_refuses(
    face: Any, requests: Any, fields: dict[str, Any], field: str
) -> None:
    request = router_pb2.GenerateRequest(**fields)
    await refused(face, requests, face.router.Generate(request), field)


async def test_an_embedding_cannot_be_streamed(face: Any, requests: Any) -> None:
    embed = router_pb2.GenerateRequest(
        model="m", prompt="p", operation=types_pb2.OPERATION_EMBEDDING
    )
    call = face.router.GenerateStream(router_pb2.GenerateStreamRequest(generate=embed))
    await refused(face, requests, call.read(), "operation")


@pytest.mark.parametrize(("fields", "field"), REPORT)
async def test_a_report_refuses(
    face: Any, requests: Any, fields: dict[str, Any], field: str
) -> None:
    request = router_pb2.ReportOutcomeRequest(**fields)
    await refused(face, requests, face.router.ReportOutcome(request), field)


async def test_a_correlation_id_is_bounded(face: Any, requests: Any) -> None:
    call = face.router.RouteStream()
    await call.write(router_pb2.RouteStreamRequest(correlation_id=LONG))
    await refused(face, requests, call.read(), "correlation_id")


async def test_bad_metadata_is_named(face: Any, requests: Any) -> None:
    call = face.router.Route(
        router_pb2.RouteRequest(model="m"), metadata=(("x-batch-size", "many"),)
    )
    code, message, _, _ = await face.failure(call)
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "x-batch-size" in message
    assert requests.seen == []
