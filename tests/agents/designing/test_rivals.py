"""Rivals of a design: as much training, the same samples, sizes and results as they are."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from rlnas.agents.designing import rivals as module
from rlnas.agents.designing.rivals import rivals
from rlnas.data.loading import load_dataset
from rlnas.nn.initialization import random_network

DIGITS, WINE = load_dataset("digits"), load_dataset("wine")
NETWORK = random_network((64, 12, 10), 1.0, np.random.default_rng(0))
RECORD = {"test_metric": 0.9, "batches": {"episode": 250, "all": 1750}}


@pytest.fixture(scope="module")
def of_digits() -> dict[str, module.Rival]:
    return {rival.name.split(",")[0]: rival for rival in rivals(NETWORK, RECORD, DIGITS)}


def test_a_dense_network_has_as_many_weights_and_as_many_batches(monkeypatch):
    made = []

    def spy(network, data, rows):
        made.append(network)
        return {"test_accuracy": 0.9, "balanced_accuracy": 0.5}

    monkeypatch.setattr(module, "evaluation_metrics", spy)
    monkeypatch.setattr(module, "_fitted", lambda *arguments: None)
    rivals(NETWORK, RECORD, DIGITS)
    assert made[-1].layer_sizes == (64, 12, 10)
    assert made[-1].active_weights == 12 * 74
    assert made[-1].steps == 1750  # 250, 500 before the comparison, and 1,000 to the end


def test_the_rival_of_a_linear_network_has_its_batches_too(monkeypatch):
    made, measure = [], module.evaluation_metrics

    def noted(network, data, rows):
        made.append(network)
        return measure(network, data, rows)

    monkeypatch.setattr(module, "evaluation_metrics", noted)
    network = random_network((13, 3), 1.0, np.random.default_rng(0))
    record = {"test_metric": 0.9, "batches": {"episode": 0, "all": 1500}}
    monkeypatch.setattr(module, "_fitted", lambda *arguments: None)
    dense, *_ = rivals(network, record, WINE)
    assert (made[0].layer_sizes, made[0].steps) == ((13, 2, 3), 1500)
    assert dense.size == "32 weights"


def test_of_a_design_that_was_not_trained_to_the_end_the_steps_count(monkeypatch):
    network = NETWORK.copy()
    network.steps = 7
    seen = []
    monkeypatch.setattr(module, "_fitted", lambda *arguments: seen.append(arguments[3:]))
    dense, *_ = rivals(network, {"val_metric": 0.9}, DIGITS)
    assert dense.measures["accuracy"] < 0.9
    assert np.array_equal(seen[0][0], DIGITS.train)
    assert np.array_equal(seen[0][1], DIGITS.validation)


def test_logistic_regression_is_that_of_scikit_learn_on_all_samples_but_the_test(of_digits):
    rows = np.concatenate([DIGITS.train, DIGITS.validation])
    model = LogisticRegression().fit(DIGITS.standardize(rows), DIGITS.labels[rows])
    truth = model.score(DIGITS.standardize(DIGITS.test), DIGITS.labels[DIGITS.test])
    found = of_digits["logistic regression"]
    assert found.measures["accuracy"] == pytest.approx(truth, abs=0.01)
    assert found.size == "640 weights"
    assert found.measures["accuracy"] > 0.95


def test_tables_have_gradient_boosting_with_its_size_and_images_do_not(of_digits):
    assert "gradient boosting" not in of_digits
    network = random_network((13, 4, 3), 1.0, np.random.default_rng(0))
    record = {"test_metric": 0.9, "batches": {"episode": 5, "all": 1505}}
    *_, boosting = rivals(network, record, WINE)
    assert boosting.name == "gradient boosting"
    trees, nodes = (int(part.split()[0].replace(",", "")) for part in boosting.size.split(", "))
    assert trees == 300  # 100 rounds of 3 classes
    assert trees < nodes
    assert boosting.measures["accuracy"] > 0.9
