"""Import directions between the rooms of the package (ARCHITECTURE.md): what is not listed here is
not allowed, wherever in a file the import stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "router_service"
SOURCE = Path(__file__).resolve().parents[2] / "src"

WORDS = {"types", "errors"}
ALLOWED: dict[str, set[str]] = {
    "types": set(),
    "errors": set(),
    "v1": set(),
    "core": {"_core"},
    "config": {"core", "errors"},
    "service_config": {"config", "errors"},
    "export": {"config"},
    "connectors": WORDS,
    "logs": {"observe"},
    "replay": {"logs"},
    "discover": WORDS | {"config", "connectors", "core"},
    "doctor": WORDS | {"connectors", "core", "discover"},
    "observe": WORDS | {"__version__"},
    "serving": WORDS | {"core"},
    "faces": {"errors"},
    "faces.grpc": WORDS | {"core", "serving", "faces", "v1", "__version__"},
    "faces.http": WORDS | {"serving", "faces"},
    "testing": set(),
    "testing.demo": {"testing", "config", "service_config", "v1"},
    "cli": WORDS
    | {
        "core",
        "config",
        "discover",
        "doctor",
        "export",
        "replay",
        "service_config",
        "serving",
        "logs",
        "__version__",
    },
    "cli.live": {"errors", "v1"},
    "app": WORDS
    | {
        "core",
        "service_config",
        "connectors",
        "observe",
        "serving",
        "faces",
        "faces.grpc",
        "faces.http",
    },
}
"""Each room and the rooms it may import. `faces` is what both faces share; `__version__` stands for
names of the package itself."""

IN_FUNCTIONS: dict[str, set[str]] = {"cli": {"app", "cli.live", "testing.demo"}}
"""What may be imported inside a function besides: the rest of the service, only to start it."""

FOR_TYPES: dict[str, set[str]] = {
    "errors": {"types"},
    "observe": {"core"},
    "serving": {"observe"},
    "faces.http": {"core"},
}
"""What may be imported for annotations besides: the object itself is handed in."""

NESTED = {"cli.live", "faces.grpc", "faces.http", "testing.demo"}
HOLD_ROOMS = {PACKAGE, *(f"{PACKAGE}.{nested.split('.')[0]}" for nested in NESTED)}
"""Packages from which a name may be a whole room."""


class Import(NamedTuple):
    """One import of a module of ours. kind is module, function or types: where it stands."""

    importer: str
    imported: str
    line: int
    kind: str


def room(module: str) -> str:
    """The room a module stands in: the first part of its name, or the first two of a nested one."""
    parts = module.split(".")[1:]
    nested = ".".join(parts[:2])
    return nested if nested in NESTED else ".".join(parts[:1])


class Imports(ast.NodeVisitor):
    """Collects the imports of one file."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.kind = "module"
        self.found: list[Import] = []

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._add(name.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, f"{self.module}:{node.lineno}: write the whole module name"
        for name in node.names:
            inner = node.module in HOLD_ROOMS
            self._add(f"{node.module}.{name.name}" if inner else f"{node.module}", node.lineno)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._within("function", node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._within("function", node.body)

    def visit_If(self, node: ast.If) -> None:
        for_types = ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        self._within("types" if for_types else self.kind, node.body)
        self._within(self.kind, node.orelse)

    def _within(self, kind: str, body: list[ast.stmt]) -> None:
        outer, self.kind = self.kind, kind if self.kind != "types" else self.kind
        for statement in body:
            self.visit(statement)
        self.kind = outer

    def _add(self, imported: str, line: int) -> None:
        if imported.split(".")[0] == PACKAGE:
            self.found.append(Import(self.module, imported, line, self.kind))


def imports(module: str, source: str) -> list[Import]:
    collector = Imports(module)
    collector.visit(ast.parse(source))
    return collector.found


def allowed(found: Import) -> bool:
    importer, imported = room(found.importer), room(found.imported)
    extra = {"module": {}, "function": IN_FUNCTIONS, "types": FOR_TYPES | IN_FUNCTIONS}[found.kind]
    known = ALLOWED.get(importer, set()) | extra.get(importer, set())
    return importer == imported or imported in known


def violations(module: str, source: str) -> list[str]:
    return [
        f"{found.importer}:{found.line} imports {found.imported}"
        for found in imports(module, source)
        if not allowed(found)
    ]


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((SOURCE / PACKAGE).rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_imports_point_one_way() -> None:
    found = [
        violation
        for module, path in modules()
        for violation in violations(module, path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_room_has_its_rule() -> None:
    rooms = {room(module) for module, _ in modules()} - {""}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize(
    ("module", "source", "verdict"),
    [
        ("router_service.connectors.openai", "import router_service.core", "module"),
        ("router_service.connectors.openai", "from router_service import core", "module"),
        ("router_service.serving.run", "from router_service.faces.grpc.body import x", "module"),
        ("router_service.serving.run", "def f():\n  import router_service.connectors", "function"),
        ("router_service.serving.run", "from router_service.observe.logs import x", "module"),
        ("router_service.faces.http.app", "from router_service.v1 import router_pb2", "module"),
        ("router_service.faces.http.app", "from router_service.faces.grpc import body", "module"),
        ("router_service.faces.http.app", "from router_service.faces import grpc", "module"),
        ("router_service.config.routing", "from router_service._core import Table", "module"),
        ("router_service.cli.serve", "from router_service.app import serve", "module"),
        ("router_service.testing.fleet", "from router_service.types import Usage", "module"),
        (
            "router_service.types",
            "if TYPE_CHECKING:\n  from router_service.errors import RouterError",
            "types",
        ),
    ],
)
def test_a_wrong_direction_is_found(module: str, source: str, verdict: str) -> None:
    assert len(violations(module, source)) == 1
    assert imports(module, source)[0].kind == verdict


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("router_service.cli.serve", "def run():\n  from router_service.app import serve"),
        (
            "router_service.serving.run",
            "if TYPE_CHECKING:\n  from router_service.observe.tracing import x",
        ),
        ("router_service.faces.grpc.body", "from router_service.faces.auth import Keys"),
        ("router_service.faces.grpc.body", "from collections import abc"),
    ],
)
def test_a_right_direction_is_not(module: str, source: str) -> None:
    assert violations(module, source) == []
