"""Records of requests and attempts, with everything a test does not care about filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from router_service.types import AttemptRecord, Operation, OutcomeClass, RequestRecord, Usage

MakeAttempt = Callable[..., AttemptRecord]
MakeRecord = Callable[..., RequestRecord]


@pytest.fixture
def make_attempt() -> MakeAttempt:
    base = AttemptRecord(
        number=1,
        kind="first",
        model="llama3.1:latest",
        provider="ollama",
        deployment="llama3.1:latest@ollama",
        upstream_model="llama3.1",
        outcome=OutcomeClass.SUCCESS,
        status=200,
        message=None,
        ttft_s=0.12,
        total_s=0.9,
    )

    def make(**changes: Any) -> AttemptRecord:
        later = {"kind": "fallback"} if changes.get("number", 1) > 1 else {}
        return replace(base, **(later | changes))

    return make


@pytest.fixture
def make_record(make_attempt: MakeAttempt) -> MakeRecord:
    base = RequestRecord(
        request_id="req-1",
        face="http",
        operation=Operation.CHAT,
        stream=True,
        principal="team-a",
        requested_model="llama3.1:8b",
        decision_id="dec-1",
        rule="exact",
        matched="llama3.1:8b",
        strategy="weighted",
        notes=(),
        attempts=(make_attempt(),),
        status="ok",
        error=None,
        queued_s=0.25,
        decision_s=4.2e-6,
        ttft_s=0.13,
        total_s=0.95,
        overhead_s=0.0004,
        usage=Usage(prompt_tokens=11, completion_tokens=7),
        table_version="00c0ffee00c0ffee",
        provider="ollama",
        ended_at=1_769_860_800.25,
    )
    return lambda **changes: replace(base, **changes)


@pytest.fixture
def fallen_back(make_record: MakeRecord, make_attempt: MakeAttempt) -> RequestRecord:
    """503 on ollama, then no first token on llama_cpp_python, then an answer from the cloud."""
    return make_record(
        attempts=(
            make_attempt(outcome=OutcomeClass.UNAVAILABLE, status=503, ttft_s=None),
            make_attempt(
                number=2,
                provider="llama_cpp_python",
                deployment="llama3.1:latest@llama_cpp_python",
                outcome=OutcomeClass.SILENT,
                status=200,
                ttft_s=None,
            ),
            make_attempt(
                number=3,
                model="gpt-oss:20b-cloud",
                provider="ollama_cloud",
                deployment="gpt-oss:20b-cloud@ollama_cloud",
            ),
        )
    )
