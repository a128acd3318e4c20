"""What a face hands in becomes the facts of a decision, long bodies off the event loop."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from router_service.core import Inspection, Router, Table, now_us
from router_service.errors import InvalidRequest
from router_service.serving import facts as room
from router_service.serving.facts import facts_of_incoming, facts_of_query
from router_service.types import Attributes, RouteQuery

from .conftest import incoming


def query(**members: Any) -> RouteQuery:
    given: dict[str, Any] = {
        "face": "grpc",
        "model": "big",
        "attributes": Attributes(),
        "headers": {},
        "principal": "ann",
        "request_id": "r-1",
    }
    return RouteQuery(**(given | members))


async def explained(table: Table, asked: RouteQuery) -> dict[str, Any]:
    facts = await facts_of_query(table, asked)
    found: dict[str, Any] = json.loads(Router(table, "t").explain(facts, now_us(), 1))
    return found


async def test_the_body_says_model_and_stream(table: Table) -> None:
    facts, inspection = await facts_of_incoming(table, incoming("small", stream=True))
    assert facts.model == "small"
    assert facts.stream
    assert inspection.prompt_tokens > 0


async def test_a_body_without_a_model_names_none(table: Table) -> None:
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    facts, _ = await facts_of_incoming(table, incoming("", body=body))
    assert facts.model == ""


async def test_a_bad_body_is_refused(table: Table) -> None:
    with pytest.raises(InvalidRequest, match="line 1"):
        await facts_of_incoming(table, incoming("", body=b"{"))


@pytest.mark.parametrize(("size", "elsewhere"), [(100, False), (room.LARGE_BODY, True)])
async def test_only_a_long_body_is_read_in_a_thread(
    monkeypatch: pytest.MonkeyPatch, table: Table, size: int, elsewhere: bool
) -> None:
    threads: list[int] = []

    class Watched:
        condition_headers = table.condition_headers

        def inspect(self, body: bytes, operation: str) -> Inspection:
            threads.append(threading.get_ident())
            return table.inspect(body, operation)

    watched: Any = Watched()
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * size}]})
    await facts_of_incoming(watched, incoming("", body=body.encode()))
    assert [thread != threading.get_ident() for thread in threads] == [elsewhere]


async def test_a_query_goes_by_its_own_fields_before_the_bodys(table: Table) -> None:
    body = incoming("small").body
    assert (await facts_of_query(table, query(model="", body=body))).model == "small"
    assert (await facts_of_query(table, query(model="big", body=body))).model == "big"


async def test_a_querys_own_count_spares_counting(table: Table) -> None:
    assert (await explained(table, query(prompt_tokens=77)))["prompt_tokens"] == 77
    counted = (await explained(table, query(prompt="one two three")))["prompt_tokens"]
    assert 0 < counted < 20


async def test_a_long_prompt_counts_as_much_as_many_short_ones(table: Table) -> None:
    long = await facts_of_query(table, query(prompt="word " * room.LARGE_BODY))
    assert long.model == "big"


async def test_only_headers_that_conditions_name_are_taken(table: Table) -> None:
    assert table.condition_headers == ["x-team"]
    headers = {"x-team": "blue", "x-other": "y"}
    facts = await facts_of_query(table, query(headers=headers))
    assert facts.model == "big"


async def test_attributes_reach_the_decision(table: Table) -> None:
    only = Attributes(allowed=("small@two",))
    plan = (await explained(table, query(model="big", attributes=only)))["plan"]
    assert [hop["model"] for hop in plan] == ["small"]
