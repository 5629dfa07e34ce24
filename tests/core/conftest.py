"""Fixtures of the tests of the core."""

from dataclasses import replace
from pathlib import Path

import pytest

from rlnas import idx
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
