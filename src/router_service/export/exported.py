"""`export_litellm`: a routing config as a LiteLLM file, and all that is lost."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from os import environ as process_environ
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from router_service.config.document import Document
from router_service.config.reference import REFERENCE_CONFIG
from router_service.config.routing import load_with_places
from router_service.export.groups import groups_of
from router_service.export.judged import judged_losses
from router_service.export.litellm import litellm_config
from router_service.export.losses import Loss, written_losses
from router_service.export.outline import read_outline
from router_service.export.treatment import TREATMENT

_WIDTH = 100
_YAML_VERSION = (1, 1)
"""The one LiteLLM reads, in which a name such as `on` needs quotes."""


@dataclass(frozen=True, slots=True)
class Export:
    """config is the file's content as plain values, text the file itself; losses are in reading
    order."""

    source: str
    table_version: str
    config: dict[str, Any]
    losses: list[Loss]

    @property
    def text(self) -> str:
        writer = YAML()
        writer.version = _YAML_VERSION
        writer.width = _WIDTH
        writer.indent(mapping=2, sequence=4, offset=2)
        writer.representer.ignore_aliases = lambda _: True
        written = io.StringIO()
        written.write(
            f"# LiteLLM config, exported from {self.source}, table version {self.table_version}.\n"
            f"# {len(self.losses)} things of it are not expressed: see the report of the export.\n"
        )
        writer.dump(self.config, written)
        return written.getvalue()


def export_litellm(
    path: Path | str = REFERENCE_CONFIG, environ: Mapping[str, str] = process_environ
) -> Export:
    """Raises ConfigRejected for a config that does not compile."""
    table, document = load_with_places(path, environ)
    outline = read_outline(table.outline())
    groups = groups_of(outline)
    losses = {
        *written_losses(document, TREATMENT),
        *judged_losses(document, outline, groups),
    }
    return Export(
        source=Path(path).name,
        table_version=table.version,
        config=litellm_config(outline, groups, _redis(document)),
        losses=sorted(losses, key=lambda loss: (loss.file, loss.line, loss.column, loss.reason)),
    )


def _redis(document: Document) -> dict[str, Any]:
    """What the file says of Redis, which our own router does not use yet."""
    sections = document.value if isinstance(document.value, dict) else {}
    settings = sections.get("router_settings")
    written = settings if isinstance(settings, dict) else {}
    keys = ("redis_host", "redis_port")
    return {key: written[key] for key in keys if written.get(key) is not None}
