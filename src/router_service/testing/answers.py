"""What fake providers answer: text, tool calls, JSON and vectors, all from the request alone.

A test that knows the request knows the whole answer, so a truncated or spliced one is seen.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# fmt: off
_WORDS = (
    "amber", "basin", "cedar", "delta", "ember", "field", "grove", "harbor", "island", "jetty",
    "kernel", "lantern", "meadow", "north", "orchard", "prairie", "quarry", "river", "signal",
    "timber", "upland", "valley", "willow", "yonder", "zenith", "anchor", "bridge", "canyon",
    "drift", "echo", "forest", "glacier",
)
# fmt: on
_SHORTEST, _SPREAD = 12, 12
"""An answer without a limit has 12 to 23 tokens."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One choice of an answer."""

    tokens: tuple[str, ...]
    """Pieces that joined are the text; counted as completion tokens."""
    finish_reason: str | None
    """stop, length or tool_calls; None where a fault keeps it back."""
    tool: tuple[str, str] | None = None
    """Name and arguments (JSON text) of the tool called; the tokens are then the arguments'."""

    @property
    def text(self) -> str:
        return "".join(self.tokens)


def expected_text(model: str, prompt: str, max_tokens: int | None = None, choice: int = 0) -> str:
    """The text a fake provider answers.

    model is the name it was called with, prompt the text of the last user message (or the prompt
    of a completion), choice the index where several were asked for.
    """
    return "".join(_words(model, prompt, choice)[:max_tokens])


def text_answer(
    model: str, prompt: str, max_tokens: int | None, choice: int = 0, prefill: str = ""
) -> Answer:
    """An answer in words. One that starts with `prefill` is continued where that ends."""
    tokens = _words(model, prompt, choice)
    if prefill:
        done = 0
        while done < len(tokens) and prefill.startswith("".join(tokens[: done + 1])):
            done += 1
        tokens = tokens[done:]
    return bounded(tokens, max_tokens)


def begun(model: str, prompt: str) -> tuple[str, str]:
    """A completion's prompt, and the beginning of its own answer where it ends with that."""
    at = prompt.rfind(f"{model}:")
    if at >= 0 and expected_text(model, prompt[:at]).startswith(prompt[at:]):
        return prompt[:at], prompt[at:]
    return prompt, ""


def json_answer(schema: Any, model: str, prompt: str, max_tokens: int | None) -> Answer:
    """An answer that is one JSON object, of the schema's shape where there is one."""
    shape = schema if isinstance(schema, dict) else {"properties": {"answer": {"type": "string"}}}
    return bounded(_pieces(json.dumps(_filled(shape, expected_text(model, prompt, 3)))), max_tokens)


def tool_answer(function: Mapping[str, Any], model: str, prompt: str) -> Answer:
    """A call of one function, its arguments shaped by its parameters' schema."""
    parameters = function.get("parameters")
    schema = parameters if isinstance(parameters, dict) else {}
    arguments = json.dumps(_filled(schema, expected_text(model, prompt, 3)))
    return Answer(_pieces(arguments), "tool_calls", (str(function.get("name", "")), arguments))


def bounded(tokens: tuple[str, ...], max_tokens: int | None) -> Answer:
    """An answer of these tokens, cut at max_tokens."""
    if max_tokens is not None and len(tokens) > max_tokens:
        return Answer(tokens[:max_tokens], "length")
    return Answer(tokens, "stop")


def count_tokens(texts: Sequence[str]) -> int:
    """Prompt tokens as fake providers count them: words, at least one."""
    return max(1, sum(len(text.split()) for text in texts))


def vector(model: str, text: str, dimensions: int) -> list[float]:
    """A unit vector, the same for the same model and text."""
    digest = hashlib.shake_128(f"{model}\0{text}".encode()).digest(dimensions)
    raw = [byte - 127.5 for byte in digest]
    length = math.sqrt(sum(value * value for value in raw))
    return [value / length for value in raw]


def _words(model: str, prompt: str, choice: int) -> tuple[str, ...]:
    digest = hashlib.shake_128(f"{model}\0{prompt}\0{choice}".encode()).digest(_SHORTEST + _SPREAD)
    count = _SHORTEST + digest[0] % _SPREAD
    words = [_WORDS[byte % len(_WORDS)] for byte in digest[1:count]]
    return (f"{model}:", *(f" {word}" for word in words))


def _pieces(text: str, size: int = 6) -> tuple[str, ...]:
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def _filled(schema: dict[str, Any], words: str) -> Any:
    """A value that fits the schema's type, enum, required items and nesting."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object" if "properties" in schema or not schema else "string")
    if isinstance(kind, list):
        kind = kind[0]
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _filled(member, words) for name, member in properties.items()}
    if kind == "array":
        return [_filled(schema.get("items") or {"type": "string"}, words)]
    scalars = {"integer": 1, "number": 0.5, "boolean": True, "null": None}
    return scalars.get(kind, words)
