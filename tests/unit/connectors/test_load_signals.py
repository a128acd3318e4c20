"""Load figures out of each server's own words; what is missing or no number stays unknown."""

from __future__ import annotations

import random

import pytest

from router_service.connectors.load_signals import read_loaded, read_metrics, read_slots
from router_service.types import LoadSignals

VLLM = b"""\
# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 11203.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"} 3.0
vllm:num_requests_running{engine="1",model_name="Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"} 5.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"} 0.0
vllm:num_requests_waiting{engine="1",model_name="Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"} 2.0
# HELP vllm:num_requests_waiting_by_reason Number of requests waiting, by reason.
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="1",model_name="m",reason="capacity"} 2.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"} 0.125
vllm:kv_cache_usage_perc{engine="1",model_name="Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"} 0.3125
# HELP vllm:time_to_first_token_seconds Histogram of time to first token in seconds.
# TYPE vllm:time_to_first_token_seconds histogram
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.001",model_name="m"} 0.0
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} 9.0
vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 9.0
vllm:time_to_first_token_seconds_sum{engine="0",model_name="m"} 1.5e+00
"""

OLD_VLLM = b"""\
# HELP vllm:num_requests_running Number of requests currently running on GPU.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{model_name="unsloth/Llama-3.2-1B-Instruct"} 8.0
# HELP vllm:num_requests_swapped Number of requests swapped to CPU.
# TYPE vllm:num_requests_swapped gauge
vllm:num_requests_swapped{model_name="unsloth/Llama-3.2-1B-Instruct"} 0.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{model_name="unsloth/Llama-3.2-1B-Instruct"} 1.0
# HELP vllm:gpu_cache_usage_perc GPU KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:gpu_cache_usage_perc gauge
vllm:gpu_cache_usage_perc{model_name="unsloth/Llama-3.2-1B-Instruct"} 0.9965
# HELP vllm:cpu_cache_usage_perc CPU KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:cpu_cache_usage_perc gauge
vllm:cpu_cache_usage_perc{model_name="unsloth/Llama-3.2-1B-Instruct"} 1.0
"""

LLAMA_CPP = b"""\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 1048
# HELP llamacpp:predicted_tokens_seconds Average generation throughput in tokens/s.
# TYPE llamacpp:predicted_tokens_seconds gauge
llamacpp:predicted_tokens_seconds nan
# HELP llamacpp:requests_processing Number of requests processing.
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
# HELP llamacpp:requests_deferred Number of requests deferred.
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 4
"""
KV_CACHE = b"""\
# HELP llamacpp:kv_cache_usage_ratio KV-cache usage. 1 means 100 percent usage.
# TYPE llamacpp:kv_cache_usage_ratio gauge
llamacpp:kv_cache_usage_ratio 0.25
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (VLLM, LoadSignals(8, 2, 0.3125)),
        (VLLM.replace(b"\n", b"\r\n"), LoadSignals(8, 2, 0.3125)),
        (OLD_VLLM, LoadSignals(8, 1, 0.9965)),
        (LLAMA_CPP, LoadSignals(2, 4)),
        (LLAMA_CPP + KV_CACHE, LoadSignals(2, 4)),
        (b"", LoadSignals()),
        (b"# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n", LoadSignals()),
        (b"<!doctype html><title>Not here</title>", LoadSignals()),
    ],
    ids=["vllm", "crlf", "old-vllm", "llama.cpp", "kept-cells", "empty", "foreign", "web-page"],
)
def test_metrics(body: bytes, expected: LoadSignals) -> None:
    assert read_metrics(body) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"llamacpp:requests_processing NaN", LoadSignals()),
        (b"llamacpp:requests_processing +Inf", LoadSignals()),
        (b"llamacpp:requests_processing -1", LoadSignals()),
        (b"llamacpp:requests_processing 1e300", LoadSignals(running=1_000_000)),
        (b"llamacpp:requests_processing 1" + b"0" * 400, LoadSignals()),
        (b"llamacpp:requests_processing 1e308\n" * 2, LoadSignals(running=1_000_000)),
        (b"llamacpp:requests_processing 3 1700000000000", LoadSignals(running=3)),
        (b"llamacpp:requests_processing\t3", LoadSignals(running=3)),
        (b"vllm:kv_cache_usage_perc nan", LoadSignals()),
        (b"vllm:kv_cache_usage_perc 1.7", LoadSignals(cache_used=1.0)),
        (b"llamacpp:requests_processing_more 3", LoadSignals()),
    ],
)
def test_a_figure_that_is_none_stays_unknown(line: bytes, expected: LoadSignals) -> None:
    assert read_metrics(line) == expected


def test_one_engine_without_a_number_leaves_the_sum_unknown() -> None:
    broken = VLLM.replace(b"} 5.0", b"} NaN")
    assert read_metrics(broken) == LoadSignals(None, 2, 0.3125)


def test_a_missing_metric_leaves_the_others() -> None:
    lines = [line for line in VLLM.splitlines() if b"num_requests_running" not in line]
    assert read_metrics(b"\n".join(lines)) == LoadSignals(None, 2, 0.3125)


@pytest.mark.parametrize(
    "line",
    [
        b"llamacpp:requests_processing many",
        b"llamacpp:requests_processing ",
        b'vllm:num_requests_running{model_name="m} 3',
        b'vllm:num_requests_running{model_name="m"',
        b'vllm:num_requests_running{model_name="m", ="b"} 1',
        b'vllm:num_requests_running{model_name="\xff"} 1',
    ],
)
def test_metrics_that_cannot_be_read(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_metrics(LLAMA_CPP + line)


def test_damaged_metrics_raise_nothing_but_value_errors() -> None:
    draw = random.Random(7)
    for _ in range(2000):
        body = bytearray(VLLM)
        for _ in range(draw.randint(1, 20)):
            at = draw.randrange(len(body))
            body[at : at + draw.randint(0, 8)] = draw.choice((b"", b'"', b"{", b"}", b",", b"\n"))
        try:
            told = read_metrics(bytes(body))
        except ValueError:
            continue
        assert told.running is None or told.running >= 0


SLOTS = b"""[
    {"id": 0, "id_task": 135, "n_ctx": 65536, "speculative": false, "is_processing": true,
     "params": {"n_predict": -1, "seed": 4294967295, "temperature": 0.8},
     "next_token": {"has_next_token": true, "n_remain": -1, "n_decoded": 0}},
    {"id": 1, "id_task": 0, "n_ctx": 65536, "speculative": false, "is_processing": true},
    {"id": 2, "n_ctx": 65536, "speculative": false, "is_processing": false}
]"""


def test_slots_tell_what_runs_but_not_what_waits() -> None:
    assert read_slots(SLOTS) == LoadSignals(running=2)
    assert read_slots(SLOTS.replace(b"true", b"false")) == LoadSignals(running=0)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"[1]", b'[{"id": 0}]', b'[{"id": 0, "is_processing": 1}]', b"[" * 100_000],
)
def test_slots_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_slots(body)


LOADED = b"""{"models": [
    {"name": "llama3.1:latest", "model": "llama3.1:latest", "size": 6654289920,
     "digest": "46e0c10c039e019119339687c3c1757cc81b9da49709a3b3924863ba87ca666e",
     "details": {"parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"],
                 "parameter_size": "8.0B", "quantization_level": "Q4_K_M"},
     "expires_at": "2026-06-04T14:38:31.83753-07:00", "size_vram": 6654289920,
     "context_length": 4096},
    {"name": "qwen2.5-coder:7b", "model": "registry/qwen2.5-coder:7b"}
]}"""


def test_loaded_models_go_by_every_name_they_have() -> None:
    names = ("llama3.1:latest", "llama3.1", "qwen2.5-coder:7b", "registry/qwen2.5-coder:7b")
    assert read_loaded(LOADED) == LoadSignals(loaded=names)


def test_nothing_loaded_is_something_told() -> None:
    assert read_loaded(b'{"models": []}') == LoadSignals(loaded=())
    assert read_loaded(b'{"models": []}') != LoadSignals()


def test_entries_without_a_name_are_left_out() -> None:
    assert read_loaded(b'{"models": [3, {}, {"name": 1}, {"name": ""}]}').loaded == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"models": null}', b'{"models": {}}'])
def test_loaded_models_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_loaded(body)
