"""The archive of designs: what was added comes back, best first; damage and traps are told."""

import os
import sqlite3
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from rlnas.designs.database import FILE, VERSION, DesignDatabase, DesignRecord
from rlnas.errors import InputError

DESIGN = DesignRecord(
    timestep=8,
    environment=1,
    dataset="wine",
    penalty=0.1,
    score=0.8,
    val_metric=0.9,
    val_loss=0.2,
    active_weights=100,
    layer_sizes=(13, 4, 3),
    action="add_neurons hidden 1 x2",
)


@pytest.fixture
def archive(tmp_path) -> DesignDatabase:
    return DesignDatabase(tmp_path / "run" / "designs.sqlite")


def several(*facts: tuple[float, float, int]) -> list[DesignRecord]:
    """Designs of these scores, accuracies and weights, one after the other."""
    return [
        replace(DESIGN, timestep=k, score=score, val_metric=accuracy, active_weights=weights)
        for k, (score, accuracy, weights) in enumerate(facts)
    ]


def test_added_design_is_returned_unchanged(archive):
    archive.add([DESIGN])
    assert archive.best() == archive.front() == [DESIGN]


def test_best_come_first_and_ties_by_weights(archive):
    designs = several((0.5, 0.9, 10), (0.7, 0.9, 30), (0.7, 0.9, 20), (0.6, 0.9, 5))
    archive.add(designs[:2])
    archive.add(designs[2:])
    assert archive.best() == [designs[2], designs[1], designs[3], designs[0]]
    assert archive.best(limit=1) == [designs[2]]
    assert archive.best(max_weights=20) == [designs[2], designs[3], designs[0]]


def test_designs_of_one_data_set(archive):
    other = replace(DESIGN, environment=2, dataset="digits", score=0.1)
    archive.add([DESIGN, other])
    assert archive.best(dataset="digits") == archive.front(dataset="digits") == [other]
    assert archive.best(dataset="mnist") == []


def test_design_with_same_timestep_and_environment_is_replaced(archive):
    archive.add([DESIGN])
    archive.add([replace(DESIGN, score=0.3)])
    assert archive.best() == [replace(DESIGN, score=0.3)]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=30))
def test_front_is_what_no_design_dominates(tmp_path_factory, points):
    archive = DesignDatabase(tmp_path_factory.mktemp("archive") / "designs.sqlite")
    archive.add(several(*((0.5, accuracy / 20, weights) for accuracy, weights in points)))
    expected = {
        (accuracy, weights)
        for accuracy, weights in points
        if not any(
            (a >= accuracy and w <= weights) and (a, w) != (accuracy, weights) for a, w in points
        )
    }
    front = archive.front()
    assert {(round(d.val_metric * 20), d.active_weights) for d in front} == expected
    assert len(front) == len(expected)
    assert [d.active_weights for d in front] == sorted(d.active_weights for d in front)


def test_all_designs_of_a_call_are_added_or_none(archive):
    with pytest.raises(InputError, match="cannot write"):
        archive.add([DESIGN, replace(DESIGN, timestep=object())])  # type: ignore[arg-type]
    archive.add([])
    assert archive.best() == []


@pytest.mark.parametrize(
    ("version", "told"),
    [(VERSION + 1, "use the newer one that wrote it"), (VERSION - 1, "older .*: train again")],
)
def test_another_version_is_refused_and_left_alone(version, told, archive):
    archive.add([DESIGN])
    change(archive.path, f"PRAGMA user_version = {version}")
    before = archive.path.read_bytes()
    for call in (*CALLS, lambda archive: archive.add([DESIGN])):
        with pytest.raises(InputError, match=told):
            call(archive)
    assert archive.path.read_bytes() == before


def change(path: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    """Run SQL on a file, with values for the last statement."""
    with closing(sqlite3.connect(path)) as file:
        for statement in statements[:-1]:
            file.execute(statement)
        file.execute(statements[-1], values)
        file.commit()


CALLS: list[Callable[[DesignDatabase], Any]] = [
    DesignDatabase.best,
    DesignDatabase.front,
    DesignDatabase.extent,
    DesignDatabase.sample,
    lambda archive: archive.find(vars(DESIGN)),
    lambda archive: archive.episode(DESIGN),
]


def refused(archive: DesignDatabase, told: str = "is damaged") -> None:
    """Every way to read says so, and changes and makes no file."""
    folder = archive.path.parent
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for call in CALLS:
        with pytest.raises(InputError, match=told) as caught:
            call(archive)
        assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "content", [b"x" * 5000, b"x", b"SQLite format 3\0" + b"x" * 5000, b"SQLite format 3\0"]
)
def test_file_that_is_no_database_is_refused(archive, content):
    archive.path.parent.mkdir()
    archive.path.write_bytes(content)
    refused(archive)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE designs",
        "ALTER TABLE designs RENAME COLUMN score TO points",
        "ALTER TABLE designs ADD COLUMN more",
        "ALTER TABLE designs ADD COLUMN more AS (hex(zeroblob(1000000000)))",
        "ALTER TABLE designs RENAME TO other",
        "CREATE TABLE other (x)",
        "CREATE INDEX places ON designs (score)",
        "CREATE VIEW other AS SELECT * FROM designs",
        "CREATE TRIGGER trap AFTER INSERT ON designs BEGIN DELETE FROM designs; END",
        "CREATE VIRTUAL TABLE words USING fts5(x)",
        "PRAGMA journal_mode = WAL",
    ],
)
def test_file_with_other_schema_is_refused_and_unchanged(archive, statement):
    archive.add([DESIGN])
    change(archive.path, statement)
    refused(archive)
    before = archive.path.read_bytes()
    with pytest.raises(InputError, match=r"cannot write|is damaged"):
        archive.add([DESIGN])
    assert archive.path.read_bytes() == before


ENDLESS = """
    CREATE VIEW designs AS WITH RECURSIVE n(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n)
    SELECT k AS timestep, 0 AS environment, 'wine' AS dataset, 0.1 AS penalty, 0.5 AS score,
    0.5 AS val_metric, 0.5 AS val_loss, k AS active_weights, '[13, 3]' AS layer_sizes,
    hex(randomblob(500)) AS action FROM n
"""


def test_view_with_endless_query_is_never_executed(archive):
    archive.path.parent.mkdir()
    change(archive.path, ENDLESS, f"PRAGMA user_version = {VERSION}")
    refused(archive, "it holds something else than designs")


def shared_tree(path: Path, root: int, levels: int = 15) -> None:
    """Let all pages of a level of a tree share the next one; before, it was one page.

    A file of 17 pages then has more rows than could ever be read. See "Database File Format",
    chapter 1.6, at sqlite.org.
    """
    size, content = 4096, bytearray(path.read_bytes())
    start = (root - 1) * size
    page = content[start : start + size]
    head = 100 if root == 1 else 0  # the first page begins with the header of the file
    by_number = page[head] == 0x0D  # of a row; the other kind has its key on all levels
    row = int.from_bytes(page[head + 8 : head + 10], "big")
    leaf = page[head : head + 10] + bytes(row - 10) + page[row:]
    key = b"\1" if by_number else page[row:]
    fanout = (size - head - 12) // (len(key) + 6) - 1
    levels_of_pages = []
    for level in range(levels):
        head = head if level == 0 else 0
        child = (len(content) // size + 1 + level).to_bytes(4, "big")
        cells = size - fanout * (4 + len(key))
        kind = b"\5" if by_number else b"\2"
        counts = b"\0\0" + fanout.to_bytes(2, "big") + cells.to_bytes(2, "big") + b"\0"
        places = b"".join((cells + k * (4 + len(key))).to_bytes(2, "big") for k in range(fanout))
        top = page[:head] + kind + counts + child + places
        levels_of_pages.append(top + bytes(cells - len(top)) + (child + key) * fanout)
    content[start : start + size] = levels_of_pages[0]
    content += b"".join([*levels_of_pages[1:], leaf])
    content[28:32] = (len(content) // size).to_bytes(4, "big")
    path.write_bytes(content)


@pytest.mark.parametrize("root", [1, 2], ids=["schema", "designs"])
def test_small_file_with_endless_rows_is_refused(archive, root):
    archive.add([DESIGN])
    shared_tree(archive.path, root)
    for call in CALLS if root == 2 else CALLS[:1]:
        with pytest.raises(InputError, match="longer than a file of this size can need"):
            call(archive)
    with pytest.raises(InputError, match="cannot write"):
        archive.add([DESIGN])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("timestep", bad) for bad in ("x", -1, 2**60, 0.5, b"1")),
        *(("dataset", bad) for bad in (None, b"wine", "x" * 100_000)),
        *(("penalty", bad) for bad in (None, "x", -1, 1e300, float("inf"))),
        *(("score", bad) for bad in (None, float("nan"), float("-inf"), "0.5x")),
        *(("val_metric", bad) for bad in (1.5, -0.1, None)),
        *(("active_weights", bad) for bad in ("x", 1.5, -1, 2**62)),
        *(("spent", bad) for bad in ("x", 1.5, -1, 2**62)),
        *(("layer_sizes", bad) for bad in ("x", "5", "[1, null]", "[0, 3]", "[" * 9999, None)),
        *(("layer_sizes", bad) for bad in ('["3"]', "[1" + "0" * 400 + "]", "[NaN]", b"[3, 2]")),
        ("action", None),
    ],
)
def test_value_out_of_range_is_refused(archive, column, value):
    archive.add([DESIGN])
    change(archive.path, f"UPDATE designs SET {column} = ?", values=(value,))
    if isinstance(value, str) and (column == "layer_sizes" or len(value) > 1000):
        # It is read only where it is wanted.
        with pytest.raises(InputError, match="is damaged"):
            archive.best()
    else:
        refused(archive)


def test_text_that_is_no_unicode_is_refused(archive):
    archive.add([DESIGN])
    change(archive.path, "UPDATE designs SET action = CAST(x'ff41' AS TEXT)")
    with pytest.raises(InputError, match="is damaged"):
        archive.best()


@pytest.mark.parametrize("place", ["designs.sqlite", "designs.sqlite-journal"])
def test_pipe_is_refused_at_once(archive, place):
    if place != FILE:
        archive.add([DESIGN])
    archive.path.parent.mkdir(exist_ok=True)
    os.mkfifo(archive.path.with_name(place))
    refused(archive, "no database of designs" if place == FILE else "is a pipe or a device")
    with pytest.raises(InputError, match="is a pipe or a device"):
        archive.add([DESIGN])


def test_half_written_database_is_reported_with_resume_command(archive):
    archive.add(replace(DESIGN, timestep=k) for k in range(2000))
    code = (
        "import os, sqlite3, sys\n"
        "file = sqlite3.connect(sys.argv[1])\n"
        "file.execute('PRAGMA cache_size = 5')\n"
        "file.execute('BEGIN')\n"
        "file.execute('UPDATE designs SET action = hex(zeroblob(100))')\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(archive.path)], check=False)
    with pytest.raises(InputError, match="cut short: go on with it, by rlnas train --resume"):
        archive.best()
    archive.add([DESIGN])
    assert archive.best(1) == [replace(DESIGN, timestep=0)]


def test_reading_makes_no_folder(tmp_path):
    for call in CALLS:
        with pytest.raises(InputError, match="no database of designs at"):
            call(DesignDatabase(tmp_path / "absent" / FILE))
    assert list(tmp_path.iterdir()) == []


def test_episode_contains_steps_of_one_environment_between_two_starts(archive):
    """Three environments, episodes of one to four steps."""
    episodes = []
    for environment, lengths in enumerate(((4, 4, 4), (1, 3, 2, 1), (2, 4))):
        steps = iter(range(3, 100, 3))
        episodes += [
            [
                replace(
                    DESIGN,
                    timestep=next(steps),
                    environment=environment,
                    start="" if step else "{}",
                )
                for step in range(length)
            ]
            for length in lengths
        ]
    archive.add(design for some in episodes for design in some)
    for some in episodes:
        for design in some:
            assert archive.episode(design) == some


def test_episode_without_its_first_design_is_empty(archive):
    archive.add([replace(DESIGN, start="")])
    assert archive.episode(replace(DESIGN, start="")) == []


def test_a_constant_prediction_is_no_design_to_choose(archive):
    nothing = replace(DESIGN, timestep=2, active_weights=0, score=1.0, val_metric=1.0)
    archive.add([nothing, DESIGN])
    assert archive.best() == archive.front() == [DESIGN]
    assert archive.sample() == [(DESIGN.active_weights, DESIGN.val_metric)]
    assert archive.extent() == (2, DESIGN.timestep)


def test_find_returns_first_design_with_given_facts(archive):
    twins = [replace(DESIGN, timestep=k) for k in (3, 5)]
    archive.add([*twins, replace(DESIGN, timestep=1, score=0.1)])
    assert archive.find(vars(DESIGN)) == twins[0]
    assert archive.find({**vars(DESIGN), "val_loss": 0.25}) is None


def test_extent_is_count_and_last_timestep(archive):
    archive.add([DESIGN, replace(DESIGN, timestep=20, dataset="digits")])
    assert archive.extent() == (2, 20)
    assert archive.extent("wine") == (1, 8)
    assert archive.extent("mnist") == (0, 0)


def test_sample_is_evenly_spaced_in_training_order(tmp_path):
    archive = DesignDatabase(tmp_path / "designs.sqlite")
    designs = [
        replace(DESIGN, timestep=step, environment=env, active_weights=10 * step + env)
        for step in (2, 1, 3)
        for env in (1, 0)
    ]
    archive.add(designs)
    weights = [weights for weights, _ in archive.sample(timestep=2)]
    assert weights == [10, 11, 20, 21]
    assert [weights for weights, _ in archive.sample(timestep=3, limit=4)] == [10, 20, 30]
    archive.add([replace(DESIGN, timestep=4, dataset="digits", active_weights=1)])
    assert archive.sample(dataset="digits") == [(1, DESIGN.val_metric)]
    assert archive.sample(timestep=1) == [(10, DESIGN.val_metric), (11, DESIGN.val_metric)]


MANY = """
    INSERT INTO designs
    WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n LIMIT 60000)
    SELECT k, 1, 'wine', 0.1, abs(random() % 1000) / 1000.0, abs(random() % 1000) / 1000.0, 0.5,
    10 + abs(random() % 10000), '[13, 4, 3]', 'none', '', 0, 0, 0 FROM n
"""


def test_many_designs_are_never_in_memory_at_once(archive):
    archive.add([replace(DESIGN, timestep=300_000)])
    change(archive.path, MANY)
    assert archive.extent() == (60_001, 300_000)
    for call in (DesignDatabase.front, DesignDatabase.sample):
        tracemalloc.start()
        try:
            assert call(archive)
            assert tracemalloc.get_traced_memory()[1] < 8 * 2**20  # all would be more than 20
        finally:
            tracemalloc.stop()
