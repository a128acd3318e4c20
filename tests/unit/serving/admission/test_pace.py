"""The mean time a slot is held: of what came lately, and forgotten after that."""

from __future__ import annotations

import pytest

from router_service.serving.admission.pace import MEMORY_S, Pace


def test_nothing_measured_is_nothing_known() -> None:
    assert Pace().mean_s(now=1e6) == 0


def test_it_is_the_mean_of_what_came_at_once() -> None:
    pace = Pace()
    for held_s in (1, 2, 6):
        pace.add(held_s, now=5)
    assert pace.mean_s(now=5) == pytest.approx(3)


def test_newer_ones_count_more() -> None:
    pace = Pace()
    for second in range(600):
        pace.add(60, now=second)
    for second in range(600, 600 + 3 * int(MEMORY_S)):
        pace.add(1, now=second)
    assert 1 < pace.mean_s(now=600 + 3 * MEMORY_S) < 5


def test_a_single_one_fades_and_many_last_longer() -> None:
    single, many = Pace(), Pace()
    single.add(10, now=0)
    for _ in range(100):
        many.add(10, now=0)
    assert single.mean_s(now=MEMORY_S) == pytest.approx(10 / 2.718281828)
    assert many.mean_s(now=MEMORY_S) == pytest.approx(10)
    assert many.mean_s(now=60 * MEMORY_S) < 1e-9
