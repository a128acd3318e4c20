"""Metrics and slots as vLLM and llama.cpp write them, and what polls for load meet instead.
The figures are true: they come from the fake provider's own room."""

from __future__ import annotations

from typing import Any

from router_service.testing.wire import Load, Page, Server, json_page

LOAD_PATHS = frozenset({"/metrics", "/slots", "/api/ps"})
"""What a poll for load asks for; the poll faults meet these and nothing else."""

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MALFORMED = {
    "/metrics": "vllm:num_requests_running{engine=\nllamacpp:requests_processing many\n",
    "/slots": '{"slots": 4}',
    "/api/ps": '{"models": ',
}


def vllm_metrics(load: Load) -> Page:
    label = f'{{engine="0",model_name="{load.model}"}}'
    share = min(1.0, load.running / load.slots) if load.slots else 0.0
    return _metrics(
        ("vllm:num_requests_running", label, "gauge", load.running),
        ("vllm:num_requests_waiting", label, "gauge", load.waiting),
        ("vllm:kv_cache_usage_perc", label, "gauge", share),
        ("vllm:prompt_tokens_total", label, "counter", load.prompt_tokens),
        ("vllm:generation_tokens_total", label, "counter", load.completion_tokens),
    )


def llama_cpp_metrics(load: Load) -> Page:
    return _metrics(
        ("llamacpp:prompt_tokens_total", "", "counter", load.prompt_tokens),
        ("llamacpp:tokens_predicted_total", "", "counter", load.completion_tokens),
        ("llamacpp:requests_processing", "", "gauge", load.running),
        ("llamacpp:requests_deferred", "", "gauge", load.waiting),
    )


def llama_cpp_slots(window: int, load: Load) -> Page:
    total = load.slots or max(4, load.running)
    return json_page(
        [
            {"id": i, "n_ctx": window, "speculative": False, "is_processing": i < load.running}
            for i in range(total)
        ]
    )


def missing(server: Server, path: str) -> tuple[int, dict[str, Any]]:
    """Status and body where the page is switched off, or the server has none."""
    if server is not Server.LLAMA_CPP:
        return 404, {"detail": "Not Found"}
    page = path.removeprefix("/")
    message = f"This server does not support {page} endpoint. Start it with `--{page}`"
    return 501, {"error": {"code": 501, "message": message, "type": "not_supported_error"}}


def malformed(path: str) -> str:
    """What looks like the page at first, but cannot be read."""
    return _MALFORMED[path]


def _metrics(*metrics: tuple[str, str, str, float]) -> Page:
    text = "".join(
        f"# HELP {name} Figures of a fake provider.\n# TYPE {name} {kind}\n"
        f"{name}{label} {float(value)}\n"
        for name, label, kind, value in metrics
    )
    return Page(_METRICS_TYPE, text.encode())
