"""Sends one chat for each name through LiteLLM's own Router, built from an exported file.

    python litellm_calls.py FILE PROMPT NAME...

Runs in LiteLLM's environment. Prints the answers as one JSON object, by name.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import litellm
import yaml


async def answers(config: dict[str, Any], prompt: str, names: list[str]) -> dict[str, str]:
    router = litellm.Router(model_list=config["model_list"], **config["router_settings"])
    messages = [{"role": "user", "content": prompt}]
    found = {}
    for name in names:
        answer = await router.acompletion(model=name, messages=messages)
        found[name] = answer.choices[0].message.content
    return found


def main() -> None:
    file, prompt, *names = sys.argv[1:]
    config = yaml.safe_load(Path(file).read_text(encoding="utf-8"))
    print(json.dumps(asyncio.run(answers(config, prompt, names))))


if __name__ == "__main__":
    main()
