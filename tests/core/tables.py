"""Tables for tests: one of random results in no time, and what changes a file on disk."""

import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table

SMALL_GRID = Grid((4, 8, 16), (0.25, 0.5), 2)
"""1 + 6 + 36 architectures."""

ARRAYS = ("val_correct", "test_correct", "val_loss", "test_loss", "train_loss", "active_weights")


def random_table(
    grid: Grid = SMALL_GRID,
    seed: int = 0,
    n_seeds: int = 3,
    epochs: tuple[int, ...] = (1, 4),
    n_validation: int = 40,
) -> Table:
    """Results that nobody trained; so few validation samples that many accuracies are equal."""
    rng = np.random.default_rng(seed)
    shape = (len(grid.architectures), n_seeds, len(epochs))
    n_test = n_validation + 7

    def losses() -> np.ndarray:
        return rng.uniform(0, 3, shape).astype(np.float16)

    return Table(
        dataset="random",
        grid=grid,
        epochs=epochs,
        n_inputs=6,
        n_outputs=3,
        n_validation=n_validation,
        n_test=n_test,
        val_correct=rng.integers(0, n_validation, shape, endpoint=True).astype(np.uint16),
        test_correct=rng.integers(0, n_test, shape, endpoint=True).astype(np.uint16),
        val_loss=losses(),
        test_loss=losses(),
        train_loss=losses(),
        active_weights=rng.integers(12, 900, shape[:2]).astype(np.int32),
        versions={"nobody": "0"},
    )


def shipped_file(name: str) -> Path:
    """Where the table of a data set is in the package, if it is."""
    return Path(str(files("rlnas.tabular") / "data" / name / "table.npz"))


def members(path: Path) -> dict[str, np.ndarray]:
    """Everything in a table's file."""
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def with_about(entries: dict[str, np.ndarray], **changes: Any) -> dict[str, np.ndarray]:
    """The same members with other settings."""
    about = json.loads(str(entries["about"])) | changes
    return entries | {"about": np.array(json.dumps(about))}


def npz(entries: dict[str, Any]) -> bytes:
    """A file of these members."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **entries)
    return stream.getvalue()


def contents(table: Table) -> dict[str, Any]:
    """What a table holds, in a form in which `==` means the same bits."""
    arrays = {
        name: (array.dtype.str, array.shape, array.tobytes())
        for name, array in ((name, getattr(table, name)) for name in ARRAYS)
    }
    settings = (
        *(table.dataset, table.grid, table.epochs, table.n_inputs, table.n_outputs),
        *(table.n_validation, table.n_test, table.versions),
    )
    return {"settings": settings, **arrays}
