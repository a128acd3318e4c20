"""`python -m bench`: all levels, or those named; a table on the screen and a file in .bench.

Run it from the repository's root, with the package installed.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bench import boundary, core, footprint, service
from bench.report import Figure, save, show

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".bench"
LEVELS = ("core", "boundary", "service")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--level",
        choices=LEVELS,
        action="append",
        help="measure this level only; may be given several times",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the service level")
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one measurement")
    return parser.parse_args()


async def _service(effort: service.Effort) -> list[Figure]:
    figures = await footprint.starts()
    async with service.world() as world:
        figures += await service.shim(world, effort)
        figures += await service.route(world, effort)
        figures += await footprint.after_load(world, effort.seconds)
    return figures


def main() -> None:
    arguments = _arguments()
    levels = arguments.level or LEVELS
    figures: list[Figure] = []
    if "core" in levels:
        figures += core.measure(ROOT, RESULTS / "criterion")
    if "boundary" in levels:
        figures += boundary.measure()
    if "service" in levels:
        effort = service.Effort(arguments.rounds, arguments.seconds)
        figures += asyncio.run(_service(effort))
    show(figures)
    print(f"written to {save(figures, RESULTS).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
