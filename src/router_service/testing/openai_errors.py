"""Error bodies as each OpenAI-compatible server words them.

Clients and routers tell errors apart by these shapes, so every server keeps its own.
"""

from __future__ import annotations

from typing import Any

from router_service.testing.wire import Reason, Refusal, Server

_STATUS = {
    Reason.UNAUTHORIZED: 401,
    Reason.MODEL_MISSING: 404,
    Reason.RATE_LIMITED: 429,
    Reason.BUSY: 503,
    Reason.BROKEN: 500,
}
"""Every other reason is 400."""

_VLLM_TYPES = {
    Reason.UNAUTHORIZED: "Unauthorized",
    Reason.MODEL_MISSING: "NotFoundError",
    Reason.RATE_LIMITED: "TooManyRequestsError",
    Reason.BUSY: "ServiceUnavailableError",
    Reason.BROKEN: "InternalServerError",
}
_LLAMA_CPP_TYPES = {
    Reason.UNAUTHORIZED: "authentication_error",
    Reason.MODEL_MISSING: "not_found_error",
    Reason.CONTEXT_LENGTH: "exceed_context_size_error",
    Reason.RATE_LIMITED: "rate_limit_error",
    Reason.BUSY: "unavailable_error",
    Reason.BROKEN: "server_error",
}
_OPENAI_TYPES = {
    Reason.UNAUTHORIZED: "authentication_error",
    Reason.RATE_LIMITED: "rate_limit_error",
    Reason.BUSY: "server_error",
    Reason.BROKEN: "server_error",
}
_OPENAI_CODES = {
    Reason.UNAUTHORIZED: "invalid_api_key",
    Reason.MODEL_MISSING: "model_not_found",
    Reason.CONTEXT_LENGTH: "context_length_exceeded",
    Reason.CONTENT_FILTER: "content_filter",
    Reason.RATE_LIMITED: "rate_limit_exceeded",
}


def refusal(server: Server, reason: Reason, message: str, status: int | None = None) -> Refusal:
    """The refusal of a request in this server's form, with its usual status where that is None."""
    code = status or _STATUS.get(reason, 400)
    return Refusal(reason, code, {"error": _error(server, reason, code, message)})


def _error(server: Server, reason: Reason, status: int, message: str) -> dict[str, Any]:
    if server is Server.VLLM:
        kind = _VLLM_TYPES.get(reason, "BadRequestError")
        param = "model" if reason is Reason.MODEL_MISSING else None
        return {"message": message, "type": kind, "param": param, "code": status}
    if server is Server.LLAMA_CPP:
        kind = _LLAMA_CPP_TYPES.get(reason, "invalid_request_error")
        return {"code": status, "message": message, "type": kind}
    if server is Server.OLLAMA:
        kind = "not_found_error" if reason is Reason.MODEL_MISSING else "api_error"
        return {"message": message, "type": kind, "param": None, "code": None}
    kind = _OPENAI_TYPES.get(reason, "invalid_request_error")
    return {"message": message, "type": kind, "param": None, "code": _OPENAI_CODES.get(reason)}


def model_missing(model: str) -> str:
    return f"The model `{model}` does not exist."


def context_exceeded(window: int, prompt_tokens: int, max_tokens: int) -> str:
    total = prompt_tokens + max_tokens
    return (
        f"This model's maximum context length is {window} tokens. However, you requested {total} "
        f"tokens ({prompt_tokens} in the messages, {max_tokens} in the completion)."
    )
