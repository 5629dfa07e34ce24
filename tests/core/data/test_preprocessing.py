"""Preprocessing: large offsets, pixels and tables, names, ranges far from those of training."""

import json

import numpy as np
import pytest

from rlnas.data.loading import load_dataset
from rlnas.data.preprocessing import Preprocessing, fit
from rlnas.data.raw_data import RawData
from rlnas.data.sources import read
from rlnas.errors import InputError
from tests.core.reference import within_training

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(5, 3, size=(200, 4))
Y = np.arange(200) % 3


def with_column(values: np.ndarray) -> np.ndarray:
    return np.column_stack([X, values])


# --- offsets ---


@pytest.mark.parametrize(
    "column",
    [
        1e8 + RANDOM.normal(size=200),
        1e8 + X[:, 1],
        20240100 + RANDOM.integers(1, 31, size=200),
        -(2.0**40) + RANDOM.integers(0, 50, size=200),
    ],
    ids=["1e8", "correlated", "dates of a month", "beyond float32"],
)
def test_columns_with_large_offsets_keep_their_differences(column):
    data = load_dataset((with_column(column), Y))
    found = data.standardize(np.arange(200))[:, 4]
    train = column[data.train]
    expected = (within_training(column, data.train) - train.mean()) / train.std()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_other_columns_have_no_offset():
    data = load_dataset((with_column(1e8 + RANDOM.normal(size=200)), Y))
    assert (data.preprocessing.offset != 0).tolist() == [False] * 4 + [True]
    assert not load_dataset("wine").preprocessing.offset.any()
    assert not load_dataset("breast_cancer").preprocessing.offset.any()


def test_column_with_too_small_variation_becomes_constant_with_warning(caplog):
    tiny = 1e-34 * RANDOM.normal(size=200)
    data = load_dataset((with_column(tiny), Y))
    assert np.abs(data.standardize(data.train)[:, 4]).max() < 1e-30
    assert "column 4 varies, but by too little for its size" in caplog.text


def test_constant_column_gives_no_warning(caplog):
    load_dataset((with_column(np.full(200, 0.1)), Y))
    assert caplog.text == ""


# --- pixels and tables ---


def mixed_bytes(columns: int) -> np.ndarray:
    """uint8 `[200, columns]`: the first half 0 or 1, the rest up to 255; the first tells y."""
    flags = RANDOM.integers(0, 2, (200, columns // 2))
    rest = RANDOM.integers(0, 256, (200, columns - columns // 2))
    return np.hstack([flags, rest]).astype(np.uint8)


def test_columns_of_uint8_table_are_scaled_separately():
    raw = mixed_bytes(11)
    data, as_floats = load_dataset((raw, Y)), load_dataset((raw.astype(float), Y))
    assert data.features.dtype == np.uint8
    assert not data.preprocessing.pixels
    rows = data.standardize(data.train)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-5)
    np.testing.assert_allclose(rows, as_floats.standardize(data.train), atol=1e-5)


@pytest.mark.parametrize(("columns", "pixels"), [(64, True), (784, True), (63, False), (49, False)])
def test_square_uint8_images_are_pixels(columns, pixels):
    assert load_dataset((mixed_bytes(columns), Y)).preprocessing.pixels is pixels


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, float])
def test_file_may_say_whether_its_features_are_pixels(tmp_path, pixels, dtype):
    np.savez(tmp_path / "a.npz", X=mixed_bytes(64).astype(dtype), y=Y, pixels=pixels)
    data = load_dataset(tmp_path / "a.npz")
    assert data.preprocessing.pixels is pixels
    assert (len(set(data.scale.tolist())) == 1) is pixels


# --- what belongs to a design ---


def test_preprocessing_survives_json_to_the_bit():
    raw = with_column(1e8 + RANDOM.normal(size=200)) / 3
    names = tuple("abcde")
    made, stored = fit(raw, np.arange(200, dtype=np.int32), None, ("no", "yes"), names)
    again = Preprocessing.from_json(json.loads(json.dumps(made.as_json())))
    assert (again.class_names, again.feature_names) == (("no", "yes"), names)
    for name in ("offset", "mean", "scale", "low", "high"):
        assert getattr(again, name).tobytes() == getattr(made, name).tobytes()
    assert again.stored(raw).tobytes() == stored.tobytes()


@pytest.mark.parametrize(
    ("raw", "whole"),
    [
        (X.round(), True),
        (mixed_bytes(4), True),
        (X, False),
        (np.vstack([X.round()[:-1], X[-1:]]), False),
    ],
)
def test_it_is_known_whether_all_features_are_whole_numbers(raw, whole):
    made, _ = fit(raw, np.arange(len(raw), dtype=np.int32), None, ("0", "1"), None)
    assert made.whole is whole
    assert Preprocessing.from_json(json.loads(json.dumps(made.as_json()))).whole is whole


def made_with_names(names: tuple[str, ...] | None) -> Preprocessing:
    return fit(X, np.arange(200, dtype=np.int32), None, ("0", "1"), names)[0]


def test_columns_in_another_order_are_refused_by_name():
    made = made_with_names(("a", "b", "c", "d"))
    with pytest.raises(InputError, match="in another order: column 1 is 'c', expected 'b'"):
        made.check_names(("a", "c", "b", "d"))
    with pytest.raises(InputError, match="column 3 is 'e', expected 'd'"):
        made.check_names(("a", "b", "c", "e"))


@pytest.mark.parametrize("names", [None, ("a", "b", "c", "d")])
def test_same_names_or_none_are_accepted(names):
    made_with_names(("a", "b", "c", "d")).check_names(names)
    made_with_names(None).check_names(("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("change", "far"),
    [
        (lambda x: x, []),
        (lambda x: x[:3], []),
        (lambda x: x + 0.5, []),
        (lambda x: x / 1000, [0, 1, 2, 3]),
        (lambda x: x * 1000, [0, 1, 2, 3]),
        (lambda x: x + np.array([0, 100, 0, 0]), [1]),
        (lambda x: x * [1, 1, 0, 1] + [0, 0, 5, 0], []),
    ],
    ids=["same", "few", "a little", "smaller units", "larger units", "shifted", "constant"],
)
def test_ranges_far_from_those_of_training_are_named(change, far):
    found = made_with_names(None).far_columns(change(X))
    assert [int(text.split()[1].rstrip(":")) for text in found] == far


def test_few_unusual_pixels_are_not_reported_as_far():
    raw = RANDOM.integers(0, 255, (200, 64)).astype(np.uint8)
    raw[:, :10] = 0
    data = load_dataset((raw, Y))
    other = raw.copy()
    other[:, 0] = 9
    assert data.preprocessing.far_columns(other) == []
    assert len(data.preprocessing.far_columns(raw / 1000)) == 64


# --- fingerprints ---


def test_samples_sha256_equals_manual_computation():
    from hashlib import sha256

    raw = read((X, Y))
    by_hand = sha256(X.astype("<f8").tobytes() + Y.astype("<i4").tobytes()).hexdigest()
    assert raw.sha256 == by_hand
    assert load_dataset((X, Y)).samples_sha256 == by_hand


@pytest.mark.parametrize(
    "changed",
    [(X[:, [1, 0, 2, 3]], Y), (X, (Y + 1) % 3), (np.nextafter(X, 9), Y), (X[::-1], Y[::-1])],
    ids=["columns", "labels", "a bit", "order"],
)
def test_other_samples_have_another_fingerprint(changed):
    assert load_dataset(changed).fingerprint != load_dataset((X, Y)).fingerprint


def test_other_split_of_same_samples_has_other_fingerprint():
    whole, given = read((X, Y)), RawData("given", {}, X, Y.astype(np.int32), n_test=40)
    assert whole.sha256 == given.sha256
    assert load_dataset(whole).fingerprint != load_dataset(given).fingerprint


def test_fingerprint_is_independent_of_name_and_path(tmp_path):
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", X=X, y=Y)
    first, second = (load_dataset(tmp_path / f"{name}.npz") for name in ("a", "b"))
    assert first.fingerprint == second.fingerprint == load_dataset((X, Y)).fingerprint


# --- bounds ---


def test_input_is_at_most_ten_standard_deviations_and_within_those_of_training():
    column = RANDOM.normal(size=200)
    column[load_dataset((X, Y)).train[0]] = 1e6  # 11 standard deviations: the rest is near 0
    data = load_dataset((with_column(column), Y))
    found = data.standardize(np.arange(200))
    np.testing.assert_allclose(found[:, 4].max(), 10, rtol=1e-6)
    low, high = data.preprocessing.bounds
    np.testing.assert_array_equal(found[data.train].min(axis=0), low)
    np.testing.assert_array_equal(found[data.train].max(axis=0), high)
    assert (found >= low).all()
    assert (found <= high).all()


def test_pixels_share_one_range():
    data = load_dataset("digits")
    assert set(data.preprocessing.low) == {0}
    assert set(data.preprocessing.high) == {16}


def test_rare_value_of_bytes_is_kept():
    flags = np.zeros((400, 3), np.uint8)
    flags[:2, 0] = flags[::2, 1] = 1
    flags[:, 2] = np.arange(400) % 200
    every = np.arange(400, dtype=np.int32)
    rules, stored = fit(flags, every, None, ("a", "b"), None)
    np.testing.assert_array_equal(stored, flags)
    assert rules.bounds[1, 0] > 10  # a byte has no value between 0 and 1
