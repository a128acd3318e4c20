"""Good input of every kind, for the mutator to damage."""

from __future__ import annotations

import json
from typing import Any


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _sse(*events: Any) -> bytes:
    return b"".join(b"data: " + _json(event) + b"\n\n" for event in events)


def _ndjson(*lines: Any) -> bytes:
    return b"".join(_json(line) + b"\n" for line in lines)


def _chunk(delta: dict[str, Any], reason: str | None = None, index: int = 0) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"} | {
        "choices": [choice]
    }


_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
_CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}}
_LOGPROBS = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}

OPENAI_STREAMS = (
    _sse(_chunk({"role": "assistant", "content": ""}), _chunk({"content": "Grü"}))
    + _sse(_chunk({"content": "ße"}), _chunk({}, "stop"), {"choices": [], "usage": _USAGE})
    + b"data: [DONE]\n\n",
    _sse(_chunk({"tool_calls": [_CALL]}))
    + _sse(_chunk({"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}))
    + _sse(_chunk({}, "tool_calls")),
    _sse(_chunk({"content": "a"}), _chunk({"content": "b"}, None, 1), _chunk({}, "stop"))
    + _sse(_chunk({}, "length", 1)),
    _sse({"choices": [{"index": 0, "text": "a", "logprobs": {"tokens": ["a"]}}]})
    + _sse({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]}),
    _sse({"choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": _LOGPROBS}]})
    + _sse(_chunk({"reasoning_content": "hm", "refusal": "no", "x_new": [1]}, "stop")),
    b': hello\r\n\r\nevent: x\r\nid: 7\r\ndata: {"choices":\r\ndata: []}\r\n\r\n',
    _sse(_chunk({"content": "a"}), {"error": {"message": "slow", "code": 429, "retry_after": 2}}),
)

OLLAMA_STREAMS = (
    _ndjson(
        {"model": "m", "message": {"role": "assistant", "content": "Grü"}, "done": False},
        {"model": "m", "message": {"content": "ße", "thinking": "hm"}, "done": False},
        {
            "message": {"content": ""},
            "done": True,
            "done_reason": "stop",
            "prompt_eval_count": 3,
            "eval_count": 2,
        },
    ),
    _ndjson(
        {"message": {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}},
        {"message": {}, "logprobs": [{"token": "a"}], "done": True, "done_reason": "length"},
    ),
    _ndjson({"response": "a", "done": False}, {"response": "", "done": True, "done_reason": "x"}),
    _ndjson({"message": {"content": "a"}}, {"error": "out of memory", "status": 500}),
)

WHOLE_ANSWERS = (
    _json({"model": "m", "choices": [{"index": 0, "message": {"content": "a"}}], "usage": _USAGE}),
    _json({"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]}),
    _json({"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 2}}),
    _json({"model": "m", "embeddings": [[0.5, -1.0]], "prompt_eval_count": 4}),
    _json({"data": [{"id": "a", "meta": {"n_params": 7_000_000_000}}]}),
    _json({"models": [{"name": "a", "details": {"parameter_size": "7.6B"}}]}),
    *(stream.splitlines()[-1] for stream in OLLAMA_STREAMS),
)

ERRORS = (
    _json({"error": {"message": "m", "type": "t", "param": None, "code": "rate_limit_exceeded"}}),
    _json({"error": "the input length exceeds the context length"}),
    _json({"object": "error", "message": "maximum context length is 9", "code": 400}),
    _json({"error": {"innererror": {"code": "ResponsibleAIPolicyViolation"}, "status": "429"}}),
    _json({"error": {"code": 503, "details": [{"retryDelay": "34s"}]}, "retry_after": 1.5}),
    _json({"detail": [{"loc": ["body", "messages"], "msg": "field required"}]}),
    b"<html><h1>502 Bad Gateway</h1></html>",
)

RETRY_HEADERS = (b"7", b"1.5", b"6m0s", b"20ms", b"Wed, 21 Oct 2065 07:28:00 GMT", b"1741305600000")

LOAD_PAGES = (
    b"# TYPE vllm:num_requests_running gauge\n"
    b'vllm:num_requests_running{model_name="m"} 3.0\n'
    b'vllm:num_requests_waiting{model_name="m"} 1.0\nvllm:kv_cache_usage_perc{engine="0"} 0.25\n',
    b"llamacpp:requests_processing 1\nllamacpp:requests_deferred 0\n",
    _json([{"id": 0, "is_processing": True}, {"id": 1, "is_processing": False}]),
    _json({"models": [{"name": "llama3.1:latest", "model": "llama3.1:latest"}]}),
)

_TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
_ASKED = [{"type": "text", "text": "look"}, _IMAGE]
_CALLED = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}

REQUESTS = (
    _json({"model": "small", "messages": [{"role": "user", "content": "hello"}], "stream": True}),
    _json(
        {
            "model": "small",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": _ASKED},
                {"role": "assistant", "content": None, "tool_calls": [_CALLED]},
                {"role": "tool", "tool_call_id": "c1", "content": "7"},
            ],
            "tools": [_TOOL],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
            "max_tokens": 50,
            "temperature": 0.5,
            "stop": "END",
            "n": 2,
        }
    ),
    _json(
        {
            "model": "big",
            "messages": [{"role": "user", "content": "x"}],
            "max_completion_tokens": 9,
            "stream_options": {"include_usage": True},
            "response_format": {"type": "json_schema", "json_schema": {"schema": {}}},
            "reasoning_effort": "low",
            "logprobs": True,
        }
    ),
    _json({"model": "small", "prompt": "once", "max_tokens": 5, "raw": True, "options": {"a": 1}}),
    _json({"model": "small", "prompt": ["a", "b"], "n": 2}),
    _json({"model": "small", "input": ["a", "b"], "encoding_format": "base64", "dimensions": 4}),
)

CONFIG: dict[str, Any] = {
    "providers": {
        "one": {"kind": "openai", "base_url": "http://one.test/v1", "capacity": 4},
        "two": {"kind": "ollama", "base_url": "http://two.test", "capacity": 2},
    },
    "models": {
        "big": {"provider": "one", "upstream_model": "Big-1", "parameters": "70B"},
        "small": {"provider": "two", "parameters": "7B", "capabilities": ["chat"]},
    },
    "patterns": [{"pattern": "^meta-llama/.*", "provider": "one", "fallback": "two"}],
    "capabilities": {"chat": {"preferred_models": ["small", "big"], "routing_strategy": "direct"}},
    "load_balancing": {
        "code": {
            "strategy": "adaptive_weighted",
            "providers": [
                {
                    "provider": "one",
                    "weight": 0.5,
                    "preferred_model": "big",
                    "condition": "request_count > 5 OR batch_mode",
                },
                {
                    "provider": "two",
                    "weight": 0.5,
                    "preferred_model": "small",
                    "condition": "local_saturated OR complexity == 'high' AND NOT stream",
                },
            ],
        }
    },
    "model_size_routing": [{"size": "< 8B", "provider": "two"}],
    "request_metadata_routing": {
        "team": {"provider": "two", "condition": 'header.x-team == "blue" && length >= 10'}
    },
    "fallback_chains": {"big": {"chain": ["small"]}},
    "default_provider": "two",
    "unknown_model": "default",
}

ASSUMPTIONS = (
    _json({"rate_per_s": 3.5, "service_s": 2, "utilisation": 0.7, "down": ["one", "local"]}),
    _json({"traffic": {"big": 3, "small": 1.5}, "failed_hop_ms": 700, "answer_tokens": 40}),
    _json({"requests_per_month": 1e6, "fallback_rate": 0.03, "fallback_usd": 0.025}),
)

CONDITIONS = (
    b"request_count > 5 OR batch_mode",
    b"local_saturated OR complexity == 'high'",
    b'header.x-team == "blue" && !(length >= 10 || stream)',
    b'model_size >= 13B and not capability != "code"',
    b"one_unavailable AND always",
    b"prompt_tokens<1e3||max_tokens!=-1",
)
