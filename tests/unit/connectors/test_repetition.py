"""What of an answer is new, where a server sends the prefill once more."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_service.connectors.repetition import TELLING, Repetition
from router_service.types import Delta, Prefill

LONG = Prefill("The quick brown fox jumps", 5)


def delta(text: str, **members: object) -> Delta:
    raw = json.dumps({"choices": [{"index": 0, "delta": {"content": text} | members}]}).encode()
    return Delta(raw, text, content=bool(text or members))


def passed_on(prefill: Prefill, deltas: list[Delta]) -> list[Delta]:
    repetition = Repetition(prefill)
    passed = [out for one in deltas for out in repetition.take(one)]
    return passed + list(repetition.flush())


def texts(prefill: Prefill, *pieces: str) -> str:
    passed = passed_on(prefill, [delta(piece) for piece in pieces])
    for one in passed:
        assert json.loads(one.raw)["choices"][0]["delta"]["content"] == one.text
        assert one.content is bool(one.text)
    return "".join(one.text for one in passed)


@pytest.mark.parametrize(
    ("prefill", "pieces", "new"),
    [
        (LONG, [LONG.text, " over"], " over"),
        (LONG, [LONG.text + " over"], " over"),
        (LONG, [*LONG.text, " over"], " over"),
        (LONG, ["", LONG.text[:7], LONG.text[7:] + " o", "ver"], " over"),
        (LONG, [LONG.text], ""),
        (LONG, [" over"], " over"),
        (LONG, ["The ", "end"], "The end"),
        (LONG, ["The "], "The "),
        (LONG, [" over ", LONG.text], f" over {LONG.text}"),
        (LONG, [LONG.text, LONG.text], LONG.text),
        (Prefill("ha", 1), ["ha", "ha"], "haha"),
        (Prefill("ha, ha", 3), ["ha, ha", "!"], "!"),
        (Prefill("ha, ha", 3), ["ha", ", ha", "!"], "ha, ha!"),
        (Prefill("", 0), ["a", "b"], "ab"),
    ],
)
def test_texts(prefill: Prefill, pieces: list[str], new: str) -> None:
    assert texts(prefill, *pieces) == new


def test_chunks_that_are_not_cut_pass_as_they_came() -> None:
    deltas = [
        delta("", role="assistant"),
        delta("The "),
        delta("", tool_calls=[{}]),
        delta(LONG.text),
    ]
    assert passed_on(LONG, deltas) == deltas


def test_what_else_a_cut_chunk_holds_is_kept() -> None:
    raw = b'{"id":"x","choices":[{"index":1,"text":"b"},{"index":0,"text":"%b!"}]}'
    chunk = Delta(raw % LONG.text.encode(), LONG.text + "!", content=True)
    (cut,) = passed_on(LONG, [chunk])
    assert json.loads(cut.raw) == {
        "id": "x",
        "choices": [{"index": 1, "text": "b"}, {"index": 0, "text": "!"}],
    }


@given(st.data())
def test_never_more_than_the_repetition_is_lost(data: st.DataObject) -> None:
    prefill = Prefill(data.draw(st.text("ab", min_size=TELLING, max_size=20)), 9)
    answer = data.draw(
        st.one_of(st.text("ab", max_size=40), st.text("ab").map(prefill.text.__add__))
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(answer) - 1)), max_size=5)))
    pieces = [answer[start:end] for start, end in pairwise([0, *cuts, len(answer)])]
    pieces = [piece for piece in pieces if piece]
    assert texts(prefill, *pieces) == answer.removeprefix(prefill.text)
