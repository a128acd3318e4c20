"""POST /v1/generate: the question handed on, the answer described, wrong shapes refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from router_service.types import Answer, Usage

from .fakes import WHOLE, Face, served

QUESTION = {
    "query": "Weight of Ross 308?",
    "domain": "poultry",
    "language": "en",
    "query_type": "metric_query",
    "entities": {"breed": "Ross 308", "age_days": 21, "share": 0.5, "sexes": ["m", "f"], "x": None},
    "context_docs": ["first", {"text": "second", "source": "a book"}],
    "max_tokens": 50,
}


@pytest.mark.parametrize("path", ["/v1/generate", "/generate"])
async def test_the_question_is_handed_on(face: Face, path: str) -> None:
    response, _ = await face.post(
        path, json=QUESTION, headers={"x-session-id": "s-1", "x-request-timeout": "3"}
    )
    assert response.status == 200
    (asked,) = face.service.asked
    assert (asked.face, asked.text, asked.principal) == ("http", QUESTION["query"], "anonymous")
    assert (asked.domain, asked.language) == ("poultry", "en")
    assert asked.query_type == "metric_query"
    assert asked.entities == (
        ("breed", ("Ross 308",)),
        ("age_days", ("21",)),
        ("share", ("0.5",)),
        ("sexes", ("m", "f")),
        ("x", ()),
    )
    assert asked.context_docs == ("first", "second")
    assert (asked.max_tokens, asked.timeout_s) == (50, 3.0)
    assert asked.attributes.session == "s-1"


async def test_a_question_alone_is_enough(face: Face) -> None:
    fields = {"query": "x", "domain": None, "entities": None, "context_docs": None, "stream": False}
    await face.post("/v1/generate", json=fields)
    (asked,) = face.service.asked
    assert (asked.domain, asked.entities, asked.context_docs) == (None, (), ())


async def test_the_answer_says_what_it_took(face: Face) -> None:
    face.service.answer = Answer(served(), WHOLE, "1.1 kg", "stop", Usage(30, 5))
    response, body = await face.post("/v1/generate", json=QUESTION)
    assert body == {
        "model": "llama3.1:latest",
        "text": "1.1 kg",
        "complexity": "simple",
        "complexity_signal": "told by a test",
        "prompt_tokens": 30,
        "completion_tokens": 5,
        "latency_ms": 250.0,
        "finish_reason": "stop",
        "decision_id": "d-1",
        "provider": "ollama",
        "request_id": "r-1",
    }
    assert response.headers["x-router-decision-id"] == "d-1"


async def test_tokens_nobody_counted_are_null(face: Face) -> None:
    _, body = await face.post("/v1/generate", json=QUESTION)
    assert (body["prompt_tokens"], body["completion_tokens"]) == (None, None)


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"query": None}, "query"),
        ({"query": ""}, "query"),
        ({"query": "  "}, "query"),
        ({"query": ["x"]}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"domain": 3}, "domain"),
        ({"language": "x" * 513}, "language"),
        ({"query_type": ["a"]}, "query_type"),
        ({"entities": ["breed"]}, "entities"),
        ({"entities": {str(n): n for n in range(101)}}, "entities"),
        ({"entities": {"breed": {"name": "x"}}}, "entities.breed"),
        ({"entities": {"breed": True}}, "entities.breed"),
        ({"entities": {"breed": [["x"]]}}, "entities.breed"),
        ({"entities": {"breed": ["x"] * 101}}, "entities.breed"),
        ({"context_docs": "one"}, "context_docs"),
        ({"context_docs": ["one", 2]}, "context_docs[1]"),
        ({"context_docs": [{"content": "x"}]}, "context_docs[0].text"),
        ({"context_docs": ["x"] * 1001}, "context_docs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"stream": True}, "stream"),
    ],
)
async def test_a_wrong_shape_is_refused_by_name(
    face: Face, changes: dict[str, Any], param: str
) -> None:
    response, body = await face.post("/v1/generate", json=QUESTION | changes)
    assert response.status == 400
    assert body["error"]["param"] == param
    assert face.service.asked == []


async def test_while_draining_nothing_is_taken(face: Face) -> None:
    face.service.draining = True
    response, body = await face.post("/v1/generate", json=QUESTION)
    assert (response.status, body["error"]["code"]) == (503, "draining")
