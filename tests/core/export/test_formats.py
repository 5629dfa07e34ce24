"""Exports: every format has the outputs of the network, on raw features, and no dead weight."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.export.c.code import write_c
from rlnas.export.c.quantization import dequantize, quantize
from rlnas.export.formats import as_exported, export_network
from rlnas.export.inference import for_inference
from rlnas.nn.edits import remove_connections
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.nn.training import Batches, evaluate, train
from tests.core.export.exported import FLOAT_FORMATS, c_logits, logits_of
from tests.core.reference import logits, network_of, random_dataset, skip_network

DATA = random_dataset(np.random.default_rng(3), features=12, classes=3)
NETWORKS = {
    "no hidden layer": skip_network((12, 3), np.random.default_rng(0)),
    "one": skip_network((12, 7, 3), np.random.default_rng(1), density=0.3),
    "three, with skips": skip_network((12, 6, 5, 4, 3), np.random.default_rng(2), density=0.3),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def truth(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> np.ndarray:
    """Averaged outputs in float64, of the standardised samples."""
    return logits(network, data.standardize(samples), averaged=True)


def exported(network: SparseNetwork, data: Dataset, form: str, folder: Path) -> dict[str, Any]:
    """What `export_network` returns, and the accuracy on test samples of what it wrote."""
    inference = for_inference(network, data.preprocessing)
    features = data.features[data.test]
    facts = export_network(inference, form, folder, "network", features)
    predicted = as_exported(inference, form).logits(features).argmax(axis=1)
    return {**facts, "test_accuracy": np.mean(predicted == data.labels[data.test])}


# --- the same outputs ---


@every_network
@pytest.mark.parametrize("form", [form for form in FLOAT_FORMATS if form != "c-int8"])
def test_outputs_equal_network_outputs(form, network, tmp_path):
    exported(network, DATA, form, tmp_path)
    inference = for_inference(network, DATA.preprocessing)
    outputs = logits_of(form, tmp_path, DATA.features[DATA.test], inference)
    expected = truth(network, DATA, DATA.test)
    assert np.abs(outputs - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("form", ["c", "onnx", "torch"])
def test_outputs_on_the_whole_test_set_of_images(form, real_data_dir, tmp_path):
    data = load_dataset("mnist", data_dir=real_data_dir)
    rng = np.random.default_rng(0)
    network = random_network((784, 40, 10), 1.0, rng)
    batches = Batches(data.train, rng)
    train(network, data, batches.take(60))
    network = remove_connections(network, network.active_weights - 3000)
    train(network, data, batches.take(60))
    facts = exported(network, data, form, tmp_path)
    outputs = logits_of(
        form, tmp_path, data.features[data.test], for_inference(network, data.preprocessing)
    )
    expected = truth(network, data, data.test)
    assert np.abs(outputs - expected).max() <= 1e-5 * np.abs(expected).max()
    assert facts["test_accuracy"] == evaluate(network, data, data.test).metric
    assert facts["test_accuracy"] > 0.8


def test_one_sample_is_a_batch_too(tmp_path):
    network = NETWORKS["three, with skips"]
    expected = truth(network, DATA, DATA.test[:1])
    for form in ("onnx", "torch"):
        exported(network, DATA, form, tmp_path)
        inference = for_inference(network, DATA.preprocessing)
        outputs = logits_of(form, tmp_path, DATA.features[DATA.test[:1]], inference)
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


# --- int8 ---


@every_network
def test_int8_weights_use_their_range_and_give_nearly_the_same_outputs(network):
    inference = for_inference(network, DATA.preprocessing)
    quantized = quantize(inference)
    assert quantized.codes.dtype == np.int8
    for row in range(network.n_hidden):
        assert 127 / 1.5 <= np.abs(quantized.codes[inference.rows == row]).max() <= 127
    expected = truth(network, DATA, DATA.test)
    outputs = quantized.network.logits(DATA.features[DATA.test])
    assert np.sqrt(np.mean((outputs - expected) ** 2)) < 0.01 * expected.std()


@every_network
def test_bytes_of_the_code_mean_what_its_network_computes(network):
    quantized = quantize(for_inference(network, DATA.preprocessing))
    computed, n_hidden = quantized.network, network.n_hidden
    for row, scale in enumerate(quantized.scales.tolist()):
        factor = 1 / 2**scale if row < n_hidden else scale * quantized.step
        own = computed.rows == row
        np.testing.assert_allclose(computed.weights[own], quantized.codes[own] * factor, rtol=1e-6)
        bias = int(quantized.biases[row]) * 2.0 ** (quantized.bias_shift - quantized.fraction)
        np.testing.assert_allclose(computed.biases[row], bias * factor, rtol=1e-6)
    for stored in (computed.mean, computed.scale):
        assert not np.any(stored.view(np.uint32) & 0xFFFF)


def test_int8_code_computes_logits_of_dequantized_network(tmp_path):
    network = NETWORKS["three, with skips"]
    facts = exported(network, DATA, "c-int8", tmp_path)
    features = DATA.features[DATA.test]
    inference = dequantize(for_inference(network, DATA.preprocessing))
    outputs = c_logits(tmp_path, features, inference)
    expected = inference.logits(features)
    assert np.abs(outputs - expected).max() <= 1e-4 * np.abs(expected).max()
    assert facts["test_accuracy"] == np.mean(expected.argmax(axis=1) == DATA.labels[DATA.test])


def test_int8_code_is_smaller(tmp_path):
    network = NETWORKS["one"]
    whole = exported(network, DATA, "c", tmp_path / "c")
    small = exported(network, DATA, "c-int8", tmp_path / "int8")
    rows = network.n_hidden + network.n_outputs
    inputs = for_inference(network, DATA.preprocessing).inputs.size
    assert whole["flash"] == 6 * network.active_weights + 6 * rows + 18 * inputs
    assert small["flash"] < 1.5 * network.active_weights + 4 * rows + 7 * inputs
    assert whole["ram"] == small["ram"]


# --- nothing superfluous ---


def with_gaps() -> SparseNetwork:
    """Inputs 0 to 3 feed hidden unit 12, input 5 feeds 13, which counts for nothing."""
    mask = np.zeros((4, 16), bool)
    mask[0, :4] = mask[1, 5] = mask[2, [12, 13]] = mask[3, 12] = True
    network = network_of((12, 2, 2), mask, np.random.default_rng(0))
    weight_of_13 = (network.targets == 14) & (network.indices == 13)
    network.connections[EMA, weight_of_13] = 0
    return network


TWO_CLASSES = random_dataset(np.random.default_rng(3), features=12, classes=2)


def test_unused_inputs_zero_weights_and_dead_units_are_left_out():
    inference = for_inference(with_gaps(), TWO_CLASSES.preprocessing)
    assert inference.inputs.tolist() == [0, 1, 2, 3]
    assert inference.layer_sizes == (4, 1, 2)
    assert inference.weights.size == 6
    features = TWO_CLASSES.features[TWO_CLASSES.test]
    expected = truth(with_gaps(), TWO_CLASSES, TWO_CLASSES.test)
    np.testing.assert_allclose(inference.logits(features), expected, rtol=1e-5, atol=1e-5)


def test_onnx_model_holds_no_unused_input(tmp_path):
    exported(with_gaps(), TWO_CLASSES, "onnx", tmp_path)
    model = onnx.load(tmp_path / "network.onnx")
    shapes = {each.name: tuple(each.dims) for each in model.graph.initializer}
    assert shapes["inputs"] == (4,)
    assert shapes["weights_1"] == (4, 1)
    assert shapes["weights_2"] == (1, 2)


def test_network_is_not_changed(tmp_path):
    network = with_gaps()
    before = network.connections.copy()
    exported(network, TWO_CLASSES, "npz", tmp_path)
    np.testing.assert_array_equal(network.connections, before)
    assert network.layer_sizes == (12, 2, 2)


# --- bad input ---


def test_data_set_of_other_features_is_refused(tmp_path):
    with pytest.raises(InputError, match="the network has 12 inputs"):
        exported(NETWORKS["one"], load_dataset("wine"), "c", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_constant_outputs_are_refused():
    network = NETWORKS["one"].copy()
    network.connections[EMA] = 0
    with pytest.raises(InputError, match="nothing to export"):
        for_inference(network, DATA.preprocessing)


@pytest.mark.parametrize("weight", [1e30, np.float32(np.inf)])
def test_too_large_weights_are_refused(weight):
    network = NETWORKS["one"].copy()
    network.connections[EMA, 0] = weight
    with pytest.raises(InputError, match="nothing to export: weights so large"):
        for_inference(network, DATA.preprocessing)


def test_unknown_format_is_refused(tmp_path):
    with pytest.raises(
        InputError, match="unknown format 'tflite': expected one of c, c-int, c-int8"
    ):
        exported(NETWORKS["one"], DATA, "tflite", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_features": 70_000}, r"70000 features are too many.*at most 65536"),
        ({"layer_sizes": (70_000, 3)}, r"70003 units are too many.*at most 65536"),
    ],
)
def test_network_too_large_for_16_bit_indices_is_refused(change, message, tmp_path):
    inference = for_inference(NETWORKS["one"], DATA.preprocessing)
    with pytest.raises(InputError, match=message):
        write_c(replace(inference, **change), tmp_path, "network", DATA.features)
