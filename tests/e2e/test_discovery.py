"""`serve` without a routing config goes to what it finds on this machine, says so, and looks again
when it is told to reload."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_service.testing import FakeProvider, ProviderSpec, Server

from .routers import RouterProcess, as_process, until

OLLAMA = ProviderSpec("ollama", Server.OLLAMA, models=("small:7b",))
VLLM = ProviderSpec("vllm", Server.VLLM, models=("org/big",))


def ports(*providers: FakeProvider) -> dict[str, Any]:
    return {"routing": {"discover_ports": [provider.port for provider in providers]}}


async def served(router: RouterProcess) -> Sequence[str]:
    async with router.http.session.get(f"{router.http.url}/v1/models") as response:
        listed = await response.json()
    return [model["id"] for model in listed["data"]]


async def provider_of(router: RouterProcess, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    url = f"{router.http.url}/v1/chat/completions"
    async with router.http.session.post(url, json=body) as response:
        assert response.status == 200, await response.text()
        return response.headers["x-router-provider"]


async def test_what_is_found_is_used_and_looked_for_again(tmp_path: Path) -> None:
    async with FakeProvider(OLLAMA) as ollama, FakeProvider(VLLM) as vllm:
        await vllm.kill()
        async with as_process(None, tmp_path, ports(ollama, vllm)) as router:
            told = router.log.read_text()
            assert f"found ollama at {ollama.base_url}: 1 model" in told
            assert "router-service config discover > " in told
            assert "small:7b" in await served(router)
            assert await provider_of(router, "small:7b") == "ollama"

            await vllm.restart()
            router.process.send_signal(signal.SIGHUP)
            await until(lambda: "was reloaded" in router.log.read_text(), "the reload")
            assert f"found vllm at {vllm.base_url}: 1 model" in router.log.read_text()
            assert await provider_of(router, "org/big") == "vllm"

            await ollama.kill()
            await vllm.kill()
            router.process.send_signal(signal.SIGHUP)
            await until(lambda: "was not reloaded" in router.log.read_text(), "the refusal")
            assert "org/big" in await served(router)


async def test_where_nothing_is_found_the_reference_fleet_is_used(tmp_path: Path) -> None:
    async with FakeProvider(OLLAMA) as ollama:
        await ollama.kill()
        async with as_process(None, tmp_path, ports(ollama)) as router:
            told = router.log.read_text()
            assert f"no model server answers on this machine (ports asked: {ollama.port})" in told
            assert "using the shipped reference fleet" in told
            assert "qwen2.5-coder:7b" in await served(router)
