"""Compares what a case showed with what was promised; every shortfall is a plain sentence."""

from __future__ import annotations

from collections.abc import Iterator

from router_service.core import count_tokens
from router_service.testing import expected_text
from router_service.testing.answers import text_answer

from ..callers import Reply
from .plans import upstream_name
from .promises import GRACE_S, PROMPT, Answered, BrokenOff, Refused
from .trial import Finding


def shortfalls(finding: Finding) -> list[str]:
    """Where the router did less than it promises; nothing is well."""
    return [
        *_result(finding),
        *_truth(finding.reply),
        *_attempts(finding),
        *_account(finding),
        *_times(finding),
    ]


def _result(finding: Finding) -> Iterator[str]:
    match finding.case.promise.result:
        case Answered() as answered:
            yield from _answered(finding, answered)
        case Refused() as refused:
            yield from _refused(finding, refused)
        case BrokenOff() as broken:
            yield from _broken_off(finding, broken)


def _answered(finding: Finding, promised: Answered) -> Iterator[str]:
    reply = finding.reply
    if not reply.whole:
        yield f"wanted a whole answer of {promised.by}, got {_in_words(reply)}"
        return
    if reply.provider != promised.by:
        yield f"wanted an answer of {promised.by}, got one of {reply.provider}"
    if tuple(reply.continued) != promised.continued:
        yield f"wanted to be told that {promised.continued} went on, got {reply.continued}"
    if promised.finish not in (None, reply.finish_reason):
        yield f"wanted finish reason {promised.finish}, got {reply.finish_reason}"
    if promised.finish == "stop" and reply.text != _true_text(reply):
        yield f"the text is not the provider's: {reply.text!r}"
    if promised.tokens is not None and reply.text != _true_text(reply, promised.tokens):
        yield f"wanted {promised.tokens} tokens of text, got {reply.text!r}"
    if not finding.case.stream and promised.usage and promised.finish == "stop":
        tokens = len(text_answer(upstream_name(str(reply.model)), PROMPT, None).tokens)
        if reply.usage is None or reply.usage[1] != tokens:
            yield f"wanted a usage of {tokens} completion tokens, got {reply.usage}"


def _refused(finding: Finding, promised: Refused) -> Iterator[str]:
    reply, http = finding.reply, finding.case.face == "http"
    status = promised.http if http else promised.grpc
    if reply.whole or reply.status != status or reply.text:
        yield f"wanted the error {status}, got {_in_words(reply)}"
        return
    if http and promised.code not in (None, reply.code):
        yield f"wanted the code {promised.code}, got {reply.code}"
    if promised.words not in reply.message:
        yield f"wanted a message with {promised.words!r}, got {reply.message!r}"
    if promised.retry_after and reply.retry_after_s is None:
        yield "wanted to be told when to try again"


def _broken_off(finding: Finding, promised: BrokenOff) -> Iterator[str]:
    reply, http = finding.reply, finding.case.face == "http"
    if reply.whole or (reply.status, reply.code) not in _break_told(promised, http=http):
        yield f"wanted a break that is told, got {_in_words(reply)}"
    if http and (reply.done_mark or not reply.cut):
        yield f"a break that looks like an end: [DONE] {reply.done_mark}, cut {reply.cut}"
    true = _true_text(reply, promised.tokens) if promised.text is None else promised.text
    somewhere = promised.somewhere and reply.text and true.startswith(reply.text)
    if reply.text != true and not somewhere:
        yield f"wanted the text until the break, {true!r}, got {reply.text!r}"
    usual = promised.text is None and "n" not in finding.case.scenario.body
    counted = usual and not promised.by_deadline
    if counted and (reply.usage is None or reply.usage[1] != count_tokens(reply.text)):
        yield f"wanted a usage of what was delivered, got {reply.usage}"


def _break_told(promised: BrokenOff, *, http: bool) -> set[tuple[str | None, str | None]]:
    """Status and code by which a face may tell of a break."""
    told: set[tuple[str | None, str | None]] = {(None if http else "ABORTED", "stream_broken")}
    if promised.by_deadline:
        told.add((None if http else "DEADLINE_EXCEEDED", "deadline_exceeded"))
    if promised.by_deadline and not http:
        told.add(("DEADLINE_EXCEEDED", None))  # the client's own clock
    return told


def _truth(reply: Reply) -> Iterator[str]:
    """Whatever was promised: what looks like a success is one."""
    if not reply.whole or reply.finish_reason in ("content_filter", "length", "tool_calls"):
        return
    if reply.text != _true_text(reply) and not reply.text.startswith("{"):
        yield f"a wrong or truncated answer was passed off as whole: {reply.text!r}"


def _attempts(finding: Finding) -> Iterator[str]:
    """The router's account, the providers' logs and what the caller is told say the same."""
    promise = finding.case.promise
    if finding.tried not in promise.tried:
        wanted = " or ".join(map(_as_text, promise.tried))
        yield f"wanted the attempts {wanted}; got {_as_text(finding.tried)}"
    asked = promise.asked(finding.tried)
    if finding.asked != asked:
        yield f"the router tells of {asked}, the providers' logs of {finding.asked}"


def _account(finding: Finding) -> Iterator[str]:
    """What the caller is told of the attempts."""
    reply, result = finding.reply, finding.case.promise.result
    if reply.status == "DEADLINE_EXCEEDED" and reply.code is None:
        return  # the client itself gave up and was told nothing
    if isinstance(result, Answered) and result.continued:
        return  # it was told of those until then
    told = len(reply.tries) if isinstance(result, BrokenOff) else reply.attempts
    if told != len(finding.tried):
        yield f"the caller is told of {told} attempts, the log has {len(finding.tried)}"
    passed_on = isinstance(result, Refused) and result.code is None
    if isinstance(result, Answered) or (passed_on and not reply.tries):
        return
    if tuple(reply.tries) != finding.tried:
        yield f"the error lists {_as_text(tuple(reply.tries))}, the log {_as_text(finding.tried)}"


def _times(finding: Finding) -> Iterator[str]:
    promise, deadline_s = finding.case.promise, finding.case.scenario.deadline_s
    if finding.seconds > deadline_s + GRACE_S:
        yield f"the deadline was {deadline_s:g} s, the caller waited {finding.seconds:.3f} s"
    if promise.seconds is not None and not _within(finding.seconds, promise.seconds):
        yield f"wanted it within {promise.seconds} s, it took {finding.seconds:.3f} s"
    if promise.wait_s is not None:
        times = [entry.time for entry in finding.seen["first"][:2]]
        if len(times) < 2 or not _within(times[1] - times[0], promise.wait_s):
            yield f"wanted a wait within {promise.wait_s} s, the first was asked at {times}"


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _true_text(reply: Reply, tokens: int | None = None) -> str:
    return expected_text(upstream_name(str(reply.model)), PROMPT, tokens)


def _in_words(reply: Reply) -> str:
    if reply.whole:
        return f"a whole answer of {reply.provider}"
    shown = f"{reply.status} {reply.code}: {reply.message}"
    return f"{shown} after {reply.text!r}" if reply.text else shown


def _as_text(tries: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{provider} {outcome}" for provider, outcome in tries) or "none"
