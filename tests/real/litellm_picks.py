"""Builds LiteLLM's own Router from an exported file and lets it pick, in LiteLLM's environment.

    python litellm_picks.py FILE PICKS

Prints one JSON object: what was warned of or logged at WARNING and above, deployments by group,
picks by requested name and deployment id, and where a name that nobody knows goes. Where there is
only one deployment, or the name is an alias, a few picks are enough.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import litellm
import yaml

MESSAGES = [{"role": "user", "content": "hello"}]
FEW_PICKS = 20
UNKNOWN = "a-name-that-nobody-knows"


class Collected(logging.Handler):
    """Messages of every logger."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(f"{record.name}: {record.getMessage()}")


def main() -> None:
    config = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    use_once()
    logged = Collected()
    for name in ("", *logging.root.manager.loggerDict):
        logging.getLogger(name).addHandler(logged)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = seen_by_litellm(config, int(sys.argv[2]))
    problems = [f"{item.category.__name__}: {item.message}" for item in warned]
    print(json.dumps(found | {"problems": problems + logged.messages}))


def use_once() -> None:
    """LiteLLM warns of its own types when they are first used, whatever the config."""
    params = {"model": "openai/any", "api_base": "http://127.0.0.1:1/v1", "api_key": "none"}
    pick(litellm.Router([{"model_name": "any", "litellm_params": params}]), "any")


def seen_by_litellm(config: dict[str, Any], picks: int) -> dict[str, Any]:
    settings = config["router_settings"]
    router = litellm.Router(model_list=config["model_list"], **settings)
    groups = Counter(entry["model_name"] for entry in router.registry().all())
    times = {name: picks if several > 1 else FEW_PICKS for name, several in groups.items()}
    times |= dict.fromkeys(settings.get("model_group_alias", {}), FEW_PICKS)
    unknown = None
    if "*" in groups:
        unknown = router.get_available_deployment(UNKNOWN, messages=MESSAGES)["litellm_params"]
    return {
        "groups": groups,
        "picks": {
            name: Counter(pick(router, name) for _ in range(count)) for name, count in times.items()
        },
        "unknown": unknown and unknown["model"],
    }


def pick(router: litellm.Router, name: str) -> str:
    chosen = router.get_available_deployment(name, messages=MESSAGES)
    return str(chosen["model_info"]["id"])


if __name__ == "__main__":
    main()
