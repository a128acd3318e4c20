"""Health probes through real connectors: who is reached, and who is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiohttp

from router_service import connectors
from router_service.connectors import HttpConnector
from router_service.serving.health import probe_unreachable
from router_service.testing import FakeProvider, ProviderSpec, Server

from .scripted import Act, Provider, ScriptedServer, overlay, refusal, sized

PATIENT_S = 20.0


class Core:
    """Holds p for unreachable until told otherwise."""

    def __init__(self) -> None:
        self.reached = False

    def unreachable(self, now_us: int) -> list[str]:
        return ["p"]

    def reachable(self, provider: str, now_us: int) -> None:
        self.reached = True


async def reaches(connector: HttpConnector, timeout_s: float = PATIENT_S) -> bool:
    core = Core()
    upstream: Any = SimpleNamespace(provider=SimpleNamespace(id="p"), connector=connector)
    await probe_unreachable(core, {"p": upstream}, timeout_s=timeout_s)
    return core.reached


async def test_a_killed_provider_is_reached_once_it_is_back(
    session: aiohttp.ClientSession,
) -> None:
    async with FakeProvider(ProviderSpec("p", Server.VLLM)) as provider:
        described = Provider("vllm", provider.base_url)
        connector = connectors.build(described, session, overlay=overlay, environ={})
        await provider.kill()
        assert not await reaches(connector)
        await provider.restart()
        assert await reaches(connector)


async def test_any_answer_reaches(upstream: ScriptedServer, connector: HttpConnector) -> None:
    for script in (refusal(401), refusal(404), refusal(503), sized(b"no list")):
        upstream.answer(script)
        assert await reaches(connector)


async def test_a_connection_that_leads_nowhere_does_not(
    upstream: ScriptedServer, connector: HttpConnector
) -> None:
    for script, timeout_s in (
        ((Act.HOLD,), 0.1),
        ((Act.RESET,), PATIENT_S),
        ((Act.CLOSE,), PATIENT_S),
        ((b"HTTP/1.1 200 OK\r\n", Act.RESET), PATIENT_S),
    ):
        upstream.answer(*script)
        assert not await reaches(connector, timeout_s)


async def test_without_a_key_nothing_is_sent(
    upstream: ScriptedServer, session: aiohttp.ClientSession
) -> None:
    keyed = Provider("openai", f"http://127.0.0.1:{upstream.port}", "p", "MISSING")
    connector = connectors.build(keyed, session, overlay=overlay, environ={})
    assert not await reaches(connector)
    assert upstream.requests == []
