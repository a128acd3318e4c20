"""Records are handed on together, soon, and before anybody looks at the figures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from router_service.observe import batch
from router_service.observe.batch import Batch
from router_service.types import RequestRecord


class Seen:
    def __init__(self) -> None:
        self.ids: list[str] = []
        self.some = asyncio.Event()

    def request_finished(self, record: RequestRecord) -> None:
        self.ids.append(record.request_id)
        self.some.set()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def waiting(registry: CollectorRegistry, seen: Seen) -> Batch:
    waiting = Batch(registry)
    waiting.feed(seen)
    return waiting


async def test_a_full_batch_goes_on_at_once(
    waiting: Batch, seen: Seen, make_record: Callable[..., RequestRecord]
) -> None:
    for number in range(batch.MOST):
        assert seen.ids == []
        waiting.request_finished(make_record(request_id=str(number)))
    assert seen.ids == [str(number) for number in range(batch.MOST)]


async def test_a_single_record_goes_on_by_itself(
    waiting: Batch, seen: Seen, make_record: Callable[..., RequestRecord]
) -> None:
    waiting.request_finished(make_record())
    async with asyncio.timeout(5):
        await seen.some.wait()


async def test_looking_at_the_figures_hands_everything_on(
    waiting: Batch,
    seen: Seen,
    registry: CollectorRegistry,
    make_record: Callable[..., RequestRecord],
) -> None:
    waiting.request_finished(make_record())
    generate_latest(registry)
    assert len(seen.ids) == 1
    waiting.flush()
    assert len(seen.ids) == 1
