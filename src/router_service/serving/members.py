"""Exclusive groups: who is in one, which member a short name means, and a routing config in which
another member is the active one than its file says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from router_service.errors import SwitchRefused

_WORDS = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Member:
    """A provider of an exclusive group. `models` are the public names deployed on it."""

    provider: str
    group: str
    active: bool
    models: tuple[str, ...] = ()


def members(figures: Mapping[str, Any], deployed: Iterable[tuple[str, str]]) -> list[Member]:
    """All members of all groups, of the providers as the core's status has them; `deployed` are the
    models and the providers they are on."""
    on: dict[str, list[str]] = {}
    for model, provider in deployed:
        on.setdefault(provider, []).append(model)
    return [
        Member(name, one["exclusive_group"], one["active"], tuple(on.get(name, ())))
        for name, one in figures.items()
        if one["exclusive_group"]
    ]


def meant(target: str, everyone: Iterable[Member]) -> Member:
    """The member a provider id, a model or a short name means: `qwen` is `vllm-qwen`.

    Raises SwitchRefused where that is none, or more than one.
    """
    everyone = list(everyone)
    for fits in (_is_provider, _is_model, _is_word):
        found = [member for member in everyone if fits(target, member)]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(member.provider for member in found)
            raise SwitchRefused(f"{target[:100]!r} can mean {several}; name one of them")
    known = ", ".join(member.provider for member in everyone) or "none"
    raise SwitchRefused(
        f"{target[:100]!r} is no member of an exclusive group; the members are: {known}"
    )


def with_active(document: bytes, active: Mapping[str, str]) -> bytes:
    """The config with these members active, by group, and no others of their groups. A group whose
    member is not there, or is disabled, stays as the file has it."""
    if not active:
        return document
    config = json.loads(document)
    providers = config.get("providers") or {}
    for group, chosen in active.items():
        entry = providers.get(chosen)
        if not entry or entry.get("exclusive_group") != group or entry.get("enabled") is False:
            continue
        for name, other in providers.items():
            if other.get("exclusive_group") == group:
                other["active"] = name == chosen
    return json.dumps(config).encode()


def _is_provider(target: str, member: Member) -> bool:
    return member.provider == target


def _is_model(target: str, member: Member) -> bool:
    return target in member.models


def _is_word(target: str, member: Member) -> bool:
    return target in _WORDS.split(member.provider)
