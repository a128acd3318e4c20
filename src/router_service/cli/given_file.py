"""A YAML file that a command is given beside the routing config, read whole or refused.

What its keys mean is the matter of each command.
"""

from __future__ import annotations

from pathlib import Path

from router_service.config.diagnostics import DocumentError, listing
from router_service.config.document import Document, read_document
from router_service.errors import ConfigRejected


def read_given(path: Path) -> Document:
    """Raises ConfigRejected with every mistake and its place."""
    try:
        document = read_document(path)
    except DocumentError as problem:
        raise ConfigRejected(str(problem), [problem.diagnostic]) from None
    if document.problems:
        raise ConfigRejected(listing(document.problems), document.problems)
    return document
