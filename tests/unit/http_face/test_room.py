"""Room on the HTTP face: a place is taken before a body is read, and a refusal says when to come
again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from router_service.errors import BodyTooLarge, Overloaded
from router_service.faces.http import HttpLimits
from router_service.serving.admission import Admission, Bounds
from router_service.types import Answer, Arrival, Incoming, Operation, Work

from .fakes import WHOLE, Face, StartFace, served

PATH = "/v1/chat/completions"
ROUTE = b'{"model": "code"}'


def admission(slots: int = 1, queue: int = 0, **more: Any) -> Admission:
    given: dict[str, Any] = {"max_deciding": 1, "max_body_bytes_held": 1 << 25} | more
    return Admission(Bounds(slots, queue), **given)


def take(face: Face, work: Work = Work.CARRY_OUT) -> Callable[[], None]:
    """Take a slot; the way to give it back."""
    return face.service.join(Arrival("http", work, Operation.CHAT, "ann", "r-0")).leave


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 # a lane tells nobody when it changes
            await asyncio.sleep(0.01)


def waiting(face: Face) -> int:
    return face.service.admission.lanes[Work.CARRY_OUT].waiting


async def emptied(face: Face) -> None:
    """Wait until all have left."""
    lanes = face.service.admission.lanes.values()
    await until(lambda: not any(any(_load(lane)) for lane in lanes))


def _load(lane: Any) -> tuple[int, int, int]:
    return lane.running, lane.waiting, lane.bytes_held


@pytest.mark.parametrize("path", [PATH, "/v1/completions", "/v1/embeddings", "/v1/generate"])
async def test_without_room_a_request_is_refused_and_told_when_to_come_again(
    face: Face, path: str
) -> None:
    face.service.admission = admission()
    leave = take(face)
    response, body = await face.post(path, data=b"{}", headers={"x-request-id": "r-9"})
    assert response.status == 429
    assert response.headers["Retry-After"] == "1"
    assert response.headers["retry-after-ms"] == "1000"
    assert body["error"]["code"] == "overloaded"
    ((arrival, error),) = face.service.turned_away
    assert (arrival.face, arrival.request_id, arrival.work) == ("http", "r-9", Work.CARRY_OUT)
    assert isinstance(error, Overloaded)
    leave()
    await emptied(face)


async def test_what_is_refused_is_not_read(face: Face) -> None:
    """The refusal comes although the body never does."""
    face.service.admission = admission()
    leave = take(face)
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n".encode())
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 429 ")
    writer.close()
    leave()


async def test_what_waits_is_not_read(face: Face) -> None:
    """A client may send a large body only as fast as it is read."""
    face.service.admission = admission(queue=1)
    leave = take(face)
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            yield b" " * 100_000
            sent += 100_000

    asking = asyncio.create_task(face.post(PATH, data=body()))
    await until(lambda: waiting(face) == 1)
    await asyncio.sleep(0.3)
    assert sent < 10_000_000  # the sockets' own buffers take some
    assert face.service.admission.lanes[Work.CARRY_OUT].bytes_held == 0
    leave()
    response, _ = await asking
    assert response.status == 200
    (incoming,) = face.service.incoming
    assert len(incoming.body) == 16_000_000
    assert incoming.queued_s >= 0.3
    await emptied(face)


async def test_the_slot_is_kept_until_the_answer_is_there(face: Face) -> None:
    face.service.admission = admission()
    held: list[tuple[int, int, int]] = []

    async def opening(incoming: Incoming) -> Answer:
        held.append(_load(face.service.admission.lanes[Work.CARRY_OUT]))
        return Answer(served(), WHOLE, "", "stop", None)

    face.service.opening = opening
    await face.post(PATH, data=b'{"a":1}')
    assert held == [(1, 0, 7)]
    await emptied(face)


async def test_high_priority_goes_first(face: Face) -> None:
    face.service.admission = admission(queue=10)
    leave = take(face)
    asking = []
    for number, priority in enumerate(("low", "normal", "high"), start=1):
        headers = {"x-priority": priority}
        asking.append(asyncio.create_task(face.post(PATH, data=b"{}", headers=headers)))
        await until(lambda number=number: waiting(face) == number)  # type: ignore[misc]
    leave()
    await asyncio.gather(*asking)
    order = [incoming.attributes.priority for incoming in face.service.incoming]
    assert order == ["high", "normal", "low"]


async def test_a_deadline_that_cannot_be_kept_is_said_at_once(face: Face) -> None:
    face.service.admission = admission(queue=10)
    for _ in range(2):  # have it learn that a slot is held for 0.3 s
        leave = take(face)
        await asyncio.sleep(0.3)
        leave()
    leave = take(face)
    began = asyncio.get_running_loop().time()
    response, body = await face.post(PATH, data=b"{}", headers={"x-request-timeout": "0.2"})
    assert response.status == 429
    assert "deadline" in body["error"]["message"]
    assert asyncio.get_running_loop().time() - began < 0.2
    leave()


@pytest.mark.parametrize("declared", [True, False])
async def test_bytes_past_the_budget_are_refused(face: Face, declared: bool) -> None:
    face.service.admission = admission(slots=8, max_body_bytes_held=100_000)

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 10_000

    data = b" " * 200_000 if declared else pieces()
    response, body = await face.post(PATH, data=data)
    assert (response.status, body["error"]["code"]) == (429, "overloaded")
    assert "limits.max_body_bytes_held" in body["error"]["message"]
    assert response.headers["Retry-After"] == "1"
    assert not face.service.incoming
    response, _ = await face.post(PATH, data=b" " * 100_000)
    assert response.status == 200
    await emptied(face)


async def test_a_client_that_leaves_the_queue_gives_its_place_back(face: Face) -> None:
    face.service.admission = admission(queue=10)
    leave = take(face)
    _, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    await until(lambda: waiting(face) == 1)
    writer.close()
    await until(lambda: waiting(face) == 0)
    ((_, error),) = face.service.turned_away
    assert isinstance(error, asyncio.CancelledError)
    leave()
    assert not face.service.incoming


async def test_a_client_that_leaves_with_an_unread_body_keeps_no_slot(face: Face) -> None:
    """While nobody reads its connection, its leaving shows only when its turn comes."""
    face.service.admission = admission(queue=10)
    leave = take(face)
    _, writer = await asyncio.open_connection("127.0.0.1", face.port)
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n"
    writer.write(head.encode() + b" " * 1_000_000)
    await until(lambda: waiting(face) == 1)
    writer.close()
    leave()
    await emptied(face)
    assert not face.service.incoming


async def test_what_is_wrong_with_a_body_is_told_of_too(start_face: StartFace) -> None:
    face = await start_face(limits=HttpLimits(max_body_bytes=10))
    await face.post(PATH, data=b"x" * 11)
    ((_, error),) = face.service.turned_away
    assert isinstance(error, BodyTooLarge)


async def test_decisions_have_room_of_their_own(face: Face) -> None:
    face.service.admission = admission()
    take(face)
    response, _ = await face.post("/v1/route", data=ROUTE)
    assert response.status == 200
    leave = take(face, Work.DECIDE)
    response, _ = await face.post("/v1/route", data=ROUTE)
    assert (response.status, response.headers["Retry-After"]) == (429, "1")
    leave()
    response, _ = await face.post("/v1/route", data=ROUTE)
    assert response.status == 200


async def test_operators_are_never_refused_for_load(face: Face) -> None:
    face.service.admission = admission()
    for work in Work:
        take(face, work)
    for path in ("/health", "/ready", "/metrics", "/v1/models", "/v1/model-routing/stats"):
        async with face.client.get(path) as response:
            assert response.status == 200, path


async def test_a_large_answer_is_sent_within_the_slot(face: Face) -> None:
    face.service.admission = admission()
    body = b'"' + b"x" * 5_000_000 + b'"'
    face.service.answer = Answer(served(), body, "", "stop", None)
    async with face.client.post(PATH, data=b"{}") as response:
        assert response.headers["Content-Length"] == str(len(body))
        assert response.headers["x-router-provider"] == "ollama"
        assert response.content_type == "application/json"
        assert await response.read() == body
    await emptied(face)


async def test_who_leaves_a_large_answer_unread_loses_the_slot(start_face: StartFace) -> None:
    face = await start_face(limits=HttpLimits(write_timeout_s=0.3))
    face.service.answer = Answer(served(), b"x" * 50_000_000, "", "stop", None)
    _, writer = await asyncio.open_connection("127.0.0.1", face.port, limit=1024)
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    lane = face.service.admission.lanes[Work.CARRY_OUT]
    await until(lambda: lane.running == 1)
    await emptied(face)
    writer.close()
