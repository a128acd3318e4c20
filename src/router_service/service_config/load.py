"""Reads the service config: a YAML file, two environment variables, nothing else.

All errors are reported at once, each with file, line, column and the fix.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from router_service.config.diagnostics import (
    DocumentError,
    LocatedDiagnostic,
    error,
    in_reading_order,
    listing,
)
from router_service.config.document import Document, read_document
from router_service.config.places import Places, child
from router_service.errors import ServiceConfigRejected
from router_service.service_config.model import RoutingConfig, ServiceConfig

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CONFIG_VARIABLE = "ROUTER_SERVICE_CONFIG"
"""Environment variable that names the routing config, over the file's routing.config."""


def load_service_config(
    path: Path | str | None, environ: Mapping[str, str] = os.environ
) -> ServiceConfig:
    """Read a service config; None is all defaults.

    Raises ServiceConfigRejected whose text lists every error.
    """
    config = ServiceConfig() if path is None else _read(Path(path))
    routing = environ.get(CONFIG_VARIABLE)
    if not routing:
        return config
    return config.model_copy(update={"routing": RoutingConfig(config=Path(routing))})


def _read(path: Path) -> ServiceConfig:
    try:
        document = read_document(path)
    except DocumentError as problem:
        raise ServiceConfigRejected(str(problem)) from None
    found = list(document.problems)
    config: ServiceConfig | None = None
    try:
        config = _validated(document, path.parent)
    except ValidationError as problem:
        found += [_located(item, document.places) for item in problem.errors()]
    if config is None or found:
        raise ServiceConfigRejected(listing(in_reading_order(found)))
    return config


def _validated(document: Document, folder: Path) -> ServiceConfig:
    # An empty file is a config whose every key has its default. JSON, because pydantic's strict
    # mode then takes text for a path and a list for a tuple, and nothing else for anything else.
    value = {} if document.value is None else document.value
    return ServiceConfig.model_validate_json(json.dumps(value), context={"folder": folder})


def _located(item: ErrorDetails, places: Places) -> LocatedDiagnostic:
    pointer = ""
    for part in item["loc"]:
        pointer = child(pointer, part)
    name = ".".join(str(part) for part in item["loc"]) or "the service config"
    if item["type"] == "extra_forbidden":
        place = places.locate(pointer, at_key=True)
        return error(place, "unknown-key", f"there is no key {name}", _did_you_mean(item["loc"]))
    reason = item["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return error(places.locate(pointer), "bad-value", f"{name} {reason}", _described(item["loc"]))


def _did_you_mean(loc: tuple[int | str, ...]) -> str:
    known = list(_section(loc[:-1]).model_fields)
    close = difflib.get_close_matches(str(loc[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"remove it; known here: {', '.join(known)}"


def _described(loc: tuple[int | str, ...]) -> str:
    """What the field at `loc` is for, which also says its unit."""
    for depth in range(len(loc), 0, -1):
        described = _section(loc[: depth - 1]).model_fields.get(str(loc[depth - 1]))
        if described is not None and described.description:
            return f"{'.'.join(map(str, loc[:depth]))} is the {described.description}"
    return "see config/service.yaml for every key with its default"


def _section(loc: tuple[int | str, ...]) -> type[BaseModel]:
    """The innermost section `loc` passes through."""
    section: type[BaseModel] = ServiceConfig
    for part in loc:
        declared = section.model_fields.get(str(part))
        kind = declared.annotation if declared is not None else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            break
        section = kind
    return section
