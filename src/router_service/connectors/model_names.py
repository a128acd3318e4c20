"""The names a server may list a model by, beside the one it is asked for by.
Ollama alone has several for one model; elsewhere a name is itself or another's."""

from __future__ import annotations

import re
from collections.abc import Collection

_CLOUD_SUFFIX = re.compile(r"[-:]cloud$")
"""Put on by Ollama's command line; the service lists, and takes, the name without it too."""


def is_listed(kind: str, model: str, listed: Collection[str]) -> bool:
    """Whether a list of models holds this one, under any name a server of this kind may give it."""
    names = {model}
    if kind == "ollama":
        names.add(_CLOUD_SUFFIX.sub("", model))
        names |= {f"{name}:latest" for name in names if ":" not in name}
    return not names.isdisjoint(listed)
