"""The schemas that editors read are those the parsers check by."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("router_service._core", reason="the core is not built")

CONFIG = Path(__file__).parents[2] / "config"
SCHEMAS: dict[Path, str] = runpy.run_path(str(CONFIG / "publish_schemas.py"))["schemas"]()


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_the_published_schema_is_the_declared_one(path: Path) -> None:
    assert json.loads(path.read_text()) == json.loads(SCHEMAS[path]), "run: make schemas"


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_shipped_files_name_their_schema(path: Path) -> None:
    named = [line for line in path.read_text().splitlines() if "yaml-language-server" in line]
    (line,) = named
    schema = line.partition("$schema=")[2]
    assert (CONFIG / schema) in SCHEMAS
