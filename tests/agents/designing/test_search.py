"""Searching within limits: the result keeps them, and trials decide it, never clocks."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED
from rlnas.agents.designing.design import design
from rlnas.agents.designing.search import pace, search as module
from rlnas.agents.designing.search.facts import how_to_repeat
from rlnas.agents.designing.search.limits import Asked, Limits
from rlnas.agents.designing.search.search import search
from rlnas.agents.designing.search.trials import Recipe, Task, Trial, boundary, play, recipe_of
from rlnas.agents.reports.report import write_report
from rlnas.data.dataset import Dataset
from rlnas.data.folds import folds
from rlnas.data.loading import load_dataset
from rlnas.designs.saved import load_design
from rlnas.errors import InputError
from rlnas.export.c.sizes import FORMS, CForm, c_bytes
from rlnas.export.inference import for_inference
from rlnas.nn.network import SparseNetwork
from tests.core.reference import bits

WINE = load_dataset("wine")


def searched(run: Path, trials: int = 3, data: Dataset = WINE, **limits: Any) -> module.Searched:
    asked = {name: limits.pop(name) for name in ("penalty",) if name in limits}
    return search(data, Asked(Limits(**limits), trials=trials, **asked), run, jobs=1)


# --- what a search finds ---


@pytest.fixture(scope="module")
def free(run) -> SparseNetwork:
    """A design without limits."""
    return searched(run, 2).network


def needs_of(network: SparseNetwork, form: CForm) -> dict[str, int]:
    """What each limit is about."""
    needs = c_bytes(for_inference(network, WINE.preprocessing), form)
    return {
        "max_weights": network.active_weights,
        "max_bytes": needs.flash,
        "max_ram": needs.ram,
    }


@pytest.mark.parametrize(
    ("limit", "form"),
    [("max_weights", "c"), ("max_bytes", "c"), ("max_bytes", "c-int8"), ("max_ram", "c-int")],
)
def test_the_trained_design_keeps_the_limit(free, run, limit, form):
    most = needs_of(free, form)[limit] * 3 // 4
    network = searched(run, 2, **{limit: most, "form": form}).network
    assert 0 < needs_of(network, form)[limit] <= most


def test_the_smallest_network_that_reaches_the_least_accuracy_is_taken(run):
    made = searched(run, 3, min_accuracy=0.9)
    enough = [each for each in made.record["search"]["front"] if each["val_metric"] >= 0.9]
    assert made.record["val_metric"] >= 0.9
    assert made.record["active_weights"] == min(each["active_weights"] for each in enough)


def test_with_a_least_accuracy_trials_become_smaller_as_long_as_it_is_reached():
    task = Task([WINE], Limits(min_accuracy=0.9), SHIPPED, 0)
    wishes: list[tuple[float, bool]] = []
    sizes: list[int] = []
    for number in range(1, 40):
        size = recipe_of(number, task, wishes).most or 500
        wishes.append((1 / size, size >= 20))
        sizes.append(size)
    assert sizes[0] == 500
    assert 5 <= min(sizes[20:]) < 20 < max(sizes[20:]) <= 80


def test_the_answers_are_of_networks_that_did_not_learn_from_the_samples(run):
    """Another label of a sample that is judged on changes nothing but how it is judged."""
    task = Task(folds(WINE), Limits(), run, 0)
    first = play(1, Recipe("usual", 0.1), replace(task, folds=task.folds[:1]))
    labels = WINE.labels.copy()
    labels[WINE.validation] = (labels[WINE.validation] + 1) % 3
    other = replace(WINE, labels=labels)
    again = play(1, Recipe("linear", 0.0), replace(task, folds=[other]))
    linear = play(1, Recipe("linear", 0.0), replace(task, folds=task.folds[:1]))
    assert again.answers is not None
    assert linear.answers is not None
    assert first.answers is not None
    assert (again.answers == linear.answers).all()
    assert first.answers.shape == (WINE.validation.size, 3)


def test_test_samples_have_no_influence(free, run):
    features = WINE.features.copy()
    features[WINE.test] += 1
    assert bits(searched(run, 2, replace(WINE, features=features)).network) == bits(free)


@pytest.mark.slow
def test_the_number_of_trials_decides_and_neither_time_nor_workers_do(run, monkeypatch):
    ticks = count(perf_counter(), 0.5)  # half a second whenever the clock is read
    with monkeypatch.context() as patched:
        patched.setattr(pace, "perf_counter", lambda: next(ticks))
        timed = search(WINE, Asked(Limits(max_weights=60), seconds=60), run, jobs=1)
    trials = timed.record["search"]["trials"]
    assert trials > module.ROUND
    monkeypatch.setattr(module, "WORTH_WORKERS", 0.0)
    asked = Asked(Limits(max_weights=60), trials=trials)
    again = search(WINE, asked, run, jobs=2)
    assert bits(again.network) == bits(timed.network)
    assert again.record["search"]["networks"] == timed.record["search"]["networks"]


def test_more_trials_never_have_a_lower_validation_score(run):
    curve = searched(run, 4).record["search"]["curve"]
    merits = [point["merit"] for point in curve]
    assert merits == sorted(merits)
    shorter = searched(run, 2).record["search"]["curve"]
    assert [point["merit"] for point in shorter] == merits[: len(shorter)]


@pytest.mark.parametrize("task", ["numbers", "balanced"])
def test_designs_are_judged_by_the_metric_of_the_data(run, task):
    if task == "numbers":
        data = load_dataset(load_diabetes(return_X_y=True), task="regression")
    else:
        data = load_dataset("wine", metric="balanced_accuracy", class_weight="balanced")
    found = searched(run, 3, data, max_weights=40)
    assert found.network.active_weights <= 40
    assert found.record["val_metric"] > (0.3 if task == "numbers" else 0.8)
    assert found.record["objective"] == data.objective.as_json()


# --- recipes ---


@pytest.mark.parametrize("at", [0.01, 0.2])
def test_prices_of_trials_move_to_where_designs_just_keep_the_limit(at, run):
    task = Task([WINE], Limits(max_weights=10), run, 0)
    wishes: list[tuple[float, bool]] = []
    for number in range(1, 40):
        price = recipe_of(number, task, wishes).price
        wishes.append((price, price < at))
    assert boundary(wishes) == pytest.approx(at, rel=0.5)
    late = [price for price, _ in wishes[20:]]
    assert at / 8 < min(late) < at < max(late) < 32 * at


def starts_of(data: Dataset, policy: Path) -> list[str]:
    task = Task([data], Limits(), policy, 0)
    return [recipe_of(number, task, []).start for number in range(1, 13)]


def test_episodes_are_those_that_the_policy_was_trained_in(run, budget_run):
    assert set(starts_of(WINE, run)) == {"usual", "wide"}
    assert set(starts_of(WINE, budget_run)) == {"with cost"}


def test_thorough_episodes_are_for_large_data(run):
    rows = np.resize(WINE.train, 128 * 101).astype(np.int32)
    assert "thorough" in starts_of(replace(WINE, train=rows), run)


# --- what cannot be done ---


def refused(words: str, folder: Path, capsys: Any) -> str:
    """The one line that `rlnas design wine` prints with some options; nothing is written."""
    assert main(["design", "wine", *words.split(), "--jobs", "1", "--out", str(folder)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert not folder.exists()
    assert [*folder.parent.iterdir()] == []
    (line,) = (line for line in shown.err.splitlines() if line.startswith("rlnas: "))
    return line.removeprefix("rlnas: ")


def test_a_limit_that_nothing_keeps_is_told_with_what_the_smallest_needs(run, tmp_path, capsys):
    words = f"--max-bytes 10 --max-ram 9999 --trials 2 --policy {run} --quiet"
    told = refused(words, tmp_path / "out", capsys)
    begin = "nothing fits --max-bytes 10, --max-ram 9999 as c-int8: the smallest network that was "
    assert told.startswith(begin)
    least = int(told.split("--max-bytes ")[2].split(",")[0])
    assert 10 < least < 60
    words = f"--max-bytes {least} --trials 2 --policy {run} --quiet"
    assert main(["design", "wine", *words.split(), "--out", str(tmp_path / "fits")]) == 0


def test_an_accuracy_that_nothing_reaches_is_told_with_the_best(run, tmp_path, capsys):
    words = f"--max-weights 1 --min-accuracy 0.99 --trials 2 --policy {run} --quiet"
    told = refused(words, tmp_path / "out", capsys)
    begin = (
        "nothing within --max-weights 1 reaches --min-accuracy 0.99 in validation: of 2 trials the "
        "best accuracy is 0."
    )
    assert told.startswith(begin)


def test_a_time_that_is_too_short_is_told_with_one_that_is_not(run, tmp_path, capsys):
    told = refused(f"--time 0.001 --policy {run} --quiet", tmp_path / "out", capsys)
    assert told.startswith("--time 0.001 is too short for one episode and the final training on ")
    assert 0.01 < float(told.split()[-1].removesuffix("s")) < 1000


def test_integers_only_are_refused_for_numbers_before_a_search(tmp_path):
    asked = Asked(Limits(max_bytes=500, form="c-int"), trials=1)
    with pytest.raises(InputError, match="numbers are to be predicted"):
        search(load_dataset(load_diabetes(return_X_y=True)), asked)


def test_a_search_is_refused_before_it_begins_if_its_folder_is_taken(run, tmp_path, capsys):
    (tmp_path / "there").write_text("mine")
    assert main(["design", "wine", "--trials", "2", "--out", str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize("count", [1, 2])
def test_a_number_of_trials_is_said_as_people_say_it(count):
    record = {"trials": count, "interrupted": False}
    trials = "1 trial" if count == 1 else "2 trials"
    assert how_to_repeat(record).startswith(f"{trials}: more of them")
    assert how_to_repeat(record | {"interrupted": True}).startswith(f"interrupted after {trials}:")
    timed = how_to_repeat(record | {"seconds": 5.0})
    assert timed.startswith(f"there was time for {trials}: --trials {count} gives")


# --- interrupts ---


def interrupted_at(number: int) -> Any:
    def played(k: int, *arguments: Any) -> Trial:
        if k == number:
            raise KeyboardInterrupt
        return play(k, *arguments)

    return played


def test_an_interrupt_hands_over_the_best_design_so_far(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "play", interrupted_at(2))
    out = tmp_path / "out"
    words = ["design", "wine", "--max-weights", "60", "--policy", str(run), "--quiet"]
    assert main([*words, "--out", str(out), "--jobs", "1"]) == 130
    monkeypatch.undo()
    told = capsys.readouterr()
    assert "interrupted after 2 trials: the best so far; --trials 2 repeats it" in told.out
    assert told.err == "rlnas: interrupted: the design is the best so far\n"
    kept = load_design(out)
    assert kept.record["search"]["interrupted"] is True
    assert bits(kept.network) == bits(searched(run, 2, max_weights=60).network)


def test_an_interrupt_before_there_is_a_design_leaves_nothing(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "play", interrupted_at(0))
    words = ["design", "wine", "--trials", "2", "--policy", str(run), "--quiet"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 130
    assert [*tmp_path.iterdir()] == []


# --- what is told ---


@pytest.fixture(scope="module")
def made(run, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A design within a limit: its folder and its record."""
    out = tmp_path_factory.mktemp("search") / "design"
    limits = {"max_bytes": 400, "format": "c-int8", "trials": 3}
    return out, design(run, "wine", out, **limits, jobs=1, progress_bar=False).record


def test_the_record_tells_of_the_search(made):
    out, record = made
    kept = json.loads((out / "design.json").read_text())
    assert kept["search"] == json.loads(json.dumps(record["search"]))
    found = record["search"]
    assert found["limits"] == {"max_bytes": 400}
    assert (found["format"], found["trials"], found["interrupted"]) == ("c-int8", 3, False)
    assert found["judged"] == WINE.train.size + WINE.validation.size
    last = found["curve"][-1]
    assert (last["val_metric"], last["active_weights"]) == (
        record["val_metric"],
        record["active_weights"],
    )
    assert "seconds" not in found


def test_the_report_draws_the_merit_against_time(made):
    out, record = made
    page = write_report(out).read_text()
    assert '<img alt="Merit against time"' in page
    for point in record["search"]["curve"]:
        assert f"<td>{point['merit']:.4f}</td>" in page
    assert "<h2>Networks side by side</h2>" in page
    assert "--max-bytes 400 --format c-int8" in page


def test_with_a_least_accuracy_the_report_draws_the_weights_against_time(run, tmp_path):
    asked = {"min_accuracy": 0.9, "trials": 4}
    found = design(run, "wine", tmp_path / "out", **asked, jobs=1, progress_bar=False).record
    page = write_report(tmp_path / "out").read_text()
    assert '<img alt="Active weights against time"' in page
    curve = found["search"]["curve"]
    sizes = [each["active_weights"] for each in curve if each["val_metric"] >= 0.9]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == found["active_weights"]


def test_the_table_tells_what_the_design_needs(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "out"
    words = ["design", "wine", "--trials", "2", "--policy", str(run), "--quiet"]
    assert main([*words, "--out", str(out)]) == 0
    shown, kept = capsys.readouterr().out, load_design(out)
    inference = for_inference(kept.network, kept.preprocessing)
    for form in FORMS:
        needs = c_bytes(inference, form)
        assert f"{needs.flash:,} bytes of flash, {needs.ram:,} of RAM" in shown
    adds = inference.weights.size + inference.layer_sizes[0]
    assert any("multiply-adds" in line and f" {adds:,} " in line for line in shown.splitlines())
    assert "time per sample" in shown
    assert "2 trials: more of them (--trials)" in shown


def test_an_interrupt_of_a_search_with_workers_prints_no_traceback(run, tmp_path):
    """Ctrl-C reaches all processes of a terminal; the search answers it, its workers do not."""
    code = (
        "import os, signal, sys\n"
        "from rlnas.agents.designing.search import search\n"
        "from rlnas.agents.cli.main import main\n"
        "search.WORTH_WORKERS = 0.0\n"
        "add = search.Pool.add\n"
        "def added(pool, trial):\n"
        "    add(pool, trial)\n"
        "    if trial.number == 4:\n"
        "        os.killpg(0, signal.SIGINT)\n"
        "search.Pool.add = added\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["design", "wine", "--trials", "40", "--policy", str(run), "--jobs", "2", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
    )
    assert done.stderr == "rlnas: interrupted: the design is the best so far\n"
    assert done.returncode == 130
    assert "interrupted after" in done.stdout
