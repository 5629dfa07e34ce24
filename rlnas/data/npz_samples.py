"""Samples in an `.npz` file: arrays X and y, perhaps with weights, names, and others for tests."""

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.target import Truth, of_classes, task_of, truth_like, truth_of
from rlnas.data.arrays import as_columns, check_features, check_pair, place_in
from rlnas.data.npz import names_of, read_arrays
from rlnas.data.raw_data import RawData, check_lengths, of_truth, weighted
from rlnas.errors import InputError
from rlnas.files.reading import open_regular
from rlnas.objective import Task

_log = logging.getLogger("rlnas")

_SPLITS = ("", "_val", "_test")
_ABOUT = ("feature_names", "class_names", "target_names", "pixels")
_WEIGHTS = "weights"


def read_npz(text: str, task: Task | None) -> RawData:
    """Read samples from an `.npz` file, see `rlnas.data.sources.read`.

    Args:
        text: The path of the file.
        task: The task; None if the array y decides.

    Raises:
        InputError: If the file cannot be read, lacks an array, or a value cannot be used.
    """
    path = Path(os.path.expanduser(text))
    arrays = _arrays(path)
    given = [suffix for suffix in _SPLITS if {f"X{suffix}", f"y{suffix}"} & set(arrays)]
    letters = ("X", "y", _WEIGHTS) if any(_WEIGHTS + s in arrays for s in _SPLITS) else ("X", "y")
    wanted = [f"{letter}{suffix}" for suffix in ["", *given] for letter in letters]
    if absent := [name for name in wanted if name not in arrays]:
        rule = "save X and y, and both or none of X_val and y_val, and of X_test and y_test"
        raise InputError(f"{path} has no array {absent[0]}: {rule}")
    parts: list[tuple[NDArray[Any], Truth]] = []
    for s in given:
        features = check_features(arrays[f"X{s}"], f"X{s}")
        if parts and features.shape[1] != parts[0][0].shape[1]:
            raise InputError(
                f"X has {parts[0][0].shape[1]} columns but X{s} {features.shape[1]}: give all alike"
            )
        first = parts[0][1] if parts else None
        parts.append((features, _truth_of_array(features, arrays[f"y{s}"], s, task, first)))
    sizes = {s: len(features) for s, (features, _) in zip(given, parts, strict=True)}
    whole = replace(
        parts[0][1],
        labels=np.concatenate([truth.labels for _, truth in parts]),
        values=np.concatenate([truth.values for _, truth in parts]),
    )
    made = RawData(
        path.stem,
        {"path": text, "absolute": str(path.resolve())},
        np.concatenate([features for features, _ in parts]),
        whole.labels,
        sizes.get("_val", 0),
        sizes.get("_test", 0),
        **{**of_truth(whole), "class_names": None},
    )
    if _WEIGHTS in letters:
        made = weighted(made, np.concatenate([arrays[f"{_WEIGHTS}{s}"] for s in given]))
    return _with_metadata(made, arrays, path)


def _truth_of_array(
    x: NDArray[Any], y: NDArray[Any], suffix: str, task: Task | None, first: Truth | None
) -> Truth:
    """Classes that are numbered from 0, or numbers to predict, of an array in a file.

    Args:
        x: The samples.
        y: The array.
        suffix: Suffix of the names X and y in messages.
        task: The task; None if the array decides.
        first: What is to be learned by the first array; None for that one.

    Raises:
        InputError: If a value cannot be used, or the array does not suit the first one.
    """
    name, several = f"y{suffix}", y.ndim == 2 and y.shape[1] > 1
    if first is not None:
        task = first.task
    elif task is None and not several:
        may_be_numbers = y.dtype.kind == "f" and task_of(y.ravel())[0] == "regression"
        task = None if may_be_numbers else "classification"
    if task == "classification":
        labels = check_pair(x, y, suffix)[1]
        if first is not None and (largest := labels.max()) > first.labels.max():
            raise InputError(f"{name} has class {largest} but y has none: give every class in y")
        return of_classes(labels, ())
    columns = as_columns(y)
    check_lengths(len(x), len(next(iter(columns.values()))))
    if first is not None:
        return truth_like(columns, first, lambda _: place_in(name))
    return truth_of(columns, task, lambda each: each, place_in)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The known arrays of an `.npz` file; a warning names the others."""
    known = {f"{name}{suffix}" for suffix in _SPLITS for name in ("X", "y", _WEIGHTS)} | {*_ABOUT}
    if not os.path.exists(path):  # false for a name that is too long, too
        raise InputError(f"{path} does not exist: check the path")
    with open_regular(path) as stream:
        try:
            arrays = read_arrays(stream, sorted(known))
        except ValueError as error:
            if str(error).startswith("Object arrays"):
                advice = "save arrays of numbers, such as X.astype(float)"
                raise InputError(f"{path} has an array of Python objects: {advice}") from None
            why = "it is something else" if "pickled" in str(error) else error
            raise InputError(f"{path} is damaged or no .npz file of plain arrays: {why}") from None
        if arrays and (unknown := sorted(set(names_of(stream)) - known)):
            _log.warning("%s: arrays %s are not used", path, ", ".join(map(repr, unknown)))
    return arrays


def _with_metadata(data: RawData, arrays: dict[str, NDArray[Any]], path: Path) -> RawData:
    """The data with the names of features and classes, and `pixels`, from its file."""
    facts: dict[str, Any] = {}
    counts = {"feature_names": data.features.shape[1]}
    if data.targets is None:
        counts["class_names"] = int(data.labels.max()) + 1
    else:
        counts["target_names"] = data.targets.shape[1]
    for name, count in counts.items():
        if name not in arrays:
            continue
        names = arrays[name]
        if names.dtype.kind != "U" or names.shape != (count,):
            raise InputError(
                f"array {name} of {path} is {names.dtype} {names.shape}: expected {count} texts"
            )
        facts[name] = tuple(names.tolist())
    if "pixels" in arrays:
        pixels = arrays["pixels"]
        if pixels.shape != () or pixels.dtype != bool:
            raise InputError(f"array pixels of {path} is {pixels}: expected True or False")
        facts["pixels"] = bool(pixels)
    return replace(data, **facts)
