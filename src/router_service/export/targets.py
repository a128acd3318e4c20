"""Where a group's fallbacks lead: the names of other groups, as far as there are such.

LiteLLM follows the fallbacks of the group that failed; ours are written out for each group.
"""

from __future__ import annotations

from router_service.export.groups import PASSTHROUGH, Group
from router_service.export.outline import Outline, Step


class Targets:
    """Names of the groups that steps lead to."""

    def __init__(self, outline: Outline, groups: list[Group]) -> None:
        self._groups = {group.name: group for group in groups if group.entries}
        self._models = {entry["id"]: entry["model"] for entry in outline["deployments"]}

    def of(self, group: Group) -> list[str]:
        """The group's fallbacks, each once, without those whose deployments it holds already."""
        own = _deployments(group)
        names: dict[str, None] = {}
        for step in group.fallbacks:
            name = self._name(step)
            if name is not None and not _deployments(self._groups[name]) <= own:
                names[name] = None
        return list(names)

    def larger(self, group: Group) -> list[str]:
        """Of these, the ones with a context window larger than all of the group's own."""
        own = _largest_window(group)
        if own is None:
            return []
        windows = {name: _largest_window(self._groups[name]) for name in self.of(group)}
        return [name for name, window in windows.items() if window is not None and window > own]

    def _name(self, step: Step) -> str | None:
        """None where the target is out of use, or takes whatever name was requested."""
        name = step["model"]
        if step["deployment"] is not None:
            name = step["deployment"]
            if name not in self._groups:
                name = self._models[name]
        return name if name in self._groups else None


def passes_on(step: Step) -> bool:
    """Whether a step sends the requested name to a provider, whatever it is."""
    return (step["deployment"] or "").startswith(PASSTHROUGH)


def _deployments(group: Group) -> set[str]:
    return {entry.deployment["id"] for entry in group.entries}


def _largest_window(group: Group) -> int | None:
    """None where one of the group's windows is unknown."""
    windows = [entry.deployment["context_window"] for entry in group.entries]
    known = [window for window in windows if window is not None]
    return max(known) if known and len(known) == len(windows) else None
