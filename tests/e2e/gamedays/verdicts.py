"""What came of a request, and whether that is honest: every one ends in one of seven ways. The
fakes' answers follow from the request alone, so a wrong or short text is always seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from e2e.callers import Reply
from router_service.testing import expected_text

GRACE_S = 0.25
"""A caller has its answer, or its error, this long after its deadline at the latest."""


class End(StrEnum):
    """How a request ended, as its caller judges."""

    WHOLE = "whole"
    REFUSED = "refused"  # an error with a code instead of an answer
    BROKEN = "broken"  # an error with a code after part of the answer
    LOST = "lost"  # the connection failed, and nothing was said
    LEFT = "left"  # the caller itself went away
    LIE = "lie"  # a short, wrong or spliced text, or one that was called whole and is not
    HANG = "hang"  # nothing until GRACE_S after the deadline


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of one request."""

    end: End
    code: str | None = None
    """Of an error: its stable short name."""
    provider: str | None = None
    """Who served it, or the part that came."""
    tried: tuple[str, ...] = ()
    """Providers of the attempts an error lists."""
    note: str = ""
    """For people who look into it."""


class Truth:
    """Knows each model's name at its provider, and so what it must have answered."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        models: Mapping[str, Any] = config["models"]
        self._upstream: dict[str, str] = {
            name: model.get("upstream_model", name) for name, model in models.items()
        }

    def upstream(self, model: str) -> str:
        return self._upstream.get(model, model)

    def text(self, model: str, prompt: str) -> str:
        return expected_text(self.upstream(model), prompt)


def judged(prompt: str, reply: Reply, truth: Truth) -> Verdict:
    """The verdict on a reply that came in time."""
    end, code = _end(reply, truth.text(reply.model, prompt) if reply.model else "")
    note = reply.message
    if end in (End.LIE, End.LOST):
        note += f" {reply.model} answered {reply.text!r}, finish reason {reply.finish_reason}"
    return Verdict(end, code, reply.provider, tuple(name for name, _ in reply.tries), note)


def _end(reply: Reply, wanted: str) -> tuple[End, str | None]:
    if reply.whole:
        return (End.WHOLE if reply.text == wanted else End.LIE), None
    if not wanted.startswith(reply.text):
        return End.LIE, reply.code
    code = reply.code or _clients_own(reply)
    if code is None:
        return End.LOST, None
    return (End.BROKEN if reply.text else End.REFUSED), code


def _clients_own(reply: Reply) -> str | None:
    """gRPC's client ends a call at its deadline itself, where the router's word comes later."""
    return "deadline_exceeded" if reply.status == "DEADLINE_EXCEEDED" else None
