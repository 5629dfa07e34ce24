"""Exports: one rule for features that are NaN, infinite, huge, far from zero, or never read."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
import torch

from rlnas.export.c.quantization import dequantize
from rlnas.export.formats import export_network
from rlnas.export.inference import Inference, for_inference
from rlnas.export.torch_module import OnFeatures
from rlnas.nn.network import EMA
from tests.core.export.exported import FLOAT_FORMATS, compiled, logits_of, pointer
from tests.core.reference import dense_logits, network_of, random_dataset, skip_network

READ = 8
DATA = random_dataset(np.random.default_rng(3), features=12, classes=3)
RAW = DATA.features[DATA.test[:5]].round(2)
every_form = pytest.mark.parametrize("form", FLOAT_FORMATS)


def skipping() -> Inference:
    """Three hidden layers, units of each read by some later ones, features 8 to 11 by none."""
    network = skip_network((12, 6, 5, 4, 3), np.random.default_rng(2), density=0.4)
    kept = (network.indices < READ) | (network.indices >= 12)
    network.connections[EMA, ~kept] = 0
    inference = for_inference(network, DATA.preprocessing)
    assert inference.inputs.tolist() == list(range(READ))
    return inference


INFERENCE = skipping()
HIGHER = np.where(INFERENCE.inputs < 3, 1e8, 0.0)
FAR = replace(INFERENCE, offset=HIGHER, low=INFERENCE.low + HIGHER, high=INFERENCE.high + HIGHER)
"""The same for samples whose first features are higher by 1e8."""


def far(features: np.ndarray) -> np.ndarray:
    """Samples for `FAR`; a feature keeps its digits in double precision, not in single."""
    return features.astype(np.float64) + np.where(np.arange(12) < 3, 1e8, 0.0)


def with_values(values: list[float], columns: list[int]) -> np.ndarray:
    """One sample for each value in each column, and each value in all these columns."""
    rows = []
    for value in values:
        for chosen in [*([column] for column in columns), columns]:
            row = RAW[len(rows) % len(RAW)].astype(np.float64)
            row[chosen] = value
            rows.append(row)
    return np.array(rows)


def dense(inference: Inference) -> tuple[np.ndarray, np.ndarray]:
    """float64 weights `[rows, units]` and biases."""
    weights = np.zeros((inference.biases.size, sum(inference.layer_sizes)))
    weights[inference.rows, inference.indices] = inference.weights
    return weights, inference.biases.astype(np.float64)


def expected(inference: Inference, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outputs by the rule in docs/export.md, dense and in float64; how far rounding may lead."""
    read = features[:, inference.inputs] - inference.offset
    x = np.clip((read - inference.mean) * inference.scale, *inference.bounds)
    sizes, (weights, biases) = inference.layer_sizes, dense(inference)
    bound = dense_logits(sizes, np.abs(weights), np.abs(biases), np.abs(x))
    return dense_logits(sizes, weights, biases, x), 1e-5 * bound


def check(form: str, inference: Inference, features: np.ndarray, folder) -> np.ndarray:
    """Outputs of a format, which have to be those of the rule."""
    export_network(inference, form, folder, "network", RAW)
    inference = dequantize(inference) if form == "c-int8" else inference
    outputs = logits_of(form, folder, features, inference)
    wanted, tolerance = expected(inference, features)
    assert np.all(np.isfinite(outputs))
    assert np.all(np.abs(outputs - wanted) <= tolerance)
    return outputs


# --- NaN, infinite, huge ---


@every_form
@pytest.mark.parametrize("inference", [INFERENCE, FAR], ids=["float", "double"])
def test_infinite_and_huge_features_give_equal_finite_outputs_in_all_formats(
    form, inference, tmp_path
):
    values = [np.inf, -np.inf, 3e38, -3e38, 1e30, -1e15, 1e300][: 7 if inference is FAR else 6]
    check(form, inference, with_values(values, [0, 2, 5, 6]), tmp_path)


def parallel() -> Inference:
    """Features 0, 1 and 2 lead to one output each, two of them through a hidden unit."""
    mask = np.zeros((5, 17), bool)
    mask[[0, 1, 2, 3, 4], [0, 1, 12, 13, 2]] = True
    return for_inference(network_of((12, 2, 3), mask, np.random.default_rng(0)), DATA.preprocessing)


PARALLEL = parallel()
SOME_NAN = RAW.copy()
SOME_NAN[[1, 2, 3], [0, 1, 2]] = np.nan


def has_nan_where_it_should(outputs: np.ndarray) -> bool:
    rows = np.isin(np.arange(len(RAW)), [1, 2, 3])
    return np.array_equal(np.isnan(outputs), np.repeat(rows[:, None], 3, axis=1))


@every_form
@pytest.mark.parametrize("offset", [0, 1e8])
def test_nan_feature_makes_all_outputs_of_its_sample_nan(form, offset, tmp_path):
    inference = replace(PARALLEL, offset=np.full(3, offset))
    features = SOME_NAN.astype(inference.dtype) + offset
    export_network(inference, form, tmp_path, "network", features)
    # C code has to give the class -1 too
    assert has_nan_where_it_should(logits_of(form, tmp_path, features, inference))


def test_onnx_outputs_are_nan_even_if_runtime_drops_nan(tmp_path):
    path = tmp_path / "network.onnx"
    export_network(PARALLEL, "onnx", tmp_path, "network", RAW)
    model = onnx.load(path)
    place, clip = next((k, n) for k, n in enumerate(model.graph.node) if n.op_type == "Min")
    after, clip.output[0] = clip.output[0], "clipped"
    losing = [
        onnx.helper.make_node("IsNaN", ["clipped"], ["lost"]),
        onnx.helper.make_node("Where", ["lost", "high", "clipped"], [after]),
    ]
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes[: place + 1], *losing, *nodes[place + 1 :]])
    onnx.save(model, path)
    assert has_nan_where_it_should(logits_of("onnx", tmp_path, SOME_NAN, PARALLEL))


def test_torch_outputs_are_nan_even_if_backend_drops_nan():
    module = OnFeatures(PARALLEL)
    module.network.register_forward_hook(lambda network, inputs, output: output.nan_to_num())
    assert has_nan_where_it_should(module(torch.from_numpy(SOME_NAN)).detach().numpy())


@every_form
def test_unread_feature_has_no_influence(form, tmp_path):
    export_network(INFERENCE, form, tmp_path, "network", RAW)
    usual = logits_of(form, tmp_path, RAW, INFERENCE)
    unread = np.setdiff1d(np.arange(12), INFERENCE.inputs)
    for value in (np.nan, np.inf, -3e38):
        features = RAW.copy()
        features[:, unread] = value
        np.testing.assert_array_equal(logits_of(form, tmp_path, features, INFERENCE), usual)


@pytest.mark.parametrize("form", ["c", "c-int8", "onnx", "torch"])
def test_large_weights_leave_all_outputs_finite(form, tmp_path):
    large = replace(INFERENCE, weights=INFERENCE.weights * np.float32(1e6))
    check(form, large, with_values([np.inf, -np.inf, 1.0], [0, 2, 5, 6]), tmp_path)


@every_form
def test_feature_beyond_those_of_training_counts_as_the_last_one(form, tmp_path):
    within = RAW.astype(np.float64)
    within[0, :READ], within[1, :READ] = INFERENCE.low, INFERENCE.high
    beyond = within.copy()
    beyond[0, :READ] -= 3 / INFERENCE.scale
    beyond[1, :READ] += 1e9
    outputs = check(form, INFERENCE, beyond, tmp_path)
    # int8 code knows the ends to an eighth of a standard deviation
    near = 0.3 if form == "c-int8" else 1e-5
    np.testing.assert_allclose(outputs, check(form, INFERENCE, within, tmp_path), atol=near)


def test_no_training_sample_is_changed_by_bounds():
    samples = DATA.features[DATA.train]
    for inference in (INFERENCE, dequantize(INFERENCE)):
        inputs = (samples[:, inference.inputs] - inference.mean) * inference.scale
        assert (inputs >= inference.bounds[0]).all()
        assert (inputs <= inference.bounds[1]).all()


def test_c_code_says_whether_features_are_finite(tmp_path):
    for inference, convert in ((INFERENCE, np.float32), (FAR, far)):
        folder = tmp_path / inference.dtype.__name__
        export_network(inference, "c", folder, "network", RAW)
        code = compiled(folder)
        rows = convert(RAW).astype(inference.dtype)
        read, unread = inference.inputs[1], np.setdiff1d(np.arange(12), inference.inputs)[0]
        for value in (np.nan, np.inf, -np.inf):
            for column, answer in ((read, 0), (unread, 1)):
                row = rows[0].copy()
                row[column] = value
                assert code.network_valid(pointer(row)) == answer
        rows[0, read] = np.finfo(inference.dtype).max
        assert all(code.network_valid(pointer(row)) == 1 for row in rows)


# --- far from zero ---


@every_form
def test_features_far_from_zero_keep_their_digits(form, tmp_path):
    features = far(RAW)
    assert np.abs(features.astype(np.float32) - features).max() > 0.5
    near = dequantize(INFERENCE) if form == "c-int8" else INFERENCE
    outputs = check(form, FAR, features, tmp_path)
    np.testing.assert_allclose(outputs, near.logits(RAW), rtol=1e-4, atol=1e-5)


def test_dtype_is_float32_without_offsets():
    assert INFERENCE.dtype == np.float32
    assert FAR.dtype == np.float64
    rounded = RAW.astype(np.float64) + 1e-12
    np.testing.assert_array_equal(INFERENCE.logits(rounded), INFERENCE.logits(RAW))
