"""The house: imports are acyclic, they only point down, and no room is crowded."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = {"rlnas": ROOT / "rlnas", "rlnas.envs": ROOT / "envs", "rlnas.agents": ROOT / "agents"}
"""Packages and their folders; each imports from itself and those before it only."""

CROWDED = 16
"""Python files in a folder."""


def modules() -> dict[str, Path]:
    """Every module of the three floors and its file."""
    found = {}
    for package, folder in FLOORS.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = path
    return found


MODULES = modules()


def imports(path: Path) -> Iterator[str]:
    """The modules of rlnas that a file imports, also those it imports inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rlnas"):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)


GRAPH = {module: set(imports(path)) for module, path in MODULES.items()}


def room(module: str) -> str:
    """The package that a module is in."""
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def floor(module: str) -> int:
    """The number of a module's floor, 0 for the core."""
    return max(k for k, name in enumerate(FLOORS) if f"{module}.".startswith(f"{name}."))


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """The nodes of a circle of a graph; none if it has none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_modules_import_one_another_in_no_circle():
    assert cycle(GRAPH) == []


@pytest.mark.parametrize("within", FLOORS)
def test_rooms_import_one_another_in_no_circle(within):
    graph: dict[str, set[str]] = {}
    for module, needed in GRAPH.items():
        ours = room(module)
        if ours != within and room(module).rpartition(".")[0] == within:
            theirs = {room(other) for other in needed} - {ours, *FLOORS}
            graph.setdefault(ours, set()).update(theirs)
    assert cycle(graph) == []


def test_imports_point_down():
    up = [(m, n) for m, needed in GRAPH.items() for n in needed if floor(n) > floor(m)]
    assert up == []


def test_a_circle_would_be_noticed():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) != []


def test_no_folder_is_crowded():
    folders = {path.parent for path in MODULES.values()}
    counts = {str(folder): len(list(folder.glob("*.py"))) for folder in folders}
    assert {folder: count for folder, count in counts.items() if count > CROWDED} == {}


def test_only_rooms_and_what_all_need_are_in_the_hall():
    assert len(MODULES) > 100
    assert "rlnas.nn.network" in GRAPH["rlnas.nn.edits"]
