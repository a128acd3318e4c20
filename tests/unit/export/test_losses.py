"""The report: every key of the schema has a treatment, and what is written and lost is reported at
its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from router_service.config.reference import REFERENCE_CONFIG
from router_service.core import Table
from router_service.export.exported import export_litellm
from router_service.export.losses import EACH, Inside, Loss, Treatment
from router_service.export.strategies import NEAREST, Share
from router_service.export.treatment import TREATMENT

FLEET = Path(__file__).parent / "weighted-fleet.yaml"
SCHEMA: dict[str, Any] = json.loads(Table.schema())
NOTES = {"description", "applicable_to", "measure", "load_balance", "debug", "debug_router"}
NOTES |= {"routing_metrics", "weight_factors"}
"""May stand in any object, and nothing reads them there."""


def losses(text: str, folder: Path) -> dict[str, Loss]:
    path = folder / "routing.yaml"
    path.write_text(text)
    return {loss.pointer: loss for loss in export_litellm(path, {}).losses}


# ── Completeness ─────────────────────────────────────────────────────────────────────────────────


def untreated(treatment: Inside) -> list[str]:
    """Keys of the schema that a treatment does not speak of."""
    return list(_untreated(SCHEMA, treatment, "", set()))


def _untreated(
    schema: dict[str, Any], treatment: Treatment, at: str, seen: set[tuple[int, int]]
) -> Iterator[str]:
    if not isinstance(treatment, Inside):
        return
    for form in forms(schema):
        if (id(form), id(treatment)) in seen:  # steps hold steps
            continue
        seen.add((id(form), id(treatment)))
        inside = dict(form.get("properties", {}))
        each = form.get("items") or form.get("additionalProperties")
        if isinstance(each, dict):
            inside[EACH] = each
        for key, inner in inside.items():
            if key in treatment.members:
                yield from _untreated(inner, treatment.members[key], f"{at}/{key}", seen)
            elif key not in NOTES:
                yield f"{at}/{key}"


def forms(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in schema:
        yield from forms(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
        return
    yield schema
    for kind in ("anyOf", "oneOf", "allOf"):
        for form in schema.get(kind, []):
            yield from forms(form)


def test_every_key_of_the_schema_has_a_treatment() -> None:
    assert untreated(TREATMENT) == []


def test_a_key_without_a_treatment_would_be_noticed() -> None:
    members = {key: value for key, value in TREATMENT.members.items() if key != "budgets"}
    assert untreated(Inside(members)) == ["/budgets"]


def test_every_strategy_has_a_nearest_one() -> None:
    names = {name for form in forms(SCHEMA["$defs"]["StrategyName"]) for name in form["enum"]}
    ours = {name for name in names if "-" not in name} - {"load_balance"}
    assert set(NEAREST) == ours
    assert {nearest.share for nearest in NEAREST.values()} == set(get_args(Share))


# ── What is reported ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def found() -> dict[str, Loss]:
    return {loss.pointer: loss for loss in export_litellm(FLEET, {}).losses}


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        ("/providers/here/capacity", "by deployment and process"),
        ("/providers/here/failure_domain", "fails together"),
        ("/providers/spare", "not in use"),
        ("/providers/spare/exclusive_group", "take turns"),
        ("/providers/vault/credential_file", "from a file"),
        ("/models/idle-3b", "in use"),
        ("/capabilities/chat", "no capabilities"),
        ("/load_balancing/careful/strategy", "conditions"),
        ("/load_balancing/careful/providers/0/condition", "no conditions"),
        ("/patterns/0", "no regular expressions"),
        ("/fallback_chains/ranked-13b/0/condition", "no conditions"),
        ("/fallback_chains/spelled", "by its name"),
        ("/router_settings/timeout", "no deadline"),
        ("/budgets", "no budgets"),
    ],
)
def test_what_is_lost_is_reported(found: dict[str, Loss], pointer: str, reason: str) -> None:
    assert reason in found[pointer].reason
    assert found[pointer].instead


def test_what_is_expressed_is_not_reported(found: dict[str, Loss]) -> None:
    for kept in ("/models/shared-7b", "/models/shared-7b/aliases", "/router_settings/num_retries"):
        assert kept not in found
    assert "/load_balancing/busy/strategy" not in found


def test_a_loss_names_the_place_of_its_key(found: dict[str, Loss]) -> None:
    lines = FLEET.read_text().splitlines()
    loss = found["/budgets"]
    assert lines[loss.line - 1][loss.column - 1 :].startswith("budgets:")
    loss = found["/load_balancing/careful/providers/0/condition"]
    assert lines[loss.line - 1][loss.column - 1 :].startswith("condition:")


def test_losses_are_in_reading_order() -> None:
    places = [(loss.line, loss.column) for loss in export_litellm(FLEET, {}).losses]
    assert places == sorted(places)


def test_the_other_losses(tmp_path: Path) -> None:
    text = FLEET.read_text()
    more = (
        "model_size_routing:\n  - {size: < 8B, provider: here}\n"
        "request_metadata_routing:\n  batch: {provider: here, condition: batch_size > 1}\n"
        "experiments:\n  ab:\n    arms: {a: {model: shared-7b}, b: {model: long-70b}}\n"
    )
    text = text.replace("  num_retries: 1\n", "  num_retries: 1\n  delivery: {hedge: true}\n")
    found = losses(text + more, tmp_path)
    for pointer in (
        "/model_size_routing/0",
        "/request_metadata_routing/batch",
        "/experiments/ab",
        "/router_settings/delivery",
    ):
        assert pointer in found, found.keys()


def test_a_fallback_to_a_provider_alone_is_reported(tmp_path: Path) -> None:
    text = FLEET.read_text().replace("default: [vaulted-70b]", "default: [here]")
    found = losses(text, tmp_path)
    assert "requested name" in found["/fallback_chains/default"].reason


def test_a_name_that_litellm_takes_for_a_glob_is_reported(tmp_path: Path) -> None:
    text = FLEET.read_text().replace("  idle-3b:", '  "any*": {provider: here}\n  idle-3b:')
    assert "any text" in losses(text, tmp_path)["/models/any*"].reason


def test_the_reference_fleet_loses_what_litellm_does_not_have() -> None:
    reasons = " ".join(loss.reason for loss in export_litellm(REFERENCE_CONFIG, {}).losses)
    for word in ("regular expressions", "capabilities", "conditions", "size", "race"):
        assert word in reasons
