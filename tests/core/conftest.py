"""Fixtures of the tests of the core."""

from dataclasses import replace
from pathlib import Path

import pytest

from rlnas.data import idx
from rlnas.tabular import builder
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table
from tests.core.tiny_idx import OTHER, SET


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """Tiny sets in place of the published ones, an empty cache, no folder of the system's."""
    other = replace(OTHER, name="fashion_mnist", title="Fashion-MNIST", npm_package=None)
    other = replace(other, folders=("fashion_mnist", "fashion-mnist"))
    monkeypatch.setattr(idx, "SETS", {"mnist": SET, "fashion_mnist": other})
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.delenv("RLNAS_DATA_DIR", raising=False)
    return tmp_path / "cache" / "rlnas"


@pytest.fixture(scope="session")
def tiny_build(tmp_path_factory) -> Path:
    """The folder in which `tiny_table` was built."""
    folder = tmp_path_factory.mktemp("tiny") / "digits"
    grid = Grid((8, 16), (0.25, 0.5), 2)
    builder.build_table("digits", folder, grid=grid, epochs=(2, 4), n_jobs=1, progress_bar=False)
    return folder


@pytest.fixture(scope="session")
def tiny_table(tiny_build) -> Table:
    """21 architectures, trained with 3 seeds on digits for 2 and for 4 epochs."""
    return Table.load(tiny_build / "table.npz")
