"""Imports go down the floors of the house, never up, and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "asl_runner"

FLOORS: list[set[str]] = [
    {"errors", "toml_lines"},
    {"service_model"},
    {"expressions"},
    {"definition"},
    {"history", "graph"},
    {"interpreter"},
    {"functions", "storage"},
    {"sagemaker"},
    {"resources"},
    {"placement"},
    {"configuration"},
    {"workspace"},
    {"views"},
    {"endpoint", "web"},
    {"testing"},
    {"cli"},
    {"__main__"},
]
"""From the ground up; rooms on one floor do not know each other."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        yield name.removesuffix(".__init__"), path


def imports_of(path: Path, *, at_load: bool = False) -> set[str]:
    """The project's modules a file imports; with `at_load` only those imported when it is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: set[str] = set()
    nodes = _load_time_nodes(tree) if at_load else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            modules = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {module for module in modules if _is_module(module)}
            names.update(submodules)
            if submodules != modules:
                names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return {name for name in names if name.startswith("asl_runner.")}


def _is_module(name: str) -> bool:
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _load_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        yield node
        yield from _load_time_nodes(node)


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(name) for name, _ in modules() if name != "asl_runner"}
    assert rooms <= set(FLOOR_OF), f"give these rooms a floor: {sorted(rooms - set(FLOOR_OF))}"


def test_imports_go_down_only() -> None:
    wrong = [
        f"{name} (floor {FLOOR_OF[room_of(name)]}) imports {target} (floor {FLOOR_OF[room_of(target)]})"
        for name, path in modules()
        if name != "asl_runner"
        for target in sorted(imports_of(path))
        if room_of(target) in FLOOR_OF
        and room_of(target) != room_of(name)
        and FLOOR_OF[room_of(target)] >= FLOOR_OF[room_of(name)]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle_of_imports() -> None:
    known = dict(modules())
    graph = {
        name: {t for t in imports_of(path, at_load=True) if t in known and t != name} for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


def test_the_interpreter_knows_no_world() -> None:
    forbidden = {"sqlite3", "boto3", "botocore", "http", "socket", "subprocess", "rich", "click", "starlette", "docker"}
    for name, path in modules():
        if name.startswith(("asl_runner.interpreter", "asl_runner.expressions", "asl_runner.definition")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    found = {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module:
                    found = {node.module.split(".")[0]}
                else:
                    continue
                assert not found & forbidden, f"{name} imports {sorted(found & forbidden)}"
