"""Level 2: what the core costs as Python calls it, beside a call into Rust that does nothing.

Values are medians over many short batches; the spread reaches from the fastest batch to the 99th of
a hundred.
"""

from __future__ import annotations

import gc
import itertools
import json
import time
from collections.abc import Callable
from statistics import median, quantiles

from bench.report import Figure
from router_service.config.routing import load_table
from router_service.core import Facts, Outcome, Router, Table, now_us

LEVEL = "boundary (Rust from Python)"
_BATCHES = 400
_CALLS = 250
_DEADLINE_US = 30_000_000
_GAP_US = 300
"""Between two decisions, as in a service that takes some 3,000 a second."""

CHAT_BODY = json.dumps(
    {
        "model": "llama-cpp-native",
        "messages": [
            {"role": "system", "content": "You are a careful assistant. Answer briefly."},
            {"role": "user", "content": "Explain how a router picks a server. " * 20},
        ],
        "max_tokens": 64,
        "temperature": 0.2,
    }
).encode()
"""An ordinary request of about 200 tokens; the service level sends it too."""


def measure() -> list[Figure]:
    table = load_table()
    router = Router(table, "bench")
    facts = _facts(table)
    empty = _timed("empty call (Facts.stream)", lambda: facts.stream)
    calls: dict[str, Callable[[], object]] = {
        "Facts(…)": lambda: _facts(table),
        "inspect of a 200-token chat body": lambda: table.inspect(CHAT_BODY, "chat"),
        "decide + report": _decide_and_report(router, facts),
        "begin + finish": _begin_and_finish(router, facts),
        "inspect + Facts + begin + finish": _whole_request(router),
    }
    figures = [empty]
    for name, call in calls.items():
        figure = _timed(name, call)
        times = Figure(LEVEL, f"{name}, in empty calls", figure.value / empty.value, "×")
        figures += [figure, times]
    return figures


def _facts(table: Table) -> Facts:
    return Facts(
        "code",
        capability=None,
        max_tokens=500,
        prompt_tokens=200,
        batch_size=1,
        principal="bench",
        headers=[(name, "x") for name in table.condition_headers],
    )


def _decide_and_report(router: Router, facts: Facts) -> Callable[[], object]:
    success = Outcome("success", ttft_us=1000, total_us=2000)
    clock = itertools.count(now_us(), _GAP_US)

    def call() -> object:
        now = next(clock)
        return router.report(router.decide(facts, now, now).permit, success, now)

    return call


def _begin_and_finish(router: Router, facts: Facts) -> Callable[[], object]:
    success = Outcome("success", ttft_us=1000, total_us=2000)
    clock = itertools.count(now_us(), _GAP_US)

    def call() -> object:
        now = next(clock)
        walk = router.begin(facts, now, now, now + _DEADLINE_US)
        return router.finish(walk, 1, success, now).done

    return call


def _whole_request(router: Router) -> Callable[[], object]:
    success = Outcome("success", ttft_us=1000, total_us=2000)
    clock = itertools.count(now_us(), _GAP_US)
    table = router.table

    def call() -> object:
        now = next(clock)
        inspection = table.inspect(CHAT_BODY, "chat")
        facts = Facts(inspection.model or "", inspection=inspection, principal="bench")
        walk = router.begin(facts, now, now, now + _DEADLINE_US)
        return router.finish(walk, 1, success, now).done

    return call


def _timed(name: str, call: Callable[[], object]) -> Figure:
    """Microseconds a call."""
    for _ in range(_CALLS):
        call()
    gc.collect()
    batches = sorted(_batch_us(call) for _ in range(_BATCHES))
    p99 = quantiles(batches, n=100)[-1]
    return Figure(LEVEL, name, median(batches), "µs", batches[0], p99)


def _batch_us(call: Callable[[], object]) -> float:
    repeat = itertools.repeat(None, _CALLS)
    begin = time.perf_counter_ns()
    for _ in repeat:
        call()
    return (time.perf_counter_ns() - begin) / _CALLS / 1000
