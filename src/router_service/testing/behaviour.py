"""How a fake provider behaves: its pace, its room and its faults, as plain values with a JSON form.

Nothing here does I/O; `Faults` alone decides which request meets which fault.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self


class FaultKind(StrEnum):
    """What can go wrong. Numbers such as `after_tokens` are fields of Fault."""

    # The whole provider
    REFUSE = "refuse"  # the listener is closed: connections are refused until it is lifted
    # Before the status line
    STATUS = "status"  # an error answer with `status`, `retry_after_s` and `body`
    RESET_BEFORE_HEADERS = "reset_before_headers"
    RESET_DURING_HEADERS = "reset_during_headers"
    SILENCE = "silence"  # not a byte, connection open; `seconds` long, or until the client leaves
    # Refusals as the server words them
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    PREFILL_REFUSED = "prefill_refused"  # only requests that end with an assistant message
    # Pace
    SLOW_FIRST_TOKEN = "slow_first_token"  # noqa: S105 - headers at once, token after `seconds`
    SLOW_DRIP = "slow_drip"  # `seconds` between tokens
    STALL = "stall"  # hangs after `after_tokens`
    # The answer's end
    CUT = "cut"  # connection reset after `after_tokens`
    CUT_CLEAN = "cut_clean"  # body ended politely after `after_tokens`, as a proxy would
    NO_FINISH_REASON = "no_finish_reason"
    NO_DONE = "no_done"  # [DONE], or Ollama's done line, is missing
    FINISH_CONTENT_FILTER = "finish_content_filter"  # ends so after `after_tokens`
    ERROR_EVENT = "error_event"  # error inside a 200 answer after `after_tokens`; `status` in it
    # The answer's form
    MALFORMED_EVENT = "malformed_event"  # an extra event that is no JSON, after `after_tokens`
    INVALID_UTF8 = "invalid_utf8"  # an extra event that is no UTF-8, after `after_tokens`
    OVERSIZED_LINE = "oversized_line"  # an extra event of `size` bytes, after `after_tokens`
    WRONG_CONTENT_TYPE = "wrong_content_type"  # a web page with status 200
    WRONG_MODEL = "wrong_model"  # the answer names another model
    NO_USAGE = "no_usage"
    # Polls for load (/metrics, /slots, /api/ps) instead of requests; `path` narrows it to one page
    LOAD_MISSING = "load_missing"  # the page is switched off
    LOAD_MALFORMED = "load_malformed"  # cannot be read
    LOAD_SILENCE = "load_silence"  # answered after `seconds`, or never


_POLL_KINDS = frozenset({FaultKind.LOAD_MISSING, FaultKind.LOAD_MALFORMED, FaultKind.LOAD_SILENCE})


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the requests it meets.

    Only requests for an answer are counted, not health checks or lists; polls for load have a count
    of their own. Without `times`, `every`
    and `probability` every one meets it; with several of them all must hold.
    """

    kind: FaultKind
    times: int | None = None
    """Only this often, then never again."""
    every: int | None = None
    """Only each so-manieth request."""
    probability: float | None = None
    seed: int = 0
    """Seed of the draws behind `probability`."""
    after_tokens: int = 0
    status: int = 500
    retry_after_s: float | None = None
    body: str | None = None
    """Body of a STATUS answer; None is the server's own wording."""
    seconds: float | None = None
    """Length of a pause; None is until the client leaves (drip: 0.05 s between tokens)."""
    size: int = 4 * 1024 * 1024
    path: str | None = None
    """Only polls of this page; None is all of them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", FaultKind(self.kind))
        for name, least in (("times", 1), ("every", 1), ("after_tokens", 0), ("size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"fault {self.kind}: {name} must be at least {least}, not {value}")
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise ValueError(f"fault {self.kind}: probability must be 0…1, not {self.probability}")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Pace, room and faults of one provider. The default is instant, endless and healthy."""

    latency_s: float = 0.0
    """Before the status line."""
    first_token_s: float = 0.0
    """From the status line to the first token."""
    tokens_per_s: float | None = None
    """None is as fast as it goes."""
    slots: int | None = None
    """Answers at once; None is no limit."""
    queue: int = 0
    """Requests that may wait for a slot; one more is answered 503."""
    faults: tuple[Fault, ...] = field(default=())
    """The first one that meets a request is the only one it sees."""
    loaded: tuple[str, ...] = ()
    """Models in memory from the start (Ollama); others are once they have been asked."""

    def __post_init__(self) -> None:
        for name in ("latency_s", "first_token_s", "queue"):
            if getattr(self, name) < 0:
                raise ValueError(f"behaviour: {name} must not be negative")
        for name in ("tokens_per_s", "slots"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(
                    f"behaviour: {name} must be more than 0; leave it out for no limit"
                )

    @property
    def refuses(self) -> bool:
        return any(fault.kind is FaultKind.REFUSE for fault in self.faults)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises ValueError naming the field at fault."""
        if not isinstance(value, dict):
            raise ValueError("behaviour: must be a JSON object")
        faults = value.get("faults", [])
        if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
            raise ValueError("behaviour: faults must be a list of objects")
        loaded = value.get("loaded", [])
        if not isinstance(loaded, list) or not all(isinstance(name, str) for name in loaded):
            raise ValueError("behaviour: loaded must be a list of names")
        shaped = {"faults": tuple(Fault(**fault) for fault in faults), "loaded": tuple(loaded)}
        try:
            return cls(**(value | shaped))
        except TypeError as error:
            raise ValueError(f"behaviour: {error}") from None


class Faults:
    """The behaviour in force, and the count of requests that decides who meets a fault."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.set(behaviour)

    def set(self, behaviour: Behaviour) -> None:
        """Replace the behaviour; all counts start again."""
        self.behaviour = behaviour
        self._seen = 0
        self._polls = 0
        self._hits = [0] * len(behaviour.faults)
        self._draws = [random.Random(fault.seed) for fault in behaviour.faults]  # noqa: S311 - not security

    def take(self, *, prefilled: bool) -> Fault | None:
        """The fault the next request meets. Counts that request."""
        self._seen += 1
        return self._first(self._seen, lambda fault: _meets_request(fault, prefilled=prefilled))

    def take_poll(self, path: str) -> Fault | None:
        """The fault the next poll for load of this page meets. Counts that poll."""
        self._polls += 1
        return self._first(self._polls, lambda fault: _meets_poll(fault, path))

    def _first(self, seen: int, meets: Callable[[Fault], bool]) -> Fault | None:
        for index, fault in enumerate(self.behaviour.faults):
            if meets(fault) and self._is_due(index, fault, seen):
                self._hits[index] += 1
                return fault
        return None

    def _is_due(self, index: int, fault: Fault, seen: int) -> bool:
        if fault.times is not None and self._hits[index] >= fault.times:
            return False
        if fault.every is not None and seen % fault.every:
            return False
        return fault.probability is None or self._draws[index].random() < fault.probability


def _meets_request(fault: Fault, *, prefilled: bool) -> bool:
    if fault.kind is FaultKind.PREFILL_REFUSED:
        return prefilled
    return fault.kind not in _POLL_KINDS


def _meets_poll(fault: Fault, path: str) -> bool:
    return fault.kind in _POLL_KINDS and fault.path in (None, path)
