"""The frontier: what it designs, that rivals are treated alike, its tables and plot."""

import csv
import json
import re
from itertools import combinations
from typing import Any

import pytest

from rlnas.agents.designing.design import design
from rlnas.agents.designing.evaluation import evaluate_design
from rlnas.agents.experiments import frontier as module
from rlnas.agents.experiments.frontier import RIVALS, frontier
from rlnas.agents.experiments.frontier_report import (
    PUBLISHED,
    by_penalty,
    plot,
    published,
    within,
    write_report,
)
from rlnas.agents.policies import environments
from rlnas.agents.policies.environments import thorough_env
from rlnas.errors import InputError
from rlnas.nn.training import LONG_TRAINING
from tests.agents.helpers import files_in
from tests.snippets import ROOT

SHORT = {"episode_steps": 4, "width": 160, "density": 1.0, "hyperparameters": LONG_TRAINING}


@pytest.fixture(scope="module")
def made(runs, tmp_path_factory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A frontier on wine in episodes of four steps from 160 neurons, only to be read."""
    arguments = {
        "source": "wine",
        "out": tmp_path_factory.mktemp("frontier") / "out",
        "policy": runs["maskable_ppo"],
        "penalties": (0.5, 0.01),
        "seeds": 2,
        "jobs": 1,
        "progress_bar": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environments, "THOROUGH", SHORT)
        patch.setattr(module, "THOROUGH", SHORT)
        patch.setattr(environments, "MIN_BATCHES", 10)
        return arguments, frontier(**arguments)


def point(penalty: float, seed: int, weights: int, accuracy: float) -> dict[str, Any]:
    found = {"active_weights": weights, "test_accuracy": accuracy, "test_loss": 1 - accuracy}
    return {"penalty": penalty, "seed": seed, "methods": {"controller": found, "rigl": found}}


def test_every_penalty_and_seed_is_designed_for_by_all_methods(made):
    _, found = made
    assert [(each["penalty"], each["seed"]) for each in found] == [
        (penalty, seed) for penalty in (0.5, 0.01) for seed in (0, 1)
    ]
    for each in found:
        assert each["methods"].keys() == {"controller", *RIVALS}
        counts = {result["active_weights"] for result in each["methods"].values()}
        assert len(counts) == 1, "rivals end with the weights that the controller chose"


def test_the_designs_are_kept_and_have_the_results_that_are_told(made):
    arguments, found = made
    for each in found:
        (folder,) = (arguments["out"] / "designs").glob(f"{each['penalty']:g}-{each['seed']}-*")
        keys = ("active_weights", "test_accuracy", "test_loss")
        again = evaluate_design(folder, "wine")
        assert {key: again[key] for key in keys} == each["methods"]["controller"]


def test_the_same_call_goes_on_where_the_last_one_ended(made, monkeypatch):
    arguments, found = made
    kept = files_in(arguments["out"])
    monkeypatch.setattr(module, "_point", None)  # would fail if it was called
    assert frontier(**arguments) == found
    assert files_in(arguments["out"]) == kept


def test_a_folder_of_another_data_set_is_refused(made):
    arguments, _ = made
    with pytest.raises(InputError, match="another task"):
        frontier(**{**arguments, "source": "breast_cancer"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"penalties": ()}, "no penalty"),
        ({"penalties": (-1.0,)}, "penalty -1.0 is out of range"),
        ({"seeds": 0}, "seeds 0 cannot be used"),
        ({"source": "nothing"}, "unknown data set 'nothing'"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_written(
    changes, message, runs, tmp_path
):
    settings = {
        "source": "wine",
        "penalties": (0.1,),
        "policy": runs["maskable_ppo"],
        "out": tmp_path / "out",
    }
    with pytest.raises(InputError, match=message):
        frontier(**{**settings, **changes}, progress_bar=False)
    assert not (tmp_path / "out").exists()


def test_thorough_episodes_are_long_and_start_large(runs):
    env = thorough_env(runs["maskable_ppo"], "digits", 0.3)
    env.reset(seed=0)
    assert env.current_design.layer_sizes == (64, 300, 10)
    assert env.current_design.density == 1
    assert (env.episode_steps, env.hyperparameters, env.penalty) == (40, LONG_TRAINING, 0.3)
    assert env.evaluation_cost == 100  # an epoch would be 8


def test_a_thorough_step_is_an_epoch_where_that_is_longer(runs, monkeypatch):
    monkeypatch.setattr(environments, "MIN_BATCHES", 2)
    assert thorough_env(runs["maskable_ppo"], "digits").evaluation_cost == 1149 // 128


def test_design_can_be_thorough(runs, tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "THOROUGH", SHORT)
    run, out = runs["maskable_ppo"], tmp_path / "out"
    made = design(run, "wine", out, thorough=True, progress_bar=False)
    assert made.record["initial"]["layer_sizes"] == [13, 160, 3]


# --- the report ---


def test_the_point_within_a_budget_is_the_largest_whatever_its_accuracy():
    points = by_penalty([point(0.1, 0, 900, 0.9), point(0.1, 1, 1100, 0.9), point(1, 0, 700, 0.99)])
    assert within(points, 1000) == (0.1, points[0.1])  # 1,000 on average
    assert within(points, 999) == (1, points[1])
    assert within(points, 699) is None


def test_the_tables_have_means_over_seeds(tmp_path):
    found = [point(0.1, 0, 4000, 0.97), point(0.1, 1, 4200, 0.98), point(1, 0, 800, 0.9)]
    text = write_report(found, "digits", tmp_path)
    assert "| 5,000 | 0.1 | 4,100 | 0.0250 | 97.50% (97.00% to 98.00%) |" in text
    assert "| 4,000 | 1 | 800 | 0.1000 | 90.00% (90.00% to 90.00%) |" in text
    assert "| 0.1 | 4,100 | 0.0250 | 97.50%" in text
    assert (tmp_path / "frontier.md").read_text() == text + "\n"
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "results.json").read_text()) == found


def of_table(dataset: str) -> list[dict[str, Any]]:
    """Designs whose results are the ends of the intervals in the table of all penalties."""
    table = (ROOT / "docs" / "frontier" / f"{dataset}.md").read_text().split("\n| penalty ")[1]
    found = []
    for row in table.splitlines()[2:]:
        penalty, weights, _, *accuracies = row.strip("|").split("|")
        for seed in (1, 2):  # of "98.50% (98.42% to 98.57%)"
            shares = [float(re.findall(r"([\d.]+)%", cell)[seed]) / 100 for cell in accuracies]
            each = point(float(penalty), seed, int(weights.replace(",", "")), shares[0])
            for method, share in zip(RIVALS, shares[1:], strict=True):
                each["methods"][method] = {**each["methods"]["controller"], "test_accuracy": share}
            found.append(each)
    return found


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_names_of_published_results_overlap_nothing(dataset):
    others = published(dataset)
    drawn = plot(by_penalty(of_table(dataset)), others)
    drawn.draw_without_rendering()
    axes = drawn.axes[0]
    names = [text for text in axes.texts if text.get_text()]
    assert sorted(name.get_text() for name in names) == sorted(row["method"] for row in others)
    boxes = [name.get_window_extent() for name in names]
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert not any(box.overlaps(axes.get_legend().get_window_extent()) for box in boxes)
    for box in boxes:
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1
        assert axes.bbox.y0 <= box.y0 < box.y1 <= axes.bbox.y1
    points = [(float(row["active_weights"]), float(row["test_error"])) for row in others]
    for place in axes.transData.transform(points):
        assert not any(box.contains(*place) for box in boxes)


def test_a_budget_that_no_design_fits_has_an_empty_row(tmp_path):
    assert "| 1,000 | none |" in write_report([point(0.1, 0, 4000, 0.92)], "digits", tmp_path)


def test_published_results_name_their_source():
    with open(PUBLISHED, newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(all(value for value in row.values()) for row in rows)
    poster = published("mnist")[0]
    assert (poster["active_weights"], poster["test_error"]) == ("60000", "2.14")
    assert published("digits") == []
