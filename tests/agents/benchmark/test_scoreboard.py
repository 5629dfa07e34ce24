"""The scoreboard: entries are means over trainings, ranked, in a table and a file of values."""

import csv
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest

from rlnas.agents.benchmark import About, Protocol, write_submission
from rlnas.agents.benchmark.scoreboard import FIELDS, as_csv, as_markdown, entries, hard
from rlnas.agents.cli.main import main
from rlnas.errors import InputError
from rlnas.files.reading import sha256_of


def with_scores(result, values, policy: str, by: str = ""):
    """The result with these scores of its three tasks."""
    scores = np.repeat(np.array(values, float)[:, None], 5, axis=1)
    return replace(
        result, about=About(policy, by, "two, lines\nof it"), anytime=scores, final=scores
    )


@pytest.fixture
def results(result):
    return {
        "a": with_scores(result, [0.95, 0.5, 0.2], "sequence"),
        "b": with_scores(result, [0.5, 0.2, 0.1], "constant rule"),
        "c": with_scores(result, [0.97, 0.7, 0.4], "PPO", "A | B"),
        "d": with_scores(result, [0.97, 0.9, 0.4], "PPO", "A | B"),
    }


@pytest.fixture
def board(results):
    return entries(results, {name: 64 * name for name in results})


def test_trainings_of_a_policy_are_one_entry_with_the_mean_of_their_scores(board):
    assert list(board) == ["PPO", "sequence", "constant rule"]
    np.testing.assert_allclose(board["PPO"].result.anytime.mean(axis=1), [0.97, 0.8, 0.4])
    assert board["PPO"].sha256 == (64 * "c", 64 * "d")


def test_file_has_a_line_for_each_policy(board, results):
    rows = list(csv.DictReader(StringIO(as_csv(board))))
    assert [row["policy"] for row in rows] == list(board)
    assert tuple(rows[0]) == FIELDS
    assert float(rows[0]["low"]) <= float(rows[0]["score"]) <= float(rows[0]["high"])
    assert rows[0]["family"] == results["a"].family
    assert (rows[0]["trainings"], rows[0]["protocol"]) == ("2", "1")
    assert rows[0]["results"].split() == [64 * "c", 64 * "d"]


def test_table_says_what_is_closed_of_the_gap_between_the_best_rule_and_the_oracle(board):
    text = as_markdown(board)
    np.testing.assert_array_equal(hard(board["sequence"].result), [0, 1, 1])
    assert "The best rule or fixed sequence is the sequence." in text
    assert "less than 0.9 there: 2 of 3" in text
    every, some = (0.02 + 0.3 + 0.2) / (0.05 + 0.5 + 0.8), (0.3 + 0.2) / (0.5 + 0.8)
    assert f"| PPO | {every:.2f} (" in text
    assert f"| {some:.2f} (" in text
    assert r"| PPO | A \| B | 2 |" in text
    assert "| policy | table (1) | rows (1) | noise (1) |" in text


def test_results_of_other_tasks_and_none_are_refused(results):
    with pytest.raises(InputError, match="there are no results"):
        entries({}, {})
    results["e"] = replace(results["d"], protocol=Protocol("train"))
    with pytest.raises(InputError, match="e was made by another protocol than a"):
        entries(results, dict.fromkeys(results, ""))


def test_command_writes_table_file_and_picture(results, tmp_path, capsys):
    paths = []
    for name, each in results.items():
        paths.append(tmp_path / f"{name}.json")
        write_submission(paths[-1], each)
    assert main(["benchmark", "scoreboard", *map(str, paths), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "scoreboard.md").read_text() in capsys.readouterr().out
    assert sha256_of(paths[0]) in (tmp_path / "out" / "scoreboard.csv").read_text()
    assert (tmp_path / "out" / "scoreboard.png").read_bytes().startswith(b"\x89PNG")
