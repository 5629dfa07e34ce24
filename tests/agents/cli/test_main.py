"""The command line: what each command prints and writes, and what bad input is told."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.training.watching.evaluations import read_evaluations
from rlnas.data import idx
from rlnas.data.collections.catalogue import KEEL, UCI
from rlnas.designs.database import FILE, DesignDatabase, DesignRecord
from rlnas.designs.saved import load_design
from tests.agents.helpers import files_in
from tests.core.tiny_idx import CONTENTS, OTHER_CONTENTS, SET, store

TINY = [
    "--total-timesteps",
    "64",
    "--num-envs",
    "2",
    "--rollout-steps",
    "16",
    "--batch-size",
    "16",
    "--epochs",
    "1",
    "--episode-steps",
    "3",
    "--batches-per-step",
    "2",
    "--net-arch",
    "8",
]

COMMANDS = ("train", "design", "evaluate", "evaluate-policy", "data", "benchmark", "study")


def rlnas(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    command = [sys.executable, "-m", "rlnas.agents.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def call(*arguments: str | Path) -> int:
    """The command line in this process."""
    return main([str(argument) for argument in arguments])


# --- what works ---


def test_train_design_evaluate_as_processes(tmp_path):
    trained = rlnas("train", "wine", *TINY, folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    best = load_design(tmp_path / "runs" / "wine-maskable_ppo-0" / "best").record
    run = Path("runs/wine-maskable_ppo-0")
    evaluated = read_evaluations(tmp_path / run)
    assert evaluated is not None
    assert trained.stdout.splitlines() == [
        "policy in runs/wine-maskable_ppo-0",
        f"the policy is {evaluated.in_words(run, 64)}",
        f"best design in runs/wine-maskable_ppo-0/best: {best['active_weights']:,} weights, "
        f"accuracy {best['val_metric']:.2%} on the 36 validation samples that it was chosen by "
        f"(the best score of 64 looks), {best['test_accuracy']:.2%} on test samples, looked at "
        "once",
        "watch it with: tensorboard --logdir runs",
    ]
    assert "Traceback" not in trained.stderr
    assert "Warning" not in trained.stderr
    policy = tmp_path / "runs" / "wine-maskable_ppo-0"
    designed = rlnas("design", "--policy", policy, "--out", "design", folder=tmp_path)
    assert designed.returncode == 0, designed.stderr
    assert designed.stdout.splitlines()[-1] == "design in design"
    evaluated = rlnas("evaluate", "design", "wine", "--json", folder=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert evaluated.stderr == ""
    result = json.loads(evaluated.stdout)
    network, _, record = load_design(tmp_path / "design")
    assert result.pop("data") == "wine, held-out samples of the data it was made with"
    assert result.pop("samples") == 36
    assert result.pop("metric") == record["objective"]["metric"] == "accuracy"
    assert result == {key: record[key] for key in result}
    assert result["active_weights"] == network.active_weights


@pytest.fixture(scope="module")
def design(run, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("cli") / "design"
    assert call("design", "--policy", run, "--out", out) == 0
    return out


@pytest.mark.parametrize(
    ("form", "files"),
    [
        ("c", {"wine.c", "wine.h", "wine_test.c"}),
        ("c-int", {"wine.c", "wine.h", "wine_test.c"}),
        ("c-int8", {"wine.c", "wine.h", "wine_test.c"}),
        ("npz", {"wine.npz"}),
        ("onnx", {"wine.onnx"}),
        ("safetensors", {"wine.safetensors"}),
        ("torch", {"wine.pt2"}),
    ],
)
def test_export_writes_beside_the_design_and_tells_the_test_accuracy(
    form, files, design, tmp_path, capsys
):
    shutil.copytree(design, tmp_path / "design")
    assert call("export", tmp_path / "design", "--format", form) == 0
    assert files_in(tmp_path / "design" / form).keys() == files
    shown = capsys.readouterr().out
    record = load_design(design).record
    assert ("bytes of RAM" in shown) == form.startswith("c")
    if form not in ("c-int", "c-int8"):
        assert f"test accuracy {record['test_accuracy']:.2%}" in shown


def test_export_refuses_what_it_cannot_export(design, tmp_path, capsys):
    out = tmp_path / "out"
    for arguments, message in (
        ([design, "--dataset", "digits"], "'digits' has 64 features"),
        ([design, "--dataset", "iris"], "unknown data set"),
        ([tmp_path], "holds no design"),
        ([design, "--name", "a-b"], "'a-b' cannot name an export"),
        ([design, "--name", ""], "'' cannot name an export"),
    ):
        refused(["export", *arguments, "--format", "c", "--out", out], capsys, message)
    out.mkdir()
    (out / "mine").touch()
    refused(["export", design, "--format", "c", "--out", out], capsys, "not empty")
    refused(
        ["export", design, "--format", "exe"], capsys, "--format 'exe' cannot be used: expected"
    )


def test_a_name_for_an_export_names_its_files_and_symbols(design, tmp_path):
    out = tmp_path / "out"
    assert call("export", design, "--format", "c", "--name", "grape_1", "--out", out) == 0
    assert files_in(out).keys() == {"grape_1.c", "grape_1.h", "grape_1_test.c"}
    assert "int grape_1_classify(" in (out / "grape_1.h").read_text()


def test_designs_lists_the_best_of_a_run(run, capsys):
    assert call("designs", run, "--limit", "3") == 0
    shown = capsys.readouterr().out
    best, *_ = DesignDatabase(run / FILE).best()
    assert shown.count("wine") == 3
    assert f"{best.score:.4f}" in shown
    few = sorted(design.active_weights for design in DesignDatabase(run / FILE).best(1000))[20]
    assert call("designs", run, "--max-weights", str(few), "--front") == 0
    shown = capsys.readouterr().out
    front = DesignDatabase(run / FILE).front(few)
    assert shown.count("wine") == min(len(front), 10)


def test_designs_fits_into_80_columns_with_every_heading_whole(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    sizes = (784, 1000, 300, 150, 100, 50, 10)
    design = DesignRecord(
        1_000_000, 3, "heldout:checkerboard", 0.0123, 0.9876, 0.9876, 0.1, 123_456, sizes, "none"
    )
    DesignDatabase(tmp_path / FILE).add([design])
    assert call("designs", tmp_path) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    names = ("step", "penalty", "score", "metric", "weights", "architecture", "data set")
    assert all(name in heading for name in names)
    assert max(len(line) for line in (heading, *rows)) <= 80
    assert "…" not in "".join(rows)
    assert rows[0].startswith("1,000,000   0.0123  0.9876  0.9876  123,456")


def test_designs_as_json_are_all_facts_at_full_precision(run, capsys):
    assert call("designs", run, "--json", "--limit", "4") == 0
    listed = json.loads(capsys.readouterr().out)
    found = [DesignRecord(**{**each, "layer_sizes": tuple(each["layer_sizes"])}) for each in listed]
    assert found == DesignDatabase(run / FILE).best(4)


def test_designs_refuses_what_is_no_run(design, run, capsys):
    refused(["designs", design], capsys, "no database of designs")
    refused(["designs", run, "--limit", "0"], capsys, "expected at least 1")


def test_train_writes_where_it_is_told(tmp_path, capsys):
    out = tmp_path / "deep" / "run"
    code = call(
        "train", "wine", "breast_cancer", "--penalty", "0.05", "0.5", *TINY,
        "--algorithm", "ppo", "--seed", "3", "--reward", "score", "--run-dir", out, "--quiet",
    )  # fmt: skip
    assert code == 0
    printed = capsys.readouterr()
    policy, evaluated, best = printed.out.splitlines()
    assert policy == f"policy in {out}"
    assert evaluated.startswith("the policy is the ")
    assert best.startswith(f"best design in {out / 'best'}: ")
    assert printed.err == ""
    config = json.loads((out / "config.json").read_text())
    assert config["dataset"] == ["wine", "breast_cancer"]
    assert config["penalty"] == [0.05, 0.5]
    assert (config["algorithm"], config["seed"], config["reward"]) == ("ppo", 3, "score")
    assert (out / "policy.safetensors").is_file()


def test_design_prints_a_table_of_the_start_and_the_result(run, tmp_path, capsys):
    assert call("design", "--policy", run, "--out", tmp_path / "d", "--penalty", "0.2") == 0
    shown = capsys.readouterr().out
    record = json.loads((tmp_path / "d" / "design.json").read_text())
    assert record["penalty"] == 0.2
    assert "Design for wine" in shown
    for text in (
        "-".join(map(str, record["layer_sizes"])),
        "-".join(map(str, record["initial"]["layer_sizes"])),
        f"{record['test_accuracy']:.2%}",
        f"{record['test_loss']:.4f}",
        f"{record['active_weights']:,}",
        f"{record['score']:.4f}",
    ):
        assert text in shown
    assert "architecture" not in record, "what is printed is not what is kept"
    assert ("the design is a linear network" in shown) is record["linear"]


@pytest.mark.parametrize("place", [0, 1])
def test_design_says_whether_the_linear_network_was_better(
    place, run, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("rlnas.agents.designing.design.best_of", lambda found: found[place])
    assert call("design", "--policy", run, "--out", tmp_path / "d") == 0
    line = (
        "the design is a linear network (without hidden layers): on the validation samples it was "
        "better than the best network of the episode"
    )
    shown = capsys.readouterr().out.splitlines()
    assert (line in shown) is (place == 1)
    assert any("13-3 " in row for row in shown) is (place == 1)


@pytest.mark.parametrize("quiet", [False, True])
def test_design_shows_progress_on_a_terminal_unless_it_is_quiet(
    run, tmp_path, capsys, monkeypatch, quiet
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    words = ["--quiet"] if quiet else []
    assert call("design", "--policy", run, "--out", tmp_path / "d", *words) == 0
    printed = capsys.readouterr()
    assert "test accuracy" in printed.out
    if quiet:
        assert printed.err == ""
    else:
        last = json.loads((tmp_path / "d" / "design.json").read_text())["history"][-1]
        now = f"{last['val_metric']:.2%} with {last['active_weights']:,} weights"
        assert re.search(rf"designing: 100%.* 4/4 .*{now}", printed.err)
        assert re.search(r"final training: 100%.* 1000/1000 ", printed.err)


def test_the_default_folder_of_a_design_is_named_after_its_data_set(
    run, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert call("design", "--policy", run, "--seed", "3") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "design in designs/wine-3"
    assert load_design(tmp_path / "designs" / "wine-3").record["dataset"] == "wine"


def test_evaluate_prints_a_line_for_every_number(design, capsys):
    assert call("evaluate", design, "wine") == 0
    record = load_design(design).record
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:2] == ["36", "samples"]
    numbers = {" ".join(line[:-1]): line[-1] for line in lines[1:6]}
    assert numbers == {
        "test accuracy": f"{record['test_accuracy']:.2%}",
        "test loss": f"{record['test_loss']:.4f}",
        "balanced accuracy": f"{record['balanced_accuracy']:.2%}",
        "calibration error": f"{record['calibration_error']:.2%}",
        "active weights": f"{record['active_weights']:,}",
    }
    assert " ".join(lines[6]).startswith("recall of each class: class_0 ")


def test_evaluate_json_is_one_object_and_nothing_else(design, capsys):
    assert call("evaluate", design, "wine", "--json") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert len(printed.out.splitlines()) == 1
    assert json.loads(printed.out).keys() == {
        *(
            "weighted",
            "test_accuracy",
            "test_loss",
            "balanced_accuracy",
            "recalls",
            "majority_accuracy",
        ),
        *("calibration_error", "metric", "test_metric", "active_weights", "samples", "data"),
    }


def test_evaluate_policy_prints_both_means_and_their_difference(run, capsys):
    assert call("evaluate-policy", "--policy", run, "--episodes", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["trained", "random", "difference"]
    means = [float(re.findall(r"mean score (\S+)", line)[0]) for line in lines[:2]]
    difference = float(re.findall(r"difference (\S+),", lines[2])[0])
    assert difference == pytest.approx(means[0] - means[1], abs=2e-4)
    assert "standard errors" in lines[2]


def test_evaluate_policy_of_scores_without_spread_prints_no_standard_errors(
    run, capsys, monkeypatch
):
    scores = {"score": {"trained": [0.75, 0.75], "random": [0.5, 0.5]}}
    monkeypatch.setattr("rlnas.agents.designing.design.evaluate_policy", lambda **_: scores)
    assert call("evaluate-policy", "--policy", run) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "difference +0.2500"


def test_data_list_names_every_data_set_and_its_place(real_data_dir, capsys):
    assert call("data", "list", "--data-dir", real_data_dir) == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert list(lines) == [
        "digits",
        "wine",
        "breast_cancer",
        "mnist",
        "fashion_mnist",
        "usps",
        "keel",
        "uci",
    ]
    assert lines["digits"] == "embedded in scikit-learn"
    assert Path(lines["mnist"]) == real_data_dir / "mnist"


def test_data_list_says_how_to_get_what_is_absent(tmp_path, tiny_sets, capsys):
    assert call("data", "list", "--data-dir", tmp_path / "absent") == 0
    assert "run `rlnas data fetch mnist`" in capsys.readouterr().out


def test_data_list_keel_has_a_line_for_every_table(capsys):
    assert call("data", "list", "--keel") == 0
    header, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["table", "rows", "features", "classes", "split"]
    assert [line[0] for line in lines] == KEEL.sources
    assert ["keel:vowel", "990", "13", "11", "development"] in lines


def test_data_list_uci_has_a_line_for_every_table(capsys):
    assert call("data", "list", "--uci") == 0
    header, *lines = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["table", "rows", "features"]
    assert [line[0] for line in lines] == UCI.sources
    assert ["uci:concrete", "1030", "8"] in lines


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ([], COMMANDS),
        (
            ["train"],
            ("DATASET", "--target", "--total-timesteps", "--penalty", "--run-dir", "--algorithm"),
        ),
        (
            ["design"],
            ("DATASET", "--target", "--policy", "--out", "--seed", "--penalty", "--data-dir"),
        ),
        (["predict"], ("DESIGN", "ROWS", "--out", "--proba")),
        (["evaluate"], ("DESIGN", "DATASET", "--json", "--data-dir")),
        (["designs"], ("RUN_DIR", "--max-weights", "--dataset", "--limit", "--front", "--json")),
        (["play"], ("--dataset", "--penalty", "--seed", "--policy")),
        (["export"], ("DESIGN", "--format", "--out", "--dataset", "--data-dir")),
        (["evaluate-policy"], ("DATASET", "--policy", "--episodes", "--seed")),
        (["data"], ("describe", "list", "fetch")),
        (["data", "describe"], ("TABLE", "--target", "--drop", "--time-column")),
        (["data", "list"], ("--data-dir", "--keel", "--uci")),
        (["data", "fetch"], ("mnist", "fashion_mnist", "usps", "keel", "uci", "--data-dir")),
    ],
    ids=lambda value: " ".join(value),
)
def test_every_command_has_help(command, options, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    for option in options:
        assert option in shown


def test_every_option_of_train_is_explained(capsys):
    from rlnas.agents.config import TrainConfig

    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = capsys.readouterr().out
    for name in TrainConfig.__dataclass_fields__.keys() - {"dataset"}:
        assert f"--{name.replace('_', '-')}" in shown


def test_help_imports_nothing_heavy(tmp_path):
    code = """
import sys
from rlnas.agents.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
print(*(name for name in ("torch", "numba", "sklearn", "matplotlib") if name in sys.modules))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == ""


def test_an_interrupt_is_one_line_and_exit_code_130(run, tmp_path, capsys, monkeypatch):
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rlnas.agents.training.ppo.train", interrupt)
    assert call("train", *TINY, "--run-dir", tmp_path / "run") == 130
    assert capsys.readouterr().err == "rlnas: interrupted\n"


# --- bad input: one line, exit code 2, nothing half-written ---


@pytest.fixture
def tiny_sets(tmp_path, monkeypatch) -> dict[str, bytes]:
    """Tiny sets in place of the published ones; nothing of this computer's is found."""
    other = replace(SET, name="fashion_mnist", title="Fashion-MNIST", folders=("fashion_mnist",))
    monkeypatch.setattr(idx, "SETS", {"mnist": SET, "fashion_mnist": other})
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "no cache"))
    monkeypatch.delenv("RLNAS_DATA_DIR", raising=False)
    return CONTENTS


def refused(arguments: list[str | Path], capsys: Any, message: str) -> None:
    """Check that a command is refused as bad input is."""
    capsys.readouterr()
    assert call(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("rlnas: ")
    assert re.search(message, printed.err), printed.err


def train_on(dataset: str | Path, out: Path, *options: str | Path) -> list[str | Path]:
    return ["train", dataset, *TINY, "--run-dir", out, *options]


def assert_train_refuses(
    tmp_path: Path, capsys: Any, message: str, dataset: str | Path, *options: str | Path
) -> None:
    """Training is refused, and leaves no trace."""
    before = sorted(tmp_path.rglob("*"))
    refused(train_on(dataset, tmp_path / "run", *options), capsys, message)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_data_set_is_refused_and_the_known_ones_named(tmp_path, capsys):
    message = "unknown data set 'minst'.*mean mnist.*digits, wine, breast_cancer, mnist, fashion"
    assert_train_refuses(tmp_path, capsys, message, "minst")


def test_an_idx_set_that_is_absent_is_refused(tmp_path, capsys, tiny_sets):
    store(tmp_path / "data" / "mnist", {name: tiny_sets[name] for name in list(tiny_sets)[:3]})
    message = "MNIST is not on this computer: run `rlnas data fetch mnist`.*lacks t10k-labels"
    assert_train_refuses(tmp_path, capsys, message, "mnist", "--data-dir", tmp_path / "data")


@pytest.mark.parametrize("compress", [False, True])
def test_a_truncated_idx_file_is_refused(tmp_path, capsys, tiny_sets, compress):
    folder = store(tmp_path / "data" / "mnist", compress=compress)
    first = sorted(folder.iterdir())[-2]
    first.write_bytes(first.read_bytes()[:-3])
    message = "damaged gzip file" if compress else f"{first.name} is cut short"
    assert_train_refuses(tmp_path, capsys, message, "mnist", "--data-dir", tmp_path / "data")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "its SHA-256 differs"),
        (lambda raw: raw + b"\0", "has data after its end"),
        (lambda raw: b"\0" * len(raw), "is no IDX file"),
        (lambda raw: OTHER_CONTENTS["train-images-idx3-ubyte"], "is not the published MNIST file"),
    ],
)
def test_an_idx_file_that_is_not_the_published_one_is_refused(
    tmp_path, capsys, tiny_sets, change, message
):
    folder = store(tmp_path / "data" / "mnist")
    images = folder / "train-images-idx3-ubyte"
    images.write_bytes(change(images.read_bytes()))
    assert_train_refuses(tmp_path, capsys, message, "mnist", "--data-dir", tmp_path / "data")


@pytest.mark.slow
def test_a_truncated_published_file_is_refused_by_a_process(tmp_path):
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    for file in idx.SETS["mnist"].files:
        (folder / file.name).write_bytes(file.header + b"\0" * 100)
    arguments = train_on("mnist", Path("run"), "--data-dir", tmp_path / "data")
    run = rlnas(*arguments, folder=tmp_path)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("rlnas: ")
    assert run.stderr.count("\n") == 1
    assert "train-images-idx3-ubyte is cut short" in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


X = np.random.default_rng(0).normal(size=(100, 4))
Y = np.arange(100) % 3


def with_value(array: np.ndarray, value: Any) -> np.ndarray:
    changed = array.astype(float)
    changed.flat[7] = value
    return changed


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (with_value(X, np.nan), Y, "X has 1 values that are missing"),
        (with_value(X, np.inf), Y, "row 1, column 3"),
        (with_value(X, -np.inf), Y, "remove or replace them"),
        (X, Y + 1, "y has no sample of class 0"),
        (X, Y - 1, "y has the label -1"),
        (X, np.where(Y == 1, np.inf, Y + 0.5), "y, row 1 has the value inf, expected a finite"),
        (X, Y * 2, "y has no sample of class 1 but labels up to 4"),
        (X, np.array(["a", "b"] * 50), "y has the text 'a' in row 0, expected a number"),
        (X, Y * 0, "y has only one class"),
        (X[:5], Y[:5] % 2, "3 of 5 samples would be left for training"),
        (X, Y[:-1], "X has 100 samples but y 99 labels"),
        (X[:-1], Y, "X has 99 samples but y 100 labels"),
        (X[:, 0], Y, r"X has shape \(100,\), expected \[samples, features\]"),
        (X.reshape(100, 2, 2), Y, r"X has shape \(100, 2, 2\)"),
        (X[:0], Y[:0], "X is empty"),
        (X, np.eye(3)[Y], "one-hot classes are: give one"),
        (X.astype(str), Y, "expected a number: convert text"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(tmp_path, capsys, x, y, message):
    np.savez(tmp_path / "mine.npz", X=x, y=y)
    assert_train_refuses(tmp_path, capsys, message, tmp_path / "mine.npz")


def test_a_number_to_predict_in_an_npz_file_is_predicted(tmp_path, capsys):
    np.savez(tmp_path / "mine.npz", X=X, y=X[:, 0] * 2 + 0.1 * Y)
    assert call("design", tmp_path / "mine.npz", "--out", tmp_path / "design", "--quiet") == 0
    assert "task: regression, since the target suggests it" in capsys.readouterr().out


def test_files_that_are_no_arrays_are_refused(tmp_path, capsys):
    np.savez(tmp_path / "other.npz", Z=X)
    assert_train_refuses(tmp_path, capsys, "has no array X", tmp_path / "other.npz")
    (tmp_path / "text.npz").write_text("no arrays")
    assert_train_refuses(tmp_path, capsys, "damaged or no .npz", tmp_path / "text.npz")
    np.savez(tmp_path / "objects.npz", X=np.array([{}], object), y=Y)
    assert_train_refuses(tmp_path, capsys, "array of Python objects", tmp_path / "objects.npz")
    assert_train_refuses(tmp_path, capsys, "does not exist", tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--penalty", "-0.1"], "penalty -0.1 is out of range: expected at least 0"),
        (
            ["--penalty", "0.5", "0.1"],
            "--penalty 0.5 0.1 is upside down: expected LOW HIGH, give 0.1 0.5",
        ),
        (["--penalty", "-1", "1"], "is out of range"),
        (
            ["--penalty", "nan"],
            "--penalty nan cannot be used: expected a finite number, or LOW HIGH",
        ),
        (["--penalty", "1", "2", "3"], "--penalty takes a number or LOW HIGH, not 3 values"),
        (["--num-envs", "0"], "--num-envs 0 cannot be used: expected a whole number from 1"),
        (["--num-envs", "-4"], "--num-envs -4 cannot be used"),
        (["--total-timesteps", "0"], "--total-timesteps 0 cannot be used"),
        (["--episode-steps", "0"], "episode_steps 0 cannot be used"),
        (["--batches-per-step", "0"], "batches_per_step 0 cannot be used"),
        (["--learning-rate", "0"], "--learning-rate 0.0"),
        (["--seed", "-1"], "--seed -1"),
        (["--net-arch", "-3"], "--net-arch"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_values_out_of_range_are_refused(tmp_path, capsys, options, message):
    assert_train_refuses(tmp_path, capsys, message, "wine", *options)


def in_a_full_folder(run: Path, out: Path) -> list[list[str | Path]]:
    """Commands that write to a folder."""
    return [train_on("wine", out), ["design", "--policy", run, "--out", out]]


@pytest.mark.parametrize("command", [0, 1], ids=["train", "design"])
def test_a_folder_that_is_not_empty_is_refused_and_left_alone(run, tmp_path, capsys, command):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("dear to somebody")
    arguments = in_a_full_folder(run, tmp_path / "full")[command]
    refused(arguments, capsys, "full exists and is not empty: choose another folder")
    assert files_in(tmp_path) == {"full/mine.txt": b"dear to somebody"}


@pytest.mark.parametrize("command", [0, 1], ids=["train", "design"])
@pytest.mark.parametrize("below", ["file", "file/run", "file/a/b"])
def test_an_output_that_cannot_be_written_is_refused(run, tmp_path, capsys, command, below):
    (tmp_path / "file").write_text("in the way")
    refused(in_a_full_folder(run, tmp_path / below)[command], capsys, "cannot write to .*file")
    assert files_in(tmp_path) == {"file": b"in the way"}


def other_layout(folder: Path) -> None:
    record = json.loads((folder / "policy.json").read_text())
    record["observations"] = record["observations"][:-1]
    (folder / "policy.json").write_text(json.dumps(record))


def truncated(folder: Path) -> None:
    content = (folder / "policy.safetensors").read_bytes()
    (folder / "policy.safetensors").write_bytes(content[:-10])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (other_layout, "was trained for other observations than this version"),
        (truncated, r"policy\.safetensors is damaged"),
        (lambda folder: (folder / "policy.json").unlink(), "holds no policy"),
        (lambda folder: (folder / "policy.json").write_text("{"), r"policy\.json is damaged"),
        (lambda folder: (folder / "config.json").write_text("{}"), r"config\.json is damaged"),
    ],
    ids=["other layout", "truncated", "absent", "no JSON", "no settings"],
)
@pytest.mark.parametrize("command", ["design", "evaluate-policy"])
def test_a_policy_that_cannot_be_used_is_refused(
    run, tmp_path, capsys, damage: Callable[[Path], Any], message, command
):
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    damage(copy)
    out = ["--out", tmp_path / "out"] if command == "design" else []
    refused([command, "--policy", copy, *out], capsys, message)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--penalty", "-2"], "penalty -2.0 is out of range"),
        (["iris"], "unknown data set 'iris'"),
        (["--seed", "-5"], "--seed -5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_design_and_evaluate_policy_refuse_what_train_refuses(
    run, tmp_path, capsys, options, message
):
    refused(["design", *options, "--policy", run, "--out", tmp_path / "out"], capsys, message)
    assert not (tmp_path / "out").exists()
    refused(["evaluate-policy", *options, "--policy", run], capsys, message)


def test_resume_is_told_where_there_is_no_training(tmp_path, capsys):
    message = "there is no training in .*nothere: expected a run folder of `rlnas train`"
    refused(["train", "--resume", tmp_path / "nothere"], capsys, message)
    assert not (tmp_path / "nothere").exists()


def test_evaluate_policy_refuses_a_single_episode(run, capsys):
    refused(["evaluate-policy", "--policy", run, "--episodes", "1"], capsys, "expected at least 2")


def test_evaluate_refuses_what_is_no_design_or_for_other_data(design, run, tmp_path, capsys):
    refused(["evaluate", run, "wine"], capsys, "holds no design")
    refused(["evaluate", design, "digits"], capsys, "'digits' has 64 features")
    refused(["evaluate", design, "iris"], capsys, "unknown data set")
    broken = Path(shutil.copytree(design, tmp_path / "broken"))
    path = broken / "network.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    refused(["evaluate", broken, "wine"], capsys, "is damaged")
