"""What of a stream has gone to the caller, and how another deployment's answer goes on from there:
from a prefill, or from its start where that repeats word for word what was sent (E3)."""

from __future__ import annotations

import json
from typing import Any

from router_service.core import count_tokens
from router_service.errors import UpstreamError
from router_service.types import (
    Continued,
    Delta,
    Finished,
    OutcomeClass,
    Prefill,
    Served,
    Usage,
)


class Passage:
    """One caller's stream, whoever it comes from. Hand it every Delta and the Finished."""

    def __init__(self) -> None:
        self.opened = False
        self.plain = True
        """Nothing but text was sent, so that another answer can go on from it."""
        self._first: bytes | None = None
        self._sent: list[str] = []
        self._prefill: Prefill | None = None
        self._to_repeat: str | None = None
        """Of what was sent, the part that the new answer has yet to repeat; None passes all on."""
        self._spliced = False

    @property
    def text(self) -> str:
        return "".join(self._sent)

    @property
    def delivered(self) -> str | None:
        """core.Outcome.delivered."""
        if not self.opened:
            return None
        return "text" if self.plain else "more"

    def usage(self, prompt_tokens: int) -> Usage | None:
        """Our own count of what was delivered, where anything was."""
        return Usage(prompt_tokens, count_tokens(self.text)) if self.opened else None

    def prefill(self) -> Prefill:
        """What the next answer is to go on from."""
        text = self.text
        return Prefill(text, count_tokens(text))

    def go_on(self, served: Served, prefill: Prefill | None) -> Continued:
        """Another attempt goes on from the prefill it was given, else with its own answer."""
        self._spliced = True
        self._prefill = prefill
        self._to_repeat = None if prefill else self.text
        how = "prefill" if prefill else "regenerated"
        label = {
            "model": served.model,
            "provider": served.provider,
            "attempt": served.attempts,
            "after_characters": len(self.text),
            "by": how,
        }
        return Continued(served, how, self._label(label))

    def take(self, delta: Delta) -> Delta | None:
        """The chunk as it is to leave; None where nothing of it is. Raises UpstreamError."""
        if not self._spliced:
            self._first = self._first or delta.raw
            self._note(delta)
            return delta
        rest = self._unrepeated(delta)
        return None if rest is None else self._rewritten(delta, rest)

    def finish(self, finished: Finished) -> Finished:
        """The end as it is to be told. Raises UpstreamError where the answer is too short."""
        if self._to_repeat:
            raise _diverged()
        if finished.usage is None or self._prefill is None:
            return finished
        usage = self._whole_usage(finished.usage)
        return Finished(finished.finish_reason, usage, finished.served_model)

    def _note(self, delta: Delta) -> None:
        self._sent.append(delta.text)
        self.plain = self.plain and (bool(delta.text) or not delta.content)

    def _unrepeated(self, delta: Delta) -> str | None:
        """The part of the chunk's text that was not sent before; None while more is to repeat."""
        if not self._to_repeat:
            return delta.text
        length = min(len(delta.text), len(self._to_repeat))
        if delta.text[:length] != self._to_repeat[:length]:
            raise _diverged()
        self._to_repeat = self._to_repeat[length:]
        return None if self._to_repeat else delta.text[length:]

    def _rewritten(self, delta: Delta, text: str) -> Delta | None:
        """The chunk as part of the stream that began it: its id, its time, its own count."""
        document = _parse(delta.raw)
        choices = [choice for choice in document.get("choices") or () if isinstance(choice, dict)]
        ends = any(choice.get("finish_reason") for choice in choices)
        usage = document.get("usage")
        other_content = delta.content and not delta.text
        if not (text or other_content or ends or usage):
            return None
        document |= _identity(self._first)
        if text != delta.text:
            document["choices"] = [_with_text(choice, text) for choice in choices]
        if isinstance(usage, dict) and self._prefill is not None:
            document["usage"] = usage | self._whole_counts(usage)
        rewritten = Delta(_dump(document), text, bool(text) or other_content)
        self._note(rewritten)
        return rewritten

    def _whole_counts(self, usage: dict[str, Any]) -> dict[str, int]:
        """What of a usage record changes; nothing, where it holds no counts."""
        prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if type(prompt) is not int or type(completion) is not int:
            return {}
        whole = self._whole_usage(Usage(prompt, completion))
        return {
            "prompt_tokens": whole.prompt_tokens,
            "completion_tokens": whole.completion_tokens,
            "total_tokens": whole.prompt_tokens + whole.completion_tokens,
        }

    def _whole_usage(self, usage: Usage) -> Usage:
        """The provider counts the prefill as prompt; to the caller it was part of the answer."""
        tokens = self._prefill.tokens if self._prefill else 0
        return Usage(max(0, usage.prompt_tokens - tokens), usage.completion_tokens + tokens)

    def _label(self, label: dict[str, Any]) -> bytes:
        first = _parse(self._first or b"{}")
        chat = first.get("object") != "text_completion"
        place: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
        head = ("id", "object", "created", "model")
        kept: dict[str, Any] = {name: first[name] for name in head if name in first}
        choices = [{"index": 0, **place, "finish_reason": None}]
        return _dump({**kept, "choices": choices, "router_service": {"continued": label}})


def _identity(first: bytes | None) -> dict[str, Any]:
    document = _parse(first or b"{}")
    return {name: document[name] for name in ("id", "created") if name in document}


def _with_text(choice: dict[str, Any], text: str) -> dict[str, Any]:
    if isinstance(choice.get("delta"), dict):
        return choice | {"delta": choice["delta"] | {"content": text}}
    return choice | {"text": text}


def _parse(raw: bytes) -> dict[str, Any]:
    """A chunk. What is no number, as some servers write it, reads as null."""
    document: dict[str, Any] = json.loads(raw, parse_constant=lambda _: None)
    return document


def _dump(document: dict[str, Any]) -> bytes:
    """ASCII only, so that half a surrogate pair survives. Raises UpstreamError where JSON cannot
    hold it."""
    try:
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (ValueError, RecursionError) as error:
        raise UpstreamError(
            OutcomeClass.SERVER_ERROR, f"a chunk cannot be joined to the stream: {error}"
        ) from error


def _diverged() -> UpstreamError:
    return UpstreamError(
        OutcomeClass.DIVERGED,
        "the new answer does not begin with the text that was sent, so it cannot go on with it",
    )
