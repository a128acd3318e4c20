"""The readers of the compiled core. A panic there is raised as RuntimeError, which is a find."""

from __future__ import annotations

import json
import random
import time
from typing import Any

from router_service.core import Facts, Router, Table, analyze, overlay
from router_service.errors import ConfigRejected, DecisionError, InvalidRequest

from . import seeds
from .harness import plain

TABLE = Table.compile(json.dumps(seeds.CONFIG).encode())
MEMBERS = {"chat": b'"messages"', "completion": b'"prompt"', "embedding": b'"input"'}
SLOWEST_S = 5.0
"""Of one input. All reading is linear; this is far above what the machine's load can make of it."""


def inspect_check(data: bytes, draws: random.Random) -> bool:
    started = time.monotonic()
    try:
        inspection = TABLE.inspect(data, operation_of(data, draws))
        assert inspection.prompt_tokens >= 0
        Facts(inspection.model or "small", inspection=inspection)
    except InvalidRequest as error:
        str(error).encode()
        return False
    finally:
        assert time.monotonic() - started < SLOWEST_S
    return True


def operation_of(data: bytes, draws: random.Random) -> str:
    """Mostly the one the body was for."""
    if draws.random() < 0.2:
        return draws.choice(tuple(MEMBERS))
    return next((name for name, member in MEMBERS.items() if member in data), "chat")


def overlay_check(data: bytes, draws: random.Random) -> bool:
    changes: dict[str, object] = {"model": "up", "stream": draws.random() < 0.5, "x": None}
    try:
        overlaid = overlay(data, json.dumps(changes).encode())
    except InvalidRequest:
        return False
    before, after = read(data), read(overlaid)
    for name in changes:
        before.pop(name, None)
    assert after == before | {"model": "up", "stream": changes["stream"]}
    return True


def read(raw: bytes) -> Any:
    """JSON whose numbers are the words they are written in."""
    return json.loads(raw, parse_int=str, parse_float=str)


def changes_check(data: bytes, draws: random.Random) -> bool:
    try:
        read(overlay(b'{"model":"m","messages":[]}', data))
    except InvalidRequest:
        return False
    return True


def config_check(data: bytes, draws: random.Random) -> bool:
    try:
        table = Table.compile(data)
    except ConfigRejected as error:
        if not error.diagnostics:
            raise
        return False
    try:
        decision = Router(table, "i").decide(Facts("small"), 1, draws.getrandbits(64))
    except DecisionError:
        return True
    assert decision.plan
    return True


def condition_check(data: bytes, draws: random.Random) -> bool:
    condition = data.decode("utf-8", "replace")
    config = seeds.CONFIG | {
        "request_metadata_routing": {"team": {"provider": "two", "condition": condition}}
    }
    return config_check(json.dumps(config).encode(), draws)


def query_check(data: bytes, draws: random.Random) -> bool:
    assert TABLE.inspect_text(data.decode("utf-8", "replace")).prompt_tokens >= 0
    return True


def assumptions_check(data: bytes, draws: random.Random) -> bool:
    try:
        analysis = json.loads(analyze(TABLE, data))
    except InvalidRequest:
        return False
    for item in analysis["models"]:
        assert item["expected"]["attempts"] >= 0
        assert item["worst"]["usd"] >= 0
    assert analysis["traffic"]["first"]["entropy_bits"] >= 0
    for load in (analysis["queueing"] or {"providers": []})["providers"]:
        assert load["utilisation"] >= 0
    return True


_CONFIG = json.dumps(seeds.CONFIG).encode()
TARGETS = (
    plain("core-inspect", seeds.REQUESTS, inspect_check),
    plain("core-overlay", seeds.REQUESTS, overlay_check),
    plain("core-changes", seeds.REQUESTS, changes_check),
    plain("core-config", (_CONFIG,), config_check),
    plain("core-assumptions", seeds.ASSUMPTIONS, assumptions_check),
    plain("core-condition", seeds.CONDITIONS, condition_check),
    plain("core-text", (*seeds.REQUESTS, *seeds.CONDITIONS), query_check),
)
