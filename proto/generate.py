"""Writes the Python classes of proto/ to src/, where proto path, package and Python path are equal.
With --check it writes nothing and fails where the committed classes are not what it would write."""

import argparse
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
OUT = ROOT / "src"


def generate(out: Path) -> None:
    """Runs the compiler; services get stubs, plain messages do not."""
    files = sorted(PROTO.rglob("*.proto"))
    services = [file for file in files if "\nservice " in file.read_text(encoding="utf-8")]
    _compile([f"--python_out={out}", f"--pyi_out={out}"], files)
    _compile([f"--grpc_python_out={out}"], services)


def _compile(outputs: list[str], files: list[Path]) -> None:
    arguments = ["protoc", f"--proto_path={PROTO}", *outputs, *map(str, files)]
    if protoc.main(arguments) != 0:
        sys.exit("proto: the compiler failed; see its messages above")


def stale(fresh: Path) -> list[str]:
    """Paths below src/ that are missing, left over, or differ from the fresh text."""
    wanted = {file.relative_to(fresh) for file in fresh.rglob("*_pb2*.py*")}
    present = {
        file.relative_to(OUT)
        for proto in PROTO.rglob("*.proto")
        for file in (OUT / proto.parent.relative_to(PROTO)).glob("*_pb2*.py*")
    }
    return sorted(
        str(path)
        for path in wanted | present
        if path not in wanted
        or path not in present
        or (fresh / path).read_bytes() != (OUT / path).read_bytes()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    if not parser.parse_args().check:
        generate(OUT)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        if differing := stale(Path(folder)):
            sys.exit(f"proto: out of date: {', '.join(differing)}; run make proto")


if __name__ == "__main__":
    main()
