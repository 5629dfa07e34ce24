"""Data sets: load, check, split, standardise.

The names in `NAMES` are scikit-learn's copies of three UCI data sets (digits: Alpaydin and Kaynak;
wine: Aeberhard and Forina; breast_cancer: Wolberg, Street and Mangasarian), and MNIST and
Fashion-MNIST, whose sources `rlnas.idx` gives. Any other data come as arrays or an ``.npz`` file.
"""

import difflib
import logging
import os
import zlib
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rlnas import idx
from rlnas.checks import checked_pair, count_classes
from rlnas.errors import InputError

_EMBEDDED = ("digits", "wine", "breast_cancer")
NAMES: tuple[str, ...] = (*_EMBEDDED, *idx.SETS)
"""The data sets that `load` knows by name."""

MIN_TRAIN_SAMPLES = 32
"""The smallest batch that training may be left with: fewer training samples are refused."""

_log = logging.getLogger("rlnas")

_SPLIT_SEED = 0
_FARTHEST = 1e15  # standardised values up to here have finite squares and sums of squares
_SMALLEST_STD = 1e-30  # below, a feature counts as constant: 1/std would near float32's limit


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples of all splits in one array, and which of them belong to which split.

    The splits are index arrays, so that compiled loops can gather and standardise in one pass
    over uncopied raw data. Every array is read-only, also after pickling into another process.

    Attributes:
        name: What it is called in tables and file names.
        features: [samples, n_features], C-contiguous uint8 or float32, raw values.
        labels: [samples] int32, from 0 to `n_classes` - 1.
        train: [n_train] int32 indices into `features`, in shuffled order.
        validation: [n_validation] int32 indices, in shuffled order.
        test: [n_test] int32 indices; a given test set keeps its order.
        mean: [n_features] float32, of the training samples.
        scale: [n_features] float32, of the training samples, positive and finite.
        n_classes: Number of classes.
    """

    name: str
    features: NDArray[Any]
    labels: NDArray[np.int32]
    train: NDArray[np.int32]
    validation: NDArray[np.int32]
    test: NDArray[np.int32]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    n_classes: int

    @property
    def n_features(self) -> int:
        """Number of values per sample."""
        return int(self.features.shape[1])

    def standardise(self, indices: NDArray[Any]) -> NDArray[np.float32]:
        """Gather samples as ``(raw - mean) * scale``.

        Args:
            indices: [n] integer indices into `features`.

        Returns:
            [n, n_features] float32.
        """
        rows = self.features[indices].astype(np.float32)
        rows -= self.mean
        rows *= self.scale
        return rows

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                view = value.view()  # so that the caller's own array stays as it was
                view.flags.writeable = False
                object.__setattr__(self, field.name, view)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # unpickled arrays are writeable


Source = str | os.PathLike[str] | tuple[ArrayLike, ArrayLike] | Dataset
"""What `load` takes."""


def load(
    source: Source,
    *,
    data_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load, check, split and standardise a data set.

    The splits are the same in every run and independent of any other seed. They are stratified by
    class: 60 % train, 20 % validation, 20 % test. Given test data (``X_test``, ``y_test``) are the
    test set, and a quarter of the rest is for validation. MNIST and Fashion-MNIST keep their
    official test set; 10,000 of the official 60,000 training images are for validation. Where
    stratifying is impossible, because a class has one sample or there are more classes than places
    in a split, that split is drawn without regard to class, so that rare classes never prevent
    loading; a class may then have no sample in some split.

    uint8 features stay uint8 (digits is stored so); every other numeric type becomes float32.
    Standardisation subtracts each feature's training mean, then divides: float32 features by their
    own standard deviation, since they may have different units, and a constant one by 1, so that
    it becomes 0; uint8 features, taken for pixels of one unit, all by their pooled standard
    deviation about those means, so that pixels that are hardly ever on are not blown up.

    Arrays are copied. A named data set is loaded once in a process and shared from then on.

    Args:
        source: One of `NAMES`; the path of an ``.npz`` file with arrays ``X`` and ``y`` and, if
            wanted, ``X_test`` and ``y_test``; a tuple ``(X, y)`` with X [samples, features] and y
            [samples] whole numbers from 0; or a `Dataset`, which is returned as it is.
        data_dir: Where to look first for MNIST and Fashion-MNIST, see `rlnas.idx.read`.

    Returns:
        The data set.

    Raises:
        InputError: If the source is unknown, its file is missing or damaged, X is not a non-empty
            two-dimensional numeric array of finite values, y does not number at least two classes
            from 0 without gaps, the two differ in length, or fewer than `MIN_TRAIN_SAMPLES`
            samples are left for training.
    """
    if isinstance(source, Dataset):
        return source
    if isinstance(source, tuple) and len(source) == 2:
        return _build("arrays", *source)
    if isinstance(source, str | os.PathLike):
        text = os.fspath(source)
        if text in NAMES:
            if data_dir is None or text in _EMBEDDED:
                return _load_named(text, None)
            return _load_named(text, Path(data_dir).expanduser().resolve())
        if text.endswith(".npz"):
            return _read_npz(Path(text).expanduser())
        close = difflib.get_close_matches(text.lower().replace("-", "_"), NAMES, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise InputError(
            f"unknown data set {text!r}{hint}: expected {', '.join(NAMES)}, or the path of an "
            ".npz file"
        )
    raise InputError(
        f"cannot load a data set from {type(source).__name__}: expected a name, the path of an "
        ".npz file, a tuple (X, y) or a Dataset"
    )


def places(data_dir: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Where each named data set comes from on this computer, or how to get it.

    Args:
        data_dir: As for `load`.
    """
    found = dict.fromkeys(_EMBEDDED, "embedded in scikit-learn")
    for name in idx.SETS:
        try:
            found[name] = str(idx.find(idx.SETS[name], data_dir))
        except InputError:
            found[name] = f"not on this computer: run `rlnas data fetch {name}`"
    return found


@lru_cache(maxsize=8)
def _load_named(name: str, data_dir: Path | None) -> Dataset:
    if name in idx.SETS:
        images, labels, test_images, test_labels = idx.read(name, data_dir)
        return _build(name, images, labels, test_images, test_labels, len(images) // 6)
    import sklearn.datasets  # here, since its import takes 1 s

    features, labels = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return _build(name, features.astype(np.uint8) if name == "digits" else features, labels)


def _read_npz(path: Path) -> Dataset:
    names = ("X", "y", "X_test", "y_test")
    try:
        with path.open("rb") as stream:
            file = np.load(stream, allow_pickle=False)
            held = getattr(file, "files", ())  # a lone array, as in an .npy file, has no names
            arrays = {name: file[name] for name in names if name in held}
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path") from None
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, BadZipFile, zlib.error) as e:
        raise InputError(f"{path} is damaged or no .npz file of plain arrays: {e}") from None
    wanted = names if "X_test" in arrays or "y_test" in arrays else names[:2]
    if absent := [name for name in wanted if name not in arrays]:
        rule = "save X and y, and both or none of X_test and y_test"
        raise InputError(f"{path} has no array {absent[0]}: {rule}")
    return _build(path.stem, *(arrays[name] for name in wanted))


def _build(
    name: str,
    x: ArrayLike,
    y: ArrayLike,
    x_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    n_validation: int | None = None,
) -> Dataset:
    """Check everything, then split and measure."""
    features, labels = checked_pair(x, y, "")
    n_given, n_classes = len(labels), count_classes(labels)
    if x_test is not None and y_test is not None:
        test_features, test_labels = checked_pair(x_test, y_test, "_test")
        widths = features.shape[1], test_features.shape[1]
        if widths[0] != widths[1]:
            raise InputError(f"X has {widths[0]} columns but X_test {widths[1]}: give both alike")
        if (largest := test_labels.max()) >= n_classes:
            raise InputError(f"y_test has class {largest} but y has none: give every class in y")
        features = np.concatenate([features, test_features])
        labels = np.concatenate([labels, test_labels])
    else:
        features, labels = features.copy(), labels.copy()
    train, validation, test = _split(labels, n_given, n_validation)
    mean, scale = _standardisation(features, train)
    return Dataset(name, features, labels, train, validation, test, mean, scale, n_classes)


def _split(
    labels: NDArray[np.int32], n_given: int, n_validation: int | None
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Train, validation and test indices; samples from `n_given` on are a test set already."""
    rows = np.arange(len(labels), dtype=np.int32)
    rest, test = rows[:n_given], rows[n_given:]
    n_test = 0 if len(test) else round(n_given / 5)
    if n_validation is None:
        n_validation = round(n_given / 4) if len(test) else n_test
    n_train = n_given - n_test - n_validation
    if n_train < MIN_TRAIN_SAMPLES:
        raise InputError(
            f"{n_train} of {n_given} samples would be left for training, fewer than the smallest "
            f"batch of {MIN_TRAIN_SAMPLES}: give more samples"
        )
    if n_test:
        rest, test = _hold_out(rest, labels, n_test)
    train, validation = _hold_out(rest, labels, n_validation)
    return train, validation, test


def _hold_out(
    rows: NDArray[np.int32], labels: NDArray[np.int32], size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Shuffle `rows` into all but `size` and `size` of them, stratified if that is possible.

    The outcome is that of scikit-learn's `train_test_split`, which takes 1 s to import.
    """
    rng = np.random.RandomState(_SPLIT_SEED)
    present, strata, counts = np.unique(labels[rows], return_inverse=True, return_counts=True)
    possible = counts.min() >= 2 and len(present) <= min(size, len(rows) - size)
    if not possible:
        _log.warning("a split of %d samples is not stratified: some classes are too rare", size)
        order = rng.permutation(len(rows))
        return rows[order[size:]], rows[order[:size]]
    keep = _apportion(counts, len(rows) - size, rng)
    hold = _apportion(counts - keep, size, rng)
    kept, held = [], []
    classes = np.split(np.argsort(strata, kind="stable"), np.cumsum(counts)[:-1])
    for members, first, second in zip(classes, keep, hold, strict=True):
        shuffled = members[rng.permutation(len(members))]
        kept.append(shuffled[:first])
        held.append(shuffled[first : first + second])
    kept_order, held_order = (rng.permutation(np.concatenate(part)) for part in (kept, held))
    return rows[kept_order], rows[held_order]


def _apportion(counts: NDArray[np.intp], size: int, rng: np.random.RandomState) -> NDArray[np.intp]:
    """Shares of classes in a sample: rounded down, the largest remainders up, ties at random."""
    exact = counts / counts.sum() * size
    shares = np.floor(exact).astype(int)
    remainders = exact - shares
    missing = size - shares.sum()
    for remainder in np.unique(remainders)[::-1]:
        if missing > 0:
            tied = np.flatnonzero(remainders == remainder)
            chosen = rng.choice(tied, size=min(len(tied), missing), replace=False)
            shares[chosen] += 1
            missing -= len(chosen)
    return shares


def _standardisation(
    features: NDArray[Any], train: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and scale of every feature, by the rule in `load`."""
    mean, variance = _moments(features, train)
    if features.dtype == np.uint8:
        variance = np.full_like(variance, variance.mean())
    std = np.sqrt(variance)
    scale = 1 / np.where(std < _SMALLEST_STD, 1.0, std)
    reach = np.maximum(features.max(axis=0) - mean, mean - features.min(axis=0)) * scale
    if reach.max() > _FARTHEST:
        raise InputError(
            f"column {reach.argmax()} of X has a value {reach.max():.0e} standard deviations from "
            "its training mean: remove or rescale such outliers"
        )
    return mean.astype(np.float32), scale.astype(np.float32)


def _moments(
    features: NDArray[Any], rows: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each feature's mean and variance over `rows`, in float64, a few rows in memory at a time."""
    chunks = np.array_split(rows, len(rows) // 1024 + 1)
    zeros = np.zeros(features.shape[1])
    mean = sum((features[c].sum(axis=0, dtype=np.float64) for c in chunks), zeros) / len(rows)
    squares = sum((np.square(features[c] - mean).sum(axis=0) for c in chunks), zeros)
    return mean, squares / len(rows)
