"""`analyze --svg`: every model, provider, domain and chain entry is in the picture, and nothing
stands on anything else."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service
from router_service.cli.analysis_layout import Box, layout

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "config/model-mappings.yaml"
SVG = "{http://www.w3.org/2000/svg}"


def run(*args: object) -> Result:
    return CliRunner().invoke(router_service, ["analyze", *map(str, args)])


def graph_of(path: Path) -> dict[str, Any]:
    graph: dict[str, Any] = json.loads(run(path, "--json").stdout)["graph"]
    return graph


def texts(path: Path) -> Counter[str]:
    root = ElementTree.parse(path).getroot()
    return Counter("".join(item.itertext()).strip() for item in root.iter(f"{SVG}text"))


def many(tmp_path: Path, models: int) -> Path:
    names = [f"$model_{place}$ <&" for place in range(models)]
    chains = {
        name: {"chain": [names[place - step] for step in (1, 2) if step < models]}
        for place, name in enumerate(names)
    }
    config = {
        "providers": {"one": {"kind": "openai", "base_url": "http://127.0.0.1:1/v1"}},
        "models": {name: {"provider": "one"} for name in names},
        "fallback_chains": {name: chain for name, chain in chains.items() if chain["chain"]},
        "unknown_model": "reject",
    }
    path = tmp_path / "many.yaml"
    path.write_text(json.dumps(config))
    return path


def test_the_shipped_fleet_is_drawn_whole(tmp_path: Path) -> None:
    graph = graph_of(REFERENCE)
    path = tmp_path / "fleet.svg"
    result = run(REFERENCE, "--svg", path)
    assert result.exit_code == 0, result.output
    found = texts(path)
    assert all(found[item["model"]] == 1 for item in graph["models"])
    assert all(found[name] for name in ("cloud premium", "cloud standard", "cloud entry", "local"))
    assert all(found[item["failure_domain"]] for item in graph["providers"])
    assert found["ollama, local, 99 %"] == 1
    assert found["vllm-dolphin, local, not active"] == 1
    for place in (1, 2, 3, 4):
        assert found[str(place)] == sum(len(item["chain"]) >= place for item in graph["models"])


def test_the_picture_in_the_docs_is_that_of_the_shipped_fleet(tmp_path: Path) -> None:
    path = tmp_path / "fleet.svg"
    run(REFERENCE, "--svg", path)
    assert texts(path) == texts(ROOT / "docs/reference-fleet.svg")


def test_names_are_text_whatever_is_in_them(tmp_path: Path) -> None:
    path = tmp_path / "many.svg"
    assert run(many(tmp_path, 3), "--svg", path).exit_code == 0
    assert all(texts(path)[f"$model_{place}$ <&"] == 1 for place in range(3))


def test_a_hundred_models_are_drawn_and_more_are_not(tmp_path: Path) -> None:
    path = tmp_path / "many.svg"
    result = run(many(tmp_path, 100), "--svg", path)
    assert result.exit_code == 0, result.output
    assert sum(text.startswith("$model_") for text in texts(path)) == 100
    path.unlink()
    refused = run(many(tmp_path, 101), "--svg", path)
    assert refused.exit_code == 1
    assert "draws 1 to 100 models, and this config has 101" in refused.output
    assert not path.exists()


def test_a_picture_is_of_one_file_and_an_svg() -> None:
    assert run(REFERENCE, REFERENCE, "--svg", "fleet.svg").exit_code == 2
    refused = run(REFERENCE, "--svg", "fleet.png")
    assert refused.exit_code == 2
    assert "is no .svg file" in refused.output


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run(REFERENCE, "--svg", tmp_path / "none" / "fleet.svg")
    assert result.exit_code == 1
    assert "none/fleet.svg" in result.output


def test_without_matplotlib_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "router_service.cli.analysis_drawing", raising=False)
    result = run(REFERENCE, "--svg", tmp_path / "fleet.svg")
    assert result.exit_code == 1
    assert result.output.endswith("run: pip install matplotlib\n")


# ── the layout ───────────────────────────────────────────────────────────────────────────────────


def measure(text: str, points: float) -> float:
    return len(text) * points / 100


def overlap(one: Box, other: Box) -> bool:
    return (
        abs(one.x - other.x) < (one.width + other.width) / 2
        and abs(one.y - other.y) < (one.height + other.height) / 2
    )


def holds(outer: Box, inner: Box) -> bool:
    return (
        abs(outer.x - inner.x) <= (outer.width - inner.width) / 2 + 1e-9
        and abs(outer.y - inner.y) <= (outer.height - inner.height) / 2 + 1e-9
    )


@pytest.mark.parametrize("models", [1, 15, 60, 100])
def test_nothing_stands_on_anything_else(tmp_path: Path, models: int) -> None:
    graph = graph_of(REFERENCE if models == 15 else many(tmp_path, models))
    drawn = layout(graph, measure)
    boxes = [node.box for node in drawn.nodes] + [domain.box for domain in drawn.domains]
    assert not any(overlap(one, other) for one, other in itertools.combinations(boxes, 2))
    page = Box(drawn.width / 2, drawn.height / 2, drawn.width, drawn.height)
    assert all(holds(page, box) for box in boxes)
    for holder in (*drawn.nodes, *drawn.domains):
        assert all(holds(holder.box, chip.box) for chip in holder.chips)


def test_edges_join_the_sides_of_the_models_they_are_of() -> None:
    graph = graph_of(REFERENCE)
    drawn = layout(graph, measure)
    boxes = {node.model: node.box for node in drawn.nodes}
    wanted = [
        (place, boxes[item["model"]], boxes[member])
        for item in graph["models"]
        for place, member in enumerate(item["chain"], start=1)
    ]
    assert len(drawn.edges) == len(wanted)
    ports = set()
    for edge, (place, one, other) in zip(drawn.edges, wanted, strict=True):
        assert edge.place == place
        for box, point in ((one, edge.points[0]), (other, edge.points[-1])):
            assert abs(point[0] - box.x) == pytest.approx(box.width / 2)
            assert abs(point[1] - box.y) < box.height / 2
            ports.add(point)
    assert len(ports) == 2 * len(wanted)
