"""Hostile values: files of the right form in which one value is another one.

Every value of a JSON file is replaced by each of `BAD`, or left out; columns and arrays likewise.
`make test` tries some of them, `make fuzz` all (`RLNAS_FUZZ`).
"""

import io
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas import plots
from rlnas.agents.cli.main import main
from rlnas.agents.designing.design import design
from rlnas.agents.experiments import (
    capacity,
    compare,
    compare_report,
    frontier,
    frontier_report,
    reference_scores,
    transfer,
    transfer_report,
)
from rlnas.agents.experiments.search_task import SearchTask
from rlnas.agents.policies import environments
from rlnas.agents.policies.policy import load_policy, save_edit_sequence
from rlnas.agents.reports.report import write_report
from rlnas.agents.training.ppo import train
from rlnas.data import loading
from rlnas.designs.database import FILE, DesignRecord
from rlnas.errors import InputError
from rlnas.tabular.card import data_card
from rlnas.tabular.table import Table
from tests.agents.experiments.test_capacity import FEW
from tests.agents.experiments.test_frontier import SHORT
from tests.agents.experiments.test_reference_scores import SHORT as SHORT_TASK
from tests.agents.helpers import tiny
from tests.core.tables import members, npz, random_table
from tests.test_fuzz import FILES, limited_memory

TRIED = min(FILES, 5) if FILES <= 40 else FILES
"""Changes to each kind of file, at the most."""

RAW = {
    "@huge": "9" * 400,
    "@beyond": "9" * 5000,
    "@infinity": "1e999",
    "@deep": "[" * 5000 + "]" * 5000,
    "@nested": "[" * 100 + "]" * 100,
    "@surrogate": '"\\ud800"',
    "@null": '"a\\u0000b"',
}
"""JSON that Python would not write."""

BAD: tuple[Any, ...] = (
    *(None, True, 0, -1, 0.5, 10**9, 2**53 + 1, 2**70, -(2**70), 1e-300, 1e300, -1e300),
    *(float("nan"), float("inf"), "", "x", "1", "[/red]\x1b[31m$\\frac$", "../x", "y" * 100_000),
    *([], [0], [[1]], ["x"], {}, {"x": 1}, *RAW),
)
"""Values in place of others."""


def changed(value: Any) -> Iterator[Any]:
    """A JSON value with one value in it replaced, left out, or there twice."""
    yield from BAD
    if isinstance(value, dict):
        for key, each in value.items():
            rest = {name: other for name, other in value.items() if name != key}
            yield rest
            yield {**value, f"{key}\x1b": each}
            for other in changed(each):
                yield {**value, key: other}
    elif isinstance(value, list):
        for place in sorted({0, len(value) - 1} if value else ()):
            yield value[:place] + value[place + 1 :]
            yield [*value, value[place]]
            for other in changed(value[place]):
                yield [*value[:place], other, *value[place + 1 :]]


def as_text(value: Any) -> bytes:
    """JSON, and what looks like it."""
    text = json.dumps(value)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text.encode()


def json_changes(content: bytes) -> Iterator[bytes]:
    yield from map(as_text, changed(json.loads(content)))


def header_changes(content: bytes) -> Iterator[bytes]:
    """Of a safetensors file, the JSON within the JSON of its header too."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    inner = json.loads(header["__metadata__"]["network"])
    texts = [as_text(value).decode(errors="replace") for value in changed(inner)]
    wholes = [{**header, "__metadata__": {"network": text}} for text in texts]
    for whole in (*map(as_text, wholes), *map(as_text, changed(header))):
        yield len(whole).to_bytes(8, "little") + whole + content[8 + length :]


def npz_changes(path: Path) -> Iterator[bytes]:
    """Every array as another type or shape, with other values, or as something else."""
    whole = members(path)
    for name, array in whole.items():
        yield npz({key: value for key, value in whole.items() if key != name})
        others = [
            *(
                array[None],
                array.ravel()[:0],
                array.ravel()[:1],
                array.reshape(-1),
                array[..., None],
            ),
            *(np.array(text) for text in ("", "x", "null", "[" * 5000)),
            *(
                np.zeros(array.shape, kind)
                for kind in ("u1", "i8", "f2", "f8", "c8", "U3", "M8[s]")
            ),
            *(
                np.full(array.shape, value)
                for value in (np.nan, np.inf, -1.0, 1e300, 2**62, -(2**62))
            ),
        ]
        if array.dtype.kind == "U":
            others += [
                np.array(as_text(v).decode(errors="replace"))
                for v in changed(json.loads(str(array)))
            ]
        for other in others:
            yield npz({**whole, name: other})


def with_bytes(path: Path) -> Iterator[bytes]:
    """Members that are no arrays."""
    for name in members(path):
        for end in ("", ".npy"):
            stream = io.BytesIO(npz({k: v for k, v in members(path).items() if k != name}))
            with zipfile.ZipFile(stream, "a") as file:
                file.writestr(name + end, b"no array")
            yield stream.getvalue()


def csv_changes(content: bytes) -> Iterator[bytes]:
    """Every field of the second row, and every name, as something else."""
    lines = content.decode().splitlines()
    for row in (0, 2):
        fields = lines[row].split(",")
        for place in range(len(fields)):
            for bad in ("", "x", "nan", "-inf", "1e308", "-1", "1e-320", '"', "\0", "y" * 200_000):
                other = ",".join([*fields[:place], bad, *fields[place + 1 :]])
                yield "\n".join([*lines[:row], other, *lines[row + 1 :]]).encode()
            yield "\n".join([*lines[:row], ",".join(fields[:place]), *lines[row + 1 :]]).encode()
    yield b"\xff" + content


def archive_changes(content: bytes) -> Iterator[Callable[[], bytes]]:
    """Every column of one row, or of all."""
    values = [None, 0, -1, 0.5, 2**62, 1e300, float("inf"), "", "x", b"x", "[/]\x1b[31m", "[[1]]"]
    for field in fields(DesignRecord):
        for value in (*values, "y" * 100_000, "[" * 5000, "[1, 2, 3]"):
            for where in ("timestep = (SELECT max(timestep) FROM designs)", "timestep > 0"):
                order = f"UPDATE OR REPLACE designs SET {field.name} = ? WHERE {where}"
                yield partial(updated, content, order, value)


def updated(content: bytes, order: str, value: Any) -> bytes:
    """A database after a statement, if it allows it."""
    with closing(sqlite3.connect(":memory:")) as file:
        file.deserialize(content)
        try:
            file.execute(order, (value,))
        except sqlite3.IntegrityError:
            return content
        file.commit()
        return file.serialize()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Files of all kinds, made once."""
    root = tmp_path_factory.mktemp("structure")
    train(tiny(root / "run"), progress_bar=False)
    save_edit_sequence(root / "halving", [12])
    shutil.copy(root / "run" / "config.json", root / "halving")
    random_table().save(root / "table.npz")
    rng = np.random.default_rng(0)
    np.savez(root / "data.npz", X=rng.normal(size=(80, 5)), y=rng.integers(3, size=80),
             X_test=rng.normal(size=(20, 5)), y_test=rng.integers(3, size=20))  # fmt: skip
    design(root / "run", "wine", root / "design", progress_bar=False)
    return root


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Short episodes and studies; pictures are put together but not drawn."""
    monkeypatch.setattr(plots, "png", lambda figure: b"")
    monkeypatch.setattr(environments, "THOROUGH", SHORT)
    monkeypatch.setattr(environments, "MIN_BATCHES", 5)
    monkeypatch.setattr(frontier, "THOROUGH", SHORT)
    monkeypatch.setattr(capacity, "WIDTH_STUDY", FEW)
    monkeypatch.setattr(capacity, "MIN_BATCHES", 1)
    monkeypatch.setattr(capacity, "RESAMPLES", 5)
    monkeypatch.setattr(reference_scores, "EPISODES", 2)
    monkeypatch.setitem(reference_scores.TASKS, "short", SHORT_TASK)
    few = {name: reference_scores.STRATEGIES[name] for name in ("random", "greedy")}
    monkeypatch.setattr(reference_scores, "STRATEGIES", few)


def run_compare(root: Path) -> Any:
    task = SearchTask(str(root / "table.npz"), True, 0.1, 30)
    found = compare.compare(task, root / "compare", ("random", "metaqnn"), 2, 1, False)
    return compare_report.to_markdown(task, found), compare_report.plot(task, found)


def run_transfer(root: Path) -> Any:
    out = root / "transfer"
    found = transfer.transfer(
        out, (root / "halving",), ("wine",), (0.1,), seeds=2, jobs=1, progress_bar=False
    )
    return transfer_report.write_report(found, out)


def run_frontier(root: Path) -> Any:
    out = root / "frontier"
    found = frontier.frontier(
        "wine", out, (0.1, 1.0), root / "halving", seeds=1, jobs=1, progress_bar=False
    )
    return frontier_report.write_report(found, "wine", out)


def run_capacity(root: Path) -> Any:
    return capacity.capacity_study(
        "width", root / "width", "wine", seeds=2, jobs=1, progress_bar=False
    )


def run_scores(root: Path) -> Any:
    return reference_scores.reference_scores(root / "scores", ("short",), 2, 1, False)


def shown(*arguments: Any) -> None:
    """`rlnas designs`."""
    if main(["designs", *map(str, arguments)]) == 2:
        raise InputError("refused")


COMMANDS: dict[str, tuple[Callable[[Path], Any], Any, str]] = {
    "compare": (run_compare, compare, "run"),
    "transfer": (run_transfer, transfer, "_design"),
    "frontier": (run_frontier, frontier, "_point"),
    "width": (run_capacity, capacity, "_train"),
    "scores": (run_scores, reference_scores, "measure"),
}
"""What keeps results, and the function that computes one."""


def report_of(name: str) -> Callable[[Path], Any]:
    return lambda root: write_report(root / name)


READERS: dict[str, tuple[str, Callable[[Any], Iterator[Any]], Callable[[Path], Any]]] = {
    "design": ("design/design.json", json_changes, report_of("design")),
    "best design": ("run/best/design.json", json_changes, report_of("run")),
    "network": ("design/network.safetensors", header_changes, report_of("design")),
    "configuration": ("run/config.json", json_changes, report_of("run")),
    "episodes": ("run/config.json", json_changes, lambda root: environments.env_like(root / "run")),
    "policy": ("run/policy.json", json_changes, lambda root: load_policy(root / "run")),
    "progress": ("run/progress.csv", csv_changes, report_of("run")),
    "evaluations": ("run/evaluations.json", json_changes, report_of("run")),
    "archive": (f"run/{FILE}", archive_changes, report_of("run")),
    "best": (f"run/{FILE}", archive_changes, lambda root: shown(root / "run")),
    "front": (f"run/{FILE}", archive_changes, lambda root: shown(root / "run", "--front")),
    "table": ("table.npz", npz_changes, lambda root: data_card(Table.load(root / "table.npz"))),
    "table member": ("table.npz", with_bytes, lambda root: Table.load(root / "table.npz")),
    "data set": ("data.npz", npz_changes, lambda root: loading.load_dataset(root / "data.npz")),
    "data set member": (
        "data.npz",
        with_bytes,
        lambda root: loading.load_dataset(root / "data.npz"),
    ),
}
"""File, its changes, what reads it."""


def try_all(name: str, path: Path, changes: list[Any], read: Callable[[], Any]) -> None:
    """Every change is read, or refused in one line."""
    content, loads = path.read_bytes(), 0
    rng = np.random.default_rng(len(name))
    chosen = rng.permutation(len(changes))[:TRIED]
    try:
        for number in chosen:
            change = changes[number]
            path.write_bytes(change() if callable(change) else change)
            told = ""
            try:
                with limited_memory():
                    read()
                loads += 1
            except InputError as error:
                told = str(error)
            except BaseException:
                print(f"{name}, change {number}: {path.read_bytes()[:2000]!r}")
                raise
            assert "\n" not in told
    finally:
        path.write_bytes(content)
    print(f"{name}: {len(chosen)} files, {loads} loaded, {len(chosen) - loads} refused")


@pytest.mark.parametrize("name", READERS)
def test_a_file_with_another_value_is_read_or_refused(name, folder):
    file, change, read = READERS[name]
    path = folder / file
    read(folder)
    by_path = change in (npz_changes, with_bytes)
    changes = list(change(path if by_path else path.read_bytes()))
    try_all(name, path, changes, lambda: read(folder))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_stored_result_with_another_value_is_used_refused_or_computed_anew(
    name, folder, monkeypatch
):
    command, module, function = COMMANDS[name]
    command(folder)

    def anew(*arguments: Any) -> Any:
        raise InputError("computed anew")

    monkeypatch.setattr(module, function, anew)
    command(folder)  # all is there
    path = sorted((folder / name / "runs").glob("*.json"))[0]
    changes = list(json_changes(path.read_bytes()))
    try_all(f"results of {name}", path, changes, lambda: command(folder))
    task = folder / name / "task.json"
    if task.exists():
        changes = list(json_changes(task.read_bytes()))
        try_all(f"task of {name}", task, changes, lambda: command(folder))
