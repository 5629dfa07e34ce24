"""Tables on the command line: described, designed for, tested, predicted, trained on."""

import csv
import io
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.designing.evaluation import evaluate_design
from rlnas.data.loading import load_dataset
from rlnas.designs.saved import load_design
from rlnas.errors import InputError
from rlnas.nn.training import predict
from tests.agents.helpers import files_in
from tests.core.data.test_tables import penguins, write

SHORT = (
    *("--total-timesteps", 64, "--num-envs", 2, "--rollout-steps", 16, "--batch-size", 16),
    *("--epochs", 1, "--episode-steps", 3, "--batches-per-step", 2, "--net-arch", 8, "--quiet"),
)
SAID = ("--target", "species", "--drop", "id", "--categorical", "colony")


def call(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def refused(arguments: list[Any], capsys: Any, message: str) -> None:
    """Check that a command is refused as bad input is."""
    capsys.readouterr()
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("rlnas: ")
    assert re.search(message, printed.err), printed.err


@pytest.fixture(scope="module")
def table(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("tables") / "penguins.csv", penguins())


@pytest.fixture(scope="module")
def design(table, run, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("designs") / "design"
    assert call("design", table, *SAID, "--policy", run, "--out", out, "--quiet") == 0
    return out


# --- what works ---


def test_a_table_is_described_without_designing_anything(table, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    assert call("data", "describe", table, *SAID) == 0
    shown = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    found = {row[0]: row[1:] for row in rows if len(row) == 5}
    assert "penguins: 200 rows, 3 classes of 'species'" in shown
    assert found["island"] == ["category", "Biscoe, Dream, Torgersen", "", "3 features"]
    assert found["mass"][0] == "number"
    assert found["mass"][2].endswith("%")
    assert found["seen"][1].startswith("2026-01-")
    assert found["id"] == ["", "", "", "it is to be left out"]
    assert found["planet"][3] == "it is constant"
    assert list(tmp_path.iterdir()) == []


def test_a_design_for_a_table_prints_and_keeps_its_columns(
    table, run, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    assert call("design", table, *SAID, "--policy", run) == 0
    shown = capsys.readouterr().out
    assert "penguins: 200 rows, 3 classes of 'species'" in shown
    assert "Biscoe, Dream, Torgersen" in shown
    assert shown.splitlines()[-1] == "design in designs/penguins-0"
    record = load_design("designs/penguins-0").record
    assert record["dataset"] == "penguins"
    assert record["source"]["path"] == str(table)
    assert record["source"]["options"] == {
        "target": ["species"], "drop": ["id"], "categorical": ["colony"],
    }  # fmt: skip


def test_a_design_is_tested_on_the_held_out_rows_of_its_own_table(design, table, capsys):
    record = load_design(design).record
    for arguments in ([], [table]):
        assert call("evaluate", design, *arguments, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert found["samples"] == 40
        assert found["data"] == "penguins, held-out samples of the data it was made with"
        assert found["test_accuracy"] == record["test_accuracy"]


def test_a_design_is_tested_on_all_rows_of_another_table(design, tmp_path, capsys):
    new = penguins(60, seed=9)[["species", "colony", "mass", "seen", "sex", "tagged", "island"]]
    new = new[new["species"] != "Gentoo"]
    assert call("evaluate", design, write(tmp_path / "new.csv", new), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["data"]) == (len(new), "new, all samples")
    assert found["recalls"]["Gentoo"] is None


def test_predictions_of_a_table_are_those_that_a_design_is_tested_by(design, table, capsys):
    assert call("predict", design, table) == 0
    printed = capsys.readouterr()
    header, *lines = printed.out.splitlines()
    assert (header, printed.err) == ("species", "")
    network, rules, record = load_design(design)
    data = load_dataset(table, target="species", drop=["id"], categorical=["colony"])
    labels = predict(network, data, np.arange(200, dtype=np.int32))
    assert lines == [rules.class_names[label] for label in labels]
    right = np.array(lines)[data.test] == penguins()["species"].to_numpy()[data.test]
    assert right.mean() == record["test_accuracy"]


def test_predictions_with_probabilities_go_to_a_file(design, tmp_path, capsys):
    new = penguins(30, seed=4).drop(columns=["species", "id", "planet"])
    out = tmp_path / "predicted.csv"
    path = write(tmp_path / "new.csv", new[sorted(new)])
    assert call("predict", design, path, "--proba", "--out", out) == 0
    assert capsys.readouterr().out == f"30 predictions in {out}\n"
    found = pd.read_csv(out)
    names = ["Adelie", "Chinstrap", "Gentoo"]
    assert list(found) == ["species", *(f"probability of {name}" for name in names)]
    shares = found.iloc[:, 1:].to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=2e-6)
    assert found["species"].tolist() == [names[k] for k in shares.argmax(axis=1)]


def test_class_names_with_separators_are_quoted(run, tmp_path, capsys):
    rows = penguins().replace({"species": {"Adelie": 'a, "b"'}})
    table = write(tmp_path / "rows.csv", rows)
    out = tmp_path / "design"
    assert call("design", table, *SAID, "--policy", run, "--out", out, "--quiet") == 0
    capsys.readouterr()
    assert call("predict", out, table, "--proba") == 0
    printed = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert printed[0][3] == 'probability of a, "b"'
    assert {len(row) for row in printed} == {4}
    assert 'a, "b"' in {row[0] for row in printed}


def test_a_design_for_arrays_predicts_the_arrays_of_an_npz_file(run, tmp_path, capsys):
    x, y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3
    np.savez(tmp_path / "mine.npz", X=x, y=y)
    out = tmp_path / "design"
    assert call("design", tmp_path / "mine.npz", "--policy", run, "--out", out, "--quiet") == 0
    capsys.readouterr()
    assert call("predict", out, tmp_path / "mine.npz") == 0
    header, *lines = capsys.readouterr().out.splitlines()
    assert header == "class"
    assert len(lines) == 90
    assert set(lines) <= {"0", "1", "2"}


def test_the_report_of_a_design_has_the_columns(design, tmp_path):
    page = tmp_path / "report.html"
    assert call("report", design, "--out", page) == 0
    text = page.read_text()
    assert "What the columns of the table hold" in text
    for cell in ("Biscoe, Dream, Torgersen", "it is constant", "it is to be left out"):
        assert cell in text
    assert "Not compared" not in text


def test_a_policy_is_trained_on_a_table_and_evaluated_on_it(table, tmp_path, capsys):
    run = tmp_path / "run"
    assert call("train", table, *SAID, *SHORT, "--run-dir", run) == 0
    config = json.loads((run / "config.json").read_text())
    assert (config["dataset"], config["target"], config["drop"]) == (
        [str(table)], ["species"], ["id"],
    )  # fmt: skip
    record = load_design(run / "best").record
    assert record["source"]["options"]["categorical"] == ["colony"]
    capsys.readouterr()
    assert call("design", "--policy", run, "--out", tmp_path / "design", "--quiet") == 0
    assert load_design(tmp_path / "design").record["dataset"] == "penguins"
    assert call("evaluate-policy", "--policy", run, "--episodes", 2, "--quiet") == 0
    assert "difference" in capsys.readouterr().out
    assert call("designs", run, "--save", 2, tmp_path / "second") == 0
    assert load_design(tmp_path / "second").record["source"] == record["source"]


def test_a_sequence_is_evolved_on_a_table(table, tmp_path):
    run = tmp_path / "run"
    few = ("--episode-steps", 2, "--batches-per-step", 2, "--total-batches", 60, "--quiet")
    assert call("evolve", table, *SAID, *few, "--run-dir", run) == 0
    assert json.loads((run / "config.json").read_text())["categorical"] == ["colony"]


@pytest.mark.parametrize("place", range(4))
def test_the_table_may_stand_anywhere_among_options_that_are_repeated(place, table, capsys):
    words = [["--drop", "id"], ["--drop=island"], ["--target", "species"]]
    words.insert(place, [table])
    assert call("data", "describe", *chain(*words)) == 0
    assert capsys.readouterr().out.count("it is to be left out") == 2


# --- bad input ---


REFUSED = [
    ([], "say which one is to be predicted, such as --target 'colony'"),
    (["--target", "specie"], "no column 'specie': did you mean 'species'"),
    (["--target", "species", "--drop", "Id"], "no column 'Id': did you mean 'id'"),
    (["--target", "species", "--drop", "species"], "'species' is given as target and as drop"),
    (["--target", "species", "--validation-file", "absent.csv"], "absent.csv"),
    (["--target", "id"], "column 'id' of penguins has 200 classes in 200 samples"),
    (["--target", "mass"], "line [0-9]+, column 'mass' .* has no value to predict"),
    (["--target", "planet"], "only one class"),
    (["--target", "species", "--groups", "colony", "--time-column", "seen"], "give one"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_every_command_refuses_a_table_alike_and_writes_nothing(
    options, message, table, run, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for command in (
        ["data", "describe", table],
        ["design", table, "--policy", run, "--out", "out"],
        ["train", table, *SHORT, "--run-dir", "out"],
        ["evaluate-policy", table, "--policy", run],
    ):
        refused([*command, *options], capsys, message)
    assert files_in(tmp_path) == {}


def test_options_about_columns_without_a_table_are_refused(run, tmp_path, capsys):
    out = tmp_path / "out"
    refused(
        ["design", "--policy", run, "--out", out, "--target", "x"], capsys, "no data: name a table"
    )
    for source in ("digits", "wine"):
        refused(
            ["design", source, "--policy", run, "--out", out, "--drop", "x", "--drop", "y"],
            capsys, f"{source} is no table of columns, which drop would be about",
        )  # fmt: skip
    refused(["data", "describe", "digits"], capsys, "digits is no table of columns: give a .csv")
    assert not out.exists()


def test_a_table_that_is_not_there_or_no_table_is_refused(tmp_path, run, capsys):
    for name, message in (
        ("absent.csv", "absent.csv"),
        ("mine.xlsx", "mine.xlsx is a spreadsheet: save the table as CSV"),
        ("keel:irs", "irs"),
    ):
        refused(["data", "describe", tmp_path / name if "." in name else name, "--target", "x"],
                capsys, message)  # fmt: skip


def test_predict_and_evaluate_refuse_rows_that_do_not_fit(design, run, tmp_path, capsys):
    fine = penguins(30, seed=2)
    for name, rows, message in (
        ("fewer", fine.drop(columns="mass"), "fewer has no column 'mass'"),
        ("text", fine.assign(mass="heavy"), "'heavy' in line 2, column 'mass', expected a number"),
        ("infinite", fine.assign(mass=np.inf), "inf in line 2, column 'mass', expected a finite"),
    ):
        path = write(tmp_path / f"{name}.csv", rows)
        refused(["predict", design, path, "--out", tmp_path / "out.csv"], capsys, message)
        refused(["evaluate", design, path], capsys, message)
    unknown = write(tmp_path / "unknown.csv", fine.assign(species="Emperor"))
    refused(["evaluate", design, unknown], capsys, "line 2, column 'species' has the class 'Empe")
    assert call("predict", design, unknown) == 0  # classes are not read
    refused(["predict", design, tmp_path / "absent.csv"], capsys, "absent.csv")
    refused(["predict", design, "digits"], capsys, "digits is no table by its name")
    refused(["predict", run, unknown], capsys, "holds no design")
    np.savez(tmp_path / "no.npz", Z=np.zeros(3))
    refused(["predict", design, tmp_path / "no.npz"], capsys, "no.npz has no array X")
    (tmp_path / "text.npz").write_text("no arrays")
    refused(["predict", design, tmp_path / "text.npz"], capsys, "text.npz is damaged or no .npz")
    refused(["evaluate", design, "digits"], capsys, "digits is no table by its name")
    refused(["evaluate", design, tmp_path / "no.npz"], capsys, "is no table by its name")
    assert not (tmp_path / "out.csv").exists()


def test_a_table_that_was_changed_is_not_taken_for_that_of_the_design(run, tmp_path, capsys):
    table = write(tmp_path / "penguins.csv", penguins())
    out = tmp_path / "design"
    assert call("design", table, *SAID, "--policy", run, "--out", out, "--quiet") == 0
    write(table, penguins(seed=1))
    for arguments in ([], [table]):
        refused(["evaluate", out, *arguments], capsys, "other SHA-256")
    table.unlink()
    refused(["evaluate", out], capsys, "no longer at .*penguins.csv: give the path where they are")
    moved = write(tmp_path / "moved.csv", penguins())
    assert evaluate_design(out, moved)["samples"] == 40


def test_designs_for_arrays_know_their_classes_by_name_or_number(run, tmp_path):
    from rlnas.agents import design as make_design

    rng = np.random.default_rng(0)
    x, names = rng.normal(size=(90, 4)), np.array(["blue", "green", "red"])
    y = np.arange(90) % 3
    make_design(run, (x, names[y]), tmp_path / "design", progress_bar=False)
    assert evaluate_design(tmp_path / "design", (x, names[y]))["samples"] == 18
    new = rng.normal(size=(20, 4))
    some = names[[2, 0] * 10]
    by_name = evaluate_design(tmp_path / "design", (new, some))
    assert by_name["recalls"]["green"] is None
    assert evaluate_design(tmp_path / "design", (new, [2, 0] * 10)) == by_name
    for labels, message in (
        (["pink"] * 20, "y, row 0 has the class 'pink', expected one of blue, green, red"),
        ([3] * 20, "has class 3, the network tells 3 classes"),
    ):
        with pytest.raises(InputError, match=message):
            evaluate_design(tmp_path / "design", (new, labels))
    with pytest.raises(InputError, match=r"made for arrays, not for tables such as .*new.csv"):
        evaluate_design(tmp_path / "design", write(tmp_path / "new.csv", penguins()))


def test_predictions_replace_no_file(design, table, tmp_path, capsys):
    before = table.read_bytes()
    refused(["predict", design, table, "--out", table], capsys, "exists: choose another file")
    assert table.read_bytes() == before
