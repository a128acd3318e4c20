"""A table after a table: a provider that is reached as before keeps its connector."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from router_service.connectors import Connectors, open_session


def provider(**changes: Any) -> Any:
    known = {"id": "p", "kind": "openai", "base_url": "http://one/v1", "credential": "KEY"}
    return SimpleNamespace(**known | changes)


@pytest.fixture
def environ() -> dict[str, str]:
    return {"KEY": "first-key", "OTHER": "other-key"}


@pytest.fixture
async def connectors(environ: dict[str, str]) -> AsyncIterator[Connectors]:
    async with open_session() as session:
        yield Connectors(session, overlay=lambda body, _changes: body, environ=environ)


async def test_the_same_way_keeps_the_connector(connectors: Connectors) -> None:
    before = connectors.of([provider(), provider(id="q")])
    after = connectors.of([provider(capacity=9), provider(id="r")])
    assert after["p"] is before["p"]
    assert set(after) == {"p", "r"}


@pytest.mark.parametrize(
    "changes", [{"base_url": "http://two/v1"}, {"kind": "ollama"}, {"credential": "OTHER"}]
)
async def test_another_way_needs_a_new_one(connectors: Connectors, changes: dict[str, str]) -> None:
    before = connectors.of([provider()])["p"]
    assert connectors.of([provider(**changes)])["p"] is not before


async def test_a_key_that_was_changed_in_its_place_is_taken(
    connectors: Connectors, environ: dict[str, str]
) -> None:
    before = connectors.of([provider()])["p"]
    environ["KEY"] = "second-key"
    assert connectors.of([provider()])["p"] is not before


async def test_one_that_was_away_begins_anew(connectors: Connectors) -> None:
    before = connectors.of([provider()])["p"]
    connectors.of([])
    assert connectors.of([provider()])["p"] is not before
