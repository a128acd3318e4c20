"""The stops of the tour: what is asked, on which face, and what has to come back.

Each shows one rule of routing; together they are a short course in what the router does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Via(StrEnum):
    """The call a step makes."""

    GENERATE = "gRPC Generate"
    STREAM = "gRPC GenerateStream"
    ROUTE = "gRPC Route"
    CHAT = "HTTP chat"
    CHAT_STREAM = "HTTP chat, SSE"

    @property
    def streams(self) -> bool:
        return self in (Via.STREAM, Via.CHAT_STREAM)


@dataclass(frozen=True, slots=True)
class Step:
    """One request and what it must lead to."""

    title: str
    via: Via
    model: str
    prompt: str
    rule: str
    answered_by: str
    """The model."""
    providers: frozenset[str]
    """Any of these may answer."""
    max_tokens: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """As HTTP headers; a step through gRPC sends them as metadata."""
    killed: str | None = None
    """Provider whose process is killed before."""
    attempts: int = 1


_API = (
    "Implement a complete REST API with authentication, database integration, "
    "and comprehensive error handling"
)


def _on(*providers: str) -> frozenset[str]:
    return frozenset(providers)


TOUR = (
    Step(
        "exact name",
        Via.GENERATE,
        "qwen2.5-coder:7b",
        "Reverse a string in Python",
        "exact",
        "qwen2.5-coder:7b",
        _on("ollama"),
        max_tokens=12,
    ),
    Step(
        "alias",
        Via.CHAT,
        "mythomax-l2-13b",
        "Begin a story about a lighthouse",
        "exact",
        "mythomax-l2-13b-q5_k_m",
        _on("ollama"),
        max_tokens=12,
    ),
    Step(
        "pattern .*:\\d+[bB]$",
        Via.GENERATE,
        "gemma2:9b",
        "Name three rivers",
        "pattern",
        "gemma2:9b",
        _on("ollama"),
        max_tokens=12,
    ),
    Step(
        "capability by name",
        Via.GENERATE,
        "reasoning",
        "Which of two boxes holds the prize?",
        "capability",
        "deepseek-v3.1:671b-cloud",
        _on("ollama_cloud"),
        max_tokens=12,
    ),
    Step(
        "capability by header",
        Via.CHAT,
        "",
        "Summarise this line",
        "capability",
        "qwen-coder-vllm",
        _on("vllm-qwen"),
        max_tokens=12,
        headers={"X-Capability": "high_throughput"},
    ),
    Step(
        "a small task in code",
        Via.CHAT,
        "code",
        "print hello",
        "capability",
        "qwen2.5-coder:7b",
        _on("ollama"),
        max_tokens=50,
    ),
    Step(
        "a large task in code",
        Via.GENERATE,
        "code",
        _API,
        "capability",
        "qwen3-coder:480b-cloud",
        _on("ollama_cloud"),
        max_tokens=500,
    ),
    Step(
        "pool, quality tier high",
        Via.CHAT,
        "creative-tasks",
        "A poem about harbours",
        "pool",
        "gpt-oss:120b-cloud",
        _on("ollama_cloud"),
        max_tokens=12,
        headers={"X-Quality-Tier": "high"},
    ),
    Step(
        "decision only, deprecated name",
        Via.ROUTE,
        "code_generation",
        "print hello",
        "capability",
        "qwen2.5-coder:7b",
        _on("ollama"),
        max_tokens=50,
    ),
    Step(
        "a stream through gRPC",
        Via.STREAM,
        "llama3.1:latest",
        "Tell me about tides",
        "exact",
        "llama3.1:latest",
        _on("ollama", "llama_cpp_python"),
        max_tokens=20,
    ),
    Step(
        "a stream through HTTP",
        Via.CHAT_STREAM,
        "gpt-oss:20b-cloud",
        "Tell me about harbours",
        "exact",
        "gpt-oss:20b-cloud",
        _on("ollama_cloud"),
        max_tokens=20,
    ),
    Step(
        "kill -9 ollama: fallback",
        Via.CHAT,
        "qwen2.5-coder:7b",
        "Reverse a list in Python",
        "exact",
        "qwen-coder-vllm",
        _on("vllm-qwen"),
        max_tokens=12,
        killed="ollama",
        attempts=2,
    ),
)
