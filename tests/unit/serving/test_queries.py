"""From a question to a chat: what the model is told, who answers, and that a failing classifier
keeps no question from its answer."""

from __future__ import annotations

import json
import logging
from typing import Any, cast

import pytest

from router_service.core import Table
from router_service.serving.queries import classified, incoming_of
from router_service.types import Answer, Attributes, Query

from .conftest import CONFIG, House, whole

CLASSES = CONFIG | {
    "experiments": {
        "sizes": {
            "enabled": True,
            "control": "8b",
            "arms": {"3b": {"model": "small"}, "8b": {"model": "big"}},
        }
    },
    "query_classes": {
        "experiment": "sizes",
        "simple": "3b",
        "complex": "8b",
        "baseline_latency_ms": 4500,
        "vocabulary": {
            "comparison": ["vs"],
            "factual": ["what"],
            "longest_factual_words": 10,
        },
    },
}


def query(text: str = "What is it?", **members: Any) -> Query:
    return Query("http", text, Attributes(), {}, "ann", "r-1", **members)


class BrokenTable:
    """A table whose classifier fails."""

    def classify(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("told to fail")


async def body_of(asked: Query, model: str | None = "big") -> dict[str, Any]:
    body: dict[str, Any] = json.loads((await incoming_of(asked, model, "simple")).body)
    return body


async def test_a_bare_question_is_one_message() -> None:
    assert await body_of(query()) == {
        "model": "big",
        "messages": [{"role": "user", "content": "What is it?"}],
    }
    assert (await body_of(query(), None))["model"] == "chat"


async def test_what_is_known_goes_before_the_question() -> None:
    asked = query(domain="poultry", language="fr", context_docs=("one", "two"), max_tokens=9)
    body = await body_of(asked)
    system, user = body["messages"]
    assert system == {
        "role": "system",
        "content": "You answer questions about poultry.\n\nAnswer in this language: fr.\n\n"
        "Answer from the following context where it helps.\n\n[1] one\n\n[2] two",
    }
    assert user == {"role": "user", "content": "What is it?"}
    assert body["max_tokens"] == 9


async def test_long_contexts_are_written_off_the_loop_all_the_same() -> None:
    body = await body_of(query(context_docs=("long " * 20_000,)))
    assert "[1] long long" in body["messages"][0]["content"]


@pytest.fixture
def table() -> Table:
    return Table.compile(json.dumps(CLASSES).encode())


async def test_each_class_is_answered_by_its_arm(house: House) -> None:
    house.one.plays(whole("from big"))
    house.two.plays(whole("from small"))
    for text, complexity, answer in (
        ("What is it?", "simple", "from small"),
        ("One vs. two", "complex", "from big"),
    ):
        answered = await house.orchestrator.generate(query(text))
        assert (answered.complexity, answered.answer.text) == (complexity, answer)
        assert answered.latency_s > 0
    assert [record.notes for record in house.seen.records] == [
        ("experiment sizes: arm 3b (query_class)",),
        ("experiment sizes: arm 8b (query_class)",),
    ]
    assert house.idle()


async def test_a_long_question_is_classified_off_the_loop(table: Table) -> None:
    assert (await classified(table, query("word " * 20_000)))[0] == "medium"


async def test_where_classifying_fails_the_question_is_answered_all_the_same(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        found = await classified(cast("Table", BrokenTable()), query())
    assert found == ("unknown", "classifying failed")
    assert "classifying failed" in caplog.text
    house.one.plays(whole("from big"))
    answer = await house.orchestrator.open(await incoming_of(query(), "big", found[0]))
    assert isinstance(answer, Answer)
    assert answer.text == "from big"
    assert house.seen.only.notes == ("experiment sizes: arm 8b (on_error)",)


async def test_feedback_finds_the_decision_of_a_request(house: House) -> None:
    house.two.plays(whole("x"))
    answered = await house.orchestrator.generate(query())
    decision_id = answered.answer.served.decision_id
    assert house.orchestrator.decision_of("ann", "r-1") == decision_id
    assert house.orchestrator.decision_of("bob", "r-1") is None
    assert house.orchestrator.feedback(decision_id, 1.0) == "accepted"
    assert house.orchestrator.feedback("nobody-1", 1.0) == "unknown"
    (experiment,) = house.orchestrator.experiments()["experiments"]
    assert experiment["arms"][0]["mean_quality"] == 1.0
    assert house.orchestrator.reset_experiments("other") == []
    assert house.orchestrator.reset_experiments(None) == ["sizes"]
    (experiment,) = house.orchestrator.experiments()["experiments"]
    assert experiment["arms"][0]["feedback_count"] == 0
