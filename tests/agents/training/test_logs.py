"""The logs of a run: a table that only grows, and going back to where a checkpoint was."""

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.logger import Logger

from rlnas.agents.training import callbacks, checkpoint as module
from rlnas.agents.training.logs import PROGRESS, LogFiles, Table
from rlnas.agents.training.ppo import train
from rlnas.agents.training.state import State
from rlnas.errors import InputError
from rlnas.files.typed import Damaged
from tests.agents.helpers import tiny

ROWS = [{"b": 1, "a": 0.1}, {"a": 2, "b": 3}, {"d": 0.5, "a": 4, "c": 5}, {"b": 6, "c": 7.25}]


LATER = "events.out.tfevents.2.rlnas"


def written(path: Path, rows: list[dict[str, float]], before: Any = ()) -> str:
    table = Table(path, before)
    for row in rows:
        table.write(row, dict.fromkeys(row))
    table.close()
    return path.read_text()


@pytest.fixture
def logs(tmp_path) -> dict[str, Any]:
    """The state of logs of two rows, to which a third row and a second file were added since."""
    files = log_files(tmp_path)
    files.open()
    add_rows(files.logger, 2)
    state = files.state_dict()
    add_rows(files.logger, 1)
    files.close()
    (tmp_path / LATER).write_bytes(b"of a later process")
    return state


def log_files(folder: Path, state: dict[str, Any] | None = None) -> LogFiles:
    """The log files of a run, with a loaded state if there is one."""
    files = LogFiles(folder, Logger(str(folder), []))
    if state is not None:
        files.load_state_dict(state)
    return files


def add_rows(logger: Logger, count: int) -> None:
    for step in range(count):
        logger.record("train/loss", step)
        logger.dump(step)


# --- the table ---


def test_table_sorts_columns_and_leaves_cells_before_a_new_column_empty(tmp_path):
    expected = "a,b,c,d\n0.1,1,,\n2,3,,\n4,,5,0.5\n,6,7.25,\n"
    assert written(tmp_path / "table.csv", ROWS) == expected
    for order in itertools.permutations("abcd"):
        rows = [{name: row[name] for name in order if name in row} for row in ROWS]
        assert written(tmp_path / "table.csv", rows) == expected


@pytest.mark.parametrize("count", range(5))
def test_table_continued_after_a_cut_equals_an_uninterrupted_one(count, tmp_path):
    expected = written(tmp_path / "table.csv", ROWS)
    with (tmp_path / "table.csv").open(newline="") as file:
        before = list(csv.DictReader(file))[:count]
    assert written(tmp_path / "table.csv", ROWS[count:], before) == expected


def test_table_leaves_out_values_excluded_from_csv(tmp_path):
    table = Table(tmp_path / "table.csv")
    table.write({"a": 1, "b": 2, "c": 3}, {"a": ("",), "b": ("csv",), "c": ("tensorboard",)})
    table.close()
    assert (tmp_path / "table.csv").read_text() == "a,c\n1,3\n"


# --- going back ---


def test_open_cuts_log_files_to_the_loaded_state(logs, tmp_path):
    first = next(path for path in tmp_path.iterdir() if path.name in logs["sizes"])
    content = first.read_bytes()
    assert len(content) > logs["sizes"][first.name]
    with (tmp_path / PROGRESS).open("a") as file:
        file.write("torn off in the mid")
    files = log_files(tmp_path, logs)
    files.open()
    files.close()
    assert (tmp_path / PROGRESS).read_text() == "train/loss\n0\n1\n"
    assert first.read_bytes() == content[: logs["sizes"][first.name]]
    assert not (tmp_path / LATER).exists()


def test_load_state_dict_changes_no_log_file(logs, tmp_path):
    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before = files()
    log_files(tmp_path, logs)
    for path in (tmp_path / PROGRESS, *(tmp_path / name for name in logs["sizes"])):
        path.write_bytes(before[path][:10])
        with pytest.raises(Damaged, match=r"(rows that|shorter than) it says"):
            log_files(tmp_path, logs)
        path.write_bytes(before[path])
    assert files() == before


def test_open_begins_removed_log_files_anew(logs, tmp_path):
    (tmp_path / PROGRESS).unlink()
    for path in tmp_path.glob("events*"):
        path.unlink()
    files = log_files(tmp_path, logs)
    files.open()
    add_rows(files.logger, 1)
    assert files.state_dict()["rows"] == 1
    files.close()


def test_unreadable_table_error_says_what_to_do(logs, tmp_path):
    (tmp_path / PROGRESS).write_bytes(b"\xff\xfe\n1\n2\n")
    with pytest.raises(InputError, match="remove it to go on without it"):
        log_files(tmp_path, logs)


def test_open_leaves_event_files_of_others_alone(logs, tmp_path):
    run = tmp_path / "run"
    outside = [tmp_path / "events.out.tfevents.1.rlnas", run / "events.out.tfevents.mine"]
    run.mkdir()
    for path in outside:
        path.write_bytes(b"something else")
    sizes = {**logs["sizes"], "../events.out.tfevents.1.rlnas": 3, str(outside[0]): 3}
    files = log_files(run, {"rows": 0, "sizes": sizes})
    files.open()
    files.close()
    assert [path.read_bytes() for path in outside] == [b"something else"] * 2


def test_checkpoint_size_is_independent_of_the_length_of_the_logs(tmp_path, monkeypatch):
    whole, sizes = module.write, []

    def write(state: State, run: Path) -> None:
        whole(state, run)
        changing = [
            value.nbytes
            for section in ("best", "statistics")
            for value in state[section].values()
            if isinstance(value, np.ndarray)
        ]
        size = module.checkpoints(run)[-1].stat().st_size - sum(changing)
        sizes.append((size, (run / PROGRESS).stat().st_size))

    monkeypatch.setattr(module, "write", write)
    monkeypatch.setattr(callbacks, "PICTURES", 1)  # they take most of the time
    settings = {"total_timesteps": 12 * 16, "rollout_steps": 8, "eval_episodes": 0}
    train(tiny(tmp_path / "run", **settings), progress_bar=False)
    (early, short), (late, long) = sizes[2], sizes[-1]
    assert long - short > 3000
    assert late - early < 300
