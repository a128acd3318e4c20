"""The example client against a real server, run as its readers run it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from router_service.errors import DecisionError
from router_service.faces.auth import Keys

EXAMPLE = Path(__file__).resolve().parents[3] / "clients" / "python" / "example.py"


async def run_example(face: Any, call: str, **environ: str) -> tuple[int | None, str, str]:
    """Exit code, output and error output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLE),
        call,
        f"--address=127.0.0.1:{face.port}",
        "--model=accepted",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environ},
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("keys", [Keys({"k1": "team"})])
@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (
            "route",
            ["RULE_EXACT by direct: accepted", "http://127.0.0.1:11434", "ACCEPTED"],
        ),
        ("generate", ["hi", "[stop] qwen2.5-coder:7b on ollama, attempts: 2"]),
        ("stream", ["hello", "[stop] qwen2.5-coder:7b on ollama, attempts: 2"]),
    ],
)
async def test_each_call_prints_its_answer(face: Any, call: str, expected: list[str]) -> None:
    code, out, err = await run_example(face, call, ROUTER_API_KEY="k1")
    assert (code, err) == (0, "")
    for text in expected:
        assert text in out


async def test_a_refusal_is_told_without_a_traceback(face: Any, requests: Any) -> None:
    requests.error = DecisionError("unknown_model", "no model 'x'", {})
    code, out, err = await run_example(face, "generate")
    assert (code, out) == (1, "")
    assert err.startswith("NOT_FOUND: no model 'x' ['google.rpc.ErrorInfo'")
