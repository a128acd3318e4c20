"""`doctor` and `config discover` as commands: what they print, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service
from router_service.config.routing import load_table
from router_service.testing import FakeFleet, ProviderSpec, Server


@pytest.fixture
async def fleet() -> AsyncIterator[FakeFleet]:
    specs = [
        ProviderSpec("one", Server.OLLAMA, models=("small:7b",)),
        ProviderSpec("two", Server.VLLM, models=("org/big",)),
    ]
    async with FakeFleet(specs) as running:
        yield running


@pytest.fixture
def config(fleet: FakeFleet, tmp_path: Path) -> Path:
    providers: dict[str, Any] = {
        "one": {"kind": "ollama", "base_url": fleet["one"].base_url},
        "two": {"kind": "vllm", "base_url": fleet["two"].base_url},
        "off": {"kind": "vllm", "base_url": "http://127.0.0.1:9/v1", "enabled": False},
    }
    models = {"small:7b": {"provider": "one"}, "org/big": {"provider": "two"}}
    path = tmp_path / "fleet.yaml"
    path.write_text(json.dumps({"providers": providers, "models": models}))
    return path


async def run(*args: object) -> Result:
    """In a thread: the command has a loop of its own, and the fleet needs this one."""
    runner = CliRunner()
    return await asyncio.to_thread(
        runner.invoke, router_service, [str(arg) for arg in args], env={"COLUMNS": "160"}
    )


async def test_all_is_well(config: Path) -> None:
    result = await run("doctor", "--config", config, "--first-token")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    for name, words in {"one": "yes", "two": "yes", "off": "inactive"}.items():
        (line,) = [line for line in lines if line.strip().startswith(f"{name} ") and words in line]
        assert (" ms" in line) is (name != "off")
    assert "one serves small:7b; of its load it tells loaded" in lines
    assert "two serves org/big; of its load it tells running, waiting, cache used" in lines
    assert lines[-1] == "2 of 2 active providers usable; 1 inactive and not asked"


async def test_something_is_wrong(fleet: FakeFleet, config: Path) -> None:
    await fleet.kill("two")
    result = await run("doctor", "--config", config)
    assert result.exit_code == 1
    assert "[unreachable]" in result.stdout
    assert "start it: vllm serve" in result.stdout
    assert result.stdout.endswith("1 of 2 active providers usable; 1 inactive and not asked\n")


@pytest.fixture
def misspelt(config: Path) -> Path:
    config.write_text(config.read_text().replace('"small:7b": {', '"smal:7b": {'))
    return config


async def test_json_has_all_of_it(misspelt: Path) -> None:
    result = await run("doctor", "--config", misspelt, "--first-token", "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["usable"] is False
    assert found["table_version"] == load_table(misspelt, {}).version
    one, two, off = found["providers"]
    assert one["missing"] == [
        {"model": "smal:7b", "upstream_model": "smal:7b", "closest": ["small:7b"]}
    ]
    assert two["models"] == ["org/big"]
    assert two["load_signals"] == ["running", "waiting", "cache_used"]
    assert two["first_token"]["model"] == "org/big"
    assert two["first_token"]["first_token_ms"] > 0
    assert (off["active"], off["reached"], off["models"]) == (False, None, None)
    (finding,) = found["findings"]
    assert (finding["provider"], finding["code"]) == ("one", "model-missing")
    assert "ollama pull smal:7b" in finding["fix"]


async def test_a_config_that_does_not_load_is_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    result = await run("doctor", "--config", path)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"{path}:1:1: error: ")
    result = await run("doctor", "--config", path, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "config_rejected"


async def test_wrong_usage_is_exit_code_2(config: Path) -> None:
    for options in (["--cloud"], ["--timeout", "0"]):
        result = await run("doctor", "--config", config, *options)
        assert result.exit_code == 2
        assert "Usage:" in result.stderr


async def test_discover_prints_a_config_that_loads(fleet: FakeFleet, tmp_path: Path) -> None:
    options = [part for name in ("one", "two") for part in ("--port", fleet[name].port)]
    result = await run("config", "discover", *options)
    assert result.exit_code == 0, result.output
    assert f"ollama at {fleet['one'].base_url}: 1 model" in result.stderr
    path = tmp_path / "found.yaml"
    path.write_text(result.stdout)
    assert [provider.id for provider in load_table(path, {}).providers] == ["ollama", "vllm"]
    as_json = await run("config", "discover", *options, "--json")
    assert list(json.loads(as_json.stdout)["models"]) == ["small:7b", "org/big"]


async def test_discover_where_nobody_is(fleet: FakeFleet) -> None:
    await fleet.kill("one")
    port = fleet["one"].port
    result = await run("config", "discover", "--port", port)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"ports asked: {port}" in result.stderr
    as_json = await run("config", "discover", "--port", port, "--json")
    assert json.loads(as_json.stdout)["error"]["code"] == "nothing_found"
