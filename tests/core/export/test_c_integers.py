"""C code without floating point: its outputs bit by bit, features out of range, its classes."""

import platform
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings

from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.export.c.code import write_c
from rlnas.export.c.integers import to_integers
from rlnas.export.formats import as_exported
from rlnas.export.inference import Inference, for_inference
from rlnas.nn.edits import remove_connections
from rlnas.nn.initialization import random_network
from rlnas.nn.training import Batches, train
from tests.core.export.exported import STRICT, integer_outputs
from tests.core.export.integers import INTEGERS, RULES
from tests.core.export.tables import Case, cases
from tests.core.export.test_c_code import DATA, FEATURES, network as plain_network
from tests.core.reference import skip_network

RNG = np.random.default_rng(0)
OUTSIDE = RNG.normal(0, 5e4, (9, 12))
NETWORKS: dict[str, tuple[Inference, np.ndarray]] = {
    name: (each, np.vstack([RNG.uniform(min(each.low), max(each.high), (40, 12)), OUTSIDE]))
    for name, each in INTEGERS.items()
}
NETWORKS["floats"] = (plain_network(2), FEATURES)
NETWORKS["far"] = (plain_network(3, 1e8), FEATURES + np.where(np.arange(12) < 2, 1e8, 0))
every_network = pytest.mark.parametrize("name", NETWORKS)


# --- bit by bit ---


@every_network
def test_outputs_of_c_equal_the_integers_of_python(name, tmp_path):
    inference, raw = NETWORKS[name]
    network = to_integers(inference)
    write_c(inference, tmp_path, "network", raw, "c-int")
    samples = network.given(raw)
    outputs, finite = integer_outputs(tmp_path, samples, network)
    np.testing.assert_array_equal(outputs, network.outputs(samples))
    assert finite.all()
    assert len(np.unique(outputs)) > len(outputs)


def test_outputs_of_c_on_rows_of_any_table_equal_the_integers_of_python(tmp_path):
    folders = (tmp_path / str(number) for number in range(10_000))  # a library is loaded once

    @settings(max_examples=8)
    @given(cases())
    def with_any_rules(case: Case) -> None:
        folder, network = next(folders), to_integers(case.inference)
        write_c(case.inference, folder, "network", case.codes, "c-int")
        outputs, finite = integer_outputs(folder, case.codes, network)
        np.testing.assert_array_equal(outputs, network.outputs(network.given(case.codes)))
        features = case.inference.features(case.codes.astype(case.inference.dtype))
        np.testing.assert_array_equal(finite, np.isfinite(features).all(axis=1))

    with_any_rules()


@every_network
def test_outputs_are_nearly_the_logits(name):
    inference, raw = NETWORKS[name]
    raw = to_integers(inference).given(raw[:40]).astype(inference.dtype)
    wanted = inference.logits(raw)
    difference = to_integers(inference).logits(raw) - wanted
    assert np.sqrt(np.mean(difference**2)) < 0.02 * wanted.std()


# --- what does not fit ---


def test_features_out_of_range_count_as_the_largest_and_nan_as_the_mean(tmp_path):
    inference, raw = NETWORKS["floats"]
    network = to_integers(inference)
    write_c(inference, tmp_path, "network", raw, "c-int")
    read = inference.inputs[1]
    bound = 32767 / 2**network.quantized.fraction / inference.scale[1]
    mean = float(inference.mean[1])
    samples = np.tile(raw[:1].astype(np.float32), (8, 1))
    ends = [mean - 2 * bound, mean + 2 * bound]
    samples[:, read] = [
        -np.inf,
        *ends,
        np.inf,
        -3e38,
        3e38,
        np.nan,
        network.quantized.network.mean[1],
    ]
    outputs, finite = integer_outputs(tmp_path, samples, network)
    np.testing.assert_array_equal(outputs[[0, 1, 4]], outputs[[1, 4, 0]])
    np.testing.assert_array_equal(outputs[[2, 3, 5]], outputs[[3, 5, 2]])
    np.testing.assert_array_equal(outputs[6], outputs[7])
    assert finite.tolist() == [False, True, True, False, True, True, False, True]
    assert np.isnan(network.logits(samples)).any(axis=1).tolist() == [False] * 6 + [True, False]


def test_feature_that_no_connection_reads_has_no_influence(tmp_path):
    network = skip_network((12, 7, 3), np.random.default_rng(1), density=0.3)
    inference = for_inference(network, DATA.preprocessing)
    unread = np.setdiff1d(np.arange(12), inference.inputs)
    assert unread.size
    write_c(inference, tmp_path, "network", FEATURES, "c-int")
    samples = np.tile(FEATURES[:1].astype(np.float32), (3, 1))
    samples[1:, unread] = [[np.nan], [np.inf]]
    outputs, finite = integer_outputs(tmp_path, samples, to_integers(inference))
    assert (outputs == outputs[0]).all()
    assert finite.all()


@pytest.mark.parametrize("density", [1.0, 0.2])
@pytest.mark.parametrize("name", ["bytes", "floats"])
def test_no_sum_exceeds_32_bits_whatever_the_features(name, density):
    sizes = (12, 900, 700, 3)
    rules = DATA.preprocessing if name == "floats" else RULES[name]
    inference = for_inference(skip_network(sizes, np.random.default_rng(0), density), rules)
    quantized = to_integers(inference).quantized
    weights = np.abs(quantized.codes.astype(np.int64))
    sums = np.bincount(inference.rows, weights, inference.biases.size) * 32767
    biases = np.abs(quantized.biases.astype(np.int64)) << quantized.bias_shift
    assert (sums + biases).max() < 2**31


# --- no floating point ---


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the option is that of gcc for x86-64")
@pytest.mark.parametrize("name", INTEGERS)
def test_whole_features_are_classified_without_floating_point(name, tmp_path):
    for form, passes in (("c-int", True), ("c-int8", False)):
        write_c(INTEGERS[name], tmp_path / form, "network", NETWORKS[name][1], form)
        command = ["cc", *STRICT, "-mgeneral-regs-only", "-c", "network.c"]
        done = subprocess.run(command, cwd=tmp_path / form, capture_output=True, text=True)
        assert (done.returncode == 0) == passes, done.stderr


# --- the same classes ---


def trained(data: Dataset) -> Inference:
    """A network that was trained, pruned to half or 3000 of its weights, and trained again."""
    rng = np.random.default_rng(0)
    network = random_network((data.n_features, 30, data.n_classes), 1.0, rng)
    batches = Batches(data.train, rng)
    train(network, data, batches.take(100))
    kept = min(network.active_weights // 2, 3000)
    network = remove_connections(network, network.active_weights - kept)
    train(network, data, batches.take(100))
    return for_inference(network, data.preprocessing)


@pytest.mark.parametrize("dataset", ["digits", "wine", "breast_cancer"])
def test_at_most_one_in_two_hundred_classes_changes(dataset):
    data = load_dataset(dataset)
    inference = trained(data)
    raw = data.features.astype(inference.dtype)
    classes = inference.logits(raw).argmax(axis=1)
    assert np.mean(classes == data.labels) > 0.9
    for form in ("c-int8", "c-int"):
        found = as_exported(inference, form).logits(raw).argmax(axis=1)
        assert np.mean(classes != found) <= 0.005


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_classes_of_the_whole_test_set_of_images(dataset, real_data_dir, tmp_path):
    data = load_dataset(dataset, data_dir=real_data_dir)
    inference = trained(data)
    raw = data.features[data.test]
    classes = inference.logits(raw).argmax(axis=1)
    network = to_integers(inference)
    write_c(inference, tmp_path, "network", raw, "c-int")
    outputs, _ = integer_outputs(tmp_path, network.given(raw), network)
    np.testing.assert_array_equal(outputs, network.outputs(raw))
    small = as_exported(inference, "c-int8").logits(raw).argmax(axis=1)
    assert np.mean(classes == data.labels[data.test]) > 0.75
    assert max(np.mean(classes != found) for found in (outputs.argmax(axis=1), small)) <= 0.005
