"""Numbers to predict and weights in data sets: standardised, kept, fingerprinted, refused."""

import json

import numpy as np
import pandas as pd
import pytest

from rlnas.data.loading import load_dataset
from rlnas.data.preprocessing import Preprocessing
from rlnas.data.targets import Targets, fit_targets, huber_bends
from rlnas.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = 1e4 + 500 * X[:, :2] + 100 * RNG.normal(size=(200, 2))
WEIGHTS = RNG.exponential(size=200)


def test_targets_are_standardised_by_the_training_samples_and_come_back():
    data = load_dataset((X, Y))
    assert (data.task, data.n_outputs, data.n_classes) == ("regression", 2, 0)
    assert data.targets.dtype == np.float32
    known = data.targets[data.train].astype(float)
    np.testing.assert_allclose(known.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(known.std(axis=0), 1, rtol=1e-5)
    targets = data.preprocessing.targets
    np.testing.assert_allclose(targets.in_units(data.targets), Y, rtol=1e-6)
    assert targets.names == ("y_1", "y_2")
    assert not data.targets.flags.writeable


def test_a_single_target_is_a_column_whatever_its_shape():
    flat, column = (load_dataset((X, y)) for y in (Y[:, 0], Y[:, :1]))
    assert flat.targets.shape == column.targets.shape == (200, 1)
    assert flat.fingerprint == column.fingerprint
    assert flat.preprocessing.targets.names == ("y",)


def test_splits_have_the_usual_sizes_and_no_sample_twice():
    data = load_dataset((X, Y))
    assert [len(rows) for rows in (data.train, data.validation, data.test)] == [120, 40, 40]
    rows = np.concatenate([data.train, data.validation, data.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(200))


def test_json_keeps_every_bit_of_the_targets():
    rules = load_dataset((X, Y)).preprocessing
    again = Preprocessing.from_json(_through_json(rules.as_json()))
    assert again.targets.names == rules.targets.names
    assert again.targets.mean.tobytes() == rules.targets.mean.tobytes()
    assert again.targets.scale.tobytes() == rules.targets.scale.tobytes()
    assert again.targets.bends.tobytes() == rules.targets.bends.tobytes()


def _through_json(value: object) -> object:

    return json.loads(json.dumps(value))


@pytest.mark.parametrize(
    "changed",
    [
        {"scale": [0.0]},
        {"mean": [1.0, 2.0]},
        {"names": []},
        {"names": [3]},
        {"scale": [np.inf]},
        {"bends": [0.0]},
    ],
)
def test_targets_that_make_no_sense_are_refused(changed):
    values = {"names": ["a"], "mean": [1.0], "scale": [2.0], "bends": [1.5], **changed}
    with pytest.raises((ValueError, TypeError)):
        Targets.from_json(values)


def test_a_preprocessing_has_classes_or_targets_but_not_both():
    numbers, classes = load_dataset((X, Y)).preprocessing, load_dataset("wine").preprocessing
    for values in (
        {**numbers.as_json(), "targets": None},
        {**numbers.as_json(), "class_names": ["a", "b"]},
        {**classes.as_json(), "targets": numbers.as_json()["targets"]},
    ):
        with pytest.raises(InputError, match="lacks class names or targets"):
            Preprocessing.from_json(_through_json(values))


def test_targets_and_weights_are_part_of_the_fingerprint():
    prints = [
        load_dataset(source).samples_sha256
        for source in ((X, Y), (X, Y + 1), (X, Y, WEIGHTS), (X, Y, WEIGHTS + 1))
    ]
    assert len({*prints}) == 4


def test_weights_have_mean_one_in_training_and_weigh_the_statistics():
    data = load_dataset((X, Y, WEIGHTS))
    assert data.weights[data.train].mean() == pytest.approx(1)
    np.testing.assert_allclose(data.weights / WEIGHTS, data.weights[0] / WEIGHTS[0], rtol=1e-6)
    mean = np.average(Y[data.train], axis=0, weights=WEIGHTS[data.train])
    np.testing.assert_allclose(data.preprocessing.targets.mean, mean)
    assert load_dataset((X, Y)).weights.tolist() == [1.0] * 200


def test_a_column_of_weights_is_no_feature(tmp_path):
    frame = pd.DataFrame(X, columns=list("abcd")).assign(y=Y[:, 0], w=WEIGHTS)
    frame.to_csv(tmp_path / "table.csv", index=False)
    data = load_dataset(tmp_path / "table.csv", target="y", weights="w")
    assert data.preprocessing.feature_names == ("a", "b", "c", "d")
    arrays = load_dataset((X, Y[:, 0], WEIGHTS))
    np.testing.assert_allclose(data.weights, arrays.weights, rtol=1e-6)


def test_an_npz_file_may_have_numbers_their_names_and_weights(tmp_path):
    path = tmp_path / "mine.npz"
    held = {"X_val": X[:50], "y_val": Y[:50], "weights_val": WEIGHTS[:50]}
    np.savez(path, X=X, y=Y, weights=WEIGHTS, target_names=["up", "down"], **held)
    data = load_dataset(path)
    assert data.preprocessing.targets.names == ("up", "down")
    assert data.weights.shape == (250,)
    assert data.validation.tolist() == list(range(200, 250))
    np.savez(path, X=X, y=np.arange(200) % 7)
    assert load_dataset(path).task == "classification"
    assert load_dataset(path, task="regression").targets.shape == (200, 1)


def test_a_data_set_can_be_judged_otherwise_without_being_loaded_again():
    data = load_dataset("wine")
    other = load_dataset(data, metric="log_loss", class_weight="balanced")
    assert (other.objective.metric, data.objective.metric) == ("log_loss", "accuracy")
    assert other.features is data.features or (other.features == data.features).all()
    assert load_dataset("wine", metric="log_loss").objective == other.objective
    with pytest.raises(InputError, match="has class weights already"):
        load_dataset(other, class_weight="balanced")
    with pytest.raises(InputError, match="wine is for classification, not for regression"):
        load_dataset(data, task="regression")
    with pytest.raises(InputError, match="wine is for classification, not for regression"):
        load_dataset("wine", task="regression")


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-WEIGHTS, "weights have -.* in row 0, expected finite numbers from 0"),
        (np.zeros(200), "weights are all zero"),
        (WEIGHTS[:-1], r"weights have shape \(199,\), expected \[200\]"),
        (np.full(200, np.nan), "weights have nan in row 0"),
        (np.full(200, np.inf), "weights have inf in row 0"),
        (["heavy"] * 200, "weights are no numbers"),
        (np.arange(200) == 0, "the weights of all (training|validation|test) samples are zero"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, message):
    with pytest.raises(InputError, match=message) as caught:
        load_dataset((X, Y, weights))
    assert "\n" not in str(caught.value)


def test_bends_are_robust_to_outliers():
    values = RNG.normal(size=(1000, 1)).astype(np.float32)
    plain = huber_bends(values)
    values[:50] = 1e3
    assert huber_bends(values) == pytest.approx(plain, rel=0.15)
    assert plain == pytest.approx(1.345, rel=0.1)
    assert huber_bends(np.r_[np.zeros((9, 1)), np.ones((1, 1))]) == pytest.approx(1.345)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((9, 1), 3.0), "target 'a' is 3 in all training samples"),
        (1e9 + RNG.normal(size=(9, 1)), "which float32 does not resolve: subtract what"),
    ],
)
def test_targets_that_cannot_be_standardised_are_refused(values, message):
    with pytest.raises(InputError, match=message):
        fit_targets(values, np.arange(9, dtype=np.int32), np.ones(9), ("a",))
