"""What providers send, and what is made of callers' bodies for them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from router_service.connectors import load_signals
from router_service.connectors.assembler import Assembler
from router_service.connectors.connector import WireProtocol
from router_service.connectors.decoder import PayloadParser, StreamDecoder
from router_service.connectors.documents import parse
from router_service.connectors.failures import EXCERPT, Failures
from router_service.connectors.lines import LineTooLong
from router_service.connectors.ndjson import NdjsonParser
from router_service.connectors.ollama import OllamaProtocol
from router_service.connectors.openai import OpenAiProtocol
from router_service.connectors.retry_after import LONGEST_S, retry_after_s
from router_service.connectors.sse import SseParser
from router_service.core import overlay
from router_service.errors import InvalidRequest, UpstreamError
from router_service.types import (
    Delta,
    Finished,
    Limits,
    Operation,
    OutcomeClass,
    Prefill,
    UpstreamCall,
    Usage,
)

from . import seeds
from .harness import Check, plain
from .mutator import cut

KEY = "s3cret-key"
FAILURES = Failures("p", KEY)
PROTOCOLS: dict[str, WireProtocol] = {
    "openai": OpenAiProtocol(FAILURES, overlay),
    "ollama": OllamaProtocol(FAILURES, wall_s=lambda: 1234.5),
}
LIMITS = Limits(1.0, 1.0, 1.0, 1.0)
PREFILLS = (None, Prefill("Gr", 1), Prefill("Grü", 2), Prefill("Grüße und was noch folgt", 9))
MOST = 64 * 1024
"""Bound of the assembler: small, so that it is met."""

_MADE_UP = re.compile(rb"(chatcmpl-|cmpl-|call_)[0-9a-f]{24,32}")


def strict(raw: bytes) -> Any:
    """JSON as the standard has it, without NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in what should be JSON")

    return json.loads(raw, parse_constant=refuse, parse_int=str)


def call(operation: Operation, body: bytes, draws: random.Random) -> UpstreamCall:
    stream = draws.random() < 0.5
    prefill = draws.choice(PREFILLS)
    return UpstreamCall(
        operation, body, "up", stream, LIMITS, assembled=not stream, prefill=prefill
    )


# ── Parsers ──────────────────────────────────────────────────────────────────────────────────────


def parser_check(make: Callable[[int], PayloadParser]) -> Check:
    def check(data: bytes, draws: random.Random) -> bool:
        bound = draws.choice((16, 200, 4_000, 1_000_000))
        once = payloads(make(bound), [data])
        assert once == payloads(make(bound), cut(data, draws))
        assert all(len(payload) <= bound + len(b'{"error":}') for payload in once[0])
        return not once[1]

    return check


def payloads(parser: PayloadParser, packets: Iterable[bytes]) -> tuple[list[bytes], str]:
    found: list[bytes] = []
    try:
        for packet in packets:
            found.extend(parser.feed(packet))
        found.extend(parser.finish())
    except LineTooLong as error:
        return found, str(error)
    return found, ""


# ── Streams ──────────────────────────────────────────────────────────────────────────────────────


def stream_check(protocol: str) -> Check:
    def check(data: bytes, draws: random.Random) -> bool:
        operation = draws.choice((Operation.CHAT, Operation.COMPLETION))
        asked = call(operation, b"{}", draws)
        decoder, again = (PROTOCOLS[protocol].decoder(asked) for _ in range(2))
        deltas, error = read(decoder, [data])
        assert (list(map(told, deltas)), error) == outcome_of(read(again, cut(data, draws)))
        assert (decoder.malformed, decoder.ended) == (again.malformed, again.ended)
        assert decoder.finished() == again.finished()
        if decoder.finished() is not None and error is None:
            put_together(operation, deltas, decoder.finished())
        return error is None and decoder.finished() is not None

    return check


def read(
    decoder: StreamDecoder, packets: Sequence[bytes]
) -> tuple[list[Delta], OutcomeClass | None]:
    """The chunks, and the class of the error that ended them."""
    deltas: list[Delta] = []
    try:
        for packet in packets:
            if not decoder.ended:
                deltas.extend(decoder.feed(packet))
        deltas.extend(decoder.flush())
    except UpstreamError as error:
        return deltas, error.outcome_class
    return deltas, None


def outcome_of(
    found: tuple[list[Delta], OutcomeClass | None],
) -> tuple[list[Any], OutcomeClass | None]:
    return list(map(told, found[0])), found[1]


def told(delta: Delta) -> tuple[bytes, str, bool]:
    """The chunk without ids that are made up anew each time."""
    return _MADE_UP.sub(rb"\1", delta.raw), delta.text, delta.content


def put_together(operation: Operation, deltas: list[Delta], finished: Finished | None) -> None:
    assert finished is not None
    assembler = Assembler(operation, MOST)
    try:
        for delta in deltas:
            assembler.add(delta.raw)
        whole = assembler.whole(finished)
    except ValueError:
        return
    choices = strict(whole.body)["choices"]
    assert choices
    if operation is Operation.CHAT and not any(b'"text"' in delta.raw for delta in deltas):
        assert whole.text == "".join(delta.text for delta in deltas)


def assembler_check(data: bytes, draws: random.Random) -> bool:
    operation = draws.choice((Operation.CHAT, Operation.COMPLETION))
    assembler = Assembler(operation, MOST)
    try:
        for line in data.split(b"\n"):
            if line.startswith(b"data: "):
                assembler.add(line.removeprefix(b"data: "))
        whole = assembler.whole(Finished("stop", Usage(1, 1), None))
    except ValueError:
        return False
    kind = "chat.completion" if operation is Operation.CHAT else "text_completion"
    assert strict(whole.body)["object"] == kind
    # Escapes take six bytes for one, members their names and marks.
    assert len(whole.body) <= 12 * MOST
    return True


# ── Whole bodies ─────────────────────────────────────────────────────────────────────────────────


def whole_check(data: bytes, draws: random.Random) -> bool:
    taken = False
    for protocol in PROTOCOLS.values():
        for operation in Operation:
            taken |= is_whole(protocol, call(operation, b"{}", draws), data)
        try:
            assert all(isinstance(name, str) for name in protocol.models(data))
        except ValueError:
            pass
        else:
            taken = True
    return taken


def is_whole(protocol: WireProtocol, asked: UpstreamCall, data: bytes) -> bool:
    try:
        whole = protocol.whole(asked, data)
    except ValueError:
        return False
    whole.text.encode()
    if protocol is PROTOCOLS["ollama"]:
        strict(whole.body)
    return True


def error_check(data: bytes, draws: random.Random) -> bool:
    if draws.random() < 0.3:
        data = data.replace(b"m", KEY.encode())
    status = draws.choice((200, 301, 400, 404, 413, 422, 429, 500, 503))
    errors: list[UpstreamError | None] = [FAILURES.refused(status, {}, data)]
    try:
        content_seen = draws.random() < 0.5
        errors.append(FAILURES.in_band(parse(data), {}, content_seen=content_seen))
    except ValueError:
        pass
    for error in filter(None, errors):
        assert len(error.message) < EXCERPT + 100
        error.message.encode()
        assert KEY not in error.message
        assert KEY.encode() not in (error.body or b"")
        assert error.retry_after_s is None or 0 <= error.retry_after_s <= LONGEST_S
    return len(errors) == 2 and errors[1] is not None


def retry_check(data: bytes, draws: random.Random) -> bool:
    name = draws.choice(("retry-after", "retry-after-ms", "x-ratelimit-reset-requests"))
    wait = retry_after_s({name: data.decode("latin-1")}, draws.choice((0.0, 1.8e9)))
    assert wait is None or 0 <= wait <= LONGEST_S
    return wait is not None


def load_check(data: bytes, draws: random.Random) -> bool:
    read = draws.choice(
        (load_signals.read_metrics, load_signals.read_slots, load_signals.read_loaded)
    )
    try:
        told_of = read(data)
    except ValueError:
        return False
    assert told_of.cache_used is None or 0 <= told_of.cache_used <= 1
    assert all(f is None or f >= 0 for f in (told_of.running, told_of.waiting))
    return True


# ── Requests ─────────────────────────────────────────────────────────────────────────────────────


def request_check(data: bytes, draws: random.Random) -> bool:
    protocol = PROTOCOLS[draws.choice(list(PROTOCOLS))]
    asked = call(draws.choice(list(Operation)), data, draws)
    try:
        _, body = protocol.request(asked, ask_usage=draws.random() < 0.5)
    except (InvalidRequest, ValueError):
        return False
    sent = strict(body)
    assert sent["model"] == "up"
    if asked.operation is not Operation.EMBEDDING:
        assert sent["stream"] is True
        protocol.decoder(asked)
    return True


TARGETS = (
    plain("sse", seeds.OPENAI_STREAMS, parser_check(SseParser)),
    plain("ndjson", seeds.OLLAMA_STREAMS, parser_check(NdjsonParser)),
    plain("openai-stream", seeds.OPENAI_STREAMS, stream_check("openai")),
    plain("ollama-stream", seeds.OLLAMA_STREAMS, stream_check("ollama")),
    plain("assembler", seeds.OPENAI_STREAMS, assembler_check),
    plain("whole-answer", seeds.WHOLE_ANSWERS, whole_check),
    plain("error-answer", seeds.ERRORS, error_check),
    plain("retry-after", seeds.RETRY_HEADERS, retry_check),
    plain("load-page", seeds.LOAD_PAGES, load_check),
    plain("upstream-request", seeds.REQUESTS, request_check),
)
