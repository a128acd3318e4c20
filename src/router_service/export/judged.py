"""Losses that show only in what the config means: strategies, groups without a deployment,
fallbacks that take any name, keys kept in files, chains asked for by name."""

from __future__ import annotations

from collections.abc import Iterator

from router_service.config.document import Document
from router_service.config.places import child
from router_service.export.groups import Group
from router_service.export.litellm import key_variable
from router_service.export.losses import Loss, Lost, loss_at
from router_service.export.outline import Outline, Provider
from router_service.export.targets import passes_on

_UNUSED = Lost(
    "no deployment of it is in use now", "left out, and out of the fallbacks that name it"
)
_GLOB = Lost(
    "LiteLLM reads `*` in a group's name as any text", "exported as it is; give it another name"
)
_ANY_NAME = Lost(
    "LiteLLM's fallbacks are names: none sends the requested name on to a provider",
    "such steps are left out",
)
_NAMED_CHAIN = Lost("LiteLLM's callers cannot ask for a chain by its name", "left out")
_REFUSED = Lost(
    "LiteLLM tries a fallback after a refusal for content", "general `fallbacks` are tried"
)


def judged_losses(document: Document, outline: Outline, groups: list[Group]) -> Iterator[Loss]:
    """Everything here, in no order."""
    for group in groups:
        for pointer, lost in _of_group(document, group):
            yield loss_at(document, pointer, lost)
    for provider in outline["providers"]:
        for pointer, lost in _of_provider(provider):
            yield loss_at(document, pointer, lost)
    for pointer, lost in _of_chains(document, outline):
        yield loss_at(document, pointer, lost)
    if not outline["settings"]["content_policy_fallback"]:
        yield loss_at(document, "/router_settings/content_policy_fallback", _REFUSED)


def _of_group(document: Document, group: Group) -> Iterator[tuple[str, Lost]]:
    if group.section is None:
        return
    at = child(f"/{group.section}", group.name)
    if not group.entries:
        yield at, _UNUSED
    if "*" in group.name:
        yield at, _GLOB
    if len(group.entries) > 1 and group.nearest.lost is not None:
        yield _strategy_pointer(document, group), group.nearest.lost
    if any(passes_on(step) for step in group.fallbacks):
        yield _chain_pointer(document, group), _ANY_NAME


def _strategy_pointer(document: Document, group: Group) -> str:
    """A model's strategy is that of the pool of its name, else the one of the settings."""
    if group.section == "capabilities":
        return child("/capabilities", group.name) + "/routing_strategy"
    pool = child("/load_balancing", group.name)
    if pool in document.places.keys:
        return f"{pool}/strategy"
    return "/router_settings/routing_strategy"


def _chain_pointer(document: Document, group: Group) -> str:
    """The group's own chain or fallback, else the default chain."""
    own = child("/fallback_chains", group.name)
    fallback = child(f"/{group.section}", group.name) + "/fallback"
    written = (pointer for pointer in (own, fallback) if pointer in document.places.keys)
    return next(written, "/fallback_chains/default")


def _of_provider(provider: Provider) -> Iterator[tuple[str, Lost]]:
    at = child("/providers", provider["id"])
    if not provider["active"]:
        yield at, Lost("the provider is not in use now", "its deployments are left out")
    if "/" in (provider["credential"] or ""):
        instead = f"the key is expected in the environment variable {key_variable(provider)}"
        yield f"{at}/credential_file", Lost("LiteLLM reads no key from a file", instead)


def _of_chains(document: Document, outline: Outline) -> Iterator[tuple[str, Lost]]:
    """Chains with a name of their own; `default` is written out for each group instead."""
    sections = document.value if isinstance(document.value, dict) else {}
    chains = sections.get("fallback_chains")
    models = {model["name"] for model in outline["models"]}
    for name in chains if isinstance(chains, dict) else ():
        if name not in models and name != "default":
            yield child("/fallback_chains", name), _NAMED_CHAIN
