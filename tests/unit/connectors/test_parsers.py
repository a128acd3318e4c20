"""The incremental parsers: the same payloads however the bytes are cut, and never without bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_service.connectors.decoder import PayloadParser
from router_service.connectors.lines import LineTooLong
from router_service.connectors.ndjson import NdjsonParser
from router_service.connectors.sse import SseParser


def payloads(parser: PayloadParser, packets: Sequence[bytes]) -> list[bytes]:
    found = [payload for packet in packets for payload in parser.feed(packet)]
    return found + list(parser.finish())


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b": keep-alive\n\ndata: a\n\n:\n\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"event: x\nid: 7\nretry: 5\ndata: a\n\n", [b"a"]),
        (b"data: a", [b"a"]),
        (b"data: a\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"data\n\n", [b""]),
        (b"\n\n\n", []),
        (b"nonsense\n\n", []),
        (b'error: {"code":500}\n\n', [b'{"error":{"code":500}}']),
    ],
)
def test_sse(raw: bytes, expected: list[bytes]) -> None:
    assert payloads(SseParser(), [raw]) == expected
    assert payloads(SseParser(), [raw[at : at + 1] for at in range(len(raw))]) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'{"a":1}\r\n\r\n  \n{"b":2}', [b'{"a":1}', b'{"b":2}']),
        (b"", []),
    ],
)
def test_ndjson(raw: bytes, expected: list[bytes]) -> None:
    assert payloads(NdjsonParser(), [raw]) == expected
    assert payloads(NdjsonParser(), [raw[at : at + 1] for at in range(len(raw))]) == expected


PARSERS = pytest.mark.parametrize("make", [SseParser, NdjsonParser])


@PARSERS
@settings(deadline=None)
@given(
    raw=st.lists(
        st.sampled_from([b"data: ", b"data", b":", b"\n", b"\r\n", b"\r", b"x", b"error:", b"\xff"])
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 200)),
)
def test_cuts_make_no_difference(
    make: Callable[[], PayloadParser], raw: bytes, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    packets = [raw[start:end] for start, end in pairwise(edges)]
    assert payloads(make(), packets) == payloads(make(), [raw])


@PARSERS
@pytest.mark.parametrize("packet", [b"x" * 101, b"x" * 101 + b"\n"])
def test_long_line(make: Callable[[int], PayloadParser], packet: bytes) -> None:
    with pytest.raises(LineTooLong, match="100 bytes"):
        payloads(make(100), [packet])


@PARSERS
def test_line_that_grows(make: Callable[[int], PayloadParser]) -> None:
    parser = make(100)
    for _ in range(10):
        assert not list(parser.feed(b"x" * 10))
    with pytest.raises(LineTooLong):
        list(parser.feed(b"x"))


def test_event_of_endless_lines() -> None:
    parser = SseParser(100)
    for _ in range(50):
        assert not list(parser.feed(b"data: x\n"))
    with pytest.raises(LineTooLong, match="an event"):
        list(parser.feed(b"data: x\n"))


def test_many_events_are_no_long_event() -> None:
    assert len(payloads(SseParser(20), [b"data: x\n\n" * 1000])) == 1000
