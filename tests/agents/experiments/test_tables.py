"""The study over tables: row splits, rivals treated alike, tuned models, resuming, the report."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from rlnas.agents.cli.main import main
from rlnas.agents.designing.design import design_and_train
from rlnas.agents.designing.finish import (
    BRIEF_BATCHES,
    FINAL_BATCHES,
    brief_training,
    linear_network,
)
from rlnas.agents.experiments.tables import models, networks, outcomes as module, study
from rlnas.agents.experiments.tables.models import MODELS, fit_model, judge
from rlnas.agents.experiments.tables.networks import SHARES, WIDTHS, dense_networks, prunings
from rlnas.agents.experiments.tables.outcomes import (
    ACCURATE,
    RIVALS,
    Outcome,
    by_origin,
    counts,
    difference,
    of_method,
    outcomes,
    ratio_of_weights,
    share_at,
)
from rlnas.agents.experiments.tables.picture import curves
from rlnas.agents.experiments.tables.report import as_csv, shares, to_markdown, write_report
from rlnas.agents.experiments.tables.rows import origin_of, reordered, tables_of
from rlnas.agents.experiments.tables.study import METHODS, study_tables
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy, save_edit_sequence
from rlnas.data.collections import keel
from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.data.preparing import prepare
from rlnas.data.sources import read
from rlnas.errors import InputError
from rlnas.nn.training import evaluate
from tests.agents.helpers import files_in
from tests.core.reference import bits


def small_table(folder: Path, name: str, classes: int) -> str:
    """Write a table with as many overlapping classes in two columns, the later ones rarer."""
    rng = np.random.default_rng(classes)
    y = np.repeat(np.arange(classes), np.arange(20 + 20 * classes, 20, -20))
    x = rng.normal(size=(y.size, 2)) + 2 * y[:, None]
    path = folder / f"{name}.npz"
    np.savez(path, X=x, y=y)
    return str(path)


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("sources")
    return small_table(folder, "two", 2), small_table(folder, "three", 3)


@pytest.fixture
def quick(monkeypatch) -> None:
    """Models of few trees and epochs."""
    for name in ("TREES", "ROUNDS", "EPOCHS"):
        monkeypatch.setattr(models, name, 3)


@pytest.fixture(scope="module")
def studied(run, sources, tmp_path_factory) -> tuple[dict[str, Any], dict[str, Any]]:
    arguments = {
        "out": tmp_path_factory.mktemp("tables") / "out",
        "policy": run,
        "tables": sources,
        "penalties": (0.03, 0.5),
        "splits": 2,
        "jobs": 1,
        "progress_bar": False,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TREES", "ROUNDS", "EPOCHS"):
            patch.setattr(models, name, 3)
        return arguments, study_tables(**arguments)


@pytest.fixture(scope="module")
def three(sources) -> Dataset:
    return load_dataset(sources[1])


# --- tables and their rows ---


def test_tables_of_a_split_are_those_of_the_collection_and_variants_have_one_origin():
    assert tables_of("test") == tuple(f"keel:{name}" for name in keel.names("test"))
    assert origin_of("keel:yeast-1_vs_7") == origin_of("keel:yeast3") == "yeast"
    assert origin_of("wine") == "wine"


def test_every_split_of_the_rows_is_stratified_another_and_a_partition(sources):
    raw = read(sources[1])
    tests = []
    for seed in range(3):
        mixed = reordered(raw, seed)
        data = prepare(mixed)
        rows = [mixed.features[part] for part in (data.train, data.validation, data.test)]
        assert [len(part) for part in rows] == [108, 36, 36]
        for part in (data.validation, data.test):
            assert np.bincount(data.labels[part]).tolist() == [16, 12, 8]
        together = {tuple(row) for row in np.concatenate(rows)}
        assert together == {tuple(row) for row in raw.features}
        tests.append({tuple(row) for row in rows[2]})
    assert len(tests[0] & tests[1]) < 18
    assert len(tests[1] & tests[2]) < 18


def test_samples_keep_their_classes_and_the_first_split_is_that_of_load_dataset(sources):
    raw = read(sources[1])
    mixed = reordered(raw, 2)
    pairs = [
        {(*x, y) for x, y in zip(one.features, one.labels, strict=True)} for one in (raw, mixed)
    ]
    assert pairs[0] == pairs[1]
    assert reordered(raw, 0) is raw
    assert prepare(raw).fingerprint == load_dataset(sources[1]).fingerprint


def test_features_are_standardized_by_the_training_rows_of_their_split(sources):
    for seed in (0, 1):
        data = prepare(reordered(read(sources[0]), seed))
        inputs = data.standardize(data.train)
        np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(inputs.std(axis=0), 1, rtol=1e-5)


def test_samples_that_were_given_for_the_test_stay_there(tmp_path):
    x = np.arange(120.0)[:, None]
    y = np.arange(120) % 2
    path = tmp_path / "given.npz"
    np.savez(path, X=x[:80], y=y[:80], X_test=x[80:], y_test=y[80:])
    mixed = reordered(read(path), 1)
    assert mixed.features[80:, 0].tolist() == list(range(80, 120))
    assert mixed.features[:80, 0].tolist() != list(range(80))
    assert sorted(mixed.features[:80, 0]) == list(range(80))


# --- networks ---


def test_the_fixed_sequence_removes_a_fifth_of_the_connections_at_every_step(run, three):
    env = env_like(run, three, 0.1, middle=True)
    _, history = play_episode(env, networks.POLICIES["remove_all"](run, 0), 0)
    weights = [info["active_weights"] for info in history]
    assert all(info["action"] == "remove_connections all /1.25" for info in history[1:])
    left = np.array(weights[1:]) / weights[:-1]  # units may die with their connections
    assert ((left > 0.4) & (left <= 0.81)).all()


def test_random_actions_are_another_sequence_for_every_split(run, three):
    env = env_like(run, three, 0.1, middle=True)
    played = [
        [info["action"] for info in play_episode(env, networks.POLICIES["random"](run, k), 0)[1]]
        for k in (0, 0, 1)
    ]
    assert played[0] == played[1] != played[2]


def test_prunings_and_dense_networks_have_their_sizes_and_the_batches_of_an_episode(
    run, three, monkeypatch
):
    env = env_like(run, three, 0.1, middle=True)
    steps, asked = [], []
    finished, dense = networks.finished, networks.dense_training

    def noted(network: Any, data: Any, seed: int) -> Any:
        steps.append(network.steps)
        return finished(network, data, seed)

    def counted(sizes: Any, count: int, data: Any, batches: int, rng: Any) -> Any:
        asked.append(batches)
        return dense(sizes, count, data, batches, rng)

    monkeypatch.setattr(networks, "finished", noted)
    monkeypatch.setattr(networks, "dense_training", counted)
    (*pruned, linear), (*whole, again) = prunings(env, 0), dense_networks(env, 0)
    reference = 76 * (2 + 3)
    for share, one in zip(SHARES, pruned, strict=True):
        assert 0 <= one["active_weights"] - round(share * reference) <= 3
    assert [one["active_weights"] for one in whole] == [width * (2 + 3) for width in WIDTHS]
    assert linear == again
    assert linear["active_weights"] == 2 * 3
    assert [steps.pop(place) for place in (len(SHARES), -1)] == [0, 0], "the linear networks"
    (batches,) = {*steps}
    _, history = play_episode(env, load_policy(run), 0)
    assert batches == env.current_design.steps == env.evaluation_cost * len(history)
    assert asked == [batches] * len(WIDTHS)


def test_networks_are_judged_before_they_learn_from_the_validation_samples(run, three):
    start = play_episode(env_like(run, three, 0.1, middle=True), load_policy(run), 0)[0].network
    labels = three.labels.copy()
    labels[three.validation] = (labels[three.validation] + 1) % 3
    briefly, to_the_end, mistaught = start.copy(), start.copy(), start.copy()
    brief_training(briefly, three, 0.0, np.random.default_rng(0))
    found = networks.finished(to_the_end, three, 0)
    judged = evaluate(briefly, three, three.validation)
    assert (found["val_accuracy"], found["val_loss"]) == judged
    assert found["test_accuracy"] == evaluate(to_the_end, three, three.test).metric
    assert found["active_weights"] == start.active_weights
    networks.finished(mistaught, replace(three, labels=labels), 0)
    assert bits(mistaught) != bits(to_the_end), "the end of the training reads those samples"
    assert to_the_end.steps - start.steps == BRIEF_BATCHES + FINAL_BATCHES


def test_a_policy_offers_its_design_and_the_linear_network_of_the_other_methods(run, three):
    env = env_like(run, three, 0.1, middle=True)
    design, linear = networks.by_policy(env, load_policy(run), 0)
    chosen = play_episode(env, load_policy(run), 0)[0].network
    assert design == networks.finished(chosen.copy(), three, 0)
    assert linear == networks.finished(linear_network(three, 0), three, 0)


# --- models ---


def test_predictions_are_judged_by_accuracy_then_by_the_probability_of_the_class(three):
    class Model:
        classes_ = np.array([0, 2])

        def predict_proba(self, x: Any) -> np.ndarray:
            return np.array([[0.6, 0.4], [0.2, 0.8]])

    def judged(*labels: int) -> models.Judged:
        data = replace(three, labels=np.array(labels, np.int32))
        rows = np.arange(2)
        return judge(models.answers(Model(), data, rows), data, rows)

    assert judged(0, 2) == pytest.approx((1.0, np.log([0.6, 0.8]).mean()), abs=1e-5)
    assert judged(1, 2) == pytest.approx((0.5, np.log([1e-6, 0.8]).mean()), abs=1e-5)


def test_logistic_regression_is_the_best_in_validation_refitted_with_it(three):
    parts = {
        name: (three.standardize(rows), three.labels[rows])
        for name, rows in {
            "train": three.train,
            "val": three.validation,
            "both": np.concatenate([three.train, three.validation]),
            "test": three.test,
        }.items()
    }
    tried = []
    for c in (0.01, 0.1, 1, 10, 100):
        model = LogisticRegression(C=c).fit(*parts["train"])
        chosen = model.predict_proba(parts["val"][0])[np.arange(36), parts["val"][1]]
        tried.append((model.score(*parts["val"]), np.log(chosen).mean(), c))
    best = max(tried)
    expected = LogisticRegression(C=best[2]).fit(*parts["both"]).score(*parts["test"])
    found = fit_model("logistic_regression", three, 0)
    assert found == (best[0], pytest.approx(-best[1], abs=1e-5), expected, 2 * 3)


def test_two_classes_need_one_weight_for_each_feature(sources, quick):
    data = load_dataset(sources[0])
    assert fit_model("logistic_regression", data, 0).weights == 2
    assert fit_model("mlp", data, 0).weights == round(8500 / 3) * 3


def test_the_rounds_of_boosting_are_the_best_in_validation(three, monkeypatch):
    monkeypatch.setattr(models, "ROUNDS", 4)
    tried = []
    for rate in (0.03, 0.1, 0.3):
        for leaves in (4, 31):
            for rounds in range(1, 5):
                model = HistGradientBoostingClassifier(
                    learning_rate=rate, max_leaf_nodes=leaves, max_iter=rounds, random_state=0
                ).fit(three.standardize(three.train), three.labels[three.train])
                found = models.answers(model, three, three.validation)
                tried.append(judge(found, three, three.validation))
    (*tuned,) = MODELS["gradient_boosting"](three, 0)
    assert max(judged for judged, _ in tuned) == pytest.approx(max(tried))
    assert all(1 <= model.max_iter <= 4 for _, model in tuned)


def test_early_stopping_keeps_the_epoch_with_the_smallest_loss(three):
    losses = iter([0.5, 0.3, 0.4, *[0.6] * 20])

    class Scripted:
        classes_ = np.arange(3)

        def partial_fit(self, x: Any, y: Any, classes: Any) -> None:
            self.right = np.exp(-next(losses))

        def predict_proba(self, x: Any) -> np.ndarray:
            labels = three.labels[three.validation]
            others = (1 - self.right) / 2
            return np.where(labels[:, None] == np.arange(3), self.right, others)

    best, passes = models._stopped_early(Scripted(), three, 100)
    assert passes == 2
    assert best.minus_loss == pytest.approx(-0.3)
    assert len([*losses]) == 23 - (2 + 10)


@pytest.mark.parametrize("name", MODELS)
def test_models_are_chosen_without_the_test_samples(name, three, quick):
    labels = three.labels.copy()
    labels[three.test] = (labels[three.test] + 1) % 3
    fields = {key: getattr(three, key) for key in three.__dataclass_fields__}
    garbled = Dataset(**{**fields, "labels": labels})
    found, other = fit_model(name, three, 0), fit_model(name, garbled, 0)
    assert found.val_metric == other.val_metric
    assert found.test_metric > 0.5 > other.test_metric


@pytest.mark.parametrize("name", ACCURATE)
def test_models_predict_numbers_as_well(name, quick):
    x = np.random.default_rng(0).normal(size=(200, 3))
    data = load_dataset((x, 5 + 3 * x[:, 0]), task="regression")
    found = fit_model(name, data, 0)
    assert 0 < found.val_metric <= 1
    assert 0 < found.test_metric <= 1


@pytest.mark.parametrize("name", ACCURATE)
def test_models_learn_from_samples_by_their_weights(name, quick):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    rare = (x[:, 0] + 0.8 * rng.normal(size=300) > 1.8).astype(int)
    found = []
    for weights in (None, "balanced"):
        data = load_dataset((x, rare), metric="balanced_accuracy", class_weight=weights)
        (*tuned,) = MODELS[name](data, 0)
        answers = models.answers(tuned[0][1], data, data.train)
        found.append(answers.argmax(axis=1)[data.labels[data.train] == 1].mean())
    assert found[1] >= found[0]


# --- the jobs ---


def test_every_method_is_fitted_to_every_split_of_every_table(studied, sources):
    _, found = studied
    price = found["price"]
    expected = {
        (source, split, method, penalty)
        for source in sources
        for split in range(2)
        for method in METHODS
        for penalty in (
            (0.03, 0.5, price)
            if method == "design"
            else (0.03, 0.5) if method in networks.POLICIES else (None,)
        )
    }  # fmt: skip
    keys = [(r["table"], r["split"], r["method"], r["penalty"]) for r in found["results"]]
    assert set(keys) == expected
    assert len(keys) == len(expected)
    lengths = {"prunings": len(SHARES) + 1, "dense_networks": len(WIDTHS) + 1}
    lengths |= dict.fromkeys(networks.POLICIES, 2)
    for result in found["results"]:
        assert len(result["fitted"]) == lengths.get(result["method"], 1)


def test_the_design_is_that_of_the_command_design(studied, sources):
    arguments, found = studied
    run = arguments["policy"]
    for result in found["results"]:
        if result["method"] == "design" and result["split"] == 0:
            env = env_like(run, result["table"], result["penalty"], middle=True)
            _, record = design_and_train(env, load_policy(run), 0)
            keys = ("val_loss", "test_accuracy", "active_weights")
            one = result["fitted"][record["linear"]]
            assert one["val_accuracy"] == record["val_metric"]
            assert {key: one[key] for key in keys} == {key: record[key] for key in keys}
            (row,) = outcomes({**found, "results": [result]})[:1]
            assert (row.method, row.weights) == ("design", record["active_weights"])
            assert row.accuracy == record["test_accuracy"]
            assert result["reference"] == record["reference"]
    default = env_like(run, sources[0], middle=True).penalty_range[0]
    assert found["price"] == default


def test_the_same_call_goes_on_where_the_last_one_ended(studied, monkeypatch):
    arguments, found = studied
    out = arguments["out"]
    kept = files_in(out)
    (path,) = (out / "runs").glob("*three.npz-1-remove_all-0.5-*.json")
    path.unlink()
    fitted = []
    whole = study._fit

    def noted(job: Any, *rest: Any) -> Any:
        fitted.append((job.split, job.method, job.penalty))
        return whole(job, *rest)

    monkeypatch.setattr(study, "_fit", noted)
    assert study_tables(**arguments) == found
    assert fitted == [(1, "remove_all", 0.5)]
    assert files_in(out) == kept


def test_another_policy_with_equal_episodes_only_makes_its_designs(
    studied, run, tmp_path, monkeypatch
):
    arguments, found = studied
    other = tmp_path / "halving"
    save_edit_sequence(other, [12])
    (other / "config.json").write_bytes((run / "config.json").read_bytes())
    fitted = []
    whole = study._fit

    def noted(job: Any, *rest: Any) -> Any:
        fitted.append(job.method)
        return whole(job, *rest)

    monkeypatch.setattr(study, "_fit", noted)
    new = study_tables(**{**arguments, "policy": other})
    assert set(fitted) == {"design"}
    for old, now in zip(found["results"], new["results"], strict=True):
        if old["method"] != "design":
            assert old == now


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tables": ()}, "no table: expected at least one, such as keel:pima"),
        ({"tables": ("keel:pimas",)}, "did you mean keel:pima"),
        ({"penalties": ()}, "no penalty"),
        ({"penalties": (-0.1,)}, "penalty -0.1 is out of range"),
        ({"splits": 0}, "splits"),
        ({"tables": None, "split": "tests"}, "unknown split 'tests': expected development"),
        ({"policy": Path("absent")}, "absent"),
    ],
)
def test_bad_values_are_refused_before_anything_is_written(
    changes, message, run, sources, tmp_path
):
    values = {"policy": run, "tables": sources, "splits": 1, "jobs": 1, "progress_bar": False}
    out = tmp_path / "out"
    with pytest.raises(InputError, match=message):
        study_tables(out, **{**values, **changes})
    assert not out.exists()


# --- outcomes: means and choices ---


def fitted(val: float, test: float, weights: int | None, loss: float = 0.5) -> dict[str, Any]:
    facts = {"val_accuracy": val, "val_loss": loss, "test_accuracy": test}
    return {**facts, "active_weights": weights}


def made_up(penalties: tuple[float, ...] = (0.1, 1.0)) -> dict[str, Any]:
    """A study of three tables of two origins, whose accuracies differ by table and split."""
    results = []
    for table, origin, more in (("a1", "a", 0.0), ("a2", "a", 0.02), ("b", "b", 0.1)):
        for split in range(2):
            base = 0.6 + more + 0.01 * split
            linear = fitted(0.1, 0.1, 6)  # of no use for these tables
            place = {"table": table, "origin": origin, "split": split, "reference": 100}

            def add(method: str, some: list[Any], penalty: float | None, place=place) -> None:
                facts = {"method": method, "penalty": penalty, "fitted": some}
                results.append({**place, **facts})

            for penalty in penalties:
                add("design", [fitted(base, base, 10), linear], penalty)
                add("remove_all", [fitted(base, base - 0.05, 5), linear], penalty)
                add("random", [fitted(base, base - 0.1, 20), linear], penalty)
            pruned = [fitted(base + 0.01 * k, base, 5 * k + 5) for k in range(7)]
            add("prunings", [*pruned, linear], None)
            dense = [fitted(base, base - 0.01 * k, 4 * k + 4) for k in range(12)]
            add("dense_networks", [*dense, linear], None)
            add("logistic_regression", [fitted(base, base + more, 40)], None)
            for k, method in enumerate(ACCURATE):
                weights = 8500 if method == "mlp" else None
                better = 0.2 if (table == "b") == (k == 2) else 0.0
                add(method, [fitted(0.9, base + better * (k > 0), weights)], None)
    facts = {"split": "test", "policy": "made_up", "price": 0.1, "penalties": list(penalties)}
    return {**facts, "results": results}


def test_variants_of_an_origin_count_once():
    rows = [
        Outcome(table, origin, split, 0.1, "design", value, 1, value)
        for table, origin, split, value in (
            ("a1", "a", 0, 0.0), ("a1", "a", 1, 0.2), ("a2", "a", 0, 0.5), ("b", "b", 0, 0.9)
        )
    ]  # fmt: skip
    assert by_origin(rows, lambda row: row.score) == pytest.approx({"a": 0.3, "b": 0.9})


def test_scores_are_test_accuracy_less_the_price_of_the_weights():
    (row,) = of_method(outcomes(made_up((0.1,))), "design")[:1]
    assert row.score == pytest.approx(0.6 - 0.1 * 10 / 100)


def test_differences_are_points_of_paired_splits():
    rows = outcomes(made_up())
    assert difference(rows, "remove_all", 1.0) == pytest.approx({"a": 5 - 5, "b": 0}, abs=1e-9)
    assert difference(rows, "remove_all", 0.1) == pytest.approx({"a": 5 - 0.5, "b": 4.5})
    assert difference(rows, "remove_all") == pytest.approx({"a": 2.25, "b": 2.25})
    assert difference(rows, "logistic_regression", 0.1) == pytest.approx({"a": 2, "b": -7})
    assert ratio_of_weights(rows, "remove_all") == pytest.approx(2)


def test_sizes_are_chosen_by_validation_score_or_by_the_known_share():
    rows = outcomes(made_up((0.1, 1.0)))
    # A step of 5 weights costs 0.005 at the lower price, less than the 0.01 that it gains.
    for penalty, weights in ((0.1, 35), (1.0, 5)):
        assert {row.weights for row in of_method(rows, "seven_prunings", penalty)} == {weights}
    assert {row.weights for row in of_method(rows, "dense_widths")} == {4}
    for penalty in (0.1, 1.0):
        place = SHARES.index(share_at(penalty))
        found = of_method(rows, "one_pruning", penalty)
        assert {row.weights for row in found} == {5 * place + 5}


def test_every_network_may_be_a_linear_one_if_that_is_better_in_validation():
    found = made_up((0.1,))
    for result in found["results"]:
        if len(result["fitted"]) > 1:
            result["fitted"][-1] = fitted(0.99, 0.95, 3)
    weights = {row.method: row.weights for row in outcomes(found)}
    linear = ("design", "remove_all", "random", "prunings_or_linear", "widths_or_linear")
    assert {method for method, count in weights.items() if count == 3} == set(linear)
    others = ("episode", "seven_prunings", "dense_widths")
    assert [weights[method] for method in others] == [10, 35, 4]


@pytest.mark.parametrize(("loss", "weights"), [(0.4, 10), (0.6, 6)])
def test_a_tenth_of_the_loss_is_taken_from_the_score_that_networks_are_chosen_by(loss, weights):
    found = made_up((0.0,))
    for result in found["results"]:
        if result["method"] == "design":
            ours = result["fitted"][0]
            ours["val_loss"] = loss
            result["fitted"][1] = fitted(ours["val_accuracy"], 0.5, 6)
    assert {row.weights for row in of_method(outcomes(found), "design")} == {weights}


def test_the_share_is_that_of_the_nearest_price(monkeypatch):
    monkeypatch.setattr(module, "BEST_SHARES", {0.01: 0.6, 0.1: 0.15, 1.0: 0.01})
    found = [share_at(penalty) for penalty in (0.0, 0.01, 0.03, 0.04, 0.31, 0.4, 5.0)]
    assert found == [0.6, 0.6, 0.6, 0.15, 0.15, 0.01, 0.01]
    assert set(module.BEST_SHARES.values()) <= set(SHARES)


def test_the_best_in_hindsight_is_another_model_on_each_table():
    rows = outcomes(made_up())
    assert difference(rows, "random_forest", 0.1, "accuracy") == pytest.approx({"a": 0, "b": -20})
    best = difference(rows, "best_of_three", 0.1, "accuracy")
    assert best == pytest.approx({"a": -20, "b": -20})
    assert len(of_method(rows, "best_of_three")) == 3 * 2


def test_small_differences_are_ties():
    assert counts({"a": 0.2, "b": 0.09, "c": -0.09, "d": -0.2, "e": 3.0}) == (2, 2, 1)


# --- the report ---


def test_the_report_has_each_comparison_in_every_table(studied):
    _, found = studied
    rows = outcomes(found)
    text = to_markdown(found, rows)
    assert text.startswith("2 tables of 2 origins, 2 splits of the rows of each, policy")
    for rival in RIVALS:
        assert text.count(f"| {rival} ") == 1 + len(found["penalties"]) + 1
    for rival in ACCURATE:
        assert f"\n| {rival} |" in text
    assert f"{difference(rows, 'random')[found['results'][0]['origin']]:+.2f}" in text


def test_the_report_says_which_tables_it_is_about():
    found = made_up()
    text = to_markdown(found, outcomes(found))
    assert text.startswith("3 test tables of 2 origins, 2 splits of the rows of each, policy `made")


def test_the_report_tells_which_share_is_best():
    found = made_up((0.1,))
    for result in found["results"]:
        if result["method"] == "prunings":
            result["fitted"][4]["test_accuracy"] += 0.3
    assert f"Best here: `{{0.1: {SHARES[4]}}}`" in shares(found)


def test_the_csv_has_means_over_splits():
    lines = [*csv.DictReader(as_csv(outcomes(made_up())).decode().splitlines())]
    row = next(
        row
        for row in lines
        if (row["table"], row["method"], row["penalty"]) == ("a2", "design", "1.0")
    )
    assert float(row["test_accuracy"]) == pytest.approx(0.625)
    assert float(row["test_score"]) == pytest.approx(0.525)
    assert (row["splits"], row["active_weights"]) == ("2", "10")
    assert len(lines) == 3 * (2 * (1 + len(RIVALS)) + len(ACCURATE) + 1)


def test_every_method_has_a_curve_at_its_sizes():
    found = made_up()
    lengths = {name: len(curve) for name, curve in curves(found, outcomes(found)).items()}
    single = dict.fromkeys(("logistic_regression", *ACCURATE), 1)
    assert lengths == {"design": 2, "prunings": 7, "dense_networks": 12, **single}


def test_the_report_is_written(tmp_path):
    text = write_report(made_up(), tmp_path)
    assert (tmp_path / "tables.md").read_text() == text + "\n"
    assert (tmp_path / "tables.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "results.json").read_text()) == made_up()
    assert (tmp_path / "tables.csv").read_bytes() == as_csv(outcomes(made_up()))


def test_the_command_writes_the_report(studied, run, sources, capsys):
    arguments, found = studied
    out = arguments["out"]
    words = ["--penalties", "0.03", "0.5", "--splits", "2", "--jobs", "1", "--policy", str(run)]
    assert main(["study", "tables", "--tables", *sources, *words, "--out", str(out)]) == 0
    assert (out / "tables.md").read_text() in capsys.readouterr().out
    assert json.loads((out / "results.json").read_text()) == found
