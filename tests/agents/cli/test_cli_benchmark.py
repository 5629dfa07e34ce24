"""The commands `rlnas benchmark` and `rlnas study`: what they write, and what bad input is told."""

import re
from pathlib import Path

import pytest

from rlnas.agents.cli.main import main
from rlnas.tabular.table import Table

SMALL = [
    *("--dataset", "wine", "--widths", "4", "8", "--densities", "0.25", "0.5"),
    *("--max-depth", "1", "--epochs", "1", "2", "4", "--seeds", "2", "--jobs", "1"),
]


def call(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("benchmark") / "table"
    assert call("benchmark", "build", *SMALL, "--out", out) == 0
    return out


def test_build_writes_a_table_its_card_and_a_picture(built):
    table = Table.load(built / "table.npz")
    assert len(table) == 1 + 4
    assert (table.dataset, table.epochs, table.n_seeds) == ("wine", (1, 2, 4), 2)
    assert (built / "card.md").read_text().startswith("# Data card: the table of wine")
    assert (built / "front.png").read_bytes().startswith(b"\x89PNG")


def test_build_again_changes_nothing(built, capsys):
    before = (built / "table.npz").read_bytes()
    assert call("benchmark", "build", *SMALL, "--out", built) == 0
    assert (built / "table.npz").read_bytes() == before
    assert str(built / "table.npz") in capsys.readouterr().out


def test_card_writes_the_card_of_any_table(built, tmp_path):
    assert call("benchmark", "card", "--table", built / "table.npz", "--out", tmp_path) == 0
    for name in ("card.md", "front.png"):
        assert (tmp_path / name).read_bytes() == (built / name).read_bytes()


def test_study_estimators_writes_a_table_and_a_plot(built, tmp_path, capsys):
    code = call(
        "study", "estimators", "--table", built / "table.npz", "--out", tmp_path, "--sample", "5"
    )
    assert code == 0
    text = (tmp_path / "estimators.md").read_text()
    assert text.strip() in capsys.readouterr().out
    for estimator in ("active weights", "synflow", "inherited weights", "sum of losses"):
        assert estimator in text
    assert (tmp_path / "estimators.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["card", "--table", "nope"], "no table 'nope': expected digits or mnist, or the path"),
        (["build", *SMALL[:5], "8", "4"], "widths .* cannot be used: expected ascending"),
        (["build", *SMALL[:2], "--densities", "2"], "densities .* cannot be used"),
        (["build", *SMALL[:2], "--epochs", "0"], "epochs .* cannot be used"),
        (["build", *SMALL[:2], "--seeds", "0"], "seeds 0 cannot be used: expected a whole"),
        (["build", "--dataset", "winee"], "unknown data set 'winee' .did you mean wine"),
        (["scores", "--tasks", "nope"], "unknown tasks .'nope'.: expected some of tabular-digits"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(arguments, told, tmp_path, capsys):
    out = tmp_path / "out"
    assert call("benchmark", *arguments, "--out", out) == 2
    error = capsys.readouterr().err
    assert error.startswith("rlnas: ")
    assert len(error.splitlines()) == 1
    assert re.search(told, error)
    assert not out.exists()
