"""What servers tell of their own load: Prometheus text, llama.cpp's slots, Ollama's loaded models.
A figure that is missing, or is no number, stays unknown: unknown is never zero."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from router_service.connectors.documents import as_name, as_object, parse, parse_object
from router_service.types import LoadSignals

MAX_SIGNALS = 2 * 1024 * 1024
"""Bytes of an answer about load that are read; a vLLM server's metrics are some 100 KiB."""

MOST_REQUESTS = 1_000_000
"""Requests on one server, past which a figure says no more."""

RUNNING = frozenset({"vllm:num_requests_running", "llamacpp:requests_processing"})
WAITING = frozenset({"vllm:num_requests_waiting", "llamacpp:requests_deferred"})
# Older llama.cpp servers tell llamacpp:kv_cache_usage_ratio too. Their cells stay filled after a
# request, so an idle one would read as full: it is left out.
CACHE_USED = frozenset(
    {
        "vllm:kv_cache_usage_perc",
        "vllm:gpu_cache_usage_perc",  # of older versions; despite their names both are 0…1
    }
)
# The parser is slow and a server has thousands of lines: it gets to see only those that count.
_WANTED = re.compile(
    rb"^(?:%s)(?=[{ \t]).*$" % b"|".join(name.encode() for name in RUNNING | WAITING | CACHE_USED),
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class SignalPage:
    """One place where a server tells of its load."""

    path: str
    """Below the server's root, which is the base URL without /v1."""
    read: Callable[[bytes], LoadSignals]
    """Raises ValueError for an answer that is not what the page promises."""


def read_metrics(body: bytes) -> LoadSignals:
    """vLLM's or llama.cpp's /metrics. Counts are summed over engines, cache use is the fullest's.

    One engine without a number makes the whole figure unknown. Which models are loaded is left
    unsaid: these servers hold what they serve, and vLLM's label has but one of its several names.
    Raises ValueError.
    """
    text = b"\n".join(_WANTED.findall(body)).decode()
    try:
        samples = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]
    except IndexError as error:  # the parser's answer to some cut lines
        raise ValueError("a metric's line is cut") from error
    cache = _figures(samples, CACHE_USED)
    return LoadSignals(
        running=_total(samples, RUNNING),
        waiting=_total(samples, WAITING),
        cache_used=min(max(cache), 1.0) if cache else None,
    )


def read_slots(body: bytes) -> LoadSignals:
    """llama.cpp's /slots, which tells what runs but not what waits. Raises ValueError."""
    slots = parse(body)
    if not isinstance(slots, list) or not slots:
        raise ValueError("expected a list of slots")
    busy = [as_object(slot).get("is_processing") for slot in slots]
    if not all(isinstance(state, bool) for state in busy):
        raise ValueError('"is_processing" is missing from a slot')
    return LoadSignals(running=busy.count(True))


def read_loaded(body: bytes) -> LoadSignals:
    """Ollama's /api/ps: the models in memory, which may be none. Raises ValueError."""
    models = parse_object(body).get("models")
    if not isinstance(models, list):
        raise ValueError('"models" is missing from the list of loaded models')
    names: dict[str, None] = {}
    for model in map(as_object, models):
        for name in filter(None, (as_name(model.get("name")), as_name(model.get("model")))):
            # Who asks for "llama3.1" means, and is listed as, "llama3.1:latest".
            names |= {name: None, name.removesuffix(":latest"): None}
    return LoadSignals(loaded=tuple(names))


METRICS = SignalPage("/metrics", read_metrics)
SLOTS = SignalPage("/slots", read_slots)
LOADED = SignalPage("/api/ps", read_loaded)


def _total(samples: Iterable[Sample], names: frozenset[str]) -> int | None:
    figures = _figures(samples, names)
    return int(min(sum(figures), MOST_REQUESTS)) if figures else None


def _figures(samples: Iterable[Sample], names: frozenset[str]) -> list[float]:
    """The values of these metrics; none at all if one of them is no number from zero up."""
    try:
        values = [float(sample.value) for sample in samples if sample.name in names]
    except OverflowError:  # the parser makes whole numbers of any length
        return []
    return values if all(math.isfinite(value) and value >= 0 for value in values) else []
