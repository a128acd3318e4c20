"""Providers killed with SIGKILL while a hundred requests run: every caller gets a whole answer from
the plan or a clear error, nobody hangs, and nothing stays in flight."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from router_service.testing import (
    Behaviour,
    FakeFleet,
    ProviderSpec,
    RunningProvider,
    Server,
    expected_text,
)

from . import small_fleet
from .callers import Reply, chat
from .routers import Router, as_process, in_process, until

OFTEN = {"polling": {"health_interval_s": 0.1}}
DEADLINE_S = 15.0
REQUESTS = 100
SLOW = Behaviour(first_token_s=0.1, tokens_per_s=5)
"""Two seconds and more for an answer, so that a kill finds requests at every stage."""
SPECS = [
    ProviderSpec("doomed", Server.VLLM, behaviour=SLOW),
    ProviderSpec("doomed_too", Server.OLLAMA, behaviour=SLOW),
    ProviderSpec("safe", Server.LLAMA_CPP),
    ProviderSpec("safe_too", Server.OLLAMA),
]
KINDS = {"doomed": "vllm", "doomed_too": "ollama", "safe": "openai", "safe_too": "ollama"}
CHAINS = {
    "m-doomed": ["m-safe", "m-safe_too"],
    "m-doomed_too": ["m-safe_too", "m-safe"],
}


@pytest.fixture
async def processes() -> AsyncIterator[FakeFleet]:
    async with FakeFleet(SPECS, processes=True) as fleet:
        yield fleet


@pytest.fixture(params=["router in a process", "router in this process"])
async def before_them(
    processes: FakeFleet, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Router]:
    """A router before them; the one in this process must leave no task behind."""
    config = small_fleet.written(routing(processes), tmp_path / "routing.yaml")
    start = as_process if request.param == "router in a process" else in_process
    async with start(config, tmp_path, OFTEN) as router:
        yield router


def routing(fleet: FakeFleet) -> dict[str, Any]:
    return {
        "providers": {
            name: {"kind": KINDS[name], "base_url": address, "capacity": 200}
            for name, address in fleet.addresses.items()
        },
        "models": {f"m-{name}": {"provider": name} for name in KINDS},
        "fallback_chains": {name: {"chain": chain} for name, chain in CHAINS.items()},
        "default_provider": "safe",
    }


async def test_every_caller_gets_an_answer_or_a_clear_error(
    processes: FakeFleet, before_them: Router
) -> None:
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(ask(before_them, number)) for number in range(REQUESTS)]
        await some_tokens(processes["doomed"], processes["doomed_too"])
        await processes.kill("doomed")
        await processes.kill("doomed_too")
    replies = [task.result() for task in asking]

    for number, reply in enumerate(replies):
        check(reply, number)
    saved = [reply for reply in replies if reply.whole and reply.provider in ("safe", "safe_too")]
    assert saved
    await before_them.idle()
    await taken_back(processes, before_them)


async def taken_back(processes: FakeFleet, router: Router) -> None:
    """A provider that returns is used again, on either face, once a probe has found it."""
    await processes.restart("doomed")
    for face in ("http", "grpc"):

        async def served_by_it(face: str = face) -> bool:
            reply = await router.face(face).ask(chat("m-doomed", max_tokens=2))
            assert reply.whole
            return reply.provider == "doomed"

        await until(served_by_it, f"doomed serves {face} again")


def wanted(number: int) -> tuple[str, bool]:
    """The model a request names and whether it streams: every mix, on each face."""
    return list(CHAINS)[number // 2 % 2], number // 4 % 2 == 1


async def ask(router: Router, number: int) -> Reply:
    """One caller, who gives up a second after its deadline."""
    model, stream = wanted(number)
    face = "http" if number % 2 else "grpc"
    async with asyncio.timeout(DEADLINE_S + 1):
        body = chat(model, f"question {number}", stream=stream)
        return await router.face(face).ask(body, timeout_s=DEADLINE_S)


async def some_tokens(*providers: RunningProvider) -> None:
    """Wait until each provider is in the middle of streams and of whole answers."""
    for provider in providers:

        async def busy(provider: RunningProvider = provider) -> bool:
            running = [entry for entry in await provider.log() if entry.outcome == "running"]
            return len(running) > REQUESTS // 4 and any(entry.tokens for entry in running)

        await until(busy, f"{provider.id} has its requests and sends tokens", DEADLINE_S)


def check(reply: Reply, number: int) -> None:
    model, stream = wanted(number)
    if reply.whole:
        assert reply.model in (model, *CHAINS[model]), reply
        assert reply.text == expected_text(str(reply.model), f"question {number}"), reply
        return
    # Until its first content every request could be saved, and only a stream is past it.
    assert stream, reply
    assert reply.code == "stream_broken", reply
    assert not reply.done_mark
    assert reply.provider in ("doomed", "doomed_too")
    assert expected_text(model, f"question {number}").startswith(reply.text)
    assert reply.text
    assert reply.message
