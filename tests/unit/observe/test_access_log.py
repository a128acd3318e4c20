"""The access log: its fields, the [ROUTER] lines, and what must never get into either."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from router_service.errors import ServiceConfigRejected
from router_service.observe.access_log import (
    AccessLog,
    open_access_log,
    request_fields,
    router_lines,
)
from router_service.observe.line_writer import LineWriter, open_file
from router_service.types import AttemptRecord, OutcomeClass, RequestRecord

MakeAttempt = Callable[..., AttemptRecord]
MakeRecord = Callable[..., RequestRecord]
NOON = 1_769_860_800.25


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("exact", "exact match"),
        ("pattern", "pattern match"),
        ("capability", "capability match"),
        ("pool", "pool"),
        ("size", "size"),
        ("default", "default"),
    ],
)
def test_decision_line_has_the_documented_form(
    make_record: MakeRecord, rule: str, words: str
) -> None:
    lines = list(router_lines(make_record(rule=rule)))
    assert lines == [f"[ROUTER] Model: llama3.1:8b -> Provider: ollama ({words})"]


def test_each_move_has_a_line_with_status_or_outcome(fallen_back: RequestRecord) -> None:
    assert list(router_lines(fallen_back))[1:] == [
        "[ROUTER] Fallback triggered: ollama -> llama_cpp_python (503)",
        "[ROUTER] Fallback triggered: llama_cpp_python -> ollama_cloud (silent)",
    ]


def test_a_refused_connection_is_named_by_its_outcome(
    make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    refused = make_attempt(outcome=OutcomeClass.UNREACHABLE, status=None)
    answered = make_attempt(number=2, provider="vllm-qwen", deployment="q@vllm-qwen")
    lines = list(router_lines(make_record(attempts=(refused, answered))))
    assert lines[1] == "[ROUTER] Fallback triggered: ollama -> vllm-qwen (unreachable)"


def test_a_repeat_on_the_same_deployment_is_no_fallback(
    make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    failed = make_attempt(outcome=OutcomeClass.SERVER_ERROR, status=500)
    record = make_record(attempts=(failed, make_attempt(number=2)))
    assert len(list(router_lines(record))) == 1


def test_a_capability_without_a_model_is_named_by_what_matched(make_record: MakeRecord) -> None:
    record = make_record(requested_model="", rule="capability", matched="code")
    assert next(router_lines(record)).startswith("[ROUTER] Model: code -> ")


def test_a_decision_not_carried_out_has_its_line_too(make_record: MakeRecord) -> None:
    assert list(router_lines(make_record(attempts=(), provider="vllm-qwen"))) == [
        "[ROUTER] Model: llama3.1:8b -> Provider: vllm-qwen (exact match)"
    ]


def test_no_router_line_where_nothing_was_decided(make_record: MakeRecord) -> None:
    record = make_record(rule=None, matched=None, strategy=None, attempts=(), status="overloaded")
    assert list(router_lines(record)) == []


def test_fields_of_a_request(make_record: MakeRecord) -> None:
    assert request_fields(make_record()) == {
        "time": "2026-01-31T12:00:00.250Z",
        "request_id": "req-1",
        "face": "http",
        "operation": "chat",
        "stream": True,
        "principal": "team-a",
        "requested_model": "llama3.1:8b",
        "decision_id": "dec-1",
        "table_version": "00c0ffee00c0ffee",
        "rule": "exact",
        "matched": "llama3.1:8b",
        "strategy": "weighted",
        "notes": [],
        "attempts": [
            {
                "number": 1,
                "kind": "first",
                "model": "llama3.1:latest",
                "provider": "ollama",
                "deployment": "llama3.1:latest@ollama",
                "upstream_model": "llama3.1",
                "outcome": "success",
                "status": 200,
                "ttft_s": 0.12,
                "total_s": 0.9,
            }
        ],
        "status": "ok",
        "error": None,
        "refusal": None,
        "queued_s": 0.25,
        "decision_s": 4.2e-06,
        "ttft_s": 0.13,
        "total_s": 0.95,
        "overhead_s": 0.0004,
        "prompt_tokens": 11,
        "completion_tokens": 7,
    }


def test_a_decision_that_was_not_carried_out_keeps_every_key(make_record: MakeRecord) -> None:
    carried_out = request_fields(make_record())
    decided = request_fields(make_record(attempts=(), usage=None, ttft_s=None))
    assert decided.keys() == carried_out.keys()
    assert decided["rule"] == "exact"
    assert decided["matched"] == "llama3.1:8b"
    assert decided["attempts"] == []
    assert decided["status"] == "ok"


def test_text_of_providers_stays_out(make_record: MakeRecord, make_attempt: MakeAttempt) -> None:
    echo = "cannot parse: 'my secret diary'"
    failed = make_attempt(outcome=OutcomeClass.INVALID_REQUEST, status=422, message=echo)
    record = make_record(attempts=(failed,), status="upstream_error", error=echo)
    assert "diary" not in json.dumps(request_fields(record))


def test_our_own_error_is_kept_without_keys(make_record: MakeRecord) -> None:
    error = "no such key: Bearer abcdef123456"
    record = make_record(rule=None, attempts=(), status="invalid_api_key", error=error)
    assert request_fields(record)["error"] == "no such key: Bearer [redacted]"


def test_huge_names_are_cut(make_record: MakeRecord) -> None:
    record = make_record(requested_model="x" * 1_000_000, matched="y" * 1_000_000)
    assert len(json.dumps(request_fields(record))) < 3000
    assert len(next(router_lines(record))) < 400


@pytest.mark.parametrize(
    "name",
    [
        'a\n{"status":"ok"}',
        "a\r\n[ROUTER] Model: forged -> Provider: forged (pool)",
        "a\x1b[2Jb\x00\x7f",
        "a\u2028b\u2029c\x85d",
        "a\u202eb",
        "lone \ud800 surrogate",
    ],
)
def test_a_hostile_name_cannot_forge_a_line(
    make_record: MakeRecord, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(LineWriter(open_file(path), "access log"))
    log.request_finished(make_record(requested_model=name))
    log.close()
    text = path.read_text()
    assert all(char == "\n" or char.isprintable() for char in text)
    router, fields = text.splitlines()
    assert router.startswith("[ROUTER] Model: ")
    assert router.endswith(" -> Provider: ollama (exact match)")
    assert json.loads(fields)["requested_model"] == name


def test_off_means_none() -> None:
    assert open_access_log("off") is None


def test_a_file_gets_the_lines(make_record: MakeRecord, tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = open_access_log(str(path))
    assert log is not None
    log.request_finished(make_record(request_id="before"))
    log.close()
    assert json.loads(path.read_text().splitlines()[-1])["request_id"] == "before"
    assert log.dropped == 0


def test_stderr_gets_the_lines(make_record: MakeRecord, capfd: pytest.CaptureFixture[str]) -> None:
    log = open_access_log("stderr")
    assert log is not None
    log.request_finished(make_record())
    log.close()
    lines = capfd.readouterr().err.splitlines()
    assert [line[:9] for line in lines] == ["[ROUTER] ", '{"time":"']


def test_a_file_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServiceConfigRejected, match=r"logging\.access_log") as caught:
        open_access_log(str(tmp_path / "missing" / "access.log"))
    assert "No such file" in caught.value.message
