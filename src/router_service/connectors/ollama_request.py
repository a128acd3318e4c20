"""Turns OpenAI-style request bodies into those of Ollama's own API.
Members not translated pass through, so that Ollama's own (options, keep_alive, think) work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from router_service.connectors.documents import (
    Document,
    as_count,
    as_list,
    as_object,
    parse_object,
)
from router_service.connectors.prefill import assistant_message, check_messages, lowered
from router_service.errors import InvalidRequest
from router_service.types import Operation, Prefill

OPTIONS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "typical_p": "typical_p",
    "max_tokens": "num_predict",
    "max_completion_tokens": "num_predict",
    "seed": "seed",
    "stop": "stop",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "repetition_penalty": "repeat_penalty",
    "repeat_penalty": "repeat_penalty",
    "num_ctx": "num_ctx",
}
"""Members that Ollama reads from `options`, and their names there; a later one of two wins."""

CONSUMED = frozenset(OPTIONS) | {
    "messages",
    "n",
    "options",
    "reasoning_effort",
    "response_format",
    "stream_options",
    "tool_choice",
    "encoding_format",
}
"""Members with a translation of their own, or none that Ollama could follow."""

MESSAGE_CONSUMED = frozenset(
    {"role", "content", "tool_calls", "name", "reasoning", "reasoning_content", "refusal"}
)


def chat(body: Document) -> Document:
    """/v1/chat/completions → /api/chat. Raises InvalidRequest naming the member at fault."""
    translated = _common(body)
    translated["messages"] = _messages(body.get("messages"))
    if tools := _tools(body):
        translated["tools"] = tools
    else:
        translated.pop("tools", None)
    return translated


def completion(body: Document) -> Document:
    """/v1/completions → /api/generate. Raises InvalidRequest naming the member at fault."""
    translated = _common(body)
    # A number there, a switch here: Ollama would refuse the whole request.
    translated.pop("logprobs", None)
    prompt = body.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise InvalidRequest("prompt: Ollama takes one prompt, as text, per request", "prompt")
    translated["prompt"] = prompt
    return translated


def embedding(body: Document) -> Document:
    """/v1/embeddings → /api/embed. Raises InvalidRequest naming the member at fault."""
    texts = body.get("input")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest("input: Ollama takes text or a list of texts, no tokens", "input")
    return _common(body)


TRANSLATIONS: dict[Operation, Callable[[Document], Document]] = {
    Operation.CHAT: chat,
    Operation.COMPLETION: completion,
    Operation.EMBEDDING: embedding,
}


def go_on(translated: Document, operation: Operation, prefill: Prefill) -> None:
    """Make a translated chat or completion go on from the prefill. Raises InvalidRequest."""
    if operation is Operation.CHAT:
        check_messages(translated["messages"])
        translated["messages"].append(assistant_message(prefill))
    elif translated.get("raw") is True:
        translated["prompt"] += prefill.text
    else:
        raise InvalidRequest(
            "raw: without it Ollama takes a prompt for a whole question, not for a beginning",
            "raw",
        )
    options = as_object(translated.get("options"))
    if limit := as_count(options.get("num_predict")):
        options["num_predict"] = lowered(limit, prefill)


def _common(body: Document) -> Document:
    translated = {name: value for name, value in body.items() if name not in CONSUMED}
    options: Document = {
        native: body[name] for name, native in OPTIONS.items() if body.get(name) is not None
    }
    if isinstance(options.get("stop"), str):
        options["stop"] = [options["stop"]]
    options |= as_object(body.get("options"))
    if options:
        translated["options"] = options
    if (form := _format(body.get("response_format"))) is not None:
        translated.setdefault("format", form)
    if isinstance(effort := body.get("reasoning_effort"), str):
        translated.setdefault("think", False if effort == "none" else effort)
    return translated


def _format(response_format: object) -> object:
    wanted = as_object(response_format)
    match wanted.get("type"):
        case "json_object":
            return "json"
        case "json_schema":
            schema = as_object(wanted.get("json_schema")).get("schema")
            if not isinstance(schema, dict):
                place = "response_format.json_schema.schema"
                raise InvalidRequest(f"{place}: give a JSON schema object", place)
            return schema
        case _:
            return None


def _tools(body: Document) -> list[Any]:
    """The tools on offer. Ollama cannot be told to call one, so a named one stands alone."""
    tools = as_list(body.get("tools"))
    choice = body.get("tool_choice")
    if choice == "none":
        return []
    if name := as_object(as_object(choice).get("function")).get("name"):
        return [
            tool for tool in tools if as_object(as_object(tool).get("function")).get("name") == name
        ]
    return tools


def _messages(messages: object) -> list[Document]:
    if not isinstance(messages, list):
        raise InvalidRequest("messages: give a list of messages", "messages")
    tool_names: dict[str, str] = {}
    return [_message(m, f"messages[{at}]", tool_names) for at, m in enumerate(messages)]


def _message(message: object, place: str, tool_names: dict[str, str]) -> Document:
    """One message. `tool_names` collects the tool of each call id, for the results that follow."""
    if not isinstance(message, dict):
        raise InvalidRequest(f"{place}: give an object", place)
    translated = {name: value for name, value in message.items() if name not in MESSAGE_CONSUMED}
    role = message.get("role")
    translated["role"] = "system" if role == "developer" else role
    text, images = _content(message.get("content"), f"{place}.content")
    translated["content"] = text
    if images:
        translated["images"] = images
    if thinking := message.get("reasoning_content") or message.get("reasoning"):
        translated["thinking"] = thinking
    calls = as_list(message.get("tool_calls"))
    if calls:
        translated["tool_calls"] = [
            _tool_call(call, f"{place}.tool_calls[{at}]", tool_names)
            for at, call in enumerate(calls)
        ]
    if role == "tool":
        name = message.get("name") or tool_names.get(str(message.get("tool_call_id")))
        if name:
            translated["tool_name"] = name
    return translated


def _content(content: object, place: str) -> tuple[str, list[str]]:
    """Text, and images as base64."""
    if content is None or isinstance(content, str):
        return content or "", []
    texts: list[str] = []
    images: list[str] = []
    for at, part in enumerate(as_list(content)):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                images.append(_image(url, f"{place}[{at}].image_url"))
            case _:
                raise InvalidRequest(
                    f"{place}[{at}]: Ollama takes parts of type text and image_url only", place
                )
    return "\n".join(texts), images


def _image(url: str, place: str) -> str:
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        raise InvalidRequest(f"{place}: Ollama takes images as base64 data URIs only", place)
    return data


def _tool_call(call: object, place: str, tool_names: dict[str, str]) -> Document:
    outer = as_object(call)
    function = as_object(outer.get("function"))
    name = function.get("name")
    if not isinstance(name, str):
        raise InvalidRequest(f"{place}.function.name: give the tool's name", place)
    arguments = function.get("arguments") or "{}"
    if isinstance(arguments, str):
        try:
            arguments = parse_object(arguments.encode("utf-8", "surrogatepass"))
        except ValueError as error:
            raise InvalidRequest(
                f"{place}.function.arguments: not a JSON object ({error})", place
            ) from error
    translated: Document = {"function": {"name": name, "arguments": arguments}}
    if isinstance(call_id := outer.get("id"), str):
        tool_names[call_id] = name
        translated["id"] = call_id
    return translated
