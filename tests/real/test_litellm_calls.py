"""The reference fleet, exported, behind LiteLLM's own Router: requests arrive where they should,
with the keys that the providers want, and move on to the fallbacks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router_service.config.reference import REFERENCE_CONFIG
from router_service.export.exported import export_litellm
from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind, expected_text

from .conftest import missing
from .prepare import LITELLM_PYTHON
from .programs import output_of

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

SCRIPT = Path(__file__).parent / "litellm_calls.py"
PROMPT = "tell me about rivers"
VLLM_MODEL = "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"
ARRIVES_AS = {
    "llama-cpp-native": "llama-cpp-native",
    "qwen2.5-coder:7b": "qwen2.5-coder:7b",
    "qwen-coder-vllm": VLLM_MODEL,
    "gpt-oss:20b-cloud": "gpt-oss:20b-cloud",  # with a key
    "mythomax-l2-13b": "mythomax-l2-13b-q5_k_m",  # an alias
    "high_throughput": VLLM_MODEL,  # a capability
    "nobody-knows:3b": "nobody-knows:3b",
}
"""Requested name → name the provider is asked for."""


async def answers(fleet: FakeFleet, folder: Path, *names: str) -> dict[str, str]:
    if not LITELLM_PYTHON.exists():
        missing("litellm is not installed")
    routing = fleet.routing_config(REFERENCE_CONFIG)
    file = folder / "litellm.yaml"
    file.write_text(export_litellm(routing, {}).text)
    printed = await output_of(
        *(LITELLM_PYTHON, str(SCRIPT), str(file), PROMPT, *names),
        timeout_s=150,
        environment=fleet.environment(routing) | {"LITELLM_LOCAL_MODEL_COST_MAP": "True"},
    )
    found: dict[str, str] = json.loads(printed.splitlines()[-1])
    return found


async def test_every_kind_of_provider_is_reached(fleet: FakeFleet, tmp_path: Path) -> None:
    found = await answers(fleet, tmp_path, *ARRIVES_AS)
    assert found == {name: expected_text(upstream, PROMPT) for name, upstream in ARRIVES_AS.items()}


async def test_a_dead_provider_is_passed_by_its_fallbacks(fleet: FakeFleet, tmp_path: Path) -> None:
    await fleet["ollama"].behave(Behaviour(faults=(Fault(FaultKind.REFUSE),)))
    found = await answers(fleet, tmp_path, "qwen2.5-coder:7b")
    assert found == {"qwen2.5-coder:7b": expected_text(VLLM_MODEL, PROMPT)}
