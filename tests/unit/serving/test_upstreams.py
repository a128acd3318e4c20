"""A reload replaces the upstreams as a whole; who began before keeps what it had."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from router_service.serving.upstreams import MOST_REMOVED, Upstreams


def upstream(name: str, base_url: str = "http://one") -> Any:
    return SimpleNamespace(provider=SimpleNamespace(id=name, base_url=base_url), connector=None)


def test_the_view_follows_and_a_mapping_in_hand_does_not() -> None:
    upstreams = Upstreams([upstream("a"), upstream("b")])
    begun = upstreams.current
    upstreams.replace([upstream("b", "http://two"), upstream("c")])
    assert (list(upstreams), len(upstreams)) == (["b", "c"], 2)
    assert upstreams["b"].provider.base_url == "http://two"
    assert "a" not in upstreams
    assert list(begun) == ["a", "b"]
    assert begun["b"].provider.base_url == "http://one"


def test_a_removed_provider_is_known_for_a_while() -> None:
    upstreams = Upstreams([upstream("a")])
    upstreams.replace([upstream("b")])
    assert upstreams.provider("a").id == "a"
    upstreams.replace([upstream("a", "http://back")])
    assert upstreams.provider("a").base_url == "http://back"
    assert upstreams.provider("b").id == "b"
    with pytest.raises(KeyError):
        upstreams.provider("never")


def test_removed_providers_do_not_pile_up() -> None:
    upstreams = Upstreams([])
    for number in range(MOST_REMOVED + 10):
        upstreams.replace([upstream(f"p-{number}")])
    with pytest.raises(KeyError):
        upstreams.provider("p-5")
    assert upstreams.provider(f"p-{MOST_REMOVED}").id == f"p-{MOST_REMOVED}"
