"""Feedback by decision or by request, and the statistics of model routing with their reset."""

from __future__ import annotations

from typing import Any

import pytest

from router_service.faces.auth import Keys

from .fakes import Face, StartFace


@pytest.mark.parametrize(
    ("judgement", "score"),
    [
        ({"thumbs": "up"}, 1.0),
        ({"thumbs": "down"}, 0.0),
        ({"score": 0.25}, 0.25),
        ({"score": 1}, 1),
    ],
)
async def test_feedback_for_a_decision(face: Face, judgement: dict[str, Any], score: float) -> None:
    fields = {"decision_id": "d-1", "comment": "well said"} | judgement
    response, body = await face.post("/v1/feedback", json=fields)
    assert (response.status, body) == (200, {"status": "accepted"})
    assert face.service.judged == [("d-1", score)]


async def test_feedback_for_a_request(face: Face) -> None:
    _, body = await face.post("/v1/feedback", json={"request_id": "r-1", "thumbs": "up"})
    assert body == {"status": "accepted"}
    assert face.service.judged == [("d-1", 1.0)]


@pytest.mark.parametrize("name", [{"decision_id": "d-9"}, {"request_id": "r-9"}])
async def test_feedback_for_what_is_unknown(face: Face, name: dict[str, str]) -> None:
    response, body = await face.post("/v1/feedback", json=name | {"score": 0.5})
    assert (response.status, body) == (200, {"status": "unknown"})


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"thumbs": "up"}, "decision_id"),
        ({"decision_id": "d-1", "request_id": "r-1", "thumbs": "up"}, "decision_id"),
        ({"decision_id": 1, "thumbs": "up"}, "decision_id"),
        ({"decision_id": "x" * 513, "thumbs": "up"}, "decision_id"),
        ({"decision_id": "\ud800", "thumbs": "up"}, "decision_id"),
        ({"decision_id": "d-1"}, "score"),
        ({"decision_id": "d-1", "thumbs": "up", "score": 1}, "score"),
        ({"decision_id": "d-1", "thumbs": "sideways"}, "thumbs"),
        ({"decision_id": "d-1", "thumbs": ["up"]}, "thumbs"),
        ({"decision_id": "d-1", "score": 1.01}, "score"),
        ({"decision_id": "d-1", "score": -0.1}, "score"),
        ({"decision_id": "d-1", "score": True}, "score"),
        ({"decision_id": "d-1", "score": "1"}, "score"),
        ({"decision_id": "d-1", "score": float("nan")}, "score"),
        ({"decision_id": "d-1", "score": 1, "comment": "x" * 4097}, "comment"),
    ],
)
async def test_wrong_feedback_is_refused_by_name(
    face: Face, fields: dict[str, Any], param: str
) -> None:
    response, body = await face.post("/v1/feedback", json=fields)
    assert (response.status, body["error"]["param"]) == (400, param)
    assert face.service.judged == []


async def test_statistics_and_their_reset(face: Face) -> None:
    async with face.client.get("/v1/model-routing/stats") as response:
        body = await response.json()
    assert (response.status, body["total_requests"]) == (200, 4)
    assert list(body["model_distribution"]) == ["3b", "8b"]
    response, body = await face.post("/v1/model-routing/reset", json={})
    assert (response.status, body) == (200, {"reset": ["sizes"]})
    assert face.service.reset == ["sizes"]


async def test_a_reset_needs_no_body_and_takes_none_from_a_web_page(face: Face) -> None:
    async with face.client.post("/v1/model-routing/reset") as response:
        assert response.status == 200
    page = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    async with face.client.post("/v1/model-routing/reset", headers=page) as response:
        assert response.status == 415
    assert face.service.reset == ["sizes"]


async def test_without_query_classes_there_is_nothing_to_reset(face: Face) -> None:
    face.service.figures = {"experiments": [], "query_classes": None}
    _, body = await face.post("/v1/model-routing/reset", json={})
    assert body == {"reset": []}
    assert face.service.reset == []


@pytest.mark.parametrize("path", ["feedback", "model-routing/reset", "generate"])
async def test_keys_are_asked_for(start_face: StartFace, path: str) -> None:
    face = await start_face(Keys({"secret": "ann"}))
    response, _ = await face.post(f"/v1/{path}", json={})
    assert response.status == 401
    async with face.client.get("/v1/model-routing/stats") as stats:
        assert stats.status == 401
