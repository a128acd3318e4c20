"""A LiteLLM config made of groups: `model_list` and `router_settings`.

Keys stay where they are: an entry names the environment variable that holds its provider's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from router_service.export.groups import Entry, Group
from router_service.export.outline import Outline, Price, Provider
from router_service.export.strategies import NEAREST, SHUFFLE
from router_service.export.targets import Targets

EVERY_NAME = "*"
_PREFIXES = {"ollama": "ollama_chat", "openai": "openai", "vllm": "hosted_vllm"}
"""What LiteLLM calls our kinds of providers."""

_NO_KEY = "none"
"""LiteLLM's OpenAI client wants some key, and would else send the one of its own environment."""

_OURS = "router_service"
"""Where an entry says what LiteLLM has no word for, out of the way of its own: its `tier`, say, is
free or paid."""

Config = dict[str, Any]


def litellm_config(outline: Outline, groups: list[Group], redis: Config) -> Config:
    """The whole file as plain values. redis are router settings taken over as they are."""
    targets = Targets(outline, groups)
    providers = {provider["id"]: provider for provider in outline["providers"]}
    used = [group for group in groups if group.entries]
    model_list = [
        _deployment(outline, providers[entry.deployment["provider"]], group, entry)
        for group in used
        for entry in group.entries
    ]
    default = providers.get(outline["default_provider"] or "")
    if default is not None and default["active"]:
        model_list.append(_any_name(default))
    return {
        "model_list": model_list,
        "router_settings": _router_settings(outline, used, targets) | redis,
    }


# ── model_list ──────────────────────────────────────────────────────────────────────────────────


def _deployment(outline: Outline, provider: Provider, group: Group, entry: Entry) -> Config:
    deployment = entry.deployment
    params = _params(provider, deployment["upstream_model"])
    params["weight"] = entry.weight
    if len(group.levels) > 1:
        # LiteLLM never chooses a member without `order` beside members that have one.
        params["order"] = entry.level
    key = deployment["id"] if group.section == "models" else f"{group.name}/{deployment['id']}"
    info = _info(provider, key)
    if deployment["context_window"] is not None:
        info["max_input_tokens"] = deployment["context_window"]
    model = next((m for m in outline["models"] if m["name"] == deployment["model"]), None)
    if model is not None:
        info[_OURS] |= {"tier": model["tier"], "capabilities": model["capabilities"]}
    return {"model_name": group.name, "litellm_params": params, "model_info": info}


def _any_name(provider: Provider) -> Config:
    """What stands for names no group has: the requested name goes upstream unchanged."""
    return {
        "model_name": EVERY_NAME,
        "litellm_params": _params(provider, EVERY_NAME),
        "model_info": _info(provider, f"{EVERY_NAME}@{provider['id']}"),
    }


def _params(provider: Provider, upstream_model: str) -> Config:
    params: Config = {
        "model": f"{_PREFIXES[provider['kind']]}/{upstream_model}",
        "api_base": provider["base_url"],
        "api_key": _key(provider),
        "max_parallel_requests": provider["capacity"],
        "stream_timeout": _seconds(max(provider["first_token_us"], provider["idle_us"])),
    }
    if provider["total_us"] is not None:
        params["timeout"] = _seconds(provider["total_us"])
    price = provider["price"]
    if _priced_by_token(price):
        params["input_cost_per_token"] = price["usd_per_1k_prompt_tokens"] / 1000
        params["output_cost_per_token"] = price["usd_per_1k_completion_tokens"] / 1000
    return params


def _info(provider: Provider, key: str) -> Config:
    """What LiteLLM knows of an entry, and under a key of its own what it has no word for."""
    info: Config = {"id": key}
    price = provider["price"]
    if _priced_by_token(price):
        # Without these LiteLLM warns that cached tokens count as free; ours cost what others do.
        cached = price["usd_per_1k_prompt_tokens"] / 1000
        info |= {"cache_creation_input_token_cost": cached, "cache_read_input_token_cost": cached}
    return info | {_OURS: {"provider": provider["id"], "location": provider["location"]}}


def _key(provider: Provider) -> str:
    credential = provider["credential"]
    if credential is None:
        return _NO_KEY
    return f"os.environ/{key_variable(provider)}"


def key_variable(provider: Provider) -> str:
    """The environment variable of a provider's key; made up where ours is kept in a file."""
    credential = provider["credential"] or ""
    if credential and "/" not in credential:
        return credential
    letters = (
        letter if letter.isascii() and letter.isalnum() else "_" for letter in provider["id"]
    )
    return f"{''.join(letters).upper()}_API_KEY"


def _priced_by_token(price: Price) -> bool:
    return bool(price["usd_per_1k_prompt_tokens"] or price["usd_per_1k_completion_tokens"])


def _seconds(microseconds: int) -> int | float:
    whole, rest = divmod(microseconds, 1_000_000)
    return microseconds / 1_000_000 if rest else whole


# ── router_settings ─────────────────────────────────────────────────────────────────────────────


def _router_settings(outline: Outline, groups: list[Group], targets: Targets) -> Config:
    settings = outline["settings"]
    main = NEAREST[settings["strategy"]].routing_strategy
    config: Config = {
        "routing_strategy": main,
        "num_retries": settings["num_retries"],
        "max_fallbacks": settings["max_attempts"] - 1,
        "timeout": _seconds(settings["timeout_us"]),
        "cooldown_time": _seconds(settings["cooldown_us"]),
        "enable_pre_call_checks": True,
    }
    if settings["allowed_fails"] is None:
        config["disable_cooldowns"] = True
    else:
        config["allowed_fails"] = settings["allowed_fails"]
    if main == SHUFFLE:
        config["enable_weighted_failover"] = True
    optional = {
        "model_group_alias": _aliases(outline, groups),
        "routing_groups": _routing_groups(groups, main),
        "fallbacks": _by_group(groups, targets.of),
        "context_window_fallbacks": _by_group(groups, targets.larger),
    }
    return config | {key: value for key, value in optional.items() if value}


def _aliases(outline: Outline, groups: list[Group]) -> dict[str, str]:
    names = {group.name for group in groups}
    aliases: dict[str, str] = {}
    for model in outline["models"]:
        aliases |= dict.fromkeys(model["aliases"], model["name"])
    for capability in outline["capabilities"]:
        aliases |= dict.fromkeys(capability["deprecated_names"], capability["name"])
    return {alias: name for alias, name in aliases.items() if name in names and alias not in names}


def _routing_groups(groups: list[Group], main: str) -> list[Config]:
    """One for each strategy other than the main one, with the groups of several that use it."""
    found: dict[str, list[str]] = {}
    for group in groups:
        strategy = group.nearest.routing_strategy
        if strategy != main and len(group.entries) > 1:
            found.setdefault(strategy, []).append(group.name)
    return [
        {"group_name": f"by {strategy}", "models": models, "routing_strategy": strategy}
        for strategy, models in found.items()
    ]


def _by_group(
    groups: list[Group], targets_of: Callable[[Group], list[str]]
) -> list[dict[str, list[str]]]:
    found = ((group.name, targets_of(group)) for group in groups)
    return [{name: targets} for name, targets in found if targets]
