"""Game days of providers: they crash, fail together, run out of memory, cannot be reached, flap."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from router_service.testing import Behaviour, Fault, FaultKind

from ..routers import RouterProcess
from .conftest import Stage
from .day import Day, game_day
from .load import wishes
from .verdicts import End

pytestmark = pytest.mark.timeout(300)

OUT_S = 10.0
CLOUDS = ("ollama_cloud", "huggingface")
REFUSING = Behaviour(faults=(Fault(FaultKind.REFUSE),))
UNREACHED = Behaviour(faults=(Fault(FaultKind.SILENCE),))
OUT_OF_MEMORY = Behaviour(faults=(Fault(FaultKind.STATUS, status=500, every=2), Fault(FaultKind.RESET_BEFORE_HEADERS)))
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
        await asyncio.sleep(OUT_S)
        await stage.fleet.restart("ollama")
        for cloud in CLOUDS:
            await day.behave(cloud)
        await day.all_back("ollama", *CLOUDS)
    nothing_but_torn_streams(day)


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
    asked = wishes((20.0, 20.0, 20.0, 4.0))
    async with game_day("The cloud cannot be reached", stage, router, asked) as day:
        await day.behave("ollama_cloud", REFUSING)
        await day.behave("huggingface", UNREACHED)
        await asyncio.sleep(OUT_S * 1.5)
        for cloud in CLOUDS:
            await day.behave(cloud)
        await day.all_back(*CLOUDS)
    assert day.load.of(End.BROKEN) == []


async def test_a_provider_flaps(stage: Stage, router: RouterProcess) -> None:
    async with game_day("A provider flaps", stage, router) as day:
        for _ in range(5):
            await day.kill("ollama")
            await asyncio.sleep(2)
            await stage.fleet.restart("ollama")
            await asyncio.sleep(3)
        await day.all_back("ollama")
    nothing_but_torn_streams(day)


def nothing_but_torn_streams(day: Day) -> None:
    """Everything was answered but the streams that a killed provider had begun."""
    assert day.load.of(End.REFUSED) == []
    broken = day.load.of(End.BROKEN)
    assert [sent for sent in broken if not day.torn(sent) or not sent.wish.stream] == []
