"""ghz, a load generator: thousands of calls at once, and every one of them must be answered OK.

Its summary is printed for whoever reads the log; times are not judged here, `make bench` does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from router_service.testing import FakeFleet

from .programs import output_of
from .router import RunningRouter

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(420),
    pytest.mark.asyncio(loop_scope="session"),
]

TIMEOUT_S = 360


async def load(
    ghz: Path, router: RunningRouter, method: str, calls: int, request: Mapping[str, Any]
) -> dict[str, Any]:
    """ghz's report on that many calls, 50 at once."""
    options = {
        "--call": f"router_service.v1.RouterService.{method}",
        "--total": str(calls),
        "--concurrency": "50",
        "--connections": "4",
        "--timeout": "120s",
        "--data": json.dumps(request),
        "--format": "json",
    }
    words = [word for pair in options.items() for word in pair]
    printed = await output_of(ghz, "--insecure", *words, router.grpc, timeout_s=TIMEOUT_S)
    report: dict[str, Any] = json.loads(printed)
    return report


def summary(report: Mapping[str, Any]) -> str:
    """One line: calls, rate, and times in milliseconds."""
    times = {point["percentage"]: point["latency"] / 1e6 for point in report["latencyDistribution"]}
    shown = ", ".join(f"p{share} {times[share]:.1f} ms" for share in (50, 95, 99))
    return f"{report['count']} calls, {report['rps']:.0f} per second, {shown}"


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints past pytest's capture."""

    def printed(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return printed


async def test_route(
    fleet: FakeFleet, roomy_router: RunningRouter, ghz: Path, show: Callable[[str], None]
) -> None:
    request = {"model": "code", "prompt": "print hello", "max_tokens": 50}
    report = await load(ghz, roomy_router, "Route", 5000, request)
    show(f"ghz Route: {summary(report)}")
    assert report["statusCodeDistribution"] == {"OK": 5000}
    assert not report["errorDistribution"]


async def test_generate(
    fleet: FakeFleet, roomy_router: RunningRouter, ghz: Path, show: Callable[[str], None]
) -> None:
    request = {"model": "qwen-coder-vllm", "prompt": "print hello"}
    report = await load(ghz, roomy_router, "Generate", 2000, request)
    show(f"ghz Generate: {summary(report)}")
    assert report["statusCodeDistribution"] == {"OK": 2000}
    assert not report["errorDistribution"]
    assert len([entry for entry in await fleet["vllm-qwen"].log() if entry.tokens]) == 2000
