"""Writes the reference fleet as JSON for the core, which embeds it and reads no YAML.

Run it after each change to model-mappings.yaml: `python config/embed_reference.py`. A test compares
the two files.
"""

from __future__ import annotations

import json
from pathlib import Path

from ruamel.yaml import YAML

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "model-mappings.yaml"
TARGET = HERE.parent / "router_core" / "src" / "config" / "reference.json"


def rendered() -> str:
    """The JSON text that belongs to the YAML file as it is now."""
    with SOURCE.open(encoding="utf-8") as source:
        config = YAML(typ="safe", pure=True).load(source)
    return json.dumps(config, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(), encoding="utf-8")
