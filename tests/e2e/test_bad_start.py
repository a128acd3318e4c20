"""A service that cannot start says where and why, in words, and ends with a code of its own."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from .routers import command

HEAD = """\
providers:
  here:
    kind: openai
    base_url: http://127.0.0.1:9/v1
models:
  m:
    provider: here
"""
REJECTED: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "unknown key": (HEAD + "routr_settings: {}\n", ":8:1", ("routr_settings", "router_settings")),
    "wrong type": (
        HEAD.replace("provider: here", "provider: [1]"),
        ":7:15",
        ("expected a string",),
    ),
    "wrong number": (
        HEAD + "router_settings: {timeout: soon}\n",
        ":8:28",
        ("expected a number", "soon"),
    ),
    "dangling model": (
        HEAD + "fallback_chains:\n  m: {chain: [nn]}\n",
        ":9:15",
        ("nn",),
    ),
    "bad regex": (
        HEAD + "patterns:\n  - pattern: '(['\n    provider: here\n",
        ":9:16",
        ("pattern",),
    ),
    "bad condition": (
        HEAD + "request_metadata_routing:\n  r: {provider: here, condition: strem == true}\n",
        ":9:34",
        ("strem", "stream"),
    ),
    "duplicate key": (HEAD + "models: {}\n", ":8:1", ("models", ":5:1")),
    "not YAML": (HEAD + "patterns: [\n", ":9:1", ("yaml",)),
    "empty file": ("", ":1:1", ("empty",)),
}


def plain(code: int | None, output: str) -> None:
    assert code not in (0, None), output
    assert "Traceback" not in output


@pytest.mark.parametrize("case", REJECTED)
async def test_a_routing_config_with_an_error(tmp_path: Path, case: str) -> None:
    text, place, words = REJECTED[case]
    path = tmp_path / "routing.yaml"
    path.write_text(text)
    ended = await asyncio.gather(
        command("check", str(path)), command("serve", "--config", str(path), "--grpc-port", "0")
    )
    for code, output in ended:
        plain(code, output)
        assert f"{path}{place}" in output
        assert all(word in output for word in words), output


async def test_all_errors_come_at_once(tmp_path: Path) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text(HEAD + "routr_settings: {}\npatterns:\n  - pattern: '(['\n    provider: no\n")
    code, output = await command("check", str(path))
    plain(code, output)
    assert all(f"{path}:{line}:" in output for line in (8, 10, 11)), output


async def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.yaml"
    ended = await asyncio.gather(
        command("check", str(path)),
        command("serve", "--config", str(path)),
        command("serve", "--service-config", str(path)),
    )
    for code, output in ended:
        plain(code, output)
        assert f"{path}" in output
        assert "no such file" in output.lower()


async def test_a_service_config_with_errors(tmp_path: Path) -> None:
    path = tmp_path / "service.yaml"
    path.write_text("http:\n  prt: 1\nlimits:\n  max_queue: many\n")
    code, output = await command("serve", "--service-config", str(path))
    plain(code, output)
    assert f"{path}:2:3" in output
    assert "port" in output
    assert f"{path}:4:14" in output


@pytest.mark.parametrize("face", ["grpc", "http"])
async def test_a_port_in_use(tmp_path: Path, face: str) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text(HEAD)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"grpc": "0", "http": "0"} | {face: str(port)}
        options = [part for name, of in ports.items() for part in (f"--{name}-port", of)]
        code, output = await command("serve", "--config", str(path), *options)
    plain(code, output)
    assert f"port in use: 127.0.0.1:{port}" in output
    assert f"{face}.port" in output


@pytest.mark.parametrize("face", ["grpc", "http"])
async def test_an_open_address_without_a_key(tmp_path: Path, face: str) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text(HEAD)
    options = (f"--{face}-host", "0.0.0.0", "--grpc-port", "0", "--http-port", "0")
    code, output = await command("serve", "--config", str(path), *options)
    plain(code, output)
    assert "0.0.0.0" in output
    assert "ROUTER_SERVICE_API_KEYS" in output


async def test_a_wrong_option_and_a_wrong_command(tmp_path: Path) -> None:
    ended = await asyncio.gather(command("serve", "--http-port", "99999"), command("srve"))
    for (code, output), word in zip(ended, ("--http-port", "srve"), strict=True):
        plain(code, output)
        assert word in output
