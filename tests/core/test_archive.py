"""The archive of designs: what was added comes back, best first; damage is told."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlnas.archive import VERSION, ArchivedDesign, DesignArchive
from rlnas.errors import InputError

DESIGN = ArchivedDesign(
    timestep=8,
    environment=1,
    dataset="wine",
    penalty=0.1,
    score=0.8,
    val_accuracy=0.9,
    val_loss=0.2,
    active_weights=100,
    layer_sizes=(13, 4, 3),
    action="add_neurons hidden 1 x2",
)


@pytest.fixture
def archive(tmp_path) -> DesignArchive:
    return DesignArchive(tmp_path / "run" / "designs.sqlite")


def several(*facts: tuple[float, float, int]) -> list[ArchivedDesign]:
    """Designs of these scores, accuracies and weights, one after the other."""
    return [
        replace(DESIGN, timestep=k, score=score, val_accuracy=accuracy, active_weights=weights)
        for k, (score, accuracy, weights) in enumerate(facts)
    ]


def test_a_design_comes_back_as_it_was(archive):
    archive.add([DESIGN])
    assert archive.best() == archive.front() == [DESIGN]


def test_the_best_come_first_and_ties_by_weights(archive):
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


def test_the_same_step_of_the_same_environment_is_replaced(archive):
    archive.add([DESIGN])
    archive.add([replace(DESIGN, score=0.3)])
    assert archive.best() == [replace(DESIGN, score=0.3)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=30))
def test_the_front_is_what_no_design_dominates(tmp_path_factory, points):
    archive = DesignArchive(tmp_path_factory.mktemp("archive") / "designs.sqlite")
    archive.add(several(*((0.5, accuracy / 20, weights) for accuracy, weights in points)))
    expected = {
        (accuracy, weights)
        for accuracy, weights in points
        if not any(
            (a >= accuracy and w <= weights) and (a, w) != (accuracy, weights) for a, w in points
        )
    }
    front = archive.front()
    assert {(round(d.val_accuracy * 20), d.active_weights) for d in front} == expected
    assert len(front) == len(expected)
    assert [d.active_weights for d in front] == sorted(d.active_weights for d in front)


def test_all_designs_of_a_call_are_added_or_none(archive):
    with pytest.raises(InputError, match="cannot write"):
        archive.add([DESIGN, replace(DESIGN, timestep=object())])  # type: ignore[arg-type]
    archive.add([])
    assert archive.best() == []


def test_no_archive_is_told(archive):
    for read in (archive.best, archive.front):
        with pytest.raises(InputError, match="no archive of designs at"):
            read()
    assert not archive.path.exists()


def test_a_newer_version_is_refused_and_left_alone(archive):
    archive.add([DESIGN])
    with sqlite3.connect(archive.path) as file:
        file.execute(f"PRAGMA user_version = {VERSION + 1}")
    file.close()
    before = archive.path.read_bytes()
    for call in (archive.best, archive.front, lambda: archive.add([DESIGN])):
        with pytest.raises(InputError, match="use the newer one that wrote it"):
            call()
    assert archive.path.read_bytes() == before


def damaged(path: Path, how: str) -> None:
    if how == "no database":
        path.write_bytes(b"x" * 5000)
        return
    file = sqlite3.connect(path)
    with file:
        if how == "no table":
            file.execute("DROP TABLE designs")
        elif how == "another column":
            file.execute("ALTER TABLE designs RENAME COLUMN score TO points")
        else:
            file.execute(f"UPDATE designs SET {how} = 'x'")
    file.close()


@pytest.mark.parametrize(
    "how", ["no database", "no table", "another column", "active_weights", "layer_sizes"]
)
def test_a_damaged_file_is_told(archive, how):
    archive.add([DESIGN])
    damaged(archive.path, how)
    with pytest.raises(InputError, match="is damaged"):
        archive.best()
    with pytest.raises(InputError, match="is damaged"):
        archive.front()


def test_a_sample_is_every_so_many_designs_in_the_order_of_the_training(tmp_path):
    archive = DesignArchive(tmp_path / "designs.sqlite")
    designs = [
        replace(DESIGN, timestep=step, environment=env, active_weights=10 * step + env)
        for step in (2, 1, 3)
        for env in (1, 0)
    ]
    archive.add(designs)
    weights = [weights for weights, _ in archive.sample(timestep=2)]
    assert weights == [10, 11, 20, 21]
    assert [weights for weights, _ in archive.sample(timestep=3, limit=4)] == [10, 20, 30]
    assert archive.sample(timestep=1) == [(10, DESIGN.val_accuracy), (11, DESIGN.val_accuracy)]
