"""Writes the JSON Schemas of both config files next to them, for editors.

Run it after each change to the declarations (`make schemas`); a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path

from router_service.core import Table
from router_service.service_config import ServiceConfig

HERE = Path(__file__).resolve().parent


def schemas() -> dict[Path, str]:
    """Each file and the text that belongs in it."""
    declared = {
        "model-mappings.schema.json": json.loads(Table.schema()),
        "service.schema.json": ServiceConfig.model_json_schema(),
    }
    return {
        HERE / name: json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for name, schema in declared.items()
    }


if __name__ == "__main__":
    for path, text in schemas().items():
        path.write_text(text, encoding="utf-8")
