"""What real servers tell of their load: Ollama the models it holds, llama-cpp-python's nothing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from router_service import connectors
from router_service.core import overlay
from router_service.types import LoadSignals

from .backends import Backend
from .calls import generate
from .router import RunningRouter

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PATIENT_S = 60.0


async def signals_of(backend: Backend, kind: str) -> LoadSignals:
    provider = SimpleNamespace(id="p", kind=kind, base_url=backend.base_url, credential=None)
    async with connectors.open_session() as session:
        connector = connectors.build(provider, session, overlay=overlay, environ={})
        return await connector.signals(PATIENT_S)


async def test_ollama_tells_the_models_it_holds(
    ollama_router: RunningRouter, ollama: Backend
) -> None:
    await generate(ollama_router)
    told = await signals_of(ollama, "ollama")
    assert told == LoadSignals(loaded=("tiny:latest", "tiny"))


async def test_llama_cpp_python_tells_nothing(llama_cpp: Backend) -> None:
    assert await signals_of(llama_cpp, "openai") == LoadSignals()
