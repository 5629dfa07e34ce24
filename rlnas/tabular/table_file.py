"""The file of a table: an ``.npz`` file of arrays and a description, which may be a stranger's."""

import json
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from rlnas.data.npz import read_arrays, write_arrays
from rlnas.errors import InputError
from rlnas.files import typed
from rlnas.files.json_files import parse_json
from rlnas.files.reading import open_regular
from rlnas.frames.frame import MAX_FEATURES
from rlnas.tabular.grid import Grid

FORMAT = "rlnas-table-1"

ARRAYS = {
    "val_correct": np.uint16,
    "test_correct": np.uint16,
    "val_loss": np.float16,
    "test_loss": np.float16,
    "train_loss": np.float16,
    "active_weights": np.int32,
}
"""Names and types of the arrays of a table."""


class Description(TypedDict):
    """Everything in the file of a table but its arrays, as JSON values."""

    format: str
    dataset: str
    widths: tuple[int, ...]
    densities: tuple[float, ...]
    max_depth: int
    epochs: tuple[int, ...]
    n_inputs: int
    n_outputs: int
    n_validation: int
    n_test: int
    versions: dict[str, str]


class TableFields(TypedDict):
    """The fields of `rlnas.tabular.table.Table`."""

    dataset: str
    grid: Grid
    epochs: tuple[int, ...]
    n_inputs: int
    n_outputs: int
    n_validation: int
    n_test: int
    versions: dict[str, str]
    val_correct: NDArray[np.uint16]
    test_correct: NDArray[np.uint16]
    val_loss: NDArray[np.float16]
    test_loss: NDArray[np.float16]
    train_loss: NDArray[np.float16]
    active_weights: NDArray[np.int32]


def as_text(description: Description) -> str:
    """The description as it is in the file."""
    return json.dumps(description)


def write_table(
    path: str | Path, description: Description, arrays: dict[str, NDArray[Any]]
) -> None:
    """Write the file of a table, atomically.

    Args:
        path: Path of the file.
        description: Everything but the arrays.
        arrays: The arrays, named as in `ARRAYS`.

    Raises:
        InputError: If the file cannot be written.
    """
    write_arrays(path, {"about": np.array(as_text(description)), **arrays})


def read_table(path: Path) -> TableFields:
    """Read a table; its arrays are read-only.

    Raises:
        InputError: If the file cannot be read, or its content is no plausible table.
    """
    with open_regular(path) as stream:
        try:
            return _fields(read_arrays(stream, ("about", *ARRAYS)))
        except ValueError as error:
            raise InputError(
                f"{path} is damaged or no table of this version of rlnas ({error}): expected a "
                "file made by `rlnas benchmark build`"
            ) from None


def _fields(found: dict[str, NDArray[Any]]) -> TableFields:
    """The fields of a table from the arrays in its file.

    Raises:
        ValueError: If a value is implausible, or the values do not fit each other.
    """
    about = typed.mapping(parse_json(str(typed.take(found, "about"))))
    if about.get("format") != FORMAT:
        raise ValueError("another format")
    typed.fields(about, *Description.__annotations__)  # no other keys
    widths, densities = (tuple(typed.listed(about[name])) for name in ("widths", "densities"))
    grid = Grid(widths, densities, about["max_depth"])
    epochs = [typed.whole(epoch, 1) for epoch in typed.listed(about["epochs"])]
    if not epochs or epochs != sorted(set(epochs)):
        raise ValueError(f"epochs are {typed.shown(epochs)}, expected ascending numbers from 1")
    versions = typed.mapping(about["versions"])
    weights = typed.array(found, "active_weights", np.int32, (grid.size, -1), 1)
    n_seeds = weights.shape[1]
    if n_seeds == 0:
        raise ValueError("it has results of no seed")

    def array(name: str, high: float = np.inf) -> NDArray[Any]:
        shape = (grid.size, n_seeds, len(epochs))
        return _read_only(typed.array(found, name, ARRAYS[name], shape, 0, high))

    n_validation, n_test = (typed.whole(about[name], 1) for name in ("n_validation", "n_test"))
    return {
        "dataset": _text(about["dataset"]),
        "grid": grid,
        "epochs": tuple(epochs),
        "n_inputs": typed.whole(about["n_inputs"], 1, MAX_FEATURES),
        "n_outputs": typed.whole(about["n_outputs"], 1, MAX_FEATURES),
        "n_validation": n_validation,
        "n_test": n_test,
        "versions": {_text(name): _text(version) for name, version in versions.items()},
        "val_correct": array("val_correct", n_validation),
        "test_correct": array("test_correct", n_test),
        "val_loss": array("val_loss"),
        "test_loss": array("test_loss"),
        "train_loss": array("train_loss"),
        "active_weights": _read_only(weights),
    }


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise ValueError(f"expected a text that can be printed, found {typed.shown(value)}")
    return value


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
