"""The comparison: curves and areas by brute force, facts by other means, results that resume."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from rlnas.agents.experiments import compare as module
from rlnas.agents.experiments.compare import (
    POINTS,
    anytime_score,
    best_so_far,
    budgets,
    compare,
    hypervolume,
    run,
)
from rlnas.agents.experiments.compare_report import write_report
from rlnas.agents.experiments.search_task import (
    FOR_STEPS,
    FROM_SCRATCH,
    METHODS,
    SearchTask,
    strategy,
)
from rlnas.agents.policies.episode import random_policy, steps_of_episode
from rlnas.agents.search.budgeted_env import BudgetSpent
from rlnas.agents.search.history import SearchHistory
from rlnas.agents.search.problem import search
from rlnas.agents.search.random_search import random_search
from rlnas.data import loading
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table
from tests.agents.helpers import files_in
from tests.core.reference import logits
from tests.core.tables import random_table

LINE = Grid((4, 8, 16), (0.25, 0.5), 1)
"""Seven architectures: any search soon finds the best."""

CHEAP = ("random", "hill_climbing", "metaqnn")
FACTS = {"active_weights", "test_accuracy", "test_score", "score", "hypervolume", "evaluations"}
FACTS |= {"seconds", "curve"}


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """A folder with the tables `many.npz`, of 43 architectures, and `few.npz`, of seven."""
    folder = tmp_path_factory.mktemp("tables")
    random_table().save(folder / "many.npz")
    random_table(LINE).save(folder / "few.npz")
    return folder


@pytest.fixture
def task(tables) -> SearchTask:
    return SearchTask(str(tables / "many.npz"), tabular=True, penalty=0.1, budget=60)


LIVE = SearchTask("wine", tabular=False, penalty=0.5, budget=600)
"""A step is 25 batches."""

BUDGET = SearchTask("wine", tabular=False, penalty=0.1, budget=1, episode_budget=0.2)


def compared(task: SearchTask, out: Path, **settings: Any) -> dict[str, list[dict[str, Any]]]:
    arguments = {"methods": CHEAP, "n_seeds": 2, "n_jobs": 1, "progress_bar": False}
    return compare(task, out, **{**arguments, **settings})


def result_of(out: Path, method: str, seed: int) -> Path:
    (path,) = (out / "runs").glob(f"{method}-{seed}-*.json")
    return path


def timeless(results: Any) -> Any:
    """Results without what depends on the clock; JSON tells every bit of a number."""
    text = json.dumps(results)
    return json.loads(text, object_hook=lambda one: {k: one[k] for k in one if k != "seconds"})


def history_of(*evaluations: tuple[int, float, float, int]) -> SearchHistory:
    """A history of costs, scores, accuracies and weights; the designs do not matter."""
    history = SearchHistory()
    for cost, score, accuracy, weights in evaluations:
        history.add(cost, score, accuracy, weights, design=())
    return history


def random_history(rng: np.random.Generator, n: int = 50) -> SearchHistory:
    """Coarse numbers, so that many are equal."""
    costs = rng.integers(1, 40, n).tolist()
    scores = (rng.integers(-10, 100, n) / 100).tolist()
    accuracies = (rng.integers(0, 21, n) / 20).tolist()
    weights = rng.integers(1, 130, n).tolist()
    return history_of(*zip(costs, scores, accuracies, weights, strict=True))


# --- curves ---


@pytest.mark.parametrize("seed", range(20))
def test_a_curve_is_the_best_of_all_that_was_paid_for_by_then(seed):
    rng = np.random.default_rng(seed)
    history = random_history(rng)
    spent = [each.cumulative_cost for each in history.evaluations]
    places = np.concatenate([rng.uniform(0, 1500, 30), spent[:10]])
    for place, found in zip(places, best_so_far(history, 10_000, places, 0.5), strict=True):
        affordable = [each.score for each in history.evaluations if each.cumulative_cost <= place]
        assert found == max([0.5, *affordable])


def test_a_curve_by_hand():
    history = history_of((10, 0.3, 0.5, 1), (10, 0.1, 0.5, 1), (10, 0.7, 0.5, 1))
    places = np.array([0, 9.99, 10, 20, 29.9, 30, 1e9])
    found = best_so_far(history, 100, places, 0.2)
    assert found.tolist() == [0.2, 0.2, 0.3, 0.3, 0.3, 0.7, 0.7]


@pytest.mark.parametrize("budget", [1, 60, 100_000])
def test_the_places_of_a_curve_are_equal_factors_apart_up_to_the_budget(budget):
    places = budgets(budget)
    assert places.shape == (POINTS,)
    assert places[[0, -1]].tolist() == [budget / 100, budget]
    factors = [after / before for before, after in pairwise(places)]
    assert factors == pytest.approx([100 ** (1 / (POINTS - 1))] * (POINTS - 1))


# --- hypervolume ---


@pytest.mark.parametrize(
    ("designs", "area"),
    [
        ([(0.75, 50)], 0.75 * 0.5),
        ([(0.75, 50), (0.75, 50)], 0.75 * 0.5),
        ([(0.75, 50), (0.5, 60)], 0.75 * 0.5),  # worse in both
        ([(0.75, 50), (0.5, 25)], 0.75 * 0.5 + 0.5 * 0.25),  # right of 50, then 25 to 50
        ([(0.5, 25), (1.0, 75), (0.75, 50)], 0.5 * 0.25 + 0.75 * 0.25 + 1.0 * 0.25),
        ([(1.0, 0)], 1.0),
        ([(0.0, 10)], 0.0),  # nothing right
        ([(1.0, 100)], 0.0),  # as large as the reference
        ([(1.0, 170), (0.75, 50)], 0.75 * 0.5),  # larger
    ],
)
def test_the_hypervolume_is_the_area_of_rectangles(designs, area):
    history = history_of(*((1, 0.0, accuracy, weights) for accuracy, weights in designs))
    assert hypervolume(history, 100) == pytest.approx(area, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_the_hypervolume_is_the_number_of_cells_that_a_design_dominates(seed):
    """Accuracies are twentieths and weights hundredths, so that cells are wholly in or out."""
    history = random_history(np.random.default_rng(seed), n=seed + 1)
    dominated = np.zeros((20, 100), bool)
    for each in history.evaluations:
        dominated[: round(each.accuracy * 20), each.weights :] = True
    assert hypervolume(history, 100) == pytest.approx(dominated.mean(), abs=1e-12)


# --- the facts of a search ---


@pytest.mark.parametrize("method", METHODS)
def test_every_method_searches_tables_and_live_within_the_budget(method, task):
    for each, facts in ((task, FACTS | {"regret"}), (LIVE, FACTS)):
        if method not in each.methods:
            continue
        history = search(strategy(method), each.problem(3))
        found = run(each, method, 3)
        assert history.spent == each.budget
        assert found["score"] == history.best_score == max(history.scores)
        assert found["evaluations"] == len(history.scores) == each.problem(3).max_evaluations
        assert facts <= set(found)
        assert timeless(found) == timeless(run(each, method, 3))
        assert json.loads(json.dumps(found)) == found


def test_only_what_was_trained_live_does_not_search_tables(task, tmp_path):
    assert LIVE.methods == tuple(METHODS)
    trained = {"shipped_controller", "evolved_designs", "shipped_edit_sequence"}
    assert set(METHODS) - set(task.methods) == trained
    with pytest.raises(InputError, match=r"shipped_edit_sequence reads .* live .*: leave it out"):
        compared(task, tmp_path, methods=("random", "shipped_edit_sequence"))
    assert not files_in(tmp_path)


def test_a_result_has_what_the_manual_lists_and_no_more(task):
    assert set(run(task, "random", 0)) == FACTS | {"regret"}
    assert set(run(LIVE, "random", 0)) == FACTS


@pytest.mark.parametrize("method", CHEAP)
@pytest.mark.parametrize("penalty", [0.0, 0.1, 1.0])
def test_what_is_told_of_an_architecture_is_what_the_table_says(method, penalty, task):
    task = replace(task, penalty=penalty)
    table = Table.load(task.name)
    found = run(task, method, 5)
    history = search(strategy(method), task.problem(5))
    best = table.grid.architectures.index(history.best)
    weights = table.active_weights.mean(axis=1)
    price = penalty * weights / (76 * (6 + 3))
    scores = table.val_correct[:, :, -1].mean(axis=1) / table.n_validation - price
    test_accuracy = table.test_correct[best, :, -1].mean() / table.n_test
    assert found["active_weights"] == weights[best]
    assert found["score"] == pytest.approx(scores[best], abs=1e-12)
    assert found["test_accuracy"] == pytest.approx(test_accuracy, abs=1e-12)
    assert found["test_score"] == pytest.approx(test_accuracy - price[best], abs=1e-12)
    assert found["regret"] == pytest.approx(scores.max() - scores[best], abs=1e-12)


@pytest.mark.parametrize("method", CHEAP)
def test_what_is_told_of_a_network_is_what_a_dense_one_does_on_test_samples(method):
    found = run(LIVE, method, 5)
    history = search(strategy(method), LIVE.problem(5))
    best: Any = history.best
    data = loading.load_dataset("wine")
    outputs = logits(best, data.standardize(data.test), averaged=True)
    accuracy = (outputs.argmax(axis=1) == data.labels[data.test]).mean()
    assert found["active_weights"] == best.active_weights == best.indices.size
    assert found["test_accuracy"] == pytest.approx(accuracy, abs=1e-12)
    price = 0.5 * best.active_weights / (76 * (13 + 3))
    assert found["test_score"] == pytest.approx(accuracy - price, abs=1e-12)
    assert "regret" not in found


@pytest.mark.parametrize("each", ["table", "live"])
def test_curve_and_hypervolume_are_those_of_the_archive(each, task):
    task = task if each == "table" else LIVE
    found = run(task, "random", 1)
    history = search(random_search, task.problem(1))
    reference = 76 * ((6 + 3) if task.tabular else (13 + 3))
    curve = best_so_far(history, task.budget, budgets(task.budget), history.scores[0])
    assert found["curve"] == curve.tolist()
    assert found["curve"][-1] == found["score"]
    assert found["hypervolume"] == hypervolume(history, reference)
    assert 0 < found["hypervolume"] < 1


@pytest.mark.parametrize("table", ["few", "many"])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_regret_is_zero_exactly_when_the_optimum_was_found(table, penalty, tables):
    name = str(tables / f"{table}.npz")
    optimum, highest = Table.load(name).optimum(penalty)
    regrets = []
    for seed in range(15):
        task = SearchTask(name, True, penalty, budget=2 + 4 * seed)
        history = search(random_search, task.problem(seed))
        regret = run(task, "random", seed)["regret"]
        assert (regret == 0) == (history.best == optimum)
        assert regret == pytest.approx(highest - history.best_score, abs=1e-12)
        regrets.append(regret)
    assert min(regrets) == 0 < max(regrets)


def test_seeds_and_methods_search_differently(task):
    found = {
        (method, seed): tuple(search(strategy(method), task.problem(seed)).scores)
        for method in CHEAP
        for seed in range(3)
    }
    assert len(set(found.values())) == len(found)


# --- episodes with a budget ---


def test_a_search_that_is_one_episode_has_its_anytime_score(monkeypatch):
    """Judged by the environment, which adds up the rewards of the steps."""
    task = replace(BUDGET, episode_budget=1.0)

    def once(problem: Any) -> None:
        problem.play(random_policy(2), seed=4)
        raise BudgetSpent

    monkeypatch.setattr(module, "strategy", lambda method: once)
    found = run(task, "random", 0)
    env = BudgetDesignEnv("wine", penalty=0.1, budget=1.0, given=0.0)
    infos = [step.info for step in steps_of_episode(env, random_policy(2), 4)]
    assert found["anytime"] == pytest.approx(infos[-1]["anytime"], abs=1e-12)
    assert found["score"] == infos[-1]["best_score"]
    spent = np.array([info["spent"] for info in infos]) / env.state.unit
    best = [info["best_score"] for info in infos]
    places = budgets(1)
    assert found["curve"] == [best[int(np.flatnonzero(spent <= place)[-1])] for place in places]


def test_the_anytime_score_by_hand():
    history = history_of((10, 0.3, 0.5, 1), (90, 0.1, 0.5, 1), (900, 0.7, 0.5, 1), (1, 0.9, 0.5, 1))
    # 0.2 until 10, of which nothing counts; then 0.3 for two of three decades, 0.7 and 0.9 for one.
    found = anytime_score(history, budget=10_000, first=10, before=0.2)
    short = np.log10(1.001)
    assert found == pytest.approx((2 * 0.3 + short * 0.7 + (1 - short) * 0.9) / 3)


def test_the_anytime_score_is_the_mean_of_the_curve():
    history = random_history(np.random.default_rng(3))
    places = np.geomspace(20, 2000, 100_001)
    curve = best_so_far(history, 2000, places, -0.2)
    assert anytime_score(history, 2000, 20, -0.2) == pytest.approx(curve.mean(), abs=1e-3)


def test_methods_that_make_no_sense_with_a_budget_are_refused(tmp_path):
    assert set(METHODS) - set(BUDGET.methods) == {*FOR_STEPS, *FROM_SCRATCH}
    for method, told in (("tpe", "from scratch"), ("evolved_designs", "without a budget")):
        with pytest.raises(InputError, match=f"^{method} .*{told}.*: leave it out$"):
            compared(BUDGET, tmp_path / "out", methods=("random", method))
    assert not files_in(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"episode_budget": 1.5}, "budget 1 does not pay for an episode with a budget of 1.5"),
        ({"episode_budget": -1.0}, "budget -1"),
        ({"episode_budget": 1e-4}, "does not pay for"),
        ({"name": "digits", "tabular": True}, "a table has no episodes with a budget"),
    ],
)
def test_budgets_that_cannot_be_used_are_refused(change, told, tmp_path):
    with pytest.raises(InputError, match=told):
        compared(replace(BUDGET, **change), tmp_path / "out", methods=("random",))
    assert not (tmp_path / "out").exists()


def test_results_in_episodes_with_a_budget_are_kept_and_reported(tmp_path):
    results = compared(BUDGET, tmp_path, methods=("random", "hill_climbing"))
    for runs in results.values():
        for found in runs:
            assert set(found) == FACTS | {"anytime"}
            assert found["anytime"] < found["curve"][-1] == found["score"]
    again = compared(BUDGET, tmp_path, methods=("random",))
    assert again == {"random": results["random"]}
    text = write_report(BUDGET, results, tmp_path)
    assert "1 units of training cost each, in episodes of 0.2" in text
    assert "| method | anytime score | best score found |" in text
    with pytest.raises(InputError, match="another task"):
        compared(replace(BUDGET, episode_budget=0.3), tmp_path, methods=("random",))


# --- the comparison ---


def test_every_result_is_a_file_and_all_are_in_one(task, tmp_path):
    results = compared(task, tmp_path)
    assert {name: len(runs) for name, runs in results.items()} == dict.fromkeys(CHEAP, 2)
    for method, runs in results.items():
        for seed, found in enumerate(runs):
            assert timeless(found) == timeless(run(task, method, seed))
            assert json.loads(result_of(tmp_path, method, seed).read_text())["result"] == found
    everything = json.loads((tmp_path / "results.json").read_text())
    assert everything["results"] == results
    assert replace(SearchTask(**everything["task"]), fingerprint=None) == task
    assert len(files_in(tmp_path)) == len(CHEAP) * 2 + 2


@pytest.mark.parametrize("each", ["table", "live"])
def test_after_some_results_are_deleted_the_same_bits_come_back(each, task, tmp_path, monkeypatch):
    task = task if each == "table" else LIVE
    before = compared(task, tmp_path)
    lost = [("random", 1), ("metaqnn", 0)]
    for method, seed in lost:
        result_of(tmp_path, method, seed).unlink()
    (tmp_path / "results.json").unlink()
    kept = files_in(tmp_path)
    calls = []

    def watched(task: SearchTask, method: str, seed: int) -> Any:
        calls.append((method, seed))
        return run(task, method, seed)

    monkeypatch.setattr(module, "run", watched)
    again = compared(task, tmp_path)
    assert sorted(calls) == sorted(lost)
    assert timeless(again) == timeless(before)
    files = files_in(tmp_path)
    assert {name: files[name] for name in kept} == kept


def test_an_interrupted_comparison_goes_on(task, tmp_path, monkeypatch):
    whole = compared(task, tmp_path / "whole")
    calls = []

    def interrupted(task: SearchTask, method: str, seed: int) -> Any:
        calls.append((method, seed))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return run(task, method, seed)

    monkeypatch.setattr(module, "run", interrupted)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        compared(task, out)
    assert len(files_in(out / "runs")) == 3
    assert not (out / "results.json").exists()
    assert timeless(compared(task, out)) == timeless(whole)
    assert len(calls) == 4 + 3  # the fourth again, and two more


def test_more_seeds_and_methods_are_added_to_what_is_there(task, tmp_path):
    first = compared(task, tmp_path, methods=("random",), n_seeds=2)
    more = compared(task, tmp_path, methods=("metaqnn", "random"), n_seeds=3)
    fewer = compared(task, tmp_path, methods=("random",), n_seeds=1)
    assert list(more) == ["metaqnn", "random"]
    assert more["random"][:2] == first["random"]  # to the very seconds
    assert {name: len(runs) for name, runs in more.items()} == {"metaqnn": 3, "random": 3}
    assert fewer["random"] == first["random"][:1]


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_workers(task, tmp_path):
    """Nor on what the same process has searched before: the controller uses PyTorch's generator."""
    methods = ("controller", "random", "reinforce")
    one = compared(task, tmp_path / "one", methods=methods)
    two = compared(task, tmp_path / "two", methods=methods, n_jobs=2)
    assert timeless(one) == timeless(two)


def test_threads_give_the_same_results(task, tmp_path):
    one = compared(task, tmp_path / "one", n_seeds=4)
    with joblib.parallel_config("threading"):
        two = compared(task, tmp_path / "two", n_seeds=4, n_jobs=3)
    assert timeless(one) == timeless(two)


# --- what is refused ---


@pytest.mark.parametrize(
    "change",
    [
        {"penalty": 0.2},
        {"budget": 61},
        {"name": "few"},
        {"name": "wine", "tabular": False},
    ],
)
def test_a_folder_of_another_task_is_refused_and_left_as_it_was(change, task, tables, tmp_path):
    out = tmp_path / "out"
    compared(task, out, methods=("random",), n_seeds=1)
    before = files_in(out)
    if change.get("name") == "few":
        change = {"name": str(tables / "few.npz")}
    with pytest.raises(InputError, match=r"out holds results of another task, .*another folder"):
        compared(replace(task, **change), out)
    assert files_in(out) == before


def test_data_may_move_between_two_calls(tmp_path):
    first = compared(LIVE, tmp_path, methods=("random",))
    again = compared(replace(LIVE, data_dir="elsewhere"), tmp_path, methods=("random",))
    assert again == first


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"methods": ("random", "nope")}, "unknown method 'nope': expected 'controller' or"),
        ({"n_seeds": 0}, "seeds 0 cannot be used: expected a whole number from 1"),
        ({"n_seeds": -1}, "seeds -1 cannot be used"),
        ({"n_seeds": 1.5}, "seeds 1.5 cannot be used"),
        ({"budget": 0}, "budget 0 cannot be used: expected a whole number from 1"),
        ({"budget": -60}, "budget -60 cannot be used"),
        ({"penalty": -0.1}, "penalty -0.1 is out of range: expected at least 0"),
        ({"penalty": float("nan")}, "penalty nan cannot be used"),
        ({"name": "nope"}, "no table 'nope': expected digits or mnist, or the path"),
        ({"name": "winee", "tabular": False}, "unknown data set 'winee' .did you mean wine"),
        ({"name": "mixed", "tabular": False}, "unknown data set 'mixed'"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    change, told, task, tmp_path
):
    settings = {key: change[key] for key in change if key in ("methods", "n_seeds")}
    asked = replace(task, **{key: change[key] for key in change if key not in settings})
    with pytest.raises(InputError, match=told):
        compared(asked, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_damaged_result_is_reported(task, tmp_path):
    compared(task, tmp_path, methods=("random",))
    path = result_of(tmp_path, "random", 1)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"random-1-.*is damaged: .*; delete it, and"):
        compared(task, tmp_path, methods=("random",))


def test_a_folder_that_cannot_be_made_is_reported(task, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write to .*: it is no folder, choose another"):
        compared(task, tmp_path / "file")
