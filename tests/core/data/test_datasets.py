"""Data sets: what load gives, how it splits and standardises, what it refuses."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from rlnas.data import idx, loading, splits as splitting
from rlnas.data.collections.catalogue import COLLECTIONS
from rlnas.data.dataset import Dataset
from rlnas.data.generated.families import FAMILIES, HELD_OUT_FAMILY, TRAINING_FAMILY
from rlnas.data.loading import load_dataset, load_datasets, locations
from rlnas.data.sources import NAMES
from rlnas.data.splits import MIN_TRAIN_SAMPLES
from rlnas.errors import InputError
from rlnas.frames.frame import MAX_FEATURES
from tests.core.reference import within_training
from tests.core.tiny_idx import store

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(5, 3, size=(100, 4)).astype(np.float32)
Y = np.arange(100) % 3


def splits(data: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return data.train, data.validation, data.test


def with_value(array: np.ndarray, where, value, dtype=None) -> np.ndarray:
    changed = array.astype(dtype or array.dtype)
    changed[where] = value
    return changed


# --- what load gives ---


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "n_classes"),
    [
        ("digits", (1797, 64), np.uint8, 10),
        ("wine", (178, 13), np.float32, 3),
        ("breast_cancer", (569, 30), np.float32, 2),
    ],
)
def test_embedded_data_sets_load(name, shape, dtype, n_classes):
    data = load_dataset(name)
    assert data.name == name
    assert data.features.shape == shape
    assert data.n_features == shape[1]
    assert data.features.dtype == dtype
    assert data.features.flags.c_contiguous
    assert data.labels.dtype == np.int32
    assert {indices.dtype for indices in splits(data)} == {np.dtype(np.int32)}
    assert data.n_classes == n_classes
    assert data.mean.dtype == data.scale.dtype == np.float32


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_idx_data_sets_keep_the_official_test_set_and_hold_out_10_000(real_data_dir, name):
    data = load_dataset(name, data_dir=real_data_dir)
    assert data.features.shape == (70_000, 784)
    assert data.features.dtype == np.uint8
    assert [len(s) for s in splits(data)] == [50_000, 10_000, 10_000]
    np.testing.assert_array_equal(data.test, np.arange(60_000, 70_000))
    assert max(data.train.max(), data.validation.max()) < 60_000
    official, held_out = data.labels[:60_000], data.labels[data.validation]
    assert np.abs(np.bincount(held_out) - np.bincount(official) / 6).max() < 1
    np.testing.assert_array_equal(data.labels[data.test], idx.read(name, real_data_dir)[3])


def test_usps_keeps_the_official_test_set_and_holds_out_a_sixth():
    try:
        idx.find(idx.SETS["usps"], None)
    except InputError as error:
        pytest.skip(str(error))
    data = load_dataset("usps")
    assert data.features.shape == (9298, 256)
    assert data.features.dtype == np.uint8
    assert [len(s) for s in splits(data)] == [6076, 1215, 2007]
    np.testing.assert_array_equal(data.test, np.arange(7291, 9298))
    published = [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]  # zip.info.txt
    published_test = [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]
    assert np.bincount(data.labels[:7291]).tolist() == published
    assert np.bincount(data.labels[data.test]).tolist() == published_test


def test_named_data_set_is_shared_and_read_only(real_data_dir):
    assert load_dataset("digits") is load_dataset("digits", data_dir="anywhere")
    assert load_dataset("mnist", data_dir=real_data_dir) is load_dataset(
        "mnist", data_dir=f"{real_data_dir}/"
    )
    with pytest.raises(ValueError, match="read-only"):
        load_dataset("digits").features[0, 0] = 1


def test_arrays_stay_read_only_in_another_process():
    data = pickle.loads(pickle.dumps(load_dataset("wine")))
    arrays = (data.features, data.labels, *splits(data), data.mean, data.scale)
    assert not any(array.flags.writeable for array in arrays)


def test_data_set_is_returned_as_it_is():
    data = load_dataset("wine")
    assert load_dataset(data) is data


def test_given_arrays_are_copied_and_left_writeable():
    x, y = X.copy(), Y.astype(np.int32)
    data = load_dataset((x, y))
    x[:], y[:] = 0, 0
    np.testing.assert_array_equal(data.features, within_training(X, data.train))
    np.testing.assert_array_equal(data.labels, Y)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float16, np.float64, ">f4"])
def test_numbers_other_than_uint8_become_float32(dtype):
    assert load_dataset((X.astype(dtype), Y)).features.dtype == np.float32


def test_uint8_stays_uint8_and_lists_and_any_memory_layout_are_accepted():
    pixels = np.asfortranarray(np.clip(X * 9, 0, 255).astype(np.uint8))
    data = load_dataset((pixels[::-1], Y.tolist()))
    assert data.features.dtype == np.uint8
    assert data.features.flags.c_contiguous
    assert load_dataset((X.tolist(), Y)).n_features == 4


@pytest.mark.parametrize(
    "labels", [Y.astype(float), Y.astype(np.float16), Y.astype(np.uint8), Y > 0]
)
def test_whole_numbers_of_any_type_are_accepted_as_labels(labels):
    np.testing.assert_array_equal(load_dataset((X, labels)).labels, labels.astype(np.int32))


CLASSES = {
    "texts": (np.array(["red", "green", "blue"])[Y], ("blue", "green", "red")),
    "objects": (np.array(["red", "green", "blue"], object)[Y], ("blue", "green", "red")),
    "a list of texts": (["abc"[k] for k in Y], ("a", "b", "c")),
    "booleans": (Y > 0, ("False", "True")),
    "numbers from 1": (Y + 1, ("1", "2", "3")),
    "negative numbers": (Y - 1, ("-1", "0", "1")),
    "gaps": (np.array([100, 3, 20])[Y], ("3", "20", "100")),
    "huge numbers": (np.where(Y > 0, 2**40, 0), ("0", "1099511627776")),
    "numbers as texts": (np.array(["10", "9", "-1"])[Y], ("-1", "9", "10")),
    "one column": (np.array(["x", "y", "z"])[Y][:, None], ("x", "y", "z")),
}


@pytest.mark.parametrize("form", CLASSES)
def test_classes_of_any_kind_are_numbered_in_order_and_keep_their_names(form):
    given, names = CLASSES[form]
    data = load_dataset((X, given))
    assert data.preprocessing.class_names == names
    found = [names[label] for label in data.labels]
    assert found == [str(value) for value in np.asarray(given).ravel().tolist()]
    np.testing.assert_array_equal(data.features, within_training(X, data.train))


def test_npz_files_load_as_their_arrays_do(tmp_path):
    np.savez(tmp_path / "mine.npz", X=X, y=Y)
    data = load_dataset(tmp_path / "mine.npz")
    same = load_dataset((X, Y))
    assert data.name == "mine"
    np.testing.assert_array_equal(data.features, same.features)
    np.testing.assert_array_equal(data.train, same.train)
    assert load_dataset(str(tmp_path / "mine.npz")).n_classes == 3


def test_npz_test_arrays_are_the_test_set(tmp_path):
    np.savez_compressed(tmp_path / "mine.npz", X=X[:80], y=Y[:80], X_test=X[80:], y_test=Y[80:])
    data = load_dataset(tmp_path / "mine.npz")
    np.testing.assert_array_equal(data.test, np.arange(80, 100))
    np.testing.assert_array_equal(data.features, within_training(X, data.train))
    assert [len(s) for s in splits(data)] == [60, 20, 20]


def test_npz_validation_arrays_are_the_validation_samples(tmp_path):
    parts = {"X": X[:70], "y": Y[:70], "X_val": X[70:], "y_val": Y[70:]}
    np.savez(tmp_path / "mine.npz", **parts)
    data = load_dataset(tmp_path / "mine.npz")
    np.testing.assert_array_equal(data.validation, np.arange(70, 100))
    assert [len(s) for s in splits(data)] == [56, 30, 14]
    assert np.concatenate([data.train, data.test]).max() < 70


def test_npz_with_validation_and_test_arrays_uses_all_others_for_training(tmp_path):
    parts = {"X": X[:60], "y": Y[:60], "X_val": X[60:80], "y_val": Y[60:80]}
    np.savez(tmp_path / "mine.npz", **parts, X_test=X[80:], y_test=Y[80:])
    for rows, expected in zip(
        splits(load_dataset(tmp_path / "mine.npz")), np.split(np.arange(100), [60, 80]), strict=True
    ):
        np.testing.assert_array_equal(rows, expected)


def test_unused_arrays_of_npz_file_are_named_in_warning(tmp_path, caplog):
    np.savez(tmp_path / "mine.npz", X=X, y=Y, X_valid=X, labels=Y)
    load_dataset(tmp_path / "mine.npz")
    assert "arrays 'X_valid', 'labels' are not used" in caplog.text


def test_names_of_features_and_classes_come_with_the_data(tmp_path):
    features, classes = ("a", "b", "c", "d"), ("bad", "good", "ugly")
    np.savez(tmp_path / "mine.npz", X=X, y=Y, feature_names=features, class_names=classes)
    found = load_dataset(tmp_path / "mine.npz").preprocessing
    assert (found.feature_names, found.class_names) == (features, classes)
    assert load_dataset("wine").preprocessing.feature_names[:2] == ("alcohol", "malic_acid")
    assert load_dataset("breast_cancer").preprocessing.class_names == ("malignant", "benign")
    assert load_dataset((X, Y)).preprocessing.class_names == ("0", "1", "2")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"feature_names": ("a", "b")}, "feature_names of .*bad.npz is <U1 .* expected 4 texts"),
        ({"class_names": (1, 2, 3)}, "class_names of .*bad.npz is int64 .* expected 3 texts"),
        ({"pixels": 3}, "array pixels of .*bad.npz is 3: expected True or False"),
    ],
)
def test_inconsistent_npz_metadata_is_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", X=X, y=Y, **arrays)
    with pytest.raises(InputError, match=message):
        load_dataset(tmp_path / "bad.npz")


def test_different_data_with_same_name_get_distinct_names(tmp_path):
    for folder, x in (("A", X), ("B", X + 1)):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "data.npz", X=x, y=Y)
    paths = [tmp_path / folder / "data.npz" for folder in ("A", "B", "A")]
    found = load_datasets(list(paths))
    assert found[0].name == found[2].name == f"data-{load_dataset(paths[0]).fingerprint[:8]}"
    assert found[1].name == f"data-{load_dataset(paths[1]).fingerprint[:8]}"
    assert names_of(load_datasets([paths[0], paths[2], "wine"])) == ["data", "data", "wine"]


# --- splits ---


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer"])
def test_splits_are_60_20_20_disjoint_complete_and_stratified(name):
    data = load_dataset(name)
    np.testing.assert_array_equal(
        np.sort(np.concatenate(splits(data))), np.arange(len(data.labels))
    )
    counts = np.bincount(data.labels)
    for indices, share in zip(splits(data), (0.6, 0.2, 0.2), strict=True):
        assert len(indices) == pytest.approx(share * len(data.labels), abs=1)
        assert np.abs(np.bincount(data.labels[indices]) - share * counts).max() < 2


def test_splits_do_not_depend_on_the_global_seed():
    np.random.seed(1)  # noqa: NPY002
    first = load_dataset((X, Y))
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(first.train, load_dataset((X, Y)).train)


def test_splits_of_digits_never_change():
    data = load_dataset("digits")
    assert [indices[:3].tolist() for indices in splits(data)] == [
        [1526, 169, 722],
        [1665, 1669, 484],
        [188, 1758, 977],
    ]


def test_sample_that_is_alone_in_its_class_is_for_training(caplog):
    data = load_dataset((X, with_value(Y, 0, 3)))
    assert data.n_classes == 4
    assert [len(s) for s in splits(data)] == [60, 20, 20]
    assert 0 in data.train
    assert "single sample" in caplog.text


def test_more_classes_than_samples_in_split_can_be_loaded():
    assert load_dataset((X, np.arange(100) % 30)).n_classes == 30


# --- several data sets ---


def names_of(found: list[Dataset]) -> list[str]:
    return [data.name for data in found]


@pytest.mark.parametrize(
    ("name", "members"), [("mixed", TRAINING_FAMILY), ("mixed_held_out", HELD_OUT_FAMILY)]
)
def test_family_name_expands_to_its_members_in_order(name, members):
    found = load_datasets(name)
    assert names_of(found) == list(members)
    assert all(data is load_dataset(member) for data, member in zip(found, members, strict=True))
    assert [id(data) for data in load_datasets([name])] == [id(data) for data in found]


def test_families_share_no_task():
    members = [member for family in FAMILIES.values() for member in family]
    assert len(set(members)) == len(members)
    assert not set(FAMILIES) & set(NAMES)  # a name means one thing


def test_families_and_data_sets_may_stand_in_one_list(tmp_path):
    np.savez(tmp_path / "mine.npz", X=X, y=Y)
    ours = load_dataset((X, Y))
    found = load_datasets(["wine", "mixed_held_out", (X, Y), ours, tmp_path / "mine.npz", "wine"])
    assert names_of(found) == ["wine", *HELD_OUT_FAMILY, "arrays", "arrays", "mine", "wine"]
    assert found[-3] is ours
    assert found[0] is found[-1] is load_dataset("wine")


@pytest.mark.parametrize("source", ["digits", "synthetic:3", (X, Y)])
def test_single_data_set_is_a_list_of_one(source):
    (found,) = load_datasets(source)
    truth = load_dataset(source)
    assert found.name == truth.name
    np.testing.assert_array_equal(found.features, truth.features)
    for ours, theirs in zip(splits(found), splits(truth), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_data_dir_applies_to_every_data_set_of_a_list(cache, tmp_path, monkeypatch):
    folders = []

    def spy(name: str, folder: object) -> Dataset:
        folders.append((name, folder))
        return load_dataset((X, Y))

    monkeypatch.setattr(loading, "_load_named", spy)
    load_datasets(["mnist", "fashion_mnist"], tmp_path)
    assert folders == [("mnist", tmp_path), ("fashion_mnist", tmp_path)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([], "no data set: expected at least one"),
        (
            "family",
            "unknown data set 'family': .* where tasks are drawn, one of mixed, varied, "
            "images, mixed_held_out too",
        ),
        (["wine", "winee"], r"unknown data set 'winee' \(did you mean wine"),
        (["mixed_held_out", "mixed_"], "unknown data set 'mixed_'"),
        ([("wine",)], "cannot load a data set from tuple"),
        ([["wine"]], "cannot load a data set from list"),
        (None, "cannot load a data set from NoneType"),
    ],
)
def test_unknown_data_set_or_family_is_refused(source, message):
    with pytest.raises(InputError, match=message):
        load_datasets(source)


@pytest.mark.parametrize("name", FAMILIES)
def test_load_dataset_refuses_family_name(name):
    with pytest.raises(InputError, match=f"unknown data set '{name}'.*where tasks are drawn"):
        load_dataset(name)


# --- standardisation ---


def test_float_features_have_mean_0_and_deviation_1_on_training_samples():
    data = load_dataset((X * [1, 100, 1e-3, 1e6] + [0, 1, 2, 3], Y))
    rows = data.standardize(data.train)
    assert rows.dtype == np.float32
    assert rows.shape == (60, 4)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(rows.std(axis=0), 1, rtol=1e-5)


def test_only_training_samples_are_measured():
    data = load_dataset((X, Y))
    np.testing.assert_allclose(data.mean, X[data.train].mean(axis=0), rtol=1e-5)
    changed = with_value(X, np.concatenate([data.validation, data.test]), 77)
    np.testing.assert_array_equal(load_dataset((changed, Y)).scale, data.scale)


@pytest.mark.parametrize("constant", [0, 0.1, -1234.567, 1e30])
def test_constant_features_become_exactly_zero(constant):
    data = load_dataset((with_value(X, (slice(None), 1), constant), Y))
    assert data.scale[1] == 1
    assert not data.standardize(data.train)[:, 1].any()


def test_pixels_share_one_scale():
    pixels = RANDOM.integers(0, 256, size=(100, 64), dtype=np.uint8)
    pixels[:, 0] = 0
    pixels[load_dataset((pixels, Y)).train[0], 0] = 1
    data = load_dataset((pixels, Y))
    rows = data.standardize(data.train)
    assert len(set(data.scale.tolist())) == 1
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    assert rows.var(axis=0).mean() == pytest.approx(1, rel=1e-5)
    assert np.abs(rows[:, 0]).max() < 0.02


def test_constant_pixels_become_0():
    data = load_dataset((np.full((100, 64), 200, np.uint8), Y))
    assert data.scale.tolist() == [1] * 64
    assert not data.standardize(data.train).any()


def test_standardize_follows_the_indices():
    data = load_dataset("digits")
    rows = data.standardize(np.array([5, 2, 5]))
    np.testing.assert_array_equal(rows[0], rows[2])
    np.testing.assert_array_equal(rows[1], (data.features[2] - data.mean) * data.scale)


# --- what load refuses ---


def test_unknown_name_is_refused_with_known_names_and_closest_one():
    with pytest.raises(InputError, match="did you mean fashion_mnist") as caught:
        load_dataset("Fashion-MNST")
    assert all(name in str(caught.value) for name in NAMES)
    with pytest.raises(InputError, match=r"unknown data set 'zzz': expected digits"):
        load_dataset("zzz")


@pytest.mark.parametrize("source", [None, 3, (X,), (X, Y, None, Y), X])
def test_source_of_another_type_is_refused(source):
    with pytest.raises(InputError, match=r"expected a name, the path of a table or an .npz file"):
        load_dataset(source)


FEWEST = next(n for n in range(1, 100) if n - 2 * round(n / 5) >= MIN_TRAIN_SAMPLES)

BAD_ARRAYS = {
    "infinity": (with_value(X, (9, 0), -np.inf), Y, "X has 1 values .* row 9, column 0"),
    "overflow": (with_value(X, (9, 0), 1e300, float), Y, "beyond float32.* row 9, column 0"),
    "complex": (X.astype(complex), Y, "complex"),
    "ragged": ([[1, 2], [3]], [0, 1], "ragged"),
    "one dimension": (X[:, 0], Y, r"X has shape \(100,\), expected \[samples, features\]"),
    "images": (X.reshape(100, 2, 2), Y, r"X.reshape\(len\(X\), -1\)"),
    "no samples": (X[:0], Y[:0], "is empty"),
    "no features": (X[:, :0], Y, r"X is empty \(shape \(100, 0\)\)"),
    "lengths": (X, Y[:-1], "X has 100 samples but y 99 labels"),
    "NaN label": (X, with_value(Y, 4, np.nan, float), "y, row 4 has no class: fill it in"),
    "two NaN labels": (X, with_value(Y, [4, 9], np.nan, float), "y, row 4 and 1 more has no class"),
    "one-hot labels": (X, np.eye(3)[Y], "one-hot classes are: give one column of classes"),
    "one class": (X, Y * 0, "y has only one class"),
    "few samples": (X[: FEWEST - 1], Y[: FEWEST - 1] % 2, f"of {FEWEST - 1} samples would be left"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_refused_in_one_clear_line(case):
    x, y, message = BAD_ARRAYS[case]
    with pytest.raises(InputError, match=message) as caught:
        load_dataset((x, y))
    assert "\n" not in str(caught.value)


def test_smallest_data_set_leaves_as_few_for_training_as_are_allowed():
    few = (X[:FEWEST], np.arange(FEWEST) % 2)
    assert len(load_dataset(few).train) == MIN_TRAIN_SAMPLES


def test_gaps_and_texts_in_an_array_make_it_a_table():
    gaps = with_value(X, ([7, 3], [1, 2]), np.nan)
    found = load_dataset((gaps, Y))
    assert found.preprocessing.encoding is not None
    assert np.isfinite(found.features).all()
    texts = load_dataset((X.astype(str), Y))
    np.testing.assert_array_equal(texts.features, load_dataset((X, Y)).features)


def test_value_beyond_those_of_training_counts_as_the_last_one():
    usual = load_dataset((X, Y))
    outside_training = usual.validation[0]
    far = load_dataset((with_value(X, (outside_training, 2), 1e30), Y))
    assert far.features[outside_training, 2] == usual.features[usual.train, 2].max()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": X}, "has no array y: save X and y"),
        ({"features": X, "labels": Y}, "has no array X"),
        ({"X": X, "y": Y, "X_test": X}, "has no array y_test"),
        ({"X": X, "y": Y, "y_test": Y}, "has no array X_test"),
        ({"X": X, "y": Y, "X_test": X[:, :3], "y_test": Y}, "X has 4 columns but X_test 3"),
        ({"X": X, "y": Y, "X_test": X, "y_test": Y + 1}, "y_test has class 3 but y has none"),
        ({"X": X, "y": Y, "X_test": X, "y_test": Y[1:]}, "X_test has 100 samples but y_test 99"),
        ({"X": X, "y": Y, "X_test": X * np.nan, "y_test": Y}, "X_test has 400 values"),
        ({"X": X, "y": Y, "X_test": X[:0], "y_test": Y[:0]}, "X_test is empty"),
        ({"X": X.astype(object), "y": Y}, "has an array of Python objects: save arrays of num"),
    ],
)
def test_bad_arrays_in_an_npz_file_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=message):
        load_dataset(tmp_path / "bad.npz")


def test_missing_npz_file_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"absent.npz does not exist"):
        load_dataset(tmp_path / "absent.npz")


def test_damaged_npz_file_is_reported(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, X=X, y=Y)
    whole = path.read_bytes()
    flipped = whole[:400] + bytes([whole[400] ^ 1]) + whole[401:]
    for content in (b"", whole[:-30], whole[:200], flipped, b"text", pickle.dumps(X)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"is damaged or no .npz file"):
            load_dataset(path)


def test_npy_file_named_npz_is_reported(tmp_path):
    with (tmp_path / "mine.npz").open("wb") as stream:
        np.save(stream, X)
    with pytest.raises(InputError, match="has no array X"):
        load_dataset(tmp_path / "mine.npz")


def test_pipe_in_place_of_a_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(InputError, match=r"pipe.npz is a pipe or a device: expected a file"):
        load_dataset(tmp_path / "pipe.npz")


@pytest.mark.parametrize("name", ["x" * 5000 + ".npz", "~nobody-of-this-name/x.npz"])
def test_path_that_no_system_knows_is_reported(name):
    with pytest.raises(InputError, match="does not exist"):
        load_dataset(name)


def test_member_that_is_no_array_is_reported(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, X=X)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("y.npy", b"no array")
    with pytest.raises(InputError, match=r"no .npz file of plain arrays: .* no array"):
        load_dataset(path)


def test_too_many_features_are_refused():
    wide = np.zeros((40, MAX_FEATURES + 1), np.uint8)
    with pytest.raises(InputError, match=r"X has 1,048,577 features, expected at most 1,048,576"):
        load_dataset((wide, np.arange(40) % 2))


def test_different_data_sets_with_same_name_get_distinct_names(tmp_path):
    paths = [tmp_path / folder / "data.npz" for folder in ("A", "B", "C")]
    for path, shift in zip(paths, (0, 1, 0), strict=True):
        path.parent.mkdir()
        np.savez(path, X=X + shift, y=Y)
    a, b, again, wine = load_datasets([*paths, "wine"])
    assert (a.name, b.name) == (f"data-{a.fingerprint[:8]}", f"data-{b.fingerprint[:8]}")
    assert a.name == again.name != b.name
    assert wine.name == "wine"
    assert [each.name for each in load_datasets([paths[0], paths[2]])] == ["data", "data"]


def test_missing_mnist_files_are_reported_and_not_cached(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache"))
    monkeypatch.delenv("RLNAS_DATA_DIR", raising=False)
    for _ in range(2):
        with pytest.raises(InputError, match="`rlnas data fetch mnist`"):
            load_dataset("mnist", data_dir=tmp_path)


def test_importing_the_module_is_light():
    heavy = "{'sklearn', 'scipy', 'pooch', 'requests', 'platformdirs', 'torch', 'numba'}"
    code = f"import sys, rlnas.data.loading; sys.exit(str({heavy} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_places_list_location_or_fetch_command_of_each_data_set(cache, tmp_path):
    folder = store(tmp_path / "data" / "mnist")
    assert locations(tmp_path / "data") == {
        "digits": "embedded in scikit-learn",
        "wine": "embedded in scikit-learn",
        "breast_cancer": "embedded in scikit-learn",
        "mnist": str(folder),
        "fashion_mnist": "not on this computer: run `rlnas data fetch fashion_mnist`",
        "keel": "not on this computer: run `rlnas data fetch keel`",
        "uci": "not on this computer: run `rlnas data fetch uci`",
    }
    for name, collection in COLLECTIONS.items():
        files = {table.file_name: b"" for table in collection.tables.values()}
        store(tmp_path / "data" / name, files)
        assert locations(tmp_path / "data")[name] == str(tmp_path / "data" / name)


@pytest.mark.parametrize("seed", range(40))
def test_split_equals_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(60, 400)), int(rng.integers(2, 12))
    labels = rng.integers(classes, size=n) if seed % 2 else np.arange(n) * classes // n
    labels = np.concatenate([labels, np.repeat(np.arange(classes), 2)]).astype(np.int32)
    rows = rng.permutation(len(labels)).astype(np.int32)[: len(labels) - seed % 3]
    size = int(rng.integers(classes, len(rows) // 2))
    stratified = np.unique(labels[rows], return_counts=True)[1].min() >= 2
    truth = train_test_split(
        rows, test_size=size, random_state=0, stratify=labels[rows] if stratified else None
    )
    found = splitting._hold_out(rows, labels, size)
    for ours, theirs in zip(found, truth, strict=True):
        np.testing.assert_array_equal(ours, theirs)
