"""A short, fixed part of what `make fuzz` does: the same cases on every machine."""

from __future__ import annotations

import pytest

from . import TARGETS
from .harness import Find, Target, plain, run
from .mutator import Mutator, cut

SEED = 4
CASES = {
    "core-config": 200,
    "core-condition": 100,
    "core-text": 1_000,
    "http-body": 300,
    "grpc-message": 500,
    "openai-stream": 1_500,
    "ollama-stream": 1_500,
}
"""Of those that take long; the others get MOST."""
MOST = 3_000


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_damaged_input(target: Target) -> None:
    figures = run(target, seed=SEED, cases=CASES.get(target.name, MOST))
    # Both ways are taken: else the damage is too great, or too small, to tell anything.
    assert figures.taken > 0
    assert figures.taken < figures.cases or target.name == "core-text"


def test_cases_are_the_same_for_the_same_seed() -> None:
    first, again, other = (Mutator([b'{"a": [1, 2]}'], salt) for salt in ("x", "x", "y"))
    cases = [first.case(number)[0] for number in range(200)]
    assert cases == [again.case(number)[0] for number in range(200)]
    assert cases != [other.case(number)[0] for number in range(200)]
    assert len(set(cases)) > 100


def test_packets_are_the_input() -> None:
    mutator = Mutator([b"data: x\n\n" * 20], "x")
    for number in range(200):
        data, draws = mutator.case(number)
        assert b"".join(cut(data, draws)) == data


def test_a_find_names_its_case() -> None:
    def check(data: bytes, draws: object) -> bool:
        if b"\xff" in data:
            raise KeyError("broken")
        return True

    target = plain("brittle", [b"abc"], check)
    with pytest.raises(Find, match=r"--target brittle --seed 1 --case \d+: KeyError") as caught:
        run(target, seed=1, cases=5_000)
    number = int(str(caught.value).split("--case ")[1].split(":")[0])
    with pytest.raises(Find):
        run(target, seed=1, cases=1, first=number)


def test_a_greedy_reader_is_found() -> None:
    target = plain("greedy", [b"abc"], lambda data, _: bool(bytearray(50 * 1024 * 1024)))
    with pytest.raises(Find, match="MemoryError"):
        run(target, seed=1, cases=1)
