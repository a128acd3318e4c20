"""Which member of an exclusive group is meant, and a config in which another one is active."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router_service.errors import SwitchRefused
from router_service.serving.members import Member, meant, members, with_active

EVERYONE = [
    Member("vllm-qwen", "gpu0", True, ("qwen-coder", "shared")),
    Member("vllm-dolphin", "gpu0", False, ("dolphin-7b", "shared")),
    Member("dolphin-7b", "gpu1", False),
    Member("vllm-mini", "gpu1", True),
]


@pytest.mark.parametrize(
    ("target", "provider"),
    [
        ("vllm-dolphin", "vllm-dolphin"),
        ("qwen", "vllm-qwen"),
        ("qwen-coder", "vllm-qwen"),
        ("mini", "vllm-mini"),
        ("dolphin-7b", "dolphin-7b"),
    ],
)
def test_an_id_goes_before_a_model_and_that_before_a_word(target: str, provider: str) -> None:
    assert meant(target, EVERYONE).provider == provider


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shared", "'shared' can mean vllm-qwen, vllm-dolphin; name one of them"),
        ("dolphin", "'dolphin' can mean vllm-dolphin, dolphin-7b"),
        ("mistral", "the members are: vllm-qwen, vllm-dolphin, dolphin-7b, vllm-mini"),
        ("", "no member of an exclusive group"),
    ],
)
def test_what_is_not_clear_is_refused(target: str, message: str) -> None:
    with pytest.raises(SwitchRefused, match=message):
        meant(target, EVERYONE)


def test_members_are_told_from_the_status_with_their_models() -> None:
    figures = {
        "a": {"exclusive_group": "g", "active": True},
        "b": {"exclusive_group": "g", "active": False},
        "c": {"exclusive_group": None, "active": True},
    }
    assert members(figures, [("m", "a"), ("n", "a"), ("m", "c")]) == [
        Member("a", "g", True, ("m", "n")),
        Member("b", "g", False),
    ]


def active(document: bytes) -> dict[str, Any]:
    providers = json.loads(document)["providers"]
    return {name: entry.get("active") for name, entry in providers.items()}


def test_another_member_is_active_and_nothing_else_changes() -> None:
    config: dict[str, Any] = {
        "providers": {
            "a": {"exclusive_group": "g"},
            "b": {"exclusive_group": "g", "active": False},
            "c": {"exclusive_group": "h", "active": True},
            "d": {"exclusive_group": "g", "enabled": False},
            "e": {},
        }
    }
    document = json.dumps(config).encode()
    assert active(with_active(document, {"g": "b"})) == {
        "a": False,
        "b": True,
        "c": True,
        "d": False,
        "e": None,
    }
    assert with_active(document, {}) is document
    for nobody in ({"g": "e"}, {"g": "d"}, {"h": "a"}, {"g": "gone"}):
        assert with_active(document, nobody) == document
    assert with_active(b'{"default_provider": "x"}', {"g": "b"}) == b'{"default_provider": "x"}'
