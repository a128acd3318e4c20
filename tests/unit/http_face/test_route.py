"""POST /v1/route: every form of body, the decision it gets, and what is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router_service.errors import DecisionError
from router_service.types import Attributes, Operation

from .fakes import Face

CHAT = {"role": "user", "content": "print hello"}


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        ({"model": "code", "messages": [CHAT], "max_tokens": 50}, Operation.CHAT),
        ({"model": "code", "prompt": "print hello", "max_tokens": 50}, Operation.COMPLETION),
        ({"model": "code", "input": ["a"], "max_tokens": 50}, Operation.EMBEDDING),
    ],
)
@pytest.mark.parametrize("path", ["/v1/route", "/route"])
async def test_an_openai_body_is_handed_on_as_it_is(
    face: Face, path: str, body: dict[str, Any], operation: Operation
) -> None:
    response, _ = await face.post(path, json=body)
    assert response.status == 200
    (query,) = face.service.queries
    assert query.body == json.dumps(body).encode()
    assert query.prompt is None
    assert (query.face, query.model, query.operation) == ("http", "code", operation)
    assert (query.max_tokens, query.stream) == (50, False)


async def test_bare_fields_are_enough(face: Face) -> None:
    await face.post(
        "/v1/route",
        json={
            "capability": "code",
            "prompt_tokens": 200,
            "max_completion_tokens": 9,
            "max_tokens": 1,
            "stream": True,
            "batch_size": 4,
            "batch_mode": True,
            "allowed": ["a@b"],
            "session": None,
        },
        headers={"x-batch-size": "2", "x-priority": "high"},
    )
    (query,) = face.service.queries
    assert (query.model, query.body, query.prompt) == ("", None, None)
    assert (query.prompt_tokens, query.max_tokens, query.stream) == (200, 9, True)
    assert query.attributes == Attributes(
        capability="code", batch_size=4, batch_mode=True, allowed=("a@b",), priority="high"
    )


async def test_the_answer_is_all_a_caller_needs(face: Face) -> None:
    _, answer = await face.post("/v1/route", json={"model": "llama3.1:8b"})
    assert answer["permit"] == "p-1"
    assert answer["permit_expires_us"] == 1_700_000_000_000_000
    assert answer["targets"] == [
        {
            "model": "llama3.1:latest",
            "provider": "ollama",
            "deployment": "llama3.1:latest@ollama",
            "upstream_model": "llama3.1:8b",
            "tier": "local",
            "param_change_pct": None,
            "kind": "ollama",
            "location": "local",
            "base_url": "http://127.0.0.1:11434",
            "credential": None,
            "timeouts_s": {"connect": 2.0, "first_token": 10.0, "idle": 15.0},
        }
    ]
    decision = answer["decision"]
    assert (decision["rule"], decision["strategy"], decision["seed"]) == ("exact", "weighted", 7)
    assert decision["skipped"][0]["reason"] == "the provider is not active"


@pytest.mark.parametrize("value", ["true", "1"])
async def test_an_explanation_reserves_nothing(face: Face, value: str) -> None:
    response, answer = await face.post(f"/v1/route?explain={value}", json={"model": "code"})
    assert response.status == 200
    assert answer == {"rule": "exact", "candidates": []}


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        (b"", None, "line 1, column 1"),
        (b'{"model":\n "code",,}', None, "line 2, column 9"),
        (b'{"model": "\xff"}', None, "byte 12"),
        (b"[1]", None, "JSON object"),
        (b"[" * 200_000, None, "nesting"),
        (b'{"max_tokens": ' + b"9" * 5000 + b"}", None, "too long"),
        (b"{}", "model", "model or a capability"),
        (b'{"model": 7}', "model", "text"),
        (b'{"model": "m", "max_tokens": -1}', "max_tokens", "from 0"),
        (b'{"model": "m", "max_tokens": 1.5}', "max_tokens", "whole number"),
        (b'{"model": "m", "max_tokens": true}', "max_tokens", "whole number"),
        (b'{"model": "m", "batch_size": 0}', "batch_size", "from 1"),
        (b'{"model": "m", "batch_size": 4294967296}', "batch_size", "4294967295"),
        (b'{"model": "m", "stream": "yes"}', "stream", "true or false"),
        (b'{"model": "m", "allowed": "a@b"}', "allowed", "list"),
        (b'{"model": "m", "allowed": ["a@b", 1]}', "allowed[1]", "text"),
        (b'{"model": "\\ud800"}', "model", "Unicode"),
    ],
)
async def test_nonsense_is_refused_by_place(
    face: Face, body: bytes, param: str | None, says: str
) -> None:
    response, answer = await face.post("/v1/route", data=body)
    assert response.status == 400
    assert answer["error"]["param"] == param
    assert says in answer["error"]["message"]
    assert not face.service.queries


async def test_a_bad_query_parameter_is_named(face: Face) -> None:
    response, answer = await face.post("/v1/route?explain=maybe", json={"model": "m"})
    assert response.status == 400
    assert answer["error"]["param"] == "explain"


async def test_a_large_body_is_read_as_a_small_one(face: Face) -> None:
    body = {"model": "code", "messages": [{"role": "user", "content": "x" * 200_000}]}
    response, _ = await face.post("/v1/route", json=body)
    assert response.status == 200
    assert face.service.queries[0].model == "code"


async def test_a_refused_decision_is_an_openai_error(face: Face) -> None:
    face.service.error = DecisionError(
        "unknown_model", "no such model", {"param": "model", "suggestions": ["code"]}
    )
    response, answer = await face.post("/v1/route", json={"model": "cod"})
    assert response.status == 404
    assert answer["error"]["code"] == "model_not_found"
    assert answer["error"]["param"] == "model"
    assert answer["error"]["details"]["suggestions"] == ["code"]


async def test_nothing_is_decided_while_draining(face: Face) -> None:
    face.service.draining = True
    response, _ = await face.post("/v1/route", json={"model": "code"})
    assert response.status == 503
    assert not face.service.queries
