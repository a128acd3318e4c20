"""Damaged input for every reader: only declared errors may come out, and memory stays bounded.
`make fuzz` runs for a while and prints the figures, `make test` runs a short, fixed part."""

from __future__ import annotations

from . import connector_targets, core_targets, face_targets, log_targets

TARGETS = (
    *connector_targets.TARGETS,
    *core_targets.TARGETS,
    *face_targets.TARGETS,
    *log_targets.TARGETS,
)
