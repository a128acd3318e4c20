"""`logs tail --live` before a running router: its lines, what it leaves out, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import router_pb2

from .callers import chat
from .routers import (
    COMMAND,
    InProcessRouter,
    Router,
    as_process,
    clean_environment,
    command,
    in_process,
)

READ_S = 30.0
DOWN = Behaviour(faults=(Fault(FaultKind.STATUS, status=503),))


def address_of(router: InProcessRouter) -> str:
    return f"127.0.0.1:{router.service.grpc_port}"


@asynccontextmanager
async def tail(
    address: str, *options: str, key: str | None = None, stdout: int = PIPE
) -> AsyncIterator[Process]:
    """The command, once the router has taken it on."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *("logs", "tail", "--live", "--address", address),
        *options,
        stdout=stdout,
        stderr=PIPE,
        env=clean_environment({"ROUTER_SERVICE_API_KEY": key} if key else None),
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(READ_S):
            first = (await process.stderr.readline()).decode()
        assert first == f"watching the decisions of {address}; Ctrl-C ends it\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def rest(process: Process) -> tuple[int | None, list[str], str]:
    """Exit code, lines and what it said on stderr, of one that is to end by itself."""
    async with asyncio.timeout(READ_S):
        shown, said = await process.communicate()
    return process.returncode, shown.decode().splitlines(), said.decode()


async def route(router: Router, model: str) -> None:
    await router.grpc.stub.Route(router_pb2.RouteRequest(model=model, prompt="p"))


async def test_a_line_for_each_and_an_end_after_so_many(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    await fleet["first"].behave(DOWN)
    async with tail(address_of(router), "-n", "3") as process:
        assert (await router.http.ask(chat("alpha", stream=True))).whole
        assert (await router.grpc.ask(chat("beta"))).whole
        await route(router, "gamma")
        await route(router, "delta")
        code, shown, said = await rest(process)
    assert (code, said) == (0, "")
    moved, served, decided = (line.split(" ", 1)[1] for line in shown)
    assert moved.startswith("ok alpha [exact, weighted] first (unavailable) ")
    assert moved.split(" -> ")[-1].startswith("second ")
    assert moved.endswith(" ms")
    assert served.startswith("ok beta [exact, weighted] second ")
    assert decided == "decided gamma [exact, weighted] third"


async def test_json_has_the_names_of_the_access_log(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    await fleet["first"].behave(DOWN)
    options = ("-n", "1", "--json", "--filter", "fallback_chain", "--model", "alpha")
    async with tail(address_of(router), *options) as process:
        assert (await router.http.ask(chat("beta"))).whole
        sent = {"x-request-id": "mine-1"}
        assert (await router.http.ask(chat("alpha"), headers=sent)).whole
        code, (line,), _ = await rest(process)
    assert code == 0
    shown, logged = json.loads(line), await router.access_log.of("mine-1")
    same = ("request_id", "decision_id", "table_version", "requested_model", "rule", "matched")
    for name in (*same, "strategy", "status", "notes"):
        assert shown[name] == logged[name], name
    assert [attempt.keys() for attempt in shown["attempts"]] == [
        attempt.keys() for attempt in logged["attempts"]
    ]
    for name in ("kind", "provider", "deployment", "outcome", "status"):
        assert [one[name] for one in shown["attempts"]] == [one[name] for one in logged["attempts"]]
    assert (shown["model"], shown["provider"], shown["missed"]) == ("alpha", "first", 0)
    assert shown["plan"][:2] == ["alpha@first", "beta@second"]
    assert shown["time"] <= logged["time"]


@pytest.mark.parametrize("options", [("--provider", "fourth"), ("--rule", "default")])
async def test_the_rest_is_left_out(router: InProcessRouter, options: tuple[str, str]) -> None:
    async with tail(address_of(router), *options) as process:
        for model in ("beta", "delta", "beta"):
            await route(router, model)
        await asyncio.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, shown, _ = await rest(process)
    assert [" delta " in line for line in shown] == [True] * (options[0] == "--provider")


async def test_ctrl_c_ends_it_quietly(router: InProcessRouter) -> None:
    async with tail(address_of(router)) as process:
        await route(router, "beta")
        assert process.stdout is not None
        async with asyncio.timeout(READ_S):
            assert b"decided beta" in await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await rest(process) == (0, [], "")


async def test_whoever_reads_no_further_ends_it_quietly(router: InProcessRouter) -> None:
    reads, kept = os.pipe()
    async with tail(address_of(router), stdout=kept) as process:
        os.close(kept)
        os.close(reads)
        await route(router, "beta")
        async with asyncio.timeout(READ_S):
            assert process.stderr is not None
            assert await process.stderr.read() == b""
            assert await process.wait() == 1


async def test_what_was_missed_is_said(router: InProcessRouter) -> None:
    async with tail(address_of(router), "--model", "alone") as process:
        request = router_pb2.RouteRequest(model="alone", prompt="p")
        for _ in range(3):
            await router.grpc.stub.RouteBatch(
                router_pb2.RouteBatchRequest(requests=[request] * 1000)
            )
        assert process.stderr is not None
        async with asyncio.timeout(READ_S):
            said = (await process.stderr.readline()).decode()
    assert said.startswith("note: ")
    assert said.endswith(" decisions are missing here: they came faster than they were read\n")


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGTERM, "this router is stopping; watch another one, or this one later\n"),
        (signal.SIGKILL, "no router answers at "),
    ],
)
async def test_a_router_that_ends_is_told_and_fails(
    routing: Path, tmp_path: Path, number: signal.Signals, told: str
) -> None:
    async with as_process(routing, tmp_path) as router, tail(router.grpc_target) as process:
        router.process.send_signal(number)
        code, shown, said = await rest(process)
    assert (code, shown) == (1, [])
    assert said.startswith(f"error: {told}")


async def test_no_router_is_a_clear_failure() -> None:
    code, said = await command("logs", "tail", "--live", "--address", "127.0.0.1:1")
    assert code == 1
    assert said.startswith("error: no router answers at 127.0.0.1:1")
    code, said = await command("logs", "tail", "--live", "--address", "127.0.0.1:1", "--json")
    assert (code, json.loads(said)["error"]["code"]) == (1, "no_answer")


async def test_the_key_is_read_from_the_environment(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_SERVICE_API_KEYS", "ann:s3cret-key-of-ann")
    async with in_process(routing, tmp_path) as locked:
        address = address_of(locked)
        code, said = await command("logs", "tail", "--live", "--address", address)
        assert code == 1
        assert said.startswith("error: ")
        assert "key" in said
        async with tail(address, "-n", "1", key="s3cret-key-of-ann") as process:
            sent = {"x-api-key": "s3cret-key-of-ann"}
            assert (await locked.http.ask(chat("beta"), headers=sent)).whole
            code, shown, _ = await rest(process)
        assert (code, len(shown)) == (0, 1)
