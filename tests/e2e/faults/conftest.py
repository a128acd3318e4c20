"""The report that the tests of this folder fill, and the option that publishes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .plans import PATIENCE_MS
from .table import Report

_OPTION = "--faults-table"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        _OPTION,
        type=Path,
        default=None,
        metavar="FILE",
        help="write what was found as a page, after a run of full length in which nothing failed",
    )


@pytest.fixture(scope="session")
def published(pytestconfig: pytest.Config) -> Path | None:
    """Where the page goes. Runs of other folders know no such option."""
    target: Path | None = pytestconfig.getoption(_OPTION, default=None)
    return target


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest, published: Path | None) -> Iterator[Report]:
    """What this run finds; published at its end where that is asked for."""
    found = Report()
    yield found
    if published is not None and not request.session.testsfailed:
        published.write_text(found.write(PATIENCE_MS))
