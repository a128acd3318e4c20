"""The readers of logs that may be damaged: nothing comes out but records, and what is left out is
counted."""

from __future__ import annotations

import io
import json
import random

from router_service.replay.log import Reading

from .harness import plain

_DECISION = {
    "deployment": "m@p",
    "provider": "p",
    "rule": "exact",
    "plan": [{"deployment": "m@p", "tier": None}],
    "propensity": 0.5,
    "prompt_tokens": 3,
}
_HEAD = {"v": 1, "time": "2026-01-01T00:00:00.000Z", "decision_id": "d"}
_RECORDS = (
    _HEAD
    | {"kind": "decision", "table_version": "t", "facts": {}, "view": {}, "decision": _DECISION},
    _HEAD
    | {
        "kind": "outcome",
        "attempts": [{"deployment": "m@p", "provider": "p", "outcome": "success", "ttft_s": 0.1}],
        "prompt_tokens": 3,
        "completion_tokens": None,
    },
    _HEAD | {"kind": "gap", "lost": 3},
)
_LOG = b"".join(json.dumps(record).encode() + b"\n" for record in _RECORDS)


def decisions_check(data: bytes, draws: random.Random) -> bool:
    reading = Reading()
    for record, line in reading.records("log", io.BytesIO(data)):
        assert record["kind"] in ("decision", "outcome")
        assert line in data
    return not reading.remarks


TARGETS = (plain("decision-log", (_LOG,), decisions_check),)
