"""`python -m tests.fuzz`: damaged input for a while, then how much of it there was."""

from __future__ import annotations

import argparse
import resource
import sys
import time

from . import TARGETS
from .harness import Figures, Find, run

DEFAULT_S = 60.0


def main() -> int:
    names = {target.name: target for target in TARGETS}
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=DEFAULT_S, help="for all targets together")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="new each time if unset")
    parser.add_argument("--target", action="append", choices=sorted(names), help="all if unset")
    parser.add_argument("--case", type=int, help="only this one, to see a find again")
    asked = parser.parse_args()
    targets = [names[name] for name in asked.target or names]
    seconds = asked.seconds / len(targets)
    print(f"seed {asked.seed}, {seconds:.1f} s for each of {len(targets)} targets\n")
    print(f"{'target':18}{'cases':>10}{'a second':>10}{'taken':>8}{'most memory':>14}")
    finds = 0
    for target in targets:
        try:
            if asked.case is None:
                figures = run(target, seed=asked.seed, seconds=seconds)
            else:
                figures = run(target, seed=asked.seed, cases=1, first=asked.case)
        except Find as find:
            finds += 1
            print(f"{target.name:18}FOUND {find}")
        else:
            print(line(figures))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"\n{finds} finds; most memory of the process {peak // 1024} MiB")
    return 1 if finds else 0


def line(figures: Figures) -> str:
    speed = figures.cases / max(figures.seconds, 1e-9)
    taken = figures.taken / max(figures.cases, 1)
    memory = f"{figures.peak / 1024:,.0f} KiB" if figures.peak else "-"
    return f"{figures.name:18}{figures.cases:>10,}{speed:>10,.0f}{taken:>8.0%}{memory:>14}"


if __name__ == "__main__":
    sys.exit(main())
