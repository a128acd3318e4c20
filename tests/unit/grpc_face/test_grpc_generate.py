"""Requests carried out over the wire: whole and streamed, left and timed out, and their bodies."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest

from router_service.errors import StreamBroken
from router_service.types import AttemptRecord, Operation, OutcomeClass
from router_service.v1 import errors_pb2, router_pb2, types_pb2

PROMPT = router_pb2.GenerateRequest(model="m", prompt="hi")


async def sent_body(face: Any, requests: Any, **fields: Any) -> Any:
    """The JSON body the request service gets for a GenerateRequest of these fields."""
    await face.router.Generate(router_pb2.GenerateRequest(**fields))
    return json.loads(requests.seen[-1].body)


async def test_a_whole_answer_says_what_served_it(face: Any, requests: Any) -> None:
    answer = await face.router.Generate(PROMPT, timeout=30, metadata=(("x-request-id", "q-7"),))
    assert (answer.text, answer.finish_reason) == ("hi", "stop")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (3, 5)
    assert answer.body == b'{"choices":[{"big":12345678901234567890}]}'
    assert (answer.served.provider, answer.served.attempts) == ("ollama", 2)
    assert (answer.served.rule, answer.served.request_id) == (types_pb2.RULE_EXACT, "q-7")
    (incoming,) = requests.seen
    assert (incoming.face, incoming.operation) == ("grpc", Operation.CHAT)
    assert 20 < incoming.timeout_s < 40


async def test_without_a_deadline_the_config_decides(face: Any, requests: Any) -> None:
    await face.router.Generate(PROMPT)
    assert requests.seen[0].timeout_s is None


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (types_pb2.OPERATION_UNSPECIFIED, {"messages": [{"role": "user", "content": "hé"}]}),
        (types_pb2.OPERATION_COMPLETION, {"prompt": "hé"}),
        (types_pb2.OPERATION_EMBEDDING, {"input": "hé"}),
    ],
)
async def test_a_prompt_takes_the_shape_of_its_operation(
    face: Any, requests: Any, operation: int, expected: dict[str, Any]
) -> None:
    body = await sent_body(face, requests, model="m", prompt="hé", operation=operation)
    assert body == {"model": "m", **expected}


async def test_typed_fields_become_members(face: Any, requests: Any) -> None:
    body = await sent_body(
        face,
        requests,
        model="m",
        prompt="p",
        max_tokens=5,
        temperature=0.0,
        top_p=1.0,
        stop=["a", "b"],
        seed=-1,
        tools=b'[{"type":"function"}]',
        tool_choice=b'"auto"',
        response_format=b'{"type":"json_object"}',
    )
    assert (body["max_tokens"], body["temperature"], body["top_p"]) == (5, 0.0, 1.0)
    assert (body["stop"], body["seed"]) == (["a", "b"], -1)
    assert body["tools"] == [{"type": "function"}]
    assert (body["tool_choice"], body["response_format"]) == ("auto", {"type": "json_object"})


async def test_foreign_json_goes_on_byte_for_byte(face: Any, requests: Any) -> None:
    tools = b'[{"n": 1.0e2, "id": 12345678901234567890123}]'
    await face.router.Generate(router_pb2.GenerateRequest(model="m", prompt="p", tools=tools))
    assert b'"tools":' + tools in requests.seen[0].body


async def test_a_chat_keeps_roles_parts_and_tool_calls(face: Any, requests: Any) -> None:
    messages = [
        router_pb2.ChatMessage(role="system", text=""),
        router_pb2.ChatMessage(role="user", parts=b'[{"type":"text","text":"x"}]', name="ann"),
        router_pb2.ChatMessage(role="assistant", tool_calls=b'[{"id":"1"}]'),
        router_pb2.ChatMessage(role="tool", text="42", tool_call_id="1"),
    ]
    chat = router_pb2.ChatInput(messages=messages)
    body = await sent_body(face, requests, model="m", messages=chat)
    assert body["messages"] == [
        {"role": "system", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "x"}], "name": "ann"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "42", "tool_call_id": "1"},
    ]


async def test_an_openai_body_is_overlaid_with_what_is_set(face: Any, requests: Any) -> None:
    body = await sent_body(
        face,
        requests,
        model="new",
        openai_body=b'{"model":"old","messages":[],"unknown":7,"max_completion_tokens":1,'
        b'"stream":true,"stream_options":{}}',
        max_tokens=9,
    )
    assert body == {"model": "new", "messages": [], "unknown": 7, "max_tokens": 9}


async def test_a_large_openai_body_goes_through(face: Any, requests: Any) -> None:
    text = "x" * 1_000_000
    foreign = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
    body = await sent_body(face, requests, openai_body=foreign.encode())
    assert body["messages"][0]["content"] == text


async def test_a_stream_opens_carries_deltas_and_finishes(face: Any, requests: Any) -> None:
    request = router_pb2.GenerateStreamRequest(generate=PROMPT)
    call = face.router.GenerateStream(request, metadata=(("x-request-id", "q-8"),))
    events = [event async for event in call]
    assert [event.WhichOneof("event") for event in events] == [
        "opened",
        "delta",
        "delta",
        "finished",
    ]
    assert events[0].opened.served.request_id == "q-8"
    assert "".join(event.delta.text for event in events) == "hello"
    assert events[1].delta.raw == b'{"n":1}'
    finished = events[3].finished
    assert (finished.finish_reason, finished.usage.completion_tokens) == ("stop", 2)
    assert finished.served_model == "served-name"
    assert await call.code() is grpc.StatusCode.OK
    assert dict(await call.trailing_metadata())["x-request-id"] == "q-8"
    body = json.loads(requests.seen[0].body)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


async def test_a_broken_stream_ends_aborted_with_its_attempts(face: Any, requests: Any) -> None:
    tried = AttemptRecord(
        1, "first", "m", "ollama", "m@ollama", "m", OutcomeClass.STREAM_BROKEN, 200, "cut", 0.1, 0.5
    )
    requests.break_with = StreamBroken("the answer broke off", [tried])
    call = face.router.GenerateStream(router_pb2.GenerateStreamRequest(generate=PROMPT))
    assert [(await call.read()).WhichOneof("event") for _ in range(2)] == ["opened", "delta"]
    code, message, details, _ = await face.failure(call.read())
    assert (code, message) == (grpc.StatusCode.ABORTED, "the answer broke off")
    failure = errors_pb2.AttemptsFailure()
    assert any(detail.Unpack(failure) for detail in details)
    assert failure.attempts[0].outcome.outcome_class == types_pb2.OUTCOME_CLASS_STREAM_BROKEN
    assert failure.attempts[0].outcome.ttft_us == 100_000


async def test_a_client_that_leaves_a_stream_stops_the_provider(face: Any, requests: Any) -> None:
    requests.hang = True
    call = face.router.GenerateStream(router_pb2.GenerateStreamRequest(generate=PROMPT))
    assert (await call.read()).WhichOneof("event") == "opened"
    assert not requests.cancelled.is_set()
    call.cancel()
    await asyncio.wait_for(requests.cancelled.wait(), 10)


async def test_a_client_that_leaves_a_whole_answer_stops_the_provider(
    face: Any, requests: Any
) -> None:
    requests.hang = True
    call = face.router.Generate(PROMPT)
    await asyncio.wait_for(requests.asked.wait(), 10)
    call.cancel()
    await asyncio.wait_for(requests.cancelled.wait(), 10)


async def test_a_deadline_stops_the_provider_too(face: Any, requests: Any) -> None:
    requests.hang = True
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await face.router.Generate(PROMPT, timeout=0.2)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(requests.cancelled.wait(), 10)
