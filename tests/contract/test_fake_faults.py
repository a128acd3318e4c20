"""Every fault of the fake fleet shows on the wire as meant, for the requests it is meant for."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from router_service.testing import (
    Behaviour,
    FakeProvider,
    Fault,
    FaultKind,
    ProviderSpec,
    Server,
    expected_text,
)
from router_service.testing.behaviour import Faults

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 6}
TEXT = expected_text("m", "hello", 6)
PATHS = {Server.OLLAMA: "/api/chat", Server.VLLM: "/v1/chat/completions"}
both_servers = pytest.mark.parametrize("server", [Server.OLLAMA, Server.VLLM])
streamed_or_not = pytest.mark.parametrize("stream", [True, False])


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - what a server saw raises no event here
        await asyncio.sleep(0.005)


async def read_for(seconds: float, response: aiohttp.ClientResponse) -> bytes:
    """What comes within this time from a stream that hangs."""
    received = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for chunk in response.content.iter_any():
                received += chunk
            pytest.fail("the stream ended")
    return received


class Client:
    """Posts one chat request at a time to one provider."""

    def __init__(self, session: aiohttp.ClientSession, provider: FakeProvider) -> None:
        self.session = session
        self.provider = provider
        self.responses: list[aiohttp.ClientResponse] = []

    async def fault(self, kind: FaultKind, **fields: Any) -> None:
        await self.provider.behave(Behaviour(faults=(Fault(kind, **fields),)))

    async def post(self, stream: bool = True, **members: Any) -> aiohttp.ClientResponse:
        server = self.provider.spec.server
        body = BODY | {"stream": stream, "options": {"num_predict": 6}} | members
        url = f"http://127.0.0.1:{self.provider.port}{PATHS[server]}"
        self.responses.append(await self.session.post(url, json=body))
        return self.responses[-1]

    async def last(self) -> str:
        return (await self.provider.log())[-1].outcome

    async def ended(self) -> str:
        """Outcome of the last request, once it has one."""
        await until(lambda: self.provider.journal.entries[-1].outcome != "running")
        return await self.last()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    async with (
        FakeProvider(ProviderSpec("p", server)) as provider,
        aiohttp.ClientSession() as session,
    ):
        client = Client(session, provider)
        yield client
        for response in client.responses:
            response.close()


def texts(raw: bytes) -> str:
    """The text of a stream of either protocol, unreadable events skipped."""
    text = ""
    for line in raw.splitlines():
        try:
            event = json.loads(line.removeprefix(b"data: "))
        except ValueError:
            continue
        if event.get("choices"):
            text += event["choices"][0]["delta"].get("content") or ""
        text += event.get("message", {}).get("content", "")
    return text


@both_servers
@streamed_or_not
async def test_status_with_retry_after_and_body(client: Client, stream: bool) -> None:
    await client.fault(FaultKind.STATUS, status=429, retry_after_s=2, times=1)
    response = await client.post(stream)
    assert (response.status, response.headers["Retry-After"]) == (429, "2")
    assert "error" in await response.json()
    assert (await client.post(stream)).status == 200
    await client.fault(FaultKind.STATUS, status=502, body="<html>bad gateway</html>")
    response = await client.post(stream)
    assert (response.status, await response.text()) == (502, "<html>bad gateway</html>")
    assert await client.last() == "fault: status"


@both_servers
@streamed_or_not
@pytest.mark.parametrize("kind", [FaultKind.RESET_BEFORE_HEADERS, FaultKind.RESET_DURING_HEADERS])
async def test_resets_before_an_answer(client: Client, stream: bool, kind: FaultKind) -> None:
    await client.fault(kind)
    with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
        await client.post(stream)
    assert await client.last() == f"fault: {kind}"


@both_servers
async def test_refuse_closes_the_listener_and_kept_connections(client: Client) -> None:
    await (await client.post()).read()
    await client.fault(FaultKind.REFUSE)
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.post()
    control = f"http://127.0.0.1:{client.provider.control_port}/_fake/behaviour"
    response = await client.session.post(control, json={})
    assert Behaviour.from_json(await response.json()) == Behaviour()
    assert (await client.post()).status == 200


@both_servers
@streamed_or_not
async def test_silence_lasts_until_the_client_leaves(client: Client, stream: bool) -> None:
    await client.fault(FaultKind.SILENCE)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.post(stream)
    assert await client.ended() == "client closed"


@both_servers
@pytest.mark.parametrize("kind", [FaultKind.STALL, FaultKind.SLOW_FIRST_TOKEN])
async def test_streams_that_hang(client: Client, kind: FaultKind) -> None:
    tokens = 2 if kind is FaultKind.STALL else 0
    await client.fault(kind, after_tokens=tokens)
    response = await client.post()
    assert response.status == 200
    received = await read_for(0.1, response)
    response.close()
    assert texts(received) == expected_text("m", "hello", tokens)
    assert await client.ended() == "client closed"
    assert (await client.provider.log())[-1].tokens == tokens


@both_servers
@pytest.mark.parametrize("kind", [FaultKind.CUT, FaultKind.CUT_CLEAN])
async def test_cut_streams_end_with_and_without_manners(client: Client, kind: FaultKind) -> None:
    await client.fault(kind, after_tokens=3)
    response = await client.post()
    received = b""
    try:
        async for chunk in response.content.iter_any():
            received += chunk
        clean = True
    except aiohttp.ClientError:
        clean = False
    assert clean is (kind is FaultKind.CUT_CLEAN)
    assert texts(received) == expected_text("m", "hello", 3)
    assert b"[DONE]" not in received
    assert await client.last() == f"fault: {kind}"


@both_servers
async def test_cut_whole_answers(client: Client) -> None:
    await client.fault(FaultKind.CUT)
    response = await client.post(stream=False)
    with pytest.raises(aiohttp.ClientPayloadError):
        await response.read()
    await client.fault(FaultKind.CUT_CLEAN)
    with pytest.raises(json.JSONDecodeError):
        json.loads(await (await client.post(stream=False)).read())


@both_servers
async def test_endings_that_lack_something(client: Client) -> None:
    await client.fault(FaultKind.NO_FINISH_REASON)
    raw = await (await client.post()).read()
    assert texts(raw) == TEXT
    assert b'"stop"' not in raw
    assert b'"length"' not in raw
    await client.fault(FaultKind.NO_DONE)
    raw = await (await client.post()).read()
    assert texts(raw) == TEXT
    assert b"[DONE]" not in raw
    assert b'"done":true' not in raw
    await client.fault(FaultKind.NO_USAGE)
    raw = await (await client.post(stream_options={"include_usage": True})).read()
    assert texts(raw) == TEXT
    assert b"usage" not in raw
    assert b"eval_count" not in raw


@both_servers
@pytest.mark.parametrize(
    "kind", [FaultKind.MALFORMED_EVENT, FaultKind.INVALID_UTF8, FaultKind.OVERSIZED_LINE]
)
async def test_bad_events_are_extra_and_leave_the_answer_whole(
    client: Client, kind: FaultKind
) -> None:
    await client.fault(kind, after_tokens=2, size=200_000)
    raw = await (await client.post()).read()
    bad = {
        FaultKind.MALFORMED_EVENT: b'{"broken": [{"tru\n',
        FaultKind.INVALID_UTF8: b"\xff\xfe",
        FaultKind.OVERSIZED_LINE: b"x" * 200_000,
    }[kind]
    before, found, after = raw.partition(bad)
    assert found
    assert texts(before) == expected_text("m", "hello", 2)
    assert texts(before) + texts(after) == TEXT
    body = await (await client.post(stream=False)).read()
    assert bad in body or kind is FaultKind.MALFORMED_EVENT


@both_servers
async def test_errors_inside_an_answer(client: Client) -> None:
    await client.fault(FaultKind.ERROR_EVENT, after_tokens=2, status=429)
    response = await client.post()
    raw = await response.read()
    assert response.status == 200
    assert texts(raw) == expected_text("m", "hello", 2)
    assert b"told to fail with 429" in raw
    whole = await client.post(stream=False)
    assert whole.status == 200
    assert set(await whole.json()) == {"error"}


@both_servers
async def test_an_error_event_may_say_when_to_try_again(client: Client) -> None:
    await client.fault(FaultKind.ERROR_EVENT, status=429, retry_after_s=1.5)
    response = await client.post()
    assert (response.status, response.headers["Retry-After"]) == (200, "1.5")
    await client.fault(FaultKind.ERROR_EVENT, status=429)
    assert "Retry-After" not in (await client.post()).headers


@both_servers
@streamed_or_not
async def test_refusals_and_other_content(client: Client, stream: bool) -> None:
    for kind in (FaultKind.CONTEXT_LENGTH, FaultKind.CONTENT_FILTER):
        await client.fault(kind)
        response = await client.post(stream)
        assert response.status == 400
        assert await client.last() == f"refused: {kind}"
    await client.fault(FaultKind.PREFILL_REFUSED)
    assert (await client.post(stream)).status == 200
    prefilled = [*BODY["messages"], {"role": "assistant", "content": "m:"}]
    assert (await client.post(stream, messages=prefilled)).status == 400
    await client.fault(FaultKind.WRONG_CONTENT_TYPE)
    response = await client.post(stream)
    assert (response.status, response.content_type) == (200, "text/html")
    await client.fault(FaultKind.WRONG_MODEL)
    assert '"model":"not-m"' in await (await client.post(stream)).text()
    await client.fault(FaultKind.FINISH_CONTENT_FILTER, after_tokens=2)
    raw = await (await client.post(stream)).text()
    assert '"content_filter"' in raw


@pytest.mark.parametrize("server", [Server.VLLM])
async def test_slots_turn_away_or_queue(client: Client) -> None:
    hang = (Fault(FaultKind.STALL, times=1, seconds=None),)
    await client.provider.behave(Behaviour(slots=1, faults=hang))
    first = await client.post()
    full = await client.post()
    assert full.status == 503
    assert await client.last() == "refused: busy"
    await client.provider.behave(Behaviour(slots=1, queue=1))
    waiting = asyncio.create_task(client.post())
    await until(lambda: len(client.provider.journal.entries) == 3)
    metrics = f"http://127.0.0.1:{client.provider.port}/metrics"
    shown = await (await client.session.get(metrics)).text()
    assert 'num_requests_running{engine="0",model_name="default"} 1.0' in shown
    assert 'num_requests_waiting{engine="0",model_name="default"} 1.0' in shown
    assert not waiting.done()
    first.close()
    assert (await waiting).status == 200


@pytest.mark.parametrize("server", [Server.OLLAMA])
async def test_pace_is_kept(client: Client) -> None:
    await client.provider.behave(Behaviour(latency_s=0.02, first_token_s=0.02, tokens_per_s=500))
    assert texts(await (await client.post()).read()) == TEXT
    (entry,) = await client.provider.log()
    assert entry.seconds is not None
    assert entry.seconds >= 0.04 + 6 / 500


def hits(fault: Fault, requests: int = 100) -> list[int]:
    faults = Faults(Behaviour(faults=(fault,)))
    return [n for n in range(1, requests + 1) if faults.take(prefilled=False)]


def test_which_requests_meet_a_fault() -> None:
    kind = FaultKind.CUT
    assert len(hits(Fault(kind))) == 100
    assert hits(Fault(kind, times=3)) == [1, 2, 3]
    assert hits(Fault(kind, every=4), 12) == [4, 8, 12]
    assert hits(Fault(kind, every=4, times=1)) == [4]
    drawn = hits(Fault(kind, probability=0.3, seed=7))
    assert drawn == hits(Fault(kind, probability=0.3, seed=7))
    assert drawn != hits(Fault(kind, probability=0.3, seed=8))
    assert 15 < len(drawn) < 45
    assert hits(Fault(kind, probability=0.0)) == []


def test_behaviour_survives_json() -> None:
    faults = (Fault(FaultKind.STATUS, status=503, every=2), Fault(FaultKind.CUT, after_tokens=4))
    behaviour = Behaviour(0.1, 0.2, 30.0, 4, 2, faults, ("m",))
    assert Behaviour.from_json(json.loads(json.dumps(behaviour.to_json()))) == behaviour
    spec = ProviderSpec("p", Server.VLLM, ("m",), "k", 4096, 0, behaviour)
    assert ProviderSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "must be a JSON object"),
        ({"faults": {}}, "faults must be a list"),
        ({"latencys": 1}, "latencys"),
        ({"latency_s": -1}, "latency_s must not be negative"),
        ({"slots": 0}, "slots must be more than 0"),
        ({"loaded": "m"}, "loaded must be a list of names"),
        ({"faults": [{"kind": "nonsense"}]}, "nonsense"),
        ({"faults": [{"kind": "cut", "every": 0}]}, "every must be at least 1"),
        ({"faults": [{"kind": "cut", "probability": 2}]}, "probability must be"),
    ],
)
@pytest.mark.parametrize("server", [Server.VLLM])
async def test_a_wrong_behaviour_is_refused_with_its_field(
    client: Client, value: Any, says: str
) -> None:
    url = f"http://127.0.0.1:{client.provider.port}/_fake/behaviour"
    response = await client.session.post(url, json=value)
    assert response.status == 400
    assert says in (await response.json())["error"]
    assert (await client.post()).status == 200
