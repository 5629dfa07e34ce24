"""Temperatures: fitted as SciPy would, used where validation samples leave no doubt, exported."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from rlnas.agents.designing import finish as finish_module
from rlnas.agents.designing.calibration import (
    divide_logits,
    fit_temperature,
    losses,
    temperature_of,
)
from rlnas.agents.designing.evaluation import evaluation_metrics
from rlnas.agents.designing.finish import finish
from rlnas.data.dataset import Dataset
from rlnas.export.inference import for_inference
from rlnas.nn.network import EMA, VALUE
from rlnas.nn.training import outputs, softmax
from tests.core.reference import random_dataset, regression_dataset, skip_network

NETWORK = skip_network((6, 8, 5, 3), np.random.default_rng(0))
NETWORK.connections[EMA] = NETWORK.connections[VALUE]
NETWORK.units[EMA] = NETWORK.units[VALUE]


def drawn_from(network, temperature: float, samples: int = 4000) -> Dataset:
    """Data whose classes are drawn with the probabilities of a network at a temperature."""
    data = random_dataset(np.random.default_rng(1), samples=samples)
    shares = softmax(outputs(network, data, np.arange(samples, dtype=np.int32)) / temperature)
    ends, drawn = shares.cumsum(axis=1), np.random.default_rng(2).random((samples, 1))
    return replace(data, labels=(ends < drawn).sum(axis=1).clip(max=2).astype(np.int32))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_has_the_least_cross_entropy(weighted):
    rng = np.random.default_rng(0)
    logits, labels = 3 * rng.normal(size=(300, 4)), rng.integers(4, size=300).astype(np.int32)
    labels[::2] = logits[::2].argmax(axis=1)
    weights = rng.exponential(size=300) if weighted else np.ones(300)
    truth = minimize_scalar(
        lambda t: np.average(losses(logits / t, labels), weights=weights),
        bounds=(1, 10),
        method="bounded",
    )
    assert fit_temperature(logits, labels, weights) == pytest.approx(truth.x, rel=1e-3)


def test_losses_equal_logarithms_of_probabilities_and_are_finite_beyond_them():
    logits = np.array([[0.0, 1.0], [900.0, 0.0]])
    found = losses(logits, np.array([1, 1], np.int32))
    assert found[0] == pytest.approx(np.log(1 + np.exp(-1)))
    assert 700 < found[1] < 720


def temperature_for(network, data: Dataset) -> float | None:
    return temperature_of(outputs(network, data, data.validation), data, data.validation)


@pytest.mark.parametrize("truth", [1.5, 3.0])
def test_the_temperature_of_a_network_that_is_too_sure_is_found(truth):
    assert temperature_for(NETWORK, drawn_from(NETWORK, truth)) == pytest.approx(truth, rel=0.15)


def test_logits_are_not_divided_without_need_or_proof():
    assert temperature_for(NETWORK, drawn_from(NETWORK, 1.0)) is None
    assert temperature_for(NETWORK, drawn_from(NETWORK, 0.5)) is None  # it is not sure enough
    few = drawn_from(NETWORK, 1.5)
    assert temperature_for(NETWORK, replace(few, validation=few.validation[:12])) is None
    numbers = regression_dataset(np.random.default_rng(0), targets=3)
    assert temperature_for(NETWORK, numbers) is None


def test_divided_logits_are_in_the_network_and_in_what_is_exported():
    data = drawn_from(NETWORK, 1.0, samples=300)
    divided = NETWORK.copy()
    divide_logits(divided, 2.5)
    for averaged in (True, False):
        found, before = (outputs(n, data, data.test, averaged) for n in (divided, NETWORK))
        np.testing.assert_allclose(found, before / 2.5, rtol=1e-4, atol=1e-5)
    exported = for_inference(divided, data.preprocessing).logits(data.features[data.test])
    np.testing.assert_allclose(exported, found, rtol=1e-4, atol=1e-5)


def test_a_network_is_divided_after_its_final_training(monkeypatch):
    data = drawn_from(NETWORK, 3.0, samples=1000)
    monkeypatch.setattr(finish_module, "FINAL_BATCHES", 20)
    monkeypatch.setattr(finish_module, "FINAL_EPOCHS", 1)
    found = {}
    for name, replacement in (("divided", temperature_of), ("plain", lambda *_: None)):
        monkeypatch.setattr(finish_module, "temperature_of", replacement)
        network = NETWORK.copy()
        temperature = finish(network, data, seed=0)
        found[name] = temperature, outputs(network, data, data.test), network
    temperature, logits, network = found["divided"]
    assert temperature == pytest.approx(3, rel=0.2)
    assert found["plain"][0] is None
    np.testing.assert_allclose(logits, found["plain"][1] / temperature, rtol=1e-3, atol=1e-4)
    results = [evaluation_metrics(found[name][2], data, data.test) for name in found]
    assert results[0]["calibration_error"] < results[1]["calibration_error"]
    assert results[0]["test_accuracy"] == results[1]["test_accuracy"]
