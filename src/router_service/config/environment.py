"""Four environment variables that set up model routing over what the routing config says, so that
an operator can turn it on, or change its ratio, without touching a file. Read nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from router_service.config.diagnostics import DocumentError, Place, error
from router_service.config.document import Document, Json
from router_service.config.places import child

ENABLE = "ENABLE_MODEL_ROUTING"
MODEL_3B = "MODEL_3B_NAME"
MODEL_8B = "MODEL_8B_NAME"
RATIO = "AB_TEST_RATIO"

_SWITCH = {"true": True, "1": True, "false": False, "0": False}


def apply_environment(document: Document, environ: Mapping[str, str]) -> None:
    """Set in a document what the variables say of the experiment that `query_classes` names.

    ENABLE_MODEL_ROUTING (true, false, 1, 0) turns it on or off, MODEL_3B_NAME and MODEL_8B_NAME
    name the models of the arms of simple and of complex queries, AB_TEST_RATIO (0 to 1) is the
    share of the former, in place of a schedule. A variable that is unset or empty changes nothing.
    Raises DocumentError for a value that is none of these, and where routing is to be turned on in
    a config that has no query classes.
    """
    given = {name: environ.get(name, "").strip() for name in (ENABLE, MODEL_3B, MODEL_8B, RATIO)}
    enabled = _switch(given[ENABLE])
    ratio = _ratio(given[RATIO])
    routing = _Routing.of(document)
    if routing is None:
        if enabled:
            raise _no_query_classes()
        return
    if enabled is not None:
        routing.set(enabled, ENABLE, "enabled")
    for variable, arm in ((MODEL_3B, routing.simple), (MODEL_8B, routing.complex)):
        if given[variable]:
            routing.set(given[variable], variable, "arms", arm, "model")
    if ratio is not None:
        routing.share(ratio)


@dataclass(frozen=True, slots=True)
class _Routing:
    """The experiment that serves classified queries, as the document has it."""

    document: Document
    name: str
    experiment: dict[str, Any]
    simple: str
    complex: str

    @classmethod
    def of(cls, document: Document) -> _Routing | None:
        """None where the document holds no such thing, or holds it in a shape the core refuses."""
        sections = document.value if isinstance(document.value, dict) else {}
        classes = sections.get("query_classes")
        experiments = sections.get("experiments")
        if not isinstance(classes, dict) or not isinstance(experiments, dict):
            return None
        name, simple, complex_ = (classes.get(key) for key in ("experiment", "simple", "complex"))
        if not (isinstance(name, str) and isinstance(simple, str) and isinstance(complex_, str)):
            return None
        experiment = experiments.get(name)
        arms = experiment.get("arms") if isinstance(experiment, dict) else None
        if not isinstance(experiment, dict) or not isinstance(arms, dict):
            return None
        if not all(isinstance(arms.get(arm), dict) for arm in (simple, complex_)):
            return None
        return cls(document, name, experiment, simple, complex_)

    def set(self, value: Json, variable: str, *keys: str) -> None:
        """Set a member; a finding about it points at the variable."""
        holder = self.experiment
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = value
        pointer = ""
        for key in ("experiments", self.name, *keys):
            pointer = child(pointer, key)
        self.document.places.values[pointer] = _place(variable)

    def share(self, ratio: float) -> None:
        """Give the simple arm this share and the others, in their own proportions, the rest."""
        self.experiment.pop("schedule", None)
        arms = self.experiment["arms"]
        others = [arm for name, arm in arms.items() if name != self.simple]
        if all(isinstance(arm, dict) and _number(arm.get("share")) for arm in others):
            total = sum(arm["share"] for arm in others)
            for arm in others:
                arm["share"] = (1 - ratio) * arm["share"] / total
        else:
            for arm in others:
                arm.pop("share", None)
        self.set(ratio, RATIO, "arms", self.simple, "share")


def _number(value: object) -> bool:
    """A share above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _switch(text: str) -> bool | None:
    if not text:
        return None
    on = _SWITCH.get(text.lower())
    if on is None:
        raise _refused(ENABLE, text, "neither true nor false", "set true, false, 1 or 0")
    return on


def _ratio(text: str) -> float | None:
    if not text:
        return None
    try:
        ratio = float(text)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise _refused(RATIO, text, "no number from 0 to 1", "set a share such as 0.3")
    return ratio


def _refused(variable: str, text: str, what: str, fix: str) -> DocumentError:
    shown = text if len(text) <= 40 else text[:40] + "…"
    return DocumentError(error(_place(variable), "bad-value", f"{shown!r} is {what}", fix))


def _no_query_classes() -> DocumentError:
    return DocumentError(
        error(
            _place(ENABLE),
            "no-query-classes",
            "model routing is to be turned on, but the routing config has no query_classes whose "
            "experiment and arms it defines",
            "use config/model-routing-3b-8b.yaml, or include it",
        )
    )


def _place(variable: str) -> Place:
    return Place(f"environment variable {variable}")
