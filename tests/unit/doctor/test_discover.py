"""Servers on this machine are recognised, and the config written for them loads like any other."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router_service.config.routing import load_table, table_of
from router_service.core import Table
from router_service.discover.document import as_yaml, document_of, summary
from router_service.discover.routing import DiscoveredRouting
from router_service.discover.servers import Server, look
from router_service.testing import FakeFleet, FakeProvider, ProviderSpec
from router_service.testing import Server as Manners
from router_service.types import LoadSignals

from .fakes import Lists, serving


def specs() -> list[ProviderSpec]:
    return [
        ProviderSpec("a", Manners.OLLAMA, models=("llama3.1:latest", "qwen2.5-coder:7b")),
        ProviderSpec("b", Manners.VLLM, models=("org/coder-7b",)),
        ProviderSpec("c", Manners.LLAMA_CPP, models=("/models/tiny.gguf",)),
        ProviderSpec("d", Manners.LLAMA_CPP_PYTHON, models=("qwen2.5-coder:7b",)),
        ProviderSpec("e", Manners.OPENAI, models=("secret",), api_key="a-key"),
    ]


@pytest.fixture
async def fleet() -> AsyncIterator[FakeFleet]:
    async with FakeFleet(specs()) as running:
        yield running


def ports(fleet: FakeFleet, names: str = "abcde") -> list[int]:
    return [fleet[name].port for name in names]


def listening(port: int, **settings: object) -> Server:
    return Server("openai", f"http://127.0.0.1:{port}/v1", **settings)  # type: ignore[arg-type]


async def test_each_is_told_apart(fleet: FakeFleet) -> None:
    await fleet.kill("d")
    found = await look([*ports(fleet), fleet["a"].port])
    assert [(server.kind, server.base_url) for server in found] == [
        ("ollama", fleet["a"].base_url),
        ("vllm", fleet["b"].base_url),
        ("openai", fleet["c"].base_url),
        ("openai", fleet["e"].base_url),
    ]
    assert [server.locked for server in found] == [False, False, False, True]
    assert list(found[1].models) == ["org/coder-7b"]
    assert [await fleet[name].log() for name in "abce"] == [[]] * 4, "nothing is generated"


async def test_a_server_that_is_silent_is_left_out() -> None:
    silent = Lists({"/api/tags": None, "/v1/models": None})
    ollama = FakeProvider(ProviderSpec("a", Manners.OLLAMA, models=("m",)))
    async with serving(silent) as url, ollama:
        found = await look([int(url.rpartition(":")[2]), ollama.port], timeout_s=0.3)
    assert sorted(silent.asked) == ["/api/tags", "/v1/models"]
    assert [one.base_url for one in found] == [ollama.base_url]


async def test_a_llama_cpp_that_lists_models_as_ollama_does_is_none() -> None:
    lists = Lists(
        {
            "/api/tags": (200, '{"models": [{"name": "m"}]}'),
            "/v1/models": (200, '{"data": [{"id": "m"}]}'),
            "/metrics": (200, "llamacpp:requests_processing 0\n"),
        }
    )
    async with serving(lists) as url:
        (found,) = await look([int(url.rpartition(":")[2])])
    assert (found.kind, found.base_url, found.signals.running) == ("openai", f"{url}/v1", 0)


async def test_the_config_loads_from_a_file_as_it_is(fleet: FakeFleet, tmp_path: Path) -> None:
    document = document_of(await look(ports(fleet)))
    path = tmp_path / "found.yaml"
    path.write_text(as_yaml(document))
    table = load_table(path, {})
    assert table.warnings == []
    odd = f"openai_{fleet['d'].port}"
    assert [provider.id for provider in table.providers] == ["ollama", "vllm", "llama_cpp", odd]
    assert {model.name: model.providers for model in table.models} == {
        "llama3.1:latest": ["ollama"],
        "qwen2.5-coder:7b": ["ollama", odd],
        "org/coder-7b": ["vllm"],
        "/models/tiny.gguf": ["llama_cpp"],
    }
    aliases = {model.name: model.aliases for model in table.models if model.aliases}
    assert aliases == {"llama3.1:latest": ["llama3.1"]}
    assert document["default_provider"] == "ollama"
    assert {provider.location for provider in table.providers} == {"local"}


def test_names_come_from_what_is_told_and_from_usual_ports() -> None:
    tells = LoadSignals(running=0)
    found = [
        listening(8000),
        listening(8080, signals=tells),
        listening(9000, signals=tells),
        listening(1234),
        listening(9),
    ]
    providers = document_of(found)["providers"]
    assert list(providers) == [
        "llama_cpp_python",
        "llama_cpp",
        "llama_cpp_9000",
        "lm_studio",
        "openai_9",
    ]
    assert providers["llama_cpp_python"]["stream_whole_answers"] is False


@pytest.mark.parametrize(
    ("stated", "parameters"),
    [("7.6B", 7_600_000_000), ("137M", 137_000_000), ("1234567890", 1_234_567_890), ("?", None)],
)
def test_sizes_are_taken_where_they_are_sizes(stated: str, parameters: int | None) -> None:
    document = document_of([listening(9, models={"m": stated})])
    table = Table.compile(json.dumps(document).encode())
    assert table.models[0].parameters == parameters


@pytest.mark.parametrize("name", ["a@b", "*", "x y", "ünïcode", "a/b:c", "code", "n" * 300])
def test_any_name_a_server_lists_can_be_had(name: str) -> None:
    table = Table.compile(json.dumps(document_of([listening(9, models={name: None})])).encode())
    assert [model.name for model in table.models] == [name]


def test_a_summary_is_one_line() -> None:
    assert summary(listening(8001, models={"m": None})) == (
        "vllm at http://127.0.0.1:8001/v1: 1 model"
    )
    assert "credential_env" in summary(listening(9, locked=True))


async def test_each_load_looks_anew(fleet: FakeFleet, caplog: pytest.LogCaptureFixture) -> None:
    discovered = DiscoveredRouting(ports(fleet, "be"))
    told: list[str] = []
    table = table_of(discovered.first(await asyncio.to_thread(discovered.find, told.append)))
    assert [provider.id for provider in table.providers] == ["vllm"]
    assert [line.partition(" ")[0] for line in told] == ["vllm", fleet["e"].base_url]
    same = await asyncio.to_thread(discovered.load)
    assert same.table is not None
    assert (same.table.version, same.findings) == (table.version, [])
    await fleet.kill("b")
    with caplog.at_level(logging.INFO):
        gone = await asyncio.to_thread(discovered.load)
    assert gone.table is None
    assert gone.findings[0].code == "nothing-found"
    assert str(fleet["b"].port) in gone.findings[0].message
    assert any("wants a key" in record.getMessage() for record in caplog.records)
