"""Game days of providers: they crash, fail together, run out of memory, cannot be reached, flap."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from e2e.routers import RouterProcess
from router_service.testing import Behaviour, Fault, FaultKind

from .day import Day, game_day
from .load import chats
from .stage import Stage
from .verdicts import End

pytestmark = [pytest.mark.gameday, pytest.mark.timeout(300)]

OUT_S = 10.0
CLOUDS = ("ollama_cloud", "huggingface")
SERVED_ELSEWHERE = ("qwen2.5-coder:7b", "qwen-coder-vllm", "llama-cpp-native")
"""Without Ollama and the cloud these have vLLM or llama.cpp. All the others have nothing left but
the two slots of llama_cpp_python, good for 3.8 of the 6.2 requests a second that want them."""
MOST_REFUSED = 0.3
"""Share of the requests sent meanwhile: (6.2 - 3.8) of 10, and what chance adds."""
REFUSING = Behaviour(faults=(Fault(FaultKind.REFUSE),))
UNREACHED = Behaviour(faults=(Fault(FaultKind.SILENCE),))
OUT_OF_MEMORY = Behaviour(
    faults=(Fault(FaultKind.STATUS, status=500, every=2), Fault(FaultKind.RESET_BEFORE_HEADERS))
)
LOADING = Behaviour(faults=(Fault(FaultKind.STATUS, status=503),))


async def test_the_local_ollama_crashes(stage: Stage, router: RouterProcess) -> None:
    async with game_day("The local Ollama crashes", stage, router) as day:
        await day.kill("ollama")
        await asyncio.sleep(OUT_S)
        await stage.fleet.restart("ollama")
        await day.all_back("ollama")
    nothing_but_torn_streams(day)


async def test_ollama_and_the_cloud_fail_together(stage: Stage, router: RouterProcess) -> None:
    async with game_day("Ollama and the cloud fail together", stage, router) as day:
        await day.kill("ollama")
        for cloud in CLOUDS:
            await day.behave(cloud, REFUSING)
        before = day.load.begun
        await asyncio.sleep(OUT_S)
        meanwhile = day.load.begun - before
        await stage.fleet.restart("ollama")
        for cloud in CLOUDS:
            await day.behave(cloud)
        await day.all_back("ollama", *CLOUDS)
    only_torn_streams(day)
    refused = day.load.of(End.REFUSED)
    assert [sent for sent in refused if sent.verdict.code != "overloaded"] == []
    assert [sent for sent in refused if sent.ask.model in SERVED_ELSEWHERE] == []
    assert len(refused) <= MOST_REFUSED * meanwhile


async def test_vllm_runs_out_of_memory(stage: Stage, router: RouterProcess) -> None:
    """Errors and resets, then no process, then one that loads its model, then all is well."""
    vllm = stage.fleet["vllm-qwen"]
    usual = vllm.spec
    async with game_day("vLLM runs out of memory", stage, router) as day:
        await day.behave("vllm-qwen", OUT_OF_MEMORY)
        await asyncio.sleep(1)
        await day.kill("vllm-qwen")
        await asyncio.sleep(4)
        vllm.spec = replace(usual, behaviour=LOADING)
        await vllm.restart()
        vllm.spec = usual
        await asyncio.sleep(6)
        await day.behave("vllm-qwen")
        await day.all_back("vllm-qwen")
    nothing_but_torn_streams(day)


async def test_the_cloud_cannot_be_reached(stage: Stage, router: RouterProcess) -> None:
    """One cloud refuses connections, the other takes them and says nothing."""
    asked = chats((20.0, 20.0, 20.0, 4.0))
    async with game_day("The cloud cannot be reached", stage, router, asked) as day:
        await day.behave("ollama_cloud", REFUSING)
        await day.behave("huggingface", UNREACHED)
        await asyncio.sleep(OUT_S * 1.5)
        for cloud in CLOUDS:
            await day.behave(cloud)
        await day.all_back(*CLOUDS)
    assert day.load.of(End.BROKEN) == []
    # Both deployments first in this model's plan are at the silent provider, ten seconds each.
    refused = day.load.of(End.REFUSED)
    assert {sent.verdict.code for sent in refused} <= {"deadline_exceeded"}
    assert {sent.ask.model for sent in refused} <= {"meta-llama/Llama-3.2-3B-Instruct"}


async def test_a_provider_flaps(stage: Stage, router: RouterProcess) -> None:
    async with game_day("A provider flaps", stage, router) as day:
        for _ in range(5):
            await day.kill("ollama")
            await asyncio.sleep(2)
            await stage.fleet.restart("ollama")
            await asyncio.sleep(3)
        await day.all_back("ollama")
    nothing_but_torn_streams(day)


def only_torn_streams(day: Day) -> None:
    """No answer broke off but the streams of a provider that was killed meanwhile."""
    assert [sent for sent in day.load.of(End.BROKEN) if not day.torn(sent)] == []


def nothing_but_torn_streams(day: Day) -> None:
    """Besides, everything was answered."""
    only_torn_streams(day)
    assert day.load.of(End.REFUSED) == []
