"""From a routing config file to a table: findings of the loader and of the core, placed alike."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from router_service.config.diagnostics import LocatedDiagnostic
from router_service.config.reference import REFERENCE_CONFIG
from router_service.config.routing import check, load_routing, load_table, table_of
from router_service.core import Table
from router_service.errors import ConfigRejected

ROOT = Path(__file__).parents[2]
PROVIDERS = "providers:\n  one: {kind: openai, base_url: 'http://127.0.0.1:1/v1'}\n"
MODELS = "models:\n  small-7b: {provider: one}\n"


def write(folder: Path, text: str, name: str = "fleet.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def errors(found: list[LocatedDiagnostic]) -> list[LocatedDiagnostic]:
    return [item for item in found if item.severity == "error"]


def test_the_reference_fleet_ships_with_the_package_and_is_clean() -> None:
    assert REFERENCE_CONFIG.read_bytes() == (ROOT / "config/model-mappings.yaml").read_bytes()
    assert errors(check(REFERENCE_CONFIG)) == []
    assert {"ollama", "ollama_cloud"} <= {item.id for item in load_table().providers}


def test_a_small_config_compiles(tmp_path: Path) -> None:
    table = load_table(write(tmp_path, PROVIDERS + MODELS))
    assert [item.id for item in table.providers] == ["one"]
    assert [item.name for item in table.models] == ["small-7b"]


def test_findings_of_loader_and_core_come_together_in_reading_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        PROVIDERS
        + "  one: {kind: openai}\n"
        + "models:\n"
        + "  small-7b: {provder: one}\n"
        + "patterns:\n"
        + "  - {pattern: 'a[b', provider: one}\n",
    )
    with pytest.raises(ConfigRejected) as caught:
        load_table(path)
    found = errors(list(caught.value.diagnostics))
    places = [(item.line, item.code) for item in found]
    assert places == sorted(places)
    assert (3, "duplicate-key") in places
    unknown = next(item for item in found if item.code == "unknown-key")
    assert (unknown.line, unknown.column) == (5, len("  small-7b: {") + 1)
    assert "provider" in (unknown.suggestion or "")
    assert any(item.line == 7 and item.column > len("  - {pattern: '") for item in found)
    assert str(caught.value).startswith(f"{path}:3:3: error: ")


def test_core_findings_are_placed_in_included_files(tmp_path: Path) -> None:
    models = write(tmp_path, "# models\nmodels:\n  small-7b: {provider: onne}\n", "models.yaml")
    found = errors(check(write(tmp_path, "include: models.yaml\n" + PROVIDERS)))
    assert [(item.file, item.line) for item in found] == [(str(models), 3)]
    assert "one" in (found[0].suggestion or "")


def test_a_missing_include_is_the_only_finding(tmp_path: Path) -> None:
    path = write(tmp_path, "include: providers.yaml\nmodels: {small-7b: {provider: one}}\n")
    assert [(item.code, item.line) for item in check(path)] == [("unreadable-file", 1)]


def test_included_files_make_the_same_table_as_one_file(tmp_path: Path) -> None:
    write(tmp_path, MODELS, "models.yaml")
    joined = load_table(write(tmp_path, "include: [models.yaml]\n" + PROVIDERS))
    whole = load_table(write(tmp_path, PROVIDERS + MODELS, "whole.yaml"))
    assert joined.version == whole.version


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n", "a:\n\tb: 1\n", "\0"])
def test_bad_files_are_one_placed_error(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigRejected) as caught:
        load_table(path)
    (item,) = caught.value.diagnostics
    assert item.file == str(path)
    assert item.line >= 1
    assert item.suggestion


def test_a_missing_file_is_one_placed_error(tmp_path: Path) -> None:
    (item,) = check(tmp_path / "none.yaml")
    assert (item.code, item.severity) == ("unreadable-file", "error")


# ── The files a running router watches ──────────────────────────────────────────────────────────


def test_every_file_is_known_with_its_state(tmp_path: Path) -> None:
    path = write(tmp_path, "include: [models.yaml]\n" + PROVIDERS)
    models = write(tmp_path, MODELS, "models.yaml")
    files = load_routing(path).files
    assert set(files.stamps) == {str(path), str(models)}
    assert files.again() == files
    models.write_text(MODELS + "# more\n")
    assert files.again() != files
    assert load_routing(path).files == files.again()


def test_a_file_that_is_replaced_by_one_of_the_same_size_and_time_shows(tmp_path: Path) -> None:
    path = write(tmp_path, PROVIDERS + MODELS)
    files = load_routing(path).files
    other = write(tmp_path, path.read_text(), "other.yaml")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)
    assert files.again() != files


def test_a_missing_file_is_known_too(tmp_path: Path) -> None:
    path = write(tmp_path, "include: [models.yaml]\n" + PROVIDERS)
    loaded = load_routing(path)
    assert loaded.table is None
    assert loaded.files.stamps[str(tmp_path / "models.yaml")] is None
    write(tmp_path, MODELS, "models.yaml")
    assert loaded.files.again() != loaded.files
    assert load_routing(tmp_path / "none.yaml").files.stamps == {str(tmp_path / "none.yaml"): None}


def test_the_document_is_what_the_table_was_compiled_of(tmp_path: Path) -> None:
    path = write(tmp_path, "include: [models.yaml]\n" + PROVIDERS)
    write(tmp_path, MODELS, "models.yaml")
    loaded = load_routing(path)
    assert Table.compile(loaded.document).version == table_of(loaded).version
