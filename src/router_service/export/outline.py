"""`Table.outline()` with types: what the config sends where. Times are microseconds."""

from __future__ import annotations

import json
from typing import TypedDict


class Settings(TypedDict):
    strategy: str
    timeout_us: int
    num_retries: int
    max_attempts: int
    allowed_fails: int | None
    cooldown_us: int
    content_policy_fallback: bool


class Price(TypedDict):
    """US dollars."""

    usd_per_request: float
    usd_per_1k_prompt_tokens: float
    usd_per_1k_completion_tokens: float


class Provider(TypedDict):
    id: str
    kind: str
    base_url: str
    location: str
    capacity: int
    credential: str | None
    active: bool
    price: Price
    first_token_us: int
    idle_us: int
    total_us: int | None


class Deployment(TypedDict):
    """model is None for one that passes the requested name on."""

    id: str
    provider: str
    model: str | None
    upstream_model: str
    weight: float
    priority: int
    context_window: int | None
    enabled: bool


class Step(TypedDict):
    """Exactly one of model and deployment is set."""

    model: str | None
    deployment: str | None
    condition: str | None


class Model(TypedDict):
    name: str
    aliases: list[str]
    tier: str
    parameters: int | None
    capabilities: list[str]
    enabled: bool
    strategy: str
    deployments: list[str]
    chain: list[Step]


class Member(TypedDict):
    deployments: list[str]
    weight: float
    condition: str | None


class Pool(TypedDict):
    name: str
    strategy: str
    members: list[Member]
    fallback: list[Step]


class Capability(Pool):
    deprecated_names: list[str]


class Outline(TypedDict):
    settings: Settings
    providers: list[Provider]
    deployments: list[Deployment]
    models: list[Model]
    capabilities: list[Capability]
    pools: list[Pool]
    default_provider: str | None
    default_chain: list[Step]


def read_outline(outline: bytes) -> Outline:
    """The core's JSON as it is; its shape is the core's promise."""
    read: Outline = json.loads(outline)
    return read
