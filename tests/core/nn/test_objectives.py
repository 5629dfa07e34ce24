"""Losses, gradients and metrics of every objective against PyTorch and scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, r2_score
from sklearn.utils.class_weight import compute_class_weight

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.nn import training
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.objective import Objective
from tests.core.reference import (
    MaskedDense,
    bits,
    random_dataset,
    regression_dataset,
    relative_error,
    skip_network,
    torch_loss,
)

RNG = np.random.default_rng(3)
WEIGHTS = RNG.exponential(size=300).astype(np.float32)
CLASSES = random_dataset(np.random.default_rng(1))
DATA = {
    "weighted classes": replace(CLASSES, weights=WEIGHTS),
    "squared": regression_dataset(np.random.default_rng(2)),
    "one target": regression_dataset(np.random.default_rng(2), targets=1),
    "huber": regression_dataset(np.random.default_rng(2), loss="huber"),
    "weighted": regression_dataset(np.random.default_rng(2), weights=WEIGHTS),
    "weighted huber": regression_dataset(np.random.default_rng(2), loss="huber", weights=WEIGHTS),
}


def network_for(data: Dataset, seed: int = 0) -> SparseNetwork:
    return skip_network((data.n_features, 9, 5, data.n_outputs), np.random.default_rng(seed))


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("batch", [1, 7, 64, 65, 130])
def test_gradients_equal_autograd(case, batch):
    data = DATA[case]
    network = network_for(data, batch)
    samples = np.random.default_rng(batch).integers(300, size=batch).astype(np.int32)
    module = MaskedDense(network)
    torch_loss(module, data, samples).backward()
    found = sample_gradients(network, data, samples).gradients
    active = found[network.targets - network.n_inputs, network.indices]
    assert relative_error(active, module.active(module.weights.grad)) <= 1e-4


@pytest.mark.parametrize("case", DATA)
def test_training_equals_a_masked_dense_network_in_pytorch(case):
    data = DATA[case]
    network = network_for(data)
    network.connections[1:3] = network.units[1:3] = network.steps = 0
    module = MaskedDense(network)
    h = training.DEFAULT_HYPERPARAMETERS
    groups = [
        {"params": [module.weights], "weight_decay": h.weight_decay},
        {"params": [module.biases], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, h.learning_rate, (h.beta1, h.beta2), h.epsilon)
    order = np.random.default_rng(0).integers(300, size=(20, 100)).astype(np.int32)
    losses = []
    for samples in order:
        optimiser.zero_grad()
        loss = torch_loss(module, data, samples)
        loss.backward()
        losses.append(loss.item())
        optimiser.step()
    found = training.train(network, data, order)
    assert found.loss == pytest.approx(
        np.mean(losses) / data.weights[order].astype(float).mean(), rel=1e-4
    )
    assert relative_error(network.connections[VALUE], module.active(module.weights)) <= 1e-3
    assert relative_error(network.units[VALUE], module.biases.detach().numpy()) <= 1e-3


def with_metric(data: Dataset, metric: object) -> Dataset:
    return replace(data, objective=Objective.of(data.task, metric))


def probabilities(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        x = torch.tensor(data.standardize(samples).astype(np.float64))
        return MaskedDense(network, EMA)(x).softmax(dim=1).numpy()


@pytest.mark.parametrize("weights", [np.ones(300, np.float32), WEIGHTS], ids=["alike", "weighted"])
def test_metrics_of_classification_equal_scikit_learn(weights):
    data = replace(CLASSES, weights=weights)
    network, samples = network_for(data), np.arange(200, dtype=np.int32)
    shares = probabilities(network, data, samples)
    labels, known = data.labels[samples], {"sample_weight": weights[samples]}
    answers = shares.argmax(axis=1)
    loss = log_loss(labels, shares, labels=range(3), **known)
    truth = {
        "accuracy": accuracy_score(labels, answers, **known),
        "balanced_accuracy": balanced_accuracy_score(labels, answers, **known),
        "log_loss": max(0.0, 1 - loss / np.log(3)),
    }
    for metric, value in truth.items():
        found = training.evaluate(network, with_metric(data, metric), samples)
        assert found.metric == pytest.approx(value, rel=1e-5)
        assert found.loss == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("case", ["squared", "weighted", "one target"])
def test_r2_equals_scikit_learn(case):
    data = DATA[case]
    network = random_network((6, 16, data.n_outputs), 1.0, np.random.default_rng(0))
    batches = training.Batches(data.train, np.random.default_rng(0))
    training.train(network, data, batches.take(200))
    for samples in (data.validation, data.train):
        truth = data.preprocessing.targets.in_units(data.targets[samples])
        found = training.predict(network, data, samples)
        expected = r2_score(truth, found, sample_weight=data.weights[samples])
        assert training.evaluate(network, data, samples).metric > 0.3
        assert training.evaluate(network, data, samples).metric == pytest.approx(expected, abs=1e-4)


def test_metrics_are_never_below_zero():
    network = network_for(DATA["squared"])
    network.units[:, -2:] = 50
    assert training.evaluate(network, DATA["squared"], DATA["squared"].train).metric == 0
    network = network_for(CLASSES)
    network.units[:, -1] = 1e3
    found = training.evaluate(network, with_metric(CLASSES, "log_loss"), CLASSES.train)
    assert found.metric == 0
    assert found.loss > 100


def test_r2_of_a_constant_prediction_is_zero_and_its_loss_the_variance():
    data = DATA["squared"]
    found = training.evaluate_outputs(np.zeros(2, np.float32), data, data.train)
    assert found.metric == pytest.approx(0, abs=1e-6)
    assert found.loss == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("case", DATA)
def test_a_constant_is_evaluated_as_a_network_with_that_output_is(case):
    data = DATA[case]
    network = random_network((6, data.n_outputs), 1.0, np.random.default_rng(0))
    network.connections[EMA] = 0
    network.units[EMA] = constant = np.linspace(-0.4, 0.7, data.n_outputs).astype(np.float32)
    network.units[VALUE] = 0
    found = training.evaluate(network, data, data.validation)
    assert training.evaluate_outputs(constant, data, data.validation) == pytest.approx(
        found, rel=1e-5, abs=1e-6
    )


@pytest.mark.parametrize("case", DATA)
def test_outputs_are_evaluated_as_the_network_that_gave_them(case):
    data = DATA[case]
    network = network_for(data)
    found = training.evaluate(network, data, data.validation)
    given = training.outputs(network, data, data.validation)
    assert training.evaluate_outputs(given, data, data.validation) == pytest.approx(found, rel=1e-5)


def test_a_metric_of_ones_own_sees_the_truth_and_predictions_in_their_units():
    seen = []

    def median_error(truth: np.ndarray, predicted: np.ndarray) -> float:
        seen.append((truth, predicted))
        return 1 - np.median(np.abs(truth - predicted)) / 1e4

    data = with_metric(DATA["squared"], median_error)
    network = network_for(data)
    found = training.evaluate(network, data, data.validation)
    truth, predicted = seen[0]
    targets = data.preprocessing.targets
    np.testing.assert_allclose(truth, targets.in_units(data.targets[data.validation]))
    np.testing.assert_allclose(predicted, training.predict(network, data, data.validation))
    assert found.metric == pytest.approx(1 - np.median(np.abs(truth - predicted)) / 1e4)
    trained = training.train(network, data, training.Batches(data.train, RNG).take(3))
    assert 0 < trained.metric <= 1

    data = with_metric(
        CLASSES, lambda labels, shares: shares[np.arange(len(labels)), labels].mean()
    )
    network = network_for(data)
    found = training.evaluate(network, data, data.validation)
    shares = probabilities(network, data, data.validation)
    expected = shares[np.arange(60), data.labels[data.validation]].mean()
    assert found.metric == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("value", ["good", None, np.nan, np.inf, 7.0, 1.001, [0.5]])
def test_a_metric_that_returns_no_number_up_to_1_is_refused(value):
    data = with_metric(CLASSES, lambda labels, shares: value)
    with pytest.raises(InputError, match=r"the metric returned .* for 60 samples: expected a num"):
        training.evaluate(network_for(data), data, data.validation)


@pytest.mark.parametrize(
    ("value", "counted"), [(-np.inf, 0), (-3, 0), (1, 1), (1 + 1e-12, 1), (np.float32(0.5), 0.5)]
)
def test_a_metric_may_be_below_0_and_have_rounding_errors(value, counted):
    data = with_metric(CLASSES, lambda labels, shares: value)
    assert training.evaluate(network_for(data), data, data.validation).metric == counted


def test_a_metric_is_not_asked_about_a_network_that_diverged():
    data = with_metric(CLASSES, lambda labels, shares: pytest.fail("it was asked"))
    nothing = np.full((60, data.n_outputs), np.nan)
    assert training.evaluate_outputs(nothing, data, data.validation).metric == 0


def test_huber_resists_outliers_that_the_squared_error_follows():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    clean = x @ [3.0, -2, 1]
    y = clean + (rng.random(600) < 0.05) * rng.choice([-80, 80], 600)
    errors = {}
    for loss in ("squared", "huber"):
        data = load_dataset((x, y), loss=loss)
        network = random_network((3, 1), 1.0, np.random.default_rng(0))
        training.train(network, data, training.Batches(data.train, rng).take(1000))
        found = training.predict(network, data, data.test)[:, 0]
        errors[loss] = np.abs(found - clean[data.test]).mean()
    assert errors["huber"] < errors["squared"] / 2


def test_balanced_class_weights_are_those_of_scikit_learn():
    x = RNG.normal(size=(300, 4))
    y = np.repeat(["a", "b", "c"], [200, 70, 30])
    data = load_dataset((x, y), class_weight="balanced")
    truth = compute_class_weight("balanced", classes=np.arange(3), y=data.labels[data.train])
    np.testing.assert_allclose(data.weights, truth[data.labels], rtol=1e-6)
    assert data.weights[data.train].mean() == pytest.approx(1)
    with_some = load_dataset((x, y), class_weight={"c": 3, "a": 0})
    assert with_some.weights[data.labels == 0].max() == 0
    ratio = with_some.weights[data.labels == 2][0] / with_some.weights[data.labels == 1][0]
    assert ratio == pytest.approx(3)


@pytest.mark.parametrize("name", ["1", "1.0", "01", 1, 1.0, np.int64(1)])
def test_class_weights_find_a_number_however_it_is_written(name):
    x, y = RNG.normal(size=(90, 4)), np.repeat(["0.0", "01", "2.0"], 30)
    data = load_dataset((x, y), class_weight={name: 3})
    assert data.preprocessing.class_names == ("0", "01", "2")
    assert data.weights[y == "01"][0] == pytest.approx(3 * data.weights[y == "0.0"][0])


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        (["balanced", "a=3"], "class weights are either 'balanced' or such as rare=5"),
        (["a=3", "a=4"], "class 'a' has two class weights: give one"),
        (["1=3", "1.0=3"], "class '1' has two class weights: give one"),
        (["0=0", "1=0"], "class weights leave all training samples without weight"),
        ({"2": 1}, "class weights name the class '2', expected one of 0, 1"),
        (["1=nan"], "class weight nan of '1' cannot be used: expected a finite number from 0"),
    ],
)
def test_class_weights_that_cannot_be_used_are_told_without_the_words_of_python(weights, told):
    with pytest.raises(InputError) as refusal:
        load_dataset((RNG.normal(size=(60, 2)), np.repeat([0, 1], 30)), class_weight=weights)
    assert str(refusal.value).startswith(told)
    assert "class_weight" not in str(refusal.value)


def test_accuracy_with_balanced_weights_is_the_balanced_accuracy_of_the_training_samples():
    x = RNG.normal(size=(300, 4))
    y = np.repeat([0, 1, 2], [200, 70, 30])
    weighted = load_dataset((x, y), class_weight="balanced")
    plain = load_dataset((x, y), metric="balanced_accuracy")
    network = network_for(plain)
    first, second = (training.evaluate(network, each, each.train) for each in (weighted, plain))
    assert first.metric == pytest.approx(second.metric, rel=1e-5)


def test_sample_weights_change_training_as_repeated_samples_do():
    x, y = RNG.normal(size=(200, 4)), RNG.integers(3, size=200)
    plain = load_dataset((x, y))
    weights = np.where(np.arange(200) == plain.train[0], 3.0, 1.0)
    data = load_dataset((x, y, weights))
    factor = data.weights[plain.train[1]]
    twice = np.concatenate([plain.train, plain.train[:1], plain.train[:1]])
    network = network_for(plain)
    weighted = sample_gradients(network, data, plain.train).gradients * plain.train.size / factor
    repeated = sample_gradients(network, plain, twice).gradients * twice.size
    assert relative_error(weighted, repeated) < 1e-4


def test_weights_of_one_change_no_bit():
    x, y = RNG.normal(size=(200, 4)), RNG.integers(3, size=200)
    results = []
    for source in ((x, y), (x, y, np.full(200, 7.0))):
        data = load_dataset(source)
        network = random_network((4, 8, 3), 0.5, np.random.default_rng(0))
        found = training.train(
            network, data, training.Batches(data.train, np.random.default_rng(0)).take(30)
        )
        results.append((found, training.evaluate(network, data, data.validation), bits(network)))
    assert results[0] == results[1]
