"""The command `rlnas compare`: what it writes, that it goes on, and what bad input is told."""

import json
import re
from pathlib import Path

import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.experiments import compare as module
from rlnas.agents.experiments.search_task import METHODS, PRETRAINED
from rlnas.agents.experiments.statistics import interquartile_mean
from rlnas.tabular.table import Table
from tests.agents.helpers import files_in
from tests.core.tables import random_table

FEW = ["--methods", "random", "metaqnn", "--seeds", "2", "--budget", "60", "--jobs", "1"]


def call(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("table") / "table.npz"
    random_table().save(path)
    return path


@pytest.fixture(scope="module")
def compared(tmp_path_factory, table) -> Path:
    """The folder of a comparison, which tests only read."""
    out = tmp_path_factory.mktemp("compare") / "out"
    assert call("compare", "--table", table, "--out", out, *FEW, "--penalty", "0.2") == 0
    return out


def row(text: str, method: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {method} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_results_a_table_plots_and_curves_are_written(compared, table):
    names = {re.sub("(runs/.*)-[0-9a-f]{12}", r"\1", name) for name in files_in(compared)}
    events = {name for name in names if name.startswith("tensorboard")}
    assert len(events) == 1
    assert names - events == {
        *("comparison.md", "comparison.png", "results.json", "task.json"),
        *(f"runs/{method}-{seed}.json" for method in ("random", "metaqnn") for seed in (0, 1)),
    }
    assert (compared / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((compared / "task.json").read_text()) == {
        "name": str(table),
        "data_sha256": Table.load(table).fingerprint,
        "tabular": True,
        "penalty": 0.2,
        "budget": 60,
        "episode_budget": None,
    }


def test_the_table_has_the_scores_of_the_results(compared):
    text = (compared / "comparison.md").read_text()
    results = json.loads((compared / "results.json").read_text())["results"]
    for method, runs in results.items():
        assert len(runs) == 2
        found = interquartile_mean([one["score"] for one in runs])
        assert row(text, method)[1].split()[0] == f"{found:.4f}"


def test_the_same_command_again_searches_nothing_and_says_the_same(
    compared, table, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    command = ["compare", "--table", table, "--out", out, *FEW]
    assert call(*command) == 0
    first, before = capsys.readouterr().out, files_in(out)
    monkeypatch.setattr(module, "run", None)  # which nobody can call
    assert call(*command) == 0
    assert capsys.readouterr().out == first
    assert first.strip() == (out / "comparison.md").read_text().strip()
    after = files_in(out)
    assert {name: after[name] for name in before if "tensorboard" not in name} == {
        name: content for name, content in before.items() if "tensorboard" not in name
    }


@pytest.mark.slow
def test_all_methods_search_unless_told_otherwise(table, tmp_path, capsys):
    arguments = ["--seeds", "2", "--budget", "50", "--jobs", "1"]
    assert call("compare", "--table", table, "--out", tmp_path, *arguments) == 0
    text = capsys.readouterr().out
    for method in set(METHODS) - set(PRETRAINED):
        assert row(text, method)[0] == method
    assert row(text, "controller")[-2] == ""
    assert re.fullmatch(r"[01]\.\d\d \(.* to .*\)", row(text, "random")[-2])


def test_a_data_set_is_searched_live(tmp_path, capsys):
    live = ["--dataset", "wine", "--methods", "random", "--seeds", "1", "--budget", "600"]
    assert call("compare", *live, "--out", tmp_path, "--jobs", "1") == 0
    text = capsys.readouterr().out
    assert "600 training batches each" in text
    assert "regret" not in text
    (found,) = json.loads((tmp_path / "results.json").read_text())["results"]["random"]
    assert found["evaluations"] == 600 / 25


def test_episodes_with_a_budget_are_searched_in_units(tmp_path, capsys):
    task = ["--dataset", "wine", "--episode-budget", "0.2", "--budget", "1", "--seeds", "1"]
    assert call("compare", *task, "--methods", "random", "--out", tmp_path, "--jobs", "1") == 0
    assert "units of training cost each, in episodes of 0.2" in capsys.readouterr().out
    (found,) = json.loads((tmp_path / "results.json").read_text())["results"]["random"]
    text = (tmp_path / "comparison.md").read_text()
    assert row(text, "random")[1].split()[0] == f"{found['anytime']:.4f}"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--methods", "random", "nope"], "unknown method 'nope': expected 'controller' or"),
        (["--methods", "all", "random"], "unknown method 'all'"),
        (["--table", "nope"], "no table 'nope': expected digits or mnist, or the path"),
        (["--dataset", "winee"], "unknown data set 'winee' .did you mean wine"),
        (["--dataset", "absent.npz"], "absent.npz does not exist"),
        (["--seeds", "0"], "seeds 0 cannot be used: expected a whole number from 1"),
        (["--budget", "0"], "budget 0 cannot be used: expected a whole number from 1"),
        (["--budget", "-5"], "budget -5 cannot be used"),
        (["--penalty", "-1"], "penalty -1.0 is out of range: expected at least 0"),
        (["--penalty", "nan"], "penalty nan cannot be used"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, told, tmp_path, capsys):
    refused(["--budget", "60", *arguments], told, tmp_path, capsys)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--jobs", "0", "--methods", "random"],
            "jobs 0 cannot be used: expected a whole number from 1, or -1 for one per processor",
        ),
        (["--jobs", "1", "--methods"], "method"),
    ],
)
def test_no_workers_and_no_methods_are_refused_too(arguments, told, table, tmp_path, capsys):
    refused(["--table", str(table), "--budget", "60", *arguments], told, tmp_path, capsys)


def refused(arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "out"
    assert call("compare", *arguments, "--out", out) == 2
    error = capsys.readouterr().err
    assert error.startswith("rlnas: ")
    assert len(error.splitlines()) == 1
    assert re.search(told, error)
    assert not out.exists()


def test_the_folder_of_another_task_is_one_line_and_stays_as_it_was(compared, table, capsys):
    before = files_in(compared)
    assert call("compare", "--table", table, "--out", compared, *FEW, "--penalty", "0.3") == 2
    error = capsys.readouterr().err
    assert re.fullmatch("rlnas: .* holds results of another task, .*: give another folder\n", error)
    assert files_in(compared) == before


def test_a_folder_that_is_a_file_is_one_line(table, tmp_path, capsys):
    path = tmp_path / "file"
    path.write_text("mine")
    assert call("compare", "--table", table, "--out", path, *FEW) == 2
    assert re.fullmatch("rlnas: cannot write .*\n", capsys.readouterr().err)
    assert path.read_text() == "mine"
